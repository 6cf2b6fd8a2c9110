//! Sound files, over whatever reads, writes and seeks.
//!
//! A reader is [`Samples`]: one channel at the file's own rate. [`AtRate`] brings it to the rate of a room.

pub mod any;
pub mod opus;
pub mod wav;

use std::io;

use crate::dsp::resample::{RateError, Resampler};

/// A recorded sound, one channel.
pub trait Samples {
    /// Samples a second.
    fn rate(&self) -> u32;

    /// Samples altogether, if that is known.
    fn len(&self) -> Option<u64>;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Writes the next samples; gives how many, 0 only at the end.
    ///
    /// # Errors
    /// What reading gives.
    fn read(&mut self, out: &mut [i16]) -> io::Result<usize>;

    /// Goes to a sample, or to the end if there are fewer.
    ///
    /// # Errors
    /// What seeking gives.
    fn seek(&mut self, sample: u64) -> io::Result<()>;
}

impl<S: Samples + ?Sized> Samples for Box<S> {
    fn rate(&self) -> u32 {
        (**self).rate()
    }
    fn len(&self) -> Option<u64> {
        (**self).len()
    }
    fn read(&mut self, out: &mut [i16]) -> io::Result<usize> {
        (**self).read(out)
    }
    fn seek(&mut self, sample: u64) -> io::Result<()> {
        (**self).seek(sample)
    }
}

/// Samples of a file that are converted at a time.
const CHUNK: usize = 480;

/// A sound at another rate than its own.
#[derive(Debug)]
pub struct AtRate<S> {
    source: S,
    rate: u32,
    resampler: Resampler,
    input: Box<[i16]>,
    /// Converted, of which those from `at` to `filled` are still to be given.
    output: Box<[i16]>,
    at: usize,
    filled: usize,
    /// Samples of silence still to be pushed through the filter after the end.
    rest: usize,
    /// Samples of the filter's delay still to be thrown away.
    lead: usize,
}

impl<S: Samples> AtRate<S> {
    /// `source` at `rate` samples a second.
    ///
    /// # Errors
    /// If there is no filter from the file's rate to this one.
    pub fn new(source: S, rate: u32) -> Result<Self, RateError> {
        let resampler = Resampler::new(source.rate(), rate)?;
        let output = vec![0; resampler.output_len(CHUNK)].into();
        let mut sound =
            Self { source, rate, resampler, input: vec![0; CHUNK].into(), output, at: 0, filled: 0, rest: 0, lead: 0 };
        sound.restart();
        Ok(sound)
    }

    fn restart(&mut self) {
        self.resampler.reset();
        self.lead = self.resampler.delay();
        self.rest = self.resampler.delay_in();
        (self.at, self.filled) = (0, 0);
    }

    /// The next chunk of the source, or silence after it; nothing at the very end.
    fn refill(&mut self) -> io::Result<()> {
        let mut count = self.source.read(&mut self.input)?;
        if count == 0 {
            count = self.rest.min(CHUNK);
            self.rest -= count;
            self.input[..count].fill(0);
        }
        self.filled = self.resampler.process(&self.input[..count], &mut self.output);
        self.at = self.lead.min(self.filled);
        self.lead -= self.at;
        if count == 0 {
            (self.at, self.filled) = (0, 0);
        } else if self.at == self.filled {
            // All of it was the filter's delay.
            return self.refill();
        }
        Ok(())
    }
}

impl<S: Samples> Samples for AtRate<S> {
    fn rate(&self) -> u32 {
        self.rate
    }

    fn len(&self) -> Option<u64> {
        self.source.len().map(|len| len * u64::from(self.rate) / u64::from(self.source.rate()))
    }

    fn read(&mut self, out: &mut [i16]) -> io::Result<usize> {
        let mut written = 0;
        while written < out.len() {
            if self.at == self.filled {
                self.refill()?;
                if self.filled == 0 {
                    break;
                }
            }
            let count = (self.filled - self.at).min(out.len() - written);
            out[written..written + count].copy_from_slice(&self.output[self.at..self.at + count]);
            self.at += count;
            written += count;
        }
        Ok(written)
    }

    fn seek(&mut self, sample: u64) -> io::Result<()> {
        self.source.seek(sample * u64::from(self.source.rate()) / u64::from(self.rate))?;
        self.restart();
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sound in memory.
    pub(crate) struct Memory {
        pub(crate) rate: u32,
        pub(crate) samples: Vec<i16>,
        pub(crate) at: usize,
    }

    impl Samples for Memory {
        fn rate(&self) -> u32 {
            self.rate
        }
        fn len(&self) -> Option<u64> {
            Some(self.samples.len() as u64)
        }
        fn read(&mut self, out: &mut [i16]) -> io::Result<usize> {
            // Short reads, as a pipe gives them.
            let count = out.len().min(self.samples.len() - self.at).min(333);
            out[..count].copy_from_slice(&self.samples[self.at..self.at + count]);
            self.at += count;
            Ok(count)
        }
        fn seek(&mut self, sample: u64) -> io::Result<()> {
            self.at = self.samples.len().min(sample as usize);
            Ok(())
        }
    }

    fn sine(rate: u32, from: usize, count: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * 440.0 / f64::from(rate);
        (from..from + count).map(|n| (8_000.0 * (step * n as f64).sin()) as i16).collect()
    }

    #[test]
    fn a_file_at_another_rate_is_heard_whole_and_in_time() {
        for (from, to) in [(8_000, 48_000), (48_000, 8_000), (16_000, 8_000), (44_100, 16_000), (8_000, 8_000)] {
            let source = Memory { rate: from, samples: sine(from, 0, from as usize), at: 0 };
            let mut sound = AtRate::new(source, to).unwrap();
            for start in [0, to as usize / 2] {
                sound.seek(start as u64).unwrap();
                let (mut heard, mut out) = (Vec::new(), [0; 320]);
                loop {
                    match sound.read(&mut out).unwrap() {
                        0 => break,
                        count => heard.extend_from_slice(&out[..count]),
                    }
                }
                let expected = sine(to, start, to as usize - start);
                assert!(
                    heard.len().abs_diff(expected.len()) <= 8,
                    "{from} to {to}: {} of {}",
                    heard.len(),
                    expected.len()
                );
                for n in 200..expected.len() - 200 {
                    let off = (i32::from(heard[n]) - i32::from(expected[n])).abs();
                    assert!(off < 500, "{from} to {to}, sample {n}: {} for {}", heard[n], expected[n]);
                }
            }
        }
    }
}
