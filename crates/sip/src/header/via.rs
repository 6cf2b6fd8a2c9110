//! `Via` (RFC 3261 20.42, RFC 3581).

use super::{HeaderError, Params};
use crate::uri::split_host_port;

/// One Via value, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
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
    /// If the protocol is not SIP/2.0 or `sent-by` cannot be read.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "Via", why };
        let (name, rest) = text.split_once('/').ok_or(error("has no protocol"))?;
        let (version, rest) = rest.split_once('/').ok_or(error("has no transport"))?;
        if !name.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return Err(error("is not SIP/2.0"));
        }
        let rest = rest.trim_start();
        let end = rest.find([' ', '\t', '\r', '\n']).ok_or(error("has no sent-by"))?;
        let (transport, rest) = rest.split_at(end);
        let rest = rest.trim();
        let semicolon = rest.find(';').unwrap_or(rest.len());
        let (host, port) = split_host_port(rest[..semicolon].trim()).ok_or(error("its sent-by cannot be read"))?;
        Ok(Self { transport, host, port, params: Params::new(&rest[semicolon..]) })
    }

    /// The `branch` parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// Whether the branch has RFC 3261's magic cookie, so that it alone names the transaction.
    #[must_use]
    pub fn has_cookie(&self) -> bool {
        self.branch().is_some_and(|b| b.len() > 7 && b.is_char_boundary(7) && b[..7].eq_ignore_ascii_case("z9hG4bK"))
    }
}
