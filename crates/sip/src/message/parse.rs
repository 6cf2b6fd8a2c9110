//! Bytes to [`Message`] (RFC 3261 section 7 and 25.1).

use memchr::memchr;

use super::{HeaderEntry, Message, Method, Span, StartLine};
use crate::header::HeaderName;
use crate::limits::Limits;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// The start line is neither a Request-Line nor a Status-Line.
    StartLine,
    /// The version is not SIP/2.0; answer 505.
    Version,
    /// A header line has no colon or a name that is no token.
    Header,
    /// Something exceeds [`Limits`]; answer 513.
    TooLarge,
    /// The body is shorter than Content-Length says, or Content-Length is no number.
    ContentLength,
    /// The head does not end.
    Incomplete,
}

/// A message that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in bytes from the start.
    pub at: usize,
}

impl ParseError {
    /// The status a request so broken is answered with, where it can be answered at all.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            ParseErrorKind::Version => 505,
            ParseErrorKind::TooLarge => 513,
            _ => 400,
        }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a SIP message: {:?} at byte {}", self.kind, self.at)
    }
}

impl std::error::Error for ParseError {}

impl Message {
    /// Reads one message from one datagram or one framed part of a stream.
    ///
    /// Bytes past Content-Length are discarded (RFC 3261 18.3). A head that is not UTF-8 is read
    /// as Latin-1, which is what phones that send it mean.
    ///
    /// # Errors
    /// If the bytes are no SIP message or exceed `limits`.
    pub fn parse(data: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let fail = |kind, at| ParseError { kind, at };
        if data.len() > limits.message {
            return Err(fail(ParseErrorKind::TooLarge, limits.message));
        }
        let end = head_end(data).ok_or(fail(ParseErrorKind::Incomplete, data.len()))?;
        let head: Box<str> = match std::str::from_utf8(&data[..end.head]) {
            Ok(text) => text.into(),
            Err(_) => data[..end.head].iter().map(|b| char::from(*b)).collect::<String>().into(),
        };
        let (start, mut at) = parse_start_line(&head)?;
        let mut headers = Vec::with_capacity(16);
        let bytes = head.as_bytes();
        while at < bytes.len() {
            let line_end = logical_line_end(bytes, at);
            if line_end - at > limits.header || headers.len() == limits.headers {
                return Err(fail(ParseErrorKind::TooLarge, at));
            }
            headers.push(parse_header(&head, at, line_end)?);
            at = line_end;
        }
        let mut message = Self { head, start, headers, body: Box::default() };
        let rest = &data[end.body..];
        let length = match message.get(HeaderName::ContentLength) {
            Some(text) => text.trim().parse::<usize>().map_err(|_| fail(ParseErrorKind::ContentLength, end.head))?,
            None => rest.len(),
        };
        message.body = rest.get(..length).ok_or(fail(ParseErrorKind::ContentLength, data.len()))?.into();
        Ok(message)
    }
}

struct HeadEnd {
    /// Bytes of the head with the CRLF of its last line.
    head: usize,
    /// Where the body starts.
    body: usize,
}

fn head_end(data: &[u8]) -> Option<HeadEnd> {
    let mut at = 0;
    while let Some(newline) = memchr(b'\n', &data[at..]) {
        let next = at + newline + 1;
        match &data[next..] {
            [b'\r', b'\n', ..] => return Some(HeadEnd { head: next, body: next + 2 }),
            [b'\n', ..] => return Some(HeadEnd { head: next, body: next + 1 }),
            _ => at = next,
        }
    }
    None
}

fn span(start: usize, end: usize) -> Span {
    // Messages are bounded by Limits::message, far below 4 GiB.
    Span { start: start as u32, end: end as u32 }
}

fn parse_start_line(head: &str) -> Result<(StartLine, usize), ParseError> {
    let fail = |kind| ParseError { kind, at: 0 };
    let end = memchr(b'\n', head.as_bytes()).map_or(head.len(), |n| n + 1);
    let line = head[..end].trim_end_matches(['\r', '\n']);
    let mut words = line.splitn(3, ' ');
    let (Some(first), Some(second), Some(third)) = (words.next(), words.next(), words.next()) else {
        return Err(fail(ParseErrorKind::StartLine));
    };
    if first.len() >= 4 && first.as_bytes()[..4].eq_ignore_ascii_case(b"SIP/") {
        if !first.eq_ignore_ascii_case("SIP/2.0") {
            return Err(fail(ParseErrorKind::Version));
        }
        if second.len() != 3 || !second.bytes().all(|b| b.is_ascii_digit()) {
            return Err(fail(ParseErrorKind::StartLine));
        }
        let status = second.parse().map_err(|_| fail(ParseErrorKind::StartLine))?;
        let at = first.len() + second.len() + 2;
        return Ok((StartLine::Response { status, reason: span(at, at + third.len()) }, end));
    }
    if first.is_empty() || !first.bytes().all(is_token) || second.is_empty() {
        return Err(fail(ParseErrorKind::StartLine));
    }
    if !third.eq_ignore_ascii_case("SIP/2.0") {
        let version = third.len() >= 4 && third.as_bytes()[..4].eq_ignore_ascii_case(b"SIP/");
        return Err(fail(if version { ParseErrorKind::Version } else { ParseErrorKind::StartLine }));
    }
    let at = first.len() + 1;
    Ok((StartLine::Request { method: Method::from_token(first), uri: span(at, at + second.len()) }, end))
}

/// Where the header that starts at `at` ends, its folds included.
fn logical_line_end(head: &[u8], mut at: usize) -> usize {
    loop {
        at = memchr(b'\n', &head[at..]).map_or(head.len(), |n| at + n + 1);
        if !matches!(head.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
}

fn parse_header(head: &str, at: usize, end: usize) -> Result<HeaderEntry, ParseError> {
    let fail = ParseError { kind: ParseErrorKind::Header, at };
    let line = &head[at..end];
    let colon = line.find(':').ok_or(fail)?;
    let name = line[..colon].trim_end_matches([' ', '\t']);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(fail);
    }
    let value = &line[colon + 1..];
    let lead = value.len() - value.trim_start().len();
    let value = value.trim();
    let start = at + colon + 1 + lead;
    Ok(HeaderEntry {
        id: HeaderName::from_bytes(name.as_bytes()),
        name: span(at, at + name.len()),
        value: span(start, start + value.len()),
    })
}

/// RFC 3261 25.1, `token`.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}
