//! What a thread does when it is asked: legs come and go, are joined and parted, enter rooms and leave them.

use super::command::{Act, Command};
use super::leg::{Leg, Link};
use super::player::Player;
use super::queue::{Arrival, Passage};
use super::recorder::Recorder;
use super::room::Room;
use super::sound::File;
use super::thread::{Thread, end_players};
use super::{Event, Id, PlayEnd, Playing, RecordEnd, Recording, Role, Source, Target};
use crate::description::Agreed;
use crate::tone::{BEEP, Plan};

/// The highest rate recordings have.
const RECORD_RATE: u32 = 16_000;
/// How long the beep before a recording is.
const BEEP_MS: u32 = 200;

impl Thread {
    /// Does what waits, as far as legs that move here have arrived.
    pub(super) fn obey(&mut self) {
        let inbox = &self.inboxes[self.number];
        inbox.bell.silence();
        for arrival in inbox.arrived() {
            let leg = match arrival {
                Arrival::Leg(leg) => {
                    let id = leg.id;
                    self.settle(leg);
                    id
                }
                Arrival::None(id) => id,
            };
            self.arrived.push(leg);
        }
        let mut fresh = Vec::new();
        self.inboxes[self.number].take(&mut fresh);
        self.orders.extend(fresh);
        let orders = std::mem::take(&mut self.orders);
        let mut rest = orders.into_iter();
        for command in rest.by_ref() {
            if let Command::Await { leg } = command {
                let Some(at) = self.arrived.iter().position(|arrived| *arrived == leg) else {
                    self.orders.push(Command::Await { leg });
                    break;
                };
                self.arrived.swap_remove(at);
                continue;
            }
            self.apply(command);
            if self.stopping {
                break;
            }
        }
        self.orders.extend(rest);
        self.tick();
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Open(leg) => self.settle(leg),
            Command::Agree { leg, agreed } => self.agree(leg, agreed),
            Command::Close { leg } => {
                if let Some(slot) = self.legs.find(leg) {
                    self.unlink(slot);
                    self.end_leg(slot);
                }
            }
            Command::Release { leg, passage } => self.release(leg, passage),
            Command::Await { .. } => {}
            Command::Join { one, other, one_to_other, other_to_one } => {
                self.join((one, one_to_other), (other, other_to_one));
            }
            Command::Part { one, other } => self.part(one, other),
            Command::OpenRoom { room, loudest, speakers } => {
                let room = Room::new(room, loudest, speakers);
                let slot = self.room_slots.iter().position(Option::is_none).unwrap_or(self.room_slots.len());
                self.rooms.insert(room.id, slot);
                if slot == self.room_slots.len() {
                    self.room_slots.push(Some(room));
                } else {
                    self.room_slots[slot] = Some(room);
                }
            }
            Command::CloseRoom { room } => self.close_room(room),
            Command::Loudest { room, loudest } => {
                if let Some(room) = self.room(room) {
                    room.set_loudest(loudest);
                }
            }
            Command::Enter { room, leg, role } => self.enter(room, leg, role),
            Command::Change { room, leg, role } => {
                if let (Some(slot), Some(room)) = (self.legs.find(leg), self.room(room)) {
                    room.change(slot, role);
                }
            }
            Command::Leave { room, leg } => {
                let in_it = self.rooms.get(&room).map(|slot| Link::Room { slot: *slot });
                if let Some(slot) = self.legs.find(leg)
                    && self.legs.get(slot).map(|leg| leg.link) == in_it
                {
                    self.unlink(slot);
                }
            }
            Command::Play { player, target, playing, files } => self.play(player, target, *playing, files),
            Command::Player { player, target, act } => self.act_on_player(player, target, act),
            Command::Record { recorder, target, recording } => self.record(recorder, target, *recording),
            Command::Recorder { recorder, target, act } => {
                if let Some(recorders) = self.recorders(target) {
                    recorders.retain_mut(|one| one.id != recorder || one.act(act));
                }
            }
            Command::Digits { leg, digits, on_ms, off_ms, sound } => {
                if self.leg(leg).is_some_and(|leg| !leg.press(&digits, on_ms, off_ms)) {
                    self.sound(leg, sound);
                }
            }
            Command::Stop => self.stopping = true,
        }
    }

    fn leg(&mut self, leg: Id) -> Option<&mut Leg> {
        let slot = self.legs.find(leg)?;
        self.legs.get_mut(slot)
    }

    fn room(&mut self, room: Id) -> Option<&mut Room> {
        let slot = *self.rooms.get(&room)?;
        self.room_slots.get_mut(slot)?.as_mut()
    }

    fn players(&mut self, target: Target) -> Option<&mut Vec<Player>> {
        match target {
            Target::Leg(leg) => self.leg(leg).map(|leg| &mut leg.players),
            Target::Room(room) => self.room(room).map(|room| &mut room.players),
        }
    }

    fn recorders(&mut self, target: Target) -> Option<&mut Vec<Recorder>> {
        match target {
            Target::Leg(leg) => self.leg(leg).map(|leg| &mut leg.recorders),
            Target::Room(room) => self.room(room).map(|room| &mut room.recorders),
        }
    }

    /// The rate at which it is heard there.
    fn rate(&mut self, target: Target) -> Option<u32> {
        match target {
            Target::Leg(leg) => self.leg(leg).map(|leg| leg.rate()),
            Target::Room(room) => self.room(room).map(|room| room.rate()),
        }
    }

    /// A leg is on this thread from now on.
    fn settle(&mut self, leg: Box<Leg>) {
        let slot = self.legs.put(leg);
        let Some(leg) = self.legs.get(slot) else { return };
        if self.poll.add(&leg.pair.rtcp, (slot as u64) << 1 | 1).is_err() {
            self.end_leg(slot);
        }
    }

    fn release(&mut self, leg: Id, passage: Passage) {
        if let Some(slot) = self.legs.find(leg) {
            self.unlink(slot);
            if let Some(leg) = self.legs.take(slot) {
                self.poll.remove(&leg.pair.rtcp);
                passage.take(leg);
            }
        }
    }

    fn agree(&mut self, leg: Id, agreed: Option<Box<Agreed>>) {
        let Some(slot) = self.legs.find(leg) else { return };
        let Some(leg) = self.legs.get_mut(slot) else { return };
        leg.agree(agreed);
        let (rate, link) = (leg.rate(), leg.link);
        for player in &mut leg.players {
            player.set_rate(rate, &self.library);
        }
        if let Link::Room { slot } = link {
            self.widen(slot, rate);
        }
    }

    fn widen(&mut self, room: usize, rate: u32) {
        if let Some(Some(room)) = self.room_slots.get_mut(room) {
            room.widen(rate);
            let rate = room.rate();
            for player in &mut room.players {
                player.set_rate(rate, &self.library);
            }
        }
    }

    /// A leg's packets wake the thread from now on: there is somebody they are passed on to.
    fn take_at_once(&mut self, slot: usize) {
        if let Some(leg) = self.legs.get_mut(slot).filter(|leg| !leg.prompt) {
            leg.prompt = self.poll.add(&leg.pair.rtp, (slot as u64) << 1).is_ok();
        }
    }

    /// A leg's packets are taken when a frame is due: nobody hears them before.
    fn take_in_frames(&mut self, slot: usize) {
        if let Some(leg) = self.legs.get_mut(slot).filter(|leg| leg.prompt) {
            self.poll.remove(&leg.pair.rtp);
            leg.prompt = false;
        }
    }

    /// A leg leaves where it is.
    fn unlink(&mut self, slot: usize) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        match std::mem::replace(&mut leg.link, Link::None) {
            Link::None => {}
            Link::Leg { slot: other, .. } => {
                leg.silence();
                if let Some(other) = self.legs.get_mut(other) {
                    other.link = Link::None;
                    other.silence();
                }
                self.take_in_frames(slot);
                self.take_in_frames(other);
            }
            Link::Room { slot: room } => {
                leg.silence();
                if let Some(Some(room)) = self.room_slots.get_mut(room) {
                    room.leave(slot, &self.outbox);
                }
            }
        }
    }

    fn join(&mut self, (one, one_role): (Id, Role), (other, other_role): (Id, Role)) {
        let (Some(one), Some(other)) = (self.legs.find(one), self.legs.find(other)) else { return };
        if one == other {
            return;
        }
        let joined = |leg: &Leg, with: usize| matches!(leg.link, Link::Leg { slot, .. } if slot == with);
        if !self.legs.get(one).is_some_and(|leg| joined(leg, other)) {
            self.unlink(one);
            self.unlink(other);
        }
        if let Some((first, second)) = self.legs.two(one, other) {
            first.link = Link::Leg { slot: other, role: one_role };
            second.link = Link::Leg { slot: one, role: other_role };
        }
        self.take_at_once(one);
        self.take_at_once(other);
    }

    fn part(&mut self, one: Id, other: Id) {
        let (Some(one), Some(other)) = (self.legs.find(one), self.legs.find(other)) else { return };
        if matches!(self.legs.get(one).map(|leg| leg.link), Some(Link::Leg { slot, .. }) if slot == other) {
            self.unlink(one);
        }
    }

    fn enter(&mut self, room: Id, leg: Id, role: Role) {
        let (Some(slot), Some(at)) = (self.legs.find(leg), self.rooms.get(&room).copied()) else { return };
        if self.legs.get(slot).is_some_and(|leg| leg.link == Link::Room { slot: at }) {
            if let Some(room) = self.room(room) {
                room.change(slot, role);
            }
            return;
        }
        self.unlink(slot);
        let Some(leg) = self.legs.get_mut(slot) else { return };
        leg.link = Link::Room { slot: at };
        let (id, rate) = (leg.id, leg.rate());
        if let Some(room) = self.room(room) {
            room.enter(slot, id, role, rate);
        }
        self.widen(at, rate);
    }

    fn close_room(&mut self, room: Id) {
        let Some(at) = self.rooms.remove(&room) else { return };
        let Some(room) = self.room_slots.get_mut(at).and_then(Option::take) else { return };
        for slot in room.slots() {
            if let Some(leg) = self.legs.get_mut(slot) {
                leg.link = Link::None;
                leg.silence();
            }
        }
        room.end(&self.outbox);
    }

    fn play(&mut self, id: Id, target: Target, playing: Playing, files: Vec<Option<File>>) {
        let Some(rate) = self.rate(target) else {
            self.outbox.tell(Event::Played { player: id, why: PlayEnd::Failed, ms: 0 });
            return;
        };
        let player = Player::new(id, playing, files, rate, &self.library);
        if let Some(players) = self.players(target) {
            players.push(player);
        }
    }

    /// Lets a leg hear something whose end nobody waits for.
    pub(super) fn sound(&mut self, leg: Id, plan: Plan) {
        let playing = Playing { sources: vec![Source::Tone(plan)], ..Playing::default() };
        self.play(0, Target::Leg(leg), playing, vec![None]);
    }

    fn act_on_player(&mut self, id: Id, target: Target, act: Act) {
        let Some(players) = self.players(target) else { return };
        if let Some(at) = players.iter().position(|player| player.id == id)
            && !players[at].act(act)
        {
            let player = players.remove(at);
            end_players(vec![player], PlayEnd::Stopped, &self.outbox);
        }
    }

    fn record(&mut self, id: Id, target: Target, recording: Recording) {
        let beep = recording.beep;
        let Some(rate) = self.rate(target) else {
            self.outbox.tell(Event::Recorded { recorder: id, why: RecordEnd::Failed, ms: 0 });
            return;
        };
        let rate = if rate > 8_000 { RECORD_RATE } else { 8_000 };
        let recorder = Recorder::new(id, recording, rate, if beep { BEEP_MS } else { 0 });
        if self.tapes.send(recorder.tape().clone()).is_err() {
            self.outbox.tell(Event::Recorded { recorder: id, why: RecordEnd::Failed, ms: 0 });
            return;
        }
        if let Some(recorders) = self.recorders(target) {
            recorders.push(recorder);
        }
        if beep && let Ok(plan) = BEEP.parse() {
            let playing = Playing { sources: vec![Source::Tone(plan)], ..Playing::default() };
            self.play(0, target, playing, vec![None]);
        }
    }
}
