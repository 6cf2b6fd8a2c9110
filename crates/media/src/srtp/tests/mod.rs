mod libsrtp;
mod properties;
mod vectors;

use super::*;

/// Octets by their hexadecimal digits, whatever stands between.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn keys(suite: Suite) -> Keys {
    let material: Vec<u8> = (0..suite.key_len() + suite.salt_len()).map(|n| n as u8).collect();
    Keys::new(suite, &material).unwrap()
}

/// A packet of RTP with 160 octets, and the room it needs.
fn rtp(sequence: u16, ssrc: u32) -> (Vec<u8>, usize) {
    let mut packet = vec![0x55; crate::rtp::HEADER + 160 + ROOM];
    crate::rtp::write(&mut packet, 8, false, sequence, u32::from(sequence) * 160, ssrc);
    (packet, crate::rtp::HEADER + 160)
}
