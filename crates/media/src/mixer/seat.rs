//! The seats of a room, and what is known of who sits there.

use crate::dsp::level::Vad;

/// Names a seat; valid until [`super::Mixer::leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub(super) u32);

/// How a room mixes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixerSettings {
    /// Samples in a frame.
    pub frame: usize,
    /// How many talkers are summed at most.
    pub loudest: usize,
    /// Whether those who do not talk are left out, so that their noise does not add up.
    pub gate: bool,
}

impl MixerSettings {
    /// For a conference: three talkers, gated.
    #[must_use]
    pub fn conference(frame: usize) -> Self {
        Self { frame, loudest: 3, gate: true }
    }

    /// For a call of two or three: everything is heard as it is.
    #[must_use]
    pub fn call(frame: usize) -> Self {
        Self { frame, loudest: usize::MAX, gate: false }
    }
}

/// What one does in a room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Factor of amplitude for what he says.
    pub talk_gain: f32,
    /// Factor of amplitude for what he hears.
    pub hear_gain: f32,
    /// Nobody hears him.
    pub muted: bool,
    /// He hears nobody.
    pub deaf: bool,
    /// Only this seat hears him.
    pub coach_for: Option<Seat>,
}

impl Default for Part {
    fn default() -> Self {
        Self { talk_gain: 1.0, hear_gain: 1.0, muted: false, deaf: false, coach_for: None }
    }
}

/// What [`super::Mixer::hear`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Silence.
    Silence,
    /// The common mix, as everybody who gets this answer.
    Common,
    /// A mix for this seat alone.
    Own,
}

/// A seat with what is known of who has it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) taken: bool,
    pub(super) part: Part,
    pub(super) vad: Vad,
    pub(super) level: f32,
    pub(super) fed: bool,
    pub(super) chosen: bool,
    /// The factor reached at the end of the last frame.
    pub(super) gain: f32,
    /// Whether his frame, scaled, is in the sum.
    pub(super) summed: bool,
    /// Factors for single talkers that differ from 1.
    pub(super) pairs: Vec<(Seat, f32)>,
}

impl State {
    pub(super) fn new(part: Part) -> Self {
        let vad = Vad::default();
        Self {
            taken: true,
            part,
            vad,
            level: 0.0,
            fed: false,
            chosen: false,
            gain: 0.0,
            summed: false,
            pairs: Vec::new(),
        }
    }
}
