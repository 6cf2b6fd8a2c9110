//! The answer to an offer (RFC 3264 section 6).

use std::fmt::{Display, Formatter};

use crate::sdp::{Attribute, Connection, Direction, Media, Origin, RtpMap, Session};

/// Formats that accompany speech and are none by themselves.
const COMPANIONS: [&str; 4] = ["telephone-event", "CN", "red", "ulpfec"];

/// A codec we can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// `PCMA`, `opus`, `telephone-event` ...; compared without case.
    pub encoding: String,
    /// Ticks of the RTP clock in a second.
    pub clock_rate: u32,
    /// Channels.
    pub channels: u8,
    /// What we say in `a=fmtp`; `None` repeats what the offer says.
    pub fmtp: Option<String>,
}

impl Codec {
    /// A codec of one channel without parameters.
    #[must_use]
    pub fn new(encoding: &str, clock_rate: u32) -> Self {
        Self { encoding: encoding.to_owned(), clock_rate, channels: 1, fmtp: None }
    }

    fn is(&self, map: &RtpMap) -> bool {
        map.is(&self.encoding, self.clock_rate) && map.channels.unwrap_or(1) == self.channels
    }

    fn is_companion(&self) -> bool {
        COMPANIONS.iter().any(|name| self.encoding.eq_ignore_ascii_case(name))
    }
}

/// One stream we can take part in; it answers one `m=` line at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `audio`, `video` ...
    pub kind: String,
    /// The protocols we can do, such as `RTP/AVP`; the answer says what the offer says.
    pub protocols: Vec<String>,
    /// Where we receive; not 0.
    pub port: u16,
    /// What we want, apart from what the offer allows.
    pub direction: Direction,
    /// What we can do. The order is the offerer's (RFC 3264 section 6.1).
    pub codecs: Vec<Codec>,
    /// Said besides, such as `ptime` or `crypto`.
    pub attributes: Vec<Attribute>,
}

/// What we can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The `o=` of the answer.
    pub origin: Origin,
    /// Where we receive.
    pub connection: Connection,
    /// The streams, best first.
    pub streams: Vec<Stream>,
}

/// No stream of an offer can be taken: answer 488 (RFC 3261 13.3.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingInCommon;

impl Display for NothingInCommon {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("the offer and what we can do have no stream in common")
    }
}

impl std::error::Error for NothingInCommon {}

/// Answers an offer: each `m=` line in its place, those we cannot take with port 0, the codecs both
/// sides know in the offerer's order and under the offerer's numbers, directions as both allow.
///
/// An offer all of whose streams are ended, or that has none, is answered in kind.
///
/// # Errors
/// If the offer has live streams and none can be taken.
pub fn answer(offer: &Session, ours: &Capabilities) -> Result<Session, NothingInCommon> {
    let mut free: Vec<&Stream> = ours.streams.iter().collect();
    let media: Vec<Media> = offer
        .media
        .iter()
        .map(|offered| {
            let taken = free.iter().enumerate().find_map(|(at, stream)| Some((at, take(offered, offer, stream)?)));
            match taken {
                Some((at, media)) => {
                    free.remove(at);
                    media
                }
                None => refused(offered),
            }
        })
        .collect();
    let asked = offer.media.iter().any(|m| !m.is_refused());
    if asked && media.iter().all(Media::is_refused) {
        return Err(NothingInCommon);
    }
    Ok(Session {
        origin: ours.origin.clone(),
        connection: Some(ours.connection.clone()),
        // RFC 3264 section 6: the t= of the answer is that of the offer.
        times: offer.times.clone(),
        media,
        ..Session::default()
    })
}

/// The answer to one stream, if ours can take it.
fn take(offered: &Media, offer: &Session, ours: &Stream) -> Option<Media> {
    // A stream that lives on another's port needs bundling, which is not answered here.
    if offered.port == 0 || offered.kind != ours.kind || !ours.protocols.contains(&offered.protocol) {
        return None;
    }
    let mut media =
        Media { kind: offered.kind.clone(), port: ours.port, protocol: offered.protocol.clone(), ..Media::default() };
    let mut speaks = false;
    let mut parameters = Vec::new();
    for format in &offered.formats {
        let Some(map) = format.parse().ok().and_then(|payload| offered.rtp_map(payload)) else { continue };
        let Some(codec) = ours.codecs.iter().find(|codec| codec.is(&map)) else { continue };
        if media.formats.contains(format) {
            continue;
        }
        speaks |= !codec.is_companion();
        media.formats.push(format.clone());
        media.attributes.push(Attribute::new("rtpmap", &map));
        if let Some(text) = codec.fmtp.as_deref().or_else(|| offered.fmtp(format)) {
            parameters.push(Attribute::new("fmtp", format_args!("{format} {text}")));
        }
    }
    if !speaks {
        return None;
    }
    media.attributes.append(&mut parameters);
    media.attributes.extend(ours.attributes.iter().cloned());
    media.set_direction(ours.direction.answering(offered.direction(offer)));
    Some(media)
}

/// An `m=` line that says no: the formats must be those of the offer and are not used (RFC 3264
/// section 6).
pub(super) fn refused(offered: &Media) -> Media {
    Media {
        kind: offered.kind.clone(),
        protocol: offered.protocol.clone(),
        formats: offered.formats.clone(),
        ..Media::default()
    }
}

/// Why an answer does not fit its offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnswerFault {
    /// Not as many `m=` lines as the offer has (RFC 3264 section 6).
    Count {
        /// In the offer.
        offered: usize,
        /// In the answer.
        answered: usize,
    },
    /// The `m=` line of this index is of another kind or protocol.
    Kind(usize),
    /// This stream lives in the answer although the offer has ended it.
    Revived(usize),
    /// This stream is taken with no format of the offer.
    Formats(usize),
    /// This stream's direction is more than the offer allows (RFC 3264 section 6.1).
    Direction(usize),
}

impl Display for AnswerFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count { offered, answered } => write!(f, "{offered} streams were offered and {answered} answered"),
            Self::Kind(at) => write!(f, "stream {at} is answered as another kind or protocol"),
            Self::Revived(at) => write!(f, "stream {at} is answered although it was offered with port 0"),
            Self::Formats(at) => write!(f, "stream {at} is answered with none of the formats offered"),
            Self::Direction(at) => write!(f, "stream {at} is answered with a direction the offer does not allow"),
        }
    }
}

impl std::error::Error for AnswerFault {}

/// Whether an answer may say this direction to an offer of that one (RFC 3264 section 6.1).
#[must_use]
pub fn may_answer(offer: Direction, answer: Direction) -> bool {
    (offer.receives() || !answer.sends()) && (offer.sends() || !answer.receives())
}

/// What flows once offer and answer have met, seen by the offerer.
#[must_use]
pub fn agreed(offer: Direction, answer: Direction) -> Direction {
    offer.answering(answer)
}

/// Checks an answer against its offer.
///
/// # Errors
/// The first fault. Callers judge how strict to be: phones are met that answer `sendrecv` to
/// `sendonly`, which does no harm.
pub fn check_answer(offer: &Session, answer: &Session) -> Result<(), AnswerFault> {
    let (offered, answered) = (offer.media.len(), answer.media.len());
    if offered != answered {
        return Err(AnswerFault::Count { offered, answered });
    }
    for (at, (asked, given)) in offer.media.iter().zip(&answer.media).enumerate() {
        if asked.kind != given.kind || asked.protocol != given.protocol {
            return Err(AnswerFault::Kind(at));
        }
        if given.is_refused() {
            continue;
        }
        if asked.is_refused() {
            return Err(AnswerFault::Revived(at));
        }
        if !asked.formats.is_empty() && !given.formats.iter().any(|format| asked.formats.contains(format)) {
            return Err(AnswerFault::Formats(at));
        }
        if !may_answer(asked.direction(offer), given.direction(answer)) {
            return Err(AnswerFault::Direction(at));
        }
    }
    Ok(())
}
