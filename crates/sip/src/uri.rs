//! URIs (RFC 3261 section 19, RFC 3966 for `tel:`), read in place.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::header::{HeaderError, Params};

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
        let (scheme, rest) = text.split_once(':').ok_or(error("has no scheme"))?;
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err(error("its scheme cannot be read"));
        }
        if rest.bytes().any(|b| b.is_ascii_whitespace() || b == b'<' || b == b'>') {
            return Err(error("has white space or brackets within"));
        }
        let plain =
            Self { scheme, user: rest, password: None, host: "", port: None, params: Params::default(), headers: "" };
        if scheme.eq_ignore_ascii_case("tel") {
            let end = rest.find(';').unwrap_or(rest.len());
            if end == 0 {
                return Err(error("has no number"));
            }
            return Ok(Self { user: &rest[..end], params: Params::new(&rest[end..]), ..plain });
        }
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return Ok(plain);
        }
        let (userinfo, rest) = rest.split_once('@').map_or(("", rest), |(u, r)| (u, r));
        let (user, password) = userinfo.split_once(':').map_or((userinfo, None), |(u, p)| (u, Some(p)));
        let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
        let semicolon = rest.find(';').unwrap_or(rest.len());
        let (host, port) = split_host_port(&rest[..semicolon]).ok_or(error("its host or port cannot be read"))?;
        Ok(Self { scheme, user, password, host, port, params: Params::new(&rest[semicolon..]), headers })
    }

    /// The user part with `%` escapes decoded.
    #[must_use]
    pub fn user_decoded(&self) -> Cow<'a, str> {
        if !self.user.contains('%') {
            return Cow::Borrowed(self.user);
        }
        let bytes = self.user.as_bytes();
        let mut plain = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let digits = bytes.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
            match (bytes[at], digits.and_then(|d| u8::from_str_radix(d, 16).ok())) {
                (b'%', Some(byte)) => {
                    plain.push(byte);
                    at += 3;
                }
                (byte, _) => {
                    plain.push(byte);
                    at += 1;
                }
            }
        }
        Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
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

/// Reads an IPv4 address, an IPv6 address or an IPv6 reference in brackets.
#[must_use]
pub fn parse_ip(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`. `None` if there is no host or the port is no
/// number below 65536.
pub(crate) fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let host_end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(host_end);
    let host = host.trim_end();
    if host.is_empty() {
        return None;
    }
    let rest = rest.trim();
    if rest.is_empty() {
        return Some((host, None));
    }
    let port = rest.strip_prefix(':')?.trim();
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((host, Some(port.parse().ok()?)))
}
