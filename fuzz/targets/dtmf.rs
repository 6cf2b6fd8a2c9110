//! Telephone events from a stranger: each told once at most, and a key that is down comes up.
//!
//! The input is a row of packets: 2 octets of timestamp, 1 of time that passes, 1 of length, the payload.
#![no_main]

use cordboard_media::dtmf::event::{EventsIn, LENGTH};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut events = EventsIn::new(8_000);
    let (mut now, mut came, mut told) = (0_u32, 0, 0);
    let mut rest = data;
    while let Some(([high, low, pause, length], after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(after.len().min(usize::from(*length % 16)));
        rest = after;
        now = now.wrapping_add(u32::from(*pause) * 32);
        came += payload.len() / LENGTH;
        events.tick(now, |_| told += 1);
        events.packet(u32::from(u16::from_be_bytes([*high, *low])) * 16, payload, now, |_| told += 1);
        assert!(told <= came);
    }
    events.end(|_| told += 1);
    assert!(told <= came);
});
