//! Keys found in the sound (ITU-T Q.24): in a telephone's that knows no events, or a trunk's.
//!
//! Windows of 20 ms, one each 10 ms, go through Goertzel's filters at the eight frequencies. A window holds a key if
//! nearly all of its energy lies at one row's and one column's, neither much louder than the other, and if the phases
//! went on since the window before as those frequencies do: two harmonics of a voice do not, for long. Three such
//! windows are a key; they fit into 40 ms and not into 23. Three without it are a pause.
//!
//! Nearly all sound is no key, and is told cheaply: of three windows in a row one is an even one, so an odd one between
//! two that cannot be of a key is not looked at, and one that is too soft is not filtered.

use std::f32::consts::TAU;

use super::{COLUMNS, KEYPAD, Press, ROWS};
use crate::dsp::level::power;

/// Each tone has at least this power: -42 dBov.
const LEAST: f32 = 6.3e-5;
/// Share of a window's energy that must be the two tones'.
const PURITY: f32 = 0.63;
/// A column's tone louder than the row's by at most 6 dB, and softer by at most 9 dB (Q.24 wants 4 and 8).
const TWIST: f32 = 4.0;
const REVERSE_TWIST: f32 = 8.0;
/// Every other tone of the group is at least 5 dB softer: with a window of 20 ms the next row is not further off.
const OTHERS: f32 = 3.2;
/// How far a frequency may be off. Q.24: 1.5 per cent must be known, 3.5 must not.
const DEVIATION: f32 = 0.024;
/// Windows that make a key, and those that end it.
const ON: u32 = 3;
const OFF: u32 = 3;
/// Of a window in which the tone only begins or ends, the power is less by this or more.
const EDGE: f32 = 0.5;

#[derive(Clone, Copy, Debug, Default)]
struct Phasor {
    re: f32,
    im: f32,
}

/// What one window holds.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    key: char,
    power: f32,
}

/// A window whose levels are those of a key.
#[derive(Clone, Copy, Debug)]
struct Look {
    candidate: Candidate,
    /// The row's and the column's.
    tones: [usize; 2],
    phasors: [Phasor; 8],
}

/// Listens to one stream.
#[derive(Clone, Debug)]
pub struct Detector {
    rate: u32,
    /// Samples of 10 ms.
    hop: usize,
    /// The last 40 ms, and how much of it is filled: the window of 20 ms that was looked at last, and room for two more.
    heard: Box<[i16]>,
    filled: usize,
    /// Hann's, so that what is off the window's grid is still told.
    shape: Box<[f32]>,
    /// Power of a tone at a frequency relative to the square of its phasor.
    scale: f32,
    /// Sum of the squares of the shape.
    weight: f32,
    /// Of each tone: how far it turns in a sample, and the sine and cosine of that.
    angles: [f32; 8],
    sines: [f32; 8],
    cosines: [f32; 8],
    /// Whether the window that was looked at last can be of a key.
    promised: bool,
    /// The key in a row of windows, how many there were, and the power of the loudest.
    run: Option<(Candidate, u32)>,
    down: Option<Down>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    key: char,
    windows: u32,
    missed: u32,
}

impl Detector {
    /// For samples at a rate of 8,000 to 48,000.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let hop = (rate.clamp(8_000, 48_000) / 100) as usize;
        let count = 2 * hop;
        let shape: Box<[f32]> = (0..count).map(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / count as f32).cos()).collect();
        let sum: f32 = shape.iter().sum();
        let mut angles = [0.0; 8];
        for (angle, hertz) in angles.iter_mut().zip(ROWS.into_iter().chain(COLUMNS)) {
            *angle = TAU * f32::from(hertz) / rate as f32;
        }
        Self {
            rate,
            hop,
            heard: vec![0; 4 * hop].into(),
            filled: count,
            scale: 2.0 / (sum * sum),
            weight: shape.iter().map(|w| w * w).sum(),
            shape,
            angles,
            sines: angles.map(f32::sin),
            cosines: angles.map(f32::cos),
            promised: false,
            run: None,
            down: None,
        }
    }

    /// The key that is down.
    #[must_use]
    pub fn pressed(&self) -> Option<char> {
        self.down.map(|down| down.key)
    }

    /// Forgets what was heard; a key that is down is let go.
    pub fn reset(&mut self, mut tell: impl FnMut(Press)) {
        self.up(&mut tell);
        self.heard.fill(0);
        self.filled = 2 * self.hop;
        self.promised = false;
        self.run = None;
    }

    /// Listens; tells of the keys that were let go.
    pub fn feed(&mut self, samples: &[i16], mut tell: impl FnMut(Press)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let count = rest.len().min(self.heard.len() - self.filled);
            self.heard[self.filled..self.filled + count].copy_from_slice(&rest[..count]);
            self.filled += count;
            rest = &rest[count..];
            if self.filled == self.heard.len() {
                for heard in self.listen() {
                    self.follow(heard, &mut tell);
                }
                self.heard.copy_within(2 * self.hop.., 0);
                self.filled -= 2 * self.hop;
            }
        }
    }

    /// What the two windows hold that have come.
    fn listen(&mut self) -> [Option<Candidate>; 2] {
        let [before, odd, even] = [0, self.hop, 2 * self.hop].map(|start| &self.heard[start..start + 2 * self.hop]);
        let latest = self.look(even);
        let promised = std::mem::replace(&mut self.promised, latest.is_some());
        if !promised && latest.is_none() {
            return [None; 2];
        }
        let in_tune = |look: Option<Look>, before: &[i16]| {
            look.filter(|look| self.is_in_tune(look, &self.filter(before))).map(|look| look.candidate)
        };
        [in_tune(self.look(odd), before), in_tune(latest, odd)]
    }

    /// What a window may hold, by its levels.
    fn look(&self, window: &[i16]) -> Option<Look> {
        // No filter finds more than eight times the power there is (Cauchy and Schwarz, with Hann's window).
        if 8.0 * power(window) < LEAST {
            return None;
        }
        let phasors = self.filter(window);
        let powers = phasors.map(|p| (p.re * p.re + p.im * p.im) * self.scale);
        let (row, column) = (loudest(&powers[..4])?, loudest(&powers[4..])?);
        let (low, high) = (powers[row], powers[4 + column]);
        let right = low > LEAST
            && high > LEAST
            && high < low * TWIST
            && low < high * REVERSE_TWIST
            && low + high > PURITY * self.energy(window);
        let candidate = Candidate { key: KEYPAD[row][column], power: low + high };
        right.then_some(Look { candidate, tones: [row, 4 + column], phasors })
    }

    /// Mean power of a window, shaped.
    fn energy(&self, window: &[i16]) -> f32 {
        let values = window.iter().zip(&self.shape).map(|(sample, weight)| f32::from(*sample) / 32_768.0 * weight);
        values.map(|value| value * value).sum::<f32>() / self.weight
    }

    /// Goertzel's filters over a window.
    fn filter(&self, window: &[i16]) -> [Phasor; 8] {
        let coefficients = self.cosines.map(|cosine| 2.0 * cosine);
        let (mut last, mut one_before) = ([0.0_f32; 8], [0.0_f32; 8]);
        for (sample, weight) in window.iter().zip(&self.shape) {
            let value = f32::from(*sample) / 32_768.0 * weight;
            // All eight at once: the compiler makes two vectors of them. What is known early is summed first.
            let mut next = [0.0_f32; 8];
            for tone in 0..8 {
                next[tone] = (value - one_before[tone]) + coefficients[tone] * last[tone];
            }
            one_before = last;
            last = next;
        }
        let mut phasors = [Phasor::default(); 8];
        for tone in 0..8 {
            let (sin, cos) = (self.sines[tone], self.cosines[tone]);
            phasors[tone] = Phasor { re: last[tone] - one_before[tone] * cos, im: one_before[tone] * sin };
        }
        phasors
    }

    /// Whether the phases went on since the window before as they do at the tones' frequencies.
    fn is_in_tune(&self, look: &Look, before: &[Phasor; 8]) -> bool {
        look.tones.iter().all(|tone| {
            let (now, before) = (look.phasors[*tone], before[*tone]);
            let (re, im) = (now.re * before.re + now.im * before.im, now.im * before.re - now.re * before.im);
            let turned = im.atan2(re);
            let expected = self.angles[*tone] * self.hop as f32;
            let off = (turned - expected + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
            off.abs() < DEVIATION * expected
        })
    }

    /// A window's finding in the row of those before.
    fn follow(&mut self, heard: Option<Candidate>, tell: &mut impl FnMut(Press)) {
        if let Some(down) = &mut self.down {
            if heard.is_some_and(|heard| heard.key == down.key) {
                down.windows += 1 + std::mem::take(&mut down.missed);
            } else {
                down.missed += 1;
                if down.missed >= OFF {
                    self.up(tell);
                }
            }
        }
        self.run = match (self.run, heard) {
            (Some((before, count)), Some(heard)) if before.key == heard.key => {
                // Only whole windows count: those as loud as the loudest.
                let loudest = before.power.max(heard.power);
                let whole = if before.power < EDGE * heard.power { 0 } else { count };
                let counts = u32::from(heard.power > EDGE * loudest);
                Some((Candidate { power: loudest, ..heard }, whole + counts))
            }
            (_, heard) => heard.map(|heard| (heard, 1)),
        };
        if let Some((heard, count)) = self.run
            && count >= ON
            && self.pressed() != Some(heard.key)
        {
            self.up(tell);
            self.down = Some(Down { key: heard.key, windows: count, missed: 0 });
        }
    }

    fn up(&mut self, tell: &mut impl FnMut(Press)) {
        if let Some(down) = self.down.take() {
            tell(Press { key: down.key, duration_ms: (down.windows + 1) * 10 });
        }
    }

    /// Samples a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }
}

/// Which of a group is the loudest, if it stands out.
fn loudest(powers: &[f32]) -> Option<usize> {
    let best = (0..powers.len()).max_by(|a, b| powers[*a].total_cmp(&powers[*b]))?;
    (0..powers.len()).all(|other| other == best || powers[best] > OTHERS * powers[other]).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::super::{KEYS, plan, tones};
    use super::*;
    use crate::codec::g711;
    use crate::dsp::oscillator::{Oscillator, amplitude};
    use crate::tone::Tone;

    const ALL: &str = "0123456789*#ABCD";

    fn keys(samples: &[i16], rate: u32) -> Vec<Press> {
        let mut detector = Detector::new(rate);
        let mut told = Vec::new();
        // In pieces that are not its own.
        for piece in samples.chunks(rate as usize / 50 - 7) {
            detector.feed(piece, |press| told.push(press));
        }
        detector.feed(&vec![0; rate as usize / 10], |press| told.push(press));
        told
    }

    fn text(presses: &[Press]) -> String {
        presses.iter().map(|press| press.key).collect()
    }

    /// A key of so many milliseconds after 33 ms of silence, each tone with its level in dBm0 and its frequency's factor.
    fn key(key: char, ms: u32, row: (f32, f64), column: (f32, f64)) -> Vec<i16> {
        let rate = 8_000;
        let (low, high) = tones(key).unwrap();
        let mut a = Oscillator::new(f64::from(low) * row.1, rate);
        let mut b = Oscillator::new(f64::from(high) * column.1, rate);
        let mut samples = vec![0; 264];
        samples.extend(
            (0..ms * 8).map(|_| (a.sample() * amplitude(row.0) + b.sample() * amplitude(column.0)).round() as i16),
        );
        samples.resize(samples.len() + 400, 0);
        samples
    }

    fn noise(samples: &mut [i16], peak: f64) {
        let mut state = 1_u64;
        for sample in samples {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = ((state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0) * peak;
            *sample = sample.saturating_add(value as i16);
        }
    }

    #[test]
    fn every_key_is_known_at_every_rate_whatever_the_window_it_begins_in() {
        for rate in [8_000, 16_000, 44_100, 48_000] {
            let mut tone = Tone::new(plan(ALL, 47, 47).unwrap(), rate);
            let mut samples = vec![0; rate as usize * 2];
            let count = tone.fill(&mut samples);
            let told = keys(&samples[..count], rate);
            assert_eq!(text(&told), ALL, "{rate}");
            assert!(told.iter().all(|press| (30..=60).contains(&press.duration_ms)), "{told:?}");
        }
    }

    #[test]
    fn forty_milliseconds_are_a_key_and_twenty_are_not() {
        for name in KEYS {
            for start in 0..20 {
                let late = |ms| [vec![0; start * 8], key(name, ms, (-9.0, 1.0), (-9.0, 1.0))].concat();
                assert_eq!(text(&keys(&late(40), 8_000)), name.to_string(), "{start}");
                assert_eq!(text(&keys(&late(20), 8_000)), "", "{name}, {start}");
            }
        }
    }

    #[test]
    fn a_short_break_is_within_a_key_and_forty_milliseconds_are_between_two() {
        for start in 0..20 {
            let mut samples = [vec![0; start * 8], key('5', 200, (-9.0, 1.0), (-9.0, 1.0))].concat();
            samples[start * 8 + 1_000..start * 8 + 1_080].fill(0);
            assert_eq!(text(&keys(&samples, 8_000)), "5", "{start}");
            samples[start * 8 + 1_000..start * 8 + 1_320].fill(0);
            assert_eq!(text(&keys(&samples, 8_000)), "55", "{start}");
        }
    }

    #[test]
    fn frequencies_that_are_a_little_off_are_known_and_those_far_off_are_not() {
        for name in KEYS {
            for (row, column) in [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)] {
                let samples = key(name, 60, (-9.0, row), (-9.0, column));
                assert_eq!(text(&keys(&samples, 8_000)), name.to_string(), "{row} {column}");
            }
            for (row, column) in [(1.035, 1.0), (0.965, 1.0), (1.0, 1.035), (1.0, 0.965)] {
                let samples = key(name, 100, (-9.0, row), (-9.0, column));
                assert_eq!(text(&keys(&samples, 8_000)), "", "{name}: {row} {column}");
            }
        }
    }

    #[test]
    fn a_line_may_weaken_one_tone_more_than_the_other() {
        for name in KEYS {
            for (row, column, known) in [
                (-10.0, -6.0, true),
                (-6.0, -14.0, true),
                (-32.0, -32.0, true),
                (0.0, 0.0, true),
                (-15.0, -6.0, false),
                (-6.0, -17.0, false),
                (-50.0, -50.0, false),
            ] {
                let samples = key(name, 60, (row, 1.0), (column, 1.0));
                assert_eq!(!keys(&samples, 8_000).is_empty(), known, "{name} at {row} and {column} dBm0");
            }
        }
    }

    #[test]
    fn noise_and_either_law_do_not_hide_a_key() {
        for (to, from) in [
            (g711::to_mulaw as fn(i16) -> u8, g711::from_mulaw as fn(u8) -> i16),
            (g711::to_alaw as fn(i16) -> u8, g711::from_alaw as fn(u8) -> i16),
        ] {
            for name in KEYS {
                let mut samples = key(name, 60, (-12.0, 1.0), (-12.0, 1.0));
                // 15 dB below the tones.
                noise(&mut samples, 1_400.0);
                let coded: Vec<i16> = samples.iter().map(|sample| from(to(*sample))).collect();
                assert_eq!(text(&keys(&coded, 8_000)), name.to_string());
            }
        }
    }

    #[test]
    fn one_tone_dial_tone_and_noise_are_no_keys() {
        let mut hiss = vec![0; 80_000];
        noise(&mut hiss, 12_000.0);
        assert_eq!(keys(&hiss, 8_000), []);
        for text in ["697", "1336", "350+440", "480+620", "697+770", "1209+1336", "941+1209+1633"] {
            let mut samples = vec![0; 8_000];
            Tone::new(text.parse().unwrap(), 8_000).fill(&mut samples);
            assert_eq!(keys(&samples, 8_000), [], "{text}");
        }
    }
}
