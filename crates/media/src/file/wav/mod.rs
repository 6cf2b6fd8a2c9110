//! WAV: RIFF files of linear samples, floats, mu-law and A-law.
//!
//! The reader takes what other people's programs write: any order of chunks, odd sizes, sizes that were never
//! filled in because the writer was a pipe or died, and files that end too early. The writer fills in the sizes
//! each second, so whoever finds the file after a crash misses a second at most.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;

pub use reader::WavReader;
pub use writer::WavWriter;

use crate::codec::g711;

const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xfffe;
/// Channels a file may have.
pub const MAX_CHANNELS: u16 = 8;

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// 8 bits, unsigned.
    Pcm8,
    /// 16 bits, little-endian.
    Pcm16,
    /// 24 bits, little-endian.
    Pcm24,
    /// 32 bits, little-endian.
    Pcm32,
    /// IEEE 754, 32 bits, 1.0 being full scale.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// G.711 A-law.
    Alaw,
    /// G.711 mu-law.
    Mulaw,
}

impl Encoding {
    fn of(tag: u16, bits: u16) -> Option<Self> {
        Some(match (tag, bits) {
            (TAG_PCM, 8) => Self::Pcm8,
            (TAG_PCM, 16) => Self::Pcm16,
            (TAG_PCM, 24) => Self::Pcm24,
            (TAG_PCM, 32) => Self::Pcm32,
            (TAG_FLOAT, 32) => Self::Float32,
            (TAG_FLOAT, 64) => Self::Float64,
            (TAG_ALAW, 8) => Self::Alaw,
            (TAG_MULAW, 8) => Self::Mulaw,
            _ => return None,
        })
    }

    fn tag(self) -> u16 {
        match self {
            Self::Pcm8 | Self::Pcm16 | Self::Pcm24 | Self::Pcm32 => TAG_PCM,
            Self::Float32 | Self::Float64 => TAG_FLOAT,
            Self::Alaw => TAG_ALAW,
            Self::Mulaw => TAG_MULAW,
        }
    }

    /// Octets of a sample.
    #[must_use]
    pub fn octets(self) -> usize {
        match self {
            Self::Pcm8 | Self::Alaw | Self::Mulaw => 1,
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// A sample from exactly [`Encoding::octets`] octets.
    fn decode(self, octets: &[u8]) -> i16 {
        let high = |octets: &[u8]| i16::from_le_bytes([octets[octets.len() - 2], octets[octets.len() - 1]]);
        let float = |value: f64| (value * 32_768.0).round() as i16;
        match self {
            Self::Pcm8 => (i16::from(octets[0]) - 128) << 8,
            Self::Pcm16 | Self::Pcm24 | Self::Pcm32 => high(octets),
            Self::Float32 => float(octets.try_into().map_or(0.0, f32::from_le_bytes).into()),
            Self::Float64 => float(octets.try_into().map_or(0.0, f64::from_le_bytes)),
            Self::Alaw => g711::from_alaw(octets[0]),
            Self::Mulaw => g711::from_mulaw(octets[0]),
        }
    }

    fn encode(self, sample: i16, out: &mut [u8]) {
        match self {
            Self::Pcm8 => out[0] = ((sample >> 8) + 128) as u8,
            Self::Pcm16 => out.copy_from_slice(&sample.to_le_bytes()),
            Self::Pcm24 => out.copy_from_slice(&(i32::from(sample) << 8).to_le_bytes()[..3]),
            Self::Pcm32 => out.copy_from_slice(&(i32::from(sample) << 16).to_le_bytes()),
            Self::Float32 => out.copy_from_slice(&(f32::from(sample) / 32_768.0).to_le_bytes()),
            Self::Float64 => out.copy_from_slice(&(f64::from(sample) / 32_768.0).to_le_bytes()),
            Self::Alaw => out[0] = g711::to_alaw(sample),
            Self::Mulaw => out[0] = g711::to_mulaw(sample),
        }
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// How a sample is written.
    pub encoding: Encoding,
    /// Channels, 1 to [`MAX_CHANNELS`].
    pub channels: u16,
    /// Samples a second of each channel.
    pub rate: u32,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum WavError {
    /// Reading failed, or the file ends within its header.
    Io(io::Error),
    /// Not a RIFF file of the form WAVE.
    NotWav,
    /// The sound comes before its format, or never.
    NoSound,
    /// A format that is not read here.
    Format {
        /// The format tag.
        tag: u16,
        /// Bits of a sample.
        bits: u16,
        /// Channels.
        channels: u16,
        /// Samples a second.
        rate: u32,
    },
}

impl From<io::Error> for WavError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for WavError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the file cannot be read: {error}"),
            Self::NotWav => f.write_str("not a WAV file"),
            Self::NoSound => f.write_str("the WAV file has no sound in it"),
            Self::Format { tag, bits, channels, rate } => write!(
                f,
                "a WAV file of format {tag}, {bits} bits, {channels} channels, {rate} Hz is not read: \
                 allowed are PCM (8 to 32 bits), float, A-law and mu-law, 1 to {MAX_CHANNELS} channels, 4000 to 192000 Hz"
            ),
        }
    }
}

impl std::error::Error for WavError {}
