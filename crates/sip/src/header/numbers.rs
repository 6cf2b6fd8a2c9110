//! Numbers as headers write them (RFC 3261 25.1, `delta-seconds` and `qvalue`).

use crate::text::{is_digits, trim};

/// Reads a run of digits. A number beyond 2^32-1 becomes 2^32-1, as RFC 4475 3.1.2.4 suggests for
/// times; `None` for anything but digits.
#[must_use]
pub fn delta_seconds(text: &str) -> Option<u32> {
    let text = trim(text);
    if text.is_empty() || !is_digits(text) {
        return None;
    }
    Some(text.parse().unwrap_or(u32::MAX))
}

/// Reads a q value in thousandths: `0.7` is 700. Digits past the third are dropped; `None` outside
/// 0 to 1.
#[must_use]
pub fn qvalue(text: &str) -> Option<u16> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut thousandths = 0;
    for place in 0..3 {
        let digit = fraction.as_bytes().get(place).map_or(0, |b| b - b'0');
        thousandths = thousandths * 10 + u16::from(digit);
    }
    match whole {
        "0" => Some(thousandths),
        "" if !fraction.is_empty() => Some(thousandths),
        "1" if fraction.bytes().all(|b| b == b'0') => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_saturate_and_refuse_signs() {
        assert_eq!(delta_seconds(" 0068 "), Some(68));
        assert_eq!(delta_seconds("4294967295"), Some(u32::MAX));
        assert_eq!(delta_seconds("280297596632815"), Some(u32::MAX));
        for text in ["", "-1", "+1", "1.5", "abc", "1 2"] {
            assert_eq!(delta_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn q_is_read_to_thousandths() {
        for (text, q) in
            [("0", 0), ("0.", 0), ("0.33", 330), ("0.9999", 999), (".5", 500), ("1", 1000), ("1.000", 1000)]
        {
            assert_eq!(qvalue(text), Some(q), "{text}");
        }
        for text in ["", ".", "1.1", "2", "-0.5", "0.x", "0,5", "00.5"] {
            assert_eq!(qvalue(text), None, "{text}");
        }
    }
}
