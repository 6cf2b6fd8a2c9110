//! From one sampling rate to another by a polyphase filter.
//!
//! A windowed sinc (Kaiser, 70 dB) of 32 taps at the lower of the two rates, cut off at 0.95 of its half.
//! The ratio is any pair of whole numbers: 8, 16, 24 and 48 kHz need at most six phases, files at
//! 44.1 kHz some hundred.

/// Taps per phase when rising; more by the ratio when falling.
const TAPS: usize = 32;
/// Of half the lower rate: where the filter cuts.
const CUTOFF: f64 = 0.95;
const KAISER_BETA: f64 = 6.8;
/// Input samples taken at a time.
const CHUNK: usize = 960;
/// Coefficients a filter may have: a mebibyte of memory.
const MAX_COEFFICIENTS: usize = 1 << 18;

/// A pair of rates no filter is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateError {
    /// The rate of the input, hertz.
    pub from: u32,
    /// The rate of the output, hertz.
    pub to: u32,
}

impl std::fmt::Display for RateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "no filter from {} Hz to {} Hz: rates are 4000 to 192000 with a small common ratio",
            self.from, self.to
        )
    }
}

impl std::error::Error for RateError {}

/// Converts a stream of samples; keeps what spans two calls.
#[derive(Clone, Debug)]
pub struct Resampler {
    up: usize,
    down: usize,
    taps: usize,
    /// Phase after phase, each in the order of time.
    coefficients: Vec<f32>,
    /// The last `taps - 1` samples of before, then a chunk.
    work: Vec<f32>,
    /// The input sample of the chunk that the next output ends at.
    at: usize,
    phase: usize,
}

impl Resampler {
    /// A converter from one rate to another, both in hertz.
    ///
    /// # Errors
    /// If a rate is out of range or the ratio needs too large a filter.
    pub fn new(from: u32, to: u32) -> Result<Self, RateError> {
        let error = RateError { from, to };
        if !(4_000..=192_000).contains(&from) || !(4_000..=192_000).contains(&to) {
            return Err(error);
        }
        let divisor = gcd(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        let taps = if from == to { 1 } else { (TAPS * down.max(up)).div_ceil(up) };
        if taps * up > MAX_COEFFICIENTS {
            return Err(error);
        }
        let coefficients = if from == to { vec![1.0] } else { design(up, down, taps, f64::from(from)) };
        Ok(Self { up, down, taps, coefficients, work: vec![0.0; taps - 1 + CHUNK], at: 0, phase: 0 })
    }

    /// How many samples `count` more of the input will give, at most.
    #[must_use]
    pub fn output_len(&self, count: usize) -> usize {
        (count * self.up).div_ceil(self.down) + 1
    }

    /// The filter's delay in samples of the output.
    #[must_use]
    pub fn delay(&self) -> usize {
        if self.up == self.down { 0 } else { middle(self.up, self.down, self.taps) / self.down }
    }

    /// The filter's delay in samples of the input.
    #[must_use]
    pub fn delay_in(&self) -> usize {
        (self.delay() * self.down).div_ceil(self.up)
    }

    /// Forgets what was before.
    pub fn reset(&mut self) {
        self.work.fill(0.0);
        (self.at, self.phase) = (0, 0);
    }

    /// Converts `input`; gives how many samples were written. What does not fit into `out` is lost:
    /// give it [`Resampler::output_len`].
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        if self.up == self.down {
            let count = input.len().min(out.len());
            out[..count].copy_from_slice(&input[..count]);
            return count;
        }
        let mut written = 0;
        let before = self.taps - 1;
        for chunk in input.chunks(CHUNK) {
            for (place, sample) in self.work[before..].iter_mut().zip(chunk) {
                *place = f32::from(*sample);
            }
            while self.at < chunk.len() {
                let window = &self.work[self.at..self.at + self.taps];
                let phase = &self.coefficients[self.phase * self.taps..][..self.taps];
                let value = dot(window, phase);
                if let Some(place) = out.get_mut(written) {
                    *place = value.round() as i16;
                    written += 1;
                }
                self.phase += self.down;
                self.at += self.phase / self.up;
                self.phase %= self.up;
            }
            self.at -= chunk.len();
            self.work.copy_within(chunk.len()..chunk.len() + before, 0);
        }
        written
    }
}

/// Eight sums side by side, which the compiler turns into vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
}

/// The tap the filter is symmetrical to: where its delay is a whole number of samples of the output.
fn middle(up: usize, down: usize, taps: usize) -> usize {
    (up * taps / 2 + down / 2) / down * down
}

fn design(up: usize, down: usize, taps: usize, from: f64) -> Vec<f32> {
    let length = up * taps;
    let middle = middle(up, down, taps);
    let half = middle.min(length - 1 - middle) as f64;
    let lower = if up < down { from * up as f64 / down as f64 } else { from };
    let cutoff = CUTOFF * lower / 2.0 / (from * up as f64);
    let tap = |n: usize| {
        let x = n as f64 - middle as f64;
        let edge = x / half;
        if edge.abs() > 1.0 {
            return 0.0;
        }
        let sinc = if x == 0.0 {
            2.0 * cutoff
        } else {
            (std::f64::consts::TAU * cutoff * x).sin() / (std::f64::consts::PI * x)
        };
        sinc * bessel(KAISER_BETA * (1.0 - edge * edge).sqrt()) / bessel(KAISER_BETA)
    };
    let mut all = Vec::with_capacity(length);
    for phase in 0..up {
        let one: Vec<f64> = (0..taps).rev().map(|k| tap(phase + up * k)).collect();
        // Each phase passes a constant unchanged; else silence with an offset would hum.
        let sum: f64 = one.iter().sum();
        all.extend(one.iter().map(|c| (c / sum) as f32));
    }
    all
}

/// The modified Bessel function of order zero.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= x / 2.0 / f64::from(k);
        sum += term * term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sine(rate: u32, hertz: f64, count: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        (0..count).map(|n| (10_000.0 * (step * n as f64).sin()).round() as i16).collect()
    }

    fn convert(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = vec![0; resampler.output_len(input.len())];
        let count = resampler.process(input, &mut out);
        out.truncate(count);
        out
    }

    /// Amplitude at a frequency, and the rest, both relative to 10,000, of the settled second half.
    fn tone_and_rest(rate: u32, hertz: f64, samples: &[i16]) -> (f64, f64) {
        let half = &samples[samples.len() / 2..];
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        let (mut re, mut im) = (0.0, 0.0);
        for (n, s) in half.iter().enumerate() {
            re += f64::from(*s) * (step * n as f64).cos();
            im += f64::from(*s) * (step * n as f64).sin();
        }
        let scale = 2.0 / half.len() as f64;
        let (re, im) = (re * scale, im * scale);
        let rest = half.iter().enumerate().map(|(n, s)| {
            let fit = re * (step * n as f64).cos() + im * (step * n as f64).sin();
            (f64::from(*s) - fit).powi(2)
        });
        let rest = (2.0 * rest.sum::<f64>() / half.len() as f64).sqrt();
        ((re * re + im * im).sqrt() / 10_000.0, rest / 10_000.0)
    }

    #[test]
    fn the_voice_band_passes_flat_and_clean_between_all_rates() {
        for from in [8_000, 16_000, 24_000, 48_000, 44_100, 11_025] {
            for to in [8_000, 16_000, 24_000, 48_000] {
                for hertz in [300.0, 1_000.0, 3_000.0] {
                    let out = convert(from, to, &sine(from, hertz, from as usize));
                    let (tone, rest) = tone_and_rest(to, hertz, &out);
                    assert!((0.97..1.03).contains(&tone), "{from} to {to}, {hertz} Hz: {tone}");
                    assert!(rest < 0.003, "{from} to {to}, {hertz} Hz: the rest is {rest}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_the_lower_rate_is_stopped() {
        for (from, to, hertz) in
            [(16_000, 8_000, 4_600.0), (48_000, 8_000, 5_000.0), (48_000, 16_000, 9_200.0), (44_100, 8_000, 7_000.0)]
        {
            let out = convert(from, to, &sine(from, hertz, from as usize));
            let loudest = out[out.len() / 2..].iter().map(|s| s.abs()).max().unwrap();
            assert!(loudest <= 12, "{from} to {to}: {hertz} Hz comes through with {loudest} of 10000");
        }
    }

    #[test]
    fn rates_out_of_reach_are_refused() {
        assert_eq!(Resampler::new(0, 8_000).unwrap_err(), RateError { from: 0, to: 8_000 });
        assert!(Resampler::new(8_000, 47_999).is_err());
        assert!(Resampler::new(44_100, 8_000).is_ok());
    }

    proptest! {
        #[test]
        fn the_pieces_give_what_the_whole_gives(cuts in proptest::collection::vec(1_usize..400, 1..30), pair in 0_usize..6) {
            let (from, to) = [(8_000, 16_000), (8_000, 48_000), (48_000, 8_000), (16_000, 24_000), (44_100, 8_000), (24_000, 16_000)][pair];
            let input = sine(from, 700.0, cuts.iter().sum());
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut pieces = Vec::new();
            let mut rest = &input[..];
            for cut in cuts {
                let (piece, others) = rest.split_at(cut);
                let mut out = vec![0; resampler.output_len(piece.len())];
                let count = resampler.process(piece, &mut out);
                prop_assert!(count <= out.len());
                pieces.extend_from_slice(&out[..count]);
                rest = others;
            }
            prop_assert_eq!(pieces, convert(from, to, &input));
        }
    }
}
