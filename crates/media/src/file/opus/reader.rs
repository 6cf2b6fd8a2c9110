//! Reading, both channels heard as one.

use std::io::{self, Read, Seek, SeekFrom};

use ogg::PacketReader;
use ogg::reading::OggReadError;
use opus::{Channels, Decoder};

use super::{Head, OpusError, RATE};
use crate::codec::opus::samples;
use crate::file::Samples;

/// The longest packet, 120 ms.
const LONGEST: usize = 5_760;
/// A decoder that begins in the middle needs so much to find in, 80 ms (RFC 7845 4.6).
const PRE_ROLL: u64 = 3_840;
/// How far from the end of a file the last page's beginning lies at most: a page of the greatest size.
const TAIL: u64 = 65_307;
/// Packets before the headers, of other streams.
const MOST_BEFORE: usize = 64;

/// Reads a sound file.
pub struct OpusReader<R: Read + Seek> {
    packets: PacketReader<R>,
    serial: u32,
    head: Head,
    decoder: Decoder,
    decoded: Box<[i16]>,
    /// Decoded, of which those from `at` to `filled` are still to be given.
    at: usize,
    filled: usize,
    /// Samples of packets so far, those that are thrown away at the beginning among them.
    position: u64,
    /// As `position`: what lies before is not given.
    begin: u64,
    /// As `position`: where the sound ends.
    end: u64,
}

impl<R: Read + Seek> std::fmt::Debug for OpusReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusReader").field("head", &self.head).field("end", &self.end).finish_non_exhaustive()
    }
}

impl<R: Read + Seek> OpusReader<R> {
    /// Reads the headers, and the last page for the length.
    ///
    /// # Errors
    /// If it is not Opus in Ogg, or what reading gives.
    pub fn open(mut inner: R) -> Result<Self, OpusError> {
        let last = last_position(&mut inner)?;
        inner.seek(SeekFrom::Start(0))?;
        let mut packets = PacketReader::new(inner);
        let (serial, head) = read_head(&mut packets)?;
        let mut decoder = Decoder::new(RATE, Channels::Mono)?;
        decoder.set_gain(head.gain.into())?;
        let mut reader = Self {
            packets,
            serial,
            head,
            decoder,
            decoded: vec![0; LONGEST].into(),
            at: 0,
            filled: 0,
            position: 0,
            begin: head.pre_skip.into(),
            end: u64::MAX,
        };
        let first = reader.first_position()?;
        reader.end = last.filter(|(of, _)| *of == serial).map_or(u64::MAX, |(_, last)| last.saturating_sub(first));
        reader.restart()?;
        Ok(reader)
    }

    /// Channels in the file.
    #[must_use]
    pub fn channels(&self) -> u8 {
        self.head.channels
    }

    /// The position before the first packet: more than 0 where a stream was cut out of a longer one.
    fn first_position(&mut self) -> Result<u64, OpusError> {
        self.restart()?;
        let mut length = 0;
        while let Some(packet) = self.packet()? {
            length += samples(&packet.data) as u64;
            if packet.last_in_page() {
                return Ok(packet.absgp_page().saturating_sub(length));
            }
        }
        Ok(0)
    }

    /// Back to the first packet with sound.
    fn restart(&mut self) -> io::Result<()> {
        self.packets.seek_bytes(SeekFrom::Start(0))?;
        self.packets.delete_unread_packets();
        (self.at, self.filled, self.position) = (0, 0, 0);
        self.begin = self.head.pre_skip.into();
        self.decoder.reset_state().map_err(io::Error::other)?;
        // The two headers.
        for _ in 0..2 {
            self.packet()?;
        }
        Ok(())
    }

    /// The next packet of the stream; none at the end, or where the file was cut off.
    fn packet(&mut self) -> io::Result<Option<ogg::Packet>> {
        loop {
            match self.packets.read_packet() {
                Ok(Some(packet)) if packet.stream_serial() != self.serial => {}
                Ok(packet) => return Ok(packet),
                Err(OggReadError::ReadError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Decodes the next packet; false at the end.
    fn refill(&mut self) -> io::Result<bool> {
        while self.position < self.end {
            let Some(packet) = self.packet()? else { return Ok(false) };
            let length = samples(&packet.data) as u64;
            let start = self.position;
            self.position += length;
            // A packet that is no Opus is passed over.
            if length == 0 || self.position + PRE_ROLL < self.begin {
                continue;
            }
            let Ok(count) = self.decoder.decode(&packet.data, &mut self.decoded, false) else { continue };
            let place = |position: u64| usize::try_from(position.saturating_sub(start)).map_or(count, |p| p.min(count));
            (self.at, self.filled) = (place(self.begin), place(self.end));
            if self.at < self.filled {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<R: Read + Seek> Samples for OpusReader<R> {
    fn rate(&self) -> u32 {
        RATE
    }

    fn len(&self) -> Option<u64> {
        (self.end < u64::MAX).then(|| self.end.saturating_sub(self.head.pre_skip.into()))
    }

    fn read(&mut self, out: &mut [i16]) -> io::Result<usize> {
        let mut written = 0;
        while written < out.len() {
            if self.at >= self.filled && !self.refill()? {
                break;
            }
            let count = (self.filled - self.at).min(out.len() - written);
            out[written..written + count].copy_from_slice(&self.decoded[self.at..self.at + count]);
            self.at += count;
            written += count;
        }
        Ok(written)
    }

    /// Goes through the packets from the beginning without decoding them: what a page says of its position may be wrong,
    /// what a packet says of its length cannot be.
    fn seek(&mut self, sample: u64) -> io::Result<()> {
        self.restart()?;
        self.begin = self.begin.saturating_add(sample).min(self.end);
        Ok(())
    }
}

fn broken(error: OggReadError) -> io::Error {
    match error {
        OggReadError::ReadError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

/// The first stream of Opus: its serial number and head.
fn read_head<R: Read + Seek>(packets: &mut PacketReader<R>) -> Result<(u32, Head), OpusError> {
    for _ in 0..MOST_BEFORE {
        match packets.read_packet() {
            Ok(Some(packet)) => match Head::parse(&packet.data) {
                Err(OpusError::NotOpus) => {}
                head => return Ok((packet.stream_serial(), head?)),
            },
            Err(OggReadError::ReadError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(error.into());
            }
            _ => break,
        }
    }
    Err(OpusError::NotOpus)
}

/// The serial number and position of the last page.
fn last_position<R: Read + Seek>(inner: &mut R) -> io::Result<Option<(u32, u64)>> {
    let length = inner.seek(SeekFrom::End(0))?;
    inner.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    inner.take(TAIL).read_to_end(&mut tail)?;
    let page = |at: usize| -> Option<(u32, u64)> {
        let header = tail.get(at..at + 27)?;
        let segments = tail.get(at + 27..at + 27 + usize::from(header[26]))?;
        let body: usize = segments.iter().map(|s| usize::from(*s)).sum();
        // A page that was cut off is not read.
        tail.get(at + 27 + segments.len() + body..)?;
        let position = u64::from_le_bytes(header[6..14].try_into().ok()?);
        let serial = u32::from_le_bytes(header[14..18].try_into().ok()?);
        (position != u64::MAX).then_some((serial, position))
    };
    Ok((0..tail.len().saturating_sub(26)).rev().filter(|at| tail[*at..].starts_with(b"OggS\0")).find_map(page))
}
