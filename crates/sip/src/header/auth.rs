//! `Authorization`, `Proxy-Authorization`, `WWW-Authenticate`, `Proxy-Authenticate` (RFC 3261
//! 20.7, 20.27, 20.28, 20.44; RFC 7235 2.1): the scheme and its parameters, read in place.
//!
//! These headers hold commas that are no list separators, so [`crate::Message::all`] is the way
//! to their lines, never [`crate::Message::list`].

use std::borrow::Cow;

use super::quoted::quoted_len;
use super::{HeaderError, Param};
use crate::message::is_token;
use crate::text::{trim, trim_start};

/// Parameters one value may carry; RFC 7616 names twelve.
const MAX_PARAMS: usize = 32;

/// The proof a request carries: `Digest username="1501", realm="...", ...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The scheme as written.
    pub scheme: &'a str,
    /// Its parameters.
    pub params: AuthParams<'a>,
}

impl<'a> Credentials<'a> {
    /// Reads the value of one Authorization or Proxy-Authorization line.
    ///
    /// # Errors
    /// If there is no scheme, or the scheme is Digest and a parameter is malformed, comes twice or
    /// is one too many.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        Self::read(text, |_| {})
    }

    /// [`Credentials::parse`] that gives each parameter of a Digest on the way.
    pub(crate) fn read(text: &'a str, each: impl FnMut(Param<'a>)) -> Result<Self, HeaderError> {
        let (scheme, params) = parse_scheme(trim(text), "credentials", each)?;
        Ok(Self { scheme, params })
    }

    /// Whether the scheme is Digest.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// A parameter's value, without quotes and escapes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params.get(name)
    }
}

/// What a server asks for: `Digest realm="...", nonce="...", ...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The scheme as written.
    pub scheme: &'a str,
    /// Its parameters.
    pub params: AuthParams<'a>,
}

impl<'a> Challenge<'a> {
    /// Reads the value of a WWW-Authenticate or Proxy-Authenticate line that holds one challenge.
    ///
    /// # Errors
    /// As [`Credentials::parse`].
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let (scheme, params) = parse_scheme(trim(text), "challenge", |_| {})?;
        Ok(Self { scheme, params })
    }

    /// Reads each challenge of a line. RFC 3261 wants one a line, but servers that follow HTTP
    /// (RFC 7235 4.1) put several, parted by commas.
    pub fn parse_all(line: &'a str) -> impl Iterator<Item = Result<Self, HeaderError>> {
        let mut rest = line.trim();
        std::iter::from_fn(move || {
            rest = skip_separators(rest);
            if rest.is_empty() {
                return None;
            }
            let end = next_challenge(rest);
            let one = &rest[..end];
            rest = &rest[end..];
            Some(Self::parse(one.trim_end_matches(|c| u8::try_from(c).is_ok_and(is_separator))))
        })
    }

    /// Whether the scheme is Digest.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// A parameter's value, without quotes and escapes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params.get(name)
    }
}

/// `name=value` pairs parted by commas, walked on demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthParams<'a> {
    text: &'a str,
}

impl<'a> AuthParams<'a> {
    /// What follows the scheme, as written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Each pair in order, values as written ([`Param::unquoted`] removes quotes). Ends where a
    /// pair cannot be read, which cannot happen in a Digest that was parsed.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let (param, next) = next_param(rest)?.ok()?;
            rest = next;
            Some(param)
        })
    }

    /// A parameter's value, without quotes and escapes.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.unquoted())
    }
}

fn is_separator(byte: u8) -> bool {
    byte == b',' || byte.is_ascii_whitespace()
}

fn skip_separators(text: &str) -> &str {
    &text[text.bytes().position(|b| !is_separator(b)).unwrap_or(text.len())..]
}

fn parse_scheme<'a>(
    text: &'a str,
    what: &'static str,
    mut each: impl FnMut(Param<'a>),
) -> Result<(&'a str, AuthParams<'a>), HeaderError> {
    let error = |why| HeaderError { what, why };
    let end = text.bytes().position(|b| !is_token(b)).unwrap_or(text.len());
    let (scheme, rest) = text.split_at(end);
    if scheme.is_empty() {
        return Err(error("have no scheme"));
    }
    if !rest.is_empty() && !rest.starts_with([' ', '\t', '\r', '\n']) {
        return Err(error("their scheme cannot be read"));
    }
    let params = AuthParams { text: trim_start(rest) };
    if scheme.eq_ignore_ascii_case("Digest") {
        let mut names = [""; MAX_PARAMS];
        let mut count = 0;
        let mut rest = params.text;
        while let Some(next) = next_param(rest) {
            let (param, after) = next.map_err(error)?;
            if names[..count].iter().any(|n| n.eq_ignore_ascii_case(param.name)) {
                return Err(error("a parameter comes twice"));
            }
            *names.get_mut(count).ok_or(error("too many parameters"))? = param.name;
            count += 1;
            each(param);
            rest = after;
        }
        if count == 0 {
            return Err(error("have no parameters"));
        }
    }
    Ok((scheme, params))
}

/// Reads one `name=value` and the comma after it. An unquoted value is taken up to the next comma
/// or white space: phones leave the quotes off `uri`, `qop` and `nc` alike.
fn next_param(text: &str) -> Option<Result<(Param<'_>, &str), &'static str>> {
    let text = skip_separators(text);
    if text.is_empty() {
        return None;
    }
    let name_end = text.bytes().position(|b| !is_token(b)).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let Some(rest) = trim_start(rest).strip_prefix('=') else {
        return Some(Err("a parameter has no value"));
    };
    if name.is_empty() {
        return Some(Err("a parameter has no name"));
    }
    let rest = trim_start(rest);
    let end = if rest.starts_with('"') {
        match quoted_len(rest) {
            Some(end) => end,
            None => return Some(Err("a quoted string is not closed")),
        }
    } else {
        rest.bytes().position(is_separator).unwrap_or(rest.len())
    };
    let (value, rest) = rest.split_at(end);
    let rest = trim_start(rest);
    if !rest.is_empty() && !rest.starts_with(',') {
        return Some(Err("text follows a value"));
    }
    Some(Ok((Param { name, value: Some(value) }, rest)))
}

/// Where the second challenge of a line starts: at a token that white space and no `=` follow.
fn next_challenge(text: &str) -> usize {
    let mut at = text.find(char::is_whitespace).unwrap_or(text.len());
    loop {
        let rest = &text[at..];
        let Some(comma) = super::params::find_outside_quotes(rest, b',') else { return text.len() };
        at += comma + 1;
        let item = skip_separators(&text[at..]);
        let token = item.bytes().position(|b| !is_token(b)).unwrap_or(item.len());
        let after = &item[token..];
        if token > 0 && after.starts_with(char::is_whitespace) && !after.trim_start().starts_with(['=', ',']) {
            return text.len() - item.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_credentials_are_read_with_and_without_quotes() {
        let c = Credentials::parse(
            "Digest username=\"1501\", realm=\"a, \\\"b\\\"\",\r\n nonce=\"x==\",uri=\"sip:h;a=b,c\",nc=00000001 , qop=auth,\
             response = \"0f\"",
        )
        .unwrap();
        assert!(c.is_digest());
        assert_eq!(c.get("USERNAME").as_deref(), Some("1501"));
        assert_eq!(c.get("realm").as_deref(), Some("a, \"b\""));
        assert_eq!(c.get("nonce").as_deref(), Some("x=="));
        assert_eq!(c.get("uri").as_deref(), Some("sip:h;a=b,c"));
        assert_eq!(c.get("nc").as_deref(), Some("00000001"));
        assert_eq!(c.get("qop").as_deref(), Some("auth"));
        assert_eq!(c.get("response").as_deref(), Some("0f"));
        assert_eq!(c.get("opaque"), None);
        assert_eq!(c.params.iter().count(), 7);
    }

    #[test]
    fn broken_digests_are_refused() {
        for text in [
            "",
            "Digest",
            "Digest ",
            "Digest username",
            "Digest username=\"1501",
            "Digest username=\"1501\" realm=\"x\"",
            "Digest =x",
            "Digest username=a, Username=b",
            "Digest, username=a",
            "\"Digest\" username=a",
        ] {
            assert!(Credentials::parse(text).is_err(), "{text}");
        }
        let many: String = (0..=MAX_PARAMS).map(|n| format!("p{n}=1,")).collect();
        assert!(Credentials::parse(&format!("Digest {many}")).is_err());
    }

    #[test]
    fn other_schemes_are_kept_whole() {
        let c = Credentials::parse("Bearer abc.def==").unwrap();
        assert_eq!((c.scheme, c.params.as_str(), c.is_digest()), ("Bearer", "abc.def==", false));
    }

    #[test]
    fn several_challenges_on_one_line_are_told_apart() {
        let line = "Digest realm=\"a, Digest b\", nonce=\"1\", algorithm=SHA-256, Digest realm=\"a\", nonce=\"2\" , Basic realm=x";
        let all: Vec<_> = Challenge::parse_all(line).map(Result::unwrap).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].get("realm").as_deref(), Some("a, Digest b"));
        assert_eq!(all[0].get("algorithm").as_deref(), Some("SHA-256"));
        assert_eq!(all[1].get("nonce").as_deref(), Some("2"));
        assert_eq!(all[2].scheme, "Basic");
    }
}
