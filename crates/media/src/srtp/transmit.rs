//! Encrypting what is sent.

use super::cipher::{Cipher, Place};
use super::index::Window;
use super::streams::Streams;
use super::{ENCRYPTED, Keys, ROOM, RTCP_HEADER, SrtpError, rtcp_ssrc, rtp_header};

/// One direction of a session, at the side that sends. It never encrypts two packets of one index: a key that stays
/// must stay with it.
pub struct Transmit {
    keys: Keys,
    rtp: Cipher,
    rtcp: Cipher,
    streams: Streams<Window>,
    /// The next index of RTCP, the same for all streams.
    report: u32,
}

impl Transmit {
    /// A direction that has sent nothing.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        let (rtp, rtcp) = (Cipher::rtp(&keys), Cipher::rtcp(&keys));
        Self { keys, rtp, rtcp, streams: Streams::default(), report: 0 }
    }

    /// What it encrypts with.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Encrypts the RTP packet in the first `len` octets; gives its new length.
    ///
    /// # Errors
    /// If it is no RTP packet, there are fewer than [`ROOM`] octets behind it, its number was sent before, or the key is
    /// used up.
    pub fn protect(&mut self, packet: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let (data, room) = split(packet, len)?;
        let (header, sequence, ssrc) = rtp_header(data)?;
        // To forget a stream would be to begin its index anew.
        if self.streams.is_full_for(ssrc) {
            return Err(SrtpError::Streams);
        }
        let mut window = self.streams.of(ssrc);
        let index = window.estimate(sequence).ok_or(SrtpError::Exhausted)?;
        if !window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let place = Place { ssrc, index, word: ((index >> 16) as u32).to_be_bytes() };
        let tag = self.rtp.seal(place, data, header)?;
        window.take(index);
        self.streams.keep(ssrc, window);
        Ok(len + self.trail(&self.rtp, room, &tag, &[]))
    }

    /// Encrypts the compound of RTCP in the first `len` octets; gives its new length.
    ///
    /// # Errors
    /// If it is no RTCP, there are fewer than [`ROOM`] octets behind it, or the key is used up.
    pub fn protect_rtcp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let (data, room) = split(packet, len)?;
        let ssrc = rtcp_ssrc(data)?;
        if self.report >= ENCRYPTED {
            return Err(SrtpError::Exhausted);
        }
        let word = (ENCRYPTED | self.report).to_be_bytes();
        let place = Place { ssrc, index: u64::from(self.report), word };
        let tag = self.rtcp.seal(place, data, RTCP_HEADER)?;
        self.report += 1;
        Ok(len + self.trail(&self.rtcp, room, &tag, &word))
    }

    /// Writes what follows the body: the tag before word and key identifier with GCM, else behind them.
    fn trail(&self, cipher: &Cipher, room: &mut [u8], tag: &[u8], word: &[u8]) -> usize {
        let tag = &tag[..cipher.tag_len()];
        let (mki, octets) = self.keys.mki().unwrap_or_default();
        let mki = &mki.to_be_bytes()[4 - usize::from(octets)..];
        let parts = if cipher.is_aead() { [tag, word, mki] } else { [word, mki, tag] };
        let mut at = 0;
        for part in parts {
            room[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        at
    }
}

impl std::fmt::Debug for Transmit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transmit").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// A packet and the room behind it.
fn split(packet: &mut [u8], len: usize) -> Result<(&mut [u8], &mut [u8]), SrtpError> {
    let (data, room) = packet.split_at_mut_checked(len).ok_or(SrtpError::NoRoom)?;
    if room.len() < ROOM { Err(SrtpError::NoRoom) } else { Ok((data, room)) }
}
