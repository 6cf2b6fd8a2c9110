//! RTP packets (RFC 3550 5.1): read where they lie, written into the caller's buffer.

use std::ops::{Range, RangeInclusive};

use crate::reception::Stream;

/// Octets of a header without contributing sources or extension.
pub const HEADER: usize = 12;

/// Payload types that with a marker look like RTCP: never used, with one or without (RFC 5761 4).
const RTCP_TYPES: RangeInclusive<u8> = 64..=95;

/// Why octets are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpError {
    /// Shorter than what its own fields claim.
    Short,
    /// Not version 2.
    Version,
    /// It has more padding than it has octets, or padding of length 0.
    Padding,
    /// The payload type is one that RTCP uses on the same port (RFC 5761 4).
    Rtcp,
}

impl std::fmt::Display for RtpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Short => "shorter than its fields claim",
            Self::Version => "not version 2",
            Self::Padding => "more padding than octets",
            Self::Rtcp => "RTCP, not RTP",
        })
    }
}

impl std::error::Error for RtpError {}

/// What the header of a packet says, and where its payload lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// The first packet of a talkspurt, or what the payload's profile says.
    pub marker: bool,
    /// Counts packets, modulo 65,536.
    pub sequence: u16,
    /// Counts in the payload's clock rate.
    pub timestamp: u32,
    /// Who sent it.
    pub ssrc: u32,
    /// The payload within the packet, padding taken off.
    pub payload: Range<usize>,
}

impl Packet {
    /// Reads a packet that is not encrypted.
    ///
    /// # Errors
    /// If it is not RTP.
    pub fn parse(data: &[u8]) -> Result<Self, RtpError> {
        let start = header_len(data)?;
        let mut end = data.len();
        if data[0] & 0x20 != 0 {
            let padding = usize::from(data[end - 1]);
            if padding == 0 || padding > end - start {
                return Err(RtpError::Padding);
            }
            end -= padding;
        }
        Ok(Self {
            payload_type: data[1] & 0x7f,
            marker: data[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([data[2], data[3]]),
            timestamp: u32::from_be_bytes([data[4], data[5], data[6], data[7]]),
            ssrc: u32::from_be_bytes([data[8], data[9], data[10], data[11]]),
            payload: start..end,
        })
    }
}

/// Where the payload of a packet begins: what lies before is never encrypted (RFC 3711 3.1).
///
/// # Errors
/// If it is not RTP.
pub fn header_len(data: &[u8]) -> Result<usize, RtpError> {
    if data.len() < HEADER {
        return Err(RtpError::Short);
    }
    if data[0] >> 6 != 2 {
        return Err(RtpError::Version);
    }
    if RTCP_TYPES.contains(&(data[1] & 0x7f)) {
        return Err(RtpError::Rtcp);
    }
    let mut start = HEADER + 4 * usize::from(data[0] & 0x0f);
    if data[0] & 0x10 != 0 {
        let Some(words) = data.get(start + 2..start + 4) else { return Err(RtpError::Short) };
        start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    // A packet with padding has at least the octet that counts it.
    if start + usize::from(data[0] & 0x20 != 0) > data.len() { Err(RtpError::Short) } else { Ok(start) }
}

/// Whether a packet of version 2 on a port of both is RTCP: its second octet is 192 to 223 (RFC 5761 4).
#[must_use]
pub fn is_rtcp(data: &[u8]) -> bool {
    data.len() >= 2 && (192..=223).contains(&data[1])
}

/// Whether a datagram on a media port may be RTP or RTCP at all, not STUN or DTLS (RFC 7983 7).
#[must_use]
pub fn is_media(data: &[u8]) -> bool {
    data.first().is_some_and(|first| (128..=191).contains(first))
}

/// A stream that is sent: numbers its packets and keeps its timestamps going, whatever feeds it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Who it says it is.
    pub ssrc: u32,
    /// The number of the next packet.
    pub sequence: u16,
    /// The timestamp of the next packet.
    pub timestamp: u32,
    /// Whether the next packet begins a talkspurt.
    pub mark: bool,
}

impl Outgoing {
    /// A stream whose random parts are given (RFC 3550 5.1 wants all three unpredictable).
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, mark: true }
    }

    /// Writes the header of the next packet, which holds `ticks` of the clock; gives the header's length.
    pub fn header(&mut self, payload_type: u8, ticks: u32, out: &mut [u8]) -> usize {
        let mark = std::mem::take(&mut self.mark);
        write(out, payload_type, mark, self.sequence, self.timestamp, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(ticks);
        HEADER
    }

    /// Lets the clock run by so many ticks in which nothing is sent.
    pub fn skip(&mut self, ticks: u32) {
        self.timestamp = self.timestamp.wrapping_add(ticks);
        self.mark = true;
    }
}

/// Writes a header without contributing sources into the first [`HEADER`] octets.
pub fn write(out: &mut [u8], payload_type: u8, mark: bool, sequence: u16, timestamp: u32, ssrc: u32) {
    out[0] = 0x80;
    rename(out, payload_type, mark, sequence, timestamp, ssrc);
}

/// Gives a packet another header's fields; what else it has in front of its payload stays.
pub fn rename(out: &mut [u8], payload_type: u8, mark: bool, sequence: u16, timestamp: u32, ssrc: u32) {
    out[1] = (payload_type & 0x7f) | (u8::from(mark) << 7);
    out[2..4].copy_from_slice(&sequence.to_be_bytes());
    out[4..8].copy_from_slice(&timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&ssrc.to_be_bytes());
}

/// A stream that is passed on under another one's name: its numbers and timestamps moved, never renumbered, so that
/// what was lost before us is seen to be lost after us.
#[derive(Clone, Copy, Debug)]
pub struct Passing {
    /// Which of the source's streams is passed on: a source that restarts has another, under the same name or not.
    stream: Stream,
    sequence: u16,
    timestamp: u32,
}

impl Passing {
    /// Lets a stream, from `first` on, follow on what `out` has sent.
    #[must_use]
    pub fn begin(stream: Stream, first: &Packet, out: &mut Outgoing) -> Self {
        out.mark = true;
        Self {
            stream,
            sequence: out.sequence.wrapping_sub(first.sequence),
            timestamp: out.timestamp.wrapping_sub(first.timestamp),
        }
    }

    /// The timestamp a packet is passed on with.
    #[must_use]
    pub fn timestamp(&self, packet: &Packet) -> u32 {
        packet.timestamp.wrapping_add(self.timestamp)
    }

    /// The number a packet is passed on with.
    #[must_use]
    pub fn sequence(&self, packet: &Packet) -> u16 {
        packet.sequence.wrapping_add(self.sequence)
    }

    /// Whether this stream is passed on by it.
    #[must_use]
    pub fn is_of(&self, stream: Stream) -> bool {
        self.stream == stream
    }

    /// Rewrites a packet in place, and tells `out` what comes next. `ticks` is what one packet holds.
    pub fn rewrite(&self, data: &mut [u8], packet: &Packet, payload_type: u8, ticks: u32, out: &mut Outgoing) {
        let sequence = self.sequence(packet);
        let timestamp = self.timestamp(packet);
        let mark = packet.marker || std::mem::take(&mut out.mark);
        rename(data, payload_type, mark, sequence, timestamp, out.ssrc);
        if sequence.wrapping_sub(out.sequence) < 0x8000 {
            out.sequence = sequence.wrapping_add(1);
            out.timestamp = timestamp.wrapping_add(ticks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_packet_that_was_written_reads_the_same() {
        let mut out = Outgoing::new(0xdead_beef, 65_535, u32::MAX - 100);
        let mut data = [0; 20];
        out.header(8, 160, &mut data);
        let packet = Packet::parse(&data).unwrap();
        assert_eq!(
            packet,
            Packet {
                payload_type: 8,
                marker: true,
                sequence: 65_535,
                timestamp: u32::MAX - 100,
                ssrc: 0xdead_beef,
                payload: 12..20
            }
        );
        out.header(8, 160, &mut data);
        let packet = Packet::parse(&data).unwrap();
        assert_eq!((packet.marker, packet.sequence, packet.timestamp), (false, 0, 59));
    }

    #[test]
    fn sources_extension_and_padding_are_stepped_over() {
        let mut data = vec![0xb2, 0x00, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        data.extend([9; 8]); // two contributing sources
        data.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // an extension of one word
        data.extend([7; 5]);
        data.extend([0, 0, 3]); // padding
        assert_eq!(Packet::parse(&data).unwrap().payload, 28..33);
    }

    #[test]
    fn what_lies_about_its_length_is_refused() {
        let whole = [0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        assert!(Packet::parse(&whole).is_ok());
        assert_eq!(Packet::parse(&whole[..11]), Err(RtpError::Short));
        for (first, second, error) in [
            (0x40, 0, RtpError::Version),
            (0x81, 0, RtpError::Short),
            (0x90, 0, RtpError::Short),
            (0xa0, 0, RtpError::Short),
            (0x80, 200, RtpError::Rtcp),
            // Passed on with a marker it would be RTCP.
            (0x80, 64, RtpError::Rtcp),
        ] {
            let mut data = whole;
            (data[0], data[1]) = (first, second);
            assert_eq!(Packet::parse(&data), Err(error), "{first:#x}");
        }
        let mut padded = [0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0];
        assert_eq!(Packet::parse(&padded), Err(RtpError::Padding));
        padded[12] = 2;
        assert_eq!(Packet::parse(&padded), Err(RtpError::Padding));
    }

    #[test]
    fn a_stream_passed_on_follows_what_was_sent_before_and_keeps_its_gaps() {
        let mut out = Outgoing::new(1, 100, 5_000);
        let packet = |sequence, timestamp| Packet {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc: 9,
            payload: 12..12,
        };
        let first = packet(65_534, 160);
        let passing = Passing::begin(Stream::default(), &first, &mut out);
        let mut seen = Vec::new();
        // The second is lost; the third and fourth come in the wrong order.
        for (sequence, timestamp) in [(65_534, 160), (1, 640), (0, 480), (2, 800)] {
            let packet = packet(sequence, timestamp);
            let mut data = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            passing.rewrite(&mut data, &packet, 8, 160, &mut out);
            let sent = Packet::parse(&data).unwrap();
            assert_eq!((sent.ssrc, sent.payload_type), (1, 8));
            seen.push((sent.sequence, sent.timestamp));
        }
        assert_eq!(seen, [(100, 5_000), (103, 5_480), (102, 5_320), (104, 5_640)]);
        assert_eq!((out.sequence, out.timestamp), (105, 5_800));
    }

    proptest! {
        #[test]
        fn nothing_read_from_the_wire_panics(data in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(packet) = Packet::parse(&data) {
                prop_assert!(packet.payload.end <= data.len() && packet.payload.start >= HEADER);
            }
        }
    }
}
