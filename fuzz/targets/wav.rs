//! WAV files, and such without a header: reading ends, and gives no more than the file can hold.
#![no_main]

use std::io::Cursor;

use cordboard_media::file::wav::{Encoding, Format, WavReader};
use cordboard_media::file::{AtRate, Samples};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let format = Format { encoding: Encoding::Mulaw, channels: 1, rate: 8_000 };
    let headless = || WavReader::headless(Cursor::new(data), format).ok();
    let Some(reader) = WavReader::open(Cursor::new(data)).ok().or_else(headless) else { return };
    let most = reader.len().expect("a WAV file knows its length");
    assert!(most <= data.len() as u64);
    let Ok(mut sound) = AtRate::new(reader, 8_000) else { return };
    let mut out = [0; 160];
    let mut total = 0;
    loop {
        let count = sound.read(&mut out).expect("memory can be read") as u64;
        total += count;
        if count == 0 {
            break;
        }
    }
    // At most twice as many from 4 kHz, and the filter's tail.
    assert!(total <= 2 * most + 200);
    sound.seek(total / 2).expect("memory can be sought in");
});
