//! Decrypting what comes.

use super::cipher::{Cipher, Place};
use super::index::Window;
use super::streams::Streams;
use super::{ENCRYPTED, Keys, RTCP_HEADER, SrtpError, rtcp_ssrc, rtp_header, word};

/// One direction of a session, at the side that receives.
pub struct Receive {
    keys: Keys,
    rtp: Cipher,
    rtcp: Cipher,
    streams: Streams<Window>,
    reports: Streams<Window>,
}

impl Receive {
    /// A direction in which nothing has come.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        let (rtp, rtcp) = (Cipher::rtp(&keys), Cipher::rtcp(&keys));
        Self { keys, rtp, rtcp, streams: Streams::default(), reports: Streams::default() }
    }

    /// What it decrypts with.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Decrypts an SRTP packet; gives the length of the RTP packet at its beginning.
    ///
    /// # Errors
    /// If it is no such packet, not authentic, or has come before. Nothing is changed then but the packet.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let (header, sequence, ssrc) = rtp_header(packet)?;
        let (len, tag, _) = self.split(&self.rtp, packet, header, 0)?;
        let mut window = self.streams.of(ssrc);
        let index = window.estimate(sequence).ok_or(SrtpError::Exhausted)?;
        if !window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let place = Place { ssrc, index, word: ((index >> 16) as u32).to_be_bytes() };
        let (data, rest) = packet.split_at_mut(len);
        self.rtp.open(place, data, header, &rest[tag..tag + self.rtp.tag_len()])?;
        window.take(index);
        self.streams.keep(ssrc, window);
        Ok(len)
    }

    /// Decrypts an SRTCP packet; gives the length of the RTCP at its beginning.
    ///
    /// # Errors
    /// If it is no such packet, not encrypted, not authentic, or has come before. Nothing is changed then but the packet.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = rtcp_ssrc(packet)?;
        let (len, tag, at) = self.split(&self.rtcp, packet, RTCP_HEADER, 4)?;
        let said = word(packet, len + at).ok_or(SrtpError::Malformed)?;
        // Encryption was agreed to: UNENCRYPTED_SRTCP never is.
        if said & ENCRYPTED == 0 {
            return Err(SrtpError::NotAuthentic);
        }
        let index = u64::from(said & !ENCRYPTED);
        let mut window = self.reports.of(ssrc);
        if !window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let place = Place { ssrc, index, word: said.to_be_bytes() };
        let (data, rest) = packet.split_at_mut(len);
        self.rtcp.open(place, data, RTCP_HEADER, &rest[tag..tag + self.rtcp.tag_len()])?;
        window.take(index);
        self.reports.keep(ssrc, window);
        Ok(len)
    }

    /// Where header and body end, and behind that where tag and word begin, `word_len` octets long.
    fn split(
        &self,
        cipher: &Cipher,
        packet: &[u8],
        header: usize,
        word_len: usize,
    ) -> Result<(usize, usize, usize), SrtpError> {
        let tag_len = cipher.tag_len();
        let (mki, octets) = self.keys.mki().unwrap_or_default();
        let mki_len = usize::from(octets);
        let trail = tag_len + word_len + mki_len;
        let len = packet.len().checked_sub(trail).filter(|len| *len >= header).ok_or(SrtpError::Malformed)?;
        let (tag, word, named) =
            if cipher.is_aead() { (0, tag_len, tag_len + word_len) } else { (word_len + mki_len, 0, word_len) };
        if packet[len + named..len + named + mki_len] != mki.to_be_bytes()[4 - mki_len..] {
            return Err(SrtpError::Mki);
        }
        Ok((len, tag, word))
    }
}

impl std::fmt::Debug for Receive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receive").field("keys", &self.keys).finish_non_exhaustive()
    }
}
