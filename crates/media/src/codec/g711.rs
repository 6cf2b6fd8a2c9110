//! G.711: mu-law and A-law by table.
//!
//! The encoders look up the bits that decide (14 of a sample for mu-law, 12 for A-law), the decoders
//! the whole octet. The tables are made by the compiler from the definition in G.711; the tests hold
//! them against the arithmetic of the ITU's software tool library (G.191).

static FROM_MULAW: [i16; 256] = mulaw_values();
static FROM_ALAW: [i16; 256] = alaw_values();
static TO_MULAW: [u8; 1 << 14] = mulaw_codes();
static TO_ALAW: [u8; 1 << 12] = alaw_codes();

/// The octet of silence in mu-law.
pub const MULAW_SILENCE: u8 = 0xff;
/// The octet of silence in A-law.
pub const ALAW_SILENCE: u8 = 0xd5;

/// The mu-law octet of a sample.
#[must_use]
#[inline]
pub fn to_mulaw(sample: i16) -> u8 {
    TO_MULAW[(sample as u16 >> 2) as usize]
}

/// The A-law octet of a sample.
#[must_use]
#[inline]
pub fn to_alaw(sample: i16) -> u8 {
    TO_ALAW[(sample as u16 >> 4) as usize]
}

/// The sample a mu-law octet stands for.
#[must_use]
#[inline]
pub fn from_mulaw(code: u8) -> i16 {
    FROM_MULAW[code as usize]
}

/// The sample an A-law octet stands for.
#[must_use]
#[inline]
pub fn from_alaw(code: u8) -> i16 {
    FROM_ALAW[code as usize]
}

const fn mulaw_values() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let exponent = (bits >> 4) & 7;
        let magnitude = (((((bits & 15) as i16) << 3) + 132) << exponent) - 132;
        table[code] = if bits & 0x80 == 0 { magnitude } else { -magnitude };
        code += 1;
    }
    table
}

const fn alaw_values() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = code as u8 ^ 0x55;
        let exponent = (bits >> 4) & 7;
        let step = (((bits & 15) as i16) << 4) + 8;
        let magnitude = if exponent == 0 { step } else { (step + 256) << (exponent - 1) };
        table[code] = if bits & 0x80 == 0 { -magnitude } else { magnitude };
        code += 1;
    }
    table
}

const fn mulaw_codes() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        let negative = index >= 1 << 13;
        let magnitude = if negative { (1 << 14) - 1 - index } else { index } as u32;
        // The bias of 33 puts the segments at powers of two.
        let biased = if magnitude + 33 > 0x1fff { 0x1fff } else { magnitude + 33 };
        let exponent = 26 - biased.leading_zeros();
        let bits = (exponent << 4 | (biased >> (exponent + 1)) & 15) as u8;
        table[index] = !(if negative { bits | 0x80 } else { bits });
        index += 1;
    }
    table
}

const fn alaw_codes() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        let negative = index >= 1 << 11;
        let magnitude = if negative { (1 << 12) - 1 - index } else { index } as u32;
        let bits = if magnitude < 32 {
            magnitude
        } else {
            let exponent = 28 - magnitude.leading_zeros();
            exponent << 4 | (magnitude >> (exponent - 1)) & 15
        } as u8;
        table[index] = (if negative { bits } else { bits | 0x80 }) ^ 0x55;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compressor of G.191, as its manual gives it.
    fn mulaw_by_g191(sample: i16) -> u8 {
        let sample = i32::from(sample);
        let magnitude = (if sample < 0 { (!sample >> 2) + 33 } else { (sample >> 2) + 33 }).min(0x1fff);
        let mut segment = 1;
        let mut rest = magnitude >> 6;
        while rest != 0 {
            segment += 1;
            rest >>= 1;
        }
        let code = ((8 - segment) << 4) | (15 - ((magnitude >> segment) & 15));
        code as u8 | if sample >= 0 { 0x80 } else { 0 }
    }

    fn alaw_by_g191(sample: i16) -> u8 {
        let sample = i32::from(sample);
        let mut value = if sample < 0 { !sample >> 4 } else { sample >> 4 };
        if value > 15 {
            let mut exponent = 1;
            while value > 31 {
                value >>= 1;
                exponent += 1;
            }
            value = value - 16 + (exponent << 4);
        }
        (value as u8 | if sample >= 0 { 0x80 } else { 0 }) ^ 0x55
    }

    fn from_mulaw_by_g191(code: u8) -> i16 {
        let sign = if code < 0x80 { -1 } else { 1 };
        let mantissa = i32::from(!code);
        let exponent = (mantissa >> 4) & 7;
        let step = 4 << (exponent + 1);
        (sign * ((0x80 << exponent) + step * (mantissa & 15) + step / 2 - 4 * 33)) as i16
    }

    fn from_alaw_by_g191(code: u8) -> i16 {
        let value = i32::from(code ^ 0x55) & 0x7f;
        let exponent = value >> 4;
        let mut mantissa = value & 15;
        if exponent > 0 {
            mantissa += 16;
        }
        mantissa = (mantissa << 4) + 8;
        if exponent > 1 {
            mantissa <<= exponent - 1;
        }
        (if code ^ 0x55 > 127 { mantissa } else { -mantissa }) as i16
    }

    #[test]
    fn every_sample_and_every_octet_agree_with_g191() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_mulaw(sample), mulaw_by_g191(sample), "mu-law of {sample}");
            assert_eq!(to_alaw(sample), alaw_by_g191(sample), "A-law of {sample}");
        }
        for code in 0..=255 {
            assert_eq!(from_mulaw(code), from_mulaw_by_g191(code), "mu-law octet {code}");
            assert_eq!(from_alaw(code), from_alaw_by_g191(code), "A-law octet {code}");
        }
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same_octet() {
        for code in 0..=255 {
            assert_eq!(to_alaw(from_alaw(code)), code);
            // Mu-law has two zeros; the negative one comes back as the positive.
            assert_eq!(to_mulaw(from_mulaw(code)), if code == 0x7f { 0xff } else { code });
        }
        assert_eq!((to_mulaw(0), to_alaw(0)), (MULAW_SILENCE, ALAW_SILENCE));
    }
}
