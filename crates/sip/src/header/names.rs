//! Finding a header name: a hash table laid out when the crate is compiled, so that a name costs
//! one hash of three of its letters and, mostly, one comparison.

use super::HeaderName;

const SLOTS: usize = 256;

/// Where the search for a name starts. The last letter but one tells `Referred-By` from `Refer-To`
/// and `Min-SE` from `Min-Expires` even before the length does.
const fn hash(name: &[u8]) -> usize {
    let length = name.len();
    let first = name[0].to_ascii_lowercase() as usize;
    let middle = name[length / 2].to_ascii_lowercase() as usize;
    let last = name[length - 1].to_ascii_lowercase() as usize;
    (first.wrapping_mul(37) ^ middle.wrapping_mul(11) ^ last.wrapping_mul(5) ^ length.wrapping_mul(59)) % SLOTS
}

/// Open addressing; an empty slot ends a search.
static TABLE: [Option<(&str, HeaderName)>; SLOTS] = {
    let mut table: [Option<(&str, HeaderName)>; SLOTS] = [None; SLOTS];
    let mut at = 0;
    while at < HeaderName::ALL.len() {
        let entry = HeaderName::ALL[at];
        let mut slot = hash(entry.0.as_bytes());
        while table[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = Some(entry);
        at += 1;
    }
    table
};

/// Finds a name of two letters or more.
pub(super) fn find(name: &[u8]) -> HeaderName {
    if name.is_empty() {
        return HeaderName::Other;
    }
    let mut slot = hash(name);
    while let Some((known, id)) = TABLE[slot] {
        if known.as_bytes() == name || known.as_bytes().eq_ignore_ascii_case(name) {
            return id;
        }
        slot = (slot + 1) % SLOTS;
    }
    HeaderName::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (name, id) in HeaderName::ALL {
            assert_eq!(HeaderName::from_bytes(name.as_bytes()), *id);
            assert_eq!(HeaderName::from_bytes(name.to_ascii_uppercase().as_bytes()), *id);
            assert_eq!(HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()), *id);
            assert_eq!(id.as_str(), *name);
        }
    }

    #[test]
    fn names_are_found_within_three_steps() {
        let mut longest = 0;
        for (name, _) in HeaderName::ALL {
            let mut slot = hash(name.as_bytes());
            let mut steps = 1;
            while TABLE[slot].is_none_or(|e| e.0 != *name) {
                slot = (slot + 1) % SLOTS;
                steps += 1;
            }
            longest = longest.max(steps);
        }
        assert!(longest <= 3, "{longest}");
    }

    #[test]
    fn unknown_names_are_other() {
        for name in ["", "Vi", "Vias", "C%6Fntact", "X-Custom", "q", "!"] {
            assert_eq!(HeaderName::from_bytes(name.as_bytes()), HeaderName::Other, "{name}");
        }
        assert_eq!(HeaderName::from_bytes(b"I"), HeaderName::CallId);
        assert_eq!(HeaderName::from_bytes(b"n"), HeaderName::IdentityInfo);
    }
}
