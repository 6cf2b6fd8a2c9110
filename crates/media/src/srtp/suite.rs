//! Crypto suites and their keys.

use std::fmt::{Debug, Formatter};

/// A crypto suite: a cipher, its key and how packets are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// RFC 4568 6.2.1, which all must speak.
    AesCm128HmacSha1_80,
    /// RFC 4568 6.2.2: RTP with a tag of four octets, RTCP with ten.
    AesCm128HmacSha1_32,
    /// RFC 6188.
    AesCm256HmacSha1_80,
    /// RFC 6188.
    AesCm256HmacSha1_32,
    /// RFC 7714.
    AeadAes128Gcm,
    /// RFC 7714.
    AeadAes256Gcm,
}

impl Suite {
    /// All, in the order we prefer them.
    pub const ALL: [Self; 6] = [
        Self::AeadAes256Gcm,
        Self::AeadAes128Gcm,
        Self::AesCm256HmacSha1_80,
        Self::AesCm128HmacSha1_80,
        Self::AesCm256HmacSha1_32,
        Self::AesCm128HmacSha1_32,
    ];

    /// Its name in `a=crypto`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of a name. Of AES with 256 bits the name that follows RFC 4568's pattern is met in the field as
    /// often as RFC 6188's.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = match name {
            "AES_CM_256_HMAC_SHA1_80" => "AES_256_CM_HMAC_SHA1_80",
            "AES_CM_256_HMAC_SHA1_32" => "AES_256_CM_HMAC_SHA1_32",
            name => name,
        };
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Octets of the master key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256HmacSha1_80 | Self::AesCm256HmacSha1_32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of the master salt.
    #[must_use]
    pub fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Whether one operation encrypts and authenticates (RFC 7714).
    #[must_use]
    pub fn is_aead(self) -> bool {
        matches!(self, Self::AeadAes128Gcm | Self::AeadAes256Gcm)
    }

    /// Octets by which authentication lengthens a packet of RTP.
    #[must_use]
    pub fn rtp_tag_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm256HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 | Self::AesCm256HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Octets by which authentication lengthens a packet of RTCP: never a short tag (RFC 3711 7.5, RFC 4568 6.2.2).
    #[must_use]
    pub fn rtcp_tag_len(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }
}

/// What one side encrypts with: master key and salt of a suite. Shown without them.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    suite: Suite,
    material: [u8; Self::MAX],
    mki: Option<(u32, u8)>,
}

impl Keys {
    /// Octets of the longest key and salt together.
    const MAX: usize = 46;
    /// Octets of the longest key identifier taken.
    pub const MAX_MKI: u8 = 4;

    /// Keys of key and salt, one after the other; `None` if the length is not the suite's.
    #[must_use]
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Option<Self> {
        let mut material = [0; Self::MAX];
        let len = suite.key_len() + suite.salt_len();
        (key_and_salt.len() == len).then(|| material[..len].copy_from_slice(key_and_salt))?;
        Some(Self { suite, material, mki: None })
    }

    /// Fresh keys. `random` fills with what nobody can guess.
    pub fn generate(suite: Suite, random: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut material = [0; Self::MAX];
        random(&mut material[..suite.key_len() + suite.salt_len()]);
        Self { suite, material, mki: None }
    }

    /// The same keys, named in each packet by a master key identifier of so many octets, [`Self::MAX_MKI`] at most
    /// (RFC 3711 3.1).
    #[must_use]
    pub fn with_mki(self, value: u32, octets: u8) -> Self {
        Self { mki: Some((value, octets.min(Self::MAX_MKI))), ..self }
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The master key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.material[..self.suite.key_len()]
    }

    /// The master salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.key_and_salt()[self.suite.key_len()..]
    }

    /// Both, as they go into `inline:`.
    #[must_use]
    pub fn key_and_salt(&self) -> &[u8] {
        &self.material[..self.suite.key_len() + self.suite.salt_len()]
    }

    /// The master key identifier and its octets, if packets have one.
    #[must_use]
    pub fn mki(&self) -> Option<(u32, u8)> {
        self.mki
    }
}

impl Debug for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("suite", &self.suite).field("mki", &self.mki).finish_non_exhaustive()
    }
}
