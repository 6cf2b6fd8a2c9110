//! GRUUs: addresses that lead to one device of a DN (RFC 5627).
//!
//! A public GRUU is the address of record with the instance as `gr`: `sip:1501@host;gr=urn:uuid:...`. A temporary one
//! tells nobody whose it is: `sip:tgruu.TOKEN@host;gr`, where the token is the DN, the instance and the birth of its
//! registration, sealed with ChaCha20-Poly1305 under a fresh nonce. So nothing is stored for it, two of them cannot be
//! linked, and all of them end with the registration they were given for.

use std::fmt::Write;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use crate::ids::Ids;

/// What the user part of a temporary GRUU begins with.
pub(super) const PREFIX: &str = "tgruu.";
/// Longest token that is looked at.
const TOKEN: usize = 512;

/// Whom a temporary GRUU names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) dn: String,
    pub(super) instance: [u8; 8],
    pub(super) born: u32,
}

/// Makes temporary GRUUs and reads them.
#[derive(Debug)]
pub(super) struct Sealer {
    secret: [u8; 32],
    key: LessSafeKey,
}

impl Sealer {
    pub(super) fn new(secret: [u8; 32]) -> Option<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &secret).ok()?;
        Some(Self { secret, key: LessSafeKey::new(key) })
    }

    /// One with a fresh secret.
    pub(super) fn fresh(ids: &mut dyn Ids) -> Option<Self> {
        let mut secret = [0; 32];
        fill(ids, &mut secret);
        Self::new(secret)
    }

    /// What the journal keeps, so that GRUUs outlive a restart.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Appends a fresh token for a device of `dn`.
    pub(super) fn push_token(&self, out: &mut String, dn: &str, instance: &str, born: u32, ids: &mut dyn Ids) {
        let mut random = [0; 16];
        fill(ids, &mut random);
        let (nonce, _) = random.split_at(NONCE_LEN);
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&born.to_be_bytes());
        bytes.extend_from_slice(&name_of(instance));
        bytes.extend_from_slice(dn.as_bytes());
        let Ok(nonce) = Nonce::try_assume_unique_for_key(&bytes[..NONCE_LEN]) else { return };
        let Ok(seal) = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut bytes[NONCE_LEN..]) else {
            return;
        };
        bytes.extend_from_slice(seal.as_ref());
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
    }

    /// Reads the user part of a temporary GRUU; `None` if it is none of ours.
    pub(super) fn open(&self, user: &str) -> Option<Named> {
        let mut bytes = unhex(user.strip_prefix(PREFIX)?)?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let (born, rest) = plain.split_first_chunk::<4>()?;
        let (instance, dn) = rest.split_first_chunk::<8>()?;
        let dn = std::str::from_utf8(dn).ok()?.to_owned();
        Some(Named { dn, instance: *instance, born: u32::from_be_bytes(*born) })
    }
}

/// An instance in eight bytes.
pub(super) fn name_of(instance: &str) -> [u8; 8] {
    let hash = Sha256::digest(instance.as_bytes());
    let mut name = [0; 8];
    name.copy_from_slice(&hash[..8]);
    name
}

fn fill(ids: &mut dyn Ids, bytes: &mut [u8]) {
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&ids.next_u64().to_ne_bytes());
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > TOKEN || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededIds;

    fn token(sealer: &Sealer, ids: &mut SeededIds) -> String {
        let mut user = PREFIX.to_owned();
        sealer.push_token(&mut user, "1501", "<urn:uuid:a>", 77, ids);
        user
    }

    #[test]
    fn a_token_names_its_device_to_whoever_sealed_it() {
        let mut ids = SeededIds::new(1);
        let sealer = Sealer::fresh(&mut ids).unwrap();
        let user = token(&sealer, &mut ids);
        let named = Named { dn: "1501".into(), instance: name_of("<urn:uuid:a>"), born: 77 };
        assert_eq!(sealer.open(&user), Some(named));
        assert_eq!(Sealer::new(*sealer.secret()).unwrap().open(&user), sealer.open(&user));
        assert_eq!(Sealer::fresh(&mut ids).unwrap().open(&user), None);
    }

    #[test]
    fn two_tokens_of_one_device_have_nothing_in_common() {
        let mut ids = SeededIds::new(2);
        let sealer = Sealer::fresh(&mut ids).unwrap();
        let (one, other) = (token(&sealer, &mut ids), token(&sealer, &mut ids));
        let same = one.bytes().zip(other.bytes()).skip(PREFIX.len()).filter(|(a, b)| a == b).count();
        assert!(same < one.len() / 4, "{one} {other}");
        assert!(!one.contains("1501"));
    }

    #[test]
    fn a_token_with_any_digit_changed_is_none() {
        let mut ids = SeededIds::new(3);
        let sealer = Sealer::fresh(&mut ids).unwrap();
        let user = token(&sealer, &mut ids);
        for at in PREFIX.len()..user.len() {
            let mut forged = user.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(sealer.open(std::str::from_utf8(&forged).unwrap()), None);
        }
        for odd in ["", "tgruu.", "tgruu.0", "tgruu.zz", "tgruu.é0", &format!("tgruu.{}", "0".repeat(600))] {
            assert_eq!(sealer.open(odd), None);
        }
    }
}
