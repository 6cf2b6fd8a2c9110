//! WAV: RIFF files of linear samples, floats, mu-law and A-law.
//!
//! The reader takes what other people's programs write: any order of chunks, odd sizes, sizes that were never
//! filled in because the writer was a pipe or died, and files that end too early. The writer fills in the sizes
//! each second, so whoever finds the file after a crash misses a second at most.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::Samples;
use crate::codec::g711;

const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;
const TAG_EXTENSIBLE: u16 = 0xfffe;
/// Channels a file may have.
pub const MAX_CHANNELS: u16 = 8;
/// Chunks looked at before the sound begins.
const MAX_CHUNKS: usize = 64;
/// The greatest number of octets of sound: sizes are 32 bits, the header counts.
const MAX_DATA: u64 = 0xffff_ffff - 64;

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

/// Reads a file.
#[derive(Debug)]
pub struct WavReader<R> {
    inner: R,
    format: Format,
    /// Where the sound begins in the file.
    start: u64,
    /// Blocks (a sample of each channel) altogether, and where it stands.
    blocks: u64,
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

/// Writes a file.
///
/// What is written reaches the file once a second, and then the sizes are true; [`WavWriter::finish`] writes the
/// rest. One that is dropped without it leaves a file as a crash would.
#[derive(Debug)]
pub struct WavWriter<W> {
    inner: W,
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    const ALL: [Encoding; 8] = [
        Encoding::Pcm8,
        Encoding::Pcm16,
        Encoding::Pcm24,
        Encoding::Pcm32,
        Encoding::Float32,
        Encoding::Float64,
        Encoding::Alaw,
        Encoding::Mulaw,
    ];

    fn written(format: Format, samples: &[i16]) -> Vec<u8> {
        let mut writer = WavWriter::create(Cursor::new(Vec::new()), format).unwrap();
        for piece in samples.chunks(160 * usize::from(format.channels)) {
            writer.write(piece).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn blocks(file: &[u8]) -> Vec<i16> {
        let mut reader = WavReader::open(Cursor::new(file)).unwrap();
        let channels = usize::from(reader.format().channels);
        let mut out = vec![0; (reader.len().unwrap() as usize + 5) * channels];
        let count = reader.read_blocks(&mut out).unwrap();
        out.truncate(count * channels);
        out
    }

    fn noise(count: usize) -> Vec<i16> {
        (0..count as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as i16).collect()
    }

    #[test]
    fn every_encoding_gives_back_what_it_can_hold() {
        for encoding in ALL {
            for channels in [1, 2] {
                let format = Format { encoding, channels, rate: 8_000 };
                let samples = noise(2 * 8_000 + 6);
                let file = written(format, &samples);
                assert_eq!(file.len() % 2, 0);
                assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
                let heard = blocks(&file);
                assert_eq!(heard.len(), samples.len(), "{encoding:?}");
                for (said, heard) in samples.iter().zip(heard) {
                    let expected = match encoding {
                        Encoding::Pcm8 => *said & !0xff,
                        Encoding::Alaw => g711::from_alaw(g711::to_alaw(*said)),
                        Encoding::Mulaw => g711::from_mulaw(g711::to_mulaw(*said)),
                        _ => *said,
                    };
                    assert_eq!(heard, expected, "{encoding:?}");
                }
            }
        }
    }

    #[test]
    fn a_stereo_file_is_heard_as_the_mean_of_both() {
        let file = written(Format { encoding: Encoding::Pcm16, channels: 2, rate: 16_000 }, &[100, 300, -8, -4, 7, 7]);
        let mut reader = WavReader::open(Cursor::new(file)).unwrap();
        let mut out = [0; 5];
        assert_eq!((reader.read(&mut out).unwrap(), &out[..3]), (3, &[200, -6, 7][..]));
        reader.seek(1).unwrap();
        assert_eq!((reader.read(&mut out[..1]).unwrap(), out[0]), (1, -6));
        reader.seek(99).unwrap();
        assert_eq!(reader.read(&mut out).unwrap(), 0);
    }

    #[test]
    fn a_crash_costs_a_second_at_most_and_the_header_is_true_all_along() {
        let format = Format { encoding: Encoding::Mulaw, channels: 2, rate: 8_000 };
        let mut writer = WavWriter::create(Cursor::new(Vec::new()), format).unwrap();
        for frame in 1..=500_usize {
            writer.write(&noise(320)).unwrap();
            let crashed = writer.inner.get_ref();
            let reader = WavReader::open(Cursor::new(&crashed[..])).unwrap();
            let said = frame * 160;
            let kept = reader.len().unwrap() as usize;
            assert!(kept <= said && kept + 8_000 > said, "{kept} of {said}");
            assert_eq!(u32::from_le_bytes(crashed[54..58].try_into().unwrap()) as usize, 2 * kept);
        }
    }

    #[test]
    fn sizes_that_were_never_filled_in_and_files_cut_short_are_read_as_far_as_they_go() {
        let mut file = written(Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 }, &noise(100));
        for size in [0_u32, 0xffff_ffff, 0x7fff_ffff] {
            file[40..44].copy_from_slice(&size.to_le_bytes());
            assert_eq!(blocks(&file), noise(100));
        }
        assert_eq!(blocks(&file[..44 + 51]), noise(25));
        assert_eq!(blocks(&file[..44]), noise(0));
    }

    #[test]
    fn chunks_of_others_are_passed_over() {
        let file = written(Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 }, &noise(10));
        let mut other = file[..12].to_vec();
        other.extend_from_slice(b"JUNK\x03\0\0\0abc\0");
        other.extend_from_slice(&file[12..36]);
        other.extend_from_slice(b"LIST\x04\0\0\0abcd");
        other.extend_from_slice(&file[36..]);
        other.extend_from_slice(b"LIST\x04\0\0\0abcd");
        assert_eq!(blocks(&other), noise(10));
    }

    #[test]
    fn what_is_not_read_is_said() {
        let mut file = written(Format { encoding: Encoding::Pcm16, channels: 1, rate: 8_000 }, &[]);
        assert!(matches!(WavReader::open(Cursor::new(&file[..30])), Err(WavError::Io(_))));
        assert!(matches!(WavReader::open(Cursor::new(&file[..36])), Err(WavError::NoSound)));
        assert!(matches!(WavReader::open(Cursor::new(b"OggS")), Err(WavError::NotWav)));
        file[20] = 0x31;
        let error = WavReader::open(Cursor::new(&file[..])).unwrap_err();
        assert!(matches!(error, WavError::Format { tag: 0x31, bits: 16, channels: 1, rate: 8_000 }));
        assert!(error.to_string().contains("format 49"));
        assert!(
            WavWriter::create(Cursor::new(Vec::new()), Format { encoding: Encoding::Pcm8, channels: 0, rate: 8_000 })
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn no_octets_break_the_reader(mut file in proptest::collection::vec(any::<u8>(), 0..200), place in 0_usize..60, value: u8) {
            let mut good = written(Format { encoding: Encoding::Alaw, channels: 2, rate: 8_000 }, &noise(64));
            good[place] = value;
            file.splice(0..0, *b"RIFF\0\0\0\0WAVE");
            for octets in [&good, &file] {
                if let Ok(mut reader) = WavReader::open(Cursor::new(&octets[..])) {
                    let mut out = [0; 64];
                    let most = reader.len().unwrap();
                    let mut total = 0;
                    loop {
                        let count = reader.read(&mut out).unwrap();
                        total += count as u64;
                        if count == 0 { break }
                    }
                    prop_assert!(total <= most && total <= octets.len() as u64);
                }
            }
        }
    }
}
