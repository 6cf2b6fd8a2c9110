//! Samples of several voices in one: added, and brought back into 16 bits.

/// The greatest factor of amplitude taken, 20 dB.
const MAX_GAIN: f32 = 10.0;
/// Where the limiter's knee begins.
const KNEE: i32 = 24_576;

/// A factor as it is taken.
pub(super) fn clamp_gain(gain: f32) -> f32 {
    if gain.is_nan() { 0.0 } else { gain.clamp(0.0, MAX_GAIN) }
}

/// Adds what was said, by a factor, to a sum.
pub(super) fn accumulate(sum: &mut [i32], said: &[i16], factor: f32) {
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
pub(super) fn finish(sum: &[i32], out: &mut [i16], several: bool) {
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
    use super::*;

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
}
