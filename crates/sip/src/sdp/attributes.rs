//! The attributes a voice call needs, read from and printed to their values.

use std::fmt::{Display, Formatter};

/// Which way media flows, seen from whoever says it (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways; what silence means.
    #[default]
    SendRecv,
    /// I send.
    SendOnly,
    /// I receive.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// All four.
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The direction an attribute names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }

    /// The attribute's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction of whoever sends and receives as said.
    #[must_use]
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether who says it sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who says it receives.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::of(self.receives(), self.sends())
    }

    /// What is left when both sides limit it: the answer of one who wants `self` to an offer (RFC 3264
    /// 6.1).
    #[must_use]
    pub fn answering(self, offer: Self) -> Self {
        Self::of(self.sends() && offer.receives(), self.receives() && offer.sends())
    }
}

/// `a=rtpmap:101 telephone-event/8000` (RFC 8866 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// The payload type.
    pub payload: u8,
    /// The encoding's name; compare with `eq_ignore_ascii_case`.
    pub encoding: String,
    /// Ticks of the RTP clock in a second.
    pub clock_rate: u32,
    /// Channels of audio, if said.
    pub channels: Option<u8>,
}

impl RtpMap {
    /// Reads the value of the attribute; `None` if it cannot be read.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (payload, rest) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        let mut parts = rest.trim().split('/');
        let encoding = parts.next().filter(|e| !e.is_empty())?.to_owned();
        let clock_rate = parts.next()?.trim().parse().ok()?;
        let channels = parts.next().and_then(|c| c.trim().parse().ok());
        Some(Self { payload: payload.parse().ok().filter(|p| *p < 128)?, encoding, clock_rate, channels })
    }

    /// Whether this is that encoding at that rate, on one channel unless said otherwise.
    #[must_use]
    pub fn is(&self, encoding: &str, clock_rate: u32) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding) && self.clock_rate == clock_rate
    }
}

impl Display for RtpMap {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.payload, self.encoding, self.clock_rate)?;
        self.channels.iter().try_for_each(|channels| write!(f, "/{channels}"))
    }
}

/// The mapping of a payload type that needs no `rtpmap` (RFC 3551 section 6).
#[must_use]
pub fn static_payload(payload: u8) -> Option<RtpMap> {
    let (encoding, clock_rate, channels) = match payload {
        0 => ("PCMU", 8_000, 1),
        3 => ("GSM", 8_000, 1),
        4 => ("G723", 8_000, 1),
        5 => ("DVI4", 8_000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8_000, 1),
        8 => ("PCMA", 8_000, 1),
        9 => ("G722", 8_000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8_000, 1),
        13 => ("CN", 8_000, 1),
        14 => ("MPA", 90_000, 1),
        15 => ("G728", 8_000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8_000, 1),
        26 => ("JPEG", 90_000, 1),
        31 => ("H261", 90_000, 1),
        32 => ("MPV", 90_000, 1),
        34 => ("H263", 90_000, 1),
        _ => return None,
    };
    let channels = (channels > 1).then_some(channels);
    Some(RtpMap { payload, encoding: encoding.to_owned(), clock_rate, channels })
}

/// `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:...` (RFC 4568 section 9.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Which of several.
    pub tag: u32,
    /// `AES_CM_128_HMAC_SHA1_80` ...
    pub suite: String,
    /// `inline:` with the key, several parted by semicolons. A secret.
    pub keys: String,
    /// Session parameters such as `UNENCRYPTED_SRTCP`.
    pub session: Vec<String>,
}

impl Crypto {
    /// Reads the value of the attribute; `None` if it cannot be read.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let suite = words.next()?.to_owned();
        let keys = words.next()?.to_owned();
        Some(Self { tag, suite, keys, session: words.map(str::to_owned).collect() })
    }

    /// The key and salt of the first `inline` key, in base64.
    #[must_use]
    pub fn inline_key(&self) -> Option<&str> {
        self.keys.split(';').find_map(|key| key.strip_prefix("inline:")).and_then(|key| key.split('|').next())
    }
}

impl Display for Crypto {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.tag, self.suite, self.keys)?;
        self.session.iter().try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

/// The keys are left out.
impl std::fmt::Debug for Crypto {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).field("suite", &self.suite).finish_non_exhaustive()
    }
}
