//! Multipart bodies: parts lie within the body, one after the other.
#![no_main]

use cordboard_sip::message::multipart::{MAX_PARTS, parts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (boundary, body) = input;
    let mut at = body.as_ptr() as usize;
    let mut count = 0;
    for part in parts(body, boundary).chain(parts(&[], boundary)) {
        let _ = (part.content_type(), part.header("Content-Disposition"));
        if !part.body.is_empty() {
            let start = part.body.as_ptr() as usize;
            assert!(start >= at);
            at = start + part.body.len();
        }
        count += 1;
    }
    assert!(at <= body.as_ptr() as usize + body.len());
    assert!(count <= MAX_PARTS);
});
