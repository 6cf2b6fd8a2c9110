//! What is written is read, and what others wrote.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::file::Samples;

const ALL: [Encoding; 8] = [
    Encoding::Pcm8,
    Encoding::Pcm16,
    Encoding::Pcm24,
    Encoding::Pcm32,
    Encoding::Float32,
    Encoding::Float64,
    Encoding::Alaw,
    Encoding::Mulaw,
];

fn written(format: Format, samples: &[i16]) -> Vec<u8> {
    let mut writer = WavWriter::create(Cursor::new(Vec::new()), format).unwrap();
    for piece in samples.chunks(160 * usize::from(format.channels)) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn blocks(file: &[u8]) -> Vec<i16> {
    let mut reader = WavReader::open(Cursor::new(file)).unwrap();
    let channels = usize::from(reader.format().channels);
    let mut out = vec![0; (reader.len().unwrap() as usize + 5) * channels];
    let count = reader.read_blocks(&mut out).unwrap();
    out.truncate(count * channels);
    out
}

fn noise(count: usize) -> Vec<i16> {
    (0..count as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as i16).collect()
}

#[test]
fn every_encoding_gives_back_what_it_can_hold() {
    for encoding in ALL {
        for channels in [1, 2] {
            let format = Format { encoding, channels, rate: 8_000 };
            let samples = noise(2 * 8_000 + 6);
            let file = written(format, &samples);
            assert_eq!(file.len() % 2, 0);
            assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
            let heard = blocks(&file);
            assert_eq!(heard.len(), samples.len(), "{encoding:?}");
            for (said, heard) in samples.iter().zip(heard) {
                let expected = match encoding {
                    Encoding::Pcm8 => *said & !0xff,
                    Encoding::Alaw => g711::from_alaw(g711::to_alaw(*said)),
                    Encoding::Mulaw => g711::from_mulaw(g711::to_mulaw(*said)),
                    _ => *said,
                };
                assert_eq!(heard, expected, "{encoding:?}");
            }
        }
    }
}

#[test]
fn a_stereo_file_is_heard_as_the_mean_of_both() {
    let file = written(Format { encoding: Encoding::Pcm16, channels: 2, rate: 16_000 }, &[100, 300, -8, -4, 7, 7]);
    let mut reader = WavReader::open(Cursor::new(file)).unwrap();
    let mut out = [0; 5];
    assert_eq!((reader.read(&mut out).unwrap(), &out[..3]), (3, &[200, -6, 7][..]));
    reader.seek(1).unwrap();
    assert_eq!((reader.read(&mut out[..1]).unwrap(), out[0]), (1, -6));
    reader.seek(99).unwrap();
    assert_eq!(reader.read(&mut out).unwrap(), 0);
}

#[test]
fn a_crash_costs_a_second_at_most_and_the_header_is_true_all_along() {
    let format = Format { encoding: Encoding::Mulaw, channels: 2, rate: 8_000 };
    let mut writer = WavWriter::create(Cursor::new(Vec::new()), format).unwrap();
    for frame in 1..=500_usize {
        writer.write(&noise(320)).unwrap();
        let crashed = writer.inner.get_ref();
        let reader = WavReader::open(Cursor::new(&crashed[..])).unwrap();
        let said = frame * 160;
        let kept = reader.len().unwrap() as usize;
        assert!(kept <= said && kept + 8_000 > said, "{kept} of {said}");
        assert_eq!(u32::from_le_bytes(crashed[54..58].try_into().unwrap()) as usize, 2 * kept);
    }
}

#[test]
fn sizes_that_were_never_filled_in_and_files_cut_short_are_read_as_far_as_they_go() {
    let mut file = written(Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 }, &noise(100));
    for size in [0_u32, 0xffff_ffff, 0x7fff_ffff] {
        file[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(blocks(&file), noise(100));
    }
    assert_eq!(blocks(&file[..44 + 51]), noise(25));
    assert_eq!(blocks(&file[..44]), noise(0));
}

#[test]
fn chunks_of_others_are_passed_over() {
    let file = written(Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 }, &noise(10));
    let mut other = file[..12].to_vec();
    other.extend_from_slice(b"JUNK\x03\0\0\0abc\0");
    other.extend_from_slice(&file[12..36]);
    other.extend_from_slice(b"LIST\x04\0\0\0abcd");
    other.extend_from_slice(&file[36..]);
    other.extend_from_slice(b"LIST\x04\0\0\0abcd");
    assert_eq!(blocks(&other), noise(10));
}

#[test]
fn what_is_not_read_is_said() {
    let mut file = written(Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 }, &[]);
    assert!(matches!(WavReader::open(Cursor::new(&file[..30])), Err(WavError::Io(_))));
    assert!(matches!(WavReader::open(Cursor::new(&file[..36])), Err(WavError::NoSound)));
    assert!(matches!(WavReader::open(Cursor::new(b"OggS")), Err(WavError::NotWav)));
    file[20] = 0x31;
    let error = WavReader::open(Cursor::new(&file[..])).unwrap_err();
    assert!(matches!(error, WavError::Format { tag: 0x31, bits: 16, channels: 1, rate: 8_000 }));
    assert!(error.to_string().contains("format 49"));
    assert!(
        WavWriter::create(Cursor::new(Vec::new()), Format { encoding: Encoding::Pcm8, channels: 0, rate: 8_000 })
            .is_err()
    );
}

proptest! {
    #[test]
    fn no_octets_break_the_reader(mut file in proptest::collection::vec(any::<u8>(), 0..200), place in 0_usize..60, value: u8) {
        let mut good = written(Format { encoding: Encoding::Alaw, channels: 2, rate: 8_000 }, &noise(64));
        good[place] = value;
        file.splice(0..0, *b"RIFF\0\0\0\0WAVE");
        for octets in [&good, &file] {
            if let Ok(mut reader) = WavReader::open(Cursor::new(&octets[..])) {
                let mut out = [0; 64];
                let most = reader.len().unwrap();
                let mut total = 0;
                loop {
                    let count = reader.read(&mut out).unwrap();
                    total += count as u64;
                    if count == 0 { break }
                }
                prop_assert!(total <= most && total <= octets.len() as u64);
            }
        }
    }
}
