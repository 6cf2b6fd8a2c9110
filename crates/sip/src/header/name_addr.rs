//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their kin
//! (RFC 3261 20.10, 20.20, 20.30, 20.34, 20.39).

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::params::{Params, find_outside_quotes};
use super::quoted::{Quoted, quoted_len, unquote};
use super::{HeaderError, delta_seconds, qvalue};
use crate::message::unfold;
use crate::text::{trim, trim_start};
use crate::uri::Uri;

/// An address with an optional display name and header parameters, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes and escapes kept; empty if there is none.
    display: &'a str,
    /// The URI as written, without angle brackets.
    pub uri: &'a str,
    /// The header parameters (`tag`, `q`, `expires` ...).
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. Without angle brackets, what follows a semicolon belongs to the header,
    /// not to the URI (RFC 3261 20.10).
    ///
    /// # Errors
    /// If there is no URI, a bracket or quote is left open, or text follows the bracket.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "name-addr", why };
        let text = trim(text);
        if let Some(open) = find_open_bracket(text) {
            let inside = &text[open + 1..];
            let close = memchr(b'>', inside.as_bytes()).ok_or(error("its angle bracket is not closed"))?;
            let rest = trim_start(&inside[close + 1..]);
            if !(rest.is_empty() || rest.starts_with(';')) {
                return Err(error("text follows its angle bracket"));
            }
            let uri = trim(&inside[..close]);
            if uri.is_empty() {
                return Err(error("has no URI"));
            }
            return Ok(Self { display: trim(&text[..open]), uri, params: Params::new(rest) });
        }
        if text.starts_with('"') {
            return Err(error("has a display name but no angle brackets"));
        }
        let end = find_outside_quotes(text, b';').unwrap_or(text.len());
        let uri = text[..end].trim();
        if uri.is_empty() || uri.contains([' ', '\t', '\r', '\n', ',', '?', '>', '"']) {
            return Err(error("its URI needs angle brackets"));
        }
        Ok(Self { display: "", uri, params: Params::new(&text[end..]) })
    }

    /// The display name with quotes, escapes and folds removed; empty if there is none. What is
    /// neither a quoted string nor tokens comes as written.
    #[must_use]
    pub fn display(&self) -> Cow<'a, str> {
        let quoted = quoted_len(self.display) == Some(self.display.len());
        if quoted { unquote(self.display) } else { unfold(self.display) }
    }

    /// The `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }

    /// The `q` of a Contact in thousandths (RFC 3261 20.10); `None` if there is none or it is no
    /// number from 0 to 1.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        self.params.get("q").and_then(qvalue)
    }

    /// The `expires` of a Contact in seconds. What is malformed counts as 3600 (RFC 3261 20.10),
    /// what is too large as the largest (RFC 4475 3.1.2.4).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").map(|e| delta_seconds(e).unwrap_or(3600))
    }

    /// The URI, parsed.
    ///
    /// # Errors
    /// If it is not a URI.
    pub fn parse_uri(&self) -> Result<Uri<'a>, HeaderError> {
        Uri::parse(self.uri)
    }
}

impl std::fmt::Display for NameAddr<'_> {
    /// `"display" <uri>;params`, the brackets always there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.display.is_empty() {
            Quoted(&self.display()).fmt(f)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

fn find_open_bracket(text: &str) -> Option<usize> {
    if text.starts_with('<') {
        return Some(0);
    }
    let first = memchr2(b'"', b'<', text.as_bytes())?;
    if text.as_bytes()[first] == b'<' {
        return Some(first);
    }
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_lose_their_quotes_and_brackets_keep_uri_parameters() {
        let a = NameAddr::parse("\"A. \\\"G.\\\" <Bell>\" <sip:agb@bell.com;lr>;tag=a48s;q=0.7;expires=x").unwrap();
        assert_eq!(a.display(), "A. \"G.\" <Bell>");
        assert_eq!((a.uri, a.tag(), a.q(), a.expires()), ("sip:agb@bell.com;lr", Some("a48s"), Some(700), Some(3600)));
        let a = NameAddr::parse("Anna Maria <sip:a@b>").unwrap();
        assert_eq!((a.display().as_ref(), a.tag()), ("Anna Maria", None));
    }

    #[test]
    fn without_brackets_parameters_are_the_headers() {
        let a = NameAddr::parse("sip:a@b;tag=1").unwrap();
        assert_eq!((a.uri, a.tag(), a.to_string().as_str()), ("sip:a@b", Some("1"), "<sip:a@b>;tag=1"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "<>", "<sip:a@b", "\"open <sip:a@b>", "\"A\" sip:a@b", "sip:a@b?x=y", "sip:a@b>", "<sip:a@b>x"]
        {
            assert!(NameAddr::parse(text).is_err(), "{text}");
        }
    }
}
