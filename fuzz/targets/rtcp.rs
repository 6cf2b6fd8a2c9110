//! RTCP as it comes off the wire: a bounded number of items; what is read of a report can be written and read again.
#![no_main]

use cordboard_media::rtcp::{Item, parse, round_trip, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut items = Vec::new();
    let whole = parse(data, |item| items.push(item));
    assert!(items.len() <= 64);
    if whole.is_err() {
        return;
    }
    for item in items {
        let (ssrc, sender, block) = match &item {
            Item::Sender { ssrc, info } => (*ssrc, Some(info), None),
            Item::Block { from, block } => (*from, None, Some(block)),
            Item::Bye { .. } => continue,
        };
        if let Some(block) = block {
            let _ = round_trip(0x1234_5678, block);
        }
        let mut out = [0; 600];
        let length = write(&mut out, ssrc, sender, block, "fuzz", false);
        let mut again = Vec::new();
        parse(&out[..length], |item| again.push(item)).expect("what was written is RTCP");
        assert_eq!(again, [item]);
    }
});
