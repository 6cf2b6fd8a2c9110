//! What is written is read; a crash costs a second; what is broken ends.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::dsp::level::{dbov, power};
use crate::dsp::oscillator::Oscillator;
use crate::file::Samples;

fn sine(rate: u32, hertz: f64, count: usize) -> Vec<i16> {
    let mut sine = Oscillator::new(hertz, rate);
    (0..count).map(|_| (8_000.0 * sine.sample()) as i16).collect()
}

fn written(channels: u8, rate: u32, samples: &[i16]) -> Vec<u8> {
    let mut writer = OpusWriter::create(Cursor::new(Vec::new()), channels, rate, 77).unwrap();
    for piece in samples.chunks(333 * usize::from(channels)) {
        writer.write(piece).unwrap();
    }
    assert_eq!(writer.len(), (samples.len() / usize::from(channels)) as u64);
    writer.finish().unwrap().into_inner()
}

fn read(reader: &mut OpusReader<Cursor<&[u8]>>) -> Vec<i16> {
    let (mut heard, mut out) = (Vec::new(), [0; 700]);
    loop {
        match reader.read(&mut out).unwrap() {
            0 => return heard,
            count => heard.extend_from_slice(&out[..count]),
        }
    }
}

fn error(heard: &[i16], expected: &[i16]) -> f32 {
    let off: Vec<i16> = heard.iter().zip(expected).map(|(a, b)| a.saturating_sub(*b)).collect();
    dbov(power(&off))
}

/// Correlation: of a sine of 440 Hz that is a fifth of a millisecond late it is 0.85.
fn likeness(heard: &[i16], expected: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    product(heard, expected) / (product(heard, heard) * product(expected, expected)).sqrt()
}

#[test]
fn what_is_written_is_read_to_the_sample_whole_and_in_time() {
    for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
        for count in [1, 159, rate as usize / 50, 2 * rate as usize + 77] {
            let file = written(1, rate, &sine(rate, 440.0, count));
            let mut reader = OpusReader::open(Cursor::new(&file[..])).unwrap();
            let expected = sine(RATE, 440.0, count * (RATE / rate) as usize);
            assert_eq!(reader.len(), Some(expected.len() as u64), "{rate}, {count}");
            let heard = read(&mut reader);
            assert_eq!(heard.len(), expected.len(), "{rate}, {count}");
            if count > rate as usize {
                let middle = 4_800..heard.len() - 4_800;
                let alike = likeness(&heard[middle.clone()], &expected[middle]);
                assert!(alike > 0.9, "{rate}: {alike}");
            }
        }
    }
}

#[test]
fn after_seeking_the_sound_is_that_of_the_place() {
    // A tone that rises every tenth of a second.
    let said: Vec<i16> = (0..30).flat_map(|n| sine(16_000, 300.0 + 50.0 * f64::from(n), 1_600)).collect();
    let file = written(1, 16_000, &said);
    let mut reader = OpusReader::open(Cursor::new(&file[..])).unwrap();
    let whole = read(&mut reader);
    for place in [100_000_usize, 0, 50_000, 143_990] {
        reader.seek(place as u64).unwrap();
        let heard = read(&mut reader);
        assert_eq!(heard.len(), whole.len() - place);
        assert!(error(&heard, &whole[place..]) < -50.0, "{place}: {}", error(&heard, &whole[place..]));
    }
    reader.seek(1 << 40).unwrap();
    assert_eq!(read(&mut reader), []);
}

#[test]
fn both_channels_are_heard_as_one() {
    let left = sine(48_000, 440.0, 48_000);
    let both: Vec<i16> = left.iter().flat_map(|sample| [*sample, *sample]).collect();
    let file = written(2, 48_000, &both);
    let mut reader = OpusReader::open(Cursor::new(&file[..])).unwrap();
    assert_eq!(reader.channels(), 2);
    let heard = read(&mut reader);
    let alike = likeness(&heard[4_800..43_200], &left[4_800..43_200]);
    assert!(alike > 0.9, "{alike}");
}

#[test]
fn a_crash_costs_a_second_and_what_is_there_is_whole() {
    let mut writer = OpusWriter::create(Cursor::new(Vec::new()), 1, 8_000, 1).unwrap();
    let said = sine(8_000, 440.0, 8_000 * 5);
    let mut lengths = Vec::new();
    for (number, frame) in said.chunks(160).enumerate() {
        writer.write(frame).unwrap();
        let crashed = writer.inner().get_ref();
        let mut reader = OpusReader::open(Cursor::new(&crashed[..])).unwrap();
        let kept = read(&mut reader).len() as u64 + u64::from(writer.pre_skip());
        let taken = (number as u64 + 1) * 960;
        assert!(kept <= taken + 960 && kept + 48_000 + 960 >= taken, "{kept} of {taken}");
        lengths.push(crashed.len());
    }
    lengths.dedup();
    assert!(lengths.len() <= 6, "a page a second: {lengths:?}");
}

#[test]
fn a_file_cut_off_anywhere_is_read_as_far_as_it_goes() {
    let file = written(1, 16_000, &sine(16_000, 440.0, 40_000));
    for end in (0..file.len()).step_by(97) {
        match OpusReader::open(Cursor::new(&file[..end])) {
            Ok(mut reader) => assert!(read(&mut reader).len() <= 120_000),
            Err(error) => assert!(matches!(error, OpusError::NotOpus), "{end}: {error}"),
        }
    }
}

/// A file that was gone on with, each time for a second with a tone, at a rate and with a number of channels.
fn chained(parts: &[(f64, u32, u8)]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut before = 0;
    for (number, (hertz, rate, channels)) in parts.iter().enumerate() {
        let serial = 77 + number as u32;
        let mut writer = if number == 0 {
            OpusWriter::create(file, *channels, *rate, serial).unwrap()
        } else {
            OpusWriter::append(file, *channels, *rate, serial).unwrap()
        };
        assert_eq!(writer.len(), before * u64::from(*rate));
        for sample in sine(*rate, *hertz, *rate as usize) {
            writer.write(&[sample, sample][..usize::from(*channels)]).unwrap();
        }
        before += 1;
        assert_eq!(writer.len(), before * u64::from(*rate));
        file = writer.finish().unwrap();
    }
    file.into_inner()
}

#[test]
fn what_was_gone_on_with_is_heard_as_one() {
    let parts = [(440.0, 16_000, 1), (700.0, 8_000, 1), (1_000.0, 48_000, 2), (550.0, 16_000, 1)];
    let file = chained(&parts);
    let mut reader = OpusReader::open(Cursor::new(&file[..])).unwrap();
    assert_eq!(reader.len(), Some(4 * 48_000));
    let heard = read(&mut reader);
    assert_eq!(heard.len(), 4 * 48_000);
    for (second, (hertz, ..)) in heard.chunks_exact(48_000).zip(parts) {
        // In it the tone is sought by its two phases, for the coder's delay turns it a little.
        let cosine = sine(RATE, hertz, 48_000 + 48_000 / hertz as usize);
        let middle = 9_600..38_400;
        let quarter = (12_000.0 / hertz) as usize;
        let (a, b) = (likeness(&second[middle.clone()], &cosine[middle.clone()]), {
            likeness(&second[middle.clone()], &cosine[middle.start + quarter..middle.end + quarter])
        });
        assert!(a.hypot(b) > 0.9, "{hertz}: {a} {b}");
    }
    for place in [0_usize, 47_999, 48_000, 100_000, 180_000] {
        reader.seek(place as u64).unwrap();
        let again = read(&mut reader);
        assert_eq!(again.len(), heard.len() - place);
        assert!(error(&again, &heard[place..]) < -50.0, "{place}: {}", error(&again, &heard[place..]));
    }
}

#[test]
fn what_a_crash_left_is_gone_on_with_after_its_last_whole_page() {
    let first = written(1, 16_000, &sine(16_000, 440.0, 40_000));
    for cut in (200..first.len()).step_by(173) {
        let mut file = Cursor::new(first[..cut].to_vec());
        let whole = whole(&mut file).unwrap();
        assert!(whole > 0 && whole <= cut as u64);
        file.get_mut().truncate(whole as usize);
        let there = OpusReader::open(&mut file).unwrap().len().unwrap();
        let mut writer = OpusWriter::append(file, 1, 16_000, 78).unwrap();
        writer.write(&sine(16_000, 700.0, 16_000)).unwrap();
        assert_eq!(writer.len(), there / 3 + 16_000);
        let file = writer.finish().unwrap().into_inner();
        let mut reader = OpusReader::open(Cursor::new(&file[..])).unwrap();
        assert_eq!((reader.len(), read(&mut reader).len() as u64), (Some(there + 48_000), there + 48_000), "{cut}");
    }
}

#[test]
fn what_is_no_opus_is_not_gone_on_with_nor_heard() {
    for octets in [&b""[..], b"RIFF\0\0\0\0WAVEfmt and so on, and OggS\0 in it somewhere"] {
        assert_eq!(whole(&mut Cursor::new(octets)).unwrap(), 0);
        assert!(matches!(OpusWriter::append(Cursor::new(octets.to_vec()), 1, 8_000, 1), Err(OpusError::NotOpus)));
    }
    // A stream of something else between two of Opus.
    let (one, other) =
        (written(1, 8_000, &sine(8_000, 440.0, 8_000)), chained(&[(440.0, 8_000, 1), (700.0, 8_000, 1)]));
    let mut pages = ogg::PacketWriter::new(one.clone());
    for number in 0..3 {
        let end = if number < 2 { ogg::PacketWriteEndInfo::EndPage } else { ogg::PacketWriteEndInfo::EndStream };
        pages.write_packet(vec![number; 9], 5, end, 0).unwrap();
    }
    let mut file = pages.into_inner();
    file.extend(&other[one.len()..]);
    let mut reader = OpusReader::open(Cursor::new(&file[..])).unwrap();
    assert_eq!(read(&mut reader).len(), 96_000);
}

#[test]
fn packets_without_sound_are_passed_over() {
    let file = written(1, 16_000, &sine(16_000, 440.0, 3_200));
    let mut packets = ogg::PacketReader::new(Cursor::new(&file[..]));
    let mut pages = ogg::PacketWriter::new(Vec::new());
    while let Some(packet) = packets.read_packet().unwrap() {
        let (last, position) = (packet.last_in_stream(), packet.absgp_page());
        let info = if last { ogg::PacketWriteEndInfo::EndStream } else { ogg::PacketWriteEndInfo::EndPage };
        pages.write_packet(Vec::new(), 77, ogg::PacketWriteEndInfo::NormalPacket, position).unwrap();
        pages.write_packet(packet.data, 77, info, position).unwrap();
    }
    let with_empty = pages.into_inner();
    let mut reader = OpusReader::open(Cursor::new(&with_empty[..])).unwrap();
    assert!(read(&mut reader).len() <= 9_600);
}

#[test]
fn what_is_not_read_or_written_is_said() {
    let create = |channels, rate| OpusWriter::create(Vec::new(), channels, rate, 1).unwrap_err().to_string();
    assert_eq!(create(3, 48_000), "Opus has no 3 channels at 48000 Hz");
    assert_eq!(create(1, 44_100), "Opus has no 1 channels at 44100 Hz");
    let open = |octets: &[u8]| OpusReader::open(Cursor::new(octets.to_vec())).unwrap_err().to_string();
    assert_eq!(open(b""), "not Opus in Ogg");
    assert_eq!(open(b"RIFF\0\0\0\0WAVEfmt and so on, long enough for a page"), "not Opus in Ogg");
    let head = Head { channels: 2, pre_skip: 312, rate: 48_000, gain: -256 };
    assert_eq!(Head::parse(&head.to_bytes()).unwrap(), head);
    let surround = Head { channels: 6, ..head }.to_bytes();
    assert_eq!(Head::parse(&surround).unwrap_err().to_string(), "Opus of 6 channels is not read");
    assert!(matches!(Head::parse(&head.to_bytes()[..18]), Err(OpusError::NotOpus)));
}

proptest! {
    #[test]
    fn no_octets_break_the_reader(chain: bool, places in proptest::collection::vec((0_usize..2_000, any::<u8>()), 1..20)) {
        let mut file = if chain { chained(&[(440.0, 8_000, 1), (440.0, 8_000, 1)]) } else { written(1, 8_000, &sine(8_000, 440.0, 3_000)) };
        for (place, value) in places {
            let place = place % file.len();
            file[place] = value;
        }
        if let Ok(mut reader) = OpusReader::open(Cursor::new(&file[..])) {
            let mut out = [0; 960];
            let mut total = 0;
            while let Ok(count @ 1..) = reader.read(&mut out) {
                total += count;
            }
            prop_assert!(total <= file.len() * LONGEST_A_OCTET);
        }
    }
}

/// A packet of one octet may be 120 ms.
const LONGEST_A_OCTET: usize = 5_760;
