//! The value of an `Authorization` or `Proxy-Authorization` header, read in place
//! (RFC 7616 section 3.4, RFC 3261 25.1 `credentials`).

use super::{Algorithm, AnswerError};
use crate::header::Credentials;

/// A client's answer to a challenge, as it wrote it. Quoted values are given without their quotes, escapes
/// kept, because that is what is hashed (`unq()` of RFC 7616 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Who the client says it is.
    pub username: &'a str,
    /// The realm it answers for.
    pub realm: &'a str,
    /// The nonce it was given.
    pub nonce: &'a str,
    /// The Request-URI it hashed.
    pub uri: &'a str,
    /// The proof, in hexadecimal.
    pub response: &'a str,
    /// The algorithm; `None` if it names one that is not known here.
    pub algorithm: Option<Algorithm>,
    /// `qop=auth` with its counter; `None` for a client of RFC 2069.
    pub counted: Option<Counted<'a>>,
}

/// What `qop=auth` adds to the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// `nc` as written: eight hexadecimal digits.
    pub nc: &'a str,
    /// The value of `nc`.
    pub count: u32,
    /// The client's own nonce.
    pub cnonce: &'a str,
    /// The word `auth` as the client wrote it.
    pub qop: &'a str,
}

impl<'a> Answer<'a> {
    /// Reads a header value. Unknown directives are passed over; nothing is allocated.
    ///
    /// # Errors
    /// If the scheme is not Digest, a directive is broken, missing or given twice, or the client asks
    /// for what was not offered: `auth-int`, or a hashed user name (RFC 7616 section 3.4.4).
    pub fn parse(value: &'a str) -> Result<Self, AnswerError> {
        let mut slots = Slots::default();
        let credentials =
            Credentials::read(value, |param| slots.set(param.name, without_quotes(param.value.unwrap_or(""))))
                .map_err(AnswerError::Header)?;
        if !credentials.is_digest() {
            return Err(AnswerError::Scheme);
        }
        slots.finish()
    }
}

fn without_quotes(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

#[derive(Default)]
struct Slots<'a> {
    username: Option<&'a str>,
    realm: Option<&'a str>,
    nonce: Option<&'a str>,
    uri: Option<&'a str>,
    response: Option<&'a str>,
    algorithm: Option<&'a str>,
    qop: Option<&'a str>,
    nc: Option<&'a str>,
    cnonce: Option<&'a str>,
    userhash: Option<&'a str>,
}

impl<'a> Slots<'a> {
    fn set(&mut self, name: &str, text: &'a str) {
        let slot = match name {
            _ if name.eq_ignore_ascii_case("username") => &mut self.username,
            _ if name.eq_ignore_ascii_case("realm") => &mut self.realm,
            _ if name.eq_ignore_ascii_case("nonce") => &mut self.nonce,
            _ if name.eq_ignore_ascii_case("uri") => &mut self.uri,
            _ if name.eq_ignore_ascii_case("response") => &mut self.response,
            _ if name.eq_ignore_ascii_case("algorithm") => &mut self.algorithm,
            _ if name.eq_ignore_ascii_case("qop") => &mut self.qop,
            _ if name.eq_ignore_ascii_case("nc") => &mut self.nc,
            _ if name.eq_ignore_ascii_case("cnonce") => &mut self.cnonce,
            _ if name.eq_ignore_ascii_case("userhash") => &mut self.userhash,
            _ => return,
        };
        *slot = Some(text);
    }

    fn finish(self) -> Result<Answer<'a>, AnswerError> {
        if self.userhash.is_some_and(|u| u.eq_ignore_ascii_case("true")) {
            return Err(AnswerError::Userhash);
        }
        let counted = match self.qop {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                let nc = self.nc.ok_or(AnswerError::Missing("nc"))?;
                let cnonce = self.cnonce.ok_or(AnswerError::Missing("cnonce"))?;
                let digits = nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit());
                let count = u32::from_str_radix(nc, 16).ok().filter(|_| digits).ok_or(AnswerError::Count)?;
                Some(Counted { nc, count, cnonce, qop })
            }
            Some(_) => return Err(AnswerError::Qop),
        };
        Ok(Answer {
            username: self.username.ok_or(AnswerError::Missing("username"))?,
            realm: self.realm.ok_or(AnswerError::Missing("realm"))?,
            nonce: self.nonce.ok_or(AnswerError::Missing("nonce"))?,
            uri: self.uri.ok_or(AnswerError::Missing("uri"))?,
            response: self.response.ok_or(AnswerError::Missing("response"))?,
            algorithm: self.algorithm.map_or(Some(Algorithm::Md5), Algorithm::from_token),
            counted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "Digest username=\"1501\", realm=\"a, b\",nonce=\"n\" ,\r\n uri=\"sip:h\", response=\"00\", \
                        qop=auth, nc=0000000a, cnonce=\"c=\\\"x\", opaque=\"\"";

    #[test]
    fn reads_quotes_folds_commas_and_unknown_directives() {
        let read = Answer::parse(FULL).unwrap();
        assert_eq!((read.username, read.realm, read.nonce, read.uri), ("1501", "a, b", "n", "sip:h"));
        assert_eq!(read.algorithm, Some(Algorithm::Md5));
        assert_eq!(read.counted, Some(Counted { nc: "0000000a", count: 10, cnonce: "c=\\\"x", qop: "auth" }));
    }

    #[test]
    fn names_what_is_missing_repeated_or_not_offered() {
        let base = "Digest username=u, realm=r, nonce=n, uri=\"sip:h\"";
        let parse = |tail: &str| Answer::parse(&format!("{base}{tail}")).map(|_| ()).unwrap_err();
        assert_eq!(parse(""), AnswerError::Missing("response"));
        assert!(matches!(parse(", response=0, realm=r"), AnswerError::Header(_)));
        assert_eq!(parse(", response=0, qop=auth-int"), AnswerError::Qop);
        assert_eq!(parse(", response=0, qop=auth, cnonce=c"), AnswerError::Missing("nc"));
        assert_eq!(parse(", response=0, qop=auth, cnonce=c, nc=1"), AnswerError::Count);
        assert_eq!(parse(", response=0, qop=auth, cnonce=c, nc=+0000001"), AnswerError::Count);
        assert_eq!(parse(", response=0, userhash=true"), AnswerError::Userhash);
        assert!(matches!(parse(", response=\"0"), AnswerError::Header(_)));
        assert_eq!(Answer::parse("Basic abc").unwrap_err(), AnswerError::Scheme);
        assert!(matches!(Answer::parse("Digest").unwrap_err(), AnswerError::Header(_)));
    }

    #[test]
    fn an_unknown_algorithm_is_read_but_marked() {
        let text = "Digest username=u, realm=r, nonce=n, uri=\"sip:h\", response=0, algorithm=SHA-512-256";
        assert_eq!(Answer::parse(text).unwrap().algorithm, None);
    }
}
