//! Multipart bodies (RFC 2046 5.1): the parts of a body, walked in place.
//!
//! Phones put SDP beside ISUP, PIDF-LO, recording metadata (RFC 7866) or S/MIME. Whoever wants one
//! of them asks [`part`]; nested multiparts are searched too.

use memchr::memchr;
use memchr::memmem::Finder;

use super::{Message, is_token};
use crate::header::{HeaderError, HeaderName, Params};

/// Multiparts within multiparts are looked into this deep.
const MAX_DEPTH: usize = 4;
/// Bytes of the head of one part.
const MAX_HEAD: usize = 8_192;
/// Parts of one body, at all depths.
pub const MAX_PARTS: usize = 32;

/// A media type as Content-Type writes it (RFC 3261 20.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// `application/sdp`, as written; compared without case by [`MediaType::is`].
    pub essence: &'a str,
    /// `boundary`, `charset` ...
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads `type/subtype;params`.
    ///
    /// # Errors
    /// If type or subtype is no token.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let text = text.trim();
        let (essence, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let essence = essence.trim_end();
        let readable = essence.split_once('/').is_some_and(|(kind, sub)| {
            !kind.is_empty() && !sub.is_empty() && kind.bytes().all(is_token) && sub.bytes().all(is_token)
        });
        if !readable {
            return Err(HeaderError { what: "Content-Type", why: "is no type/subtype" });
        }
        Ok(Self { essence, params: Params::new(params) })
    }

    /// Whether this is the type `essence`, parameters aside.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Whether the body has parts.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        self.essence.get(..10).is_some_and(|t| t.eq_ignore_ascii_case("multipart/"))
    }
}

/// One part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its header lines, without the empty line.
    head: &'a [u8],
    /// Its bytes; an encoding, if there is one, is not undone.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// A header of the part, its folds kept; `None` if it is missing or no UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.head;
        while !rest.is_empty() {
            let line = take_line(&mut rest);
            let Some(colon) = memchr(b':', line) else { continue };
            if line[..colon].trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
                return std::str::from_utf8(&line[colon + 1..]).ok().map(str::trim);
            }
        }
        None
    }

    /// Its Content-Type as written. A part without one is plain text (RFC 2046 5.1).
    #[must_use]
    pub fn content_type(&self) -> &'a str {
        self.header("Content-Type").filter(|t| !t.is_empty()).unwrap_or("text/plain")
    }
}

/// One line with its folds; `rest` goes past it.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let mut end = 0;
    loop {
        end = memchr(b'\n', &rest[end..]).map_or(rest.len(), |at| end + at + 1);
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            break;
        }
    }
    let (line, after) = rest.split_at(end);
    *rest = after;
    line
}

/// Walks over the parts of a multipart body. Preamble and epilogue are skipped; a body whose last
/// delimiter is missing ends with its bytes.
///
/// Ends after [`MAX_PARTS`]. A part without an empty line is all head; one with an overlong head is
/// left out.
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = Part<'a>> {
    let delimiter = format!("--{boundary}");
    let usable = !boundary.is_empty() && boundary.len() <= 70;
    let mut at = if usable { find_delimiter(body, 0, delimiter.as_bytes()) } else { None };
    let mut left = MAX_PARTS;
    std::iter::from_fn(move || {
        loop {
            let start = at.take()?.next?;
            let end = find_delimiter(body, start, delimiter.as_bytes());
            let part = &body[start..end.as_ref().map_or(body.len(), |e| e.start.max(start))];
            if part.is_empty() && end.is_none() {
                return None;
            }
            at = end;
            left = left.checked_sub(1)?;
            if let Some(part) = split_part(part) {
                return Some(part);
            }
        }
    })
}

struct Delimiter {
    /// Where the part before it ends: its line end belongs to the delimiter.
    start: usize,
    /// Where the part after it starts; `None` after the closing one.
    next: Option<usize>,
}

/// Finds a line that is the delimiter, closed or not, and nothing else but white space.
fn find_delimiter(body: &[u8], from: usize, delimiter: &[u8]) -> Option<Delimiter> {
    let finder = Finder::new(delimiter);
    let mut at = from;
    loop {
        let found = at + finder.find(&body[at..])?;
        let after = found + delimiter.len();
        at = found + 1;
        if found != from && body[found - 1] != b'\n' {
            continue;
        }
        let closing = body[after..].starts_with(b"--");
        let rest = &body[after + if closing { 2 } else { 0 }..];
        let blank = rest.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(rest.len());
        let line_end = match &rest[blank..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [] => 0,
            _ => continue,
        };
        let start = match &body[from..found] {
            [.., b'\r', b'\n'] => found - 2,
            [.., b'\n'] => found - 1,
            _ => found,
        };
        let next = body.len() - rest.len() + blank + line_end;
        return Some(Delimiter { start, next: (!closing).then_some(next) });
    }
}

fn split_part(part: &[u8]) -> Option<Part<'_>> {
    let mut at = 0;
    loop {
        match &part[at..] {
            [b'\r', b'\n', ..] => return Some(Part { head: &part[..at], body: &part[at + 2..] }),
            [b'\n', ..] => return Some(Part { head: &part[..at], body: &part[at + 1..] }),
            rest => match memchr(b'\n', rest) {
                Some(newline) => at += newline + 1,
                None => return Some(Part { head: part, body: &[] }),
            },
        }
        if at > MAX_HEAD {
            return None;
        }
    }
}

/// The bytes of the first part of that type, in a message whose body is of that type or is a
/// multipart that holds one.
#[must_use]
pub fn part<'a>(message: &'a Message, essence: &str) -> Option<&'a [u8]> {
    if message.body().is_empty() {
        return None;
    }
    let mut left = MAX_PARTS;
    find_part(message.get(HeaderName::ContentType)?, message.body(), essence, MAX_DEPTH, &mut left)
}

fn find_part<'a>(
    content_type: &str,
    body: &'a [u8],
    essence: &str,
    depth: usize,
    left: &mut usize,
) -> Option<&'a [u8]> {
    let media = MediaType::parse(content_type).ok()?;
    if media.is(essence) {
        return Some(body);
    }
    if depth == 0 || !media.is_multipart() {
        return None;
    }
    let boundary = media.params.unquoted("boundary")?;
    parts(body, &boundary).find_map(|part| {
        *left = left.checked_sub(1)?;
        find_part(part.content_type(), part.body, essence, depth - 1, left)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn bodies<'a>(body: &'a [u8], boundary: &str) -> Vec<(&'a str, &'a str)> {
        parts(body, boundary).map(|p| (p.content_type(), std::str::from_utf8(p.body).unwrap())).collect()
    }

    #[test]
    fn preamble_and_epilogue_are_no_parts() {
        let body =
            b"read me\r\n--x\r\nContent-Type: a/b\r\n\r\none\r\n--x \r\n\r\ntwo\r\n\r\n--x--\r\nbye\r\n--x\r\n\r\nno";
        assert_eq!(bodies(body, "x"), [("a/b", "one"), ("text/plain", "two\r\n")]);
    }

    #[test]
    fn bare_line_feeds_and_a_missing_end_are_read() {
        assert_eq!(
            bodies(b"--x\ncontent-TYPE :\n a/b\n\none\n--x\n\ntwo", "x"),
            [("a/b", "one"), ("text/plain", "two")]
        );
    }

    #[test]
    fn a_boundary_within_a_line_or_longer_than_it_is_text() {
        let body = b"--x\r\n\r\na --x\r\n--xy\r\nb\r\n--x--";
        assert_eq!(bodies(body, "x"), [("text/plain", "a --x\r\n--xy\r\nb")]);
    }

    #[test]
    fn empty_parts_and_parts_of_nothing_but_a_head_are_safe() {
        assert_eq!(bodies(b"--x\r\n--x\r\n\r\n--x--", "x"), [("text/plain", ""), ("text/plain", "")]);
        assert_eq!(bodies(b"--x\r\nContent-Type: a/b\r\n--x--", "x"), [("a/b", "")]);
        let long = format!("--x\r\n{}\r\n\r\nlost\r\n--x\r\n\r\nkept", "a: b\r\n".repeat(MAX_HEAD));
        assert_eq!(bodies(long.as_bytes(), "x"), [("text/plain", "kept")]);
        assert_eq!(bodies(b"--x", "x"), []);
        assert_eq!(bodies(b"", "x"), []);
        assert_eq!(bodies(b"--\r\n\r\nz", ""), []);
    }

    #[test]
    fn parts_are_counted() {
        let many = b"--x\r\n\r\na\r\n".repeat(MAX_PARTS * 2);
        assert_eq!(parts(&many, "x").count(), MAX_PARTS);
    }

    #[test]
    fn a_part_is_found_in_nested_multiparts() {
        let body = "--o\r\nContent-Type: text/plain\r\n\r\nhi\r\n--o\r\nContent-Type: multipart/alternative; \
                    boundary=\"i i\"\r\n\r\n--i i\r\nContent-Type: Application/SDP; x=y\r\n\r\nv=0\r\n\r\n--i i--\r\n--o--\r\n";
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nContent-Type: multipart/mixed;boundary=o\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(part(&message, "application/sdp"), Some(&b"v=0\r\n"[..]));
        assert_eq!(part(&message, "text/plain"), Some(&b"hi"[..]));
        assert_eq!(part(&message, "image/png"), None);
    }
}
