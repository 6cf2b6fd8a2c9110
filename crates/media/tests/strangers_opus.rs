//! Sound files in Opus judged by opus-tools: opusinfo, opusdec and opusenc.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod programs;

use std::io::Cursor;

use cordboard_media::file::Samples;
use cordboard_media::file::opus::{OpusReader, OpusWriter};
use cordboard_media::file::wav::{Encoding, Format, WavWriter};
use programs::{run, samples};

fn sine(rate: u32, hertz: f64, count: usize) -> Vec<i16> {
    let step = std::f64::consts::TAU * hertz / f64::from(rate);
    (0..count).map(|n| (9_000.0 * (step * n as f64).sin()) as i16).collect()
}

fn written(rate: u32, channels: u8, samples: &[i16]) -> Vec<u8> {
    let mut writer = OpusWriter::create(Cursor::new(Vec::new()), channels, rate, 4_711).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap().into_inner()
}

fn read(file: &[u8]) -> Vec<i16> {
    let mut reader = OpusReader::open(Cursor::new(file)).unwrap();
    let mut heard = vec![0; reader.len().unwrap() as usize + 1_000];
    let count = reader.read(&mut heard).unwrap();
    heard.truncate(count);
    heard
}

/// The greatest difference of two sounds.
fn off(one: &[i16], other: &[i16]) -> i32 {
    one.iter().zip(other).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap_or(0)
}

#[test]
fn opusdec_hears_what_we_hear_in_what_we_write() {
    for (rate, count) in [(8_000, 17_123), (16_000, 40_000), (48_000, 96_001)] {
        let file = written(rate, 1, &sine(rate, 440.0, count));
        let arguments = ["--quiet", "--no-dither", "--rate", "48000", "--force-stereo", "-", "-"];
        let Some(raw) = run("opusdec", &arguments, &file) else { return };
        // It writes a WAV header of its own in front of the samples when it writes to a pipe, or none.
        let raw = if raw.starts_with(b"RIFF") { &raw[44..] } else { &raw[..] };
        let theirs: Vec<i16> = samples(raw).into_iter().step_by(2).collect();
        let ours = read(&file);
        assert_eq!(theirs.len(), ours.len(), "{rate}");
        assert_eq!(ours.len(), count * 48_000 / rate as usize);
        assert!(off(&ours, &theirs) <= 40, "{rate}: {}", off(&ours, &theirs));
    }
}

/// Two recordings in one file, the second at another rate and behind the first.
fn gone_on_with() -> Vec<u8> {
    let file = Cursor::new(written(16_000, 1, &sine(16_000, 440.0, 24_000)));
    let mut writer = OpusWriter::append(file, 1, 8_000, 4_712).unwrap();
    writer.write(&sine(8_000, 700.0, 20_000)).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn opusdec_hears_all_of_what_was_gone_on_with() {
    let file = gone_on_with();
    let arguments = ["--quiet", "--no-dither", "--rate", "48000", "--force-stereo", "-", "-"];
    let Some(raw) = run("opusdec", &arguments, &file) else { return };
    let raw = if raw.starts_with(b"RIFF") { &raw[44..] } else { &raw[..] };
    let theirs: Vec<i16> = samples(raw).into_iter().step_by(2).collect();
    let ours = read(&file);
    assert_eq!((ours.len(), theirs.len()), (24_000 * 3 + 20_000 * 6, 24_000 * 3 + 20_000 * 6));
    assert!(off(&ours, &theirs) <= 40, "{}", off(&ours, &theirs));
}

#[test]
fn opusinfo_sees_two_streams_one_behind_the_other() {
    let path = std::env::temp_dir().join(format!("cordboard-{}-chained.opus", std::process::id()));
    std::fs::write(&path, gone_on_with()).unwrap();
    let told = run("opusinfo", &[path.to_str().unwrap()], &[]);
    std::fs::remove_file(&path).unwrap();
    let Some(told) = told else { return };
    let told = String::from_utf8_lossy(&told);
    assert!(!told.contains("WARNING"), "{told}");
    assert!(told.contains("Playback length: 0m:01.500s") && told.contains("Playback length: 0m:02.500s"), "{told}");
}

#[test]
fn opusinfo_has_nothing_to_complain_of() {
    for channels in [1, 2] {
        let file = written(16_000, channels, &sine(16_000, 440.0, 50_000));
        let path = std::env::temp_dir().join(format!("cordboard-{}-{channels}.opus", std::process::id()));
        std::fs::write(&path, &file).unwrap();
        let told = run("opusinfo", &[path.to_str().unwrap()], &[]);
        std::fs::remove_file(&path).unwrap();
        let Some(told) = told else { return };
        let told = String::from_utf8_lossy(&told);
        assert!(!told.contains("WARNING"), "{told}");
        let seconds = 50_000.0 / 16_000.0 / f64::from(channels);
        assert!(told.contains(&format!("Playback length: 0m:0{seconds:.3}s")), "{told}");
        assert!(told.contains("Original sample rate: 16000"), "{told}");
    }
}

#[test]
fn we_hear_what_opusenc_writes() {
    let said = sine(48_000, 440.0, 100_000);
    let format = Format { encoding: Encoding::Pcm16, channels: 1, rate: 48_000 };
    let mut wav = WavWriter::create(Cursor::new(Vec::new()), format).unwrap();
    wav.write(&said).unwrap();
    let wav = wav.finish().unwrap().into_inner();
    for options in [&["--bitrate", "64"][..], &["--framesize", "60"], &["--framesize", "2.5", "--bitrate", "96"]] {
        let arguments = [&["--quiet"], options, &["-", "-"]].concat();
        let Some(file) = run("opusenc", &arguments, &wav) else { return };
        let heard = read(&file);
        assert_eq!(heard.len(), said.len(), "{options:?}");
        assert!(off(&heard[9_600..90_000], &said[9_600..90_000]) < 1_500, "{options:?}");
    }
}
