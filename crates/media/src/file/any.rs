//! Sound files whatever their format: read by what they begin with, written by what their name ends with.
//!
//! A file without a header is what its name says, one channel at 8,000 samples a second: `.ul`, `.ulaw` and `.pcmu`
//! are mu-law, `.al`, `.alaw` and `.pcma` A-law, `.raw` and `.sln` 16 bits, little-endian. Another rate stands before the
//! ending (`music.16000.raw`), or behind `sln` in thousands (`music.sln16`).

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Samples;
use super::opus::{OpusError, OpusReader, OpusWriter};
use super::wav::{Encoding, Format, WavError, WavReader, WavWriter};

/// Rates a file without a header may have.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// Its rate if its name does not say it.
const USUAL_RATE: u32 = 8_000;

/// Opens a sound file of a name.
///
/// # Errors
/// If it is neither a WAV file nor Opus in Ogg, and its name says of no other sound, or what reading gives.
pub fn open<R: Read + Seek + Send + 'static>(mut inner: R, name: &Path) -> io::Result<Box<dyn Samples + Send>> {
    let mut first = [0; 4];
    let read = inner.read_exact(&mut first);
    inner.seek(SeekFrom::Start(0))?;
    if read.is_ok() && first == *b"OggS" {
        return Ok(Box::new(OpusReader::open(inner)?));
    }
    match headless(name).filter(|_| first != *b"RIFF") {
        Some(format) => Ok(Box::new(WavReader::headless(inner, format)?)),
        None => Ok(Box::new(WavReader::open(inner)?)),
    }
}

/// What a file without a header holds, by its name.
#[must_use]
pub fn headless(name: &Path) -> Option<Format> {
    let ending = name.extension()?.to_str()?.to_ascii_lowercase();
    let before = name.file_stem().and_then(|stem| Path::new(stem).extension()).and_then(|rate| rate.to_str());
    let rate = before.and_then(|rate| rate.parse().ok()).filter(|rate| RATES.contains(rate)).unwrap_or(USUAL_RATE);
    let (encoding, rate) = match &*ending {
        "ul" | "ulaw" | "pcmu" => (Encoding::Mulaw, rate),
        "al" | "alaw" | "pcma" => (Encoding::Alaw, rate),
        "raw" | "sln" => (Encoding::Pcm16, rate),
        _ => {
            let thousands: u32 = ending.strip_prefix("sln")?.parse().ok()?;
            let rate = thousands.checked_mul(1_000).filter(|rate| RATES.contains(rate))?;
            (Encoding::Pcm16, if rate == 44_000 { 44_100 } else { rate })
        }
    };
    Some(Format { encoding, channels: 1, rate })
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
    pub fn create(inner: W, name: &Path, format: Format, serial: u32) -> io::Result<Self> {
        if !is_opus(name) {
            return Ok(Self::Wav(WavWriter::create(inner, format)?));
        }
        let channels = u8::try_from(format.channels).unwrap_or(u8::MAX);
        Ok(Self::Opus(Box::new(OpusWriter::create(inner, channels, format.rate, serial)?)))
    }

    /// Goes on behind what a file of this name holds, as [`Writer::create`] would begin it.
    ///
    /// # Errors
    /// As [`Writer::create`]; if the file holds something else, a WAV of another format among it.
    pub fn append(inner: W, name: &Path, format: Format, serial: u32) -> io::Result<Self>
    where
        W: Read,
    {
        if !is_opus(name) {
            return Ok(Self::Wav(WavWriter::append(inner, format)?));
        }
        let channels = u8::try_from(format.channels).unwrap_or(u8::MAX);
        Ok(Self::Opus(Box::new(OpusWriter::append(inner, channels, format.rate, serial)?)))
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
pub fn is_opus(name: &Path) -> bool {
    name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("opus"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::codec::g711;

    #[test]
    fn what_a_name_asks_for_is_written_and_read_whatever_the_name() {
        let format = Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 };
        for (name, begins, rate) in [("a.wav", b"RIFF", 8_000), ("a.OPUS", b"OggS", 48_000), ("a", b"RIFF", 8_000)] {
            let mut writer = Writer::create(Cursor::new(Vec::new()), Path::new(name), format, 1).unwrap();
            writer.write(&[100; 800]).unwrap();
            assert_eq!(writer.len(), 800);
            let file = writer.finish().unwrap().into_inner();
            assert!(file.starts_with(begins), "{name}");
            let mut sound = open(Cursor::new(file), Path::new("of another name.raw")).unwrap();
            assert_eq!((sound.rate(), sound.len()), (rate, Some(u64::from(rate) / 10)));
            assert!(sound.read(&mut [0; 80]).unwrap() > 0);
        }
    }

    #[test]
    fn a_file_without_a_header_is_what_its_name_says() {
        let said: Vec<i16> = (0..800).map(|n| (n % 80 - 40) * 100).collect();
        let linear: Vec<u8> = said.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mulaw: Vec<u8> = said.iter().map(|sample| g711::to_mulaw(*sample)).collect();
        let alaw: Vec<u8> = said.iter().map(|sample| g711::to_alaw(*sample)).collect();
        for (name, octets, rate, off) in [
            ("a.ul", &mulaw, 8_000, 130),
            ("a.16000.ULAW", &mulaw, 16_000, 130),
            ("a.al", &alaw, 8_000, 130),
            ("a.48000.pcma", &alaw, 48_000, 130),
            ("a.raw", &linear, 8_000, 0),
            ("part.3.raw", &linear, 8_000, 0),
            ("a.sln", &linear, 8_000, 0),
            ("a.sln16", &linear, 16_000, 0),
            ("a.sln44", &linear, 44_100, 0),
        ] {
            let mut sound = open(Cursor::new(octets.clone()), Path::new(name)).unwrap();
            assert_eq!((sound.rate(), sound.len()), (rate, Some(800)), "{name}");
            let mut heard = vec![0; 800];
            assert_eq!(sound.read(&mut heard).unwrap(), 800);
            assert!(heard.iter().zip(&said).all(|(one, other)| one.abs_diff(*other) <= off), "{name}");
            sound.seek(400).unwrap();
            assert_eq!(sound.read(&mut heard).unwrap(), 400);
        }
        assert!(open(Cursor::new(Vec::new()), Path::new("a.ul")).unwrap().is_empty());
        for name in ["a.wav", "a", "a.sln0", "a.sln999999999", "a.slnx", ""] {
            assert_eq!(headless(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_sound_file_is_said() {
        for octets in [&b""[..], b"ID3", b"OggS and nothing else of a page", b"RIFF....AVI LIST"] {
            assert!(open(Cursor::new(octets.to_vec()), Path::new("a.wav")).is_err());
        }
        let format = Format { encoding: Encoding::Pcm16, channels: 1, rate: 44_100 };
        let error = Writer::create(Cursor::new(Vec::new()), Path::new("a.opus"), format, 1).unwrap_err();
        assert_eq!(error.to_string(), "Opus has no 1 channels at 44100 Hz");
    }
}
