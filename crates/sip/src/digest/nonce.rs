//! Nonces that need no table: the time of issue and fresh bits, sealed with a keyed hash together with the address they
//! were sent to (RFC 7616 section 3.3 suggests as much; the seal is HMAC-SHA-256 of RFC 2104).

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::hex;
use crate::ids::Ids;
use crate::time::Time;

/// Bytes under the seal: four of time, eight of fresh bits.
const SEALED: usize = 12;
/// Bytes of the seal that are printed.
const SEAL: usize = 12;
/// Characters of a nonce as printed.
pub(super) const NONCE_LEN: usize = 2 * (SEALED + SEAL);

/// A nonce of ours, its seal found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    /// When it was issued, in seconds of [`Time`].
    pub(super) issued: u32,
    /// Its fresh bits, which name it.
    pub(super) id: u64,
}

/// HMAC-SHA-256 with the key already worked in, so that a short message costs two blocks.
#[derive(Clone)]
pub(super) struct Sealer {
    inner: Sha256,
    outer: Sha256,
}

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut inner_pad = [0x36; 64];
        let mut outer_pad = [0x5c; 64];
        for (at, byte) in key.iter().enumerate() {
            inner_pad[at] ^= byte;
            outer_pad[at] ^= byte;
        }
        Self { inner: Sha256::new_with_prefix(inner_pad), outer: Sha256::new_with_prefix(outer_pad) }
    }

    fn seal(&self, message: &[u8], source: &[u8]) -> [u8; 32] {
        let inner = self.inner.clone().chain_update(message).chain_update(source).finalize();
        self.outer.clone().chain_update(inner).finalize().into()
    }

    fn seal_for(&self, message: &[u8], source: IpAddr) -> [u8; 32] {
        match source.to_canonical() {
            IpAddr::V4(ip) => self.seal(message, &ip.octets()),
            IpAddr::V6(ip) => self.seal(message, &ip.octets()),
        }
    }

    /// A fresh nonce for who is at an address, as printed.
    pub(super) fn mint(&self, source: IpAddr, ids: &mut dyn Ids, now: Time) -> [u8; NONCE_LEN] {
        self.print(Nonce { issued: clock(now), id: ids.next_u64() }, source)
    }

    fn print(&self, nonce: Nonce, source: IpAddr) -> [u8; NONCE_LEN] {
        let mut bytes = [0; SEALED + SEAL];
        bytes[..4].copy_from_slice(&nonce.issued.to_be_bytes());
        bytes[4..SEALED].copy_from_slice(&nonce.id.to_be_bytes());
        let seal = self.seal_for(&bytes[..SEALED], source);
        bytes[SEALED..].copy_from_slice(&seal[..SEAL]);
        let mut text = [0; NONCE_LEN];
        hex::encode(&bytes, &mut text);
        text
    }

    /// Reads a nonce that came from an address; `None` if it is not one this sealer made for it.
    pub(super) fn open(&self, text: &str, source: IpAddr) -> Option<Nonce> {
        let bytes: [u8; SEALED + SEAL] = hex::decode(text)?;
        let seal = self.seal_for(&bytes[..SEALED], source);
        if !bool::from(seal[..SEAL].ct_eq(&bytes[SEALED..])) {
            return None;
        }
        let (issued, id) = bytes[..SEALED].split_at(4);
        Some(Nonce { issued: u32::from_be_bytes(issued.try_into().ok()?), id: u64::from_be_bytes(id.try_into().ok()?) })
    }
}

/// Seconds of the monotonic clock as a nonce keeps them (136 years).
pub(super) fn clock(now: Time) -> u32 {
    u32::try_from(now.seconds()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededIds;

    /// RFC 4231 test case 1, its 20-byte key padded as HMAC pads it.
    #[test]
    fn seals_as_hmac_sha256() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let mut text = [0; 64];
        hex::encode(&Sealer::new(&key).seal(b"Hi ", b"There"), &mut text);
        assert_eq!(&text[..], b"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn opens_its_own_nonces_only() {
        let sealer = Sealer::new(&[7; 32]);
        let source = "192.0.2.1".parse().unwrap();
        let text = sealer.mint(source, &mut SeededIds::new(1), Time(42_000_000));
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(sealer.open(text, source).unwrap().issued, 42);
        assert_eq!(sealer.open(text, "::ffff:192.0.2.1".parse().unwrap()).unwrap().issued, 42);
        assert_eq!(sealer.open(text, "192.0.2.2".parse().unwrap()), None);
        assert_eq!(Sealer::new(&[8; 32]).open(text, source), None);
        for at in 0..NONCE_LEN {
            let mut forged = text.as_bytes().to_vec();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(sealer.open(std::str::from_utf8(&forged).unwrap(), source), None);
        }
        assert_eq!(sealer.open("", source), None);
        assert_eq!(sealer.open(&"é".repeat(NONCE_LEN / 2), source), None);
    }
}
