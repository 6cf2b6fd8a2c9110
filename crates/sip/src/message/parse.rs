//! Bytes to [`Message`] (RFC 3261 section 7 and 25.1).
//!
//! What is accepted beyond the letter of the grammar, because it is met in the field: line ends
//! that are a bare LF; empty lines before the start line (section 7.5, and keep-alives glued to a
//! request); a Status-Line without the space before its missing phrase. What is refused although some read it: a bare CR in the head,
//! since the next element might take it for a line end and see other headers than we do; more than
//! one Content-Length; more than one space between the words of a Request-Line; a head without the
//! empty line after it, which may have lost headers.

use memchr::{memchr, memchr2, memchr3};

use super::{HeaderEntry, Message, Method, Span, StartLine};
use crate::header::HeaderName;
use crate::limits::Limits;
use crate::text::alphanumeric_or;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParseErrorKind {
    /// There is nothing but line ends: a keep-alive (RFC 5626 3.5.1), no message. Answer nothing.
    Empty,
    /// The start line is neither a Request-Line nor a Status-Line.
    StartLine,
    /// The version is not SIP/2.0; answer 505.
    Version,
    /// A header line has no colon, a name that is no token, or a bare CR within.
    Header,
    /// The message, a header line or the number of headers or Vias exceeds [`Limits`]; answer 513.
    TooLarge,
    /// The Request-URI exceeds [`Limits::uri`]; answer 414.
    UriTooLong,
    /// The body is shorter than Content-Length says, or Content-Length is no number or comes
    /// twice.
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
    /// The status a request so broken is answered with, where it can be answered at all
    /// ([`Message::error_response`] finds out).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            ParseErrorKind::Version => 505,
            ParseErrorKind::TooLarge => 513,
            ParseErrorKind::UriTooLong => 414,
            _ => 400,
        }
    }

    /// What a Warning or a reason phrase can tell the sender.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self.kind {
            ParseErrorKind::Empty => "no message",
            ParseErrorKind::StartLine => "bad start line",
            ParseErrorKind::Version => "version is not SIP/2.0",
            ParseErrorKind::Header => "bad header line",
            ParseErrorKind::TooLarge => "too large",
            ParseErrorKind::UriTooLong => "Request-URI too long",
            ParseErrorKind::ContentLength => "bad Content-Length",
            ParseErrorKind::Incomplete => "head does not end",
        }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a SIP message: {} at byte {}", self.why(), self.at)
    }
}

impl std::error::Error for ParseError {}

impl Message {
    /// Reads one message from one datagram or one framed part of a stream.
    ///
    /// Bytes past Content-Length are discarded (RFC 3261 18.3). A head that is not UTF-8 is read
    /// as Latin-1, which is what phones that send it mean; it is then printed as UTF-8.
    ///
    /// # Errors
    /// If the bytes are no SIP message or exceed `limits`.
    pub fn parse(data: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        // Spans are 32 bits wide.
        let limit = limits.message.min(u32::MAX as usize / 2);
        if data.len() > limit {
            return Err(ParseError { kind: ParseErrorKind::TooLarge, at: limit });
        }
        let lead = data.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(data.len());
        let data = &data[lead..];
        if data.is_empty() {
            return Err(ParseError { kind: ParseErrorKind::Empty, at: lead });
        }
        parse_at_start_line(data, limits).map_err(|e| ParseError { at: e.at + lead, ..e })
    }
}

fn parse_at_start_line(data: &[u8], limits: &Limits) -> Result<Message, ParseError> {
    let index = scan(data, limits)?;
    let (head, index) = match std::str::from_utf8(&data[..index.head]) {
        Ok(head) => (head.into(), index),
        Err(_) => {
            let mut head: String = data[..index.body].iter().map(|b| char::from(*b)).collect();
            let again = scan(head.as_bytes(), limits)?;
            head.truncate(again.head);
            (head.into_boxed_str(), Index { body: index.body, ..again })
        }
    };
    let start = match index.start {
        RawStart::Request { method, uri } => {
            StartLine::Request { method: Method::from_token(&head[..method as usize]), uri }
        }
        RawStart::Response { status, reason } => StartLine::Response { status, reason },
    };
    let mut message = Message { head, start, headers: index.headers, body: Box::default() };
    let rest = &data[index.body..];
    let length = content_length(&message).map_err(|at| ParseError { kind: ParseErrorKind::ContentLength, at })?;
    let body = rest.get(..length.unwrap_or(rest.len()));
    message.body = body.ok_or(ParseError { kind: ParseErrorKind::ContentLength, at: data.len() })?.into();
    Ok(message)
}

/// The one Content-Length, if there is any; where it stands if it is none.
fn content_length(message: &Message) -> Result<Option<usize>, usize> {
    let mut found = None;
    for entry in &message.headers {
        if entry.id == HeaderName::ContentLength {
            let text = message.text(entry.value).as_bytes();
            if found.is_some() || text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
                return Err(entry.value.start as usize);
            }
            // A number too long for a usize is longer than any body there is.
            found = Some(message.text(entry.value).parse().unwrap_or(usize::MAX));
        }
    }
    Ok(found)
}

/// What one pass over the head finds.
struct Index {
    start: RawStart,
    headers: Vec<HeaderEntry>,
    /// Bytes of the head, with the line end of its last line.
    head: usize,
    /// Where the body starts.
    body: usize,
}

enum RawStart {
    /// The method is the first `method` bytes.
    Request {
        method: u32,
        uri: Span,
    },
    Response {
        status: u16,
        reason: Span,
    },
}

fn span(start: usize, end: usize) -> Span {
    // `Message::parse` bounds the data far below 4 GiB.
    Span { start: start as u32, end: end as u32 }
}

/// Walks over the head once. Works on bytes, so that a head in any encoding is indexed alike.
fn scan(data: &[u8], limits: &Limits) -> Result<Index, ParseError> {
    let fail = |kind, at| ParseError { kind, at };
    let (line, mut at) = next_line(data, 0)?;
    let start = scan_start_line(&data[..line], limits)?;
    let mut headers = Vec::with_capacity(20);
    let mut vias = 0;
    let (head, body) = loop {
        match data.get(at) {
            Some(b'\n') => break (at, at + 1),
            Some(b'\r') if data.get(at + 1) == Some(&b'\n') => break (at, at + 2),
            _ => {}
        }
        let line = at;
        let mut value_end;
        (value_end, at) = next_line(data, line)?;
        while let Some(b' ' | b'\t') = data.get(at) {
            (value_end, at) = next_line(data, at)?;
        }
        if at - line > limits.header || headers.len() == limits.headers {
            return Err(fail(ParseErrorKind::TooLarge, line));
        }
        let entry = scan_header(data, line, value_end).ok_or(fail(ParseErrorKind::Header, line))?;
        if entry.id == HeaderName::Via {
            vias += count_values(&data[entry.value.start as usize..entry.value.end as usize]);
            if vias > limits.vias {
                return Err(fail(ParseErrorKind::TooLarge, line));
            }
        }
        headers.push(entry);
    };
    Ok(Index { start, headers, head, body })
}

/// Where the line's text ends and where the next line starts.
fn next_line(data: &[u8], at: usize) -> Result<(usize, usize), ParseError> {
    match memchr2(b'\r', b'\n', &data[at..]) {
        Some(found) if data[at + found] == b'\n' => Ok((at + found, at + found + 1)),
        Some(found) if data.get(at + found + 1) == Some(&b'\n') => Ok((at + found, at + found + 2)),
        Some(found) if at + found + 1 < data.len() => Err(ParseError { kind: ParseErrorKind::Header, at: at + found }),
        _ => Err(ParseError { kind: ParseErrorKind::Incomplete, at: data.len() }),
    }
}

/// Values of a Via line; commas within quotes are none of its separators.
fn count_values(value: &[u8]) -> usize {
    if memchr(b',', value).is_none() {
        return 1;
    }
    let mut count = 1;
    let mut at = 0;
    let mut quoted = false;
    while let Some(found) = memchr3(b',', b'"', b'\\', &value[at..]) {
        match value[at + found] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b',' if !quoted => count += 1,
            _ => {}
        }
        at += found + 1;
        if at > value.len() {
            break;
        }
    }
    count
}

fn scan_start_line(line: &[u8], limits: &Limits) -> Result<RawStart, ParseError> {
    let fail = |kind| ParseError { kind, at: 0 };
    let bad = fail(ParseErrorKind::StartLine);
    let first = memchr(b' ', line).ok_or(bad)?;
    if is_version(&line[..first]) {
        if !line[..first].eq_ignore_ascii_case(b"SIP/2.0") {
            return Err(fail(ParseErrorKind::Version));
        }
        let [a, b, c, rest @ ..] = &line[first + 1..] else { return Err(bad) };
        if ![a, b, c].into_iter().all(u8::is_ascii_digit) || !matches!(rest, [] | [b' ', ..]) {
            return Err(bad);
        }
        let status = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
        if !(100..700).contains(&status) {
            return Err(bad);
        }
        let reason = span((first + 5).min(line.len()), line.len());
        return Ok(RawStart::Response { status, reason });
    }
    if first == 0 || !line[..first].iter().all(|b| is_token(*b)) {
        return Err(bad);
    }
    let uri_start = first + 1;
    let Some(uri_len) = memchr(b' ', &line[uri_start..]) else {
        // A URI too long for the datagram may have lost its version.
        let long = line.len() - uri_start > limits.uri;
        return Err(fail(if long { ParseErrorKind::UriTooLong } else { ParseErrorKind::StartLine }));
    };
    let uri_end = uri_start + uri_len;
    let version = &line[uri_end + 1..];
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let other = is_version(version) && memchr(b' ', version).is_none();
        return Err(fail(if other { ParseErrorKind::Version } else { ParseErrorKind::StartLine }));
    }
    if uri_len == 0 {
        return Err(bad);
    }
    if uri_len > limits.uri {
        return Err(fail(ParseErrorKind::UriTooLong));
    }
    Ok(RawStart::Request { method: first as u32, uri: span(uri_start, uri_end) })
}

/// Whether the text looks like `SIP/x.y`.
fn is_version(text: &[u8]) -> bool {
    text.len() > 4 && text[..4].eq_ignore_ascii_case(b"SIP/")
}

fn scan_header(data: &[u8], start: usize, end: usize) -> Option<HeaderEntry> {
    let line = &data[start..end];
    let name = line.iter().position(|b| !is_token(*b))?;
    let colon = name + line[name..].iter().position(|b| !is_blank(*b))?;
    if name == 0 || line[colon] != b':' {
        return None;
    }
    let value = &line[colon + 1..];
    let first = value.iter().position(|b| !is_space(*b)).unwrap_or(value.len());
    let last = value.iter().rposition(|b| !is_space(*b)).map_or(first, |at| at + 1);
    let value_start = start + colon + 1;
    Some(HeaderEntry {
        id: HeaderName::from_bytes(&line[..name]),
        name: span(start, start + name),
        value: span(value_start + first, value_start + last),
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// White space, folds included.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

static TOKEN: [bool; 256] = alphanumeric_or(b"-.!%*_+`'~");

/// Whether the byte may stand in a `token` (RFC 3261 25.1).
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}
