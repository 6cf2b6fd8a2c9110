//! How loud a frame is, and whether somebody talks.
//!
//! Power is the mean square relative to the overload point, 1.0 being a square wave at full scale; dBov is
//! its logarithm (RFC 6464 3), so a sine at full scale has -3 dBov.

/// Below this nothing is told apart from silence.
pub const SILENCE_DBOV: f32 = -127.0;

/// Mean square of a frame, 0.0 to 1.0; 0.0 for an empty one.
#[must_use]
pub fn power(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: u64 =
        samples.chunks(4).map(|four| four.iter().map(|s| (i32::from(*s) * i32::from(*s)) as u64).sum::<u64>()).sum();
    (sum as f64 / samples.len() as f64 / (32768.0 * 32768.0)) as f32
}

/// A power in dBov, never below [`SILENCE_DBOV`].
#[must_use]
pub fn dbov(power: f32) -> f32 {
    if power <= 0.0 { SILENCE_DBOV } else { (10.0 * power.log10()).max(SILENCE_DBOV) }
}

/// The power of a level in dBov.
#[must_use]
pub fn from_dbov(level: f32) -> f32 {
    10_f32.powf(level / 10.0)
}

/// A gain in dB as a factor of amplitude.
#[must_use]
pub fn factor(gain_db: f32) -> f32 {
    10_f32.powf(gain_db / 20.0)
}

/// The greatest magnitude of a frame.
#[must_use]
pub fn peak(samples: &[i16]) -> u16 {
    samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0)
}

/// Multiplies a frame by a factor that goes evenly from one value to another, so that a change makes no click.
/// Saturates.
pub fn ramp(samples: &mut [i16], from: f32, to: f32) {
    if from == 1.0 && to == 1.0 {
        return;
    }
    let step = (to - from) / samples.len().max(1) as f32;
    let mut gain = from;
    for sample in samples {
        gain += step;
        *sample = (f32::from(*sample) * gain).round() as i16;
    }
}

/// Tells talk from background by the power of each frame.
///
/// The background is followed down at once and up by 3 dB a second; talk is what rises 9 dB above it. The
/// threshold stays between -50 and -36 dBov: silence is never talk, and a steady sound that is plainly
/// audible (music, a tone) never becomes background.
#[derive(Clone, Debug)]
pub struct Vad {
    floor: f32,
    hang: u32,
}

/// Frames of 20 ms for which talk is held after it was last heard: pauses between words belong to it.
const HANG: u32 = 15;
const LOWEST_FLOOR: f32 = 1.259e-6;
const HIGHEST_FLOOR: f32 = 3.162e-5;
const ABOVE_FLOOR: f32 = 7.943;
const RISE_A_FRAME: f32 = 1.0139;

impl Default for Vad {
    fn default() -> Self {
        Self { floor: LOWEST_FLOOR, hang: 0 }
    }
}

impl Vad {
    /// Takes in the power of a frame; whether somebody talks now.
    pub fn update(&mut self, power: f32) -> bool {
        let floor = if power < self.floor { power } else { self.floor * RISE_A_FRAME };
        self.floor = floor.clamp(LOWEST_FLOOR, HIGHEST_FLOOR);
        if power > self.floor * ABOVE_FLOOR {
            self.hang = HANG;
        } else {
            self.hang = self.hang.saturating_sub(1);
        }
        self.hang > 0
    }

    /// What the last frame said.
    #[must_use]
    pub fn talking(&self) -> bool {
        self.hang > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(level: i16) -> Vec<i16> {
        (0..160).map(|i| if i % 2 == 0 { level } else { -level }).collect()
    }

    #[test]
    fn levels_are_relative_to_overload() {
        assert!(dbov(power(&square(32767))).abs() < 0.01);
        assert!((dbov(power(&square(3277))) + 20.0).abs() < 0.01);
        assert_eq!(dbov(power(&[0; 160])), SILENCE_DBOV);
        assert_eq!(dbov(power(&[])), SILENCE_DBOV);
        assert!((power(&[i16::MIN; 960]) - 1.0).abs() < 1e-6);
        assert!((dbov(from_dbov(-36.5)) + 36.5).abs() < 0.01);
        assert_eq!(peak(&[3, i16::MIN, 5]), 32768);
    }

    #[test]
    fn talk_begins_at_once_and_is_held_for_a_pause() {
        let mut vad = Vad::default();
        assert!(!vad.update(from_dbov(-60.0)));
        assert!(vad.update(from_dbov(-25.0)));
        let held = (0..100).take_while(|_| vad.update(from_dbov(-60.0))).count();
        assert_eq!(held, HANG as usize - 1);
    }

    #[test]
    fn a_noisy_room_becomes_background_and_talk_in_it_is_still_heard() {
        let mut vad = Vad::default();
        for _ in 0..1_000 {
            vad.update(from_dbov(-42.0));
        }
        assert!(!vad.talking());
        assert!(vad.update(from_dbov(-25.0)));
    }

    #[test]
    fn a_steady_tone_stays_talk_for_ever() {
        let mut vad = Vad::default();
        assert!((0..100_000).all(|_| vad.update(from_dbov(-30.0))));
    }

    #[test]
    fn a_ramp_ends_at_its_gain_and_saturates() {
        let mut frame = vec![10_000; 160];
        ramp(&mut frame, 0.0, 1.0);
        assert!(frame[0] < 100 && frame[159] >= 9_999 && frame.windows(2).all(|w| w[0] <= w[1]));
        let mut frame = vec![i16::MIN; 4];
        ramp(&mut frame, 4.0, 4.0);
        assert_eq!(frame, [i16::MIN; 4]);
    }
}
