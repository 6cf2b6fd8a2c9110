//! HEP version 3, the Homer Encapsulation Protocol: one packet a message, made of chunks.
//!
//! ```text
//!   "HEP3"  total length (16)
//!   vendor (16)  type (16)  length of the chunk (16)  value ...      again and again
//! ```
//!
//! All numbers in network order; the vendor of the generic chunks is 0. Lengths include what is in
//! front of them: that of a chunk its six bytes, that of the packet its six.

use std::net::{IpAddr, SocketAddr};

use cordboard_sip::Transport;

/// Protocol type of a SIP message.
pub const SIP: u8 = 1;
/// Protocol type of a JSON document about quality, by RTCP or a phone's report.
pub const QUALITY: u8 = 5;
/// Protocol type of a JSON document that tells what happened: a T-Library event.
pub const LOG: u8 = 100;

/// Bytes of a packet: what a datagram takes (RFC 768, less the IP header).
pub const LONGEST: usize = 65_507;

const IP_FAMILY: u16 = 1;
const IP_PROTOCOL: u16 = 2;
const SOURCE_V4: u16 = 3;
const TARGET_V4: u16 = 4;
const SOURCE_V6: u16 = 5;
const TARGET_V6: u16 = 6;
const SOURCE_PORT: u16 = 7;
const TARGET_PORT: u16 = 8;
const SECONDS: u16 = 9;
const MICROSECONDS: u16 = 10;
const PROTOCOL: u16 = 11;
const AGENT: u16 = 12;
const PASSWORD: u16 = 14;
const PAYLOAD: u16 = 15;
const CORRELATION: u16 = 17;

/// What a packet says.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// [`SIP`], [`QUALITY`] or [`LOG`].
    pub kind: u8,
    /// What the message travelled on; UDP for what never travelled.
    pub transport: Transport,
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub target: SocketAddr,
    /// Unix time in microseconds.
    pub at: u64,
    /// The number of this server, as the collector knows it.
    pub agent: u32,
    /// What the collector wants to hear; empty for nothing.
    pub password: &'a str,
    /// What joins packets of one call; empty for nothing.
    pub correlation: &'a str,
    /// The message.
    pub payload: &'a [u8],
}

impl Packet<'_> {
    /// The packet's bytes at the end of `out`. False, and nothing written, if it is longer than
    /// [`LONGEST`].
    #[must_use]
    pub fn write(&self, out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        out.extend_from_slice(b"HEP3\0\0");
        let (source, target) = (self.source.ip().to_canonical(), self.target.ip().to_canonical());
        // A packet has one family for both: a mapped address where they differ.
        match (source, target) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                chunk(out, IP_FAMILY, &[2]);
                chunk(out, SOURCE_V4, &source.octets());
                chunk(out, TARGET_V4, &target.octets());
            }
            _ => {
                chunk(out, IP_FAMILY, &[10]);
                chunk(out, SOURCE_V6, &mapped(source));
                chunk(out, TARGET_V6, &mapped(target));
            }
        }
        chunk(out, IP_PROTOCOL, &[if self.transport == Transport::Udp { 17 } else { 6 }]);
        chunk(out, SOURCE_PORT, &self.source.port().to_be_bytes());
        chunk(out, TARGET_PORT, &self.target.port().to_be_bytes());
        let seconds = u32::try_from(self.at / 1_000_000).unwrap_or(u32::MAX);
        chunk(out, SECONDS, &seconds.to_be_bytes());
        chunk(out, MICROSECONDS, &((self.at % 1_000_000) as u32).to_be_bytes());
        chunk(out, PROTOCOL, &[self.kind]);
        chunk(out, AGENT, &self.agent.to_be_bytes());
        if !self.password.is_empty() {
            chunk(out, PASSWORD, self.password.as_bytes());
        }
        if !self.correlation.is_empty() {
            chunk(out, CORRELATION, self.correlation.as_bytes());
        }
        if out.len() - begin + 6 + self.payload.len() > LONGEST {
            out.truncate(begin);
            return false;
        }
        chunk(out, PAYLOAD, self.payload);
        let length = (out.len() - begin) as u16;
        out[begin + 4..begin + 6].copy_from_slice(&length.to_be_bytes());
        true
    }
}

fn mapped(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&0_u16.to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    // A longer value makes a longer packet, which is not sent.
    out.extend_from_slice(&u16::try_from(value.len() + 6).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet<'a>(source: &str, target: &str, payload: &'a [u8]) -> Packet<'a> {
        Packet {
            kind: SIP,
            transport: Transport::Tls,
            source: source.parse().unwrap(),
            target: target.parse().unwrap(),
            at: 1_800_000_000_000_007,
            agent: 2001,
            password: "pw",
            correlation: "0015c6eaa0000001",
            payload,
        }
    }

    /// A reader of its own: type to value.
    fn read(packet: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        assert_eq!(&packet[..4], b"HEP3");
        assert_eq!(usize::from(word(4)), packet.len());
        let (mut at, mut chunks) = (6, Vec::new());
        while at < packet.len() {
            assert_eq!(word(at), 0);
            let length = usize::from(word(at + 4));
            chunks.push((word(at + 2), packet[at + 6..at + length].to_vec()));
            at += length;
        }
        assert_eq!(at, packet.len());
        chunks
    }

    #[test]
    fn a_packet_says_what_it_should() {
        let mut out = Vec::new();
        assert!(packet("10.0.0.1:5061", "10.0.0.2:40000", b"BYE").write(&mut out));
        let chunks = read(&out);
        let value = |kind| chunks.iter().find(|(k, _)| *k == kind).map(|(_, v)| v.clone()).unwrap();
        assert_eq!((value(1), value(2)), (vec![2], vec![6]));
        assert_eq!((value(3), value(4)), (vec![10, 0, 0, 1], vec![10, 0, 0, 2]));
        assert_eq!((value(7), value(8)), (5061_u16.to_be_bytes().to_vec(), 40000_u16.to_be_bytes().to_vec()));
        assert_eq!((value(9), value(10)), (1_800_000_000_u32.to_be_bytes().to_vec(), 7_u32.to_be_bytes().to_vec()));
        assert_eq!((value(11), value(12)), (vec![SIP], 2001_u32.to_be_bytes().to_vec()));
        assert_eq!((value(14), value(15), value(17)), (b"pw".to_vec(), b"BYE".to_vec(), b"0015c6eaa0000001".to_vec()));
    }

    #[test]
    fn both_addresses_have_the_family_of_the_wider_one() {
        let mut out = Vec::new();
        assert!(packet("[2001:db8::1]:5060", "10.0.0.2:5060", b"").write(&mut out));
        let chunks = read(&out);
        assert!(chunks.iter().any(|(kind, value)| *kind == 1 && *value == [10]));
        assert!(chunks.iter().any(|(kind, value)| *kind == 6 && value.ends_with(&[0xff, 0xff, 10, 0, 0, 2])));
    }

    #[test]
    fn what_fits_no_datagram_is_not_written() {
        let mut out = b"before".to_vec();
        assert!(!packet("10.0.0.1:1", "10.0.0.2:2", &vec![b'x'; 65_500]).write(&mut out));
        assert_eq!(out, b"before");
        assert!(packet("10.0.0.1:1", "10.0.0.2:2", &vec![b'x'; 65_300]).write(&mut out));
        assert!(out.len() - 6 <= LONGEST);
    }
}
