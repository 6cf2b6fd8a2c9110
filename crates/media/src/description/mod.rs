//! What a session description means for one stream of speech: offer and answer (RFC 3264) between what a peer can
//! do and what we can.
//!
//! Three pure functions: [`offer`] makes an offer, [`answer`] answers one, [`accept`] takes the answer to ours. Each
//! gives what was said, [`Said`], which the next one of the same leg is handed: it keeps the session's number,
//! the streams' places, payload types and keys (RFC 3264 8). What came of it is [`Agreed`].
//!
//! - One stream of speech is taken, all others are refused with port 0. Where the same speech is offered twice, with
//!   SRTP and without, the stream with SRTP is taken if we may.
//! - Codecs go by the offerer's order; the answer lists all both know, since phones change between them at will.
//! - `telephone-event` and `CN` are agreed to at the clock rates of the codecs agreed to (RFC 4733 2.1, RFC 3389 4).
//! - SRTP's keys are those of SDES (RFC 4568). `RTP/AVP` with `a=crypto` is SRTP if the answer has a key too, as
//!   phones mean it that prefer SRTP and do not insist. A stream with DTLS keys (`UDP/TLS/RTP/SAVP`) is refused.

mod accept;
mod answer;
mod crypto;
mod error;
mod formats;
mod offer;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use cordboard_sip::sdp::{Direction, Media, SdpLimits, Session};

use crate::codec::Codec;
use crate::srtp::{Keys, Suite};
pub use accept::accept;
pub use answer::{Answered, answer, family};
pub use error::DescriptionError;
pub use offer::offer;

/// Shortest packet sent, milliseconds.
pub const MIN_PTIME: u32 = 10;
/// Longest packet sent, milliseconds.
pub const MAX_PTIME: u32 = 60;

/// How SRTP is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SrtpPolicy {
    /// Never.
    Off,
    /// Taken when offered, offered to those who can.
    #[default]
    Optional,
    /// No speech without.
    Required,
}

/// What we can do, the same for all legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Codecs in the order offered.
    pub codecs: Vec<Codec>,
    /// Whether key presses go as `telephone-event`.
    pub telephone_event: bool,
    /// Whether silence goes as comfort noise.
    pub comfort_noise: bool,
    /// Milliseconds of speech in a packet, where the peer does not mind.
    pub ptime_ms: u32,
    /// How SRTP is meant.
    pub srtp: SrtpPolicy,
    /// Crypto suites in the order offered.
    pub suites: Vec<Suite>,
    /// Whether RTCP may come to RTP's port (RFC 5761).
    pub rtcp_mux: bool,
}

/// This leg's own part of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where it receives.
    pub address: IpAddr,
    /// RTP's port; RTCP's is the next, unless both are one.
    pub port: u16,
    /// The number of a session that is new.
    pub session_id: u64,
    /// What it wants, apart from what the peer allows.
    pub direction: Direction,
}

/// A payload type and the clock its timestamps count in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payload {
    /// The payload type.
    pub number: u8,
    /// Ticks a second.
    pub clock_rate: u32,
}

/// What offer and answer came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where RTP goes; `None` while the peer has no address (0.0.0.0).
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes.
    pub remote_rtcp: Option<SocketAddr>,
    /// The codec to send.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// What may come.
    pub receive: Vec<(u8, Codec)>,
    /// How key presses are sent: with the clock of `codec` if the peer has one.
    pub dtmf_send: Option<Payload>,
    /// As what key presses may come.
    pub dtmf_receive: Vec<Payload>,
    /// How comfort noise is sent.
    pub cn_send: Option<u8>,
    /// As what comfort noise may come.
    pub cn_receive: Vec<u8>,
    /// Milliseconds of speech in a packet sent.
    pub ptime_ms: u32,
    /// Whether we send.
    pub send: bool,
    /// Whether we are sent to.
    pub receive_on: bool,
    /// Whether RTCP and RTP share a port.
    pub rtcp_mux: bool,
    /// The keys if the stream is SRTP. Keys that stay the same go on with their counters: the same key must never
    /// start again from zero.
    pub srtp: Option<Secured>,
}

/// The keys of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured {
    /// With which we encrypt.
    pub local: Keys,
    /// With which the peer does.
    pub remote: Keys,
}

/// What we said last in a session, and what it binds us to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    session: Session,
    /// The place of the stream of speech; `None` when all streams are ended.
    active: Option<usize>,
    /// Payload types in use, ours and the peer's: none ever changes its meaning (RFC 3264 8.3.2).
    numbers: formats::Numbers,
    /// Our keys by the tag they were said under.
    keys: Vec<crypto::Line>,
    /// The one of them that encrypts.
    used: Option<Keys>,
}

impl Said {
    /// The description to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.session.to_bytes()
    }

    fn speech(&self) -> Option<&Media> {
        self.session.media.get(self.active?)
    }
}

fn parse(body: &[u8]) -> Result<Session, DescriptionError> {
    Ok(Session::parse(body, &SdpLimits::default())?)
}

/// The packet time for a peer that asks for one and can hold so much: whole tens from [`MIN_PTIME`] to [`MAX_PTIME`].
fn packet_time(media: &Media, ours: u32) -> u32 {
    let wanted = media.ptime().filter(|ms| *ms > 0).unwrap_or(ours);
    let most = media.maxptime().filter(|ms| *ms >= MIN_PTIME).unwrap_or(MAX_PTIME);
    wanted.min(most).clamp(MIN_PTIME, MAX_PTIME) / 10 * 10
}

/// Where the peer of a stream is, for RTP and RTCP: nowhere while it is held by 0.0.0.0.
fn places(
    media: &Media,
    session: &Session,
    mux: bool,
    ours: IpAddr,
) -> Result<(Option<SocketAddr>, Option<SocketAddr>), DescriptionError> {
    let connection = media.connection(session).ok_or(DescriptionError::NoConnection)?;
    let ip = connection.ip().ok_or_else(|| DescriptionError::HostName(connection.address.clone()))?;
    if ip.is_unspecified() {
        return Ok((None, None));
    }
    if ip.is_multicast() {
        return Err(DescriptionError::Multicast(ip));
    }
    if ip.is_ipv4() != ours.is_ipv4() {
        return Err(DescriptionError::Family(ip));
    }
    let rtp = media.rtp_address(session);
    let rtcp = if mux { rtp } else { media.own_rtcp_address(session) };
    // A port for RTCP of the other family, or none at all, is no place to send to.
    Ok((rtp, rtcp.filter(|place| place.port() != 0 && place.is_ipv4() == ours.is_ipv4())))
}
