//! The streams of one direction.

/// Something kept for each SSRC, so many at most.
#[derive(Clone, Debug)]
pub(super) struct Streams<T> {
    /// The latest in use first.
    known: [Option<(u32, T)>; Streams::<()>::MOST],
}

impl Streams<()> {
    /// Streams followed at once: a peer has one, and a new one each time somebody else speaks in its place.
    pub(super) const MOST: usize = 8;
}

impl<T: Copy + Default> Default for Streams<T> {
    fn default() -> Self {
        Self { known: [None; Streams::<()>::MOST] }
    }
}

impl<T: Copy + Default> Streams<T> {
    /// What is kept for a stream: as new for one that is not known.
    pub(super) fn of(&self, ssrc: u32) -> T {
        self.known.iter().flatten().find(|(known, _)| *known == ssrc).map_or_else(T::default, |(_, kept)| *kept)
    }

    /// Whether another stream would push one out.
    pub(super) fn is_full_for(&self, ssrc: u32) -> bool {
        self.known.iter().all(|slot| slot.is_some_and(|(known, _)| known != ssrc))
    }

    /// Keeps it; the stream that was used longest ago goes when there are too many.
    pub(super) fn keep(&mut self, ssrc: u32, kept: T) {
        let is_slot = |slot: &Option<(u32, T)>| slot.is_none_or(|(known, _)| known == ssrc);
        let at = self.known.iter().position(is_slot).unwrap_or(self.known.len() - 1);
        self.known[..=at].rotate_right(1);
        self.known[0] = Some((ssrc, kept));
    }
}
