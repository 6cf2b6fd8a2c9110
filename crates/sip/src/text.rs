//! What every message is read and printed with: on bytes, where the standard library goes by way of `char` and `fmt`.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use memchr::memchr;

/// A class of bytes as a table: letters, digits and these marks.
pub(crate) const fn alphanumeric_or(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
}

/// [`str::trim`], of which ASCII needs little.
pub(crate) fn trim(text: &str) -> &str {
    trim_start(trim_end(text))
}

/// [`str::trim_start`], of which ASCII needs little.
pub(crate) fn trim_start(text: &str) -> &str {
    let text = text.trim_ascii_start();
    match text.as_bytes().first() {
        Some(first) if !first.is_ascii_graphic() => text.trim_start(),
        _ => text,
    }
}

/// [`str::trim_end`], of which ASCII needs little.
pub(crate) fn trim_end(text: &str) -> &str {
    let text = text.trim_ascii_end();
    match text.as_bytes().last() {
        Some(last) if !last.is_ascii_graphic() => text.trim_end(),
        _ => text,
    }
}

/// What stands before and after the first `mark`, which is ASCII.
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = memchr(mark, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// What stands before the first `mark`, which is ASCII, and the rest from it on; all and nothing where there is none.
pub(crate) fn split_before(text: &str, mark: u8) -> (&str, &str) {
    text.split_at(memchr(mark, text.as_bytes()).unwrap_or(text.len()))
}

/// Whether all bytes are digits, be it none.
pub(crate) fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of digits alone: [`str::parse`] takes a sign too.
pub(crate) fn number<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok().filter(|_| text.as_bytes().first().is_some_and(u8::is_ascii_digit))
}

/// Appends a number in decimal.
pub(crate) fn push_number(out: &mut String, number: u64) {
    if number > 9 {
        push_number(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends sixteen hexadecimal digits.
pub(crate) fn push_hex(out: &mut String, bits: u64) {
    let mut digits = [0; 16];
    hex(&bits.to_be_bytes(), &mut digits);
    push_ascii(out, &digits);
}

/// Writes `bytes` in hexadecimal, lower case; `text` is twice as long.
pub(crate) fn hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Appends an address, without brackets.
pub(crate) fn push_ip(out: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push('.');
                }
                push_number(out, octet.into());
            }
        }
        // Writing to a String cannot fail.
        IpAddr::V6(ip) => _ = write!(out, "{ip}"),
    }
}

/// Appends `host:port`, an IPv6 address in brackets.
pub(crate) fn push_address(out: &mut String, address: SocketAddr) {
    match address {
        SocketAddr::V4(v4) => {
            push_ip(out, (*v4.ip()).into());
            out.push(':');
            push_number(out, v4.port().into());
        }
        // Writing to a String cannot fail.
        SocketAddr::V6(_) => _ = write!(out, "{address}"),
    }
}

/// Appends bytes known to be ASCII.
pub(crate) fn push_ascii(out: &mut String, bytes: &[u8]) {
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_every_kind_is_trimmed_as_the_standard_library_does() {
        for text in ["", " ", "a", "ab", " a b ", "\r\n\ta\u{a0}", "\u{2003}ab\u{2003}", "\u{b}é\u{1f}", "a\u{0}", "é"]
        {
            assert_eq!(
                (trim(text), trim_start(text), trim_end(text)),
                (text.trim(), text.trim_start(), text.trim_end())
            );
        }
    }

    #[test]
    fn numbers_and_addresses_are_printed_as_the_standard_library_does() {
        for number in [0, 7, 10, 5060, 65_535, u64::MAX] {
            let mut text = String::new();
            push_number(&mut text, number);
            push_hex(&mut text, number);
            assert_eq!(text, format!("{number}{number:016x}"));
        }
        for ip in ["0.0.0.0", "192.0.2.10", "255.255.255.255", "2001:db8::1", "::ffff:192.0.2.1"] {
            let mut text = String::new();
            push_ip(&mut text, ip.parse().unwrap());
            assert_eq!(text, ip);
            let address = SocketAddr::new(ip.parse().unwrap(), 5060);
            text.clear();
            push_address(&mut text, address);
            assert_eq!(text, address.to_string());
        }
    }

    #[test]
    fn a_number_has_no_sign() {
        assert_eq!(
            (number("065"), number::<u16>("65536"), number::<u16>("+1"), number::<u16>("")),
            (Some(65_u16), None, None, None)
        );
    }

    #[test]
    fn texts_are_parted_at_the_first_mark() {
        assert_eq!(cut("a=b=c", b'='), Some(("a", "b=c")));
        assert_eq!(cut("é=", b'='), Some(("é", "")));
        assert_eq!(cut("", b'='), None);
        assert_eq!((split_before("a;b;c", b';'), split_before("a", b';')), (("a", ";b;c"), ("a", "")));
    }
}
