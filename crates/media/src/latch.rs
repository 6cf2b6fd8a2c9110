//! Symmetric RTP: where a peer behind a NAT really is, told by where its packets come from.
//!
//! The rule is to believe the signalling first, the network second, and a stranger never while somebody believed is
//! heard:
//!
//! - Packets from the address that was signalled are taken at once, whatever was believed before.
//! - Another source is believed after [`PROBATION`] packets in a row, by one SSRC with consecutive numbers, and only while
//!   nobody is believed, or while the one who is has been silent for [`SILENCE`].
//! - Who then moves (a NAT that changes its mapping) must go on in the stream that was heard: the same SSRC, and a
//!   sequence number near the last. Somebody off the path cannot know either. A stream that begins anew is believed only
//!   after [`LONG_SILENCE`].
//! - With SRTP only authentic packets get here, and each of them may move the peer.

use std::net::SocketAddr;

use crate::rtp::Packet;

/// Packets in a row before a source that was not signalled is believed.
pub const PROBATION: u8 = 3;
/// How long the one who is believed must be silent before it may have moved, microseconds.
pub const SILENCE: u64 = 500_000;
/// How long before another stream is taken for it, microseconds.
pub const LONG_SILENCE: u64 = 5_000_000;
/// How far the sequence number of who moved may be from the last one.
const NEAR: u16 = 2_000;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the peer's.
    Take,
    /// It is the peer's, who is at a new place.
    Moved,
    /// Not to be believed, or not yet.
    Refuse,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u8,
}

/// Who is believed to be the peer.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    believed: Option<SocketAddr>,
    heard_at: u64,
    ssrc: u32,
    sequence: u16,
    candidate: Option<Candidate>,
    /// Whether only the signalled address may speak.
    strict: bool,
}

impl Latch {
    /// Takes what the signalling says. A new address forgets who was believed; the same changes nothing.
    pub fn signal(&mut self, address: Option<SocketAddr>, strict: bool) {
        if self.signalled != address || self.strict != strict {
            *self = Self { signalled: address, strict, ..Self::default() };
        }
    }

    /// Where to send to.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.believed.or(self.signalled.filter(|address| !address.ip().is_unspecified() && address.port() != 0))
    }

    /// Judges a packet that came at `now`, microseconds.
    pub fn judge(&mut self, source: SocketAddr, packet: &Packet, now: u64, authentic: bool) -> Verdict {
        if self.believed == Some(source) {
            self.heard(packet, now);
            return Verdict::Take;
        }
        if Some(source) == self.signalled || (authentic && !self.strict) {
            return self.believe(source, packet, now);
        }
        if self.strict || !self.may_move(packet, now) {
            return Verdict::Refuse;
        }
        let follows = |c: &Candidate| c.source == source && c.ssrc == packet.ssrc && c.next == packet.sequence;
        let count = self.candidate.filter(follows).map_or(1, |c| c.count + 1);
        if count >= PROBATION {
            return self.believe(source, packet, now);
        }
        let next = packet.sequence.wrapping_add(1);
        self.candidate = Some(Candidate { source, ssrc: packet.ssrc, next, count });
        Verdict::Refuse
    }

    fn may_move(&self, packet: &Packet, now: u64) -> bool {
        if self.believed.is_none() {
            return true;
        }
        let silent = now.saturating_sub(self.heard_at);
        let goes_on = packet.ssrc == self.ssrc && packet.sequence.wrapping_sub(self.sequence) < NEAR;
        silent >= if goes_on { SILENCE } else { LONG_SILENCE }
    }

    fn believe(&mut self, source: SocketAddr, packet: &Packet, now: u64) -> Verdict {
        self.believed = Some(source);
        self.candidate = None;
        self.heard(packet, now);
        Verdict::Moved
    }

    fn heard(&mut self, packet: &Packet, now: u64) {
        self.heard_at = now;
        self.ssrc = packet.ssrc;
        self.sequence = packet.sequence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "192.0.2.1:4000";
    const NAT: &str = "203.0.113.9:61000";
    const STRANGER: &str = "198.51.100.66:9";

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn packet(ssrc: u32, sequence: u16) -> Packet {
        Packet { payload_type: 0, marker: false, sequence, timestamp: 0, ssrc, payload: 12..12 }
    }

    fn latched() -> Latch {
        let mut latch = Latch::default();
        latch.signal(Some(at("10.0.0.5:4000")), false);
        for n in 0..3 {
            latch.judge(at(NAT), &packet(7, n), u64::from(n) * 20_000, false);
        }
        assert_eq!(latch.remote(), Some(at(NAT)));
        latch
    }

    #[test]
    fn the_signalled_address_is_taken_at_once() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)), false);
        assert_eq!(latch.remote(), Some(at(PEER)));
        assert_eq!(latch.judge(at(PEER), &packet(7, 1), 0, false), Verdict::Moved);
        assert_eq!(latch.judge(at(PEER), &packet(7, 2), 0, false), Verdict::Take);
    }

    #[test]
    fn a_peer_behind_a_nat_is_found_after_its_probation() {
        latched();
    }

    #[test]
    fn packets_that_do_not_follow_each_other_never_pass() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)), false);
        for n in 0..100_u16 {
            assert_eq!(latch.judge(at(STRANGER), &packet(7, n * 2), 0, false), Verdict::Refuse);
        }
        assert_eq!(latch.remote(), Some(at(PEER)));
    }

    #[test]
    fn a_stranger_does_not_steal_a_stream_that_is_heard() {
        let mut latch = latched();
        let mut now = 60_000;
        for n in 3..500_u16 {
            now += 20_000;
            assert_eq!(latch.judge(at(NAT), &packet(7, n), now, false), Verdict::Take);
            // Even one who has guessed everything.
            assert_eq!(latch.judge(at(STRANGER), &packet(7, n.wrapping_add(1)), now + 1, false), Verdict::Refuse);
        }
        assert_eq!(latch.remote(), Some(at(NAT)));
    }

    #[test]
    fn a_stranger_does_not_take_over_in_a_pause_but_the_peer_itself_may_move() {
        let mut latch = latched();
        let mut now = 700_000;
        for n in 0..100 {
            now += 20_000;
            assert_eq!(latch.judge(at(STRANGER), &packet(8, n), now, false), Verdict::Refuse);
        }
        let moved = "203.0.113.9:61001";
        let verdicts: Vec<_> =
            (0..3).map(|n| latch.judge(at(moved), &packet(7, 20 + n), now + u64::from(n), false)).collect();
        assert_eq!(verdicts, [Verdict::Refuse, Verdict::Refuse, Verdict::Moved]);
    }

    #[test]
    fn the_signalled_address_wins_over_who_was_first() {
        let mut latch = latched();
        assert_eq!(latch.judge(at("10.0.0.5:4000"), &packet(9, 1), 70_000, false), Verdict::Moved);
    }

    #[test]
    fn an_authentic_packet_moves_the_peer_at_once() {
        let mut latch = latched();
        assert_eq!(latch.judge(at(PEER), &packet(7, 4), 70_000, true), Verdict::Moved);
    }

    #[test]
    fn a_strict_latch_takes_the_signalled_address_alone() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)), true);
        for n in 0..10 {
            assert_eq!(latch.judge(at(NAT), &packet(7, n), 0, true), Verdict::Refuse);
        }
        assert_eq!(latch.judge(at(PEER), &packet(7, 0), 0, false), Verdict::Moved);
    }

    #[test]
    fn a_new_signalled_address_begins_anew() {
        let mut latch = latched();
        latch.signal(Some(at(PEER)), false);
        assert_eq!(latch.remote(), Some(at(PEER)));
    }
}
