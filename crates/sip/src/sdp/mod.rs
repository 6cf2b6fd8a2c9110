//! Session descriptions (RFC 8866) as a model that can be read, changed and printed.
//!
//! Reading is tolerant of what is met in the field: bare LF, blank lines, white space at the end of a
//! line, NULs at the end of the body, a missing `o=`, `s=` or `t=`, lines in another order than the
//! RFC's, a `c=` with a TTL. Lines of unknown letters are kept and printed at the end of their section,
//! although section 5 of the RFC would have the whole description refused. Attributes, formats and media
//! keep their order, so that what is passed on says what was said.
//!
//! Nothing is interpreted before it is asked for: see [`Media::rtp_maps`], [`Media::direction`],
//! [`Media::rtp_address`] and their kin.

mod attributes;
mod media;
mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use attributes::{Crypto, Direction, RtpMap, static_payload};

use crate::uri::parse_ip;

/// Sizes and counts above which a description is refused rather than read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdpLimits {
    /// Bytes in all.
    pub bytes: usize,
    /// Lines.
    pub lines: usize,
    /// Bytes of a line.
    pub line: usize,
    /// Media descriptions.
    pub media: usize,
    /// Formats of a media description.
    pub formats: usize,
}

impl Default for SdpLimits {
    fn default() -> Self {
        Self { bytes: 65_535, lines: 2_000, line: 8_192, media: 64, formats: 128 }
    }
}

/// What is wrong with a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpErrorKind {
    /// It exceeds this one of [`SdpLimits`].
    TooLarge(&'static str),
    /// It does not begin with `v=0`.
    Version,
    /// A line is not `letter=value`.
    Line,
    /// The value of a line of this letter cannot be read.
    Value(char),
}

/// A description that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdpError {
    /// What is wrong.
    pub kind: SdpErrorKind,
    /// In which line, counted from 1.
    pub line: usize,
}

impl std::fmt::Display for SdpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad session description, line {}: ", self.line)?;
        match self.kind {
            SdpErrorKind::TooLarge(what) => write!(f, "too many {what}"),
            SdpErrorKind::Version => f.write_str("does not begin with v=0"),
            SdpErrorKind::Line => f.write_str("not a letter, an equal sign and a value"),
            SdpErrorKind::Value(letter) => write!(f, "the value of {letter}= cannot be read"),
        }
    }
}

impl std::error::Error for SdpError {}

/// A session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// `o=`.
    pub origin: Origin,
    /// `s=`; `-` where there is none.
    pub name: SessionName,
    /// `i=`.
    pub info: Option<String>,
    /// `u=`.
    pub uri: Option<String>,
    /// `e=`, one a line.
    pub emails: Vec<String>,
    /// `p=`, one a line.
    pub phones: Vec<String>,
    /// `c=` for all media without their own.
    pub connection: Option<Connection>,
    /// `b=`.
    pub bandwidths: Vec<Bandwidth>,
    /// `t=` with the `r=` that follow it. Printed as `t=0 0` where there is none.
    pub times: Vec<Timing>,
    /// `z=`.
    pub zones: Option<String>,
    /// `k=`, obsolete.
    pub key: Option<String>,
    /// `a=` before the first `m=`.
    pub attributes: Vec<Attribute>,
    /// Lines of other letters before the first `m=`.
    pub unknown: Vec<UnknownLine>,
    /// `m=` and what belongs to it.
    pub media: Vec<Media>,
}

/// The name of a session; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

impl SessionName {
    /// A name; an empty one becomes `-` (RFC 8866 5.3).
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = name.trim_ascii_end();
        Self(if name.is_empty() { "-".to_owned() } else { name.to_owned() })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SessionName {
    fn default() -> Self {
        Self::new("")
    }
}

/// Who made a session, and which version of it this is (RFC 8866 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The user, or `-`.
    pub username: String,
    /// The session's number, as written: some are longer than 64 bits.
    pub session_id: String,
    /// The version's number, as written.
    pub version: String,
    /// The address of who made it.
    pub connection: Connection,
}

impl Default for Origin {
    fn default() -> Self {
        let connection = Connection::of(IpAddr::from([0, 0, 0, 0]));
        Self { username: "-".into(), session_id: "0".into(), version: "0".into(), connection }
    }
}

impl Origin {
    /// Counts the version up by one, as each changed offer or answer must (RFC 3264 section 5). A version
    /// that is no number starts again at 1.
    pub fn bump(&mut self) {
        self.version = self.version.parse::<u64>().unwrap_or(0).wrapping_add(1).to_string();
    }
}

/// A network and an address in it: `IN IP4 192.0.2.1` (RFC 8866 5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `IN`.
    pub net_type: String,
    /// `IP4` or `IP6`.
    pub addr_type: String,
    /// The address or host name, with the TTL and count of a multicast address.
    pub address: String,
}

impl Connection {
    /// The connection of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        let addr_type = if ip.is_ipv4() { "IP4" } else { "IP6" };
        Self { net_type: "IN".into(), addr_type: addr_type.into(), address: ip.to_string() }
    }

    /// The address; `None` for a host name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        parse_ip(self.address.split('/').next().unwrap_or(""))
    }

    /// Whether this is `0.0.0.0` or `::`: send me nothing (RFC 3264 section 8.4, as in RFC 2543).
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }
}

/// `b=AS:64` (RFC 8866 5.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// `AS`, `CT`, `TIAS`, `RS` ...
    pub kind: String,
    /// In kilobits a second, of `TIAS`, `RS` and `RR` in bits a second.
    pub value: u64,
}

/// `t=` and its `r=` lines (RFC 8866 5.9, 5.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Start, 0 for none, in seconds since 1900.
    pub start: u64,
    /// Stop, 0 for none.
    pub stop: u64,
    /// The values of `r=` as written.
    pub repeats: Vec<String>,
}

/// `a=name` or `a=name:value` (RFC 8866 5.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name; case matters.
    pub name: String,
    /// What follows the colon.
    pub value: Option<String>,
}

impl Attribute {
    /// `a=name`.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self { name: name.to_owned(), value: None }
    }

    /// `a=name:value`.
    #[must_use]
    pub fn new(name: &str, value: impl std::fmt::Display) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_string()) }
    }
}

/// A line of a letter RFC 8866 does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLine {
    /// The letter.
    pub letter: char,
    /// The value.
    pub value: String,
}

/// `m=` and the lines that belong to it (RFC 8866 5.14).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image`, `message` ...
    pub kind: String,
    /// The port; 0 refuses or ends the stream (RFC 3264 section 6).
    pub port: u16,
    /// The number of ports after the slash, if given.
    pub port_count: Option<u16>,
    /// `RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF`, `udptl` ...
    pub protocol: String,
    /// The formats in order of preference: payload types for RTP.
    pub formats: Vec<String>,
    /// `i=`.
    pub info: Option<String>,
    /// `c=`; more than one for multicast only.
    pub connections: Vec<Connection>,
    /// `b=`.
    pub bandwidths: Vec<Bandwidth>,
    /// `k=`, obsolete.
    pub key: Option<String>,
    /// `a=` in order.
    pub attributes: Vec<Attribute>,
    /// Lines of other letters.
    pub unknown: Vec<UnknownLine>,
}
