//! Streams of packets from a stranger: what is given out was put in, and it always answers.
//!
//! The input is a row of steps of 6 octets: what, how far the sequence and the timestamp go on, how far the clock does.
#![no_main]

use cordboard_media::jitter::{Jitter, Limits, Sound, Taken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut jitter = Jitter::new(8_000, 8, Limits::default());
    let (mut sequence, mut timestamp, mut now, mut ssrc) = (0_u16, 0_u32, 0_u32, 0_u32);
    let (mut put, mut played) = (0_u64, 0_u64);
    for step in data.chunks_exact(6) {
        sequence = sequence.wrapping_add_signed(i16::from_be_bytes([step[1], step[2]]) >> (step[0] >> 4));
        timestamp = timestamp.wrapping_add_signed(i32::from(step[3].cast_signed()) << (step[0] >> 4));
        now = now.wrapping_add(u32::from(step[4]) << (step[5] >> 4));
        match step[0] & 7 {
            0 => jitter.pass(ssrc, sequence),
            1 => ssrc ^= 1,
            2..=4 => {
                let payload = timestamp.to_be_bytes();
                let ticks = u32::from(step[5] & 15) * 20;
                jitter.put(ssrc, &Sound { sequence, timestamp, payload_type: 0, ticks, payload: &payload }, now);
                put += 1;
            }
            _ => {
                if let Taken::Payload { payload, timestamp, .. } = jitter.take(now, 160) {
                    assert_eq!(payload, timestamp.to_be_bytes());
                    played += 1;
                }
            }
        }
        assert!(jitter.depth() <= 1_600 && played <= put);
    }
});
