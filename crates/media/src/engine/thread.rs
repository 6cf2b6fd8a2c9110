//! A thread of the engine: waits, lets packets through, and each 20 ms lets everybody speak.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use super::command::Command;
use super::leg::{Leg, Link};
use super::player::Player;
use super::queue::{Inbox, Outbox};
use super::recorder::Tape;
use super::relay::{Passed, pass};
use super::room::Room;
use super::sound::Library;
use super::sys::{Batch, Poll, Ticks};
use super::{Event, FRAME_MS, Id, PlayEnd};
use crate::dtmf;

/// Frames made up for at once.
const MOST_AT_ONCE: u64 = 3;
const FRAME_NS: u32 = FRAME_MS * 1_000_000;
/// Frames between two looks at a leg.
const LOOK: u64 = 25;
/// Room for the longest datagram that is taken, and for what encryption adds.
const BUFFER: usize = 4_096;
/// Packets taken at a wake-up that show that many come, and how long after it the thread sleeps then: a wake-up for
/// each would cost more than what is done with it. No packet waits longer for that, and where there is so much to do
/// that this time is over, nobody sleeps.
const BUSY: usize = 4;
const GATHER: Duration = Duration::from_millis(1);
/// Times a leg's socket is asked in a frame: who sends more than it holds meanwhile loses it.
const ROUNDS: usize = 16;
/// How long a packet can have waited; more is a clock that was set.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a key is heard that was pressed as an event.
const KEY_MS: u32 = 100;

const BELL: u64 = u64::MAX;
const TICKS: u64 = u64::MAX - 1;

/// Legs by their place.
#[derive(Default)]
pub(super) struct Slots {
    legs: Vec<Option<Box<Leg>>>,
    free: Vec<usize>,
    index: HashMap<Id, usize>,
}

impl Slots {
    pub(super) fn get(&self, slot: usize) -> Option<&Leg> {
        self.legs.get(slot)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Leg> {
        self.legs.get_mut(slot)?.as_deref_mut()
    }

    pub(super) fn two(&mut self, one: usize, other: usize) -> Option<(&mut Leg, &mut Leg)> {
        match self.legs.get_disjoint_mut([one, other]) {
            Ok([Some(one), Some(other)]) => Some((one, other)),
            _ => None,
        }
    }

    pub(super) fn find(&self, leg: Id) -> Option<usize> {
        self.index.get(&leg).copied()
    }

    pub(super) fn put(&mut self, leg: Box<Leg>) -> usize {
        let slot = self.free.pop().unwrap_or(self.legs.len());
        self.index.insert(leg.id, slot);
        if slot == self.legs.len() {
            self.legs.push(Some(leg));
        } else {
            self.legs[slot] = Some(leg);
        }
        slot
    }

    pub(super) fn take(&mut self, slot: usize) -> Option<Box<Leg>> {
        let leg = self.legs.get_mut(slot)?.take()?;
        self.index.remove(&leg.id);
        self.free.push(slot);
        Some(leg)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.legs.iter_mut().flatten().map(|leg| &mut **leg)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn len(&self) -> usize {
        self.legs.len()
    }
}

/// What a thread has and shares.
pub(super) struct Thread {
    pub(super) number: usize,
    pub(super) inboxes: Arc<[Inbox]>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) library: Arc<Library>,
    pub(super) tapes: Sender<Arc<Tape>>,
    pub(super) poll: Poll,
    ticks: Ticks,
    ticking: bool,
    start: Instant,
    pub(super) legs: Slots,
    pub(super) rooms: HashMap<Id, usize>,
    pub(super) room_slots: Vec<Option<Room>>,
    /// Commands taken and not done yet, the next at the end.
    pub(super) orders: Vec<Command>,
    /// Legs that moved here, or will not come, and have not been waited for yet.
    pub(super) arrived: Vec<Id>,
    frames: u64,
    /// Frames between two reports, before a leg is missed, before it is told that it is never heard.
    report_frames: u64,
    lost_us: u64,
    one_way_us: u64,
    pub(super) buffer: Box<[u8]>,
    batch: Batch,
    pub(super) stopping: bool,
}

/// What a thread is made of.
pub(super) struct Parts {
    pub(super) number: usize,
    pub(super) inboxes: Arc<[Inbox]>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) library: Arc<Library>,
    pub(super) tapes: Sender<Arc<Tape>>,
    pub(super) start: Instant,
    pub(super) report_interval: Duration,
    pub(super) lost_after: Duration,
    pub(super) one_way_after: Duration,
}

impl Thread {
    pub(super) fn new(parts: Parts) -> io::Result<Self> {
        let (poll, ticks) = (Poll::new()?, Ticks::new()?);
        poll.add(&parts.inboxes[parts.number].bell, BELL)?;
        poll.add(&ticks, TICKS)?;
        Ok(Self {
            number: parts.number,
            inboxes: parts.inboxes,
            outbox: parts.outbox,
            library: parts.library,
            tapes: parts.tapes,
            poll,
            ticks,
            ticking: false,
            start: parts.start,
            legs: Slots::default(),
            rooms: HashMap::new(),
            room_slots: Vec::new(),
            orders: Vec::new(),
            arrived: Vec::new(),
            frames: 0,
            report_frames: (parts.report_interval.as_millis() as u64 / u64::from(FRAME_MS)).max(1),
            lost_us: parts.lost_after.as_micros() as u64,
            one_way_us: parts.one_way_after.as_micros() as u64,
            buffer: vec![0; BUFFER].into(),
            batch: Batch::new(BUFFER),
            stopping: false,
        })
    }

    /// Microseconds since the engine began.
    pub(super) fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    pub(super) fn run(mut self) {
        while !self.stopping {
            if let Err(error) = self.poll.wait() {
                self.outbox.fail(&format!("cannot wait for packets: {error}"));
                break;
            }
            let (woken, now) = (Instant::now(), self.now());
            let (mut packets, mut rung, mut frames) = (0, false, 0);
            for index in 0..self.poll.len() {
                match self.poll.ready(index) {
                    BELL => rung = true,
                    TICKS => frames = self.ticks.take(),
                    number => {
                        packets += 1;
                        self.receive((number >> 1) as usize, number & 1 == 1, now);
                    }
                }
            }
            if rung {
                self.obey();
            }
            // A thread that was held up makes up for a few frames and lets the others go: their time passes in silence.
            if let Some(missed) = frames.checked_sub(MOST_AT_ONCE).filter(|missed| *missed > 0) {
                self.legs.iter_mut().for_each(|leg| leg.pass_over(missed as u32));
            }
            for _ in 0..frames.min(MOST_AT_ONCE) {
                self.frame();
            }
            let busy = packets >= BUSY && !self.poll.is_full();
            if let Some(rest) = GATHER.checked_sub(woken.elapsed()).filter(|_| busy) {
                std::thread::sleep(rest);
            }
        }
        self.end();
    }

    /// Lets frames go on while there are legs.
    pub(super) fn tick(&mut self) {
        let wanted = !self.legs.is_empty() || self.room_slots.iter().any(Option::is_some);
        if wanted != self.ticking && self.ticks.set(if wanted { FRAME_NS } else { 0 }).is_ok() {
            self.ticking = wanted;
        }
    }

    fn receive(&mut self, slot: usize, report: bool, now: u64) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if report {
            // Whatever fails here (an unreachable peer told by ICMP) is told again by silence.
            let _ = leg.receive_report(&mut self.buffer, now);
            return;
        }
        let Ok((length, source)) = leg.pair.rtp.recv_from(&mut self.buffer) else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        self.take(slot, &mut buffer, length, source, now);
        self.buffer = buffer;
    }

    /// Takes the packets that came since the last frame to a leg that does not wake the thread.
    fn collect(&mut self, slot: usize, now: u64, clock: SystemTime) {
        if self.legs.get(slot).is_none_or(|leg| leg.prompt) {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        for _ in 0..ROUNDS {
            let Some(leg) = self.legs.get(slot) else { break };
            let more = batch.take(&leg.pair.rtp);
            batch.each(|buffer, length, source, at| {
                let waited = at.and_then(|at| clock.duration_since(at).ok()).unwrap_or_default().min(LONGEST_WAIT);
                self.take(slot, buffer, length, source, now.saturating_sub(waited.as_micros() as u64));
            });
            if !more {
                break;
            }
        }
        self.batch = batch;
    }

    /// Takes a datagram of a leg that came at `now`.
    fn take(&mut self, slot: usize, buffer: &mut [u8], length: usize, source: SocketAddr, now: u64) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let Some((length, packet)) = leg.receive(buffer, length, source, now) else { return };
        let data = &buffer[..length];
        let pressed = leg.take_event(&packet, data, now, &self.outbox);
        let (link, mut heard) = (leg.link, leg.is_heard());
        if let Link::Leg { slot: other, .. } = link {
            heard |= self.legs.get(other).is_some_and(Leg::is_followed);
        }
        if pressed.is_none()
            && heard
            && let Some(leg) = self.legs.get_mut(slot)
        {
            leg.hear(&packet, data, now);
        }
        if let Link::Leg { slot: other, .. } = link
            && let Some((from, to)) = self.legs.two(slot, other)
        {
            match pass(from, to, buffer, length, &packet, now) {
                Passed::No if !heard => from.hear(&packet, &buffer[..length], now),
                // It is not listened to any more.
                Passed::Speech if !heard => from.stop_listening(),
                _ => {}
            }
        }
        if let Some(Some(key)) = pressed {
            self.pass_key(slot, key);
        }
    }

    /// A key went down as an event on a leg: who hears its keys and knows no events hears it, in a room also who does.
    fn pass_key(&mut self, slot: usize, key: char) {
        match self.legs.get(slot).map(|leg| leg.link) {
            Some(Link::Leg { slot: other, role })
                if role.talk && !role.clamp_dtmf && self.legs.get(other).is_some_and(|leg| !leg.knows_events()) =>
            {
                self.press(other, key);
            }
            Some(Link::Room { slot: room }) => {
                let room = self.room_slots.get(room).and_then(Option::as_ref);
                let hearers: Vec<usize> = room.map(|room| room.hearers_of_keys(slot).collect()).unwrap_or_default();
                for hearer in hearers {
                    self.press(hearer, key);
                }
            }
            _ => {}
        }
    }

    /// Sends a key to a leg, as an event or as it sounds.
    fn press(&mut self, slot: usize, key: char) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let mut digits = [0; 4];
        let (id, digits) = (leg.id, &*key.encode_utf8(&mut digits));
        if !leg.press(digits, KEY_MS, KEY_MS)
            && let Ok(plan) = dtmf::plan(digits, KEY_MS, KEY_MS)
        {
            self.sound(id, plan);
        }
    }

    /// One frame: everybody listens, rooms are mixed, everybody speaks.
    fn frame(&mut self) {
        let now = self.now();
        let clock = SystemTime::now();
        self.frames += 1;
        for slot in 0..self.legs.len() {
            self.collect(slot, now, clock);
            self.listen(slot, now);
        }
        let (legs, outbox) = (&mut self.legs, &*self.outbox);
        for room in self.room_slots.iter_mut().flatten() {
            room.mix(legs, outbox);
            room.record(legs);
            room.say(legs, &mut self.buffer, now, outbox);
        }
        for slot in 0..self.legs.len() {
            self.speak(slot, now);
            if (self.frames + slot as u64).is_multiple_of(LOOK) {
                self.look(slot, now);
            }
        }
    }

    /// The rate at which what a leg says is wanted.
    pub(super) fn wanted_rate(&self, leg: &Leg) -> u32 {
        match leg.link {
            Link::None => leg.rate().min(16_000),
            Link::Leg { slot, .. } => self.legs.get(slot).map_or(8_000, Leg::rate),
            Link::Room { slot } => self.room_slots.get(slot).and_then(Option::as_ref).map_or(8_000, Room::rate),
        }
    }

    fn listen(&mut self, slot: usize, now: u64) {
        let Some(leg) = self.legs.get(slot).filter(|leg| leg.ear.is_some()) else { return };
        let rate = self.wanted_rate(leg);
        let searched = leg.is_searched();
        // Who it is joined with is sent its keys as events, or is kept from them, or hears them as they are.
        let (clamped, pressed_to) = match leg.link {
            Link::Room { slot: room } if searched => {
                let room = self.room_slots.get(room).and_then(Option::as_ref);
                (room.is_some_and(|room| room.clamps(slot)), None)
            }
            Link::Leg { slot: other, role } if searched => {
                let translated = role.talk && !role.clamp_dtmf && self.legs.get(other).is_some_and(Leg::knows_events);
                (role.clamp_dtmf || translated, Some(other).filter(|_| translated))
            }
            _ => (false, None),
        };
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if let Some(ear) = &mut leg.ear {
            ear.listen(rate, now);
        }
        if let (Some(key), Some(other)) = (leg.search(rate, clamped, &self.outbox), pressed_to) {
            self.press(other, key);
        }
    }

    /// Looks whether a leg's peer is still there, and reports if it is time.
    fn look(&mut self, slot: usize, now: u64) {
        let due = ((self.frames + slot as u64) / LOOK).is_multiple_of((self.report_frames / LOOK).max(1));
        let Some(leg) = self.legs.get_mut(slot) else { return };
        leg.release_lost_key(now, &self.outbox);
        leg.watch(now, self.lost_us, self.one_way_us, &self.outbox);
        if due {
            leg.send_report(&mut self.buffer, now, false);
        }
        leg.publish(due);
        if due {
            self.outbox.tell(Event::Quality { leg: leg.id });
        }
    }

    /// Ends a leg: its ports are free, what played and recorded has failed.
    pub(super) fn end_leg(&mut self, slot: usize) {
        let now = self.now();
        if let Some(mut leg) = self.legs.take(slot) {
            leg.send_report(&mut self.buffer, now, true);
            leg.publish(false);
            if leg.prompt {
                self.poll.remove(&leg.pair.rtp);
            }
            self.poll.remove(&leg.pair.rtcp);
            end_players(std::mem::take(&mut leg.players), PlayEnd::Failed, &self.outbox);
        }
    }

    fn end(mut self) {
        self.inboxes[self.number].end();
        for slot in 0..self.legs.len() {
            self.end_leg(slot);
        }
        for room in self.room_slots.drain(..).flatten() {
            room.end(&self.outbox);
        }
    }
}

/// Tells that players have ended.
pub(super) fn end_players(players: Vec<Player>, why: PlayEnd, outbox: &Outbox) {
    for player in players {
        outbox.tell(Event::Played { player: player.id, why, ms: player.played_ms() });
    }
}

/// Adds what players play to a frame, and tells of those that have ended.
pub(super) fn play_into(players: &mut Vec<Player>, frame: &mut [i16], outbox: &Outbox) {
    players.retain_mut(|player| {
        let Some(why) = player.add_to(frame) else { return true };
        outbox.tell(Event::Played { player: player.id, why, ms: player.played_ms() });
        false
    });
}
