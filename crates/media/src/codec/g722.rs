//! G.722 at 64 kbit/s: two sub-bands of 8 kHz, each by adaptive differential PCM.
//!
//! The names are those of the Recommendation's blocks and variables (clauses 3 to 6); the arithmetic is
//! its 16-bit arithmetic, so that coder and decoder stay in step bit by bit with anybody's.

const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const WH: [i32; 3] = [0, -214, 798];
const RH2: [usize; 4] = [2, 1, 2, 1];
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
const ILN: [u8; 31] = [
    0, 63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4,
];
const ILP: [u8; 31] = [
    0, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34,
    33, 32,
];

fn saturate(value: i32) -> i32 {
    value.clamp(-32768, 32767)
}

/// One sub-band's predictor and scale factor.
#[derive(Clone, Debug)]
struct Band {
    s: i32,
    sz: i32,
    r: [i32; 3],
    a: [i32; 3],
    p: [i32; 3],
    d: [i32; 7],
    b: [i32; 7],
    nb: i32,
    det: i32,
}

impl Band {
    fn new(det: i32) -> Self {
        Self { s: 0, sz: 0, r: [0; 3], a: [0; 3], p: [0; 3], d: [0; 7], b: [0; 7], nb: 0, det }
    }

    /// LOGSCL, SCALEL and their like for the upper band.
    fn scale(&mut self, step: i32, limit: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, limit);
        let mantissa = ILB[((self.nb >> 6) & 31) as usize];
        let down = shift - (self.nb >> 11);
        self.det = (if down < 0 { mantissa << -down } else { mantissa >> down }) << 2;
    }

    /// Block 4: reconstruction and adaptation of the predictor by one difference.
    fn adapt(&mut self, difference: i32) {
        self.d[0] = difference;
        self.r[0] = saturate(self.s + difference);
        self.p[0] = saturate(self.sz + difference);
        // UPPOL2 and UPPOL1.
        let alike = |x: i32, y: i32| x >> 15 == y >> 15;
        let wd = saturate(self.a[1] << 2);
        let wd = if alike(self.p[0], self.p[1]) { (-wd).min(32767) } else { wd };
        let pull = if alike(self.p[0], self.p[2]) { 128 } else { -128 };
        let a2 = (pull + (wd >> 7) + ((self.a[2] * 32512) >> 15)).clamp(-12288, 12288);
        let pull = if alike(self.p[0], self.p[1]) { 192 } else { -192 };
        let limit = saturate(15360 - a2);
        let a1 = saturate(pull + ((self.a[1] * 32640) >> 15)).clamp(-limit, limit);
        // UPZERO and the delay line.
        let pull = if difference == 0 { 0 } else { 128 };
        for i in (1..7).rev() {
            let signed = if alike(self.d[i], difference) { pull } else { -pull };
            self.b[i] = saturate(signed + ((self.b[i] * 32640) >> 15));
        }
        self.d.copy_within(0..6, 1);
        self.r.copy_within(0..2, 1);
        self.p.copy_within(0..2, 1);
        self.a = [0, a1, a2];
        // FILTEP, FILTEZ, PREDIC.
        let poles = saturate(((a1 * saturate(self.r[1] * 2)) >> 15) + ((a2 * saturate(self.r[2] * 2)) >> 15));
        let zeros = (1..7).map(|i| (self.b[i] * saturate(self.d[i] * 2)) >> 15).sum();
        self.sz = saturate(zeros);
        self.s = saturate(poles + self.sz);
    }

    fn lower(&mut self, code: usize) {
        let difference = (self.det * QM4[code]) >> 15;
        self.scale(WL[RL42[code]], 18432, 8);
        self.adapt(difference);
    }

    fn upper(&mut self, code: usize) -> i32 {
        let difference = (self.det * QM2[code]) >> 15;
        let reconstructed = difference + self.s;
        self.scale(WH[RH2[code]], 22528, 10);
        self.adapt(difference);
        reconstructed
    }
}

/// Turns samples at 16 kHz into octets, two to one.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    low: Band,
    high: Band,
    x: [i32; 24],
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self { low: Band::new(32), high: Band::new(8), x: [0; 24] }
    }
}

impl G722Encoder {
    /// Encodes pairs of samples; an odd one at the end is left out. Gives the number of octets.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let pairs = samples.as_chunks::<2>().0;
        for (pair, octet) in pairs.iter().zip(out.iter_mut()) {
            *octet = self.pair(*pair);
        }
        pairs.len().min(out.len())
    }

    fn pair(&mut self, pair: [i16; 2]) -> u8 {
        self.x.copy_within(2.., 0);
        self.x[22] = pair[0].into();
        self.x[23] = pair[1].into();
        let (mut odd, mut even) = (0, 0);
        for i in 0..12 {
            odd += self.x[2 * i] * QMF[i];
            even += self.x[2 * i + 1] * QMF[11 - i];
        }
        let (low, high) = ((even + odd) >> 14, (even - odd) >> 14);

        let error = saturate(low - self.low.s);
        let size = if error >= 0 { error } else { -(error + 1) };
        let level = (1..30).find(|i| size < (Q6[*i] * self.low.det) >> 12).unwrap_or(30);
        let low_code = if error < 0 { ILN[level] } else { ILP[level] };
        self.low.lower(usize::from(low_code >> 2));

        let error = saturate(high - self.high.s);
        let size = if error >= 0 { error } else { -(error + 1) };
        let large = size >= (564 * self.high.det) >> 12;
        let high_code = match (error < 0, large) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.high.upper(high_code);
        (high_code as u8) << 6 | low_code
    }
}

/// Turns octets into samples at 16 kHz, one into two.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    low: Band,
    high: Band,
    x: [i32; 24],
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self { low: Band::new(32), high: Band::new(8), x: [0; 24] }
    }
}

impl G722Decoder {
    /// Decodes octets as far as `out` has room. Gives the number of samples.
    pub fn decode(&mut self, octets: &[u8], out: &mut [i16]) -> usize {
        let pairs = out.as_chunks_mut::<2>().0;
        let count = octets.len().min(pairs.len());
        for (octet, pair) in octets.iter().zip(pairs) {
            *pair = self.octet(*octet);
        }
        2 * count
    }

    fn octet(&mut self, octet: u8) -> [i16; 2] {
        let low_code = usize::from(octet & 0x3f);
        let low = (self.low.s + ((self.low.det * QM6[low_code]) >> 15)).clamp(-16384, 16383);
        self.low.lower(low_code >> 2);
        let high = self.high.upper(usize::from(octet >> 6)).clamp(-16384, 16383);
        self.x.copy_within(2.., 0);
        self.x[22] = low + high;
        self.x[23] = low - high;
        let (mut first, mut second) = (0, 0);
        for i in 0..12 {
            first += self.x[2 * i + 1] * QMF[11 - i];
            second += self.x[2 * i] * QMF[i];
        }
        [saturate(first >> 11) as i16, saturate(second >> 11) as i16]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise and a triangle, each level from a whisper to overload.
    fn signal(count: usize) -> Vec<i16> {
        let mut state = 1_u32;
        (0..count as i32)
            .map(|i| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
                let noise = (state >> 16) as i32 - 16_384;
                let triangle = ((i * 97) % 8192 - 4096).abs() - 2048;
                let loud = (i / 1600) % 8;
                let quiet = (triangle * 4 + noise) >> (7 - loud);
                saturate(if (i / 12_800) % 2 == 0 { quiet } else { noise * 2 }) as i16
            })
            .collect()
    }

    fn fnv(octets: impl IntoIterator<Item = u8>) -> u64 {
        octets.into_iter().fold(0xcbf2_9ce4_8422_2325, |h, o| (h ^ u64::from(o)).wrapping_mul(0x0100_0000_01b3))
    }

    /// The sums are of what libg722 (PyPI `G722` 1.2.8) and FFmpeg 5.1 made of the same signal, both alike.
    #[test]
    fn both_directions_are_bit_exact_with_two_strangers() {
        let samples = signal(32_000);
        let mut octets = vec![0; 16_000];
        assert_eq!(G722Encoder::default().encode(&samples, &mut octets), 16_000);
        assert_eq!(fnv(octets.iter().copied()), 0x3572_3d63_6f8a_19a7, "encoder");
        let mut heard = vec![0; 32_000];
        assert_eq!(G722Decoder::default().decode(&octets, &mut heard), 32_000);
        assert_eq!(fnv(heard.iter().flat_map(|s| s.to_le_bytes())), 0x4477_a9e1_465f_406c, "decoder");
    }

    #[test]
    fn no_octets_overflow_the_arithmetic() {
        let mut decoder = G722Decoder::default();
        let mut out = [0; 512];
        let mut state = 7_u32;
        for _ in 0..2_000 {
            let octets: Vec<u8> = (0..256)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            decoder.decode(&octets, &mut out);
        }
    }
}
