//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their kin
//! (RFC 3261 20.10, 20.20, 20.30, 20.34, 20.39).

use std::borrow::Cow;

use super::HeaderError;
use super::params::{Params, find_outside_quotes};
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
        let text = text.trim();
        if let Some(open) = find_open_bracket(text) {
            let inside = &text[open + 1..];
            let close = inside.find('>').ok_or(error("its angle bracket is not closed"))?;
            let rest = inside[close + 1..].trim_start();
            if !(rest.is_empty() || rest.starts_with(';')) {
                return Err(error("text follows its angle bracket"));
            }
            let uri = inside[..close].trim();
            if uri.is_empty() {
                return Err(error("has no URI"));
            }
            return Ok(Self { display: text[..open].trim(), uri, params: Params::new(rest) });
        }
        if text.starts_with('"') {
            return Err(error("has a display name but no angle brackets"));
        }
        let end = find_outside_quotes(text, b';').unwrap_or(text.len());
        let uri = text[..end].trim();
        if uri.is_empty() || uri.contains([' ', '\t', ',', '?']) {
            return Err(error("its URI needs angle brackets"));
        }
        Ok(Self { display: "", uri, params: Params::new(&text[end..]) })
    }

    /// The display name with quotes and escapes removed; empty if there is none.
    #[must_use]
    pub fn display(&self) -> Cow<'a, str> {
        let Some(inner) = self.display.strip_prefix('"').and_then(|d| d.strip_suffix('"')) else {
            return Cow::Borrowed(self.display);
        };
        if !inner.contains('\\') {
            return Cow::Borrowed(inner);
        }
        let mut plain = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
        }
        Cow::Owned(plain)
    }

    /// The `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }

    /// The URI, parsed.
    ///
    /// # Errors
    /// If it is not a URI.
    pub fn parse_uri(&self) -> Result<Uri<'a>, HeaderError> {
        Uri::parse(self.uri)
    }
}

fn find_open_bracket(text: &str) -> Option<usize> {
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
