//! Any datagram as STUN: what is answered is answered with a whole message for the same transaction, never longer than
//! what an amplifier would want.
#![no_main]

use cordboard_sip::stun;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for source in [([192, 0, 2, 1], 5060).into(), ([0x20, 1, 0xd, 0xb8, 0, 0, 0, 1], 5060).into()] {
        let Some(answer) = stun::answer(data, source) else { continue };
        assert!(stun::is_stun(data) && stun::is_stun(&answer));
        assert_eq!(answer[4..20], data[4..20]);
        assert_eq!(answer.len(), 20 + usize::from(u16::from_be_bytes([answer[2], answer[3]])));
        assert!(answer.len() <= data.len() + 64);
        assert_eq!(stun::answer(&answer, source), None);
    }
});
