//! Answers to requests too broken to be read whole.

use std::net::SocketAddr;

use memchr::memchr;

use super::{Message, MessageBuilder, is_token};
use crate::header::{HeaderName, NameAddr, StampedVia, Via};

/// How much of the bytes is looked at.
const MAX_BYTES: usize = 65_535;
/// How many lines.
const MAX_LINES: usize = 400;
/// A longer header is not sent back.
const MAX_VALUE: usize = 2_048;

/// What a response must carry back (RFC 3261 8.2.6.2).
#[derive(Default)]
struct Found {
    vias: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    call_id: Option<String>,
    cseq: Option<String>,
}

impl Message {
    /// Makes the response to bytes that [`Message::parse`] refused, such as 400, 414, 505 or 513:
    /// whatever of Via, From, To, Call-ID and CSeq can be found goes back, the top Via stamped
    /// with where the bytes came from (RFC 3261 18.2.1, RFC 3581), To with `to_tag`.
    ///
    /// `None` for bytes that must not or cannot be answered: responses, ACK, what does not look
    /// like a request, and requests whose top Via cannot be read.
    #[must_use]
    pub fn error_response(
        data: &[u8],
        source: SocketAddr,
        status: u16,
        reason: Option<&str>,
        to_tag: &str,
    ) -> Option<Self> {
        let found = find(&data[..data.len().min(MAX_BYTES)])?;
        let mut builder = MessageBuilder::response(status, reason);
        let mut vias = found.vias.iter();
        builder = builder.stamped_via(StampedVia { line: vias.next()?, source });
        for via in vias {
            builder = builder.known(HeaderName::Via, via);
        }
        if let Some(from) = found.from {
            builder = builder.known(HeaderName::From, from);
        }
        if let Some(to) = found.to {
            let tagged = match NameAddr::parse(&to) {
                Ok(to) => to.tag().is_some(),
                Err(_) => to.to_ascii_lowercase().contains(";tag="),
            };
            let tag = if tagged { String::new() } else { format!(";tag={to_tag}") };
            builder = builder.known(HeaderName::To, format_args!("{to}{tag}"));
        }
        if let Some(call_id) = found.call_id {
            builder = builder.known(HeaderName::CallId, call_id);
        }
        if let Some(cseq) = found.cseq {
            builder = builder.known(HeaderName::CSeq, cseq);
        }
        Some(builder.finish())
    }
}

fn find(data: &[u8]) -> Option<Found> {
    let lead = data.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let mut lines = Lines { rest: &data[lead..] };
    let start = lines.next()?;
    let method = memchr(b' ', start).map(|space| &start[..space])?;
    let names_sip = start.windows(5).any(|w| w[0].is_ascii_whitespace() && w[1..].eq_ignore_ascii_case(b"SIP/"));
    if method.is_empty() || !method.iter().all(|b| is_token(*b)) || method == b"ACK" || !names_sip {
        return None;
    }
    let mut found = Found::default();
    for line in lines.take(MAX_LINES) {
        let Some(name) = line.iter().position(|b| !is_token(*b)) else { continue };
        let rest = line[name..].trim_ascii_start();
        let [b':', value @ ..] = rest else { continue };
        let slot = match HeaderName::from_bytes(&line[..name]) {
            HeaderName::Via => {
                let value = text(value)?;
                if found.vias.is_empty() {
                    Via::parse(crate::header::split_list(&value).next()?).ok()?;
                }
                found.vias.push(value);
                continue;
            }
            HeaderName::From => &mut found.from,
            HeaderName::To => &mut found.to,
            HeaderName::CallId => &mut found.call_id,
            HeaderName::CSeq => &mut found.cseq,
            _ => continue,
        };
        if slot.is_none() {
            *slot = text(value);
        }
    }
    Some(found)
}

fn text(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > MAX_VALUE {
        return None;
    }
    Some(match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => value.iter().map(|b| char::from(*b)).collect(),
    })
}

/// Lines with their folds, up to the empty line or the end of the data.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if matches!(self.rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
            return None;
        }
        let mut end = 0;
        loop {
            end = memchr(b'\n', &self.rest[end..]).map_or(self.rest.len(), |at| end + at + 1);
            if !matches!(self.rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(line.trim_ascii_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn source() -> SocketAddr {
        "192.0.2.9:40000".parse().unwrap()
    }

    #[test]
    fn a_request_with_a_broken_header_is_answered() {
        let data = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h.example.com;branch=z9hG4bKx;rport\r\nbroken line\r\n\
            v: SIP/2.0/UDP second;branch=z9hG4bKy\r\nf: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\ni: id\r\n\
            CSeq: 1\r\n INVITE\r\n\r\nTo: not this";
        assert!(Message::parse(data, &Limits::default()).is_err());
        let response = Message::error_response(data, source(), 400, Some("Bad Header"), "t1").unwrap();
        assert_eq!(
            std::str::from_utf8(&response.to_bytes()).unwrap(),
            "SIP/2.0 400 Bad Header\r\n\
             Via: SIP/2.0/UDP h.example.com;branch=z9hG4bKx;rport=40000;received=192.0.2.9\r\n\
             Via: SIP/2.0/UDP second;branch=z9hG4bKy\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=t1\r\nCall-ID: id\r\nCSeq: 1   INVITE\r\n\
             Content-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_tag_is_added_only_where_there_is_none() {
        for (to, answered) in [
            ("<sip:c@d>", "<sip:c@d>;tag=t1"),
            ("<sip:c@d> ; tag = x", "<sip:c@d> ; tag = x"),
            ("\"open <sip:c@d>", "\"open <sip:c@d>;tag=t1"),
            ("\"open <sip:c@d>;TAG=x", "\"open <sip:c@d>;TAG=x"),
        ] {
            let data = format!("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nTo: {to}\r\n\r\n");
            let response = Message::error_response(data.as_bytes(), source(), 400, None, "t1").unwrap();
            assert_eq!(response.get(HeaderName::To), Some(answered));
        }
    }

    #[test]
    fn responses_acks_and_strangers_are_not_answered() {
        for data in [
            &b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n"[..],
            b"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n",
            b"GET / HTTP/1.1\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nVia: nonsense\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\n\r\n",
            b"\r\n\r\n",
            b"",
        ] {
            assert_eq!(Message::error_response(data, source(), 400, None, "t"), None);
        }
    }
}
