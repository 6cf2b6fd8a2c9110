//! The checks a message must pass before anything acts on it (RFC 3261 8.1.1, 8.2, 16.3).

use super::Message;
use crate::header::{CSeq, HeaderError, HeaderName, NameAddr, Via};
use crate::uri::Uri;

/// Why a message that could be read must not be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The status a request is answered with. A response is dropped instead.
    pub status: u16,
    /// Which part is wrong, and how.
    pub error: HeaderError,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.error, self.status)
    }
}

impl std::error::Error for Invalid {}

impl From<HeaderError> for Invalid {
    fn from(error: HeaderError) -> Self {
        Self { status: 400, error }
    }
}

/// What every message has, read once for all that act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Essentials<'m> {
    /// The topmost Via.
    pub via: Via<'m>,
    /// How many Vias there are.
    pub vias: usize,
    /// From and To.
    pub parties: Parties<'m>,
    /// CSeq.
    pub cseq: CSeq,
}

/// Whom a message is from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parties<'m> {
    /// From.
    pub from: NameAddr<'m>,
    /// Its URI.
    pub from_uri: Uri<'m>,
    /// To.
    pub to: NameAddr<'m>,
    /// Its URI.
    pub to_uri: Uri<'m>,
}

const fn bits(names: &[HeaderName]) -> u128 {
    let mut mask = 0;
    let mut at = 0;
    while at < names.len() {
        mask |= 1 << names[at] as u32;
        at += 1;
    }
    mask
}

/// Headers whose second line makes the message ambiguous (RFC 3261 7.3.1: only list headers may
/// come twice). Others of one value, such as Subject, decide nothing and may repeat.
const SINGLE: u128 = bits(&[
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::Expires,
    HeaderName::Event,
    HeaderName::SubscriptionState,
    HeaderName::ReferTo,
    HeaderName::Replaces,
    HeaderName::RAck,
    HeaderName::RSeq,
    HeaderName::SessionExpires,
    HeaderName::MinSe,
]);

/// Without these, and a Via, there is no message.
const NEEDED: [(HeaderName, HeaderError); 4] = [
    (HeaderName::From, HeaderError { what: "From", why: "is missing" }),
    (HeaderName::To, HeaderError { what: "To", why: "is missing" }),
    (HeaderName::CallId, HeaderError { what: "Call-ID", why: "is missing" }),
    (HeaderName::CSeq, HeaderError { what: "CSeq", why: "is missing" }),
];

impl Message {
    /// Checks a message: Via, From, To, Call-ID and CSeq there, once, and readable, and Contact readable where it is
    /// there. Of a request too that CSeq counts its own method, that Max-Forwards is readable where it is there, and
    /// the Request-URI readable and of a scheme we know.
    ///
    /// A missing Max-Forwards and a missing From tag pass: RFC 2543 knew neither (RFC 3261 16.3,
    /// 8.1.1.3). A Max-Forwards of 0 passes: only who forwards must stop at it.
    ///
    /// # Errors
    /// With the status to answer a request: 400, or 416 for a Request-URI of a scheme unknown to us. A response that
    /// fails is dropped.
    pub fn validate(&self) -> Result<Essentials<'_>, Invalid> {
        let (mut seen, mut top, mut vias) = (0_u128, None, 0);
        for entry in &self.headers {
            let bit = 1 << entry.id as u32;
            if seen & bit & SINGLE != 0 {
                return Err(HeaderError { what: entry.id.as_str(), why: "comes twice" }.into());
            }
            seen |= bit;
            if entry.id == HeaderName::Via {
                for value in crate::header::split_list(self.text(entry.value)) {
                    let via = Via::parse(value)?;
                    top.get_or_insert(via);
                    vias += 1;
                }
            }
        }
        let via = top.ok_or(HeaderError { what: "Via", why: "is missing" })?;
        for (name, error) in NEEDED {
            if seen & bits(&[name]) == 0 {
                return Err(error.into());
            }
        }
        let parties = self.parties()?;
        let call_id = self.call_id();
        if call_id.is_empty() || call_id.bytes().any(|b| b.is_ascii_whitespace()) {
            return Err(HeaderError { what: "Call-ID", why: "is empty or has white space within" }.into());
        }
        if seen & bits(&[HeaderName::Contact]) != 0 {
            for contact in self.contacts().filter(|c| *c != "*") {
                NameAddr::parse(contact).map_err(|e| HeaderError { what: "Contact", ..e })?;
            }
        }
        let cseq = self.cseq()?;
        if self.is_request() {
            self.validate_start(&cseq)?;
        }
        Ok(Essentials { via, vias, parties, cseq })
    }

    /// What a request must be besides.
    fn validate_start(&self, cseq: &CSeq) -> Result<(), Invalid> {
        if cseq.method != self.method() {
            return Err(HeaderError { what: "CSeq", why: "counts another method" }.into());
        }
        if let Some(hops) = self.get(HeaderName::MaxForwards)
            && (hops.is_empty() || !hops.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(HeaderError { what: "Max-Forwards", why: "is no number" }.into());
        }
        let uri = Uri::parse(self.uri()).map_err(|e| HeaderError { what: "Request-URI", ..e })?;
        if !uri.headers.is_empty() {
            return Err(HeaderError { what: "Request-URI", why: "carries headers" }.into());
        }
        if !uri.is_routable() {
            return Err(Invalid {
                status: 416,
                error: HeaderError { what: "Request-URI", why: "its scheme is unknown" },
            });
        }
        Ok(())
    }

    /// Reads From and To.
    ///
    /// # Errors
    /// If one is missing or it or its URI cannot be read.
    pub fn parties(&self) -> Result<Parties<'_>, HeaderError> {
        let (from, from_uri) = self.address(HeaderName::From)?;
        let (to, to_uri) = self.address(HeaderName::To)?;
        Ok(Parties { from, from_uri, to, to_uri })
    }

    fn address(&self, name: HeaderName) -> Result<(NameAddr<'_>, Uri<'_>), HeaderError> {
        let address = NameAddr::parse(self.get(name).unwrap_or(""));
        let read = address.and_then(|address| Ok((address, address.parse_uri()?)));
        read.map_err(|e| HeaderError { what: name.as_str(), ..e })
    }
}
