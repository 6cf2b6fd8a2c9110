//! Tones with a cadence: what a caller hears of the network, written as a line of text.
//!
//! ```text
//!   plan     = segment *( "," segment )                    440+480/2000,0/4000
//!   segment  = ["!"] sound ["@" level] ["/" duration]
//!   sound    = hertz *3( "+" hertz ) | hertz "*" hertz     sum, or the first modulated by the second
//!   level    = dBm0 of the whole sound, -60 to 0; without it -13
//!   duration = milliseconds; without it for ever
//! ```
//!
//! Segments marked `!` are heard once, the others over and over; a plan with marked ones only comes to an end.
//! The notation is the one of Asterisk and of Linux' telephony drivers, which people have tables in.

mod countries;

use crate::dsp::oscillator::{Oscillator, amplitude};
pub use countries::{BEEP, COUNTRIES, Country, Tones, country};

/// Segments a plan may have.
pub const MAX_SEGMENTS: usize = 64;
/// Sines a segment may sum.
pub const MAX_SINES: usize = 4;
/// The longest duration that may be written, a day.
pub const MAX_DURATION_MS: u32 = 86_400_000;
const MAX_HERTZ: u16 = 4_000;
const DEFAULT_DBM0: f32 = -13.0;
/// A sound sets in and ends over this time, so that it does not click.
const EDGE_MS: u32 = 2;

/// What a segment sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Nothing.
    Silence,
    /// Sines of equal level; those not used are 0.
    Sum([u16; MAX_SINES]),
    /// A sine whose amplitude goes between full and nothing so many times a second.
    Modulated {
        /// The sine, hertz.
        carrier: u16,
        /// What modulates it, hertz.
        by: u16,
    },
}

/// A piece of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// What is heard.
    pub sound: Sound,
    /// Level of the whole, dBm0.
    pub dbm0: f32,
    /// For how long; `None` is for ever.
    pub duration_ms: Option<u32>,
    /// Heard the first time only.
    pub once: bool,
}

/// A tone as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    segments: Box<[Segment]>,
}

/// Why a text is not a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Which segment, from 1.
    pub segment: usize,
    /// What is wrong with it.
    pub problem: PlanProblem,
}

/// What can be wrong with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanProblem {
    /// More than [`MAX_SEGMENTS`].
    TooMany,
    /// No frequency, not a number, or above 4000 Hz.
    Frequency,
    /// More than [`MAX_SINES`] in a sum, or a sum that is modulated.
    Sines,
    /// Not a number from -60 to 0.
    Level,
    /// Not a number from 1 to [`MAX_DURATION_MS`].
    Duration,
    /// Something follows a segment that lasts for ever.
    NeverReached,
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let problem = match self.problem {
            PlanProblem::TooMany => "a tone has at most 64 segments",
            PlanProblem::Frequency => "a frequency is a whole number of hertz up to 4000, 0 for silence",
            PlanProblem::Sines => "a sound is up to four frequencies joined by +, or two joined by *",
            PlanProblem::Level => "a level is -60 to 0 dBm0",
            PlanProblem::Duration => "a duration is 1 to 86400000 milliseconds",
            PlanProblem::NeverReached => "nothing can follow a segment without a duration",
        };
        write!(f, "segment {} of the tone: {problem}", self.segment)
    }
}

impl std::error::Error for PlanError {}

impl std::str::FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut segments: Vec<Segment> = Vec::new();
        for (index, part) in text.split(',').enumerate() {
            let error = |problem| PlanError { segment: index + 1, problem };
            if index == MAX_SEGMENTS {
                return Err(error(PlanProblem::TooMany));
            }
            if segments.last().is_some_and(|last| last.duration_ms.is_none()) {
                return Err(error(PlanProblem::NeverReached));
            }
            segments.push(segment(part.trim()).map_err(error)?);
        }
        Ok(Self { segments: segments.into() })
    }
}

fn segment(text: &str) -> Result<Segment, PlanProblem> {
    let (once, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let (text, duration_ms) = match text.split_once('/') {
        Some((text, duration)) => {
            let duration = number(duration).filter(|ms| (1..=MAX_DURATION_MS).contains(ms));
            (text, Some(duration.ok_or(PlanProblem::Duration)?))
        }
        None => (text, None),
    };
    let (text, dbm0) = match text.split_once('@') {
        Some((text, level)) => {
            let level = level.parse().ok().filter(|level: &f32| (-60.0..=0.0).contains(level));
            (text, level.ok_or(PlanProblem::Level)?)
        }
        None => (text, DEFAULT_DBM0),
    };
    let hertz =
        |text: &str| number(text).filter(|h| *h <= MAX_HERTZ.into()).map(|h| h as u16).ok_or(PlanProblem::Frequency);
    let sound = if let Some((carrier, by)) = text.split_once('*') {
        if carrier.contains('+') || by.contains(['+', '*']) {
            return Err(PlanProblem::Sines);
        }
        let (carrier, by) = (hertz(carrier)?, hertz(by)?);
        if carrier == 0 || by == 0 {
            return Err(PlanProblem::Frequency);
        }
        Sound::Modulated { carrier, by }
    } else {
        let mut sines = [0; MAX_SINES];
        let mut count = 0;
        for part in text.split('+') {
            let value = hertz(part)?;
            *sines.get_mut(count).ok_or(PlanProblem::Sines)? = value;
            // Silence adds nothing.
            count += usize::from(value > 0);
        }
        if count == 0 { Sound::Silence } else { Sound::Sum(sines) }
    };
    Ok(Segment { sound, dbm0, duration_ms, once })
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            f.write_str(if index > 0 { "," } else { "" })?;
            f.write_str(if segment.once { "!" } else { "" })?;
            match segment.sound {
                Sound::Silence => f.write_str("0")?,
                Sound::Modulated { carrier, by } => write!(f, "{carrier}*{by}")?,
                Sound::Sum(sines) => {
                    for (place, hertz) in sines.iter().filter(|h| **h > 0).enumerate() {
                        write!(f, "{}{hertz}", if place > 0 { "+" } else { "" })?;
                    }
                }
            }
            if segment.dbm0 != DEFAULT_DBM0 {
                write!(f, "@{}", segment.dbm0)?;
            }
            if let Some(ms) = segment.duration_ms {
                write!(f, "/{ms}")?;
            }
        }
        Ok(())
    }
}

impl Plan {
    /// The pieces, one or more.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How long it is heard; `None` is for ever.
    #[must_use]
    pub fn duration_ms(&self) -> Option<u64> {
        let mut total = 0;
        for segment in &self.segments {
            total += u64::from(segment.duration_ms.filter(|_| segment.once)?);
        }
        Some(total)
    }
}

/// A plan being heard.
#[derive(Clone, Debug)]
pub struct Tone {
    plan: Plan,
    rate: u32,
    /// The segment heard now; past the last when it ended.
    segment: usize,
    first_round: bool,
    sines: [Oscillator; MAX_SINES],
    /// Amplitude of each sine; those with 0 are not heard.
    amplitudes: [f64; MAX_SINES],
    /// Samples of this segment: had, and all.
    at: u64,
    length: Option<u64>,
}

impl Tone {
    /// Begins a plan at `rate` samples a second.
    #[must_use]
    pub fn new(plan: Plan, rate: u32) -> Self {
        let silent = Oscillator::new(0.0, rate);
        let mut tone = Self {
            plan,
            rate: rate.max(1),
            segment: 0,
            first_round: true,
            sines: [silent; MAX_SINES],
            amplitudes: [0.0; MAX_SINES],
            at: 0,
            length: Some(0),
        };
        tone.enter(0);
        tone
    }

    /// Writes the next samples; gives how many, fewer than asked only when the tone has come to an end.
    pub fn fill(&mut self, out: &mut [i16]) -> usize {
        let mut written = 0;
        while written < out.len() && self.segment < self.plan.segments.len() {
            let left = self.length.map_or(u64::MAX, |length| length - self.at);
            let count = left.min((out.len() - written) as u64) as usize;
            self.sound(&mut out[written..written + count]);
            written += count;
            if Some(self.at) == self.length {
                self.enter(self.segment + 1);
            }
        }
        written
    }

    /// Whether it has come to an end.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.segment >= self.plan.segments.len()
    }

    /// Goes to a segment, or to the first that is heard again after the last.
    fn enter(&mut self, segment: usize) {
        let segments = &self.plan.segments;
        self.segment = segment;
        if !self.first_round {
            while segments.get(self.segment).is_some_and(|s| s.once) {
                self.segment += 1;
            }
        }
        if self.segment >= segments.len() {
            self.first_round = false;
            self.segment = segments.iter().position(|s| !s.once).unwrap_or(segments.len());
        }
        let Some(segment) = segments.get(self.segment) else { return };
        self.at = 0;
        self.length = segment.duration_ms.map(|ms| (u64::from(ms) * u64::from(self.rate) / 1000).max(1));
        let level = amplitude(segment.dbm0);
        let mut sines = [(0.0, 0.0); MAX_SINES];
        match segment.sound {
            Sound::Silence => {}
            Sound::Sum(all) => {
                let count = all.iter().filter(|h| **h > 0).count().max(1) as f64;
                for (sine, hertz) in sines.iter_mut().zip(all.iter().filter(|h| **h > 0)) {
                    *sine = (f64::from(*hertz), level / count.sqrt());
                }
            }
            Sound::Modulated { carrier, by } => {
                // The carrier and half of it on either side: modulated to nothing; 1.5 is the power of the three.
                let (carrier, by, part) = (f64::from(carrier), f64::from(by), level / 1.5_f64.sqrt());
                sines[..3].copy_from_slice(&[(carrier, part), (carrier - by, part / 2.0), (carrier + by, part / 2.0)]);
            }
        }
        self.sines = sines.map(|(hertz, _)| Oscillator::new(hertz, self.rate));
        self.amplitudes = sines.map(|(_, amplitude)| amplitude);
    }

    fn sound(&mut self, out: &mut [i16]) {
        let edge = u64::from(EDGE_MS * self.rate / 1000).max(1);
        for sample in out {
            let mut value = 0.0;
            for (sine, amplitude) in self.sines.iter_mut().zip(self.amplitudes).filter(|(_, a)| *a > 0.0) {
                value += sine.sample() * amplitude;
            }
            let to_end = self.length.map_or(edge, |length| length - 1 - self.at);
            let fade = self.at.min(to_end).min(edge) as f64 / edge as f64;
            *sample = (value * fade).round() as i16;
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::level::{dbov, power};

    fn heard(text: &str, rate: u32, ms: u32) -> Vec<i16> {
        let mut tone = Tone::new(text.parse().unwrap(), rate);
        let mut out = vec![0; (ms * rate / 1000) as usize];
        let count = tone.fill(&mut out);
        out.truncate(count);
        out
    }

    /// Amplitude of one frequency.
    fn of(samples: &[i16], hertz: f64, rate: u32) -> f64 {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        let (mut re, mut im) = (0.0, 0.0);
        for (n, s) in samples.iter().enumerate() {
            re += f64::from(*s) * (step * n as f64).cos();
            im += f64::from(*s) * (step * n as f64).sin();
        }
        (re * re + im * im).sqrt() * 2.0 / samples.len() as f64
    }

    #[test]
    fn ringback_of_the_united_states_is_two_tones_for_two_seconds_in_six() {
        for rate in [8_000, 16_000, 48_000] {
            let out = heard(country("us").unwrap().tones.ringback, rate, 12_000);
            let second = rate as usize;
            for start in [0, 6] {
                let on = &out[start * second..(start + 2) * second];
                let each = amplitude(DEFAULT_DBM0) / 2_f64.sqrt();
                for hertz in [440.0, 480.0] {
                    assert!((of(on, hertz, rate) / each - 1.0).abs() < 0.01, "{hertz} Hz at {rate}");
                }
                assert!(of(on, 620.0, rate) < each / 100.0);
                assert!(out[(start + 2) * second..(start + 6) * second].iter().all(|s| *s == 0));
            }
        }
    }

    #[test]
    fn the_level_is_the_whole_sounds_whatever_it_is_made_of() {
        for text in ["425@-20", "350+440@-20", "400*25@-20", "300+400+500+600@-20"] {
            let level = dbov(power(&heard(text, 8_000, 4_000)));
            // A sine of 0 dBm0 has -3.14 dB of a full one, which has -3.01 dBov.
            assert!((level + 26.15).abs() < 0.1, "{text}: {level} dBov");
        }
    }

    #[test]
    fn what_is_marked_is_heard_once_and_only_that_ends() {
        let out = heard("!950/330,!1400/330,!1800/330,0/1000", 8_000, 5_000);
        assert_eq!(out.len(), 40_000);
        assert!(out[..7_920].iter().any(|s| *s != 0) && out[7_920..].iter().all(|s| *s == 0));
        assert_eq!(heard("!1400/200", 8_000, 5_000).len(), 1_600);
        assert_eq!("!1400/200,!0/50".parse::<Plan>().unwrap().duration_ms(), Some(250));
        assert_eq!("!1400/200,425".parse::<Plan>().unwrap().duration_ms(), None);
        let mixed = heard("425/100,!0/100,425@-30/100", 8_000, 500);
        assert!(mixed[800..1_600].iter().all(|s| *s == 0) && mixed[2_500..3_200].iter().any(|s| *s != 0));
    }

    #[test]
    fn no_sample_jumps_where_a_sound_begins_or_ends() {
        let out = heard("425/480,0/480", 8_000, 10_000);
        let steepest = (amplitude(DEFAULT_DBM0) * std::f64::consts::TAU * 425.0 / 8_000.0) as i32 + 400;
        assert!(out.windows(2).all(|w| (i32::from(w[1]) - i32::from(w[0])).abs() <= steepest));
    }

    #[test]
    fn errors_name_the_segment_and_what_is_allowed() {
        let problem = |text: &str| text.parse::<Plan>().unwrap_err();
        assert_eq!(problem(""), PlanError { segment: 1, problem: PlanProblem::Frequency });
        assert_eq!(problem("440,0/4"), PlanError { segment: 2, problem: PlanProblem::NeverReached });
        for (text, expected) in [
            ("4001/1", PlanProblem::Frequency),
            ("-440/1", PlanProblem::Frequency),
            ("+440/1", PlanProblem::Frequency),
            ("1+2+3+4+5/1", PlanProblem::Sines),
            ("1*2*3/1", PlanProblem::Sines),
            ("400*0/1", PlanProblem::Frequency),
            ("440@3/1", PlanProblem::Level),
            ("440@NaN/1", PlanProblem::Level),
            ("440/0", PlanProblem::Duration),
            ("440/99999999999", PlanProblem::Duration),
        ] {
            assert_eq!(problem(text).problem, expected, "{text}");
        }
        assert_eq!(problem(&"1/1,".repeat(65)).problem, PlanProblem::TooMany);
        assert!(
            problem("440/x").to_string().contains("segment 1") && problem("440/x").to_string().contains("86400000")
        );
    }

    #[test]
    fn every_tone_of_every_country_is_a_plan_that_sounds() {
        for country in COUNTRIES {
            for text in country.tones.all() {
                let plan: Plan = text.parse().unwrap_or_else(|e| panic!("{}: {text}: {e}", country.code));
                assert!(dbov(power(&heard(text, 8_000, 1_000))) > -40.0, "{}: {text}", country.code);
                assert_eq!(plan.to_string().parse::<Plan>().unwrap(), plan);
            }
        }
        assert_eq!(country("DE").unwrap().code, "de");
        assert!(country("xx").is_none());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back_and_frames_do_not_change_the_sound(
            text in "(!?[1-9][0-9]{0,2}([+*][1-9][0-9]{0,2})?(@-[1-5][0-9])?/[1-9][0-9]{0,2},){1,5}0/50",
            frame in 1_usize..400,
        ) {
            let plan: Plan = text.parse().unwrap();
            prop_assert_eq!(&plan.to_string().parse::<Plan>().unwrap(), &plan);
            let whole = heard(&text, 8_000, 600);
            let mut tone = Tone::new(plan, 8_000);
            let mut pieces = vec![0; whole.len()];
            for piece in pieces.chunks_mut(frame) {
                tone.fill(piece);
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}
