//! Symmetric RTP: where a peer behind a NAT really is, told by where its packets come from.
//!
//! The rule is to believe the signalling first, the network second, and a stranger never while somebody believed is
//! heard:
//!
//! - Packets from the address that was signalled are taken at once, whatever was believed before.
//! - Another source is believed after [`PROBATION`] packets in a row, by one SSRC with consecutive numbers:
//!   - from the IP address that was signalled, another port, or from where the signalling itself came: while nobody is
//!     believed, or a stranger is;
//!   - from elsewhere, while nobody is believed, only where the address that was signalled is private: a peer that names
//!     an address everybody can reach is heard from there, and a port that anybody could win by being first would be
//!     his who sends to all of them (known as RTP bleed).
//!   - from an IP address that has shown that it hears what is sent to the one that was signalled ([`Latch::vouch`]), while
//!     nobody else is believed: heard only, what is sent goes where it went.
//! - Who is believed may move (a NAT that changes its mapping) once silent for [`SILENCE`], if it goes on in the stream
//!   that was heard: the same SSRC, and a sequence number ahead of the last, but near it. Somebody off the path cannot
//!   know either. A stream that begins anew is believed only after [`LONG_SILENCE`], and from where it might have been
//!   at the beginning.
//! - An address is vouched for by a report (RTCP) from it on the stream that is sent: by its SSRC, 32 random bits nobody is
//!   told but who gets the packets (RFC 3550 5.1), and by a sequence number that was sent, which began at random too. A
//!   peer may send from elsewhere than it hears, through another line or another box, and is not deaf for us then. Who
//!   sends to all ports of a server (RTP bleed) has seen none of its packets and would have to guess some 2^32 times for
//!   one leg; who has seen them is on the path, where RTP is open to him anyway and only SRTP helps. Nothing is sent to
//!   such an address, nor reports: whoever it is, it gets nothing by being heard. Who is where he was signalled takes its
//!   place with his first packet.
//! - With SRTP only authentic packets get here, and each of them that is ahead of the last may move the peer.

use std::net::{IpAddr, SocketAddr};

use cordboard_sip::registrar::is_private;

use crate::rtp::Packet;

/// Packets in a row before a source that was not signalled is believed.
pub const PROBATION: u8 = 3;
/// How long the one who is believed must be silent before it may have moved, microseconds.
pub const SILENCE: u64 = 500_000;
/// How long before another stream is taken for it, microseconds.
pub const LONG_SILENCE: u64 = 5_000_000;
/// How far the sequence number of who moved may be from the last one.
const NEAR: u16 = 2_000;
/// Sources that are on probation at once, so that none is kept from it by another.
const CANDIDATES: usize = 4;

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

/// A source on probation.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u8,
    at: u64,
}

/// Who is believed to be the peer.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    /// Where the signalling came from.
    source: Option<IpAddr>,
    believed: Option<SocketAddr>,
    /// Whether it is only heard there, and hears where it was signalled.
    apart: bool,
    /// Who has shown that it hears what is sent.
    vouched: Option<IpAddr>,
    heard_at: u64,
    ssrc: u32,
    sequence: u16,
    candidates: [Option<Candidate>; CANDIDATES],
}

impl Latch {
    /// For a peer whose signalling came from there, as far as that is known.
    #[must_use]
    pub fn new(source: Option<IpAddr>) -> Self {
        Self { source, ..Self::default() }
    }

    /// Takes what the signalling says. A new address forgets who was believed; the same changes nothing.
    pub fn signal(&mut self, address: Option<SocketAddr>) {
        if self.signalled != address {
            *self = Self { signalled: address, ..Self::new(self.source) };
        }
    }

    /// Where to send to.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.believed
            .filter(|_| !self.apart)
            .or(self.signalled.filter(|address| !address.ip().is_unspecified() && address.port() != 0))
    }

    /// Whoever sends from there has shown that it hears what is sent to this peer.
    pub fn vouch(&mut self, ip: IpAddr) {
        self.vouched = Some(ip);
    }

    /// Judges a packet that came at `now`, microseconds.
    pub fn judge(&mut self, source: SocketAddr, packet: &Packet, now: u64, authentic: bool) -> Verdict {
        if self.believed == Some(source) {
            self.heard(packet, now);
            return Verdict::Take;
        }
        if Some(source) == self.signalled || authentic {
            if self.is_overtaken(packet, now) {
                return Verdict::Take;
            }
            self.apart = false;
            return self.believe(source, packet, now);
        }
        if !self.may_move(source, packet, now) {
            return Verdict::Refuse;
        }
        if self.probation(source, packet, now) >= PROBATION {
            self.apart = !self.might_be_at(source) && (self.apart || self.believed.is_none());
            self.believe(source, packet, now)
        } else {
            Verdict::Refuse
        }
    }

    /// Whether a packet is of the stream that is heard, and was sent before the last one: it says where the peer was.
    fn is_overtaken(&self, packet: &Packet, now: u64) -> bool {
        self.believed.is_some()
            && packet.ssrc == self.ssrc
            && !is_ahead(packet.sequence, self.sequence)
            && now.saturating_sub(self.heard_at) < SILENCE
    }

    fn may_move(&self, source: SocketAddr, packet: &Packet, now: u64) -> bool {
        let vouched = self.vouched.filter(|_| self.apart || self.believed.is_none());
        let might_be_there = self.might_be_at(source) || vouched.is_some_and(|ip| same_ip(ip, source.ip()));
        let Some(believed) = self.believed else { return might_be_there };
        let silent = now.saturating_sub(self.heard_at);
        let goes_on = packet.ssrc == self.ssrc && is_ahead(packet.sequence, self.sequence);
        let goes_on = goes_on && packet.sequence.wrapping_sub(self.sequence) < NEAR;
        (self.is_near(source) && !self.is_near(believed))
            || (goes_on && silent >= SILENCE)
            || (might_be_there && silent >= LONG_SILENCE)
    }

    /// Whether the signalling says that the peer might be there.
    fn might_be_at(&self, at: SocketAddr) -> bool {
        self.is_near(at) || self.is_anywhere()
    }

    fn is_near(&self, at: SocketAddr) -> bool {
        let near = [self.signalled.map(|address| address.ip()), self.source];
        near.iter().flatten().any(|ip| same_ip(*ip, at.ip()))
    }

    /// Whether the peer may be anywhere, as far as the signalling says.
    fn is_anywhere(&self) -> bool {
        self.signalled.is_none_or(|address| address.ip().is_unspecified() || is_private(address.ip()))
    }

    /// How many packets of a source have come in a row, this one among them.
    fn probation(&mut self, source: SocketAddr, packet: &Packet, now: u64) -> u8 {
        let fresh = Candidate { source, ssrc: packet.ssrc, next: packet.sequence, count: 0, at: now };
        let is_of = |c: &Option<Candidate>| c.is_some_and(|c| (c.source, c.ssrc) == (source, packet.ssrc));
        let is_free = |c: &Option<Candidate>| c.is_none_or(|c| now.saturating_sub(c.at) >= SILENCE);
        let place = self.candidates.iter().position(is_of).or_else(|| self.candidates.iter().position(is_free));
        let Some(place) = place.map(|place| &mut self.candidates[place]) else { return 0 };
        let known = place.filter(|c| is_of(&Some(*c)));
        let follows = known.filter(|c| c.next == packet.sequence);
        // Who sends one number after another that does not follow gets no further, and keeps its place no longer.
        let at = if follows.is_some() { now } else { known.map_or(now, |c| c.at) };
        let count = follows.map_or(1, |c| c.count + 1);
        *place = Some(Candidate { next: packet.sequence.wrapping_add(1), count, at, ..fresh });
        count
    }

    fn believe(&mut self, source: SocketAddr, packet: &Packet, now: u64) -> Verdict {
        self.believed = Some(source);
        self.candidates = [None; CANDIDATES];
        self.heard_at = now;
        (self.ssrc, self.sequence) = (packet.ssrc, packet.sequence);
        Verdict::Moved
    }

    fn heard(&mut self, packet: &Packet, now: u64) {
        self.heard_at = now;
        let behind = self.sequence.wrapping_sub(packet.sequence);
        // One a little behind was overtaken; one far behind begins anew.
        if packet.ssrc != self.ssrc || is_ahead(packet.sequence, self.sequence) || behind > NEAR {
            (self.ssrc, self.sequence) = (packet.ssrc, packet.sequence);
        }
    }
}

fn is_ahead(sequence: u16, of: u16) -> bool {
    (1..0x8000).contains(&sequence.wrapping_sub(of))
}

fn same_ip(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
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
        latch.signal(Some(at("10.0.0.5:4000")));
        for n in 0..3 {
            latch.judge(at(NAT), &packet(7, n), u64::from(n) * 20_000, false);
        }
        assert_eq!(latch.remote(), Some(at(NAT)));
        latch
    }

    #[test]
    fn the_signalled_address_is_taken_at_once() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)));
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
        latch.signal(Some(at(PEER)));
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
    fn where_the_address_that_was_signalled_is_public_nobody_else_is_believed_by_being_first() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)));
        for n in 0..1_000_u16 {
            let now = u64::from(n) * 20_000;
            assert_eq!(latch.judge(at(STRANGER), &packet(7, n), now, false), Verdict::Refuse);
        }
        assert_eq!(latch.remote(), Some(at(PEER)));
        // From its own address, through a NAT that gave it another port.
        let verdicts: Vec<_> =
            (0..3).map(|n| latch.judge(at("192.0.2.1:61000"), &packet(9, n), 30_000_000, false)).collect();
        assert_eq!(verdicts, [Verdict::Refuse, Verdict::Refuse, Verdict::Moved]);
        // Nor after a long pause; but where it was heard from it may begin anew, and go on from anywhere.
        for n in 0..10 {
            assert_eq!(latch.judge(at(STRANGER), &packet(8, n), 40_000_000, false), Verdict::Refuse);
        }
        let moved: Vec<_> = (3..6).map(|n| latch.judge(at(NAT), &packet(9, n), 41_000_000, false)).collect();
        assert_eq!(moved, [Verdict::Refuse, Verdict::Refuse, Verdict::Moved]);
    }

    #[test]
    fn who_has_shown_that_it_hears_is_heard_from_elsewhere_and_moves_nothing() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)));
        latch.vouch(at(NAT).ip());
        let verdicts = |latch: &mut Latch, from: &str, ssrc: u32, first: u16, now: u64| {
            (first..first + 3).map(|n| latch.judge(at(from), &packet(ssrc, n), now, false)).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&mut latch, STRANGER, 8, 0, 0), [Verdict::Refuse; 3]);
        assert_eq!(verdicts(&mut latch, NAT, 7, 0, 0)[2], Verdict::Moved);
        assert_eq!(verdicts(&mut latch, NAT, 7, 3, 1), [Verdict::Take; 3]);
        assert_eq!(latch.remote(), Some(at(PEER)));
        // Its line gives it another port, then another address.
        assert_eq!(verdicts(&mut latch, "203.0.113.9:61001", 7, 6, 1), [Verdict::Refuse; 3]);
        assert_eq!(verdicts(&mut latch, "203.0.113.9:61001", 7, 6, SILENCE + 1)[2], Verdict::Moved);
        assert_eq!(verdicts(&mut latch, STRANGER, 7, 9, 2 * SILENCE + 1)[2], Verdict::Moved);
        assert_eq!(latch.remote(), Some(at(PEER)));
        // Where it should be it is at once.
        assert_eq!(latch.judge(at(PEER), &packet(9, 1), 2 * SILENCE + 2, false), Verdict::Moved);
        assert_eq!(verdicts(&mut latch, NAT, 7, 20, 2 * SILENCE + 3), [Verdict::Refuse; 3]);
        // What is shown at another address says nothing of this one.
        latch.signal(Some(at("192.0.2.7:4000")));
        assert_eq!(verdicts(&mut latch, NAT, 7, 0, 3 * SILENCE), [Verdict::Refuse; 3]);
    }

    #[test]
    fn who_is_believed_where_it_was_signalled_is_not_displaced_by_who_hears() {
        let mut latch = Latch::default();
        latch.signal(Some(at(PEER)));
        latch.judge(at(PEER), &packet(7, 1), 0, false);
        latch.vouch(at(NAT).ip());
        for n in 0..10 {
            assert_eq!(latch.judge(at(NAT), &packet(8, n), LONG_SILENCE + 1, false), Verdict::Refuse);
        }
        assert_eq!(latch.remote(), Some(at(PEER)));
    }

    #[test]
    fn a_stranger_who_was_first_gives_way_to_the_address_that_was_signalled() {
        let mut latch = latched();
        for n in 0..2 {
            assert_eq!(latch.judge(at("10.0.0.5:7000"), &packet(9, n), 50_000, false), Verdict::Refuse);
            assert_eq!(latch.judge(at(NAT), &packet(7, 3 + n), 50_000, false), Verdict::Take);
        }
        assert_eq!(latch.judge(at("10.0.0.5:7000"), &packet(9, 2), 50_000, false), Verdict::Moved);
    }

    #[test]
    fn where_the_signalling_came_from_the_media_may_come_from_too() {
        for signalled in ["10.0.0.5:4000", PEER] {
            let mut latch = Latch::new(Some(at(NAT).ip()));
            latch.signal(Some(at(signalled)));
            for n in 0..3 {
                latch.judge(at(STRANGER), &packet(7, n), 0, false);
            }
            // A stranger who was first is there for as long as it takes the peer to say three packets.
            let verdicts: Vec<_> = (0..3).map(|n| latch.judge(at(NAT), &packet(9, n), 1, false)).collect();
            assert_eq!(verdicts, [Verdict::Refuse, Verdict::Refuse, Verdict::Moved], "{signalled}");
            for n in 3..20 {
                assert_eq!(latch.judge(at(STRANGER), &packet(7, n), 2, false), Verdict::Refuse);
            }
        }
    }

    #[test]
    fn one_on_probation_is_not_kept_from_it_by_others() {
        let mut latch = Latch::default();
        latch.signal(Some(at("10.0.0.5:4000")));
        let mut last = Verdict::Refuse;
        for n in 0..3_u16 {
            for stranger in 1..=3 {
                let from = SocketAddr::new([198, 51, 100, stranger].into(), 9);
                assert_eq!(latch.judge(from, &packet(7, n * 2), u64::from(n), false), Verdict::Refuse);
            }
            last = latch.judge(at(NAT), &packet(7, n), u64::from(n), false);
        }
        assert_eq!(last, Verdict::Moved);
        // Those who never get any further keep their places for no longer than a pause.
        let mut latch = Latch::default();
        latch.signal(Some(at("10.0.0.5:4000")));
        for n in 0..100 {
            for stranger in 1..=4 {
                let from = SocketAddr::new([198, 51, 100, stranger].into(), 9);
                latch.judge(from, &packet(7, n * 2), u64::from(n) * 5_000, false);
            }
        }
        let verdicts: Vec<_> = (0..3).map(|n| latch.judge(at(NAT), &packet(7, n), SILENCE, false)).collect();
        assert_eq!(verdicts[2], Verdict::Moved);
    }

    #[test]
    fn a_packet_that_was_overtaken_moves_nobody() {
        let mut latch = latched();
        for (authentic, from) in [(true, STRANGER), (false, "10.0.0.5:4000")] {
            latch.judge(at(NAT), &packet(7, 20), 70_000, false);
            latch.judge(at(NAT), &packet(7, 19), 71_000, false);
            assert_eq!(latch.judge(at(from), &packet(7, 18), 72_000, authentic), Verdict::Take);
            assert_eq!(latch.remote(), Some(at(NAT)));
        }
        // Nor does an old one, when the peer is silent: only what goes on.
        let moved = |latch: &mut Latch, first: u16| {
            (first..first + 3).map(|n| latch.judge(at(STRANGER), &packet(7, n), 700_000, false)).collect::<Vec<_>>()
        };
        assert_eq!(moved(&mut latch, 16), [Verdict::Refuse; 3]);
        assert_eq!(moved(&mut latch, 21)[2], Verdict::Moved);
    }

    #[test]
    fn a_new_signalled_address_begins_anew() {
        let mut latch = latched();
        latch.signal(Some(at(PEER)));
        assert_eq!(latch.remote(), Some(at(PEER)));
    }
}
