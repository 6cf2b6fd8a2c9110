//! `Via` (RFC 3261 20.42, RFC 3581).

use std::fmt::{Display, Formatter};
use std::net::{IpAddr, SocketAddr};

use super::params::find_outside_quotes;
use super::{HeaderError, Params};
use crate::message::{is_space, is_token};
use crate::text::{cut, push_ip, push_number, split_before, trim, trim_end, trim_start};
use crate::uri::{parse_ip, split_host_port};

/// One Via value, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The version as written. It is `2.0` unless the request is to be answered 505.
    pub version: &'a str,
    /// The transport as written: `UDP`, `TCP` ...
    pub transport: &'a str,
    /// The host of `sent-by`; IPv6 references keep their brackets.
    pub host: &'a str,
    /// The port of `sent-by`, if given.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` ...
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads `SIP/2.0/UDP host:port;branch=...`; white space round the slashes is allowed.
    ///
    /// # Errors
    /// If the protocol is not SIP or `sent-by` cannot be read.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "Via", why };
        let (version, rest) = match text.strip_prefix("SIP/2.0/") {
            Some(rest) => ("2.0", rest),
            None => {
                let (name, rest) = cut(text, b'/').ok_or(error("has no protocol"))?;
                let (version, rest) = cut(rest, b'/').ok_or(error("has no transport"))?;
                if !trim(name).eq_ignore_ascii_case("SIP") {
                    return Err(error("is not SIP"));
                }
                (trim(version), rest)
            }
        };
        if !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(error("is not SIP"));
        }
        let rest = trim_start(rest);
        let end = rest.bytes().position(is_space).ok_or(error("has no sent-by"))?;
        let (transport, rest) = rest.split_at(end);
        if transport.is_empty() || !transport.bytes().all(is_token) {
            return Err(error("its transport is no token"));
        }
        let (sent_by, params) = split_before(trim(rest), b';');
        let (host, port) = split_host_port(trim(sent_by)).ok_or(error("its sent-by cannot be read"))?;
        Ok(Self { version, transport, host, port, params: Params::new(params) })
    }

    /// The `branch` parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// Whether the branch has RFC 3261's magic cookie, so that it alone names the transaction. A
    /// branch of nothing but the cookie names none (RFC 4475 3.3.15 is treated as RFC 2543's).
    #[must_use]
    pub fn has_cookie(&self) -> bool {
        self.branch().is_some_and(|b| b.len() > 7 && b.as_bytes()[..7].eq_ignore_ascii_case(b"z9hG4bK"))
    }

    /// The host of `sent-by` as an address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        parse_ip(self.host)
    }

    /// The `received` parameter, with or without the brackets some put round IPv6 (RFC 5118 4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        self.params.get("received").and_then(parse_ip)
    }

    /// The `rport` parameter: `Some(None)` where a client asks for it, `Some(Some(port))` where a
    /// server has filled it in (RFC 3581).
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|port| port.parse().ok())
    }
}

impl Display for Via<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "SIP/{}/{} {}", self.version, self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.fmt(f)
    }
}

/// A Via line whose first value a server has stamped with where the request came from:
/// `received` where `sent-by` says otherwise (RFC 3261 18.2.1), `received` and `rport` where the
/// client asked for them (RFC 3581 4). What else the client itself put there is replaced. The rest of
/// the line stays as written.
#[derive(Clone, Copy, Debug)]
pub struct StampedVia<'a> {
    /// The value of the line.
    pub line: &'a str,
    /// Where the request came from.
    pub source: SocketAddr,
}

impl StampedVia<'_> {
    /// Appends the line.
    pub fn push_to(self, out: &mut String) {
        let end = find_outside_quotes(self.line, b',').unwrap_or(self.line.len());
        let (first, others) = self.line.split_at(end);
        let Ok(via) = Via::parse(trim(first)) else { return out.push_str(self.line) };
        let start = out.len();
        let (mut rport, mut received) = (None, None);
        out.push_str(trim_end(split_before(first, b';').0));
        for param in via.params.iter() {
            match param.name.len() {
                5 if param.name.eq_ignore_ascii_case("rport") => _ = rport.get_or_insert(param.value.unwrap_or("")),
                8 if param.name.eq_ignore_ascii_case("received") => {
                    _ = received.get_or_insert(param.value.unwrap_or(""))
                }
                _ => param.push_to(out),
            }
        }
        let ip = self.source.ip().to_canonical();
        let right = match (rport, received) {
            (None, None) => via.ip() == Some(ip),
            (None, Some(received)) => parse_ip(received) == Some(ip),
            (Some(rport), received) => {
                rport.parse() == Ok(self.source.port()) && received.and_then(parse_ip) == Some(ip)
            }
        };
        if right {
            out.truncate(start);
            return out.push_str(self.line);
        }
        if rport.is_some() {
            out.push_str(";rport=");
            push_number(out, self.source.port().into());
        }
        if rport.is_some() || via.ip() != Some(ip) {
            out.push_str(";received=");
            push_ip(out, ip);
        }
        out.push_str(others);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(line: &str, source: &str) -> String {
        let mut stamped = String::new();
        StampedVia { line, source: source.parse().unwrap() }.push_to(&mut stamped);
        stamped
    }

    #[test]
    fn white_space_and_folds_round_the_parts_are_read_over() {
        let via = Via::parse("SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5066 ;branch = 390skdjuw").unwrap();
        assert_eq!(
            (via.transport, via.host, via.port, via.branch()),
            ("UDP", "192.0.2.2", Some(5066), Some("390skdjuw"))
        );
        assert!(!via.has_cookie());
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for text in ["", ";", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "SIP/x/UDP h", "HTTP/2.0/UDP h", "SIP/2.0/U@P h"]
        {
            assert!(Via::parse(text).is_err(), "{text}");
        }
        assert!(Via::parse("SIP/2.0/UDP h:99999").is_err());
    }

    #[test]
    fn the_source_is_stamped_where_it_differs_or_is_asked_for() {
        let same = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa, SIP/2.0/UDP b";
        assert_eq!(stamp(same, "192.0.2.1:7777"), same);
        assert_eq!(
            stamp("SIP/2.0/UDP h.example.com ;branch=z9hG4bKa ,SIP/2.0/TCP b;rport", "192.0.2.1:7777"),
            "SIP/2.0/UDP h.example.com;branch=z9hG4bKa;received=192.0.2.1,SIP/2.0/TCP b;rport"
        );
        assert_eq!(
            stamp("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa", "192.0.2.1:7777"),
            "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport=7777;received=192.0.2.1"
        );
        for stamped in ["10.0.0.1;rport=7777;received=192.0.2.1;branch=z", "192.0.2.1;received=192.0.2.1;branch=z"] {
            let stamped = format!("SIP/2.0/UDP {stamped}");
            assert_eq!(stamp(&stamped, "192.0.2.1:7777"), stamped);
        }
        assert_eq!(
            stamp("SIP/2.0/UDP 10.0.0.1;received=1.2.3.4;rport=9;branch=z", "192.0.2.1:7777"),
            "SIP/2.0/UDP 10.0.0.1;branch=z;rport=7777;received=192.0.2.1"
        );
    }

    #[test]
    fn ipv6_sources_carry_no_brackets_and_mapped_ones_are_ipv4() {
        assert_eq!(
            stamp("SIP/2.0/UDP [2001:db8::1]:5060;branch=z;rport", "[2001:db8::2]:7777"),
            "SIP/2.0/UDP [2001:db8::1]:5060;branch=z;rport=7777;received=2001:db8::2"
        );
        assert_eq!(
            stamp("SIP/2.0/UDP 192.0.2.1;branch=z", "[::ffff:192.0.2.1]:7777"),
            "SIP/2.0/UDP 192.0.2.1;branch=z"
        );
        let via = Via::parse("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];rport;branch=z9hG4bKas3").unwrap();
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        assert_eq!(via.rport(), Some(None));
        assert_eq!(via.ip(), "2001:db8::9:1".parse().ok());
    }
}
