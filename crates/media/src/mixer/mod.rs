//! A room of people who hear each other: N sources, N sinks, one sum.
//!
//! ```text
//!   seat 0: frame -> gain -> talks? --.                    .--> sum - own 0
//!   seat 1: frame -> gain -> talks? ---+-> k loudest, sum --+--> sum - own 1
//!   seat 2: frame -> gain -> muted     '                    '--> sum (the common mix)
//! ```
//!
//! Only the loudest of those who talk are summed. Everybody who is not among them hears the same, the
//! *common mix*, which is limited once and need be encoded only once; a talker hears the sum less himself.
//! A coach is not in the sum but added for the one who is coached. Who comes into the sum or leaves it does so
//! over one frame, without a click.

mod seat;
mod sum;
#[cfg(test)]
mod tests;
mod tick;

pub use seat::{Heard, MixerSettings, Part, Seat};

use self::seat::State;
use self::sum::{accumulate, clamp_gain, finish};
use crate::dsp::level::ramp;

/// One room's mix. A tick is: [`Mixer::talk`] for each who said something, [`Mixer::mix`], [`Mixer::hear`] for each.
#[derive(Debug)]
pub struct Mixer {
    settings: MixerSettings,
    seats: Vec<State>,
    /// Frame after frame, one a seat: what was said, then what it contributes.
    said: Vec<i16>,
    sum: Vec<i32>,
    common: Vec<i16>,
    scratch: Vec<i32>,
    ranking: Vec<(f32, u32)>,
    /// Who coaches, and whom, in this tick.
    coaches: Vec<(Seat, Seat)>,
    summed: usize,
    limit: bool,
}

impl Mixer {
    /// An empty room.
    #[must_use]
    pub fn new(settings: MixerSettings) -> Self {
        Self {
            settings,
            seats: Vec::new(),
            said: Vec::new(),
            sum: vec![0; settings.frame],
            common: vec![0; settings.frame],
            scratch: vec![0; settings.frame],
            ranking: Vec::new(),
            coaches: Vec::new(),
            summed: 0,
            limit: false,
        }
    }

    /// Changes how many are summed at most, and whether those who do not talk are left out.
    pub fn set(&mut self, loudest: usize, gate: bool) {
        (self.settings.loudest, self.settings.gate) = (loudest, gate);
    }

    /// Somebody comes in. Allocates; nothing else does but [`Mixer::pair`].
    pub fn join(&mut self, part: Part) -> Seat {
        let index = self.seats.iter().position(|s| !s.taken).unwrap_or(self.seats.len());
        if index == self.seats.len() {
            self.seats.push(State::new(part));
            self.said.resize(self.seats.len() * self.settings.frame, 0);
            self.ranking.reserve(self.seats.len());
            self.coaches.reserve(self.seats.len());
        } else {
            self.seats[index] = State::new(part);
        }
        Seat(index as u32)
    }

    /// Somebody leaves; his seat may be given to another. Who coached him is heard by nobody.
    pub fn leave(&mut self, seat: Seat) {
        if let Some(state) = self.seats.get_mut(seat.0 as usize) {
            *state = State { taken: false, ..State::new(Part::default()) };
        }
        self.coaches.retain(|(coach, coached)| *coach != seat && *coached != seat);
        for state in &mut self.seats {
            state.pairs.retain(|(talker, _)| *talker != seat);
            if state.part.coach_for == Some(seat) {
                state.part.coach_for = None;
                state.part.muted = true;
            }
        }
    }

    /// Changes what somebody does, from the next frame on.
    pub fn change(&mut self, seat: Seat, part: Part) {
        if let Some(state) = self.state(seat) {
            state.part = part;
        }
    }

    /// What somebody does.
    #[must_use]
    pub fn part(&self, seat: Seat) -> Option<Part> {
        self.seats.get(seat.0 as usize).filter(|s| s.taken).map(|s| s.part)
    }

    /// Sets by which factor `hearer` hears `talker`, beside the gains of both; 0 is not at all.
    pub fn pair(&mut self, hearer: Seat, talker: Seat, gain: f32) {
        if self.state(talker).is_none() {
            return;
        }
        if let Some(state) = self.state(hearer) {
            state.pairs.retain(|(other, _)| *other != talker);
            if gain != 1.0 {
                state.pairs.push((talker, clamp_gain(gain)));
            }
        }
    }

    /// The frame of a talker, to be written into; a seat that is not asked for it is silent this time. `None` if
    /// nobody has the seat.
    pub fn talk(&mut self, seat: Seat) -> Option<&mut [i16]> {
        self.state(seat)?.fed = true;
        let frame = self.settings.frame;
        self.said.get_mut(seat.0 as usize * frame..)?.get_mut(..frame)
    }

    /// Whether somebody talks, by the last frame; true for one who is muted, too.
    #[must_use]
    pub fn is_talking(&self, seat: Seat) -> bool {
        self.seats.get(seat.0 as usize).is_some_and(|s| s.taken && s.vad.talking())
    }

    /// How loud somebody was lately, a power; 0.0 if nobody has the seat.
    #[must_use]
    pub fn level(&self, seat: Seat) -> f32 {
        self.seats.get(seat.0 as usize).filter(|s| s.taken).map_or(0.0, |s| s.level)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.iter().filter(|s| s.taken).count()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What everybody hears who is not in the sum himself; what a recording of the room takes.
    #[must_use]
    pub fn common(&self) -> &[i16] {
        &self.common
    }

    /// Writes what a seat hears into `out`, one frame.
    pub fn hear(&mut self, seat: Seat, out: &mut [i16]) -> Heard {
        let frame = self.settings.frame.min(out.len());
        let out = &mut out[..frame];
        let Some(state) = self.seats.get(seat.0 as usize).filter(|s| s.taken && !s.part.deaf) else {
            out.fill(0);
            return Heard::Silence;
        };
        let own = state.summed;
        let adjusted = state.pairs.iter().any(|(talker, _)| self.seats[talker.0 as usize].summed);
        let coached = self.coaches.iter().any(|(_, coached)| *coached == seat);
        let gain = clamp_gain(state.part.hear_gain);
        if !adjusted && !coached {
            if self.summed == usize::from(own) {
                out.fill(0);
                return Heard::Silence;
            }
            if !own {
                out.copy_from_slice(&self.common[..frame]);
                ramp(out, gain, gain);
                return if gain == 1.0 { Heard::Common } else { Heard::Own };
            }
        }
        self.scratch.copy_from_slice(&self.sum);
        let mut voices = self.summed;
        if own {
            voices -= 1;
            accumulate(&mut self.scratch, frame_of(&self.said, self.settings.frame, seat), -1.0);
        }
        for (coach, _) in self.coaches.iter().filter(|(_, coached)| *coached == seat) {
            voices += 1;
            accumulate(&mut self.scratch, frame_of(&self.said, self.settings.frame, *coach), 1.0);
        }
        for (talker, pair_gain) in &state.pairs {
            if self.seats[talker.0 as usize].summed && *talker != seat {
                accumulate(&mut self.scratch, frame_of(&self.said, self.settings.frame, *talker), pair_gain - 1.0);
            }
        }
        finish(&self.scratch, out, voices > 1 || adjusted);
        ramp(out, gain, gain);
        Heard::Own
    }

    fn state(&mut self, seat: Seat) -> Option<&mut State> {
        self.seats.get_mut(seat.0 as usize).filter(|s| s.taken)
    }
}

fn frame_of(said: &[i16], frame: usize, seat: Seat) -> &[i16] {
    &said[seat.0 as usize * frame..][..frame]
}
