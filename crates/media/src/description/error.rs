//! Why a description leads to no media.

use std::fmt::{Display, Formatter};
use std::net::IpAddr;

use cordboard_sip::sdp::SdpError;

/// A description that leads to no media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptionError {
    /// It cannot be read.
    Unreadable(SdpError),
    /// A live stream without `c=` (RFC 8866 5.7).
    NoConnection,
    /// An answer to streams other than those offered.
    NotTheStreams {
        /// How many were offered.
        offered: usize,
        /// How many are answered.
        answered: usize,
    },
    /// An address given by name.
    HostName(String),
    /// An address of the family this leg has not.
    Family(IpAddr),
    /// A multicast address.
    Multicast(IpAddr),
    /// Streams, none of them speech.
    NoSpeech,
    /// A transport other than those of RTP by SDES, such as `UDP/TLS/RTP/SAVP`.
    Transport(String),
    /// No codec both sides know.
    NoCodec,
    /// SRTP is asked for and not allowed here.
    SrtpOff,
    /// SRTP is required here and not spoken there.
    SrtpRequired,
    /// No crypto suite both sides know, or its key or parameters cannot be used.
    NoSuite,
    /// The answer refuses the stream.
    Refused,
}

impl DescriptionError {
    /// The SIP status to refuse an offer with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Unreadable(_) | Self::NoConnection | Self::NotTheStreams { .. } => 400,
            _ => 488,
        }
    }
}

impl From<SdpError> for DescriptionError {
    fn from(error: SdpError) -> Self {
        Self::Unreadable(error)
    }
}

impl Display for DescriptionError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::NoConnection => f.write_str("a stream has no address (c=)"),
            Self::NotTheStreams { offered, answered } => {
                write!(f, "{offered} streams were offered and {answered} answered")
            }
            Self::HostName(name) => write!(f, "the address {name} is a name"),
            Self::Family(ip) => write!(f, "the address {ip} is of another family than ours"),
            Self::Multicast(ip) => write!(f, "the address {ip} is a multicast one"),
            Self::NoSpeech => f.write_str("no stream is speech"),
            Self::Transport(name) => write!(f, "the transport {name} is not spoken"),
            Self::NoCodec => f.write_str("no codec is known to both sides"),
            Self::SrtpOff => f.write_str("SRTP is off"),
            Self::SrtpRequired => f.write_str("SRTP is required"),
            Self::NoSuite => f.write_str("no crypto suite is known to both sides, or its key or parameters are not"),
            Self::Refused => f.write_str("the answer refuses the stream"),
        }
    }
}

impl std::error::Error for DescriptionError {}
