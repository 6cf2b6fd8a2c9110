//! Opus in Ogg (RFC 7845): recordings that are small, and prompts of any rate.

mod pages;
mod reader;
mod writer;

use std::io;

pub use pages::whole;
pub use reader::OpusReader;
pub use writer::OpusWriter;

/// Positions count at this rate, whatever was recorded (RFC 7845 4).
const RATE: u32 = crate::codec::opus::RATE;
const HEAD: &[u8; 8] = b"OpusHead";
const TAGS: &[u8; 8] = b"OpusTags";

/// Why a file is no sound of ours.
#[derive(Debug)]
pub enum OpusError {
    /// Not Opus in Ogg.
    NotOpus,
    /// Opus that is not read or written: more than two channels, or a rate that is none of Opus'.
    Format {
        /// Channels.
        channels: u8,
        /// Samples a second; 0 where that does not matter.
        rate: u32,
    },
    /// libopus gave no coder.
    Coder(&'static str),
    /// Reading or writing failed.
    Io(io::Error),
}

impl std::fmt::Display for OpusError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotOpus => f.write_str("not Opus in Ogg"),
            Self::Format { channels, rate: 0 } => write!(f, "Opus of {channels} channels is not read"),
            Self::Format { channels, rate } => write!(f, "Opus has no {channels} channels at {rate} Hz"),
            Self::Coder(reason) => write!(f, "libopus: {reason}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpusError {}

impl From<io::Error> for OpusError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<opus::Error> for OpusError {
    fn from(error: opus::Error) -> Self {
        Self::Coder(error.description())
    }
}

/// The first packet of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    channels: u8,
    /// Samples at [`RATE`] to be thrown away at the beginning.
    pre_skip: u16,
    /// What was recorded had this rate; it says nothing about decoding.
    rate: u32,
    /// To be applied by the decoder, 256ths of a dB.
    gain: i16,
}

impl Head {
    fn parse(packet: &[u8]) -> Result<Self, OpusError> {
        let Some(([b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', version, channels], rest)) =
            packet.split_first_chunk::<10>()
        else {
            return Err(OpusError::NotOpus);
        };
        // The upper half of the version tells of changes that matter (RFC 7845 5.1).
        let Some(&[p0, p1, r0, r1, r2, r3, g0, g1, family]) = rest.first_chunk::<9>() else {
            return Err(OpusError::NotOpus);
        };
        if version >> 4 != 0 {
            return Err(OpusError::NotOpus);
        }
        if family != 0 || !(1..=2).contains(channels) {
            return Err(OpusError::Format { channels: *channels, rate: 0 });
        }
        Ok(Self {
            channels: *channels,
            pre_skip: u16::from_le_bytes([p0, p1]),
            rate: u32::from_le_bytes([r0, r1, r2, r3]),
            gain: i16::from_le_bytes([g0, g1]),
        })
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut packet = HEAD.to_vec();
        packet.extend([1, self.channels]);
        packet.extend(self.pre_skip.to_le_bytes());
        packet.extend(self.rate.to_le_bytes());
        packet.extend(self.gain.to_le_bytes());
        packet.push(0);
        packet
    }
}

#[cfg(test)]
mod tests;
