//! Where packets wait: a slot for each of the next numbers.

use super::Sound;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// A packet without sound came.
    Note,
    Sound,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    holds: Holds,
    pub(super) timestamp: u32,
    pub(super) ticks: u32,
    pub(super) payload_type: u8,
    length: u16,
}

const EMPTY: Slot = Slot { holds: Holds::Nothing, timestamp: 0, ticks: 0, payload_type: 0, length: 0 };

/// Numbers that came, of the last 64 before the first slot.
type Past = u64;

#[derive(Debug)]
pub(super) struct Ring {
    slots: Box<[Slot]>,
    data: Box<[u8]>,
    largest: usize,
    /// The number of the first slot.
    first: u16,
    /// Bit n: the number n + 1 before the first came.
    past: Past,
}

impl Ring {
    /// `packets` is a power of two.
    pub(super) fn new(packets: usize, largest: usize) -> Self {
        let largest = largest.min(usize::from(u16::MAX));
        Self { slots: vec![EMPTY; packets].into(), data: vec![0; packets * largest].into(), largest, first: 0, past: 0 }
    }

    pub(super) fn largest(&self) -> usize {
        self.largest
    }

    /// Empties the slots.
    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
    }

    /// Forgets which numbers came.
    pub(super) fn forget(&mut self) {
        self.past = 0;
    }

    /// Empties the slots; the first is now for this number.
    pub(super) fn begin(&mut self, first: u16) {
        self.clear();
        let on = first.wrapping_sub(self.first);
        self.past = if on == 0 { self.past } else { self.past.checked_shl(on.into()).unwrap_or(0) };
        self.first = first;
    }

    fn index(&self, place: usize) -> usize {
        (usize::from(self.first) + place) % self.slots.len()
    }

    fn slot(&self, place: usize) -> &Slot {
        &self.slots[self.index(place)]
    }

    /// How many numbers a packet is ahead of the first slot; negative if it is behind.
    pub(super) fn ahead(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.first).cast_signed()
    }

    /// Whether a number came before, waiting or past.
    pub(super) fn was(&self, sequence: u16) -> bool {
        match self.ahead(sequence) {
            ahead @ -64..=-1 => self.past >> (-1 - ahead) & 1 == 1,
            ahead if ahead >= 0 && usize::from(ahead.cast_unsigned()) < self.slots.len() => {
                self.slot(ahead.cast_unsigned().into()).holds != Holds::Nothing
            }
            _ => false,
        }
    }

    /// Moves the first slot back to an earlier number, if what waits still fits and nothing in between was played.
    pub(super) fn begin_earlier(&mut self, sequence: u16) -> bool {
        let back = usize::from(self.first.wrapping_sub(sequence));
        let kept = self.slots.len().saturating_sub(back);
        let played = back < 64 && self.past & ((1 << back) - 1) != 0;
        if played
            || back >= self.slots.len()
            || (kept..self.slots.len()).any(|place| self.slot(place).holds != Holds::Nothing)
        {
            return false;
        }
        self.first = sequence;
        self.past >>= back;
        true
    }

    /// Keeps a packet whose number is one of the slots'. False if it came before.
    pub(super) fn put(&mut self, sound: &Sound) -> bool {
        let index = usize::from(sound.sequence) % self.slots.len();
        if self.slots[index].holds != Holds::Nothing {
            return false;
        }
        self.slots[index] = Slot {
            holds: Holds::Sound,
            timestamp: sound.timestamp,
            ticks: sound.ticks,
            payload_type: sound.payload_type,
            length: sound.payload.len() as u16,
        };
        let start = index * self.largest;
        self.data[start..start + sound.payload.len()].copy_from_slice(sound.payload);
        true
    }

    /// Notes that a packet without sound came.
    pub(super) fn note(&mut self, sequence: u16) {
        let slot = &mut self.slots[usize::from(sequence) % self.slots.len()];
        if slot.holds == Holds::Nothing {
            slot.holds = Holds::Note;
        }
    }

    /// Goes on to the next number; what the slot held.
    fn drop_first(&mut self) -> Holds {
        let index = self.index(0);
        let holds = std::mem::replace(&mut self.slots[index].holds, Holds::Nothing);
        self.past = self.past << 1 | Past::from(holds != Holds::Nothing);
        self.first = self.first.wrapping_add(1);
        holds
    }

    /// Goes on by so many numbers; in how many there was sound that is given up.
    pub(super) fn give_up(&mut self, places: usize) -> u64 {
        (0..places).map(|_| u64::from(self.drop_first() == Holds::Sound)).sum()
    }

    /// Goes on by so many numbers; how many of them never came.
    pub(super) fn skip(&mut self, places: usize) -> u64 {
        (0..places).map(|_| u64::from(self.drop_first() == Holds::Nothing)).sum()
    }

    /// Goes past packets without sound.
    pub(super) fn pass_notes(&mut self) {
        while self.slot(0).holds == Holds::Note {
            self.drop_first();
        }
    }

    /// The first packet with sound: its place and timestamp.
    pub(super) fn first_present(&self) -> Option<(usize, u32)> {
        (0..self.slots.len())
            .map(|place| (place, self.slot(place)))
            .find(|(_, slot)| slot.holds == Holds::Sound)
            .map(|(place, slot)| (place, slot.timestamp))
    }

    pub(super) fn is_sound(&self, place: usize) -> bool {
        self.slot(place).holds == Holds::Sound
    }

    fn payload(&self, index: usize) -> &[u8] {
        let start = index * self.largest;
        &self.data[start..start + usize::from(self.slots[index].length)]
    }

    /// The payload in the first slot.
    pub(super) fn first_payload(&self) -> &[u8] {
        self.payload(self.index(0))
    }

    /// Takes the packet out of the first slot. Its payload is [`Ring::taken`] until the next is put.
    pub(super) fn take_first(&mut self) -> Slot {
        let slot = *self.slot(0);
        self.drop_first();
        slot
    }

    /// The payload of the packet that was taken last.
    pub(super) fn taken(&self) -> &[u8] {
        self.payload((usize::from(self.first) + self.slots.len() - 1) % self.slots.len())
    }
}
