//! Comfort noise (RFC 3389): what fills the pauses of a sender that does not send them.
//!
//! A packet says how loud the background is, and with reflection coefficients how it sounds. [`Noise`] makes it:
//! white noise through the filter the coefficients describe, at that level, gone over to gently from frame to frame.

use crate::dsp::level::from_dbov;

/// The static payload type (RFC 3551 6), for a clock of 8 kHz.
pub const PAYLOAD_TYPE: u8 = 13;
/// Reflection coefficients used at most; more are ignored (RFC 3389 3.3 lets a receiver).
const MAX_ORDER: usize = 10;
/// Background is never louder than this, whatever is said: it is noise.
const LOUDEST_DBOV: f32 = -30.0;
/// Until a packet says something else.
const USUAL_DBOV: u8 = 70;
/// How much of the way to a new level is gone in a frame of 20 ms at most.
const APPROACH: f32 = 0.3;

/// What a packet says (RFC 3389 3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comfort {
    /// Level without its sign, dBov.
    level: u8,
    reflection: [f32; MAX_ORDER],
    order: usize,
}

impl Comfort {
    /// White noise of a level in dBov, -127 to 0.
    #[must_use]
    pub fn white(dbov: f32) -> Self {
        Self { level: (-dbov).round().clamp(0.0, 127.0) as u8, reflection: [0.0; MAX_ORDER], order: 0 }
    }

    /// Reads a payload; `None` if it is empty.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (level, coefficients) = payload.split_first()?;
        let mut comfort = Self { level: level & 0x7f, reflection: [0.0; MAX_ORDER], order: 0 };
        for (place, octet) in comfort.reflection.iter_mut().zip(coefficients) {
            // 127 is 0, each step 258 in Q15 (RFC 3389 3.2).
            *place = ((f32::from(*octet) - 127.0) * 258.0 / 32_768.0).clamp(-0.99, 0.99);
            comfort.order += 1;
        }
        Some(comfort)
    }

    /// The payload of white noise of this level: a receiver need not know more.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        self.level
    }

    /// How loud, dBov.
    #[must_use]
    pub fn dbov(self) -> f32 {
        -f32::from(self.level)
    }
}

/// Makes the noise of one stream.
#[derive(Clone, Debug)]
pub struct Noise {
    comfort: Comfort,
    /// Power of the frame before.
    power: f32,
    /// Of the lattice filter, one for each coefficient.
    state: [f32; MAX_ORDER + 1],
    random: u32,
}

impl Noise {
    /// `seed` makes one stream's noise differ from another's: the same in two ears of a room would not be background.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self {
            comfort: Comfort::white(-f32::from(USUAL_DBOV)),
            power: 0.0,
            state: [0.0; MAX_ORDER + 1],
            random: seed | 1,
        }
    }

    /// Takes in what a packet says.
    pub fn update(&mut self, comfort: Comfort) {
        self.comfort = comfort;
    }

    /// Forgets the sender: the next noise sets in from silence.
    pub fn reset(&mut self) {
        *self = Self::new(self.random);
    }

    /// Fills a frame.
    pub fn fill(&mut self, out: &mut [i16]) {
        let wanted = from_dbov(self.comfort.dbov().min(LOUDEST_DBOV));
        let wanted = if self.comfort.level == 127 { 0.0 } else { wanted };
        let to = self.power + (wanted - self.power) * APPROACH;
        // What the filter adds is taken away before: the power of what comes out is what was said.
        let order = self.comfort.order;
        let shrink: f32 = self.comfort.reflection[..order].iter().map(|k| 1.0 - k * k).product();
        let amplitude = |power: f32| (power * 3.0 * shrink).sqrt() * 32_768.0;
        let (from, to_amplitude) = (amplitude(self.power), amplitude(to));
        let step = (to_amplitude - from) / out.len().max(1) as f32;
        let mut gain = from;
        for sample in out {
            gain += step;
            *sample = self.filtered(order, gain) as i16;
        }
        self.power = to;
    }

    /// One sample: white noise, even from -1 to 1 and so of power 1/3, through the all-pole lattice.
    fn filtered(&mut self, order: usize, gain: f32) -> f32 {
        // Xorshift (Marsaglia): its low bits are as good as the high ones.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let mut forward = (self.random.cast_signed() as f32 / 2_147_483_648.0) * gain;
        for place in (0..order).rev() {
            let k = self.comfort.reflection[place];
            forward -= k * self.state[place];
            self.state[place + 1] = self.state[place] + k * forward;
        }
        self.state[0] = forward;
        forward
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::level::{dbov, power};

    fn level_of(payload: &[u8]) -> f32 {
        let mut noise = Noise::new(5);
        noise.update(Comfort::parse(payload).unwrap());
        let mut frame = [0; 160];
        for _ in 0..25 {
            noise.fill(&mut frame);
        }
        let mut second = vec![0; 8_000];
        second.chunks_mut(160).for_each(|frame| noise.fill(frame));
        dbov(power(&second))
    }

    #[test]
    fn the_noise_is_as_loud_as_the_packet_says_whatever_it_sounds_like() {
        for coefficients in
            [&[][..], &[127; 4], &[200, 90, 140], &[30], &[230, 60, 127, 150, 100, 127, 127, 160, 120, 130, 9]]
        {
            for level in [35_u8, 50, 65] {
                let payload = [&[level], coefficients].concat();
                let heard = level_of(&payload);
                assert!((heard + f32::from(level)).abs() < 1.5, "{payload:?}: {heard} dBov");
            }
        }
        assert!((level_of(&[5]) - LOUDEST_DBOV).abs() < 1.0, "noise is never shouted");
        assert_eq!(level_of(&[127]), -127.0);
    }

    #[test]
    fn coefficients_colour_the_noise() {
        // The first reflection coefficient is the correlation of neighbours, its sign turned.
        for octet in [60_u8, 127, 200] {
            let mut noise = Noise::new(9);
            noise.update(Comfort::parse(&[40, octet]).unwrap());
            let mut sound = vec![0; 16_000];
            noise.fill(&mut sound);
            noise.fill(&mut sound);
            let product = |lag: usize| -> f64 {
                sound[lag..].iter().zip(&sound).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let expected = -(f64::from(octet) - 127.0) * 258.0 / 32_768.0;
            assert!((product(1) / product(0) - expected).abs() < 0.05, "{octet}: {}", product(1) / product(0));
        }
    }

    #[test]
    fn a_level_is_gone_over_to_gently() {
        let mut noise = Noise::new(3);
        noise.update(Comfort::white(-40.0));
        let mut levels = Vec::new();
        for _ in 0..12 {
            let mut frame = [0; 160];
            noise.fill(&mut frame);
            levels.push(dbov(power(&frame)));
        }
        assert!(levels[0] < -44.0 && (levels[11] + 40.0).abs() < 2.0, "{levels:?}");
    }

    #[test]
    fn payloads_say_their_level() {
        assert_eq!(Comfort::parse(&[]), None);
        assert_eq!(Comfort::parse(&[0x80 | 50]).unwrap().dbov(), -50.0);
        assert_eq!(Comfort::white(-61.4).to_byte(), 61);
        assert_eq!((Comfort::white(3.0).to_byte(), Comfort::white(-200.0).to_byte()), (0, 127));
    }

    #[test]
    fn two_streams_do_not_make_the_same_noise() {
        let (mut one, mut other) = ([0; 160], [0; 160]);
        for (seed, frame) in [(1, &mut one), (3, &mut other)] {
            let mut noise = Noise::new(seed);
            noise.fill(frame);
            noise.fill(frame);
        }
        assert_ne!(one, other);
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_loud(payload in proptest::collection::vec(any::<u8>(), 1..20), seed: u32) {
            let mut noise = Noise::new(seed);
            noise.update(Comfort::parse(&payload).unwrap());
            let mut second = vec![0; 8_000];
            second.chunks_mut(160).for_each(|frame| noise.fill(frame));
            prop_assert!(dbov(power(&second)) < LOUDEST_DBOV + 6.0);
        }
    }
}
