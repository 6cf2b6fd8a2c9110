//! Sound files judged by programs of other people: sox. A test whose program is not installed says so and
//! judges nothing; `tools/strangers` lists what is missing.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod programs;

use std::io::Cursor;

use cordboard_media::file::Samples;
use cordboard_media::file::wav::{Encoding, Format, WavReader, WavWriter};
use programs::{run, samples};

fn sound(channels: usize) -> Vec<i16> {
    (0..8_000_i32)
        .flat_map(|n| (0..channels as i32).map(move |c| ((n * 37 + c * 911) % 20_000 - 10_000) as i16))
        .collect()
}

/// Samples as programs take them: 16 bits, little endian.
fn raw(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

#[test]
fn sox_reads_what_we_write_and_we_read_what_sox_writes() {
    let cases = [
        (Encoding::Pcm16, "signed-integer", "16"),
        (Encoding::Pcm24, "signed-integer", "24"),
        (Encoding::Pcm32, "signed-integer", "32"),
        (Encoding::Float32, "floating-point", "32"),
        (Encoding::Mulaw, "mu-law", "8"),
        (Encoding::Alaw, "a-law", "8"),
    ];
    for (encoding, name, bits) in cases {
        for channels in [1_u16, 2] {
            let format = Format { encoding, channels, rate: 16_000 };
            let said = sound(channels.into());
            let mut writer = WavWriter::create(Cursor::new(Vec::new()), format).unwrap();
            writer.write(&said).unwrap();
            let ours = writer.finish().unwrap().into_inner();
            let count = channels.to_string();
            let source = ["-D", "-t", "s16", "-r", "16000", "-c", &count, "-"];
            let target = ["-e", name, "-b", bits, "-t", "wav", "-"];
            let Some(theirs) = run("sox", &[&source[..], &target[..]].concat(), &raw(&said)) else { return };
            for file in [&ours, &theirs] {
                let heard = run("sox", &["-D", "-t", "wav", "-", "-t", "s16", "-"], file).unwrap();
                let mut reader = WavReader::open(Cursor::new(&file[..])).unwrap();
                assert_eq!(reader.format(), format);
                let mut out = vec![0; said.len() + 100];
                let blocks = reader.read_blocks(&mut out).unwrap();
                assert_eq!(blocks, 8_000);
                out.truncate(blocks * usize::from(channels));
                assert!(raw(&out) == heard, "{encoding:?}, {channels} channels: we hear something else than sox");
                let off = out.iter().zip(&said).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
                assert!(off <= Some(if encoding.octets() > 1 { 0 } else { 300 }), "{encoding:?}: {off:?}");
            }
        }
    }
}

#[test]
fn a_file_sox_resampled_and_ours_sound_alike() {
    let step = std::f64::consts::TAU * 1_000.0 / 44_100.0;
    let said: Vec<i16> = (0..44_100).map(|n| (9_000.0 * (step * f64::from(n)).sin()) as i16).collect();
    let convert = ["-D", "-t", "s16", "-r", "44100", "-c", "1", "-", "-t", "s16", "-r", "8000", "-"];
    let Some(theirs) = run("sox", &convert, &raw(&said)) else { return };
    let theirs = samples(&theirs);
    let wav = run("sox", &["-D", "-t", "s16", "-r", "44100", "-c", "1", "-", "-t", "wav", "-"], &raw(&said)).unwrap();
    let mut ours = cordboard_media::file::AtRate::new(WavReader::open(Cursor::new(wav)).unwrap(), 8_000).unwrap();
    let mut out = vec![0; theirs.len()];
    let count = ours.read(&mut out).unwrap();
    assert!(count.abs_diff(theirs.len()) <= 2, "{count} and {}", theirs.len());
    for n in 100..count - 100 {
        assert!((i32::from(out[n]) - i32::from(theirs[n])).abs() < 60, "sample {n}: {} and {}", out[n], theirs[n]);
    }
}
