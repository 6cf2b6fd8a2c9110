//! `;name=value` parameters, read in place (RFC 3261 25.1, `generic-param`).

use std::borrow::Cow;

use memchr::memchr3;

use super::quoted::unquote;
use crate::text::{cut, trim, trim_end, trim_start};

/// One parameter: its name and, if it has one, its value as written (quotes kept).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as written; compare with `eq_ignore_ascii_case`.
    pub name: &'a str,
    /// The value as written.
    pub value: Option<&'a str>,
}

impl<'a> Param<'a> {
    /// The value without quotes and escapes; empty if there is none.
    #[must_use]
    pub fn unquoted(&self) -> Cow<'a, str> {
        self.value.map_or(Cow::Borrowed(""), unquote)
    }

    /// Appends it after a semicolon, without white space round the signs.
    pub(crate) fn push_to(&self, out: &mut String) {
        out.push(';');
        out.push_str(self.name);
        if let Some(value) = self.value {
            out.push('=');
            out.push_str(value);
        }
    }
}

/// A run of parameters such as `;tag=a;lr`, walked on demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    text: &'a str,
}

impl<'a> Params<'a> {
    /// Wraps the text of the parameters, with or without the first semicolon.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The parameters as written.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The value of the first parameter of that name; `Some("")` for one without a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.value.unwrap_or(""))
    }

    /// Like [`Params::get`], without quotes and escapes.
    #[must_use]
    pub fn unquoted(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(unquote)
    }

    /// Whether a parameter of that name is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Each parameter in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let text = self.text.strip_prefix(';').unwrap_or(self.text);
        split_outside_quotes(text, b';').map(trim).filter(|p| !p.is_empty()).map(|p| match cut(p, b'=') {
            Some((name, value)) => Param { name: trim_end(name), value: Some(trim_start(value)) },
            None => Param { name: p, value: None },
        })
    }
}

/// Splits at `separator`, but not within a quoted string or angle brackets.
pub(crate) fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = find_outside_quotes(text, separator);
        match end {
            Some(at) => {
                rest = Some(&text[at + 1..]);
                Some(&text[..at])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

/// Where `separator` first stands outside quotes and angle brackets.
pub(crate) fn find_outside_quotes(text: &str, separator: u8) -> Option<usize> {
    let first = memchr3(separator, b'"', b'<', text.as_bytes())?;
    if text.as_bytes()[first] == separator {
        return Some(first);
    }
    let mut quoted = false;
    let mut escaped = false;
    let mut bracket = false;
    for (at, byte) in text.bytes().enumerate().skip(first) {
        if escaped {
            escaped = false;
        } else if quoted {
            match byte {
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if byte == separator && !bracket {
            return Some(at);
        } else {
            match byte {
                b'"' => quoted = true,
                b'<' => bracket = true,
                b'>' => bracket = false,
                _ => {}
            }
        }
    }
    None
}

impl std::fmt::Display for Params<'_> {
    /// Each parameter after a semicolon, white space round the signs left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for param in self.iter() {
            f.write_str(";")?;
            f.write_str(param.name)?;
            if let Some(value) = param.value {
                f.write_str("=")?;
                f.write_str(value)?;
            }
        }
        Ok(())
    }
}
