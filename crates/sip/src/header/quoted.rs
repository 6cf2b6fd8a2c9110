//! Quoted strings (RFC 3261 25.1, `quoted-string`).

use std::borrow::Cow;
use std::fmt::{Display, Formatter, Result, Write};

use memchr::{memchr2, memchr3};

/// Removes the quotes and escapes of a quoted string, and its folds; any other text comes back as
/// it is. A backslash that escapes nothing stays.
#[must_use]
pub fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if memchr3(b'\\', b'\r', b'\n', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A line end cannot be escaped (RFC 3261 25.1); it is a fold all the same.
            '\\' if matches!(chars.peek(), Some('\r' | '\n')) => {}
            '\\' => plain.push(chars.next().unwrap_or('\\')),
            '\r' | '\n' => {
                while chars.next_if(|c| matches!(c, '\r' | '\n' | ' ' | '\t')).is_some() {}
                plain.push(' ');
            }
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Prints text as a quoted string, with `"` and `\` escaped; line ends, which no escape may carry
/// (RFC 3261 25.1, `quoted-pair`), become spaces.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(at) = rest.find(['"', '\\', '\r', '\n']) {
            f.write_str(&rest[..at])?;
            match rest.as_bytes()[at] {
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                _ => f.write_char(' ')?,
            }
            rest = &rest[at + 1..];
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}

/// How many bytes the quoted string at the start of `text` takes, both quotes included; `None` if
/// it does not start with a quote or is not closed.
pub(crate) fn quoted_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_folds_are_removed() {
        assert_eq!(unquote(r#""J \"Rosenberg\" \\""#), r#"J "Rosenberg" \"#);
        assert_eq!(unquote("\"two\r\n  lines\""), "two lines");
        assert_eq!(unquote("\"an escaped\\\r\n fold\""), "an escaped fold");
        assert_eq!(unquote("token"), "token");
        assert_eq!(unquote("\""), "\"");
        assert_eq!(unquote("\"\""), "");
    }

    #[test]
    fn quoting_escapes_what_would_end_the_string() {
        assert_eq!(Quoted(r#"a"b\c"#).to_string(), r#""a\"b\\c""#);
        assert_eq!(Quoted("a\r\nB: c").to_string(), "\"a  B: c\"");
        assert_eq!(unquote(&Quoted(r#"a"b\c"#).to_string()), r#"a"b\c"#);
    }

    #[test]
    fn a_quoted_string_ends_at_its_own_quote() {
        assert_eq!(quoted_len(r#""a\"b" c"#), Some(6));
        assert_eq!(quoted_len(r#""open"#), None);
        assert_eq!(quoted_len(r#""open\"#), None);
        assert_eq!(quoted_len("none"), None);
    }
}
