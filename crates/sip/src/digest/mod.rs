//! HTTP Digest for SIP, the server's side; the client's is [`client`] (RFC 3261 section 22, RFC 2617, RFC 7616, RFC 8760).
//!
//! * **Algorithms**: MD5 and SHA-256, `qop="auth"`. Clients of RFC 2069 that send no `qop` are
//!   accepted (RFC 3261 22.4 point 8). `auth-int`, `userhash` and the `-sess` variants are not offered.
//! * **Credentials** are kept as hashes of user, realm and password ([`Ha1s`]), never as passwords.
//! * **Order of challenges**: one header line for each algorithm a user has a hash for, SHA-256 first as
//!   RFC 8760 section 2.3 demands. A phone that reads only the first line and knows only MD5 would fail
//!   on that, so whoever serves such phones stores the MD5 hash alone: then only MD5 is offered.
//! * **Nonces** hold the time they were issued and a seal, which covers the address they were sent to; no table of them
//!   is kept. They live 300 seconds by default. An answer to one that is older, of an earlier process or of another
//!   address (a NAT that changed its own) is not judged but told `stale=true` (RFC 7616 section 3.3): otherwise it could
//!   be tried out which passwords are right without ever failing, or somebody else's address made to fail.
//! * **Replays**: the count of a nonce must grow. The same request arriving again (same digest, Call-ID,
//!   CSeq, Via, Contact and source) is a retransmission and is accepted, because a stateless registrar
//!   sees retransmissions. Without `qop` there is no count: the CSeq number takes its place, and a nonce
//!   stays with the Call-ID it was first used with. Whoever breaks that rule is told `stale=true`, which
//!   costs an honest client one more round trip.

mod answer;
pub mod client;
mod hex;
mod nonce;
mod replay;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hasher};
use std::net::IpAddr;

use md5::Md5;
use sha2::{Digest as Hash, Sha256};
use subtle::ConstantTimeEq;

pub use answer::{Answer, Counted};

use crate::flow::Flow;
use crate::header::{Credentials, HeaderError, HeaderName};
use crate::ids::Ids;
use crate::message::Message;
use crate::text::push_ascii;
use crate::time::Time;
use crate::uri::Uri;
use nonce::{NONCE_LEN, Sealer};
use replay::{ReplayGuard, Seen, Use};

/// A digest algorithm (RFC 8760 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// MD5: what every phone knows.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Reads the token in any case; `None` for those not known here.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| a.token().eq_ignore_ascii_case(token))
    }

    /// The token: `MD5`, `SHA-256`.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// Why an answer to a challenge could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// The header value is broken.
    Header(HeaderError),
    /// The scheme is not Digest.
    Scheme,
    /// This directive is missing.
    Missing(&'static str),
    /// `nc` is not eight hexadecimal digits.
    Count,
    /// A quality of protection that was not offered.
    Qop,
    /// A hashed user name, which was not offered.
    Userhash,
}

impl std::fmt::Display for AnswerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::Scheme => f.write_str("bad credentials: not of the Digest scheme"),
            Self::Missing(name) => write!(f, "bad credentials: no {name}"),
            Self::Count => f.write_str("bad credentials: nc is not eight hexadecimal digits"),
            Self::Qop => f.write_str("bad credentials: a qop that was not offered"),
            Self::Userhash => f.write_str("bad credentials: a hashed user name was not offered"),
        }
    }
}

impl std::error::Error for AnswerError {}

/// A text that is not a hash of that algorithm in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHash(pub Algorithm);

impl std::fmt::Display for BadHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.0 == Algorithm::Md5 { 32 } else { 64 };
        write!(f, "not a {} hash: {digits} hexadecimal digits are needed", self.0.token())
    }
}

impl std::error::Error for BadHash {}

/// The hashes of one user: H(user:realm:password) by algorithm (RFC 7616 section 3.4.2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Ha1s {
    /// With MD5.
    pub md5: Option<[u8; 16]>,
    /// With SHA-256.
    pub sha256: Option<[u8; 32]>,
}

impl Ha1s {
    /// Both hashes of a password.
    #[must_use]
    pub fn of(username: &str, realm: &str, password: &str) -> Self {
        Self {
            md5: Some(ha1_of::<Md5>(username, realm, password).into()),
            sha256: Some(ha1_of::<Sha256>(username, realm, password).into()),
        }
    }

    /// The same with the MD5 hash only.
    #[must_use]
    pub fn md5_only(self) -> Self {
        Self { sha256: None, ..self }
    }

    /// Adds a hash given in hexadecimal.
    ///
    /// # Errors
    /// If the text is no hash of that algorithm; nothing is changed then.
    pub fn set_hex(&mut self, algorithm: Algorithm, text: &str) -> Result<(), BadHash> {
        match algorithm {
            Algorithm::Md5 => self.md5 = Some(hex::decode(text).ok_or(BadHash(algorithm))?),
            Algorithm::Sha256 => self.sha256 = Some(hex::decode(text).ok_or(BadHash(algorithm))?),
        }
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.md5.is_none() && self.sha256.is_none()
    }

    /// The algorithms to offer, in the order to offer them.
    pub fn offered(&self) -> impl Iterator<Item = Algorithm> + use<> {
        let sha256 = self.sha256.map(|_| Algorithm::Sha256);
        sha256.into_iter().chain(self.md5.map(|_| Algorithm::Md5))
    }
}

/// Hashes are secrets: only which of them are there is shown.
impl std::fmt::Debug for Ha1s {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.offered().map(Algorithm::token)).finish()
    }
}

/// The hash a directory keeps in place of a password, in hexadecimal (RFC 7616 section 3.4.2).
#[must_use]
pub fn ha1_hex(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> String {
    let mut text = [0; 64];
    let text = match algorithm {
        Algorithm::Md5 => {
            hex::encode(&ha1_of::<Md5>(username, realm, password), &mut text);
            &text[..32]
        }
        Algorithm::Sha256 => {
            hex::encode(&ha1_of::<Sha256>(username, realm, password), &mut text);
            &text[..]
        }
    };
    text.iter().copied().map(char::from).collect()
}

fn ha1_of<H: Hash>(username: &str, realm: &str, password: &str) -> sha2::digest::Output<H> {
    let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
    parts.into_iter().fold(H::new(), Hash::chain_update).finalize()
}

/// What to do with a request that carries answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They are right.
    Accepted,
    /// Challenge anew; `stale` if the nonce is why.
    Challenge {
        /// Print `stale=true`.
        stale: bool,
    },
    /// The nonce is good and the answer wrong: the user or the password is not right. Answer 403.
    Forbidden,
    /// The credentials contradict the request. Answer 400 (RFC 7616 section 3.4.6).
    BadRequest,
}

/// Lines of Authorization or Proxy-Authorization that are looked at; more would be one for each realm of
/// a long chain of proxies.
const MOST_ANSWERS: usize = 8;

/// How long nonces live and how many are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestSettings {
    /// Seconds a nonce is good for.
    pub nonce_lifetime: u32,
    /// Used nonces that are remembered; each takes about 40 bytes.
    pub remembered: usize,
}

impl Default for DigestSettings {
    fn default() -> Self {
        Self { nonce_lifetime: 300, remembered: 1 << 18 }
    }
}

/// The server's side of Digest for one realm.
pub struct Digest {
    realm: Box<str>,
    /// Has taken in the secret.
    keyed: DefaultHasher,
    decoy: [u8; 32],
    sealer: Sealer,
    guard: ReplayGuard,
    settings: DigestSettings,
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digest").field("realm", &self.realm).field("remembered", &self.guard.len()).finish()
    }
}

impl Digest {
    /// A realm and a secret that seals its nonces. The secret must be unpredictable and need not
    /// outlive the process: nonces of an earlier one are answered with `stale=true`.
    ///
    /// Quotes, backslashes and control characters of the realm are replaced, since clients disagree on
    /// how to hash them; hashes must be made with [`Digest::realm`].
    #[must_use]
    pub fn new(realm: &str, secret: [u8; 32], settings: DigestSettings) -> Self {
        let realm: String =
            realm.chars().map(|c| if c == '"' || c == '\\' || c.is_control() { '_' } else { c }).collect();
        let mut keyed = DefaultHasher::new();
        keyed.write(&secret);
        Self {
            realm: realm.into(),
            keyed,
            decoy: Sha256::new_with_prefix(secret).chain_update(b"decoy").finalize().into(),
            sealer: Sealer::new(&secret),
            guard: ReplayGuard::new(settings.nonce_lifetime, settings.remembered),
            settings,
        }
    }

    /// The realm as printed.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of the WWW-Authenticate header lines that challenge a user with these hashes, in
    /// order. All share one nonce, which is good for who is at `source`.
    pub fn challenge(&self, offered: &Ha1s, stale: bool, source: IpAddr, ids: &mut dyn Ids, now: Time) -> Vec<String> {
        let nonce = self.sealer.mint(source, ids, now);
        offered.offered().map(|algorithm| self.print_challenge(algorithm, &nonce, stale)).collect()
    }

    fn print_challenge(&self, algorithm: Algorithm, nonce: &[u8; NONCE_LEN], stale: bool) -> String {
        let mut text = String::with_capacity(self.realm.len() + NONCE_LEN + 80);
        text.push_str("Digest realm=\"");
        text.push_str(&self.realm);
        text.push_str("\", nonce=\"");
        push_ascii(&mut text, nonce);
        text.push_str("\", algorithm=");
        text.push_str(algorithm.token());
        text.push_str(", qop=\"auth\"");
        if stale {
            text.push_str(", stale=true");
        }
        text
    }

    /// The answer for this realm that a request carries in Authorization or Proxy-Authorization.
    /// Answers for other realms are passed over, and so are values too broken to tell their realm.
    ///
    /// # Errors
    /// If the value is for this realm and cannot be read.
    pub fn presented<'m>(&self, request: &'m Message) -> Result<Option<Answer<'m>>, AnswerError> {
        for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
            for value in request.all(name).take(MOST_ANSWERS) {
                match Answer::parse(value) {
                    Ok(answer) if answer.realm == &*self.realm => return Ok(Some(answer)),
                    Err(error) if self.is_for_us(value) => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    fn is_for_us(&self, value: &str) -> bool {
        Credentials::parse(value)
            .is_ok_and(|c| c.is_digest() && c.get("realm").is_some_and(|realm| realm == *self.realm))
    }

    /// Judges an answer for this realm against the hashes of the user they name. For a user that
    /// does not exist, give the hashes of [`Digest::decoy`]: the answers are then those of a wrong
    /// password.
    pub fn verify(&mut self, answer: &Answer<'_>, ha1s: &Ha1s, request: &Message, flow: &Flow, now: Time) -> Verdict {
        if answer.uri != request.uri() && !same_resource(answer.uri, request.uri()) {
            return Verdict::BadRequest;
        }
        let seconds = nonce::clock(now);
        let fresh = self
            .sealer
            .open(answer.nonce, flow.remote.ip())
            .filter(|n| seconds.checked_sub(n.issued).is_some_and(|age| age < self.settings.nonce_lifetime));
        let Some(nonce) = fresh else { return Verdict::Challenge { stale: true } };
        let right = match (answer.algorithm, ha1s) {
            (Some(Algorithm::Md5), Ha1s { md5: Some(ha1), .. }) => is_right::<Md5, 16, 32>(answer, ha1, request),
            (Some(Algorithm::Sha256), Ha1s { sha256: Some(ha1), .. }) => {
                is_right::<Sha256, 32, 64>(answer, ha1, request)
            }
            _ => return Verdict::Challenge { stale: false },
        };
        if !right {
            return Verdict::Forbidden;
        }
        let usage = self.usage(answer, request, flow);
        match self.guard.note(nonce, usage, seconds) {
            Seen::New | Seen::Again => Verdict::Accepted,
            Seen::Replayed | Seen::Forgotten => Verdict::Challenge { stale: true },
        }
    }

    /// Hashes no password has, of the same shape as `like`.
    #[must_use]
    pub fn decoy(&self, like: &Ha1s) -> Ha1s {
        let mut short = [0; 16];
        short.copy_from_slice(&self.decoy[..16]);
        Ha1s { md5: like.md5.map(|_| short), sha256: like.sha256.map(|_| self.decoy) }
    }

    /// How many used nonces are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.guard.len()
    }

    fn usage(&self, answer: &Answer<'_>, request: &Message, flow: &Flow) -> Use {
        let cseq = request.cseq().map_or(0, |c| c.number);
        let call_id = self.keyed([request.call_id()].into_iter());
        let lines = request.all(HeaderName::Via).chain(request.all(HeaderName::Contact));
        let lines = self.keyed(lines.chain([answer.response, request.get(HeaderName::Expires).unwrap_or("")]));
        let mut source = rustc_hash::FxHasher::default();
        std::hash::Hash::hash(&flow.remote, &mut source);
        let fingerprint = lines ^ call_id.rotate_left(17) ^ source.finish() ^ u64::from(cseq).rotate_left(41);
        match answer.counted {
            Some(counted) => Use { count: counted.count, scope: 0, fingerprint },
            None => Use { count: cseq, scope: (call_id as u32).max(1), fingerprint },
        }
    }

    /// A hash that nobody without the secret can steer.
    fn keyed<'t>(&self, texts: impl Iterator<Item = &'t str>) -> u64 {
        let mut hasher = self.keyed.clone();
        for text in texts {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

/// Computes what the client should have sent and compares in constant time (RFC 7616 section 3.4.1).
fn is_right<H: Hash, const BYTES: usize, const TEXT: usize>(
    answer: &Answer<'_>,
    ha1: &[u8; BYTES],
    request: &Message,
) -> bool {
    let mut ha1_text = [0; TEXT];
    hex::encode(ha1, &mut ha1_text);
    let method = request.method();
    let parts = [method.as_str().as_bytes(), b":", answer.uri.as_bytes()];
    let ha2 = parts.into_iter().fold(H::new(), Hash::chain_update).finalize();
    let mut ha2_text = [0; TEXT];
    hex::encode(&ha2, &mut ha2_text);
    let mut hash = H::new().chain_update(ha1_text).chain_update(b":").chain_update(answer.nonce);
    if let Some(Counted { nc, cnonce, qop, .. }) = answer.counted {
        for part in [":", nc, ":", cnonce, ":", qop] {
            hash.update(part);
        }
    }
    let expected = hash.chain_update(b":").chain_update(ha2_text).finalize();
    hex::decode::<BYTES>(answer.response).is_some_and(|response| bool::from(response[..].ct_eq(&expected)))
}

/// Whether two URIs name the same resource as far as a digest is concerned: scheme, user, host and
/// port. Clients leave parameters and default ports out of one of the two, and some hash the
/// server's address alone, without the user they call; what they do name must agree.
fn same_resource(hashed: &str, requested: &str) -> bool {
    let (Ok(hashed), Ok(requested)) = (Uri::parse(hashed), Uri::parse(requested)) else { return false };
    let port = |uri: &Uri<'_>| uri.port.unwrap_or(if uri.is_sips() { 5061 } else { 5060 });
    hashed.scheme.eq_ignore_ascii_case(requested.scheme)
        && (hashed.user.is_empty() || hashed.user_decoded() == requested.user_decoded())
        && hashed.host.eq_ignore_ascii_case(requested.host)
        && port(&hashed) == port(&requested)
}
