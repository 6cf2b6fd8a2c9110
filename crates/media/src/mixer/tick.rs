//! What is done in each frame of a room: who talks, who is heard, what comes into the sum.

use super::sum::{clamp_gain, finish};
use super::{Mixer, Seat};
use crate::dsp::level::{power, ramp};

/// A challenger must be 3 dB louder than whom he displaces.
const HYSTERESIS: f32 = 2.0;
/// What a level keeps from frame to frame when it falls: about 20 dB in 200 ms.
const RELEASE: f32 = 0.63;

impl Mixer {
    /// Chooses who is heard and makes the sum. Afterwards all seats are silent until the next [`Mixer::talk`].
    pub fn mix(&mut self) {
        self.listen();
        self.choose();
        self.add();
    }

    /// Levels and talk of each seat.
    fn listen(&mut self) {
        for (state, said) in self.seats.iter_mut().zip(self.said.chunks(self.settings.frame.max(1))) {
            if !state.taken {
                continue;
            }
            let now = if state.fed { power(said) } else { 0.0 };
            state.vad.update(now);
            state.level = now.max(state.level * RELEASE);
        }
    }

    /// The loudest of those who may be heard.
    fn choose(&mut self) {
        self.ranking.clear();
        for (index, state) in self.seats.iter().enumerate() {
            let part = &state.part;
            let heard = state.taken && state.fed && !part.muted && part.talk_gain > 0.0;
            if heard && part.coach_for.is_none() && (!self.settings.gate || state.vad.talking()) {
                let bonus = if state.chosen { HYSTERESIS } else { 1.0 };
                self.ranking.push((state.level * part.talk_gain * part.talk_gain * bonus, index as u32));
            }
        }
        if self.ranking.len() > self.settings.loudest {
            if self.settings.loudest > 0 {
                self.ranking
                    .select_nth_unstable_by(self.settings.loudest - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            }
            self.ranking.truncate(self.settings.loudest);
        }
        for state in &mut self.seats {
            state.chosen = false;
        }
        for (_, index) in &self.ranking {
            self.seats[*index as usize].chosen = true;
        }
    }

    /// Scales what was said and sums it.
    fn add(&mut self) {
        self.sum.fill(0);
        self.coaches.clear();
        self.summed = 0;
        self.limit = false;
        let gate = self.settings.gate;
        for (index, (state, said)) in
            self.seats.iter_mut().zip(self.said.chunks_mut(self.settings.frame.max(1))).enumerate()
        {
            let coached = state.part.coach_for;
            let wanted = match coached {
                Some(_) => state.fed && !state.part.muted && (!gate || state.vad.talking()),
                None => state.chosen,
            };
            let target = if wanted { clamp_gain(state.part.talk_gain) } else { 0.0 };
            let fed = std::mem::take(&mut state.fed);
            let sounding = state.taken && fed && (target > 0.0 || state.gain > 0.0);
            state.summed = sounding && coached.is_none();
            // Who has been silent begins at his gain: there is nothing to fade.
            let from = if fed { state.gain } else { target };
            if sounding {
                ramp(said, from, target);
                if let Some(coached) = coached {
                    self.coaches.push((Seat(index as u32), coached));
                } else {
                    self.summed += 1;
                    self.limit |= target > 1.0;
                    for (total, sample) in self.sum.iter_mut().zip(said.iter()) {
                        *total += i32::from(*sample);
                    }
                }
            }
            state.gain = target;
        }
        finish(&self.sum, &mut self.common, self.summed > 1 || self.limit);
    }
}
