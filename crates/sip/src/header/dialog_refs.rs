//! Headers that point at another dialog or at a provisional response: `Replaces` (RFC 3891) and
//! `RAck` (RFC 3262).

use super::{CSeq, HeaderError, Params};

/// The dialog a new one is to take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// Its tag on the side that receives the header: that side's local tag.
    pub to_tag: &'a str,
    /// Its tag on the other side.
    pub from_tag: &'a str,
    /// Only to be replaced while early.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads `call-id;to-tag=a;from-tag=b;early-only`. A header from the `?Replaces=` of a URI
    /// must have its `%` escapes removed first.
    ///
    /// # Errors
    /// If the Call-ID or a tag is missing or a tag comes twice (RFC 3891 3).
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "Replaces", why };
        let (call_id, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let call_id = call_id.trim();
        if call_id.is_empty() || call_id.contains(char::is_whitespace) {
            return Err(error("has no Call-ID"));
        }
        let params = Params::new(params);
        let one = |name: &str| {
            let mut all = params.iter().filter(|p| p.name.eq_ignore_ascii_case(name));
            let value = all.next().and_then(|p| p.value).filter(|v| !v.is_empty());
            if all.next().is_some() { None } else { value }
        };
        Ok(Self {
            call_id,
            to_tag: one("to-tag").ok_or(error("has not one to-tag"))?,
            from_tag: one("from-tag").ok_or(error("has not one from-tag"))?,
            early_only: params.has("early-only"),
        })
    }
}

/// The reliable provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// Its RSeq.
    pub rseq: u32,
    /// The CSeq of the request it answers.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads `776656 1 INVITE`.
    ///
    /// # Errors
    /// If a number is missing, the RSeq is 0 or beyond 2^32-1, or the rest is no CSeq.
    pub fn parse(text: &str) -> Result<Self, HeaderError> {
        let error = |why| HeaderError { what: "RAck", why };
        let text = text.trim();
        let (rseq, cseq) = text.split_once(|c: char| c.is_ascii_whitespace()).ok_or(error("has no CSeq"))?;
        if !rseq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error("its RSeq is not digits"));
        }
        let rseq = rseq.parse().ok().filter(|n| *n > 0).ok_or(error("its RSeq is out of range"))?;
        Ok(Self { rseq, cseq: CSeq::parse(cseq).map_err(|e| error(e.why))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;

    #[test]
    fn replaces_needs_both_tags_once() {
        let r = Replaces::parse("425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only").unwrap();
        assert_eq!(
            (r.call_id, r.to_tag, r.from_tag, r.early_only),
            ("425928@bobster.example.org", "7743", "6472", true)
        );
        for text in
            ["", "id", "id;to-tag=1", "id;from-tag=1", "id;to-tag=1;to-tag=2;from-tag=3", ";to-tag=1;from-tag=2"]
        {
            assert!(Replaces::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rack_names_response_and_request() {
        let r = RAck::parse("776656 1 INVITE").unwrap();
        assert_eq!(r, RAck { rseq: 776_656, cseq: CSeq { number: 1, method: Method::Invite } });
        for text in ["", "1", "1 INVITE", "0 1 INVITE", "x 1 INVITE", "4294967296 1 INVITE"] {
            assert!(RAck::parse(text).is_err(), "{text}");
        }
    }
}
