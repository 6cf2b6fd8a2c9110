//! The client's side of Digest: proving who we are to a carrier (RFC 3261 section 22, RFC 2617,
//! RFC 7616, RFC 8760).
//!
//! Understood are MD5 and SHA-256 with `qop=auth` or, as RFC 2069 had it, without `qop`. Challenges of
//! other schemes and algorithms, or that want `auth-int` alone, are passed over.

use md5::Md5;
use sha2::{Digest as Hash, Sha256};

use super::{Algorithm, Ha1s, ha1_hex, hex};
use crate::header::{Challenge as Line, HeaderName};
use crate::message::{Message, Method};

/// Challenges of one response that are looked at.
const MOST_CHALLENGES: usize = 16;

/// What proves that a user is who they say. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The hashes for one realm.
    Ha1s(Ha1s),
    /// The password: good for any realm.
    Password(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ha1s(_) => "Ha1s",
            Self::Password(_) => "Password",
        })
    }
}

impl Secret {
    /// H(user:realm:password) in hexadecimal, where it is known for that algorithm.
    fn ha1(&self, algorithm: Algorithm, username: &str, realm: &str) -> Option<String> {
        let mut text = [0; 64];
        let length = match (self, algorithm) {
            (Self::Password(password), _) => return Some(ha1_hex(algorithm, username, realm, password)),
            (Self::Ha1s(Ha1s { md5: Some(hash), .. }), Algorithm::Md5) => {
                hex::encode(hash, &mut text);
                32
            }
            (Self::Ha1s(Ha1s { sha256: Some(hash), .. }), Algorithm::Sha256) => {
                hex::encode(hash, &mut text);
                64
            }
            _ => return None,
        };
        Some(text[..length].iter().copied().map(char::from).collect())
    }
}

/// A challenge we can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whether a proxy asks (407) rather than the server (401).
    pub proxy: bool,
    /// The realm.
    pub realm: String,
    /// The nonce.
    pub nonce: String,
    /// To be repeated as it is.
    pub opaque: Option<String>,
    /// The algorithm; `None` where it is not said, which means MD5.
    pub algorithm: Option<Algorithm>,
    /// Whether to answer with `qop=auth`.
    pub qop: bool,
    /// Whether the last answer was right and only its nonce was not.
    pub stale: bool,
}

impl Challenge {
    /// The challenges of a response, in order, those we cannot meet left out.
    #[must_use]
    pub fn of(response: &Message) -> Vec<Self> {
        [(HeaderName::WwwAuthenticate, false), (HeaderName::ProxyAuthenticate, true)]
            .into_iter()
            .flat_map(|(name, proxy)| response.all(name).map(move |line| (line, proxy)))
            .flat_map(|(line, proxy)| Line::parse_all(line).map(move |challenge| (challenge, proxy)))
            .take(MOST_CHALLENGES)
            .filter_map(|(challenge, proxy)| Self::read(&challenge.ok()?, proxy))
            .collect()
    }

    fn read(line: &Line<'_>, proxy: bool) -> Option<Self> {
        if !line.is_digest() {
            return None;
        }
        let text = |name| line.get(name).map(std::borrow::Cow::into_owned);
        let algorithm = match text("algorithm") {
            None => None,
            Some(token) => Some(Algorithm::from_token(&token)?),
        };
        let qop = match text("qop") {
            None => false,
            Some(offered) => offered.split(',').any(|q| q.trim().eq_ignore_ascii_case("auth")).then_some(true)?,
        };
        let stale = text("stale").is_some_and(|s| s.eq_ignore_ascii_case("true"));
        let (realm, nonce) = (text("realm")?, text("nonce")?);
        Some(Self { proxy, realm, nonce, opaque: text("opaque"), algorithm, qop, stale })
    }

    /// Whether both ask for the same: one answer serves for both.
    #[must_use]
    pub fn asks_as(&self, other: &Self) -> bool {
        self.proxy == other.proxy && self.realm == other.realm
    }

    /// Which algorithm it means.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Md5)
    }
}

/// How we meet one challenge, for as long as it is good.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// The challenge.
    pub challenge: Challenge,
    username: String,
    ha1: String,
}

/// The hash is left out.
impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof")
            .field("challenge", &self.challenge)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Proof {
    /// How this user meets a challenge; `None` without a hash for its algorithm.
    #[must_use]
    pub fn new(challenge: &Challenge, username: &str, secret: &Secret) -> Option<Self> {
        let ha1 = secret.ha1(challenge.algorithm(), username, &challenge.realm)?;
        Some(Self { challenge: challenge.clone(), username: username.to_owned(), ha1 })
    }

    /// The header that proves it for one request. `count` is how often the nonce has been used, this
    /// time included; `cnonce` is fresh and needs no quotes.
    #[must_use]
    pub fn header(&self, method: &Method, uri: &str, count: u32, cnonce: &str) -> (HeaderName, String) {
        let challenge = &self.challenge;
        let response = match challenge.algorithm() {
            Algorithm::Md5 => self.response::<Md5, 32>(method, uri, count, cnonce),
            Algorithm::Sha256 => self.response::<Sha256, 64>(method, uri, count, cnonce),
        };
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            Quoted(&self.username),
            Quoted(&challenge.realm),
            Quoted(&challenge.nonce),
            Quoted(uri)
        );
        if let Some(algorithm) = challenge.algorithm {
            text.push_str(", algorithm=");
            text.push_str(algorithm.token());
        }
        if challenge.qop {
            text.push_str(&format!(", cnonce=\"{cnonce}\", qop=auth, nc={count:08x}"));
        }
        if let Some(opaque) = &challenge.opaque {
            text.push_str(&format!(", opaque={}", Quoted(opaque)));
        }
        let name = if challenge.proxy { HeaderName::ProxyAuthorization } else { HeaderName::Authorization };
        (name, text)
    }

    /// RFC 7616 section 3.4.1.
    fn response<H: Hash, const TEXT: usize>(&self, method: &Method, uri: &str, count: u32, cnonce: &str) -> String {
        let mut text = [0; TEXT];
        hex::encode(&H::digest(format!("{}:{uri}", method.as_str())), &mut text);
        let mut hash = H::new().chain_update(&self.ha1).chain_update(":").chain_update(&self.challenge.nonce);
        if self.challenge.qop {
            hash.update(format!(":{count:08x}:{cnonce}:auth"));
        }
        let hash = hash.chain_update(":").chain_update(text).finalize();
        hex::encode(&hash, &mut text);
        text.iter().copied().map(char::from).collect()
    }
}

/// A quoted string (RFC 3261 25.1).
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        f.write_char('"')?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn response(lines: &str) -> Message {
        let text = format!(
            "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        Message::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn proof(line: &str, username: &str, password: &str) -> Proof {
        let challenges = Challenge::of(&response(&format!("WWW-Authenticate: {line}\r\n")));
        Proof::new(&challenges[0], username, &Secret::Password(password.into())).unwrap()
    }

    /// RFC 7616 section 3.9.1: its request is a GET of `/dir/index.html`, which a method token covers.
    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let line = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{nonce}\", opaque=\"{opaque}\""
            );
            let proof = proof(&line, "Mufasa", "Circle of Life");
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let (name, text) = proof.header(&Method::from_token("GET"), "/dir/index.html", 1, cnonce);
            assert_eq!(name, HeaderName::Authorization);
            assert_eq!(
                text,
                format!(
                    "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", nonce=\"{nonce}\", uri=\"/dir/index.html\", \
                     response=\"{expected}\", algorithm={algorithm}, cnonce=\"{cnonce}\", qop=auth, nc=00000001, opaque=\"{opaque}\""
                )
            );
        }
    }

    #[test]
    fn without_qop_the_answer_is_that_of_rfc_2069() {
        let proof = proof("Digest realm=\"r\", nonce=\"n\"", "u", "p");
        let (_, text) = proof.header(&Method::Register, "sip:h", 7, "unused");
        let ha1 = ha1_hex(Algorithm::Md5, "u", "r", "p");
        let md5 = |text: &str| {
            let mut out = [0; 32];
            hex::encode(&Md5::digest(text), &mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        let expected = md5(&format!("{ha1}:n:{}", md5("REGISTER:sip:h")));
        assert_eq!(
            text,
            format!("Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:h\", response=\"{expected}\"")
        );
    }

    #[test]
    fn challenges_we_cannot_meet_are_passed_over() {
        let all = Challenge::of(&response(
            "WWW-Authenticate: Basic realm=\"r\"\r\n\
             WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256\r\n\
             WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess, qop=\"auth\"\r\n\
             WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n\
             WWW-Authenticate: Digest realm=\"r\"\r\n\
             WWW-Authenticate: Digest realm=\"a \\\"b\\\"\", nonce=\"1\", stale=TRUE, Digest realm=\"c\", nonce=\"2\", algorithm=sha-256\r\n\
             Proxy-Authenticate: Digest realm=\"d\", nonce=\"3\", qop=\"auth-int,auth\"\r\n",
        ));
        let seen: Vec<_> = all.iter().map(|c| (c.realm.as_str(), c.proxy, c.algorithm, c.qop, c.stale)).collect();
        assert_eq!(
            seen,
            [
                ("a \"b\"", false, None, false, true),
                ("c", false, Some(Algorithm::Sha256), false, false),
                ("d", true, None, true, false)
            ]
        );
        let text =
            Proof::new(&all[0], "u", &Secret::Password("p".into())).unwrap().header(&Method::Bye, "sip:h", 1, "");
        assert!(text.1.contains("realm=\"a \\\"b\\\"\""), "{}", text.1);
    }

    #[test]
    fn a_hash_meets_only_its_own_algorithm_and_is_never_shown() {
        let all = Challenge::of(&response(
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256\r\n\
             WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5\r\n",
        ));
        let md5 = Secret::Ha1s(Ha1s::of("u", "r", "p").md5_only());
        assert_eq!(Proof::new(&all[0], "u", &md5), None);
        let by_hash = Proof::new(&all[1], "u", &md5).unwrap();
        assert_eq!(Some(&by_hash), Proof::new(&all[1], "u", &Secret::Password("p".into())).as_ref());
        let shown = format!("{by_hash:?} {md5:?}");
        assert!(!shown.contains(&ha1_hex(Algorithm::Md5, "u", "r", "p")), "{shown}");
    }
}
