//! Values to [`Message`].

use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use memchr::memchr_iter;

use super::{HeaderEntry, Message, Method, Span, StartLine, spare};
use crate::header::{HeaderName, StampedVia};
use crate::text::push_number;
use crate::uri::is_sips;

/// Writes a message line by line and keeps its index on the way, so that nothing is parsed twice.
///
/// Names and values are the caller's and should be free of CR and LF; any are replaced by a space at the end, so that no
/// value can add a line of its own.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    head: String,
    start: StartLine,
    headers: Vec<HeaderEntry>,
}

impl MessageBuilder {
    /// Starts a request.
    #[must_use]
    pub fn request(method: &Method, uri: &str) -> Self {
        let (mut head, headers) = spare::take();
        let at = method.as_str().len() + 1;
        head.push_str(method.as_str());
        head.push(' ');
        head.push_str(uri);
        let uri = Span { start: at as u32, end: head.len() as u32 };
        head.push_str(" SIP/2.0\r\n");
        Self { head, start: StartLine::Request { method: method.clone(), uri }, headers }
    }

    /// Whether it is a request to a `sips` URI (RFC 5630).
    #[must_use]
    pub fn is_to_sips(&self) -> bool {
        match &self.start {
            StartLine::Request { uri, .. } => is_sips(&self.head[uri.start as usize..uri.end as usize]),
            StartLine::Response { .. } => false,
        }
    }

    /// Starts a response; without a `reason`, the RFC's own phrase.
    #[must_use]
    pub fn response(status: u16, reason: Option<&str>) -> Self {
        let (mut head, headers) = spare::take();
        head.push_str("SIP/2.0 ");
        for digit in [status / 100 % 10, status / 10 % 10, status % 10] {
            push_number(&mut head, digit.into());
        }
        head.push(' ');
        let at = head.len() as u32;
        head.push_str(reason.unwrap_or_else(|| reason_phrase(status)));
        let reason = Span { start: at, end: head.len() as u32 };
        head.push_str("\r\n");
        Self { head, start: StartLine::Response { status, reason }, headers }
    }

    /// Starts the response to a request: Via, From, To, Call-ID and CSeq copied (RFC 3261
    /// 8.2.6.2), with `to_tag` added to To unless it has one.
    #[must_use]
    pub fn response_to(request: &Message, status: u16, reason: Option<&str>, to_tag: Option<&str>) -> Self {
        Self::response(status, reason).copy_all(request, HeaderName::Via).copy_identity(request, to_tag)
    }

    /// Like [`MessageBuilder::response_to`], with the top Via stamped with where the request came
    /// from: `received` and `rport` (RFC 3261 18.2.1, RFC 3581).
    #[must_use]
    pub fn response_from(
        request: &Message,
        source: SocketAddr,
        status: u16,
        reason: Option<&str>,
        to_tag: Option<&str>,
    ) -> Self {
        Self::response(status, reason).stamped_vias(request, source).copy_identity(request, to_tag)
    }

    /// Copies a request's Vias, the top one stamped with where the request came from
    /// ([`StampedVia`]).
    #[must_use]
    pub fn stamped_vias(mut self, request: &Message, source: SocketAddr) -> Self {
        for (nth, line) in request.all(HeaderName::Via).enumerate() {
            self = match nth {
                0 => self.stamped_via(StampedVia { line, source }),
                _ => self.known_text(HeaderName::Via, line),
            };
        }
        self
    }

    pub(super) fn stamped_via(self, via: StampedVia<'_>) -> Self {
        self.push(HeaderName::Via, "Via", |head| via.push_to(head))
    }

    /// Copies every line of a header, in order: Via or Record-Route into a response (RFC 3261
    /// 8.2.6.2, 12.1.1).
    #[must_use]
    pub fn copy_all(mut self, from: &Message, name: HeaderName) -> Self {
        for line in from.all(name) {
            self = self.known_text(name, line);
        }
        self
    }

    fn copy_identity(mut self, request: &Message, to_tag: Option<&str>) -> Self {
        if let Some(from) = request.get(HeaderName::From) {
            self = self.known_text(HeaderName::From, from);
        }
        if let Some(to) = request.get(HeaderName::To) {
            self = match to_tag {
                Some(tag) if !request.to().is_ok_and(|t| t.tag().is_some()) => self.tagged(HeaderName::To, to, tag),
                _ => self.known_text(HeaderName::To, to),
            };
        }
        for name in [HeaderName::CallId, HeaderName::CSeq] {
            if let Some(value) = request.get(name) {
                self = self.known_text(name, value);
            }
        }
        self
    }

    /// Adds a header by its known name.
    #[must_use]
    pub fn known(self, name: HeaderName, value: impl Display) -> Self {
        self.push(name, name.as_str(), |head| {
            // Writing to a String cannot fail.
            let _ = write!(head, "{value}");
        })
    }

    /// Adds a header by any name.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let id = HeaderName::from_bytes(name.as_bytes());
        self.push(id, name, |head| head.push_str(value))
    }

    /// Like [`MessageBuilder::known`], without the way through `Display`.
    #[must_use]
    pub(crate) fn known_text(self, name: HeaderName, value: &str) -> Self {
        self.push(name, name.as_str(), |head| head.push_str(value))
    }

    /// Adds values in one line, commas between them; no line where there are none.
    #[must_use]
    pub(crate) fn known_list<'v>(self, name: HeaderName, mut values: impl Iterator<Item = &'v str>) -> Self {
        let Some(first) = values.next() else { return self };
        self.push(name, name.as_str(), |head| {
            head.push_str(first);
            for value in values {
                head.push_str(", ");
                head.push_str(value);
            }
        })
    }

    /// Adds a From or To value that has no tag, with one unless that is empty.
    #[must_use]
    pub(crate) fn tagged(self, name: HeaderName, value: &str, tag: &str) -> Self {
        self.push(name, name.as_str(), |head| {
            head.push_str(value);
            if !tag.is_empty() {
                head.push_str(";tag=");
                head.push_str(tag);
            }
        })
    }

    /// Adds CSeq.
    #[must_use]
    pub(crate) fn cseq(self, number: u32, method: &Method) -> Self {
        self.push(HeaderName::CSeq, "CSeq", |head| {
            push_number(head, number.into());
            head.push(' ');
            head.push_str(method.as_str());
        })
    }

    fn push(mut self, id: HeaderName, name: &str, write_value: impl FnOnce(&mut String)) -> Self {
        let start = self.head.len() as u32;
        self.head.push_str(name);
        let name = Span { start, end: self.head.len() as u32 };
        self.head.push_str(": ");
        let start = self.head.len() as u32;
        write_value(&mut self.head);
        let value = Span { start, end: self.head.len() as u32 };
        self.head.push_str("\r\n");
        self.headers.push(HeaderEntry { id, name, value });
        self
    }

    /// Ends the message: Content-Type if there is a body, and Content-Length.
    #[must_use]
    pub fn body(self, content_type: &str, body: &[u8]) -> Message {
        let Self { head, start, headers } = self.describe(content_type, body);
        let message = Message { head: head.as_str().into(), start, headers: headers.clone(), body: body.into() };
        spare::give(head.into_bytes(), headers);
        message
    }

    fn describe(self, content_type: &str, body: &[u8]) -> Self {
        let builder = if body.is_empty() { self } else { self.known_text(HeaderName::ContentType, content_type) };
        let length = |head: &mut String| push_number(head, body.len() as u64);
        builder.push(HeaderName::ContentLength, "Content-Length", length).without_stray_line_ends()
    }

    /// Makes spaces of all line ends but those of the lines that were meant. One look at the whole finds that there
    /// are none.
    fn without_stray_line_ends(self) -> Self {
        let meant = self.headers.len() + 1;
        let count = |byte| memchr_iter(byte, self.head.as_bytes()).count();
        if (count(b'\r'), count(b'\n')) == (meant, meant) {
            return self;
        }
        let (StartLine::Request { uri: last, .. } | StartLine::Response { reason: last, .. }) = self.start;
        let start = Span { start: 0, end: last.end };
        let mut head = self.head.into_bytes();
        for span in self.headers.iter().flat_map(|line| [line.name, line.value]).chain([start]) {
            for byte in &mut head[span.start as usize..span.end as usize] {
                if matches!(byte, b'\r' | b'\n') {
                    *byte = b' ';
                }
            }
        }
        // One ASCII byte for another: it is UTF-8 still.
        Self { head: String::from_utf8(head).unwrap_or_default(), ..self }
    }

    /// Like [`MessageBuilder::body`], for a message that goes on the wire and is not read here.
    #[must_use]
    pub fn print(self, content_type: &str, body: &[u8]) -> Arc<[u8]> {
        let Self { head, headers, .. } = self.describe(content_type, body);
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        let printed = Arc::from(&*bytes);
        spare::give(bytes, headers);
        printed
    }

    /// Ends the message without a body, as it goes on the wire.
    #[must_use]
    pub fn into_bytes(self) -> Arc<[u8]> {
        self.print("", &[])
    }

    /// Ends the message without a body.
    #[must_use]
    pub fn finish(self) -> Message {
        self.body("", &[])
    }
}

/// The reason phrase the RFCs give for a status.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        430 => "Flow Failed",
        433 => "Anonymity Disallowed",
        439 => "First Hop Lacks Outbound Support",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match status / 100 {
            1 => "Session Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
