//! RTP as it comes off the wire: its payload lies within it, and what is passed on reads the same.
#![no_main]

use cordboard_media::reception::Stream;
use cordboard_media::rtp::{HEADER, Outgoing, Packet, Passing, header_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(packet) = Packet::parse(data) else { return };
    assert!(header_len(data).is_ok_and(|start| start == packet.payload.start && start >= HEADER));
    assert!(packet.payload.end <= data.len());
    let mut out = Outgoing::new(1, 2, 3);
    let passing = Passing::begin(Stream::default(), &packet, &mut out);
    assert!(passing.is_of(Stream::default()));
    let mut copy = data.to_vec();
    passing.rewrite(&mut copy, &packet, packet.payload_type, 160, &mut out);
    let passed = Packet::parse(&copy).expect("what is passed on is RTP");
    assert_eq!((passed.ssrc, passed.sequence, passed.timestamp, passed.marker), (1, 2, 3, true));
    assert_eq!(passed.payload, packet.payload);
    assert_eq!(copy[packet.payload.clone()], data[packet.payload]);
});
