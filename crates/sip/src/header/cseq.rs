//! `CSeq` (RFC 3261 20.16).

use super::HeaderError;
use crate::message::Method;
use crate::text::is_digits;

/// A sequence number and the method it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The number; below 2^31.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    /// Reads `314159 INVITE`.
    ///
    /// # Errors
    /// If the number is missing or not below 2^31, or there is no method.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "CSeq", why };
        let mut words = text.split_ascii_whitespace();
        let number = words.next().ok_or(error("is empty"))?;
        if !is_digits(number) {
            return Err(error("its number is not digits"));
        }
        let number =
            number.parse::<u32>().ok().filter(|n| *n < 1 << 31).ok_or(error("its number is not below 2^31"))?;
        let method = words.next().ok_or(error("has no method"))?;
        if !method.bytes().all(crate::message::is_token) {
            return Err(error("its method is no token"));
        }
        if words.next().is_some() {
            return Err(error("has more than a number and a method"));
        }
        Ok(Self { number, method: Method::from_token(method) })
    }
}

impl std::fmt::Display for CSeq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}
