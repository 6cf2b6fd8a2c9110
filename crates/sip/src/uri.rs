//! URIs (RFC 3261 section 19, RFC 3966 for `tel:`), read in place.

use std::borrow::Cow;
use std::net::IpAddr;

use memchr::memchr;

use crate::header::{HeaderError, Params};
use crate::text::{alphanumeric_or, cut, number, split_before, trim};

/// A URI split into its parts, all borrowed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme as written: `sip`, `sips`, `tel` ...
    pub scheme: &'a str,
    /// The user part as written, escapes kept, without the password; empty if there is none. For
    /// `tel:` the number.
    pub user: &'a str,
    /// The password of the deprecated `user:password` form.
    pub password: Option<&'a str>,
    /// The host; IPv6 references keep their brackets. Empty for schemes that have none.
    pub host: &'a str,
    /// The port, if given.
    pub port: Option<u16>,
    /// The URI parameters (`transport`, `lr`, `user` ...).
    pub params: Params<'a>,
    /// What follows `?`, without it; empty if there is nothing.
    pub headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Splits a URI. Schemes other than `sip`, `sips` and `tel` are kept whole in `user`.
    ///
    /// # Errors
    /// If there is no scheme, no host, or a port that is no port.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "URI", why };
        let (scheme, rest) = cut(text, b':').ok_or(error("has no scheme"))?;
        if scheme.is_empty() || !scheme.bytes().all(|b| SCHEME[usize::from(b)]) {
            return Err(error("its scheme cannot be read"));
        }
        let marks = Marks::find(rest).ok_or(error("has white space or brackets within"))?;
        let plain =
            Self { scheme, user: rest, password: None, host: "", port: None, params: Params::default(), headers: "" };
        if scheme.eq_ignore_ascii_case("tel") {
            let (user, params) = split_before(rest, b';');
            if user.is_empty() {
                return Err(error("has no number"));
            }
            return Ok(Self { user, params: Params::new(params), ..plain });
        }
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return Ok(plain);
        }
        let (user, password) = match (marks.colon, marks.at) {
            (Some(colon), Some(at)) => (&rest[..colon], Some(&rest[colon + 1..at])),
            (_, at) => (&rest[..at.unwrap_or(0)], None),
        };
        let headers_at = marks.question.unwrap_or(rest.len());
        let params_at = marks.semicolon.unwrap_or(headers_at);
        let host_port = &rest[marks.at.map_or(0, |at| at + 1)..params_at];
        if host_port.ends_with(':') {
            return Err(error("its port is empty"));
        }
        let (host, port) = split_host_port(host_port).ok_or(error("its host or port cannot be read"))?;
        let (params, headers) = (&rest[params_at..headers_at], rest.get(headers_at + 1..).unwrap_or(""));
        Ok(Self { scheme, user, password, host, port, params: Params::new(params), headers })
    }

    /// The user part with `%` escapes decoded.
    #[must_use]
    pub fn user_decoded(&self) -> Cow<'a, str> {
        unescape(self.user)
    }

    /// The value of a URI parameter, escapes decoded; `Some("")` for one without a value. The
    /// names match with their escapes decoded too: `%6C%72` is `lr` (RFC 4475 3.1.1.3).
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = self.params.iter().find(|p| unescape(p.name).eq_ignore_ascii_case(name))?;
        Some(unescape(found.value.unwrap_or("")))
    }

    /// The headers after `?`, names and values with their escapes decoded.
    pub fn header_fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        self.headers.split('&').filter(|h| !h.is_empty()).map(|h| {
            let (name, value) = h.split_once('=').unwrap_or((h, ""));
            (unescape(name), unescape(value))
        })
    }

    /// The host as an address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        parse_ip(self.host)
    }

    /// Whether the scheme is one a call can be routed by: `sip`, `sips` or `tel`.
    #[must_use]
    pub fn is_routable(&self) -> bool {
        ["sip", "sips", "tel"].iter().any(|s| self.scheme.eq_ignore_ascii_case(s))
    }

    /// Whether the scheme is `sips` (RFC 5630).
    #[must_use]
    pub fn is_sips(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sips")
    }
}

/// Where the parts of a `sip` URI meet: user, password, host, parameters, headers.
#[derive(Default)]
struct Marks {
    /// The first `:` before the `@`.
    colon: Option<usize>,
    at: Option<usize>,
    /// The first `;` after the `@`, none once the headers have begun.
    semicolon: Option<usize>,
    /// The first `?` after the `@`.
    question: Option<usize>,
}

impl Marks {
    /// Finds them in one walk; `None` if there is white space or an angle bracket.
    fn find(text: &str) -> Option<Self> {
        let mut marks = Self::default();
        for (place, byte) in text.bytes().enumerate() {
            match byte {
                _ if HOST[usize::from(byte)] => {}
                b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' | b'<' | b'>' => return None,
                b':' if marks.at.is_none() => _ = marks.colon.get_or_insert(place),
                // What came before it was the user's.
                b'@' if marks.at.is_none() => {
                    marks = Self { colon: marks.colon, at: Some(place), ..Self::default() };
                }
                b';' if marks.question.is_none() => _ = marks.semicolon.get_or_insert(place),
                b'?' => _ = marks.question.get_or_insert(place),
                _ => {}
            }
        }
        Some(marks)
    }
}

impl std::fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.scheme, self.user)?;
        if let Some(password) = self.password {
            write!(f, ":{password}")?;
        }
        if !self.host.is_empty() {
            // An @ further on, which no grammar allows but some write, must not become the first.
            let later = || self.params.as_str().contains('@') || self.headers.contains('@');
            if !self.user.is_empty() || self.password.is_some() || later() {
                f.write_str("@")?;
            }
            f.write_str(self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)?;
        if !self.headers.is_empty() {
            write!(f, "?{}", self.headers)?;
        }
        Ok(())
    }
}

/// Decodes `%` escapes, once (RFC 3986 2.4). What is no escape stays; bytes that are no UTF-8 are
/// replaced.
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16)).map(|d| d as u8);
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high * 16 + low);
                at += 3;
            }
            (byte, _, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

/// Reads an IPv4 address, an IPv6 address or an IPv6 reference in brackets. Three colons, which
/// RFC 3261's grammar let in by mistake, count as two (RFC 5118 4.10).
#[must_use]
pub fn parse_ip(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().or_else(|| bare.contains(":::").then(|| bare.replacen(":::", "::", 1).parse().ok()).flatten())
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`. `None` if there is no host or the port is no
/// number below 65536.
pub(crate) fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let bracketed = text.starts_with('[');
    let host_end = if bracketed {
        text.find(']')? + 1
    } else {
        text.bytes().position(|b| !HOST[usize::from(b)]).unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(host_end);
    if host.is_empty() || (bracketed && parse_ip(host).is_none()) {
        return None;
    }
    let rest = trim(rest);
    if rest.is_empty() {
        return Some((host, None));
    }
    Some((host, Some(number(trim(rest.strip_prefix(':')?))?)))
}

/// RFC 3261 25.1, `hostname`, and the underscore that names on private networks have.
static HOST: [bool; 256] = alphanumeric_or(b"-._");
/// RFC 3261 25.1, `scheme`.
static SCHEME: [bool; 256] = alphanumeric_or(b"+-.");

/// Whether a URI is `sips` (RFC 5630), without reading the rest of it.
#[must_use]
pub fn is_sips(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found() {
        let u =
            Uri::parse("sips:alice:secret@[2001:db8::1]:5061;transport=tls;lr?Subject=a%20b&Priority=urgent").unwrap();
        assert_eq!((u.scheme, u.user, u.password, u.port), ("sips", "alice", Some("secret"), Some(5061)));
        assert_eq!((u.ip(), u.is_sips()), ("2001:db8::1".parse().ok(), true));
        assert_eq!((u.params.get("transport"), u.params.has("lr")), (Some("tls"), true));
        let headers: Vec<_> = u.header_fields().collect();
        assert_eq!(headers, [("Subject".into(), "a b".into()), ("Priority".into(), "urgent".into())]);
        let tel = Uri::parse("tel:+1-201-555-0123;phone-context=x").unwrap();
        assert_eq!((tel.user, tel.params.get("phone-context"), tel.host), ("+1-201-555-0123", Some("x"), ""));
        assert!(!Uri::parse("http://www.example.com").unwrap().is_routable());
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip",
            ":a",
            "sip:",
            "sip:a@",
            "sip:a@b:",
            "sip:a@b:x",
            "sip:a@b:65536",
            "sip:a@b c",
            "sip:2001:db8::10",
            "sip:a@[2001:db8::1",
            "sip:a@[nonsense]",
            "sip:a@b/c",
            "<sip:a@b>",
            "tel:",
            "tel:;x",
            "s p:a@b",
        ] {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_at_sign_after_the_host_never_becomes_the_first() {
        let text = "sip:@a.com;x=b@c";
        let u = Uri::parse(text).unwrap();
        assert_eq!((u.user, u.host, u.to_string().as_str()), ("", "a.com", text));
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(unescape("%41%2541%"), "A%41%");
        assert_eq!(unescape("%4"), "%4");
        assert_eq!(unescape("%+1%zz"), "%+1%zz");
        assert_eq!(unescape("caf%C3%A9"), "caf\u{e9}");
        assert_eq!(unescape("%FF"), "\u{fffd}");
    }
}
