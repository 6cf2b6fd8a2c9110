//! What is said to a leg outside rooms in each frame: the leg it is joined with, as far as its packets are not passed on
//! as they come, and its own players.

use super::FRAME_MS;
use super::leg::{Leg, Link};
use super::relay::{passes, passes_pauses};
use super::thread::Thread;
use crate::dsp::level::{factor, ramp};

/// What a leg hears of the one it is joined with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// Its packets, which were passed on; the frame is for who records.
    Passed,
    /// The frame, which must be encoded.
    Encoded,
}

impl Thread {
    /// Whether a frame changes nothing for a leg. Most are such: the packets of two that speak are passed on as they come.
    fn is_passed_over(&self, leg: &Leg) -> bool {
        let Link::Leg { slot: other, .. } = leg.link else { return false };
        leg.is_only_relayed() && self.legs.get(other).is_none_or(|other| other.ear.is_none())
    }

    /// Says to a leg outside rooms what it hears; records what it said and heard.
    pub(super) fn speak(&mut self, slot: usize, now: u64) {
        let Some(leg) = self.legs.get(slot).filter(|leg| !self.is_passed_over(leg)) else { return };
        let (rate, wanted) = (leg.rate(), self.wanted_rate(leg));
        let mut frame = [0; 960];
        let heard = self.heard_from_other(leg, &mut frame);
        let outbox = &*self.outbox;
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if matches!(leg.link, Link::Room { .. }) {
            // The room has said it.
        } else if leg.may_send() && (heard == Heard::Encoded || !leg.players.is_empty() || leg.digits.are_sent()) {
            leg.say_at(&mut frame, rate, &mut self.buffer, now, outbox);
        } else {
            if leg.may_send() && heard == Heard::Passed {
                leg.overhear(&frame[..(rate * FRAME_MS / 1000) as usize]);
            }
            leg.play_on(outbox);
            leg.say_nothing();
        }
        if !leg.recorders.is_empty() {
            leg.record(wanted);
        }
    }

    /// What the leg it is joined with said in this frame.
    fn heard_from_other(&self, leg: &Leg, frame: &mut [i16]) -> Heard {
        let Link::Leg { slot, role: own } = leg.link else { return Heard::Nothing };
        let Some(other) = self.legs.get(slot) else { return Heard::Nothing };
        let (Link::Leg { role, .. }, Some(ear)) = (other.link, &other.ear) else { return Heard::Nothing };
        let Some(said) = ear.frame().filter(|_| role.talk && own.hear) else { return Heard::Nothing };
        let passed = if ear.is_pausing() { passes_pauses(other, leg) } else { passes(other, leg, ear.codec()) };
        if passed && !leg.is_followed() {
            return Heard::Nothing;
        }
        let frame = &mut frame[..said.len()];
        frame.copy_from_slice(said);
        ramp(frame, factor(role.gain), factor(role.gain));
        if passed { Heard::Passed } else { Heard::Encoded }
    }
}
