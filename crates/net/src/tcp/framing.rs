//! Messages out of a stream of bytes (RFC 3261 7.5 and 18.3, RFC 5626 4.4.1).
//!
//! Pure: bytes are pushed in as they come, whole messages are pulled out. However the bytes are
//! cut, the same messages come out.
//!
//! The head ends as it does for the parser of `cordboard-sip`, at the first empty line, so that
//! the two can never disagree about where a message ends.

use std::ops::Range;

use memchr::{memchr, memrchr};

/// Buffers that have grown beyond this are released when they are empty.
const KEPT_CAPACITY: usize = 2_048;

/// Bounds of a message on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of the head, with the empty line.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
}

/// One thing found in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message: its head, the empty line and as much body as Content-Length says.
    Message(&'a [u8]),
    /// A double CRLF between messages, to be answered by a single one (RFC 5626 4.4.1).
    Ping,
}

/// Why a stream cannot be read on. Nothing after it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// What should be a start line is none.
    Garbage,
    /// The head does not end within the limit.
    HeadTooLarge,
    /// Content-Length is larger than the limit.
    BodyTooLarge,
    /// Content-Length is missing, which RFC 3261 18.3 forbids on a stream.
    NoLength,
    /// Content-Length is no number, or there are two that differ.
    BadLength,
}

impl FrameError {
    /// The status a request so broken is answered with.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::BodyTooLarge => 513,
            Self::Garbage | Self::NoLength | Self::BadLength => 400,
        }
    }
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Garbage => "not SIP",
            Self::HeadTooLarge => "the head is too large",
            Self::BodyTooLarge => "the body is too large",
            Self::NoLength => "no Content-Length",
            Self::BadLength => "Content-Length is no number",
        })
    }
}

impl std::error::Error for FrameError {}

/// Cuts one stream into messages.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: FrameLimits,
    buffer: Vec<u8>,
    /// Where the unread bytes start.
    start: usize,
    /// How many unread bytes have been searched for the end of the head.
    searched: usize,
    /// The start line has been looked at.
    started: bool,
    /// Line ends seen between messages, not yet a ping.
    newlines: u8,
    /// Length of the message whose head has been read.
    length: Option<usize>,
    error: Option<FrameError>,
    /// The head of the message that broke the stream, if it was whole.
    broken: Range<usize>,
}

impl Framer {
    /// An empty stream.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            started: false,
            newlines: 0,
            length: None,
            error: None,
            broken: 0..0,
        }
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start > 0 && self.buffer.len() + bytes.len() > self.buffer.capacity() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message or ping; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// If the stream cannot be read on; and the same again ever after.
    pub fn pull(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match self.find() {
            Ok(Some(Found::Ping)) => Ok(Some(Frame::Ping)),
            Ok(Some(Found::Message(range))) => Ok(Some(Frame::Message(&self.buffer[range]))),
            Ok(None) => {
                if self.start == self.buffer.len() && self.buffer.capacity() > KEPT_CAPACITY {
                    self.buffer = Vec::new();
                    self.start = 0;
                }
                Ok(None)
            }
            Err(error) => {
                self.error = Some(error);
                Err(error)
            }
        }
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// After an error: the head of the message that broke the stream, if it came whole.
    #[must_use]
    pub fn broken_head(&self) -> Option<&[u8]> {
        (!self.broken.is_empty()).then(|| &self.buffer[self.broken.clone()])
    }

    fn find(&mut self) -> Result<Option<Found>, FrameError> {
        if !self.started {
            if self.skip_newlines() {
                return Ok(Some(Found::Ping));
            }
            if !self.check_start()? {
                return Ok(None);
            }
        }
        let length = match self.length {
            Some(length) => length,
            None => match self.find_head()? {
                Some(length) => *self.length.insert(length),
                None => return Ok(None),
            },
        };
        if self.buffer.len() - self.start < length {
            return Ok(None);
        }
        let message = self.start..self.start + length;
        self.start = message.end;
        self.searched = 0;
        self.started = false;
        self.length = None;
        Ok(Some(Found::Message(message)))
    }

    /// Skips the line ends RFC 3261 7.5 allows before a start line. Whether they made a ping.
    fn skip_newlines(&mut self) -> bool {
        while let Some(byte @ (b'\r' | b'\n')) = self.buffer.get(self.start) {
            self.start += 1;
            self.newlines += u8::from(*byte == b'\n');
            if self.newlines == 2 {
                self.newlines = 0;
                return true;
            }
        }
        false
    }

    /// Whether the start line is there and may be one. Finds out with the first byte about a TLS
    /// handshake, with the first line about HTTP.
    fn check_start(&mut self) -> Result<bool, FrameError> {
        let unread = &self.buffer[self.start..];
        let Some(first) = unread.first() else { return Ok(false) };
        self.newlines = 0;
        if !first.is_ascii_graphic() {
            return Err(FrameError::Garbage);
        }
        match memchr(b'\n', &unread[self.searched..]) {
            None if unread.len() > self.limits.head => Err(FrameError::HeadTooLarge),
            None => {
                self.searched = unread.len();
                Ok(false)
            }
            Some(at) if self.searched + at > self.limits.head => Err(FrameError::HeadTooLarge),
            Some(at) => {
                let line = unread[..self.searched + at].trim_ascii_end();
                if !is_start_line(line) {
                    return Err(FrameError::Garbage);
                }
                self.searched = 0;
                self.started = true;
                Ok(true)
            }
        }
    }

    /// The length of the message once its head is whole.
    fn find_head(&mut self) -> Result<Option<usize>, FrameError> {
        let unread = &self.buffer[self.start..];
        let mut at = self.searched;
        let end = loop {
            let Some(newline) = memchr(b'\n', &unread[at..]) else {
                at = unread.len();
                break None;
            };
            let next = at + newline + 1;
            match &unread[next..] {
                [b'\n', ..] => break Some(next + 1),
                [b'\r', b'\n', ..] => break Some(next + 2),
                [] | [b'\r'] => {
                    at = next - 1;
                    break None;
                }
                _ => at = next,
            }
        };
        self.searched = at;
        let Some(head) = end else {
            return if unread.len() > self.limits.head { Err(FrameError::HeadTooLarge) } else { Ok(None) };
        };
        if head > self.limits.head {
            return Err(FrameError::HeadTooLarge);
        }
        let checked = content_length(&unread[..head]).and_then(|body| {
            if body > self.limits.body { Err(FrameError::BodyTooLarge) } else { Ok(Some(head + body)) }
        });
        if checked.is_err() {
            self.broken = self.start..self.start + head;
        }
        checked
    }
}

enum Found {
    Message(Range<usize>),
    Ping,
}

/// `SIP/2.0 200 OK`, or anything that ends in ` SIP/` and a version.
fn is_start_line(line: &[u8]) -> bool {
    let is_version = |word: &[u8]| word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"));
    is_version(line) || memrchr(b' ', line).is_some_and(|space| is_version(&line[space + 1..]))
}

/// The value of Content-Length, or `l`, in a head.
fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut found = None;
    for line in logical_lines(head) {
        let Some(value) = length_value(line) else { continue };
        // Strictly digits: what `+5` or `5, 5` mean is not worth a guess between two messages.
        if value.is_empty() || value.len() > 9 || !value.iter().all(u8::is_ascii_digit) {
            return Err(FrameError::BadLength);
        }
        let number = value.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
        if found.replace(number).is_some_and(|before| before != number) {
            return Err(FrameError::BadLength);
        }
    }
    found.ok_or(FrameError::NoLength)
}

/// The value if the line is a Content-Length.
fn length_value(line: &[u8]) -> Option<&[u8]> {
    let is_candidate = matches!(line.first(), Some(b'C' | b'c' | b'L' | b'l'));
    let colon = if is_candidate { memchr(b':', line)? } else { return None };
    let name = line[..colon].trim_ascii_end();
    let matches = name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l");
    matches.then(|| line[colon + 1..].trim_ascii())
}

/// Header lines with their folds (RFC 3261 7.3.1).
fn logical_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end += memchr(b'\n', &rest[end..])? + 1;
            if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// The head without any Content-Length, so that it can be parsed for an answer to it.
#[must_use]
pub fn without_length(head: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(head.len());
    for line in logical_lines(head).filter(|line| length_value(line).is_none()) {
        kept.extend_from_slice(line);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: FrameLimits = FrameLimits { head: 1_000, body: 500 };
    const EMPTY: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\nContent-Length: 0\r\n\r\n";
    const BODY: &[u8] = b"SIP/2.0 200 OK\r\nl : 7 \r\nTo: y\r\n\r\n\r\n\r\nabc";
    const FOLDED: &[u8] = b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length:\r\n 4\r\n\r\nbody";

    #[derive(Debug, PartialEq)]
    enum Out {
        Message(Vec<u8>),
        Ping,
        Error(FrameError),
    }

    fn pull_all(framer: &mut Framer, out: &mut Vec<Out>) -> bool {
        loop {
            match framer.pull() {
                Ok(Some(Frame::Message(bytes))) => out.push(Out::Message(bytes.to_vec())),
                Ok(Some(Frame::Ping)) => out.push(Out::Ping),
                Ok(None) => return true,
                Err(error) => {
                    out.push(Out::Error(error));
                    return false;
                }
            }
        }
    }

    fn frames<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Out> {
        let mut framer = Framer::new(LIMITS);
        let mut out = Vec::new();
        for part in parts {
            framer.push(part);
            if !pull_all(&mut framer, &mut out) {
                break;
            }
        }
        out
    }

    fn messages(list: &[&[u8]]) -> Vec<Out> {
        list.iter().map(|bytes| Out::Message(bytes.to_vec())).collect()
    }

    #[test]
    fn pipelined_messages_come_out_in_order() {
        let stream = [EMPTY, BODY, FOLDED, EMPTY].concat();
        assert_eq!(frames([&stream[..]]), messages(&[EMPTY, BODY, FOLDED, EMPTY]));
    }

    #[test]
    fn one_byte_at_a_time_gives_the_same() {
        let stream = [EMPTY, BODY, FOLDED].concat();
        assert_eq!(frames(stream.chunks(1)), messages(&[EMPTY, BODY, FOLDED]));
    }

    #[test]
    fn bare_line_feeds_end_a_head_as_they_do_for_the_parser() {
        let message = b"OPTIONS sip:a@b SIP/2.0\nl: 2\n\nxy";
        assert_eq!(frames(message.chunks(1)), messages(&[message]));
        let mixed = b"OPTIONS sip:a@b SIP/2.0\nl: 2\n\r\nxy";
        assert_eq!(frames([&mixed[..]]), messages(&[mixed]));
    }

    #[test]
    fn a_double_crlf_is_a_ping_and_a_single_one_is_nothing() {
        for size in [1, 2, 3, 100] {
            let stream = [b"\r\n\r\n", EMPTY, b"\r\n", BODY, b"\r\n\r\n\r\n\r\n", EMPTY].concat();
            let mut expected = vec![Out::Ping];
            expected.extend(messages(&[EMPTY, BODY]));
            expected.extend([Out::Ping, Out::Ping]);
            expected.extend(messages(&[EMPTY]));
            assert_eq!(frames(stream.chunks(size)), expected, "{size} bytes at a time");
        }
    }

    #[test]
    fn newlines_between_messages_do_not_make_a_partial_message() {
        let mut framer = Framer::new(LIMITS);
        framer.push(b"\r\n");
        assert_eq!(framer.pull(), Ok(None));
        assert!(!framer.is_partial());
        framer.push(b"O");
        assert_eq!(framer.pull(), Ok(None));
        assert!(framer.is_partial());
    }

    #[test]
    fn garbage_is_found_early() {
        let tls = &[0x16, 0x03, 0x01][..];
        let http = &b"GET / HTTP/1.1\r\n"[..];
        let noise = &b"hello\r\n"[..];
        for garbage in [tls, http, noise, b" OPTIONS sip:a SIP/2.0\r\n"] {
            assert_eq!(frames(garbage.chunks(1)), [Out::Error(FrameError::Garbage)], "{garbage:?}");
        }
    }

    #[test]
    fn garbage_after_a_message_does_not_take_the_message_with_it() {
        let stream = [EMPTY, b"garbage\r\n", EMPTY].concat();
        let mut expected = messages(&[EMPTY]);
        expected.push(Out::Error(FrameError::Garbage));
        assert_eq!(frames([&stream[..]]), expected);
    }

    #[test]
    fn an_error_is_final() {
        let mut framer = Framer::new(LIMITS);
        framer.push(b"garbage\r\n");
        assert_eq!(framer.pull(), Err(FrameError::Garbage));
        framer.push(EMPTY);
        assert_eq!(framer.pull(), Err(FrameError::Garbage));
        assert_eq!(framer.broken_head(), None);
    }

    #[test]
    fn lengths_that_cannot_be_trusted_end_the_stream_and_keep_the_head() {
        let cases: [(&[u8], FrameError); 8] = [
            (b"", FrameError::NoLength),
            (b"Content-Length: x\r\n", FrameError::BadLength),
            (b"Content-Length:\r\n", FrameError::BadLength),
            (b"Content-Length: -1\r\n", FrameError::BadLength),
            (b"Content-Length: +1\r\n", FrameError::BadLength),
            (b"Content-Length: 99999999999999999999\r\n", FrameError::BadLength),
            (b"Content-Length: 1\r\nl: 2\r\n", FrameError::BadLength),
            (b"Content-Length: 501\r\n", FrameError::BodyTooLarge),
        ];
        for (header, error) in cases {
            let head = [b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: l\r\n", header, b"\r\n"].concat();
            let mut framer = Framer::new(LIMITS);
            framer.push(&head);
            assert_eq!(framer.pull(), Err(error), "{header:?}");
            assert_eq!(framer.broken_head(), Some(&head[..]));
            assert_eq!(without_length(&head), b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: l\r\n\r\n");
        }
    }

    #[test]
    fn the_same_length_twice_is_accepted() {
        let message = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\nx";
        assert_eq!(frames([&message[..]]), messages(&[message]));
    }

    #[test]
    fn heads_are_limited_with_and_without_an_end() {
        let endless_line = vec![b'A'; 1_001];
        assert_eq!(frames(endless_line.chunks(10)), [Out::Error(FrameError::HeadTooLarge)]);
        let mut endless_head = b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec();
        endless_head.extend(b"A: b\r\n".repeat(200));
        assert_eq!(frames([&endless_head[..]]), [Out::Error(FrameError::HeadTooLarge)]);
        endless_head.extend(b"l: 0\r\n\r\n");
        assert_eq!(frames([&endless_head[..]]), [Out::Error(FrameError::HeadTooLarge)]);
    }

    #[test]
    fn large_buffers_are_released_when_empty() {
        let mut framer = Framer::new(FrameLimits { head: 1_000, body: 100_000 });
        let mut message = b"MESSAGE sip:a@b SIP/2.0\r\nl: 50000\r\n\r\n".to_vec();
        message.resize(message.len() + 50_000, b'x');
        framer.push(&message);
        assert!(matches!(framer.pull(), Ok(Some(Frame::Message(_)))));
        assert_eq!(framer.pull(), Ok(None));
        assert_eq!(framer.buffer.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_messages(
            picks in prop::collection::vec(0..4_usize, 1..8),
            cuts in prop::collection::vec(1..60_usize, 1..40),
        ) {
            let kinds = [EMPTY, BODY, FOLDED, &b"\r\n\r\n"[..]];
            let stream: Vec<u8> = picks.iter().flat_map(|pick| kinds[*pick]).copied().collect();
            let whole = frames([&stream[..]]);
            let mut parts = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (part, after) = rest.split_at((*cut).min(rest.len()));
                parts.push(part);
                rest = after;
            }
            prop_assert_eq!(whole.len(), picks.len());
            prop_assert_eq!(frames(parts), whole);
        }

        #[test]
        fn no_bytes_make_it_panic_or_give_more_than_went_in(
            bytes in prop::collection::vec(prop::sample::select(&b"SIP/2.0 OPTIONS\r\n\r\n:l 123"[..]), 0..300),
            size in 1..50_usize,
        ) {
            let total: usize = frames(bytes.chunks(size))
                .iter()
                .map(|out| if let Out::Message(message) = out { message.len() } else { 0 })
                .sum();
            prop_assert!(total <= bytes.len());
        }
    }
}
