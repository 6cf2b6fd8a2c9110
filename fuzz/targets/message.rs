//! Whole messages: whatever is read is printed so that it is read alike, and every question about
//! it has an answer.
#![no_main]

use std::net::SocketAddr;

use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, MessageBuilder, multipart};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let source: SocketAddr = ([192, 0, 2, 1], 5060).into();
    if let Some(answer) = Message::error_response(data, source, 400, None, "tag") {
        let bytes = answer.to_bytes();
        let roomy = Limits { message: 1 << 20, header: 1 << 20, headers: 1000, vias: 1 << 20, ..limits };
        assert!(Message::parse(&bytes, &roomy).is_ok_and(|m| m.status() == 400));
    }
    let Ok(message) = Message::parse(data, &limits) else { return };
    let _ = message.validate();
    let _ = (message.top_via(), message.from(), message.to(), message.cseq(), message.contacts().count());
    let _ = multipart::part(&message, "application/sdp");
    // Latin-1 grows when it becomes UTF-8 and may outgrow a limit; anything else is read again.
    if std::str::from_utf8(data).is_ok() {
        let again = Message::parse(&message.to_bytes(), &limits).expect("what is printed is readable");
        assert!(again.headers().eq(message.headers()));
        assert_eq!(again.body(), message.body());
    }
    if message.is_request() {
        let answer = MessageBuilder::response_from(&message, source, 200, None, Some("tag")).finish();
        assert_eq!(answer.status(), 200);
    }
});
