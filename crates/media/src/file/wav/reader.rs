//! Reading.

use std::io::{self, Read, Seek, SeekFrom};

use super::{Encoding, Format, MAX_CHANNELS, TAG_EXTENSIBLE, WavError};
use crate::file::Samples;

/// Chunks looked at before the sound begins.
const MAX_CHUNKS: usize = 64;

/// Reads a file.
#[derive(Debug)]
pub struct WavReader<R> {
    inner: R,
    format: Format,
    /// Where the sound begins in the file.
    pub(super) start: u64,
    /// Blocks (a sample of each channel) altogether, and where it stands.
    pub(super) blocks: u64,
    at: u64,
    /// The block that is next in the buffer, and how many are there.
    buffer: Box<[u8]>,
    next: usize,
    filled: usize,
}

const BUFFER_BLOCKS: usize = 1_024;

impl<R: Read + Seek> WavReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it is not a WAV file this can read.
    pub fn open(mut inner: R) -> Result<Self, WavError> {
        let end = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        let head: [u8; 12] = take(&mut inner).map_err(|_| WavError::NotWav)?;
        if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
            return Err(WavError::NotWav);
        }
        let mut format = None;
        let mut position = 12;
        for _ in 0..MAX_CHUNKS {
            inner.seek(SeekFrom::Start(position))?;
            let Ok(head) = take::<8, _>(&mut inner) else { break };
            let size = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
            position += 8;
            match &head[..4] {
                b"fmt " => format = Some(read_format(&mut inner, size)?),
                b"data" => {
                    let format = format.ok_or(WavError::NoSound)?;
                    return Ok(Self::at_sound(inner, format, position, size, end));
                }
                _ => {}
            }
            position += size + (size & 1);
        }
        Err(WavError::NoSound)
    }

    /// Reads a file that is nothing but sound.
    ///
    /// # Errors
    /// What seeking gives.
    pub fn headless(mut inner: R, format: Format) -> io::Result<Self> {
        let end = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        Ok(Self::at_sound(inner, format, 0, end, end))
    }

    fn at_sound(inner: R, format: Format, start: u64, size: u64, end: u64) -> Self {
        let block = format.encoding.octets() * usize::from(format.channels);
        let there = end.saturating_sub(start);
        // A size of nothing before something was never filled in.
        let size = if size == 0 { there } else { size.min(there) };
        let buffer = vec![0; block * BUFFER_BLOCKS].into();
        Self { inner, format, start, blocks: size / block as u64, at: 0, buffer, next: 0, filled: 0 }
    }

    /// What the file holds.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes the next blocks, channel beside channel, as far as whole blocks fit; gives the number of blocks.
    ///
    /// # Errors
    /// What reading gives.
    pub fn read_blocks(&mut self, out: &mut [i16]) -> io::Result<usize> {
        let channels = usize::from(self.format.channels);
        self.blocks_into(out.chunks_exact_mut(channels), |block, place, encoding| {
            for (octets, sample) in block.chunks_exact(encoding.octets()).zip(place) {
                *sample = encoding.decode(octets);
            }
        })
    }

    fn blocks_into<T>(
        &mut self,
        places: impl Iterator<Item = T>,
        mut one: impl FnMut(&[u8], T, Encoding),
    ) -> io::Result<usize> {
        let encoding = self.format.encoding;
        let size = encoding.octets() * usize::from(self.format.channels);
        let mut written = 0;
        for place in places {
            if self.next == self.filled {
                self.fill(size)?;
                if self.filled == 0 {
                    break;
                }
            }
            one(&self.buffer[self.next * size..(self.next + 1) * size], place, encoding);
            self.next += 1;
            self.at += 1;
            written += 1;
        }
        Ok(written)
    }

    fn fill(&mut self, size: usize) -> io::Result<()> {
        (self.next, self.filled) = (0, 0);
        let wanted = (self.blocks - self.at).min(BUFFER_BLOCKS as u64) as usize * size;
        let mut had = 0;
        while had < wanted {
            match self.inner.read(&mut self.buffer[had..wanted]) {
                Ok(0) => {
                    // Shorter than when it was opened: somebody cut it.
                    self.blocks = self.at + (had / size) as u64;
                    break;
                }
                Ok(count) => had += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.filled = had / size;
        Ok(())
    }
}

impl<R: Read + Seek> Samples for WavReader<R> {
    fn rate(&self) -> u32 {
        self.format.rate
    }

    fn len(&self) -> Option<u64> {
        Some(self.blocks)
    }

    /// All channels mixed to one.
    fn read(&mut self, out: &mut [i16]) -> io::Result<usize> {
        let channels = i32::from(self.format.channels);
        self.blocks_into(out.iter_mut(), |block, place, encoding| {
            let sum: i32 = block.chunks_exact(encoding.octets()).map(|octets| i32::from(encoding.decode(octets))).sum();
            *place = (sum / channels) as i16;
        })
    }

    fn seek(&mut self, sample: u64) -> io::Result<()> {
        self.at = sample.min(self.blocks);
        (self.next, self.filled) = (0, 0);
        let block = self.format.encoding.octets() as u64 * u64::from(self.format.channels);
        self.inner.seek(SeekFrom::Start(self.start + self.at * block))?;
        Ok(())
    }
}

fn take<const N: usize, R: Read>(inner: &mut R) -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    inner.read_exact(&mut octets)?;
    Ok(octets)
}

fn read_format<R: Read>(inner: &mut R, size: u64) -> Result<Format, WavError> {
    let base: [u8; 16] = take(inner)?;
    let word = |at: usize| u16::from_le_bytes([base[at], base[at + 1]]);
    let (mut tag, channels, bits) = (word(0), word(2), word(14));
    let rate = u32::from_le_bytes([base[4], base[5], base[6], base[7]]);
    if tag == TAG_EXTENSIBLE && size >= 40 {
        // Size, valid bits, speakers; then a GUID that begins with the tag.
        let more: [u8; 10] = take(inner)?;
        tag = u16::from_le_bytes([more[8], more[9]]);
    }
    let allowed = (1..=MAX_CHANNELS).contains(&channels) && (4_000..=192_000).contains(&rate);
    match Encoding::of(tag, bits) {
        Some(encoding) if allowed => Ok(Format { encoding, channels, rate }),
        _ => Err(WavError::Format { tag, bits, channels, rate }),
    }
}
