//! Digits sent to a leg.

use super::{Engine, Id, Playing, Source, Target};

/// The rows and columns of a telephone's keys, hertz (ITU-T Q.23).
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: &str = "123A456B789C*0#D";
/// Levels of the low and the high frequency, dBm0: the high one suffers more on the way.
const LOW: f32 = -9.0;
const HIGH: f32 = -7.0;

/// The two frequencies of a key.
fn frequencies(digit: char) -> Option<[(f64, f32); 2]> {
    let at = KEYS.find(digit.to_ascii_uppercase())?;
    Some([(ROWS[at / 4], LOW), (COLUMNS[at % 4], HIGH)])
}

impl Engine {
    /// Sends digits, each for so long and with so much silence after it; gives how long that takes. What is no digit
    /// is left out.
    pub fn send_digits(&self, leg: Id, digits: &str, on_ms: u32, off_ms: u32) -> u64 {
        let pairs: Vec<_> = digits.chars().filter_map(frequencies).collect();
        let took = pairs.len() as u64 * u64::from(on_ms + off_ms);
        let one = |pair: [(f64, f32); 2]| [Source::Waves(on_ms, pair.to_vec()), Source::Waves(off_ms, Vec::new())];
        let sources: Vec<_> = pairs.into_iter().flat_map(one).collect();
        if !sources.is_empty() {
            self.play_quietly(Target::Leg(leg), Playing { sources, ..Playing::default() });
        }
        took
    }
}
