//! Digits of a leg: those its peer presses, as events or in the sound, and those sent to it.

use super::leg::{Leg, Link};
use super::queue::Outbox;
use super::{Event, FRAME_MS};
use crate::dtmf::Press;
use crate::dtmf::detector::Detector;
use crate::dtmf::event::{EventsIn, EventsOut, Frame};
use crate::reception::Stream;
use crate::rtp::{self, HEADER, Packet};

/// What a leg has of digits; each part is made when it is needed.
#[derive(Default)]
pub(super) struct Digits {
    events: Option<Heard>,
    detector: Option<Box<Detector>>,
    sending: Option<Box<EventsOut>>,
}

/// Events of one stream that comes in.
struct Heard {
    stream: Stream,
    clock_rate: u32,
    events: EventsIn,
}

impl Heard {
    fn new(stream: Stream, clock_rate: u32) -> Self {
        Self { stream, clock_rate, events: EventsIn::new(clock_rate) }
    }

    /// Its clock at an instant, microseconds.
    fn ticks(&self, now: u64) -> u32 {
        (now * u64::from(self.clock_rate) / 1_000_000) as u32
    }
}

impl Digits {
    /// Whether digits are on their way out.
    pub(super) fn are_sent(&self) -> bool {
        self.sending.is_some()
    }
}

impl Leg {
    /// Whether digits are looked for in its sound: its peer knows no events, and somebody here listens anyway or could, or
    /// it was asked for.
    pub(super) fn is_searched(&self) -> bool {
        let without_events = self.agreed.as_ref().is_some_and(|agreed| agreed.dtmf_receive.is_empty());
        without_events && (self.searched_joined || !matches!(self.link, Link::Leg { .. }))
    }

    /// Takes in a packet of an event; whether it is one. The key that went down with it, if one did.
    pub(super) fn take_event(
        &mut self,
        packet: &Packet,
        data: &[u8],
        now: u64,
        outbox: &Outbox,
    ) -> Option<Option<char>> {
        let agreed = self.agreed.as_ref()?;
        let kind = agreed.dtmf_receive.iter().find(|kind| kind.number == packet.payload_type)?;
        let (stream, clock_rate, leg) = (self.reception.stream(), kind.clock_rate, self.id);
        let mut ended = false;
        let mut tell = |press: Press| {
            ended = true;
            outbox.tell(Event::Digit { leg, digit: press.key, ms: press.duration_ms });
        };
        let heard = self.digits.events.get_or_insert_with(|| Heard::new(stream, clock_rate));
        if (heard.stream, heard.clock_rate) != (stream, clock_rate) {
            // Its timestamps say nothing of those before.
            std::mem::replace(heard, Heard::new(stream, clock_rate)).events.end(&mut tell);
        }
        let arrival = heard.ticks(now);
        let events = &mut heard.events;
        let before = events.pressed();
        events.packet(packet.timestamp, &data[packet.payload.clone()], arrival, tell);
        let down = events.pressed().filter(|key| before != Some(*key) || ended);
        if let Some(ear) = &mut self.ear {
            ear.pass(packet);
        }
        Some(down)
    }

    /// Lets go of a key whose end was lost.
    pub(super) fn release_lost_key(&mut self, now: u64, outbox: &Outbox) {
        if let Some(heard) = &mut self.digits.events {
            let (leg, now) = (self.id, heard.ticks(now));
            heard.events.tick(now, |press| {
                outbox.tell(Event::Digit { leg, digit: press.key, ms: press.duration_ms });
            });
        }
    }

    /// Looks for digits in what it said in this frame; gives one that has gone down. One that is heard is kept from others
    /// if `clamped`.
    pub(super) fn search(&mut self, rate: u32, clamped: bool, outbox: &Outbox) -> Option<char> {
        if !self.is_searched() {
            self.digits.detector = None;
            return None;
        }
        let ear = self.ear.as_mut()?;
        let frame = ear.frame()?;
        let detector = match self.digits.detector.take().filter(|detector| detector.rate() == rate) {
            Some(detector) => detector,
            None => Box::new(Detector::new(rate)),
        };
        let detector = self.digits.detector.insert(detector);
        let (leg, before, mut ended) = (self.id, detector.pressed(), false);
        detector.feed(frame, |press| {
            ended = true;
            outbox.tell(Event::Digit { leg, digit: press.key, ms: press.duration_ms });
        });
        let down = detector.pressed();
        if clamped && down.is_some() {
            ear.hush();
        }
        down.filter(|key| ended || before != Some(*key))
    }

    /// Lets digits be sent to it as events; false if its peer knows none.
    pub(super) fn press(&mut self, digits: &str, on_ms: u32, off_ms: u32) -> bool {
        let Some(agreed) = &self.agreed else { return false };
        let (Some(kind), clock_rate) = (agreed.dtmf_send, agreed.codec.clock_rate()) else { return false };
        let fresh = || Box::new(EventsOut::new(kind.clock_rate, clock_rate));
        let sending = self.digits.sending.get_or_insert_with(fresh);
        // Too many at once are too many: who asked was told how long the earlier ones take.
        let _ = sending.press(digits, on_ms, off_ms);
        true
    }

    /// Sends what belongs into this frame in the place of sound; whether there was anything.
    pub(super) fn say_digit(&mut self, scratch: &mut [u8], now: u64) -> bool {
        let Some(agreed) = &self.agreed else { return false };
        let (Some(kind), codec) = (agreed.dtmf_send, agreed.codec) else {
            self.digits.sending = None;
            return false;
        };
        let Some(sending) = &mut self.digits.sending else { return false };
        let ticks = codec.ticks((codec.sample_rate() * FRAME_MS / 1000) as usize);
        let frame = sending.frame(self.outgoing.timestamp, kind.clock_rate * FRAME_MS / 1000);
        if sending.is_idle() {
            self.digits.sending = None;
        }
        match frame {
            Frame::Sound => return false,
            Frame::Nothing => self.outgoing.skip(ticks),
            Frame::Event { timestamp, marker, payload } => {
                let (sequence, ssrc) = (self.outgoing.sequence, self.outgoing.ssrc);
                rtp::write(scratch, kind.number, marker, sequence, timestamp, ssrc);
                scratch[HEADER..HEADER + payload.len()].copy_from_slice(&payload);
                self.outgoing.sequence = sequence.wrapping_add(1);
                self.outgoing.skip(ticks);
                self.send(scratch, HEADER + payload.len(), now);
            }
        }
        true
    }
}
