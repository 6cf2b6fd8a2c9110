//! Packets that are missing, made up from what was heard before: the method of G.711 Appendix I.
//!
//! The last pitch period is found by correlation and repeated; after 10 ms two periods, after 20 ms three are
//! used, so that it does not buzz. From the second 10 ms on it fades, by a fifth each 10 ms, and is silent
//! after 60 ms. What is heard next is faded in over the tail of it. Unlike the Appendix nothing is delayed.

use super::level::ramp;

/// Highest and lowest pitch looked for, hertz.
const HIGHEST_PITCH: usize = 200;
const LOWEST_PITCH: usize = 66;

/// Conceals losses in one stream.
#[derive(Clone, Debug)]
pub struct Plc {
    /// Samples in 10 ms.
    ten: usize,
    /// The newest at the end.
    history: Box<[i16]>,
    /// What is repeated, one to three periods long.
    cycle: Box<[i16]>,
    period: usize,
    length: usize,
    at: usize,
    /// Samples made up since the last that was heard.
    made: usize,
    /// Cross-fading into what comes next.
    tail: Box<[i16]>,
}

impl Plc {
    /// For a stream of `rate` samples a second (8,000 to 48,000).
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(8_000, 48_000) as usize;
        let longest = rate / LOWEST_PITCH;
        Self {
            ten: rate / 100,
            history: vec![0; 4 * longest].into(),
            cycle: vec![0; 3 * longest].into(),
            period: longest,
            length: longest,
            at: 0,
            made: 0,
            tail: vec![0; rate / 100].into(),
        }
    }

    /// A frame that was heard: remembers it and, after a loss, fades it in.
    pub fn heard(&mut self, frame: &mut [i16]) {
        if self.made > 0 {
            let count = (self.ten * 4 / 10 + self.made * 4 / 10).min(self.ten).min(frame.len());
            let mut tail = std::mem::take(&mut self.tail);
            self.make(&mut tail[..count]);
            for (i, (sample, old)) in frame.iter_mut().zip(&tail[..count]).enumerate() {
                let (new_part, old_part) = ((i + 1) as i32, (count - i) as i32);
                *sample = ((i32::from(*sample) * new_part + i32::from(*old) * old_part) / (count as i32 + 1)) as i16;
            }
            self.tail = tail;
            self.made = 0;
        }
        self.remember(frame);
    }

    /// Makes up a frame that is missing.
    pub fn conceal(&mut self, out: &mut [i16]) {
        for ten in out.chunks_mut(self.ten) {
            self.make(ten);
            self.remember(ten);
        }
    }

    /// Forgets everything: another voice begins.
    pub fn reset(&mut self) {
        self.history.fill(0);
        self.made = 0;
    }

    fn remember(&mut self, frame: &[i16]) {
        let keep = self.history.len();
        if frame.len() >= keep {
            self.history.copy_from_slice(&frame[frame.len() - keep..]);
        } else {
            self.history.copy_within(frame.len().., 0);
            self.history[keep - frame.len()..].copy_from_slice(frame);
        }
    }

    /// At most 10 ms.
    fn make(&mut self, out: &mut [i16]) {
        if self.made == 0 {
            self.period = self.pitch();
            self.take_cycles(1);
        } else if self.made < 3 * self.ten && self.made.is_multiple_of(self.ten) {
            // The cycle comes from before the loss, so it is longer by what was made up since.
            let cycles = 1 + self.made / self.ten;
            self.take_cycles(cycles);
        }
        for sample in out.iter_mut() {
            *sample = self.cycle[self.at];
            self.at = (self.at + 1) % self.length;
        }
        let fade = |made: usize| (1.2 - 0.2 * made as f32 / self.ten as f32).clamp(0.0, 1.0);
        let (from, to) = (fade(self.made), fade(self.made + out.len()));
        let limit = 6 * self.ten;
        if self.made >= limit {
            out.fill(0);
        } else {
            ramp(out, from, to);
        }
        self.made += out.len();
    }

    /// Takes so many periods before the loss as the cycle and smooths where its end meets its beginning.
    fn take_cycles(&mut self, cycles: usize) {
        let end = self.history.len() - self.made.min(self.history.len());
        let cycles = cycles.min(end.saturating_sub(self.period / 4) / self.period).max(1);
        let length = cycles * self.period;
        let Some(start) = end.checked_sub(length) else { return };
        self.cycle[..length].copy_from_slice(&self.history[start..end]);
        let quarter = (self.period / 4).min(start);
        for i in 0..quarter {
            // Towards the end more and more of what led up to the cycle's beginning.
            let (new, old) = ((i + 1) as i32, (quarter - i) as i32);
            let before = i32::from(self.history[start - quarter + i]);
            let place = &mut self.cycle[length - quarter + i];
            *place = ((i32::from(*place) * old + before * new) / (quarter as i32 + 1)) as i16;
        }
        self.at %= self.period;
        self.length = length;
        if self.made == 0 {
            self.at = 0;
        }
    }

    /// The lag at which the last 20 ms resemble what was before, searched coarsely and then by the sample.
    fn pitch(&self) -> usize {
        let rate = self.ten * 100;
        let (shortest, longest) = (rate / HIGHEST_PITCH, rate / LOWEST_PITCH);
        let coarse = (rate / 4_000).max(1);
        let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
            lags.map(|lag| (self.likeness(lag, step), lag)).max_by(|a, b| a.0.total_cmp(&b.0)).map_or(longest, |b| b.1)
        };
        let rough = best(&mut (shortest..=longest).step_by(coarse), coarse);
        best(&mut (rough.saturating_sub(coarse).max(shortest)..=(rough + coarse).min(longest)), 1)
    }

    fn likeness(&self, lag: usize, step: usize) -> f32 {
        let window = 2 * self.ten;
        let end = self.history.len();
        let (mut cross, mut energy) = (0.0_f32, 1.0_f32);
        let now = self.history[end - window..].iter().step_by(step);
        let then = self.history[end - window - lag..].iter().step_by(step);
        for (a, b) in now.zip(then) {
            cross += f32::from(*a) * f32::from(*b);
            energy += f32::from(*b) * f32::from(*b);
        }
        cross / energy.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{dbov, power};

    /// A voice-like sound: a pitch with harmonics.
    fn voice(rate: u32, pitch: f64, from: usize, count: usize) -> Vec<i16> {
        (from..from + count)
            .map(|n| {
                let t = n as f64 / f64::from(rate);
                let s: f64 =
                    (1..8).map(|h| (std::f64::consts::TAU * pitch * f64::from(h) * t).sin() / f64::from(h)).sum();
                (5_000.0 * s) as i16
            })
            .collect()
    }

    #[test]
    fn a_lost_frame_of_a_voice_is_hardly_missed() {
        for rate in [8_000_u32, 16_000, 48_000] {
            for pitch in [80.0, 110.0, 150.0, 190.0] {
                let frame = rate as usize / 50;
                let mut plc = Plc::new(rate);
                for k in 0..5 {
                    plc.heard(&mut voice(rate, pitch, k * frame, frame));
                }
                let mut made = vec![0; frame];
                plc.conceal(&mut made);
                let truth = voice(rate, pitch, 5 * frame, frame);
                let error: Vec<i16> = made.iter().zip(&truth).map(|(a, b)| a.saturating_sub(*b)).collect();
                let snr = dbov(power(&truth)) - dbov(power(&error));
                assert!(snr > 9.0, "{rate} Hz, pitch {pitch}: {snr} dB");
                let mut next = voice(rate, pitch, 6 * frame, frame);
                plc.heard(&mut next);
                let truth = voice(rate, pitch, 6 * frame, frame);
                assert_eq!(next[frame / 2 + 1..], truth[frame / 2 + 1..], "heard as it is after 10 ms");
            }
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_within_60_ms() {
        let mut plc = Plc::new(8_000);
        for k in 0..5 {
            plc.heard(&mut voice(8_000, 120.0, k * 160, 160));
        }
        let mut levels = Vec::new();
        for _ in 0..5 {
            let mut out = vec![0; 160];
            plc.conceal(&mut out);
            levels.push(dbov(power(&out)));
        }
        assert!(levels[0] > -20.0 && levels.windows(2).all(|w| w[1] <= w[0]), "{levels:?}");
        assert_eq!(levels[3..], [-127.0, -127.0]);
    }

    #[test]
    fn nothing_heard_gives_silence() {
        let mut plc = Plc::new(8_000);
        let mut out = vec![7; 480];
        plc.conceal(&mut out);
        assert!(out.iter().all(|s| *s == 0));
    }
}
