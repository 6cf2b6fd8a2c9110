//! One direction's cipher for RTP or for RTCP.
//!
//! Both kinds of packet are a header that stays readable, a body that is encrypted, and a word of four octets that
//! belongs to them: how often RTP's sequence number has rolled over, which is not sent, or RTCP's index, which is.

use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::derive::{Aes, Label, derive};
use super::{Keys, SrtpError};

/// Octets of the longest tag.
pub(super) const MAX_TAG: usize = 16;
/// Octets of the keys of HMAC-SHA1 (RFC 3711 5.2).
const AUTH_KEY: usize = 20;
/// Octets of the header of RTCP, and the word behind it, that GCM authenticates.
const RTCP_AAD: usize = 12;

/// A packet's own part of what it is encrypted with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    /// Of RTP 48 bits, of RTCP 31.
    pub(super) index: u64,
    /// The word that belongs to it.
    pub(super) word: [u8; 4],
}

impl Place {
    /// A salt with SSRC and index added so that they end before octet `end` (RFC 3711 4.1.1, RFC 7714 8.1).
    fn vector<const N: usize>(&self, salt: &[u8], end: usize) -> [u8; N] {
        let mut vector = [0; N];
        vector[..salt.len()].copy_from_slice(salt);
        let index = &self.index.to_be_bytes()[2..];
        for (octet, own) in vector[end - 10..end].iter_mut().zip(self.ssrc.to_be_bytes().iter().chain(index)) {
            *octet ^= own;
        }
        vector
    }

    fn block(&self, salt: &[u8; 14]) -> [u8; 16] {
        self.vector(salt, 14)
    }

    fn nonce(&self, salt: &[u8; 12]) -> Nonce {
        Nonce::assume_unique_for_key(self.vector(salt, 12))
    }
}

/// What packets are encrypted and authenticated with.
pub(super) enum Cipher {
    /// AES in counter mode, then HMAC-SHA1 (RFC 3711 4.1.1, 4.2.1).
    CounterMode { aes: Aes, salt: [u8; 14], hmac: Hmac<Sha1>, tag_len: usize },
    /// AES in Galois/counter mode (RFC 7714).
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12], rtcp: bool },
}

impl Cipher {
    pub(super) fn rtp(keys: &Keys) -> Self {
        Self::new(keys, [Label::RtpCipher, Label::RtpTag, Label::RtpSalt], keys.suite().rtp_tag_len())
    }

    pub(super) fn rtcp(keys: &Keys) -> Self {
        Self::new(keys, [Label::RtcpCipher, Label::RtcpTag, Label::RtcpSalt], keys.suite().rtcp_tag_len())
    }

    fn new(keys: &Keys, [cipher, tag, salted]: [Label; 3], tag_len: usize) -> Self {
        let mut room = [0; 32];
        let key = &mut room[..keys.suite().key_len()];
        derive(keys, cipher, key);
        if keys.suite().is_aead() {
            let mut salt = [0; 12];
            derive(keys, salted, &mut salt);
            return Self::gcm(key, salt, cipher == Label::RtcpCipher);
        }
        let (mut salt, mut auth) = ([0; 14], [0; AUTH_KEY]);
        derive(keys, salted, &mut salt);
        derive(keys, tag, &mut auth);
        let hmac = Hmac::new_from_slice(&auth).expect("HMAC takes keys of any length");
        Self::CounterMode { aes: Aes::new(key), salt, hmac, tag_len }
    }

    /// AES in Galois/counter mode with a session key of 16 or 32 octets.
    pub(super) fn gcm(key: &[u8], salt: [u8; 12], rtcp: bool) -> Self {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let key = UnboundKey::new(algorithm, key).expect("a key of the algorithm's length");
        Self::Gcm { key: Box::new(LessSafeKey::new(key)), salt, rtcp }
    }

    /// Octets of a tag.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::CounterMode { tag_len, .. } => *tag_len,
            Self::Gcm { .. } => MAX_TAG,
        }
    }

    /// Whether the tag stands directly behind the body, before anything else: it is part of GCM's ciphertext.
    pub(super) fn is_aead(&self) -> bool {
        matches!(self, Self::Gcm { .. })
    }

    /// Encrypts a packet behind its header, and gives the tag, of which the first [`Self::tag_len`] octets count.
    pub(super) fn seal(&self, place: Place, packet: &mut [u8], header: usize) -> Result<[u8; MAX_TAG], SrtpError> {
        match self {
            Self::CounterMode { aes, salt, hmac, .. } => {
                aes.counter_mode(&place.block(salt), &mut packet[header..]);
                Ok(tag(hmac, packet, place))
            }
            Self::Gcm { key, salt, rtcp } => {
                let (header, body) = packet.split_at_mut(header);
                let nonce = place.nonce(salt);
                let sealed = if *rtcp {
                    key.seal_in_place_separate_tag(nonce, Aad::from(rtcp_aad(header, place)), body)
                } else {
                    key.seal_in_place_separate_tag(nonce, Aad::from(&*header), body)
                };
                sealed.map_err(|_| SrtpError::Malformed)?.as_ref().try_into().map_err(|_| SrtpError::Malformed)
            }
        }
    }

    /// Decrypts a packet behind its header if the tag is right.
    pub(super) fn open(&self, place: Place, packet: &mut [u8], header: usize, sent: &[u8]) -> Result<(), SrtpError> {
        match self {
            Self::CounterMode { aes, salt, hmac, tag_len } => {
                let right = tag(hmac, packet, place);
                if !bool::from(right[..*tag_len].ct_eq(sent)) {
                    return Err(SrtpError::NotAuthentic);
                }
                aes.counter_mode(&place.block(salt), &mut packet[header..]);
                Ok(())
            }
            Self::Gcm { key, salt, rtcp } => {
                let (header, body) = packet.split_at_mut(header);
                let sent: [u8; MAX_TAG] = sent.try_into().map_err(|_| SrtpError::NotAuthentic)?;
                let nonce = place.nonce(salt);
                let opened = if *rtcp {
                    key.open_in_place_separate_tag(nonce, Aad::from(rtcp_aad(header, place)), sent.into(), body, 0..)
                } else {
                    key.open_in_place_separate_tag(nonce, Aad::from(&*header), sent.into(), body, 0..)
                };
                opened.map(|_| ()).map_err(|_| SrtpError::NotAuthentic)
            }
        }
    }
}

fn tag(hmac: &Hmac<Sha1>, packet: &[u8], place: Place) -> [u8; MAX_TAG] {
    let mut hmac = hmac.clone();
    hmac.update(packet);
    hmac.update(&place.word);
    let mut tag = [0; MAX_TAG];
    tag.copy_from_slice(&hmac.finalize().into_bytes()[..MAX_TAG]);
    tag
}

/// RFC 7714 9.2: the header, and the index with the bit that says that the body is encrypted.
fn rtcp_aad(header: &[u8], place: Place) -> [u8; RTCP_AAD] {
    let mut aad = [0; RTCP_AAD];
    aad[..header.len()].copy_from_slice(header);
    aad[header.len()..].copy_from_slice(&place.word);
    aad
}
