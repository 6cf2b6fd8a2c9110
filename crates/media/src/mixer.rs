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

use crate::dsp::level::{Vad, power, ramp};

/// Names a seat; valid until [`Mixer::leave`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(u32);

/// How a room mixes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixerSettings {
    /// Samples in a frame.
    pub frame: usize,
    /// How many talkers are summed at most.
    pub loudest: usize,
    /// Whether those who do not talk are left out, so that their noise does not add up.
    pub gate: bool,
}

impl MixerSettings {
    /// For a conference: three talkers, gated.
    #[must_use]
    pub fn conference(frame: usize) -> Self {
        Self { frame, loudest: 3, gate: true }
    }

    /// For a call of two or three: everything is heard as it is.
    #[must_use]
    pub fn call(frame: usize) -> Self {
        Self { frame, loudest: usize::MAX, gate: false }
    }
}

/// What one does in a room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Factor of amplitude for what he says.
    pub talk_gain: f32,
    /// Factor of amplitude for what he hears.
    pub hear_gain: f32,
    /// Nobody hears him.
    pub muted: bool,
    /// He hears nobody.
    pub deaf: bool,
    /// Only this seat hears him.
    pub coach_for: Option<Seat>,
}

impl Default for Part {
    fn default() -> Self {
        Self { talk_gain: 1.0, hear_gain: 1.0, muted: false, deaf: false, coach_for: None }
    }
}

/// What [`Mixer::hear`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Silence.
    Silence,
    /// The common mix, as everybody who gets this answer.
    Common,
    /// A mix for this seat alone.
    Own,
}

/// The greatest factor of amplitude taken, 20 dB.
const MAX_GAIN: f32 = 10.0;
/// A challenger must be 3 dB louder than whom he displaces.
const HYSTERESIS: f32 = 2.0;
/// What a level keeps from frame to frame when it falls: about 20 dB in 200 ms.
const RELEASE: f32 = 0.63;
/// Where the limiter's knee begins.
const KNEE: i32 = 24_576;

#[derive(Debug)]
struct State {
    taken: bool,
    part: Part,
    vad: Vad,
    level: f32,
    fed: bool,
    chosen: bool,
    /// The factor reached at the end of the last frame.
    gain: f32,
    /// Whether his frame, scaled, is in the sum.
    summed: bool,
    /// Factors for single talkers that differ from 1.
    pairs: Vec<(Seat, f32)>,
}

impl State {
    fn new(part: Part) -> Self {
        let vad = Vad::default();
        Self {
            taken: true,
            part,
            vad,
            level: 0.0,
            fed: false,
            chosen: false,
            gain: 0.0,
            summed: false,
            pairs: Vec::new(),
        }
    }
}

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

    /// Chooses who is heard and makes the sum. Afterwards all seats are silent until the next [`Mixer::talk`].
    pub fn mix(&mut self) {
        self.listen();
        self.choose();
        self.add();
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

fn clamp_gain(gain: f32) -> f32 {
    if gain.is_nan() { 0.0 } else { gain.clamp(0.0, MAX_GAIN) }
}

fn frame_of(said: &[i16], frame: usize, seat: Seat) -> &[i16] {
    &said[seat.0 as usize * frame..][..frame]
}

fn accumulate(sum: &mut [i32], said: &[i16], factor: f32) {
    if factor == 1.0 || factor == -1.0 {
        let sign = factor as i32;
        for (total, sample) in sum.iter_mut().zip(said) {
            *total += sign * i32::from(*sample);
        }
    } else {
        for (total, sample) in sum.iter_mut().zip(said) {
            *total += (f32::from(*sample) * factor) as i32;
        }
    }
}

/// Brings a sum into 16 bits: a single voice as it is, several through the limiter.
fn finish(sum: &[i32], out: &mut [i16], several: bool) {
    for (sample, total) in out.iter_mut().zip(sum) {
        *sample = if several { soften(*total) } else { (*total).clamp(-32768, 32767) as i16 };
    }
}

/// Leaves what is below the knee as it is and bends what is above towards full scale, without a corner.
fn soften(value: i32) -> i16 {
    let size = value.abs();
    if size <= KNEE {
        return value as i16;
    }
    let room = f64::from(32_767 - KNEE);
    let over = f64::from(size - KNEE);
    let bent = KNEE + (room * over / (over + room)) as i32;
    (if value < 0 { -bent } else { bent }) as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: usize = 160;

    /// A tone of its own for each, so that it can be found in a mix.
    fn tone(who: usize, tick: usize, amplitude: f32) -> Vec<i16> {
        let step = std::f32::consts::TAU * (300.0 + 150.0 * who as f32) / 8_000.0;
        (tick * FRAME..(tick + 1) * FRAME).map(|n| (amplitude * (step * n as f32).sin()) as i16).collect()
    }

    /// How loud each of `count` tones is in a frame; 1.0 is as it was said with amplitude 1.
    fn amplitude(who: usize, frame: &[i16], tick: usize) -> f32 {
        let step = std::f32::consts::TAU * (300.0 + 150.0 * who as f32) / 8_000.0;
        let (mut re, mut im) = (0.0, 0.0);
        for (i, s) in frame.iter().enumerate() {
            let angle = step * (tick * FRAME + i) as f32;
            re += f32::from(*s) * angle.cos();
            im += f32::from(*s) * angle.sin();
        }
        (re * re + im * im).sqrt() * 2.0 / FRAME as f32
    }

    /// Lets all talk for some ticks; gives what each hears in the last.
    fn run(mixer: &mut Mixer, seats: &[Seat], loudness: &[f32], ticks: std::ops::Range<usize>) -> Vec<Vec<i16>> {
        let mut heard = vec![vec![0; FRAME]; seats.len()];
        for tick in ticks {
            for (who, seat) in seats.iter().enumerate() {
                if loudness[who] > 0.0 {
                    mixer.talk(*seat).unwrap().copy_from_slice(&tone(who, tick, loudness[who]));
                }
            }
            mixer.mix();
            for (seat, out) in seats.iter().zip(&mut heard) {
                mixer.hear(*seat, out);
            }
        }
        heard
    }

    #[test]
    fn each_hears_all_but_himself() {
        let mut mixer = Mixer::new(MixerSettings::call(FRAME));
        let seats: Vec<Seat> = (0..5).map(|_| mixer.join(Part::default())).collect();
        let heard = run(&mut mixer, &seats, &[3_000.0; 5], 0..10);
        for (hearer, frame) in heard.iter().enumerate() {
            for talker in 0..5 {
                let loud = amplitude(talker, frame, 9);
                let (low, high) = if hearer == talker { (0.0, 20.0) } else { (2_950.0, 3_050.0) };
                assert!((low..high).contains(&loud), "{hearer} hears {talker} with {loud}");
            }
        }
    }

    #[test]
    fn one_talker_is_heard_bit_by_bit_and_the_rest_share_one_mix() {
        let mut mixer = Mixer::new(MixerSettings::conference(FRAME));
        let seats: Vec<Seat> = (0..50).map(|_| mixer.join(Part::default())).collect();
        let said: Vec<i16> = (0..FRAME).map(|i| if i % 3 == 0 { i16::MAX } else { i16::MIN }).collect();
        let mut out = vec![0; FRAME];
        for _ in 0..2 {
            mixer.talk(seats[7]).unwrap().copy_from_slice(&said);
            mixer.mix();
        }
        for (who, seat) in seats.iter().enumerate() {
            let heard = mixer.hear(*seat, &mut out);
            if who == 7 {
                assert_eq!((heard, out.iter().all(|s| *s == 0)), (Heard::Silence, true));
            } else {
                assert_eq!((heard, &out), (Heard::Common, &said));
            }
        }
    }

    #[test]
    fn only_the_loudest_are_mixed_and_a_little_louder_does_not_displace() {
        let mut mixer = Mixer::new(MixerSettings { loudest: 2, ..MixerSettings::conference(FRAME) });
        let seats: Vec<Seat> = (0..4).map(|_| mixer.join(Part::default())).collect();
        let heard = run(&mut mixer, &seats, &[4_000.0, 3_000.0, 2_000.0, 0.0], 0..30);
        assert!(amplitude(1, &heard[3], 29) > 2_900.0 && amplitude(2, &heard[3], 29) < 30.0);
        let heard = run(&mut mixer, &seats, &[4_000.0, 3_000.0, 3_600.0, 0.0], 30..60);
        assert!(amplitude(1, &heard[3], 59) > 2_900.0 && amplitude(2, &heard[3], 59) < 30.0, "1.6 dB is not enough");
        let heard = run(&mut mixer, &seats, &[4_000.0, 3_000.0, 6_000.0, 0.0], 60..90);
        assert!(amplitude(2, &heard[3], 89) > 5_900.0 && amplitude(1, &heard[3], 89) < 30.0, "6 dB is");
    }

    #[test]
    fn background_noise_is_gated_in_a_conference_and_kept_in_a_call() {
        for (settings, expected) in [(MixerSettings::conference(FRAME), false), (MixerSettings::call(FRAME), true)] {
            let mut mixer = Mixer::new(settings);
            let seats: Vec<Seat> = (0..3).map(|_| mixer.join(Part::default())).collect();
            let heard = run(&mut mixer, &seats, &[60.0, 60.0, 0.0], 0..30);
            assert_eq!(heard[2].iter().any(|s| *s != 0), expected);
            assert!(!mixer.is_talking(seats[0]));
        }
    }

    #[test]
    fn a_coach_is_heard_by_one_and_hears_all() {
        let mut mixer = Mixer::new(MixerSettings::conference(FRAME));
        let customer = mixer.join(Part::default());
        let agent = mixer.join(Part::default());
        let coach = mixer.join(Part { coach_for: Some(agent), ..Part::default() });
        let seats = [customer, agent, coach];
        let heard = run(&mut mixer, &seats, &[3_000.0, 2_000.0, 2_500.0], 0..10);
        assert!(amplitude(2, &heard[0], 9) < 5.0, "the customer hears the coach");
        assert!(amplitude(2, &heard[1], 9) > 2_400.0 && amplitude(0, &heard[1], 9) > 2_900.0);
        assert!(amplitude(0, &heard[2], 9) > 2_900.0 && amplitude(1, &heard[2], 9) > 1_900.0);
        assert!(amplitude(2, &heard[2], 9) < 5.0);
        mixer.leave(agent);
        let heard = run(&mut mixer, &[customer, coach], &[0.0, 2_500.0], 10..14);
        assert!(heard[0].iter().all(|s| *s == 0), "a coach whose agent left must not become public");
    }

    #[test]
    fn muted_and_deaf_and_gains_hold() {
        let mut mixer = Mixer::new(MixerSettings::call(FRAME));
        let seats: Vec<Seat> = (0..4).map(|_| mixer.join(Part::default())).collect();
        mixer.change(seats[0], Part { muted: true, ..Part::default() });
        mixer.change(seats[1], Part { deaf: true, talk_gain: 0.5, ..Part::default() });
        mixer.change(seats[2], Part { hear_gain: 2.0, ..Part::default() });
        mixer.pair(seats[3], seats[2], 0.25);
        let heard = run(&mut mixer, &seats, &[4_000.0; 4], 0..10);
        assert!(heard[1].iter().all(|s| *s == 0));
        let level = |hearer: usize, talker: usize| amplitude(talker, &heard[hearer], 9);
        assert!(level(3, 0) < 20.0 && (level(3, 1) - 2_000.0).abs() < 40.0, "{} {}", level(3, 0), level(3, 1));
        assert!((level(2, 1) - 4_000.0).abs() < 60.0 && (level(2, 3) - 8_000.0).abs() < 60.0);
        assert!((level(3, 2) - 1_000.0).abs() < 40.0 && (level(0, 2) - 4_000.0).abs() < 40.0);
    }

    #[test]
    fn a_seat_that_was_left_is_silent_and_is_given_again() {
        let mut mixer = Mixer::new(MixerSettings::call(FRAME));
        let (a, b) = (mixer.join(Part::default()), mixer.join(Part::default()));
        run(&mut mixer, &[a, b], &[5_000.0, 0.0], 0..3);
        mixer.leave(a);
        assert!(mixer.talk(a).is_none());
        let heard = run(&mut mixer, &[b], &[0.0], 3..4);
        assert!(heard[0].iter().all(|s| *s == 0));
        assert_eq!(mixer.join(Part::default()), a);
        assert_eq!(mixer.len(), 2);
    }

    #[test]
    fn the_limiter_is_smooth_and_never_turns_over() {
        let mut last = soften(-7_000_000);
        for value in (-7_000_000..7_000_000).step_by(97) {
            let now = soften(value);
            assert!(now >= last && i32::from(now).abs() <= value.abs());
            last = now;
        }
        assert_eq!((soften(KNEE), soften(-KNEE)), (24_576, -24_576));
    }

    proptest! {
        #[test]
        fn no_order_of_coming_going_and_talking_breaks_a_room(
            steps in proptest::collection::vec((0_u8..6, 0_u32..9, -2.0_f32..12.0), 1..120)
        ) {
            let mut mixer = Mixer::new(MixerSettings { loudest: 2, ..MixerSettings::conference(8) });
            let mut out = [0; 8];
            for (what, who, gain) in steps {
                match what {
                    0 => { mixer.join(Part { talk_gain: gain, ..Part::default() }); }
                    1 => mixer.leave(Seat(who)),
                    2 => mixer.change(Seat(who), Part { hear_gain: gain, coach_for: (who > 4).then(|| Seat(who - 4)), ..Part::default() }),
                    3 => mixer.pair(Seat(who), Seat(who / 2), gain),
                    4 => { if let Some(frame) = mixer.talk(Seat(who)) { frame.fill(20_000); } }
                    _ => mixer.mix(),
                }
                let heard = mixer.hear(Seat(who), &mut out);
                prop_assert!(heard != Heard::Silence || out == [0; 8]);
            }
        }
    }
}
