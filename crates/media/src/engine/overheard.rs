//! What a leg hears, kept from when it is said to it until the frame is recorded: the second channel of the leg's own
//! recorders.

/// The frame of now.
#[derive(Default)]
pub(super) struct Overheard {
    samples: Vec<i16>,
    rate: u32,
}

impl Overheard {
    /// Keeps what is said to the leg in this frame.
    pub(super) fn put(&mut self, frame: &[i16], rate: u32) {
        self.samples.clear();
        self.samples.extend_from_slice(frame);
        self.rate = rate;
    }

    /// What was said to it, and at which rate; nothing if it heard nothing.
    pub(super) fn frame(&self) -> (&[i16], u32) {
        (&self.samples, self.rate)
    }

    /// The frame is over.
    pub(super) fn clear(&mut self) {
        self.samples.clear();
    }
}
