//! Writing.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{Format, MAX_CHANNELS, TAG_PCM, WavError, WavReader};

/// The greatest number of octets of sound: sizes are 32 bits, the header counts.
const MAX_DATA: u64 = 0xffff_ffff - 64;

/// Writes a file.
///
/// What is written reaches the file once a second, and then the sizes are true; [`WavWriter::finish`] writes the
/// rest. One that is dropped without it leaves a file as a crash would.
#[derive(Debug)]
pub struct WavWriter<W> {
    pub(super) inner: W,
    format: Format,
    /// Octets of sound in the file.
    data: u64,
    /// A second of sound.
    buffer: Box<[u8]>,
    filled: usize,
}

impl<W: Read + Write + Seek> WavWriter<W> {
    /// Goes on in a file this has written before.
    ///
    /// # Errors
    /// What reading gives; [`io::ErrorKind::InvalidData`] for a file of another format, or with something behind the
    /// sound.
    pub fn append(mut inner: W, format: Format) -> io::Result<Self> {
        let other = || io::Error::from(io::ErrorKind::InvalidData);
        let reader = WavReader::open(&mut inner).map_err(|error| match error {
            WavError::Io(error) => error,
            _ => other(),
        })?;
        let block = format.encoding.octets() as u64 * u64::from(format.channels);
        let (there, start, data) = (reader.format(), reader.start, reader.blocks * block);
        let header = if format.encoding.tag() == TAG_PCM { 44 } else { 58 };
        if there != format || start != header || inner.seek(SeekFrom::End(0))? != start + data {
            return Err(other());
        }
        let second = format.rate as usize * block as usize;
        Ok(Self { inner, format, data, buffer: vec![0; second].into(), filled: 0 })
    }
}

impl<W: Write + Seek> WavWriter<W> {
    /// Writes the header of an empty file.
    ///
    /// # Errors
    /// What writing gives; [`io::ErrorKind::InvalidInput`] for no channels, too many, or a rate out of range.
    pub fn create(inner: W, format: Format) -> io::Result<Self> {
        if !(1..=MAX_CHANNELS).contains(&format.channels) || !(4_000..=192_000).contains(&format.rate) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let second = format.rate as usize * usize::from(format.channels) * format.encoding.octets();
        let mut writer = Self { inner, format, data: 0, buffer: vec![0; second].into(), filled: 0 };
        writer.header()?;
        writer.inner.flush()?;
        Ok(writer)
    }

    /// What the file holds.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Blocks (a sample of each channel) written so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        let block = self.format.encoding.octets() as u64 * u64::from(self.format.channels);
        (self.data + self.filled as u64) / block
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends samples, channel beside channel.
    ///
    /// # Errors
    /// What writing gives; [`io::ErrorKind::FileTooLarge`] when the file has reached 4 GiB.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        let size = self.format.encoding.octets();
        for sample in samples {
            self.format.encoding.encode(*sample, &mut self.buffer[self.filled..self.filled + size]);
            self.filled += size;
            if self.filled == self.buffer.len() {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Brings all that was written into the file and makes its sizes true.
    ///
    /// # Errors
    /// As [`WavWriter::write`].
    pub fn flush(&mut self) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filled);
        if self.data + filled as u64 > MAX_DATA {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.inner.write_all(&self.buffer[..filled])?;
        self.data += filled as u64;
        self.inner.seek(SeekFrom::Start(0))?;
        self.header()?;
        self.inner.seek(SeekFrom::End(0))?;
        self.inner.flush()
    }

    /// Writes the rest and gives back what was written to.
    ///
    /// # Errors
    /// As [`WavWriter::write`].
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        if self.data % 2 == 1 {
            self.inner.write_all(&[0])?;
            self.inner.flush()?;
        }
        Ok(self.inner)
    }

    fn header(&mut self) -> io::Result<()> {
        let Format { encoding, channels, rate } = self.format;
        let block = encoding.octets() as u16 * channels;
        let linear = encoding.tag() == TAG_PCM;
        let mut head = [0; 58];
        let mut at = 0;
        let mut put = |octets: &[u8]| {
            head[at..at + octets.len()].copy_from_slice(octets);
            at += octets.len();
        };
        let header = if linear { 44_u64 } else { 58 };
        put(b"RIFF");
        put(&((header - 8 + self.data + self.data % 2) as u32).to_le_bytes());
        put(b"WAVEfmt ");
        put(&(if linear { 16_u32 } else { 18 }).to_le_bytes());
        put(&encoding.tag().to_le_bytes());
        put(&channels.to_le_bytes());
        put(&rate.to_le_bytes());
        put(&(rate * u32::from(block)).to_le_bytes());
        put(&block.to_le_bytes());
        put(&(8 * encoding.octets() as u16).to_le_bytes());
        if !linear {
            // No extension; the number of blocks in a chunk of its own, as all formats but PCM need.
            put(&0_u16.to_le_bytes());
            put(b"fact");
            put(&4_u32.to_le_bytes());
            put(&((self.data / u64::from(block)) as u32).to_le_bytes());
        }
        put(b"data");
        put(&(self.data as u32).to_le_bytes());
        self.inner.write_all(&head[..header as usize])
    }
}
