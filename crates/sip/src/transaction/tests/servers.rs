//! Requests of peers (RFC 3261 17.2, 8.2.2.2, 9.2, 18.2.2, RFC 6026).

use super::*;
use crate::header::HeaderName;

fn ms<const N: usize>(at: [u64; N]) -> [u64; N] {
    at.map(|ms| ms * MS)
}

#[test]
fn an_invite_its_user_leaves_alone_is_answered_100_once_and_within_200_ms() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Wss] {
        let mut bench = Bench::new();
        let id = bench.accept(&request("INVITE", "z9hG4bKa"), transport);
        assert_eq!(bench.sent_kinds(), [] as [&str; 0]);
        bench.advance(200 * MS - 1);
        assert_eq!(bench.sent_kinds(), ["100"], "{transport:?}");
        bench.advance(30 * S);
        assert!(bench.respond(id, 180));
        assert_eq!(bench.sent_kinds(), ["180"]);
    }
}

#[test]
fn who_answers_soon_takes_the_100_back() {
    for status in [183, 200, 302, 486, 603] {
        let mut bench = Bench::new();
        let id = bench.accept(&request("INVITE", "z9hG4bKa"), Transport::Udp);
        bench.advance(140 * MS);
        assert!(bench.respond(id, status));
        assert_eq!(bench.sent_kinds(), [status.to_string()]);
        assert_eq!(bench.sent_within(300 * MS), [], "{status}");
    }
}

#[test]
fn an_invite_that_comes_again_before_any_answer_gets_the_100_at_once() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.accept(&invite, Transport::Udp);
    bench.advance(20 * MS);
    assert_eq!(bench.receive_request(&invite, Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.sent_kinds(), ["100"]);
    assert_eq!(bench.sent_within(S), [], "not once more when it was due");
    assert!(bench.respond(id, 200));
    assert_eq!(bench.sent_kinds(), ["200"]);
}

#[test]
fn a_busy_is_repeated_until_its_ack() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.accept(&invite, Transport::Udp);
    assert!(bench.respond(id, 486));
    assert!(bench.layer.server_request(id).is_none(), "the request is not kept for 32 s");
    assert_eq!(bench.sent_kinds(), ["486"]);
    assert_eq!(bench.sent_within(4 * S), ms([500, 1_500, 3_500]));
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKa"), Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKa"), Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.receive_request(&invite, Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.sent_within(5 * S - 1), []);
    assert_eq!(bench.told(), [] as [&str; 0]);
    bench.advance(1);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}

#[test]
fn the_100_has_no_tag_and_carries_the_timestamp_and_where_the_request_came_from() {
    let mut bench = Bench::new();
    let invite = parse(
        "INVITE sip:1502@h SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;rport\nFrom: <sip:a@h>;tag=f\n\
         To: <sip:b@h>\nCall-ID: c\nCSeq: 1 INVITE\nTimestamp: 54.2\n\n",
    );
    bench.accept(&invite, Transport::Udp);
    bench.advance(200 * MS);
    let expected = "SIP/2.0 100 Trying\r\n\
                    Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;rport=5060;received=192.0.2.50\r\n\
                    From: <sip:a@h>;tag=f\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nTimestamp: 54.2\r\n\
                    Content-Length: 0\r\n\r\n";
    assert_eq!(bench.sent(), [(flow(Transport::Udp), expected.to_owned())]);
}

#[test]
fn an_error_response_that_nobody_acknowledges_is_reported_after_timer_h() {
    for (transport, repeats) in [
        (Transport::Udp, &[500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500][..]),
        (Transport::Tcp, &[]),
    ] {
        let mut bench = Bench::new();
        let id = bench.accept(&request("INVITE", "z9hG4bKa"), transport);
        bench.respond(id, 404);
        bench.sent();
        assert_eq!(bench.sent_within(32 * S - 1), repeats.iter().map(|ms| ms * MS).collect::<Vec<_>>());
        bench.advance(1);
        assert_eq!(bench.told(), ["unacknowledged 1", "terminated 1"]);
        bench.assert_clean();
    }
}

#[test]
fn over_tcp_the_ack_of_an_error_ends_the_transaction_at_once() {
    let mut bench = Bench::new();
    let id = bench.accept(&request("INVITE", "z9hG4bKa"), Transport::Tcp);
    bench.respond(id, 404);
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKa"), Transport::Tcp), Inbound::Absorbed);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}

#[test]
fn a_repeated_invite_gets_the_last_provisional_response_again() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.accept(&invite, Transport::Udp);
    for (status, expected) in [(0, "100"), (180, "180"), (183, "183")] {
        if status > 0 {
            assert!(bench.respond(id, status));
        }
        bench.sent();
        assert_eq!(bench.receive_request(&invite, Transport::Udp), Inbound::Absorbed);
        assert_eq!(bench.sent_kinds(), [expected]);
    }
    assert_eq!(bench.layer.counters().absorbed, 3);
}

#[test]
fn after_a_2xx_repeated_invites_are_absorbed_in_silence_until_timer_l() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.accept(&invite, Transport::Udp);
    assert!(bench.respond(id, 200));
    assert_eq!(bench.sent_kinds(), ["200"]);
    bench.advance(32 * S - 1);
    assert_eq!(bench.receive_request(&invite, Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.sent_kinds(), [] as [&str; 0], "the user repeats its 2xx itself");
    bench.advance(1);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}

#[test]
fn the_ack_of_a_2xx_is_the_dialogs_whatever_its_branch() {
    let mut bench = Bench::new();
    let id = bench.accept(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    bench.respond(id, 200);
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKfresh"), Transport::Udp), Inbound::Ack);
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKa"), Transport::Udp), Inbound::Ack);
    assert_eq!(bench.layer.len(), 1);
}

#[test]
fn an_ack_before_the_final_response_is_a_named_protocol_error() {
    let mut bench = Bench::new();
    bench.accept(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    assert_eq!(bench.receive_request(&request("ACK", "z9hG4bKa"), Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.layer.counters().protocol_errors, 1);
    let error = bench.layer.last_protocol_error().unwrap();
    assert_eq!(error, ProtocolError { machine: "INVITE server", state: "Received", input: "Ack" });
}

#[test]
fn a_transaction_is_answered_finally_once() {
    let mut bench = Bench::new();
    for (n, (method, status)) in [("INVITE", 200), ("INVITE", 486), ("BYE", 200)].into_iter().enumerate() {
        let id = bench.accept(&request(method, &format!("z9hG4bK{n}")), Transport::Udp);
        assert!(bench.respond(id, status));
        bench.sent();
        assert!(!bench.respond(id, 180));
        assert!(!bench.respond(id, 200));
        assert!(!bench.respond(id, 500));
        assert_eq!(bench.sent_kinds(), [] as [&str; 0]);
    }
    assert!(!bench.respond(TransactionId(99), 200));
}

#[test]
fn a_repeated_request_waits_in_silence_and_then_gets_its_answer_again() {
    let mut bench = Bench::new();
    let bye = request("BYE", "z9hG4bKa");
    let id = bench.accept(&bye, Transport::Udp);
    assert_eq!(bench.receive_request(&bye, Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.sent_kinds(), [] as [&str; 0]);
    bench.respond(id, 200);
    let first = bench.sent();
    bench.advance(32 * S - 1);
    assert_eq!(bench.receive_request(&bye, Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.sent(), first);
    bench.advance(1);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}

#[test]
fn over_tcp_an_answered_request_is_gone_at_once() {
    let mut bench = Bench::new();
    let id = bench.accept(&request("OPTIONS", "z9hG4bKa"), Transport::Tcp);
    bench.respond(id, 200);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}

#[test]
fn requests_the_user_never_answers_do_not_stay() {
    let mut bench = Bench::new();
    bench.accept(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    bench.accept(&request("INFO", "z9hG4bKb"), Transport::Udp);
    bench.advance(32 * S);
    assert_eq!(bench.told(), ["terminated 2"]);
    bench.advance(568 * S + 150 * MS);
    assert_eq!(bench.told(), ["terminated 1"]);
    assert_eq!(bench.layer.counters().unanswered, 2);
    bench.assert_clean();
}

#[test]
fn branch_sent_by_and_method_tell_transactions_apart() {
    let mut bench = Bench::new();
    let text = |method: &str, host: &str, branch: &str| {
        parse(&format!(
            "{method} sip:b@h SIP/2.0\nVia: SIP/2.0/UDP {host};branch={branch}\nFrom: <sip:a@h>;tag=f\n\
             To: <sip:b@h>;tag=t\nCall-ID: c\nCSeq: 1 {method}\n\n"
        ))
    };
    bench.accept(&text("INFO", "192.0.2.50", "z9hG4bKa"), Transport::Udp);
    bench.accept(&text("INFO", "192.0.2.50:5062", "z9hG4bKa"), Transport::Udp);
    bench.accept(&text("INFO", "192.0.2.51", "z9hG4bKa"), Transport::Udp);
    bench.accept(&text("BYE", "192.0.2.50", "z9hG4bKa"), Transport::Udp);
    bench.accept(&text("INFO", "192.0.2.50", "z9hG4bKb"), Transport::Udp);
    assert_eq!(bench.receive_request(&text("INFO", "192.0.2.50", "Z9hg4bkA"), Transport::Udp), Inbound::Absorbed);
}

#[test]
fn clients_of_rfc_2543_are_matched_by_the_call() {
    for branch in ["", ";branch=1", ";branch=z9hG4bK"] {
        let mut bench = Bench::new();
        let text = |method: &str, cseq: &str, to: &str| {
            parse(&format!(
                "{method} sip:b@h SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.50{branch}\nFrom: <sip:a@h>;tag=f\n\
                 To: <sip:b@h>{to}\nCall-ID: c\nCSeq: {cseq}\n\n"
            ))
        };
        let id = bench.accept(&text("INVITE", "1 INVITE", ""), Transport::Udp);
        assert!(bench.is_known(&text("INVITE", "1 INVITE", "")));
        assert!(!bench.is_known(&text("INVITE", "1 INVITE", ";tag=another")), "it must be judged");
        assert_eq!(bench.receive_request(&text("INVITE", "1 INVITE", ""), Transport::Udp), Inbound::Absorbed);
        let cancel = Inbound::Cancel { invite: Some(id) };
        assert_eq!(bench.receive_request(&text("CANCEL", "1 CANCEL", ""), Transport::Udp), cancel);
        bench.respond(id, 486);
        // The ACK names the tag of our response; with another tag it acknowledges something else.
        assert_eq!(bench.receive_request(&text("ACK", "1 ACK", ";tag=x"), Transport::Udp), Inbound::Ack);
        assert_eq!(bench.receive_request(&text("ACK", "2 ACK", ";tag=t"), Transport::Udp), Inbound::Ack);
        assert_eq!(bench.receive_request(&text("ACK", "1 ACK", ";tag=t"), Transport::Udp), Inbound::Absorbed);
        bench.sent();
        assert_eq!(bench.sent_within(S), []);
        // The next request of the call is another transaction though the branch be the same.
        let bye = bench.accept(&text("BYE", "2 BYE", ";tag=t"), Transport::Udp);
        assert_eq!(bench.receive_request(&text("BYE", "2 BYE", ";tag=t"), Transport::Udp), Inbound::Absorbed);
        bench.respond(bye, 200);
        bench.advance(40 * S);
        bench.assert_clean();
    }
}

#[test]
fn a_cancel_finds_its_invite_by_the_branch_and_may_come_twice() {
    let mut bench = Bench::new();
    let id = bench.accept(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    let found = Inbound::Cancel { invite: Some(id) };
    assert_eq!(bench.receive_request(&request("CANCEL", "z9hG4bKa"), Transport::Udp), found);
    bench.respond(id, 487);
    assert_eq!(bench.sent_kinds(), ["487"], "it may come before the 100");
    assert_eq!(bench.receive_request(&request("CANCEL", "z9hG4bKa"), Transport::Udp), found);
    let none = Inbound::Cancel { invite: None };
    assert_eq!(bench.receive_request(&request("CANCEL", "z9hG4bKb"), Transport::Udp), none);
    assert_eq!(bench.layer.len(), 1);
    assert_eq!(bench.layer.counters().unmatched, 1);
}

#[test]
fn the_same_request_by_another_path_is_merged() {
    let mut bench = Bench::new();
    let start = "INVITE sip:b@h SIP/2.0";
    bench.accept(&with(start, "INVITE", "z9hG4bKa", "", "c"), Transport::Udp);
    assert_eq!(bench.receive_request(&with(start, "INVITE", "z9hG4bKb", "", "c"), Transport::Udp), Inbound::Merged);
    // Another call, another method and a request within a dialog are not.
    bench.accept(&with(start, "INVITE", "z9hG4bKc", "", "d"), Transport::Udp);
    bench.accept(&with("OPTIONS sip:b@h SIP/2.0", "OPTIONS", "z9hG4bKd", "", "c"), Transport::Udp);
    bench.accept(&with(start, "INVITE", "z9hG4bKe", ";tag=t", "c"), Transport::Udp);
    assert_eq!(bench.layer.counters().merged, 1);
    bench.advance(700 * S);
    bench.assert_clean();
    bench.accept(&with(start, "INVITE", "z9hG4bKb", "", "c"), Transport::Udp);
}

#[test]
fn responses_go_where_the_via_and_the_source_say() {
    let cases = [
        ("UDP 192.0.2.50:5070", Transport::Udp, "192.0.2.50:5070"),
        ("UDP 192.0.2.50", Transport::Udp, "192.0.2.50:5060"),
        ("UDP 10.0.0.1:5070", Transport::Udp, "192.0.2.50:5070"),
        ("UDP 10.0.0.1:5070;rport", Transport::Udp, "192.0.2.50:40000"),
        ("UDP phone.example.com:5070;maddr=198.51.100.1", Transport::Udp, "192.0.2.50:5070"),
        ("UDP 192.0.2.50:0", Transport::Udp, "192.0.2.50:5060"),
        ("TCP 10.0.0.1:5070", Transport::Tcp, "192.0.2.50:40000"),
    ];
    for (via, transport, expected) in cases {
        let mut bench = Bench::new();
        let came_on = Flow { remote: "192.0.2.50:40000".parse().unwrap(), ..flow(transport) };
        let info = parse(&format!(
            "INFO sip:b@h SIP/2.0\nVia: SIP/2.0/{via};branch=z9hG4bKa\nFrom: <sip:a@h>;tag=f\nTo: <sip:b@h>;tag=t\n\
             Call-ID: c\nCSeq: 1 INFO\n\n"
        ));
        let Inbound::New(id) = bench.receive_request_on(&info, came_on) else { panic!("{via}") };
        assert_eq!(bench.layer.server_flow(id), Some(came_on));
        bench.respond(id, 200);
        let [(to, text)] = &bench.sent()[..] else { panic!("{via}") };
        assert_eq!(*to, Flow { remote: expected.parse().unwrap(), ..came_on }, "{via}");
        assert_eq!(reply_flow(&info, came_on), *to);
        let differs = !via.contains(" 192.0.2.50");
        assert_eq!(text.contains(";received=192.0.2.50"), differs || via.contains("rport"), "{text}");
        assert_eq!(text.contains(";rport=40000"), via.contains("rport"), "{text}");
    }
}

#[test]
fn a_response_the_user_has_stamped_is_sent_as_it_is() {
    let info = parse(
        "INFO sip:b@h SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa, SIP/2.0/UDP far\nFrom: <sip:a@h>\n\
         To: <sip:b@h>\nCall-ID: c\nCSeq: 1 INFO\n\n",
    );
    let flow = flow(Transport::Udp);
    let stamped = MessageBuilder::response_from(&info, flow.remote, 200, None, None);
    let read = stamped.clone().finish();
    assert_eq!(
        read.get(HeaderName::Via),
        Some("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;rport=5060;received=192.0.2.50, SIP/2.0/UDP far")
    );
    let bytes = stamped.into_bytes();
    assert_eq!(bytes, read.to_bytes());
    let mut bench = Bench::new();
    let id = bench.accept(&info, Transport::Udp);
    bench.layer.respond(id, Reply { status: 200, tag: "", bytes: bytes.clone() }, bench.now, &mut bench.out);
    let [Output::Send(sent)] = &bench.out[..] else { panic!("{:?}", bench.out) };
    assert_eq!(sent.bytes, bytes);
}

#[test]
fn a_client_that_comes_back_over_another_connection_is_answered_there() {
    let mut bench = Bench::new();
    let info = request("INFO", "z9hG4bKa");
    let id = bench.accept(&info, Transport::Tcp);
    let second = Flow { connection: 8, remote: "192.0.2.50:40001".parse().unwrap(), ..flow(Transport::Tcp) };
    assert_eq!(bench.receive_request_on(&info, second), Inbound::Absorbed);
    bench.respond(id, 200);
    assert_eq!(bench.sent()[0].0, second);
}

#[test]
fn a_full_table_lets_answered_requests_go_and_then_refuses() {
    let mut bench = Bench::with(TimerSettings { max_transactions: 2, ..TimerSettings::default() });
    let id = bench.accept(&request("OPTIONS", "z9hG4bKa"), Transport::Udp);
    bench.accept(&request("INVITE", "z9hG4bKb"), Transport::Udp);
    assert_eq!(bench.receive_request(&request("INVITE", "z9hG4bKc"), Transport::Udp), Inbound::Overloaded);
    // What is known already is still dealt with.
    assert_eq!(bench.receive_request(&request("INVITE", "z9hG4bKb"), Transport::Udp), Inbound::Absorbed);
    bench.respond(id, 200);
    bench.told();
    bench.accept(&request("INVITE", "z9hG4bKc"), Transport::Udp);
    assert_eq!(bench.told(), ["terminated 1"]);
    assert_eq!(bench.receive_request(&request("BYE", "z9hG4bKd"), Transport::Udp), Inbound::Overloaded);
    let counters = bench.layer.counters();
    assert_eq!((counters.overloaded, counters.let_go), (2, 1));
    bench.advance(700 * S);
    bench.assert_clean();
}

#[test]
fn answered_requests_that_only_linger_are_bounded() {
    let mut bench = Bench::with(TimerSettings { max_answered: 3, ..TimerSettings::default() });
    for n in 0..10 {
        let id = bench.accept(&request("OPTIONS", &format!("z9hG4bK{n}")), Transport::Udp);
        bench.respond(id, 200);
    }
    assert_eq!(bench.layer.len(), 3);
    assert_eq!(bench.layer.counters().let_go, 7);
    assert_eq!(bench.receive_request(&request("OPTIONS", "z9hG4bK9"), Transport::Udp), Inbound::Absorbed);
    bench.advance(33 * S);
    bench.assert_clean();
}

#[test]
fn a_request_without_a_readable_via_is_dropped_and_counted() {
    let mut bench = Bench::new();
    let broken =
        parse("INVITE sip:b@h SIP/2.0\nVia: nonsense\nFrom: <sip:a@h>\nTo: <sip:b@h>\nCall-ID: c\nCSeq: 1 INVITE\n\n");
    assert_eq!(bench.receive_request(&broken, Transport::Udp), Inbound::Absorbed);
    assert_eq!(bench.layer.counters().unreadable, 1);
    bench.assert_clean();
}
