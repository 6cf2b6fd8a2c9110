//! RTCP packets (RFC 3550 6): reports, descriptions and farewells, compound as they must be.

use crate::reception::Block;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;
/// Report blocks and sources looked at in one datagram.
const MOST: usize = 64;

/// What a sender says of its own stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// When it was said, as NTP has it: seconds since 1900 and their fraction in 32 bits each.
    pub ntp: u64,
    /// The same moment in the timestamps of the stream.
    pub timestamp: u32,
    /// Packets sent, modulo 2^32.
    pub packets: u32,
    /// Octets of payload sent, modulo 2^32.
    pub octets: u32,
}

impl SenderInfo {
    /// The middle of the NTP timestamp, by which reports refer to this one.
    #[must_use]
    pub fn short_ntp(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// What was in a datagram, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A sender's report on itself.
    Sender {
        /// Who.
        ssrc: u32,
        /// What.
        info: SenderInfo,
    },
    /// A report on a stream that was received.
    Block {
        /// Who received it.
        from: u32,
        /// How.
        block: Block,
    },
    /// A source leaves.
    Bye {
        /// Who.
        ssrc: u32,
    },
}

/// Octets are no RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpError;

impl std::fmt::Display for RtcpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no RTCP: version, type or lengths are wrong")
    }
}

impl std::error::Error for RtcpError {}

fn word(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

/// Reads a compound packet, or one of reduced size (RFC 5506), and tells its items one by one. Types that are not
/// known are stepped over.
///
/// # Errors
/// If it is not RTCP. What was told before the fault was found stands.
pub fn parse(data: &[u8], mut tell: impl FnMut(Item)) -> Result<(), RtcpError> {
    let mut rest = data;
    let mut told = 0;
    if rest.is_empty() {
        return Err(RtcpError);
    }
    while !rest.is_empty() {
        if rest.len() < 4 || rest[0] >> 6 != 2 || !(192..=223).contains(&rest[1]) {
            return Err(RtcpError);
        }
        let length = 4 * (1 + usize::from(u16::from_be_bytes([rest[2], rest[3]])));
        if length > rest.len() {
            return Err(RtcpError);
        }
        let (packet, after) = rest.split_at(length);
        rest = after;
        let count = usize::from(packet[0] & 0x1f);
        let mut give = |item| {
            if told < MOST {
                told += 1;
                tell(item);
            }
        };
        match packet[1] {
            SENDER_REPORT => {
                let info = read_sender(packet).ok_or(RtcpError)?;
                give(Item::Sender { ssrc: word(packet, 4).ok_or(RtcpError)?, info });
                read_blocks(packet, 28, count, &mut give)?;
            }
            RECEIVER_REPORT => read_blocks(packet, 8, count, &mut give)?,
            BYE => {
                for index in 0..count {
                    give(Item::Bye { ssrc: word(packet, 4 + 4 * index).ok_or(RtcpError)? });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_sender(packet: &[u8]) -> Option<SenderInfo> {
    Some(SenderInfo {
        ntp: u64::from(word(packet, 8)?) << 32 | u64::from(word(packet, 12)?),
        timestamp: word(packet, 16)?,
        packets: word(packet, 20)?,
        octets: word(packet, 24)?,
    })
}

fn read_blocks(packet: &[u8], start: usize, count: usize, give: &mut impl FnMut(Item)) -> Result<(), RtcpError> {
    let from = word(packet, 4).ok_or(RtcpError)?;
    for index in 0..count {
        let block = packet.get(start + 24 * index..start + 24 * (index + 1)).ok_or(RtcpError)?;
        let at = |n: usize| word(block, 4 * n).unwrap_or(0);
        // 24 bits with a sign.
        let lost = (at(1) << 8).cast_signed() >> 8;
        give(Item::Block {
            from,
            block: Block {
                ssrc: at(0),
                fraction_lost: block[4],
                lost,
                highest: at(2),
                jitter: at(3),
                last_report: at(4),
                delay: at(5),
            },
        });
    }
    Ok(())
}

/// Writes a report with a description into `out`, and a farewell after it if asked for; gives the length.
///
/// With `sender` it is a sender report. `name` is the canonical name, at most 255 octets. `out` has room for
/// [`ROOM`] octets more than the name has.
pub fn write(
    out: &mut [u8],
    ssrc: u32,
    sender: Option<&SenderInfo>,
    block: Option<&Block>,
    name: &str,
    bye: bool,
) -> usize {
    let mut at = 0;
    let mut put = |out: &mut [u8], bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    let blocks = u8::from(block.is_some());
    let (kind, words) = if sender.is_some() { (SENDER_REPORT, 6) } else { (RECEIVER_REPORT, 1) };
    put(out, &[0x80 | blocks, kind, 0, words + 6 * blocks]);
    put(out, &ssrc.to_be_bytes());
    if let Some(info) = sender {
        put(out, &info.ntp.to_be_bytes());
        for word in [info.timestamp, info.packets, info.octets] {
            put(out, &word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        let words = [
            block.ssrc,
            u32::from(block.fraction_lost) << 24 | lost,
            block.highest,
            block.jitter,
            block.last_report,
            block.delay,
        ];
        for word in words {
            put(out, &word.to_be_bytes());
        }
    }
    let name = &name.as_bytes()[..name.len().min(255)];
    // The item's end is at least one zero, up to the next word.
    let padding = 4 - (2 + name.len()) % 4;
    let words = 1 + (2 + name.len() + padding) / 4;
    put(out, &[0x81, DESCRIPTION, 0, words as u8]);
    put(out, &ssrc.to_be_bytes());
    put(out, &[CNAME, name.len() as u8]);
    put(out, name);
    put(out, &[0; 4][..padding]);
    if bye {
        put(out, &[0x81, BYE, 0, 1]);
        put(out, &ssrc.to_be_bytes());
    }
    at
}

/// Octets [`write()`] may need beside the name.
pub const ROOM: usize = 28 + 24 + 8 + 2 + 4 + 8;

/// The time from when our report went out to when the answer came, less what the peer kept it, in 65,536ths of a
/// second (RFC 3550 6.4.1). `now` is the middle of an NTP timestamp. None if the peer has not had a report yet, or
/// claims to have kept it for longer than it was away.
#[must_use]
pub fn round_trip(now: u32, block: &Block) -> Option<u32> {
    if block.last_report == 0 {
        return None;
    }
    let trip = now.wrapping_sub(block.last_report).wrapping_sub(block.delay);
    // More than half an hour, or negative, is a fault of a clock.
    (trip < 0x8000_0000 / 16).then_some(trip)
}

/// A time since 1970 in microseconds as NTP has it.
#[must_use]
pub fn ntp(unix_micros: u64) -> u64 {
    const FROM_1900: u64 = 2_208_988_800;
    let seconds = unix_micros / 1_000_000 + FROM_1900;
    let fraction = ((unix_micros % 1_000_000) << 32) / 1_000_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INFO: SenderInfo = SenderInfo { ntp: 0x0102_0304_0506_0708, timestamp: 9, packets: 10, octets: 11 };

    fn read(data: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        parse(data, |item| items.push(item)).unwrap();
        items
    }

    #[test]
    fn what_was_written_reads_the_same() {
        let block =
            Block { ssrc: 5, fraction_lost: 200, lost: -3, highest: 70_000, jitter: 8, last_report: 1, delay: 2 };
        for name in ["", "a", "ab", "abc", "abcd"] {
            let mut out = [0xff; ROOM + 4];
            let length = write(&mut out, 77, Some(&INFO), Some(&block), name, true);
            assert_eq!(length % 4, 0);
            let sender = Item::Sender { ssrc: 77, info: INFO };
            assert_eq!(read(&out[..length]), [sender, Item::Block { from: 77, block }, Item::Bye { ssrc: 77 }]);
        }
    }

    #[test]
    fn an_empty_receiver_report_is_eight_octets() {
        let mut out = [0; ROOM + 1];
        let length = write(&mut out, 1, None, None, "x", false);
        assert_eq!(out[..8], [0x80, 201, 0, 1, 0, 0, 0, 1]);
        assert_eq!(out[8..length], [0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, b'x', 0]);
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for data in [&[][..], &[0x80], &[0x80, 200, 0, 6, 0], &[0x81, 201, 0, 1, 0, 0, 0, 1], &[0x00, 200, 0, 0]] {
            assert_eq!(parse(data, |_| {}), Err(RtcpError), "{data:?}");
        }
    }

    #[test]
    fn the_round_trip_is_what_the_peer_did_not_keep() {
        let block = Block { last_report: 1_000, delay: 500, ..Block::default() };
        assert_eq!(round_trip(2_000, &block), Some(500));
        assert_eq!(round_trip(1_400, &block), None);
        assert_eq!(round_trip(2_000, &Block::default()), None);
    }

    #[test]
    fn ntp_begins_seventy_years_earlier() {
        assert_eq!(ntp(500_000), 2_208_988_800 << 32 | 1 << 31);
    }

    proptest! {
        #[test]
        fn nothing_read_from_the_wire_panics(mut data in proptest::collection::vec(any::<u8>(), 0..200), kind in 200..204_u8) {
            let _ = parse(&data, |_| {});
            if data.len() > 4 {
                (data[0], data[1]) = (data[0] & 0x1f | 0x80, kind);
                let words = (data.len() / 4 - 1) as u16;
                data[2..4].copy_from_slice(&words.to_be_bytes());
                let _ = parse(&data, |_| {});
            }
        }
    }
}
