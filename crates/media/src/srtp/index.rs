//! Packet indices and the window of those that have come (RFC 3711 3.3).

/// How many of the latest packets are remembered: what is older is not taken.
pub const WINDOW: u64 = 128;

/// Indices have 48 bits.
const END: u64 = 1 << 48;

/// The indices of a stream that have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The highest index; `None` before the first packet.
    highest: Option<u64>,
    /// Bit n: the packet n before the highest has come.
    seen: u128,
}

impl Window {
    /// The index of a packet by its sequence number: of those with that number the nearest to the highest one that has
    /// come (RFC 3711 3.3.1, appendix A). `None` when it would be beyond 48 bits.
    pub(super) fn estimate(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest else { return Some(u64::from(sequence)) };
        let ahead = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let index = highest as i64 + ahead;
        // Before the first packet there is none: a number that looks so is a round ahead.
        let index = if index < 0 { index + 0x1_0000 } else { index };
        Some(index as u64).filter(|index| *index < END)
    }

    /// Whether a packet is neither too old nor has it come before.
    pub(super) fn is_new(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                let behind = highest - index;
                behind < WINDOW && self.seen >> behind & 1 == 0
            }
            _ => true,
        }
    }

    /// Notes a packet that [`Self::is_new`].
    pub(super) fn take(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => self.seen |= 1_u128.checked_shl((highest - index) as u32).unwrap_or(0),
            Some(highest) => {
                let moved = u32::try_from(index - highest).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(moved).unwrap_or(0) | 1;
                self.highest = Some(index);
            }
            None => *self = Self { highest: Some(index), seen: 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sequence_number_stands_for_the_nearest_index() {
        for (highest, sequence, index) in [
            (None, 65_535, Some(65_535)),
            (Some(65_535), 0, Some(65_536)),
            (Some(65_536), 65_535, Some(65_535)),
            (Some(0x1_8000), 0x7fff, Some(0x1_7fff)),
            (Some(0x1_8000), 0, Some(0x1_0000)),
            (Some(0x1_7fff), 0xfffe, Some(0x1_fffe)),
            (Some(5), 0xffff, Some(0xffff)),
            (Some(END - 1), 0xfffe, Some(END - 2)),
            (Some(END - 1), 0, None),
        ] {
            let window = Window { highest, seen: 1 };
            assert_eq!(window.estimate(sequence), index, "{highest:?} {sequence}");
        }
    }

    #[test]
    fn each_index_is_taken_once_within_the_window() {
        let mut window = Window::default();
        for (index, new) in [(1_000, true), (1_000, false), (1_127, true), (999, false), (1_001, true), (1_001, false)]
        {
            assert_eq!(window.is_new(index), new, "{index}");
            if new {
                window.take(index);
            }
        }
        window.take(1_127 + 128);
        assert!(!window.is_new(1_127) && window.is_new(1_128));
    }

    proptest! {
        /// Against a set of all that has come, with losses, reordering and repetition.
        #[test]
        fn no_index_twice(steps in prop::collection::vec(-200_i64..300, 1..400)) {
            let mut window = Window::default();
            let mut taken = std::collections::HashSet::new();
            let mut highest = 70_000_u64;
            for step in steps {
                let index = highest.saturating_add_signed(step);
                let sequence = index as u16;
                let estimated = if taken.is_empty() { index } else { window.estimate(sequence).unwrap() };
                prop_assert_eq!(estimated, index);
                let fresh = !taken.contains(&index) && (taken.is_empty() || index + WINDOW > highest);
                prop_assert_eq!(window.is_new(index), fresh, "{} behind {}", index, highest);
                if fresh {
                    window.take(index);
                    taken.insert(index);
                    highest = if taken.len() == 1 { index } else { highest.max(index) };
                }
            }
        }
    }
}
