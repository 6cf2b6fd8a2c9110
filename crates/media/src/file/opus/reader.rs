//! Reading, both channels heard as one.

use std::io::{self, Read, Seek, SeekFrom};

use ogg::PacketReader;
use ogg::reading::OggReadError;
use opus::{Channels, Decoder};

use super::pages::chain;
use super::{Head, OpusError, RATE};
use crate::codec::opus::samples;
use crate::file::Samples;

/// The longest packet, 120 ms.
const LONGEST: usize = 5_760;
/// A decoder that begins in the middle needs so much to find in, 80 ms (RFC 7845 4.6).
const PRE_ROLL: u64 = 3_840;
/// Packets before the headers, of other streams.
const MOST_BEFORE: usize = 64;

/// Reads a sound file, of one stream or of several that are chained (RFC 3533 4): one behind the other, as if they were one.
pub struct OpusReader<R: Read + Seek> {
    packets: PacketReader<R>,
    links: Vec<Link>,
    /// That which is read.
    link: usize,
    decoder: Decoder,
    decoded: Box<[i16]>,
    /// Decoded, of which those from `at` to `filled` are still to be given.
    at: usize,
    filled: usize,
    /// Samples of packets of the link so far, those that are thrown away at the beginning among them.
    position: u64,
    /// As `position`: what lies before is not given.
    begin: u64,
}

/// A stream of a chain.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// Where in the file it begins.
    start: u64,
    serial: u32,
    head: Head,
    /// Where the sound ends, as [`OpusReader::position`].
    end: u64,
}

impl Link {
    fn len(&self) -> u64 {
        self.end.saturating_sub(self.head.pre_skip.into())
    }
}

impl<R: Read + Seek> std::fmt::Debug for OpusReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusReader").field("links", &self.links).finish_non_exhaustive()
    }
}

impl<R: Read + Seek> OpusReader<R> {
    /// Reads the headers, and the last page of each stream for the length.
    ///
    /// # Errors
    /// If it is not Opus in Ogg, or what reading gives.
    pub fn open(mut inner: R) -> Result<Self, OpusError> {
        let chain = chain(&mut inner)?;
        let mut reader = Self {
            packets: PacketReader::new(inner),
            links: Vec::new(),
            link: 0,
            decoder: Decoder::new(RATE, Channels::Mono)?,
            decoded: vec![0; LONGEST].into(),
            at: 0,
            filled: 0,
            position: 0,
            begin: 0,
        };
        for (start, last) in chain {
            match reader.add(start, last) {
                // What is chained to Opus and is no Opus is not heard.
                Err(OpusError::NotOpus | OpusError::Format { .. }) if !reader.links.is_empty() => {}
                added => added?,
            }
        }
        reader.enter(0)?;
        Ok(reader)
    }

    /// Channels in the file.
    #[must_use]
    pub fn channels(&self) -> u8 {
        self.links[0].head.channels
    }

    /// Adds the stream that begins at `start`, whose last page has that serial number and position.
    fn add(&mut self, start: u64, last: Option<(u32, u64)>) -> Result<(), OpusError> {
        self.packets.seek_bytes(SeekFrom::Start(start))?;
        self.packets.delete_unread_packets();
        let (serial, head) = read_head(&mut self.packets, start > 0)?;
        self.links.push(Link { start, serial, head, end: u64::MAX });
        let first = self.first_position(self.links.len() - 1)?;
        let end = last.filter(|(of, _)| *of == serial).map_or(u64::MAX, |(_, last)| last.saturating_sub(first));
        if let Some(link) = self.links.last_mut() {
            link.end = end;
        }
        Ok(())
    }

    /// The position before the first packet: more than 0 where a stream was cut out of a longer one.
    fn first_position(&mut self, link: usize) -> Result<u64, OpusError> {
        self.enter(link)?;
        let mut length = 0;
        while let Some(packet) = self.packet()? {
            length += samples(&packet.data) as u64;
            if packet.last_in_page() {
                return Ok(packet.absgp_page().saturating_sub(length));
            }
        }
        Ok(0)
    }

    /// To the first packet with sound of a stream.
    fn enter(&mut self, link: usize) -> io::Result<()> {
        let Link { start, head, .. } = self.links[link];
        self.link = link;
        self.packets.seek_bytes(SeekFrom::Start(start))?;
        self.packets.delete_unread_packets();
        (self.at, self.filled, self.position) = (0, 0, 0);
        self.begin = head.pre_skip.into();
        self.decoder.reset_state().map_err(io::Error::other)?;
        self.decoder.set_gain(head.gain.into()).map_err(io::Error::other)?;
        // The two headers.
        for _ in 0..2 {
            self.packet()?;
        }
        Ok(())
    }

    /// The next packet of the stream; none at its end, or where the file was cut off.
    fn packet(&mut self) -> io::Result<Option<ogg::Packet>> {
        let serial = self.links[self.link].serial;
        loop {
            match self.packets.read_packet() {
                Ok(Some(packet)) if packet.stream_serial() == serial => return Ok(Some(packet)),
                // Where sound has come, the next stream begins; before, they begin side by side.
                Ok(Some(packet)) if packet.first_in_stream() && self.position > 0 => return Ok(None),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(OggReadError::ReadError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Decodes the next packet; false at the end.
    fn refill(&mut self) -> io::Result<bool> {
        loop {
            if self.refill_of_link()? {
                return Ok(true);
            }
            if self.link + 1 == self.links.len() {
                return Ok(false);
            }
            self.enter(self.link + 1)?;
        }
    }

    /// Decodes the next packet of the stream; false at its end.
    fn refill_of_link(&mut self) -> io::Result<bool> {
        let end = self.links[self.link].end;
        while self.position < end {
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
            (self.at, self.filled) = (place(self.begin), place(end));
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
        let known = self.links.iter().all(|link| link.end < u64::MAX);
        known.then(|| self.links.iter().map(Link::len).fold(0, u64::saturating_add))
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

    /// Goes through the packets from the beginning of a stream without decoding them: what a page says of its position may
    /// be wrong, what a packet says of its length cannot be.
    fn seek(&mut self, sample: u64) -> io::Result<()> {
        let (mut link, mut rest) = (0, sample);
        while link + 1 < self.links.len() && rest >= self.links[link].len() {
            rest -= self.links[link].len();
            link += 1;
        }
        self.enter(link)?;
        self.begin = self.begin.saturating_add(rest).min(self.links[link].end);
        Ok(())
    }
}

fn broken(error: OggReadError) -> io::Error {
    match error {
        OggReadError::ReadError(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

/// The first stream of Opus: its serial number and head. In a chain it is among those that begin side by side.
fn read_head<R: Read + Seek>(packets: &mut PacketReader<R>, chained: bool) -> Result<(u32, Head), OpusError> {
    for _ in 0..MOST_BEFORE {
        match packets.read_packet() {
            Ok(Some(packet)) if chained && !packet.first_in_stream() => break,
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
