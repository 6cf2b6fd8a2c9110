//! The guard against replays: which count each nonce has come to (RFC 7616 section 3.4, `nc`).
//!
//! Only requests whose digest was right are noted, so that a stranger cannot fill the table. It is
//! divided by the time at which the nonces were issued: expiry drops whole divisions, and when the
//! table is full the oldest goes, its nonces being stale from then on. Nothing that was once noted can
//! therefore be used again unnoticed.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::nonce::Nonce;

/// Divisions over the life of a nonce.
const DIVISIONS: u32 = 64;

/// One use of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// What must grow: `nc`, or the CSeq number of a client without `qop`.
    pub(super) count: u32,
    /// What `count` belongs to: 0 with `nc`, else a hash of the Call-ID.
    pub(super) scope: u32,
    /// A hash of what makes two requests the same one, sent twice.
    pub(super) fingerprint: u64,
}

/// What the guard says of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Not used like this before; noted.
    New,
    /// The very request that was noted last: a retransmission.
    Again,
    /// The count did not grow, or the scope is another.
    Replayed,
    /// The nonce belongs to a division that had to go.
    Forgotten,
}

/// The counts, by nonce, by time of issue.
#[derive(Debug)]
pub(super) struct ReplayGuard {
    /// Seconds of a division.
    width: u32,
    lifetime: u32,
    capacity: usize,
    noted: usize,
    /// The first division that has not been thrown away.
    floor: u32,
    /// In order of time, oldest first; empty divisions are left out.
    divisions: VecDeque<(u32, FxHashMap<u64, Use>)>,
}

impl ReplayGuard {
    pub(super) fn new(lifetime: u32, capacity: usize) -> Self {
        let width = (lifetime / DIVISIONS).max(1);
        Self { width, lifetime, capacity: capacity.max(1), noted: 0, floor: 0, divisions: VecDeque::new() }
    }

    /// How many nonces are noted.
    pub(super) fn len(&self) -> usize {
        self.noted
    }

    /// Judges and notes a use of a nonce that has not expired. `now` in seconds.
    pub(super) fn note(&mut self, nonce: Nonce, usage: Use, now: u32) -> Seen {
        self.expire(now);
        let slot = nonce.issued / self.width;
        if slot < self.floor {
            return Seen::Forgotten;
        }
        let place = self.divisions.partition_point(|(s, _)| *s < slot);
        if let Some(last) =
            self.divisions.get_mut(place).filter(|(s, _)| *s == slot).and_then(|(_, m)| m.get_mut(&nonce.id))
        {
            if *last == usage {
                return Seen::Again;
            }
            if last.scope != usage.scope || usage.count <= last.count {
                return Seen::Replayed;
            }
            *last = usage;
            return Seen::New;
        }
        if self.noted == self.capacity {
            self.drop_oldest();
            if slot < self.floor {
                return Seen::Forgotten;
            }
        }
        let place = self.divisions.partition_point(|(s, _)| *s < slot);
        if self.divisions.get(place).is_none_or(|(s, _)| *s != slot) {
            self.divisions.insert(place, (slot, FxHashMap::default()));
        }
        self.divisions[place].1.insert(nonce.id, usage);
        self.noted += 1;
        Seen::New
    }

    fn expire(&mut self, now: u32) {
        let dead = now.saturating_sub(self.lifetime) / self.width;
        while self.divisions.front().is_some_and(|(slot, _)| *slot < dead) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((slot, nonces)) = self.divisions.pop_front() {
            self.noted -= nonces.len();
            self.floor = slot + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(count: u32) -> Use {
        Use { count, scope: 0, fingerprint: u64::from(count) }
    }

    #[test]
    fn counts_must_grow_and_a_retransmission_is_known() {
        let mut guard = ReplayGuard::new(300, 10);
        let nonce = Nonce { issued: 100, id: 1 };
        assert_eq!(guard.note(nonce, usage(1), 100), Seen::New);
        assert_eq!(guard.note(nonce, usage(1), 100), Seen::Again);
        assert_eq!(guard.note(nonce, Use { fingerprint: 9, ..usage(1) }, 100), Seen::Replayed);
        assert_eq!(guard.note(nonce, usage(3), 100), Seen::New);
        assert_eq!(guard.note(nonce, usage(2), 100), Seen::Replayed);
        assert_eq!(guard.note(nonce, Use { scope: 5, ..usage(4) }, 100), Seen::Replayed);
        assert_eq!(guard.note(Nonce { id: 2, ..nonce }, usage(1), 100), Seen::New);
    }

    #[test]
    fn a_full_table_gives_up_its_oldest_division_and_never_grows() {
        let mut guard = ReplayGuard::new(300, 3);
        for id in 0..3 {
            assert_eq!(guard.note(Nonce { issued: 100 + 10 * id, id: u64::from(id) }, usage(1), 130), Seen::New);
        }
        assert_eq!(guard.note(Nonce { issued: 130, id: 9 }, usage(1), 130), Seen::New);
        assert_eq!(guard.len(), 3);
        assert_eq!(guard.note(Nonce { issued: 100, id: 0 }, usage(2), 130), Seen::Forgotten);
        assert_eq!(guard.note(Nonce { issued: 110, id: 1 }, usage(1), 130), Seen::Again);
    }

    #[test]
    fn expired_divisions_leave_the_table() {
        let mut guard = ReplayGuard::new(300, 100);
        for id in 0..50 {
            guard.note(Nonce { issued: 10, id }, usage(1), 10);
        }
        assert_eq!(guard.len(), 50);
        guard.note(Nonce { issued: 400, id: 99 }, usage(1), 400);
        assert_eq!(guard.len(), 1);
    }
}
