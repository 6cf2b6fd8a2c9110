//! Opus in Ogg: reading ends, gives no more than the packets can hold, and seeking finds back.
#![no_main]

use std::io::Cursor;

use cordboard_media::file::Samples;
use cordboard_media::file::opus::OpusReader;
use libfuzzer_sys::fuzz_target;

/// A packet of one octet may be 120 ms at 48 kHz.
const MOST_AN_OCTET: u64 = 5_760;

fuzz_target!(|data: &[u8]| {
    let Ok(mut sound) = OpusReader::open(Cursor::new(data)) else { return };
    let mut out = [0; 5_760];
    let mut total = 0;
    while let Ok(count @ 1..) = sound.read(&mut out) {
        total += count as u64;
        assert!(total <= data.len() as u64 * MOST_AN_OCTET);
    }
    if let Some(length) = sound.len() {
        assert!(total <= length);
    }
    if sound.seek(total / 2).is_ok() {
        let _ = sound.read(&mut out);
    }
});
