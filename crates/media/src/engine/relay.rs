//! Packets of one leg passed on to the other as they come: the header rewritten, the payload untouched.

use super::keys::pass_event;
use super::leg::{Leg, Link};
use crate::codec::Codec;
use crate::description::Payload;
use crate::rtp::{Packet, Passing};

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It is speech, and was passed on.
    Speech,
    /// It is something else that was passed on, or nothing that may be heard over there.
    Done,
    /// It cannot be passed on as it is: it must be decoded.
    No,
}

/// As what a packet is sent on.
#[derive(Clone, Copy)]
enum Kind {
    Speech(u8),
    /// As which it is sent, and as which it is taken.
    Event(Payload, Payload),
    Noise(u8),
    /// Neither side has a name for it.
    Nothing,
    /// Another codec over there, more than it alone is heard, or a pause that must sound.
    Sound,
}

fn kind(from: &Leg, to: &Leg, payload_type: u8) -> Kind {
    let (Some(there), Some(here)) = (&from.agreed, &to.agreed) else { return Kind::Nothing };
    if let Some(codec) = from.codec_of(payload_type) {
        return if passes(from, to, codec) { Kind::Speech(here.payload_type) } else { Kind::Sound };
    }
    if let Some(event) = there.dtmf_receive.iter().find(|event| event.number == payload_type) {
        return here.dtmf_send.map_or(Kind::Nothing, |send| Kind::Event(*event, send));
    }
    match here.cn_send {
        _ if !from.is_comfort(payload_type) => Kind::Nothing,
        Some(number) if there.cn_receive.contains(&payload_type) => Kind::Noise(number),
        // Made here for a peer that does not know it.
        _ => Kind::Sound,
    }
}

/// Whether what describes a pause is passed on as it is.
pub(super) fn passes_pauses(from: &Leg, to: &Leg) -> bool {
    let received = from.agreed.as_ref().is_some_and(|there| !there.cn_receive.is_empty());
    received && to.agreed.as_ref().is_some_and(|here| here.cn_send.is_some())
}

/// Whether speech is passed on as it is, not decoded.
pub(super) fn passes(from: &Leg, to: &Leg, codec: Codec) -> bool {
    matches!(from.link, Link::Leg { role, .. } if role.gain == 0.0)
        && !from.is_searched()
        && to.players.is_empty()
        && !to.digits.are_sent()
        && to.agreed.as_ref().is_some_and(|agreed| agreed.codec == codec)
}

/// Passes on the packet in the first octets of `data`, behind which there is room, if nothing has to be done to what is
/// in it.
pub(super) fn pass(from: &Leg, to: &mut Leg, data: &mut [u8], length: usize, packet: &Packet, now: u64) -> Passed {
    let (Link::Leg { role, .. }, Link::Leg { role: ear, .. }) = (from.link, to.link) else { return Passed::No };
    if !role.talk || !ear.hear || !to.may_send() {
        return Passed::Done;
    }
    let kind = kind(from, to, packet.payload_type);
    let (payload_type, ticks) = match kind {
        Kind::Sound => return Passed::No,
        Kind::Event(..) if role.clamp_dtmf => return Passed::Done,
        Kind::Nothing => return Passed::Done,
        Kind::Event(sent, taken) => {
            pass_event(from, to, (sent, taken), data, length, packet, now);
            return Passed::Done;
        }
        Kind::Speech(number) | Kind::Noise(number) => {
            (number, to.agreed.as_ref().map_or(0, |agreed| agreed.codec.clock_rate() * agreed.ptime_ms / 1000))
        }
    };
    let passing = match to.passing {
        Some(passing) if passing.is_of(from.reception.stream()) => passing,
        _ => *to.passing.insert(Passing::begin(from.reception.stream(), packet, &mut to.outgoing)),
    };
    passing.rewrite(data, packet, payload_type, ticks, &mut to.outgoing);
    to.send(data, length, now);
    if matches!(kind, Kind::Speech(_)) { Passed::Speech } else { Passed::Done }
}
