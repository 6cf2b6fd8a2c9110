//! Writing, a page a second.

use std::io::{self, Read, Seek, SeekFrom, Write};

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::Channels;

use super::{Head, OpusError, OpusReader, RATE, TAGS};
use crate::codec::opus::{MAX_PAYLOAD, encoder};
use crate::file::Samples;

/// Frames of 20 ms in a page.
const PAGE: u32 = 50;
const FRAMES_A_SECOND: u32 = 50;
/// Speech in one channel, bits a second.
const BITRATE: i32 = 32_000;

/// Writes a sound file. What was written is in the file a second later at the latest, and every page is whole.
pub struct OpusWriter<W: Write> {
    pages: PacketWriter<'static, W>,
    serial: u32,
    encoder: opus::Encoder,
    head: Head,
    /// A frame that is filled, channel beside channel.
    frame: Box<[i16]>,
    filled: usize,
    payload: Box<[u8]>,
    /// A packet that waits for the next: only the last one may end the stream.
    waiting: Option<Vec<u8>>,
    /// Samples of each channel in streams before this one.
    before: u64,
    /// Frames encoded, and samples taken in of each channel.
    frames: u64,
    taken: u64,
}

impl<W: Write> std::fmt::Debug for OpusWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusWriter").field("head", &self.head).field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl<W: Write> OpusWriter<W> {
    /// Begins a file for samples of a rate (8,000, 12,000, 16,000, 24,000 or 48,000) and one or two channels. `serial` is the
    /// stream's number within the file: any, best a random one.
    ///
    /// # Errors
    /// If Opus has no such rate or number of channels, or what writing gives.
    pub fn create(inner: W, channels: u8, rate: u32, serial: u32) -> Result<Self, OpusError> {
        let layout = match channels {
            1 => Channels::Mono,
            2 => Channels::Stereo,
            _ => return Err(OpusError::Format { channels, rate }),
        };
        if !matches!(rate, 8_000 | 12_000 | 16_000 | 24_000 | 48_000) {
            return Err(OpusError::Format { channels, rate });
        }
        let mut encoder = encoder(rate, layout, BITRATE * i32::from(channels))?;
        let delay = u32::try_from(encoder.get_lookahead()?).unwrap_or(0) * (RATE / rate);
        let head = Head { channels, pre_skip: delay.min(u16::MAX.into()) as u16, rate, gain: 0 };
        let mut writer = Self {
            pages: PacketWriter::new(inner),
            serial,
            encoder,
            head,
            frame: vec![0; (rate / FRAMES_A_SECOND) as usize * usize::from(channels)].into(),
            filled: 0,
            payload: vec![0; MAX_PAYLOAD].into(),
            waiting: None,
            before: 0,
            frames: 0,
            taken: 0,
        };
        writer.page(head.to_bytes(), PacketWriteEndInfo::EndPage, 0)?;
        writer.page(tags(), PacketWriteEndInfo::EndPage, 0)?;
        writer.pages.inner_mut().flush()?;
        Ok(writer)
    }

    /// Samples of each channel in the file and taken in so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.before + self.here()
    }

    /// Samples of each channel taken in so far.
    fn here(&self) -> u64 {
        self.taken + (self.filled / usize::from(self.head.channels)) as u64
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(super) fn inner(&self) -> &W {
        self.pages.inner()
    }

    #[cfg(test)]
    pub(super) fn pre_skip(&self) -> u16 {
        self.head.pre_skip
    }

    /// Appends samples, channel beside channel.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        let mut rest = samples;
        while !rest.is_empty() {
            let count = rest.len().min(self.frame.len() - self.filled);
            self.frame[self.filled..self.filled + count].copy_from_slice(&rest[..count]);
            self.filled += count;
            rest = &rest[count..];
            if self.filled == self.frame.len() {
                self.encode()?;
            }
        }
        Ok(())
    }

    /// Encodes the frame; what is not filled of it is silence.
    fn encode(&mut self) -> io::Result<()> {
        self.taken += (self.filled / usize::from(self.head.channels)) as u64;
        self.frame[self.filled..].fill(0);
        self.filled = 0;
        let count = self.encoder.encode(&self.frame, &mut self.payload).map_err(io::Error::other)?;
        let packet = self.payload[..count].to_vec();
        if let Some(before) = self.waiting.replace(packet) {
            let end = if self.frames.is_multiple_of(PAGE.into()) {
                PacketWriteEndInfo::EndPage
            } else {
                PacketWriteEndInfo::NormalPacket
            };
            self.page(before, end, self.position())?;
            if end == PacketWriteEndInfo::EndPage {
                self.pages.inner_mut().flush()?;
            }
        }
        self.frames += 1;
        Ok(())
    }

    /// Samples at 48 kHz up to the end of the packet before the one that waits.
    fn position(&self) -> u64 {
        self.frames * u64::from(RATE / FRAMES_A_SECOND)
    }

    fn page(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, position: u64) -> io::Result<()> {
        self.pages.write_packet(packet, self.serial, end, position)
    }

    /// Writes the rest and gives back what was written to.
    ///
    /// # Errors
    /// As [`OpusWriter::write`].
    pub fn finish(mut self) -> io::Result<W> {
        let taken = self.here();
        // The coder's delay is pushed out of it; where the sound ends is what the last position says (RFC 7845 4.4).
        let end = u64::from(self.head.pre_skip) + taken * u64::from(RATE / self.head.rate);
        while self.filled > 0 || self.position() < end || self.waiting.is_none() {
            self.encode()?;
        }
        if let Some(last) = self.waiting.take() {
            self.page(last, PacketWriteEndInfo::EndStream, end)?;
        }
        self.pages.inner_mut().flush()?;
        Ok(self.pages.into_inner())
    }
}

impl<W: Read + Write + Seek> OpusWriter<W> {
    /// Goes on behind what a file holds, with a stream of its own that is chained to those there (RFC 3533 4, RFC 7845 3).
    /// Nothing but whole pages may be in it: see [`whole`](super::whole).
    ///
    /// # Errors
    /// As [`OpusWriter::create`], and if the file is not Opus in Ogg.
    pub fn append(mut inner: W, channels: u8, rate: u32, serial: u32) -> Result<Self, OpusError> {
        let before = OpusReader::open(&mut inner)?.len().unwrap_or(0) * u64::from(rate) / u64::from(RATE);
        inner.seek(SeekFrom::End(0))?;
        Ok(Self { before, ..Self::create(inner, channels, rate, serial)? })
    }
}

/// The second packet: who wrote it, and no comments.
fn tags() -> Vec<u8> {
    let vendor = concat!("cordboard ", env!("CARGO_PKG_VERSION"));
    let mut packet = TAGS.to_vec();
    packet.extend((vendor.len() as u32).to_le_bytes());
    packet.extend(vendor.as_bytes());
    packet.extend(0_u32.to_le_bytes());
    packet
}
