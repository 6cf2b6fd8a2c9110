//! Every typed header, over one text.
#![no_main]

use cordboard_sip::header::{
    CSeq, Challenge, Credentials, Event, NameAddr, RAck, Reason, Replaces, RetryAfter, SessionExpires, StampedVia,
    SubscriptionState, Via, delta_seconds, qvalue, split_list, unquote,
};
use cordboard_sip::message::multipart::MediaType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for one in split_list(text) {
        let _ = unquote(one);
        if let Ok(address) = NameAddr::parse(one) {
            let _ = (address.tag(), address.q(), address.expires(), address.parse_uri());
            let printed = address.to_string();
            let again = NameAddr::parse(&printed).expect("what is printed is readable");
            assert_eq!((again.display(), again.uri), (address.display(), address.uri));
        }
        if let Ok(via) = Via::parse(one) {
            let _ = (via.branch(), via.received(), via.rport(), via.ip());
            let printed = via.to_string();
            let again = Via::parse(&printed).expect("what is printed is readable");
            assert_eq!((again.host, again.port, again.transport), (via.host, via.port, via.transport));
            let source = ([192, 0, 2, 1], 5060).into();
            let mut stamped = String::new();
            StampedVia { line: one, source }.push_to(&mut stamped);
            let top = split_list(&stamped).next().map(Via::parse);
            assert!(top.is_some_and(|v| v.is_ok_and(|v| v.host == via.host)));
        }
        let _ = Reason::parse(one).map(|r| (r.cause(), r.text().map(|t| t.len())));
    }
    if let Ok(cseq) = CSeq::parse(text) {
        assert_eq!(CSeq::parse(&cseq.to_string()), Ok(cseq));
    }
    if let Ok(credentials) = Credentials::parse(text) {
        let all = credentials.params.iter().count();
        assert!(!credentials.is_digest() || all > 0);
    }
    let _ = Challenge::parse_all(text).count();
    let _ = Event::parse(text).map(|e| e.id().map(str::len));
    let _ = SubscriptionState::parse(text).map(|s| (s.expires(), s.retry_after(), s.reason().map(|r| r.len())));
    if let Ok(rack) = RAck::parse(text) {
        assert!(rack.rseq > 0);
        assert_eq!(RAck::parse(&format!("{} {}", rack.rseq, rack.cseq)), Ok(rack));
    }
    let _ = (Replaces::parse(text), SessionExpires::parse(text), RetryAfter::parse(text));
    let _ = (delta_seconds(text), qvalue(text), MediaType::parse(text).map(|m| m.params.unquoted("boundary")));
});
