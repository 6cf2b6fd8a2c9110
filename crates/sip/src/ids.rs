//! Fresh identifiers as an argument.

use crate::text::push_hex;

/// The source of randomness for tags, branches, Call-IDs and nonces.
///
/// Live drivers implement it over the operating system's generator; tests over a seed, so that a
/// run can be repeated to the letter.
pub trait Ids: Send {
    /// 64 fresh bits. Predicting them would let a stranger guess tags (RFC 3261 19.3), so a live
    /// implementation must be cryptographically strong.
    fn next_u64(&mut self) -> u64;

    /// Appends 16 hexadecimal digits to `out`.
    fn push_token(&mut self, out: &mut String) {
        push_hex(out, self.next_u64());
    }

    /// A fresh tag (RFC 3261 19.3): 64 random bits in hexadecimal.
    fn tag(&mut self) -> String {
        let mut tag = String::with_capacity(16);
        self.push_token(&mut tag);
        tag
    }

    /// Appends a fresh branch with the magic cookie of RFC 3261 8.1.1.7.
    fn push_branch(&mut self, out: &mut String) {
        out.push_str("z9hG4bK");
        self.push_token(out);
    }
}

/// A repeatable source for tests and the virtual network (splitmix64). Never for the live server.
#[derive(Clone, Debug)]
pub struct SeededIds(u64);

impl SeededIds {
    /// The same seed gives the same identifiers in the same order.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Ids for SeededIds {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
