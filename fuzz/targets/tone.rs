//! Tone plans as options hold them: what is printed is read back, and filling always ends.
#![no_main]

use cordboard_media::tone::{Plan, Tone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(plan) = text.parse::<Plan>() else { return };
    assert_eq!(plan.to_string().parse::<Plan>().as_ref(), Ok(&plan));
    let duration = plan.duration_ms();
    let mut out = [0; 1_600];
    let count = Tone::new(plan, 8_000).fill(&mut out);
    assert!(count == out.len() || duration.is_some());
});
