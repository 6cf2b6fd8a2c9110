//! Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3, 8.2.2.2).
//!
//! A transaction is found by a 128-bit hash of what names it, made with a secret seed. Two that
//! differ meet in one hash with a probability of 2^-128 times the square of their number, so the
//! hash stands for the text and no text is kept.

use std::hash::Hasher;

use crate::header::{HeaderName, Via};
use crate::message::{Message, Method};

/// What a branch of RFC 3261 begins with; alone it names nothing.
const COOKIE: &[u8] = b"z9hG4bK";

/// The To tags by which RFC 2543 clients tell an ACK from a retransmitted INVITE: those of the
/// request and of our final response, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LegacyTags {
    pub(super) request: u128,
    pub(super) response: Option<u128>,
}

/// Where to look for a request's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestKey {
    pub(super) key: u128,
    /// For a branch without RFC 3261's cookie: the hash of the request's To tag, which the key
    /// does not cover.
    pub(super) legacy_to: Option<u128>,
}

/// Two hashes of the same text, seeded apart. What names a transaction is gathered first, as a hash takes one long piece
/// faster than many short ones.
struct KeyHasher {
    seed: u64,
    text: Vec<u8>,
}

impl KeyHasher {
    fn new(seed: u64, what: u8) -> Self {
        let mut text = Vec::with_capacity(192);
        text.push(what);
        Self { seed, text }
    }

    fn exact(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Tokens and host names are the same in either case (RFC 3261 7.3.1).
    fn folded(&mut self, text: &str) {
        let start = self.text.len();
        self.text.extend_from_slice(text.as_bytes());
        self.text[start..].make_ascii_lowercase();
        self.end_part(text.len());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        self.end_part(bytes.len());
    }

    /// The length keeps neighbours apart.
    fn end_part(&mut self, length: usize) {
        self.text.extend_from_slice(&length.to_ne_bytes());
    }

    fn finish(&self) -> u128 {
        let half = |salt: u64| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u64(self.seed ^ salt);
            hasher.write(&self.text);
            hasher.finish()
        };
        u128::from(half(0x0123_4567_89ab_cdef)) << 64 | u128::from(half(0xfedc_ba98_7654_3210))
    }
}

/// The key of a client transaction: branch and CSeq method (RFC 3261 17.1.3).
pub(super) fn client_key(seed: u64, branch: &str, method: &Method) -> u128 {
    let mut hasher = KeyHasher::new(seed, b'C');
    hasher.folded(branch);
    hasher.exact(method.as_str());
    hasher.finish()
}

/// The key of the server transaction that `method` belongs to (RFC 3261 17.2.3): branch, `sent-by`
/// and method, or for RFC 2543 clients Request-URI, From tag, Call-ID, CSeq and `sent-by`. An ACK
/// and a CANCEL belong to the INVITE, so the caller gives that as `method`.
pub(super) fn server_key(seed: u64, request: &Message, via: &Via<'_>, method: &Method) -> RequestKey {
    let branch = via.branch().unwrap_or("");
    if branch.len() > COOKIE.len() && branch.as_bytes()[..COOKIE.len()].eq_ignore_ascii_case(COOKIE) {
        let mut hasher = KeyHasher::new(seed, b'S');
        sent_by(&mut hasher, via);
        hasher.folded(branch);
        hasher.exact(method.as_str());
        return RequestKey { key: hasher.finish(), legacy_to: None };
    }
    let mut hasher = KeyHasher::new(seed, b'L');
    sent_by(&mut hasher, via);
    hasher.folded(branch);
    hasher.exact(method.as_str());
    hasher.exact(request.uri());
    call(&mut hasher, request);
    let to = request.to().ok().and_then(|to| to.tag()).unwrap_or("");
    RequestKey { key: hasher.finish(), legacy_to: Some(tag_hash(seed, to)) }
}

/// The key under which merged requests meet (RFC 3261 8.2.2.2): From tag, Call-ID and CSeq. `None`
/// for a request with a To tag, which cannot be merged.
pub(super) fn merge_key(seed: u64, request: &Message, method: &Method) -> Option<u128> {
    if request.to().is_ok_and(|to| to.tag().is_some()) {
        return None;
    }
    let mut hasher = KeyHasher::new(seed, b'M');
    hasher.exact(method.as_str());
    call(&mut hasher, request);
    Some(hasher.finish())
}

/// The hash of a To tag, for RFC 2543 clients.
pub(super) fn tag_hash(seed: u64, tag: &str) -> u128 {
    let mut hasher = KeyHasher::new(seed, b'T');
    hasher.folded(tag);
    hasher.finish()
}

fn sent_by(hasher: &mut KeyHasher, via: &Via<'_>) {
    hasher.folded(via.host);
    hasher.bytes(&via.port.unwrap_or(0).to_be_bytes());
}

fn call(hasher: &mut KeyHasher, request: &Message) {
    hasher.folded(request.from().ok().and_then(|from| from.tag()).unwrap_or(""));
    hasher.exact(request.call_id());
    // The number without the method: an ACK or CANCEL has another one than its INVITE.
    let number = request.get(HeaderName::CSeq).and_then(|c| c.split_ascii_whitespace().next()).unwrap_or("");
    hasher.exact(number);
}
