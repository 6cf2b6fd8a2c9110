//! `Reason` (RFC 3326), `Retry-After` (RFC 3261 20.33) and `Session-Expires` (RFC 4028 4).

use std::borrow::Cow;

use super::{HeaderError, Params, delta_seconds};
use crate::message::is_token;

/// Why a request was sent, in the words of one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` ...
    pub protocol: &'a str,
    /// `cause`, `text` and others.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// Reads one value such as `Q.850;cause=16;text="Terminated"`.
    ///
    /// # Errors
    /// If there is no protocol.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let text = text.trim();
        let (protocol, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let protocol = protocol.trim_end();
        if protocol.is_empty() || !protocol.bytes().all(is_token) {
            return Err(HeaderError { what: "Reason", why: "has no protocol" });
        }
        Ok(Self { protocol, params: Params::new(params) })
    }

    /// The cause: a SIP status or a Q.850 cause.
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        self.params.get("cause").and_then(|c| c.parse().ok())
    }

    /// The text for people.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.params.unquoted("text")
    }
}

/// When a sender may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Seconds to wait.
    pub seconds: u32,
    /// `duration` and others.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Reads `18000;duration=3600` or `120 (I'm in a meeting)`; the comment is skipped.
    ///
    /// # Errors
    /// If it does not start with a number, or its comment is not closed.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "Retry-After", why };
        let text = text.trim();
        let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
        let seconds = delta_seconds(&text[..end]).ok_or(error("does not start with a number"))?;
        let rest = skip_comment(text[end..].trim_start()).ok_or(error("its comment is not closed"))?;
        if !rest.is_empty() && !rest.starts_with(';') {
            return Err(error("text follows its number"));
        }
        Ok(Self { seconds, params: Params::new(rest) })
    }

    /// Seconds the sender will then be reachable.
    #[must_use]
    pub fn duration(&self) -> Option<u32> {
        self.params.get("duration").and_then(delta_seconds)
    }
}

/// Skips `(a comment (which may nest))`; the text itself if there is none; `None` if it is open.
fn skip_comment(text: &str) -> Option<&str> {
    if !text.starts_with('(') {
        return Some(text);
    }
    let mut depth = 0_u32;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(text[at + 1..].trim_start());
                }
            }
            _ => {}
        }
    }
    None
}

/// Who refreshes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// How long a session lives without a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires<'a> {
    /// Seconds.
    pub seconds: u32,
    /// Who refreshes, if said.
    pub refresher: Option<Refresher>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> SessionExpires<'a> {
    /// Reads `1800;refresher=uac`. Also for `Min-SE`, which has no refresher.
    ///
    /// # Errors
    /// If it does not start with a number, or the refresher is neither `uac` nor `uas`.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "Session-Expires", why };
        let (seconds, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let seconds = delta_seconds(seconds).ok_or(error("does not start with a number"))?;
        let params = Params::new(params);
        let refresher = match params.get("refresher") {
            None => None,
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(error("its refresher is neither uac nor uas")),
        };
        Ok(Self { seconds, refresher, params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_gives_cause_and_text() {
        let r = Reason::parse("Q.850 ;cause=16;text=\"Call \\\"done\\\", bye\"").unwrap();
        assert_eq!((r.protocol, r.cause(), r.text().as_deref()), ("Q.850", Some(16), Some("Call \"done\", bye")));
        assert!(Reason::parse(";cause=1").is_err());
    }

    #[test]
    fn retry_after_skips_its_comment() {
        let r = RetryAfter::parse("18000 (a (nested) \\) one) ;duration=3600").unwrap();
        assert_eq!((r.seconds, r.duration()), (18000, Some(3600)));
        assert_eq!(RetryAfter::parse("949302838503028349304023988").unwrap().seconds, u32::MAX);
        for text in ["", "x", "-1", "5 x", "5 (open"] {
            assert!(RetryAfter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn session_expires_names_the_refresher() {
        let s = SessionExpires::parse("1800 ;refresher=UAS").unwrap();
        assert_eq!((s.seconds, s.refresher), (1800, Some(Refresher::Uas)));
        assert_eq!(SessionExpires::parse("90").unwrap().refresher, None);
        assert!(SessionExpires::parse("90;refresher=me").is_err());
        assert!(SessionExpires::parse("soon").is_err());
    }
}
