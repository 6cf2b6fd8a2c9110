//! Timers for machines that have no clock.
//!
//! A hierarchical wheel of nine levels with 64 slots each over ticks of 1,024 microseconds, which
//! spans every [`Time`] there is, and a small heap for the tick at hand. Setting and cancelling
//! cost the same with ten timers and with a million, a cancelled timer leaves nothing behind, and
//! timers fire in order of time, exact to the microsecond.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;

/// Microseconds in a tick, as a power of two.
const TICK_BITS: u32 = 10;
/// Slots in a level, as a power of two.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Enough for 64 bits of microseconds.
const LEVELS: usize = ((64 - TICK_BITS) / SLOT_BITS) as usize;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// Names one timer that was set; harmless once it has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerHandle {
    index: u32,
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    Near,
    Slot(u16),
}

#[derive(Clone, Copy, Debug)]
struct Entry<K> {
    at: Time,
    key: K,
    generation: u32,
    place: Place,
    /// Neighbours in the slot's list; `next` also links the free entries.
    previous: u32,
    next: u32,
}

/// An entry of the heap: when, which, and the generation it had.
type Near = (Time, u32, u32);

/// Timers, each with a key that comes back when it is due.
///
/// Timers due at the same microsecond come in an order that is arbitrary but repeatable.
#[derive(Debug)]
pub struct Timers<K> {
    entries: Vec<Entry<K>>,
    free: u32,
    live: usize,
    /// The tick up to which slots have been emptied into `near`.
    tick: u64,
    occupied: [u64; LEVELS],
    heads: Box<[u32]>,
    near: BinaryHeap<Reverse<Near>>,
}

impl<K: Copy> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy> Timers<K> {
    /// No timers.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            live: 0,
            tick: 0,
            occupied: [0; LEVELS],
            heads: vec![NONE; LEVELS * SLOTS].into(),
            near: BinaryHeap::new(),
        }
    }

    /// Sets a timer that is due at `at`; at once if that has passed.
    pub fn set(&mut self, at: Time, key: K) -> TimerHandle {
        let index = self.allocate(at, key);
        self.place(index);
        self.live += 1;
        TimerHandle { index, generation: self.entries[index as usize].generation }
    }

    /// Cancels a timer. Does nothing if it has fired or was cancelled already.
    pub fn cancel(&mut self, handle: TimerHandle) {
        let Some(entry) = self.entries.get(handle.index as usize) else { return };
        if entry.generation != handle.generation || entry.place == Place::Free {
            return;
        }
        if let Place::Slot(slot) = entry.place {
            self.unlink(handle.index, slot);
        }
        // One in the heap stays there until it surfaces, and is then known by its generation.
        self.release(handle.index);
    }

    /// When [`Timers::pop_due`] should be called next: at the next timer or before it, never
    /// after. `None` if no timer is set.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        if self.live == 0 {
            return None;
        }
        match self.near.peek() {
            Some(Reverse((at, _, _))) => Some(*at),
            None => self.next_slot().map(|(_, tick)| Time(tick << TICK_BITS)),
        }
    }

    /// Takes one timer that is due by `now`; call it until it gives `None`.
    pub fn pop_due(&mut self, now: Time) -> Option<K> {
        loop {
            while let Some(&Reverse((at, index, generation))) = self.near.peek() {
                let entry = &self.entries[index as usize];
                let live = entry.generation == generation && entry.place == Place::Near;
                if live && at > now {
                    return None;
                }
                self.near.pop();
                if live {
                    let key = entry.key;
                    self.release(index);
                    return Some(key);
                }
            }
            let now_tick = now.0 >> TICK_BITS;
            match self.next_slot() {
                Some((slot, tick)) if tick <= now_tick => {
                    self.tick = tick;
                    self.empty(slot);
                }
                _ => {
                    self.tick = self.tick.max(now_tick);
                    return None;
                }
            }
        }
    }

    /// How many timers are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether no timer is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    fn allocate(&mut self, at: Time, key: K) -> u32 {
        let fresh = Entry { at, key, generation: 0, place: Place::Free, previous: NONE, next: NONE };
        match self.entries.get_mut(self.free as usize) {
            Some(entry) => {
                let index = self.free;
                self.free = entry.next;
                *entry = Entry { generation: entry.generation, ..fresh };
                index
            }
            None => {
                self.entries.push(fresh);
                (self.entries.len() - 1) as u32
            }
        }
    }

    fn release(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.place = Place::Free;
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = self.free;
        self.free = index;
        self.live -= 1;
    }

    /// Puts an entry into the heap or into the slot of the highest bits in which its tick differs
    /// from the present one.
    fn place(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let tick = entry.at.0 >> TICK_BITS;
        if tick <= self.tick {
            entry.place = Place::Near;
            self.near.push(Reverse((entry.at, index, entry.generation)));
            return;
        }
        let level = (63 - (tick ^ self.tick).leading_zeros()) / SLOT_BITS;
        let within = (tick >> (level * SLOT_BITS)) as usize & (SLOTS - 1);
        let slot = level as usize * SLOTS + within;
        let head = self.heads[slot];
        entry.place = Place::Slot(slot as u16);
        entry.previous = NONE;
        entry.next = head;
        if let Some(follower) = self.entries.get_mut(head as usize) {
            follower.previous = index;
        }
        self.heads[slot] = index;
        self.occupied[level as usize] |= 1 << within;
    }

    fn unlink(&mut self, index: u32, slot: u16) {
        let Entry { previous, next, .. } = self.entries[index as usize];
        if let Some(follower) = self.entries.get_mut(next as usize) {
            follower.previous = previous;
        }
        match self.entries.get_mut(previous as usize) {
            Some(leader) => leader.next = next,
            None => self.set_head(slot as usize, next),
        }
    }

    fn set_head(&mut self, slot: usize, head: u32) {
        self.heads[slot] = head;
        if head == NONE {
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }

    /// The first slot that has timers and the tick it begins at.
    fn next_slot(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        // Every slot in use lies ahead of the present one, as only then its bits differ.
        let within = self.occupied[level].trailing_zeros();
        let low = level as u32 * SLOT_BITS;
        let above = self.tick.checked_shr(low + SLOT_BITS).unwrap_or(0).checked_shl(low + SLOT_BITS).unwrap_or(0);
        Some((level * SLOTS + within as usize, above | u64::from(within) << low))
    }

    /// Moves the timers of a slot to where they belong now that its time has come.
    fn empty(&mut self, slot: usize) {
        let mut index = self.heads[slot];
        self.set_head(slot, NONE);
        while index != NONE {
            let next = self.entries[index as usize].next;
            self.place(index);
            index = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn drain(timers: &mut Timers<u32>, now: Time) -> Vec<u32> {
        std::iter::from_fn(|| timers.pop_due(now)).collect()
    }

    #[test]
    fn a_timer_fires_at_its_microsecond_and_not_before() {
        let mut timers = Timers::new();
        timers.set(Time(500_000), 1);
        assert_eq!(drain(&mut timers, Time(499_999)), []);
        assert_eq!(timers.next(), Some(Time(500_000)));
        assert_eq!(drain(&mut timers, Time(500_000)), [1]);
        assert_eq!(timers.next(), None);
        assert!(timers.is_empty());
    }

    #[test]
    fn timers_fire_in_order_of_time_over_every_level() {
        let mut timers = Timers::new();
        for bit in (0..63).rev() {
            timers.set(Time(1 << bit), bit);
        }
        timers.set(Time(u64::MAX), 63);
        let mut fired = Vec::new();
        while let Some(at) = timers.next() {
            fired.extend(drain(&mut timers, at));
        }
        assert_eq!(fired, (0..64).collect::<Vec<_>>());
    }

    #[test]
    fn a_timer_in_the_past_fires_at_once() {
        let mut timers = Timers::new();
        assert_eq!(drain(&mut timers, Time(90_000_000)), []);
        timers.set(Time(5), 7);
        assert!(timers.next() <= Some(Time(90_000_000)));
        assert_eq!(drain(&mut timers, Time(90_000_000)), [7]);
    }

    #[test]
    fn a_cancelled_timer_never_fires_and_its_handle_stays_harmless() {
        let mut timers = Timers::new();
        let near = timers.set(Time(10), 1);
        let far = timers.set(Time(32_000_000), 2);
        timers.cancel(near);
        timers.cancel(far);
        assert!(timers.is_empty());
        let other = timers.set(Time(32_000_000), 3);
        timers.cancel(near);
        timers.cancel(far);
        assert_eq!(timers.len(), 1);
        assert_eq!(drain(&mut timers, Time(33_000_000)), [3]);
        timers.cancel(other);
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn cancelled_timers_leave_nothing_behind() {
        let mut timers = Timers::new();
        for round in 0..10_000_u32 {
            let now = Time(u64::from(round) * 1_000);
            let handle = timers.set(now.after(Duration::from_secs(32)), round);
            timers.cancel(handle);
            assert_eq!(timers.pop_due(now), None);
        }
        assert_eq!(timers.entries.len(), 1);
        assert!(timers.near.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(u64),
        Cancel(usize),
        Advance(u64),
        AdvanceToNext,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => prop_oneof![0..3_000_u64, 0..1_000_000_u64, 0..40_000_000_u64, 0..u64::MAX >> 9].prop_map(Step::Set),
            2 => any::<usize>().prop_map(Step::Cancel),
            2 => prop_oneof![0..2_000_u64, 0..50_000_000_u64].prop_map(Step::Advance),
            2 => Just(Step::AdvanceToNext),
        ]
    }

    proptest! {
        #[test]
        fn the_wheel_agrees_with_a_sorted_map(steps in proptest::collection::vec(step(), 1..200)) {
            let mut timers = Timers::new();
            let mut model: BTreeMap<u32, (u64, TimerHandle)> = BTreeMap::new();
            let mut now = 1_700_000_000_000_000_u64;
            for (key, step) in steps.into_iter().enumerate() {
                let key = key as u32;
                match step {
                    Step::Set(after) => {
                        let at = now.saturating_add(after);
                        model.insert(key, (at, timers.set(Time(at), key)));
                    }
                    Step::Cancel(which) => {
                        let victim = model.keys().nth(which % model.len().max(1)).copied();
                        if let Some((_, handle)) = victim.and_then(|k| model.remove(&k)) {
                            timers.cancel(handle);
                        }
                    }
                    Step::Advance(by) => now += by,
                    Step::AdvanceToNext => now = timers.next().map_or(now, |t| t.0.max(now)),
                }
                let mut last = 0;
                while let Some(fired) = timers.pop_due(Time(now)) {
                    let (at, _) = model.remove(&fired).expect("fired once, and not after it was cancelled");
                    prop_assert!(at <= now && at >= last);
                    last = at;
                }
                prop_assert!(model.values().all(|(at, _)| *at > now));
                prop_assert_eq!(timers.len(), model.len());
                let earliest = model.values().map(|(at, _)| *at).min();
                match (timers.next(), earliest) {
                    (Some(next), Some(earliest)) => prop_assert!(next.0 > now && next.0 <= earliest),
                    (next, earliest) => prop_assert!(next.is_none() && earliest.is_none()),
                }
            }
        }
    }
}
