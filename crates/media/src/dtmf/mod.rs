//! Keys pressed during a call: as telephone events (RFC 4733) in [`event`], and as pairs of tones in the sound (ITU-T
//! Q.23, Q.24), found by [`detector`] and made as a [`Plan`].

pub mod detector;
pub mod event;

use crate::tone::Plan;

/// The keys by their event code (RFC 4733 3.2).
pub const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
/// The tones of the keypad's rows and columns (Q.23), hertz.
pub const ROWS: [u16; 4] = [697, 770, 852, 941];
/// As [`ROWS`].
pub const COLUMNS: [u16; 4] = [1_209, 1_336, 1_477, 1_633];
const KEYPAD: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Keys pressed at once in one request.
pub const MAX_KEYS: usize = 32;
/// Level of both tones together, dBm0.
const DBM0: i32 = -6;

/// A key that was pressed and let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    /// Which.
    pub key: char,
    /// For how long.
    pub duration_ms: u32,
}

/// A text that is no row of at most [`MAX_KEYS`] keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// None, or more than [`MAX_KEYS`].
    Count(usize),
    /// This is no key.
    NoKey(char),
}

impl std::fmt::Display for KeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count} keys, 1 to {MAX_KEYS} can be pressed in a row"),
            Self::NoKey(key) => write!(f, "{key:?} is no key: 0 to 9, *, #, A to D"),
        }
    }
}

impl std::error::Error for KeysError {}

/// The event code of a key; letters in either case.
#[must_use]
pub fn code(key: char) -> Option<u8> {
    KEYS.iter().position(|k| *k == key.to_ascii_uppercase()).map(|place| place as u8)
}

/// The event codes of a row of keys.
fn codes(keys: &str) -> Result<impl Iterator<Item = u8>, KeysError> {
    let count = keys.chars().count();
    if count == 0 || count > MAX_KEYS {
        return Err(KeysError::Count(count));
    }
    if let Some(key) = keys.chars().find(|key| code(*key).is_none()) {
        return Err(KeysError::NoKey(key));
    }
    Ok(keys.chars().filter_map(code))
}

/// The tones of a key, hertz.
fn tones(key: char) -> Option<(u16, u16)> {
    let place = |(row, keys): (usize, &[char; 4])| Some((row, keys.iter().position(|k| *k == key)?));
    KEYPAD.iter().enumerate().find_map(place).map(|(row, column)| (ROWS[row], COLUMNS[column]))
}

/// Keys as sound, each heard once for `on_ms` with `off_ms` behind it.
///
/// # Errors
/// If it is no row of keys.
pub fn plan(keys: &str, on_ms: u32, off_ms: u32) -> Result<Plan, KeysError> {
    let (on_ms, off_ms) = (on_ms.max(1), off_ms.max(1));
    let segments: Vec<String> = codes(keys)?
        .filter_map(|code| tones(KEYS[usize::from(code)]))
        .map(|(row, column)| format!("!{row}+{column}@{DBM0}/{on_ms},!0/{off_ms}"))
        .collect();
    // What is written here is a plan.
    segments.join(",").parse().map_err(|_| KeysError::Count(segments.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_code_and_two_tones_of_its_own() {
        let mut pairs: Vec<_> = KEYS.iter().map(|key| tones(*key).unwrap()).collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), 16);
        for (number, key) in KEYS.iter().enumerate() {
            assert_eq!(code(*key), Some(number as u8));
        }
        assert_eq!((tones('5'), code('d')), (Some((770, 1_336)), Some(15)));
    }

    #[test]
    fn a_row_of_keys_is_a_plan_and_what_is_none_is_said() {
        assert_eq!(plan("1#", 100, 60).unwrap().to_string(), "!697+1209@-6/100,!0/60,!941+1477@-6/100,!0/60");
        assert_eq!(plan("0123456789*#ABCD0123456789*#abcd", 50, 50).unwrap().duration_ms(), Some(3_200));
        assert_eq!(plan("", 50, 50).unwrap_err().to_string(), "0 keys, 1 to 32 can be pressed in a row");
        assert_eq!(plan("12x", 50, 50).unwrap_err().to_string(), "'x' is no key: 0 to 9, *, #, A to D");
    }
}
