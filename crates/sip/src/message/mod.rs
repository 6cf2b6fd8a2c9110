//! A SIP message (RFC 3261 section 7): the text as it came, with an index of its headers.
//!
//! Typed values are made on demand from the text, so a message that is only passed on costs one
//! scan. Header order, spelling and unknown headers are kept byte for byte.

mod build;
mod method;
pub mod multipart;
mod parse;
mod salvage;
mod spare;
mod validate;

use std::borrow::Cow;
use std::sync::Arc;

pub use build::{MessageBuilder, reason_phrase};
pub use method::Method;
pub use parse::{ParseError, ParseErrorKind};
pub(crate) use parse::{is_space, is_token};
pub use validate::{Essentials, Invalid, Parties};

use crate::header::{CSeq, HeaderError, HeaderName, NameAddr, Via};
use crate::uri::Uri;

/// A range of bytes within the head of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum StartLine {
    Request { method: Method, uri: Span },
    Response { status: u16, reason: Span },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeaderEntry {
    id: HeaderName,
    name: Span,
    value: Span,
}

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Start line and headers, each with its CRLF, without the empty line.
    head: Box<str>,
    start: StartLine,
    headers: Vec<HeaderEntry>,
    body: Box<[u8]>,
}

impl Message {
    /// Whether this is a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method of a request; of a response, the method its CSeq names.
    #[must_use]
    pub fn method(&self) -> Method {
        match &self.start {
            StartLine::Request { method, .. } => method.clone(),
            StartLine::Response { .. } => self.cseq().map_or(Method::Other("".into()), |c| c.method),
        }
    }

    /// The Request-URI; empty for a response.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self.start {
            StartLine::Request { uri, .. } => self.text(uri),
            StartLine::Response { .. } => "",
        }
    }

    /// The status code; 0 for a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.start {
            StartLine::Response { status, .. } => status,
            StartLine::Request { .. } => 0,
        }
    }

    /// The reason phrase; empty for a request.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self.start {
            StartLine::Response { reason, .. } => self.text(reason),
            StartLine::Request { .. } => "",
        }
    }

    /// The body; empty if there is none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Gives back the memory of the body, which nobody will ask for.
    pub(crate) fn forget_body(&mut self) {
        self.body = Box::default();
    }

    /// Every header line in order: name and value as written (folding kept).
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, &str, &str)> {
        self.headers.iter().map(|h| (h.id, self.text(h.name), self.text(h.value)))
    }

    /// The value of the first header line of that name, as written.
    #[must_use]
    pub fn get(&self, name: HeaderName) -> Option<&str> {
        self.headers.iter().find(|h| h.id == name).map(|h| self.text(h.value))
    }

    /// The value of the first header line of a name that may not be in [`HeaderName`].
    #[must_use]
    pub fn get_by_name(&self, name: &str) -> Option<&str> {
        match HeaderName::from_bytes(name.as_bytes()) {
            other @ HeaderName::Other => {
                self.headers.iter().find(|h| self.is_named(h, other, name)).map(|h| self.text(h.value))
            }
            known => self.get(known),
        }
    }

    /// The values of all header lines of that name, as written, one a line.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |h| h.id == name).map(|h| self.text(h.value))
    }

    /// Like [`Message::all`], for any name.
    pub fn all_by_name<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let id = HeaderName::from_bytes(name.as_bytes());
        self.headers.iter().filter(move |h| self.is_named(h, id, name)).map(|h| self.text(h.value))
    }

    /// The values of a header that is a comma-separated list, over all its lines.
    pub fn list(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.all(name).flat_map(crate::header::split_list).filter(|value| !value.is_empty())
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        let value = self.list(HeaderName::Via).next().ok_or(HeaderError { what: "Via", why: "is missing" })?;
        Via::parse(value)
    }

    /// From.
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(self.get(HeaderName::From).ok_or(HeaderError { what: "From", why: "is missing" })?)
    }

    /// Whether From is that of nobody (RFC 3323 4.1.1.3): it has the host or a user part that say so, or no user part.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        let first = self.get(HeaderName::From).and_then(|value| crate::header::split_list(value).next());
        let Some(Ok(from)) = first.map(NameAddr::parse) else { return false };
        let Some(uri) = Uri::parse(from.uri).ok().filter(Uri::is_routable) else { return true };
        let user = uri.user_decoded();
        let user = user.split(';').next().unwrap_or("");
        let nobody = ["", "anonymous", "unavailable", "restricted"].iter().any(|word| user.eq_ignore_ascii_case(word));
        nobody || uri.host.eq_ignore_ascii_case("anonymous.invalid")
    }

    /// To.
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(self.get(HeaderName::To).ok_or(HeaderError { what: "To", why: "is missing" })?)
    }

    /// CSeq.
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        CSeq::parse(self.get(HeaderName::CSeq).ok_or(HeaderError { what: "CSeq", why: "is missing" })?)
    }

    /// Call-ID; empty if it is missing.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.get(HeaderName::CallId).unwrap_or("")
    }

    /// The Contact values in order. `*` comes as a value of its own and is the caller's to check.
    pub fn contacts(&self) -> impl Iterator<Item = &str> {
        self.list(HeaderName::Contact)
    }

    /// A whole number from a header such as Max-Forwards or Expires; too large a one becomes
    /// 2^32-1.
    #[must_use]
    pub fn number(&self, name: HeaderName) -> Option<u32> {
        crate::header::delta_seconds(self.get(name)?)
    }

    /// The message as it goes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Arc<[u8]> {
        spare::join(&[self.head.as_bytes(), b"\r\n", &self.body])
    }

    /// The message as it goes on the wire with another value for its first Via line.
    #[must_use]
    pub fn to_bytes_with_via(&self, line: &str) -> Arc<[u8]> {
        let Some(old) = self.headers.iter().find(|h| h.id == HeaderName::Via) else { return self.to_bytes() };
        let (start, end) = (old.value.start as usize, old.value.end as usize);
        let head = self.head.as_bytes();
        spare::join(&[&head[..start], line.as_bytes(), &head[end..], b"\r\n", &self.body])
    }

    /// How many bytes [`Message::to_bytes`] gives.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.head.len() + 2 + self.body.len()
    }

    fn is_named(&self, entry: &HeaderEntry, id: HeaderName, name: &str) -> bool {
        entry.id == id && (id != HeaderName::Other || self.text(entry.name).eq_ignore_ascii_case(name))
    }

    fn text(&self, span: Span) -> &str {
        &self.head[span.start as usize..span.end as usize]
    }
}

/// Replaces each fold (CRLF and white space) by one space (RFC 3261 7.3.1).
#[must_use]
pub fn unfold(value: &str) -> Cow<'_, str> {
    if !value.contains(['\r', '\n']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.split(['\r', '\n']).map(str::trim).filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" "))
}
