//! Sound files whatever their format: read by what they begin with, written by what their name ends with.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::Samples;
use super::opus::{OpusError, OpusReader, OpusWriter};
use super::wav::{Format, WavError, WavReader, WavWriter};

/// Opens a sound file.
///
/// # Errors
/// If it is neither a WAV file nor Opus in Ogg, or what reading gives.
pub fn open<R: Read + Seek + Send + 'static>(mut inner: R) -> io::Result<Box<dyn Samples + Send>> {
    let mut first = [0; 4];
    let read = inner.read_exact(&mut first);
    inner.seek(SeekFrom::Start(0))?;
    if read.is_ok() && first == *b"OggS" {
        return Ok(Box::new(OpusReader::open(inner)?));
    }
    Ok(Box::new(WavReader::open(inner)?))
}

impl From<OpusError> for io::Error {
    fn from(error: OpusError) -> Self {
        match error {
            OpusError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other.to_string()),
        }
    }
}

impl From<WavError> for io::Error {
    fn from(error: WavError) -> Self {
        match error {
            WavError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other.to_string()),
        }
    }
}

/// Writes a sound file.
#[derive(Debug)]
pub enum Writer<W: Write + Seek> {
    /// A WAV file.
    Wav(WavWriter<W>),
    /// Opus in Ogg.
    Opus(Box<OpusWriter<W>>),
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file: Opus if `name` ends with `.opus`, WAV in `format` otherwise.
    ///
    /// # Errors
    /// If Opus has no such rate or number of channels, or what writing gives.
    pub fn create(inner: W, name: &std::path::Path, format: Format, serial: u32) -> io::Result<Self> {
        if !is_opus(name) {
            return Ok(Self::Wav(WavWriter::create(inner, format)?));
        }
        let channels = u8::try_from(format.channels).unwrap_or(u8::MAX);
        Ok(Self::Opus(Box::new(OpusWriter::create(inner, channels, format.rate, serial)?)))
    }

    /// Appends samples, channel beside channel.
    ///
    /// # Errors
    /// What writing gives.
    pub fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        match self {
            Self::Wav(writer) => writer.write(samples),
            Self::Opus(writer) => writer.write(samples),
        }
    }

    /// Samples of each channel so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Wav(writer) => writer.len(),
            Self::Opus(writer) => writer.len(),
        }
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the rest and gives back what was written to.
    ///
    /// # Errors
    /// What writing gives.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Wav(writer) => writer.finish(),
            Self::Opus(writer) => writer.finish(),
        }
    }
}

/// Whether a file of this name is Opus in Ogg.
#[must_use]
pub fn is_opus(name: &std::path::Path) -> bool {
    name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("opus"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::*;
    use crate::file::wav::Encoding;

    #[test]
    fn what_a_name_asks_for_is_written_and_read_whatever_the_name() {
        let format = Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 };
        for (name, begins, rate) in [("a.wav", b"RIFF", 8_000), ("a.OPUS", b"OggS", 48_000), ("a", b"RIFF", 8_000)] {
            let mut writer = Writer::create(Cursor::new(Vec::new()), Path::new(name), format, 1).unwrap();
            writer.write(&[100; 800]).unwrap();
            assert_eq!(writer.len(), 800);
            let file = writer.finish().unwrap().into_inner();
            assert!(file.starts_with(begins), "{name}");
            let mut sound = open(Cursor::new(file)).unwrap();
            assert_eq!((sound.rate(), sound.len()), (rate, Some(u64::from(rate) / 10)));
            assert!(sound.read(&mut [0; 80]).unwrap() > 0);
        }
    }

    #[test]
    fn what_is_no_sound_file_is_said() {
        for octets in [&b""[..], b"ID3", b"OggS and nothing else of a page", b"RIFF....AVI LIST"] {
            assert!(open(Cursor::new(octets.to_vec())).is_err());
        }
        let format = Format { encoding: Encoding::Pcm16, channels: 1, rate: 44_100 };
        let error = Writer::create(Cursor::new(Vec::new()), Path::new("a.opus"), format, 1).unwrap_err();
        assert_eq!(error.to_string(), "Opus has no 1 channels at 44100 Hz");
    }
}
