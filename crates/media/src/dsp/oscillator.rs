//! Sines, made by turning a pointer.

/// Amplitude of a sine of 0 dBm0: the overload point of G.711 lies at 3.14 dBm0 (A-law; mu-law 3.17).
const AT_0_DBM0: f64 = 32_768.0 * 0.696_626_5;

/// Amplitude of a sine of so many dBm0.
#[must_use]
pub fn amplitude(dbm0: f32) -> f64 {
    AT_0_DBM0 * 10_f64.powf(f64::from(dbm0) / 20.0)
}

/// One sine of amplitude 1, beginning at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oscillator {
    step: (f64, f64),
    now: (f64, f64),
}

impl Oscillator {
    /// A sine of `hertz` at `rate` samples a second.
    #[must_use]
    pub fn new(hertz: f64, rate: u32) -> Self {
        let angle = std::f64::consts::TAU * hertz / f64::from(rate.max(1));
        Self { step: (angle.cos(), angle.sin()), now: (1.0, 0.0) }
    }

    /// The next sample.
    pub fn sample(&mut self) -> f64 {
        let ((c, s), (x, y)) = (self.step, self.now);
        // Half a Newton step keeps the pointer's length at 1 for ever.
        let length = 1.5 - 0.5 * (x * x + y * y);
        self.now = ((x * c - y * s) * length, (x * s + y * c) * length);
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_a_tone_stays_in_tune_and_level() {
        let mut oscillator = Oscillator::new(425.0, 8_000);
        for _ in 0..8_000 * 3_600 {
            oscillator.sample();
        }
        for n in 0..8_000 {
            let expected = (std::f64::consts::TAU * 425.0 * f64::from(n) / 8_000.0).sin();
            assert!((oscillator.sample() - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn levels_are_relative_to_the_overload_of_a_law() {
        assert!((amplitude(-16.86) - 3_276.8).abs() < 0.2);
        assert!((amplitude(-10.0) / amplitude(-30.0) - 10.0).abs() < 1e-6);
    }
}
