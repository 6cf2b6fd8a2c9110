//! Keys made by sox are found; in speech and music there are none.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod programs;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use cordboard_media::dtmf::detector::Detector;
use cordboard_media::dtmf::{COLUMNS, KEYS, ROWS};
use cordboard_media::file::wav::WavReader;
use cordboard_media::file::{AtRate, Samples};
use programs::{run, samples};

fn heard(sound: &[i16], rate: u32) -> String {
    let mut detector = Detector::new(rate);
    let mut heard = String::new();
    for frame in sound.chunks(rate as usize / 50) {
        detector.feed(frame, |press| heard.push(press.key));
    }
    detector.reset(|press| heard.push(press.key));
    heard
}

#[test]
fn keys_made_by_sox_are_found() {
    for key in KEYS {
        let keypad = "123A456B789C*0#D";
        let place = keypad.find(key).unwrap();
        let (row, column) = (ROWS[place / 4].to_string(), COLUMNS[place % 4].to_string());
        let synth = ["synth", "0.08", "sine", &row, "sine", &column, "remix", "-", "pad", "0.05", "0.05"];
        let target = ["-D", "-r", "8000", "-c", "2", "-n", "-e", "mu-law", "-b", "8", "-t", "wav", "-"];
        let Some(wav) = run("sox", &[&target[..], &synth].concat(), &[]) else { return };
        let sound = run("sox", &["-t", "wav", "-", "-t", "s16", "-"], &wav).unwrap();
        assert_eq!(heard(&samples(&sound), 8_000), key.to_string());
    }
}

#[test]
fn no_key_is_pressed_by_the_prompts_or_the_music() {
    let media_server = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/cordboard/mediaserver"));
    let mut folders = vec![media_server.join("prompts"), media_server.join("music")];
    let (mut files, mut seconds) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|ending| ending != "wav") {
                continue;
            }
            let reader = WavReader::open(BufReader::new(File::open(&path).unwrap())).unwrap();
            let mut sound = AtRate::new(reader, 8_000).unwrap();
            let mut all = vec![0; sound.len().unwrap() as usize + 8_000];
            let mut count = 0;
            loop {
                match sound.read(&mut all[count..]).unwrap() {
                    0 => break,
                    more => count += more,
                }
            }
            assert_eq!(heard(&all[..count], 8_000), "", "{}", path.display());
            files += 1;
            seconds += count / 8_000;
        }
    }
    assert!(files > 20 && seconds > 60, "{files} files, {seconds} s");
}

#[test]
fn no_key_is_pressed_by_speech_of_a_synthesiser() {
    let text = "Nine out of ten callers who are asked to press one or two, or to hold the line, do neither. \
        Eighty seven people heard the operator say: we are eager to help you, please go on, oh no, who are you?";
    for voice in ["kal", "slt", "rms", "awb"] {
        let Some(wav) = run("flite", &["-voice", voice, "-t", text, "-o", "/dev/stdout"], &[]) else { return };
        let Some(sound) = run("sox", &["-D", "-t", "wav", "-", "-r", "8000", "-c", "1", "-t", "s16", "-"], &wav) else {
            return;
        };
        let sound = samples(&sound);
        assert!(sound.len() > 5 * 8_000, "{voice}");
        assert_eq!(heard(&sound, 8_000), "", "{voice}");
    }
}
