//! Telephone events of one leg passed on to the other: one event stays one, however the sound around it gets there.

use super::leg::Leg;
use crate::description::Payload;
use crate::dtmf::event::{Event, LENGTH, SEGMENT, SILENT_MS, scaled};
use crate::reception::Stream;
use crate::rtp::{self, Packet};

/// An event that is passed on, and under which timestamp.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    stream: Stream,
    /// Its timestamp where it comes from.
    theirs: u32,
    /// And in the stream it is passed on in.
    ours: u32,
    /// Its end was said.
    over: bool,
    /// When the last packet of it came, microseconds.
    heard: u64,
}

impl Key {
    /// Whether it is on: no sound belongs into its place.
    pub(super) fn is_on(&self, now: u64) -> bool {
        !self.over && now.saturating_sub(self.heard) < u64::from(SILENT_MS) * 1_000
    }
}

/// What a packet is to the event before it.
enum Place {
    /// Of the same.
    Of(Key),
    /// Another, or the next segment of the same: with its timestamp.
    Next { ours: u32, begins: bool },
    /// Of one that is over.
    Late,
}

fn place(to: &Leg, stream: Stream, packet: &Packet, rates: (u32, u32)) -> Place {
    let passing = to.passing.filter(|passing| passing.is_of(stream));
    let ours = passing.map_or(to.outgoing.timestamp, |passing| passing.timestamp(packet));
    let Some(key) = to.key.filter(|key| key.stream == stream) else { return Place::Next { ours, begins: true } };
    let since = packet.timestamp.wrapping_sub(key.theirs);
    let behind = key.ours.wrapping_add(scaled(since, rates.0, rates.1));
    match since.cast_signed() {
        0 => Place::Of(key),
        ..0 => Place::Late,
        // RFC 4733 2.5.1.3.
        _ if since == SEGMENT && !key.over => Place::Next { ours: behind, begins: false },
        // Two keys within a frame are two all the same.
        _ if ours == key.ours => Place::Next { ours: behind, begins: true },
        _ => Place::Next { ours, begins: true },
    }
}

/// Passes on a packet of an event, which `from` sends as `sent`, to a leg that takes events as `taken`.
pub(super) fn pass_event(
    from: &Leg,
    to: &mut Leg,
    (sent, taken): (Payload, Payload),
    data: &mut [u8],
    length: usize,
    packet: &Packet,
    now: u64,
) {
    let Some(agreed) = to.agreed.as_ref().filter(|_| !to.digits.are_sent()) else { return };
    let (stream, clock_rate) = (from.reception.stream(), agreed.codec.clock_rate());
    let (mut key, begins) = match place(to, stream, packet, (sent.clock_rate, clock_rate)) {
        Place::Of(key) => (key, false),
        Place::Next { ours, begins } => {
            (Key { stream, theirs: packet.timestamp, ours, over: false, heard: now }, begins)
        }
        Place::Late => return,
    };
    let mut lasts = 0;
    for octets in data[packet.payload.clone()].chunks_exact_mut(LENGTH) {
        let Some(mut event) = Event::parse(octets) else { continue };
        let duration = scaled(event.duration.into(), sent.clock_rate, taken.clock_rate);
        // One that lasts longer than the field of the other clock can say is said to be as long as it can.
        event.duration = u16::try_from(duration).unwrap_or(u16::MAX);
        octets.copy_from_slice(&event.to_bytes());
        key.over |= event.end;
        lasts += duration;
    }
    key.heard = now;
    to.key = Some(key);
    let passing = to.passing.filter(|passing| passing.is_of(stream));
    let out = &mut to.outgoing;
    let sequence = passing.map_or(out.sequence, |passing| passing.sequence(packet));
    rtp::rename(data, taken.number, packet.marker || begins, sequence, key.ours, out.ssrc);
    if sequence.wrapping_sub(out.sequence) < 0x8000 {
        out.sequence = sequence.wrapping_add(1);
        // Else the clock of what is said here goes on with each frame.
        if let Some(passing) = passing {
            out.timestamp = passing.timestamp(packet).wrapping_add(scaled(lasts, taken.clock_rate, clock_rate));
        }
    }
    to.send(data, length, now);
}
