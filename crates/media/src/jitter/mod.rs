//! Packets put in order and given out evenly, with no more delay than the network's jitter asks for.
//!
//! All times are ticks of the payload's clock, as timestamps are: [`Jitter::put`] takes in a packet and when it came,
//! [`Jitter::take`] gives what is to be heard next. How late each packet comes, compared with the fastest of the last
//! ten seconds, goes into a histogram that forgets; the depth is what 99 of 100 packets come within.
//!
//! A packet that comes at its time is played `depth` after the fastest would have come. From that follows at any moment
//! which timestamp should be playing. Where play is ahead of it, a frame is made up and the delay grows; where it is
//! behind, pauses are cut short, and in talk a frame now and then is marked as surplus. A clock that runs faster or
//! slower than ours is nothing else than that, slowly.

mod lateness;
mod ring;

use lateness::Lateness;
use ring::Ring;

/// Packets a buffer holds at most.
pub const PACKETS: usize = 32;
/// So many in a row that come after their time are a stream that is later now, or another timebase.
const LATE_IN_A_ROW: u32 = 3;
/// When nothing comes, so much is made up before it is taken for a pause.
const CONCEALED_MS: u32 = 60;
/// In talk a frame is left out only after so many that were not.
const BETWEEN_SURPLUS: u32 = 10;

/// How deep a buffer may be, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Never less than this.
    pub min_ms: u32,
    /// Never more than this.
    pub max_ms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { min_ms: 20, max_ms: 200 }
    }
}

/// A packet with sound.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// Its number.
    pub sequence: u16,
    /// When its first sample was taken.
    pub timestamp: u32,
    /// What the payload is.
    pub payload_type: u8,
    /// How long it lasts.
    pub ticks: u32,
    /// The payload.
    pub payload: &'a [u8],
}

/// What is heard next.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// This.
    Payload {
        /// What the payload is.
        payload_type: u8,
        /// The packet's.
        timestamp: u32,
        /// How long it lasts.
        ticks: u32,
        /// The payload.
        payload: &'a [u8],
        /// More is waiting than should be: this and what is taken next are to be faded into one, or this be decoded and not
        /// played.
        surplus: bool,
    },
    /// Something is missing: to be made up for so long.
    Conceal {
        /// How long.
        ticks: u32,
        /// The packet right behind the one that is missing, if it is there and nothing lies between: an Opus packet
        /// may hold a coarse copy of the one before.
        next: Option<&'a [u8]>,
    },
    /// A pause between packets, or the stream has not begun: silence, or comfort noise.
    Pause {
        /// How long.
        ticks: u32,
    },
}

/// What became of packets and frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Payloads given out.
    pub played: u64,
    /// Packets that had not come when they were due.
    pub missing: u64,
    /// Packets that came after their time. They are among those that were missing.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Packets given up because too many were waiting.
    pub overflow: u64,
    /// Packets whose payload is larger than a slot.
    pub oversized: u64,
    /// Frames made up so that the delay could grow.
    pub stretched: u64,
    /// Frames marked as surplus so that it could shrink.
    pub surplus: u64,
    /// How often the stream began anew.
    pub restarts: u64,
}

/// The buffer of one stream.
#[derive(Debug)]
pub struct Jitter {
    ring: Ring,
    lateness: Lateness,
    /// Ticks.
    min: u32,
    max: u32,
    stage: Stage,
    ssrc: u32,
    /// The timestamp that is played next.
    next: u32,
    /// Of the last packet that was played.
    usual: u32,
    /// Late ones of one kind.
    late_in_a_row: u32,
    /// Whether the last of them was of another timebase.
    last_odd: bool,
    /// For how long nothing was there, ticks.
    dry: u32,
    longest_concealed: u32,
    since_surplus: u32,
    counts: Counts,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing came.
    Silent,
    /// Something came, nothing was played.
    Filling,
    Playing,
}

impl Jitter {
    /// A buffer for a stream of a clock rate, for payloads of at most so many octets.
    #[must_use]
    pub fn new(clock_rate: u32, largest: usize, limits: Limits) -> Self {
        let ticks = |ms: u32| (u64::from(clock_rate) * u64::from(ms) / 1_000) as u32;
        let max_ms = limits.max_ms.clamp(20, 1_000);
        Self {
            ring: Ring::new(PACKETS, largest),
            lateness: Lateness::new(clock_rate, max_ms),
            min: ticks(limits.min_ms.min(max_ms)),
            max: ticks(max_ms),
            stage: Stage::Silent,
            ssrc: 0,
            next: 0,
            usual: ticks(20),
            late_in_a_row: 0,
            last_odd: false,
            dry: 0,
            longest_concealed: ticks(CONCEALED_MS),
            since_surplus: 0,
            counts: Counts::default(),
        }
    }

    /// What became of packets so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// By how much the fastest packets are delayed, ticks.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.lateness.most().clamp(self.min, self.max)
    }

    /// Forgets the stream: the next packet begins another.
    pub fn reset(&mut self) {
        self.restart();
        self.ring.forget();
        self.lateness.forget();
    }

    /// Begins the same stream anew: how the network behaves and what was played is still known.
    fn restart(&mut self) {
        self.ring.clear();
        self.lateness.rebase();
        self.stage = Stage::Silent;
        (self.late_in_a_row, self.dry) = (0, 0);
    }

    /// Takes in a packet with sound that came at `arrival`. Another source begins anew.
    pub fn put(&mut self, ssrc: u32, sound: &Sound, arrival: u32) {
        if sound.payload.len() > self.ring.largest() {
            self.counts.oversized += 1;
            return;
        }
        if self.stage != Stage::Silent && ssrc != self.ssrc {
            self.reset();
            self.counts.restarts += 1;
        }
        let transit = arrival.wrapping_sub(sound.timestamp);
        let odd = self.lateness.is_odd(transit);
        if !odd {
            // One that is too late says the most about how late packets are.
            self.lateness.packet(transit, arrival);
        }
        if (odd || self.is_late(sound)) && self.given_up(sound.sequence, odd) {
            return;
        }
        if self.stage == Stage::Silent {
            self.begin(ssrc, sound.sequence, sound.timestamp);
            self.lateness.packet(transit, arrival);
        }
        self.late_in_a_row = 0;
        self.store(sound);
    }

    /// Takes in the number of a packet without sound, so that nobody waits for it.
    pub fn pass(&mut self, ssrc: u32, sequence: u16) {
        let ahead = self.ring.ahead(sequence);
        if self.stage != Stage::Silent && ssrc == self.ssrc && (0..PACKETS as i16).contains(&ahead) {
            self.ring.note(sequence);
        }
    }

    fn begin(&mut self, ssrc: u32, sequence: u16, timestamp: u32) {
        self.stage = Stage::Filling;
        self.ssrc = ssrc;
        self.next = timestamp;
        self.ring.begin(sequence);
    }

    fn is_late(&self, sound: &Sound) -> bool {
        self.stage == Stage::Playing
            && (self.ring.ahead(sound.sequence) < 0
                || before(sound.timestamp.wrapping_add(sound.ticks), self.next.wrapping_add(1)))
    }

    /// A packet that cannot be played where it belongs. Whether it is given up; if not, the stream begins anew with it.
    fn given_up(&mut self, sequence: u16, odd: bool) -> bool {
        if self.ring.was(sequence) {
            self.counts.duplicate += 1;
            return true;
        }
        // Overtaken by one that was played: late, but not a sign that the stream as a whole is.
        let overtaken = !odd && self.ring.ahead(sequence) < 0;
        let before = if odd == self.last_odd { self.late_in_a_row } else { 0 };
        self.late_in_a_row = before + u32::from(!overtaken);
        self.last_odd = odd;
        if overtaken || self.late_in_a_row < LATE_IN_A_ROW {
            self.counts.late += 1;
            return true;
        }
        self.restart();
        self.counts.restarts += 1;
        false
    }

    fn store(&mut self, sound: &Sound) {
        let ahead = self.ring.ahead(sound.sequence);
        if ahead < 0 {
            // Before anything was played an earlier packet may still become the first.
            if !self.ring.begin_earlier(sound.sequence) {
                self.counts.late += 1;
                return;
            }
            self.next = sound.timestamp;
        } else if ahead >= PACKETS as i16 {
            self.make_room(sound, ahead);
        }
        if !self.ring.put(sound) {
            self.counts.duplicate += 1;
        }
    }

    /// Gives up the oldest, so that a packet fits that lies beyond the end.
    fn make_room(&mut self, sound: &Sound, ahead: i16) {
        let beyond = usize::from(ahead.unsigned_abs()) + 1 - PACKETS;
        self.counts.overflow += self.ring.give_up(beyond.min(PACKETS));
        match self.ring.first_present() {
            Some((place, timestamp)) => {
                self.counts.missing += self.ring.skip(place);
                self.next = timestamp;
            }
            None => {
                self.ring.begin(sound.sequence);
                self.next = sound.timestamp;
            }
        }
    }

    /// What is heard next, now; asked for whenever less than a frame of `ticks` is left of what was taken before.
    pub fn take(&mut self, now: u32, ticks: u32) -> Taken<'_> {
        if self.stage == Stage::Silent {
            return Taken::Pause { ticks };
        }
        // How far play is ahead of where it should be.
        let ahead = self.next.wrapping_sub(self.lateness.timestamp_due(now, self.depth())).cast_signed();
        if self.stage == Stage::Filling {
            if ahead > 0 {
                return Taken::Pause { ticks };
            }
            self.stage = Stage::Playing;
        }
        self.ring.pass_notes();
        let Some((place, timestamp)) = self.ring.first_present() else { return self.nothing(ahead, ticks) };
        self.dry = 0;
        let wait = timestamp.wrapping_sub(self.next).cast_signed();
        match place {
            0 if wait > 0 => self.pause(ahead, wait, ticks),
            0 => self.play(ahead, ticks),
            // What is missing took no time.
            _ if wait <= 0 => {
                self.counts.missing += self.ring.skip(place);
                self.play(ahead, ticks)
            }
            _ => self.gap(ahead, place, wait, ticks),
        }
    }

    /// The next packet is there.
    fn play(&mut self, ahead: i32, ticks: u32) -> Taken<'_> {
        if ahead > 0 {
            self.counts.stretched += 1;
            return Taken::Conceal { ticks, next: None };
        }
        let usual = self.usual;
        let mut behind = ahead.unsigned_abs();
        // More than may ever wait: what is oldest is given up.
        while u64::from(self.depth()) + u64::from(behind) > u64::from(self.max + 2 * usual) && self.ring.is_sound(1) {
            self.counts.overflow += self.ring.give_up(1);
            behind = behind.saturating_sub(usual);
        }
        self.since_surplus += 1;
        let surplus = behind > usual + usual / 2 && self.since_surplus > BETWEEN_SURPLUS && self.ring.is_sound(1);
        if surplus {
            self.since_surplus = 0;
            self.counts.surplus += 1;
        }
        self.counts.played += 1;
        let slot = self.ring.take_first();
        self.usual = slot.ticks.max(1);
        self.next = slot.timestamp.wrapping_add(slot.ticks);
        let (payload_type, timestamp, ticks) = (slot.payload_type, slot.timestamp, slot.ticks);
        Taken::Payload { payload_type, timestamp, ticks, payload: self.ring.taken(), surplus }
    }

    /// The next packet is there, and its time has not come: what is between was never sent.
    fn pause(&mut self, ahead: i32, wait: i32, ticks: u32) -> Taken<'_> {
        // A pause is where the delay becomes right unheard.
        let step = ticks.cast_signed().saturating_sub(ahead).clamp(0, wait);
        self.next = self.next.wrapping_add(step.cast_unsigned());
        Taken::Pause { ticks }
    }

    /// Packets are missing before one that is there.
    fn gap(&mut self, ahead: i32, place: usize, wait: i32, ticks: u32) -> Taken<'_> {
        if ahead > 0 {
            self.counts.stretched += 1;
            return Taken::Conceal { ticks, next: None };
        }
        // What they held; the rest of a longer gap was never sent.
        let held = self.usual.saturating_mul(place as u32);
        let (wait, usual) = (wait.cast_unsigned(), self.usual);
        if wait > held + usual {
            let step = ticks.min(wait - held);
            self.next = self.next.wrapping_add(step);
            return Taken::Pause { ticks: step };
        }
        let last = wait < 2 * usual;
        let step = if last { wait } else { usual };
        self.next = self.next.wrapping_add(step);
        self.counts.missing += self.ring.skip(if last { place } else { 1 });
        Taken::Conceal { ticks: step, next: (place == 1 && last).then(|| self.ring.first_payload()) }
    }

    /// Nothing is there at all: the sender pauses, or all of it is late or lost.
    fn nothing(&mut self, ahead: i32, ticks: u32) -> Taken<'_> {
        if ahead <= 0 {
            self.next = self.next.wrapping_add(ticks);
        }
        if self.dry >= self.longest_concealed {
            return Taken::Pause { ticks };
        }
        self.dry += ticks;
        Taken::Conceal { ticks, next: None }
    }
}

/// Whether a timestamp comes before another.
fn before(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() < 0
}

#[cfg(test)]
mod tests;
