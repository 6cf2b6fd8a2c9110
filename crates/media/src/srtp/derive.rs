//! Session keys from master keys (RFC 3711 4.3, RFC 6188 3, RFC 7714 11), at the key derivation rate of zero.

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;

use super::Keys;

/// What a session key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    RtpCipher = 0,
    RtpTag = 1,
    RtpSalt = 2,
    RtcpCipher = 3,
    RtcpTag = 4,
    RtcpSalt = 5,
}

/// AES with either length of key.
pub(super) enum Aes {
    Short(Box<Aes128>),
    Long(Box<Aes256>),
}

impl Aes {
    /// AES with a key of 16 or 32 octets.
    pub(super) fn new(key: &[u8]) -> Self {
        match key.len() {
            16 => Self::Short(Box::new(Aes128::new_from_slice(key).expect("a key of 16 octets"))),
            _ => Self::Long(Box::new(Aes256::new_from_slice(key).expect("a key of 32 octets"))),
        }
    }

    /// Adds the keystream that begins with this counter block.
    pub(super) fn counter_mode(&self, block: &[u8; 16], data: &mut [u8]) {
        match self {
            Self::Short(aes) => {
                let core = CtrCore::<&Aes128, Ctr128BE>::inner_iv_init(aes, block.into());
                StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
            }
            Self::Long(aes) => {
                let core = CtrCore::<&Aes256, Ctr128BE>::inner_iv_init(aes, block.into());
                StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
            }
        }
    }
}

/// Fills `out` with the session key for a use.
pub(super) fn derive(keys: &Keys, label: Label, out: &mut [u8]) {
    // The salt of 14 octets, a shorter one padded with zeros, and the counter of the keystream behind it.
    let mut block = [0; 16];
    block[..keys.salt().len()].copy_from_slice(keys.salt());
    block[7] ^= label as u8;
    out.fill(0);
    Aes::new(keys.key()).counter_mode(&block, out);
}
