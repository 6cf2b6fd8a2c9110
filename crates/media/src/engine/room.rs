//! A room: the legs in it, what is played to all and what is recorded of all, around a mixer.

use std::sync::{Arc, Mutex};

use super::player::Player;
use super::queue::{Outbox, lock};
use super::recorder::Recorder;
use super::thread::{Slots, end_players, play_into};
use super::{Event, FRAME_MS, Id, PlayEnd, Role};
use crate::codec::{Codec, Encoder};
use crate::dsp::level::factor;
use crate::mixer::{Heard, Mixer, MixerSettings, Part, Seat};

/// The rate of a room with a wideband leg, and of one without.
const WIDE: u32 = 16_000;
const NARROW: u32 = 8_000;
/// Up to so many are heard even when they do not talk: their background is company, not noise.
const FEW: usize = 3;
/// Samples of the longest frame.
const MOST: usize = 960;

struct Member {
    slot: usize,
    leg: Id,
    seat: Seat,
    role: Role,
    talking: bool,
}

/// A room.
pub(super) struct Room {
    pub(super) id: Id,
    members: Vec<Member>,
    mixer: Mixer,
    rate: u32,
    loudest: usize,
    pub(super) players: Vec<Player>,
    pub(super) recorders: Vec<Recorder>,
    speakers: Arc<Mutex<Vec<Id>>>,
    /// What the players play in this frame.
    played: Box<[i16]>,
}

fn frame_of(rate: u32) -> usize {
    (rate * FRAME_MS / 1000) as usize
}

impl Room {
    pub(super) fn new(id: Id, loudest: usize, speakers: Arc<Mutex<Vec<Id>>>) -> Self {
        Self {
            id,
            members: Vec::new(),
            mixer: Mixer::new(MixerSettings::call(frame_of(NARROW))),
            rate: NARROW,
            loudest,
            players: Vec::new(),
            recorders: Vec::new(),
            speakers,
            played: vec![0; MOST].into(),
        }
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// The slots of its legs.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.members.iter().map(|member| member.slot)
    }

    /// Lets a leg in that hears at `rate`.
    pub(super) fn enter(&mut self, slot: usize, leg: Id, role: Role, rate: u32) {
        let seat = self.mixer.join(Part::default());
        self.members.push(Member { slot, leg, seat, role, talking: false });
        self.widen(rate);
        self.arrange();
    }

    /// A leg hears at another rate now.
    pub(super) fn widen(&mut self, rate: u32) {
        if rate > NARROW && self.rate == NARROW {
            self.rate = WIDE;
            self.mixer = Mixer::new(MixerSettings::call(frame_of(WIDE)));
            for member in &mut self.members {
                member.seat = self.mixer.join(Part::default());
            }
            self.arrange();
        }
    }

    pub(super) fn change(&mut self, slot: usize, role: Role) {
        if let Some(member) = self.members.iter_mut().find(|member| member.slot == slot) {
            member.role = role;
            self.arrange();
        }
    }

    pub(super) fn leave(&mut self, slot: usize, outbox: &Outbox) {
        if let Some(at) = self.members.iter().position(|member| member.slot == slot) {
            let member = self.members.remove(at);
            self.mixer.leave(member.seat);
            if member.talking {
                outbox.tell(Event::Talking { leg: member.leg, talking: false });
                self.tell_speakers();
            }
            self.arrange();
        }
    }

    pub(super) fn set_loudest(&mut self, loudest: usize) {
        self.loudest = loudest;
        self.arrange();
    }

    /// Whether digits of a leg are kept from the others.
    pub(super) fn clamps(&self, slot: usize) -> bool {
        self.members.iter().any(|member| member.slot == slot && member.role.clamp_dtmf)
    }

    /// The slots of those who hear the keys of a leg: nobody if they are kept from the room.
    pub(super) fn hearers_of_keys(&self, slot: usize) -> impl Iterator<Item = usize> {
        let passes = |member: &&Member| member.slot == slot && member.role.talk && !member.role.clamp_dtmf;
        let presser = self.members.iter().find(passes).map(|member| member.role);
        let hears = move |member: &&Member| {
            let for_it = |role: Role| role.coach_for.is_none_or(|leg| leg == member.leg);
            member.slot != slot && member.role.hear && presser.is_some_and(for_it)
        };
        self.members.iter().filter(hears).map(|member| member.slot)
    }

    /// Gives each what his role means among those who are here now.
    fn arrange(&mut self) {
        let most = if self.loudest == 0 { usize::MAX } else { self.loudest };
        self.mixer.set(most, self.members.len() > FEW);
        for member in &self.members {
            let role = &member.role;
            let coached = role.coach_for.and_then(|leg| self.members.iter().find(|other| other.leg == leg));
            let part = Part {
                talk_gain: factor(role.gain),
                hear_gain: 1.0,
                muted: !role.talk || (role.coach_for.is_some() && coached.is_none()),
                deaf: !role.hear,
                coach_for: coached.map(|other| other.seat),
            };
            self.mixer.change(member.seat, part);
        }
    }

    /// Mixes a frame of what its legs have said.
    pub(super) fn mix(&mut self, legs: &Slots, outbox: &Outbox) {
        for member in &self.members {
            let said = legs.get(member.slot).and_then(|leg| leg.ear.as_ref()).and_then(|ear| ear.frame());
            if let (Some(said), Some(place)) = (said, said.and_then(|_| self.mixer.talk(member.seat))) {
                place.copy_from_slice(&said[..place.len()]);
            }
        }
        self.mixer.mix();
        let mut changed = false;
        for member in &mut self.members {
            let talking = member.role.talk && self.mixer.is_talking(member.seat);
            if std::mem::replace(&mut member.talking, talking) != talking {
                changed = true;
                outbox.tell(Event::Talking { leg: member.leg, talking });
            }
        }
        if changed {
            self.tell_speakers();
        }
        let frame = frame_of(self.rate);
        self.played[..frame].fill(0);
        play_into(&mut self.players, &mut self.played[..frame], outbox);
    }

    fn tell_speakers(&self) {
        let mut talking: Vec<_> = self.members.iter().filter(|member| member.talking).collect();
        talking.sort_by(|a, b| self.mixer.level(b.seat).total_cmp(&self.mixer.level(a.seat)));
        let mut speakers = lock(&self.speakers);
        speakers.clear();
        speakers.extend(talking.iter().map(|member| member.leg));
    }

    /// Records the frame that was mixed.
    pub(super) fn record(&mut self, legs: &Slots) {
        if self.recorders.is_empty() {
            return;
        }
        let frame = frame_of(self.rate);
        let (mut left, mut right) = ([0; MOST], [0; MOST]);
        if self.recorders.iter().any(Recorder::is_stereo) {
            for (at, member) in self.members.iter().enumerate().filter(|(_, member)| member.role.talk) {
                let said = legs.get(member.slot).and_then(|leg| leg.ear.as_ref()).and_then(|ear| ear.frame());
                let channel = if at == 0 { &mut left } else { &mut right };
                for (sum, sample) in channel.iter_mut().zip(said.unwrap_or_default()) {
                    *sum = sample.saturating_add(*sum);
                }
            }
        }
        let (common, rate) = (self.mixer.common(), self.rate);
        self.recorders.retain_mut(|recorder| {
            if recorder.is_stereo() {
                recorder.frame((&left[..frame], rate), (&right[..frame], rate))
            } else {
                recorder.frame((common, rate), (&[], rate))
            }
        });
    }

    /// Says to each what he hears. Those who hear the same in the same way are said it encoded once.
    pub(super) fn say(&mut self, legs: &mut Slots, scratch: &mut [u8], now: u64, outbox: &Outbox) {
        let (frame, mut heard) = (frame_of(self.rate), [0; MOST]);
        let mut once: [Option<(Codec, usize)>; 2] = [None; 2];
        let mut encoded = [[0; 2 * MOST]; 2];
        for member in &self.members {
            let Some(leg) = legs.get_mut(member.slot) else { continue };
            if !leg.may_send() {
                leg.play_on(outbox);
                leg.say_nothing();
                continue;
            }
            let what = self.mixer.hear(member.seat, &mut heard[..frame]);
            for (sample, played) in heard[..frame].iter_mut().zip(&self.played[..frame]) {
                *sample = sample.saturating_add(*played);
            }
            let shared =
                (what != Heard::Own && leg.players.is_empty() && leg.rate() == self.rate && !leg.is_followed())
                    .then(|| leg.stateless())
                    .flatten();
            let Some(codec) = shared else {
                leg.say_at(&mut heard, self.rate, scratch, now, outbox);
                continue;
            };
            let which = usize::from(what == Heard::Silence);
            let count = match once[which] {
                Some((of, count)) if of == codec => count,
                _ => {
                    let count = Encoder::new(codec).encode(&heard[..frame], &mut encoded[which]);
                    once[which] = Some((codec, count));
                    count
                }
            };
            leg.say_encoded(&encoded[which][..count], frame, scratch, now);
        }
    }

    /// It ends, and what played in it has failed.
    pub(super) fn end(mut self, outbox: &Outbox) {
        lock(&self.speakers).clear();
        for member in self.members.iter().filter(|member| member.talking) {
            outbox.tell(Event::Talking { leg: member.leg, talking: false });
        }
        end_players(std::mem::take(&mut self.players), PlayEnd::Failed, outbox);
    }
}
