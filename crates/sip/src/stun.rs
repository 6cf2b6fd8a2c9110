//! STUN as a keep-alive on the SIP port (RFC 5389; RFC 5626 sections 3.5.2 and 8): a Binding request is answered with
//! the address it came from, and nothing else of STUN is spoken.

use std::net::{IpAddr, SocketAddr};

use crate::crc::crc32;

const COOKIE: u32 = 0x2112_a442;
/// Type, length, cookie and transaction identifier.
const HEAD: usize = 20;
/// Longest request that is looked at.
const LONGEST: usize = 548;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const FINGERPRINT: u16 = 0x8028;
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Attributes up to here must be understood (RFC 5389 section 15).
const LAST_REQUIRED: u16 = 0x7fff;
/// Required attributes that a Binding request without credentials may carry and that change nothing: USERNAME,
/// MESSAGE-INTEGRITY, REALM, NONCE.
const HARMLESS: [u16; 4] = [0x0006, 0x0008, 0x0014, 0x0015];

/// Whether a datagram is STUN: no SIP message begins so (RFC 5389 section 6).
#[must_use]
pub fn is_stun(data: &[u8]) -> bool {
    data.len() >= HEAD && data[0] < 0x40 && number(&data[4..8]) == COOKIE
}

/// The answer to a STUN message from `source`; `None` for one that is answered by silence: whatever is no whole Binding
/// request, and one whose FINGERPRINT is wrong.
#[must_use]
pub fn answer(data: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    if !is_stun(data) || data.len() > LONGEST || short(&data[..2]) != BINDING_REQUEST {
        return None;
    }
    let length = usize::from(short(&data[2..4]));
    if !length.is_multiple_of(4) || HEAD + length != data.len() {
        return None;
    }
    let (mut rest, mut unknown, mut sealed) = (&data[HEAD..], Vec::new(), false);
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(4)?;
        let (kind, length) = (short(&head[..2]), usize::from(short(&head[2..])));
        let (value, _) = after.split_at_checked(length)?;
        if kind == FINGERPRINT {
            let covered = data.len() - rest.len();
            if value.len() != 4 || number(value) != crc32(&data[..covered]) ^ FINGERPRINT_XOR {
                return None;
            }
            sealed = true;
        } else if kind <= LAST_REQUIRED && !HARMLESS.contains(&kind) {
            unknown.push(kind);
        }
        rest = after.split_at_checked(length.next_multiple_of(4))?.1;
    }
    let mut out = Vec::with_capacity(64);
    let kind = if unknown.is_empty() { BINDING_SUCCESS } else { BINDING_ERROR };
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&data[4..HEAD]);
    if unknown.is_empty() {
        push_attribute(&mut out, XOR_MAPPED_ADDRESS, &xor_address(source, &data[4..HEAD]));
    } else {
        push_attribute(&mut out, ERROR_CODE, b"\x00\x00\x04\x14Unknown Attribute");
        let listed: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        push_attribute(&mut out, UNKNOWN_ATTRIBUTES, &listed);
    }
    if sealed {
        // Its own length counts before the sum is made (RFC 5389 section 15.5).
        set_length(&mut out, 8);
        let sum = crc32(&out) ^ FINGERPRINT_XOR;
        push_attribute(&mut out, FINGERPRINT, &sum.to_be_bytes());
    }
    set_length(&mut out, 0);
    Some(out)
}

/// RFC 5389 section 15.2: the port under the cookie, the address under cookie and transaction.
fn xor_address(source: SocketAddr, mask: &[u8]) -> Vec<u8> {
    let port = source.port() ^ (COOKIE >> 16) as u16;
    let mut value = vec![0, if source.ip().to_canonical().is_ipv4() { 1 } else { 2 }];
    value.extend_from_slice(&port.to_be_bytes());
    match source.ip().to_canonical() {
        IpAddr::V4(ip) => value.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
        IpAddr::V6(ip) => value.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
    }
    value
}

fn push_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    // A few bytes for each attribute of a request of at most LONGEST bytes.
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn set_length(out: &mut [u8], more: usize) {
    let length = (out.len() - HEAD + more) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
}

fn short(bytes: &[u8]) -> u16 {
    u16::from(bytes[0]) << 8 | u16::from(bytes[1])
}

fn number(bytes: &[u8]) -> u32 {
    u32::from(short(bytes)) << 16 | u32::from(short(&bytes[2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 1, 0, attributes.len() as u8, 0x21, 0x12, 0xa4, 0x42];
        out.extend_from_slice(b"transaction!");
        out.extend_from_slice(attributes);
        out
    }

    /// RFC 5769 2.2 and 2.3: the addresses of the sample responses, under the same transaction.
    #[test]
    fn the_address_is_printed_as_in_the_rfc_s_samples() {
        let head = hex("00 01 00 00 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae");
        let v4 = answer(&head, "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(v4[20..], hex("00 20 00 08 00 01 a1 47 e1 12 a6 43"));
        assert_eq!(v4[..4], [1, 1, 0, 12]);
        assert_eq!(v4[4..20], head[4..]);
        let v6 = answer(&head, "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap()).unwrap();
        assert_eq!(v6[20..], hex("00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"));
    }

    #[test]
    fn a_fingerprint_is_checked_and_given_back() {
        let mut plain = request(&[]);
        plain[3] = 8;
        let sum = (crc32(&plain) ^ FINGERPRINT_XOR).to_be_bytes();
        let mut sealed = plain.clone();
        sealed.extend_from_slice(&[0x80, 0x28, 0, 4]);
        sealed.extend_from_slice(&sum);
        let source = "192.0.2.1:32853".parse().unwrap();
        let reply = answer(&sealed, source).unwrap();
        let (covered, seal) = reply.split_at(reply.len() - 8);
        assert_eq!(seal[..4], [0x80, 0x28, 0, 4]);
        assert_eq!(number(&seal[4..]), crc32(covered) ^ FINGERPRINT_XOR);
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(answer(&sealed, source), None);
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_named() {
        let reply = answer(&request(&[0x7f, 0xff, 0, 1, 9, 0, 0, 0]), "192.0.2.1:1".parse().unwrap()).unwrap();
        assert_eq!(reply[..2], [1, 0x11]);
        assert_eq!(reply[reply.len() - 8..], [0, 0x0a, 0, 2, 0x7f, 0xff, 0, 0]);
        let optional = request(&[0x80, 0x22, 0, 1, b'x', 0, 0, 0]);
        assert_eq!(answer(&optional, "192.0.2.1:1".parse().unwrap()).unwrap()[..2], [1, 1]);
    }

    #[test]
    fn anything_else_is_met_with_silence() {
        let source = "192.0.2.1:1".parse().unwrap();
        let good = request(&[]);
        for cut in 0..good.len() {
            assert_eq!(answer(&good[..cut], source), None);
        }
        let mut indication = good.clone();
        indication[1] = 0x11;
        let mut response = good.clone();
        response[0] = 1;
        let torn = request(&[0x80, 0x22, 0, 9, 0, 0, 0, 0]);
        for odd in [indication, response, torn, [good, vec![0; 4]].concat()] {
            assert_eq!(answer(&odd, source), None);
        }
        assert!(!is_stun(b"OPTIONS sip:a@h SIP/2.0\r\n"));
    }
}
