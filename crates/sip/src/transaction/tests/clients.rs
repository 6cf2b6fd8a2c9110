//! Requests of ours (RFC 3261 17.1, RFC 6026).

use super::*;

fn ms<const N: usize>(at: [u64; N]) -> [u64; N] {
    at.map(|ms| ms * MS)
}

#[test]
fn an_invite_over_udp_is_sent_again_with_doubling_intervals_until_timer_b() {
    let mut bench = Bench::new();
    bench.send(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    assert_eq!(bench.sent_kinds(), ["INVITE"]);
    assert_eq!(bench.sent_within(32 * S - 1), ms([500, 1_500, 3_500, 7_500, 15_500, 31_500]));
    assert_eq!(bench.told(), [] as [&str; 0]);
    bench.advance(1);
    assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn a_user_in_a_hurry_is_told_of_silence_sooner_and_of_what_comes_later() {
    for (late, told, kinds) in [
        (None, ["terminated 1"].as_slice(), [].as_slice()),
        (Some(180), ["response 1 180"].as_slice(), [].as_slice()),
        (Some(200), ["response 1 200"].as_slice(), [].as_slice()),
        (Some(486), ["response 1 486"].as_slice(), ["ACK"].as_slice()),
    ] {
        let mut bench = Bench::new();
        bench.patience = Duration::from_secs(4);
        let invite = request("INVITE", "z9hG4bKa");
        bench.send(&invite, Transport::Udp);
        bench.sent();
        assert_eq!(bench.sent_within(4 * S - 1), ms([500, 1_500, 3_500]));
        bench.advance(1);
        assert_eq!(bench.told(), ["failed 1 Timeout"]);
        assert_eq!(bench.sent_within(31 * S), ms([3_500, 11_500, 27_500]), "its responses may have been lost");
        match late {
            Some(status) => assert!(bench.receive_response(&response_to(&invite, status))),
            None => bench.advance(S),
        }
        assert_eq!(bench.told(), told);
        assert_eq!(bench.sent_kinds(), kinds);
        bench.advance(600 * S);
        bench.told();
        bench.assert_clean();
    }
}

#[test]
fn a_100_gives_a_peer_all_the_time_a_user_in_a_hurry_would_not() {
    let mut bench = Bench::new();
    bench.patience = Duration::from_secs(4);
    let invite = request("INVITE", "z9hG4bKa");
    bench.send(&invite, Transport::Udp);
    bench.sent();
    bench.advance(3 * S);
    bench.receive_response(&response_to(&invite, 100));
    bench.advance(500 * S);
    assert_eq!(bench.told(), [] as [&str; 0]);
    bench.receive_response(&response_to(&invite, 200));
    assert_eq!(bench.told(), ["response 1 200"]);
}

#[test]
fn a_request_over_udp_is_sent_again_up_to_every_t2_until_timer_f() {
    let mut bench = Bench::new();
    bench.send(&request("BYE", "z9hG4bKa"), Transport::Udp);
    bench.sent();
    let at = bench.sent_within(32 * S - 1);
    assert_eq!(at, ms([500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]));
    bench.advance(1);
    assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn after_a_provisional_response_a_request_is_sent_again_every_t2() {
    let mut bench = Bench::new();
    let bye = request("BYE", "z9hG4bKa");
    let id = bench.send(&bye, Transport::Udp);
    bench.sent();
    bench.advance(100 * MS);
    assert!(bench.receive_response(&response_to(&bye, 100)));
    assert!(bench.layer.has_provisional(id));
    assert_eq!(bench.sent_within(9 * S), ms([400, 4_400, 8_400]));
    assert!(bench.receive_response(&response_to(&bye, 200)));
    assert_eq!(bench.sent_within(4_999 * MS), []);
    assert_eq!(bench.told(), ["response 1 200"]);
    bench.advance(MS);
    assert_eq!(bench.told(), ["terminated 1"]);
    bench.assert_clean();
}

#[test]
fn nothing_is_sent_again_over_a_reliable_transport() {
    for (method, transport) in [("INVITE", Transport::Tcp), ("BYE", Transport::Tls), ("INFO", Transport::Wss)] {
        let mut bench = Bench::new();
        bench.send(&request(method, "z9hG4bKa"), transport);
        assert_eq!(bench.sent_kinds(), [method]);
        assert_eq!(bench.sent_within(33 * S), []);
        assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
        bench.assert_clean();
    }
}

#[test]
fn an_invite_is_no_longer_sent_once_a_100_has_come_and_the_100_is_not_told() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.send(&invite, Transport::Udp);
    assert!(!bench.layer.has_provisional(id));
    bench.receive_response(&response_to(&invite, 100));
    bench.sent();
    assert_eq!(bench.sent_within(60 * S), []);
    assert_eq!(bench.told(), [] as [&str; 0]);
    assert!(bench.layer.has_provisional(id));
    for status in [180, 183] {
        bench.receive_response(&response_to(&invite, status));
    }
    assert_eq!(bench.told(), ["response 1 180", "response 1 183"]);
}

#[test]
fn an_error_response_is_acknowledged_as_the_rfc_builds_it_and_each_repetition_again() {
    let mut bench = Bench::new();
    let invite = parse(
        "INVITE sip:1502@192.0.2.50;x=1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\n\
         Route: <sip:p1;lr>\nRoute: <sip:p2;lr>\nMax-Forwards: 12\nFrom: \"Bob, B\" <sip:1501@h>;tag=f\n\
         To: <sip:1502@h>\nCall-ID: c@h\nCSeq: 4711 INVITE\nContact: <sip:1501@h>\nContent-Length: 3\n\nabc",
    );
    bench.send(&invite, Transport::Udp);
    bench.sent();
    let busy = response_to(&invite, 486);
    assert!(bench.receive_response(&busy));
    let ack = "ACK sip:1502@192.0.2.50;x=1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n\
               Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nMax-Forwards: 70\r\nFrom: \"Bob, B\" <sip:1501@h>;tag=f\r\n\
               To: <sip:1502@h>;tag=t\r\nCall-ID: c@h\r\nCSeq: 4711 ACK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(bench.sent(), [(flow(Transport::Udp), ack.to_owned())]);
    bench.advance(31 * S);
    assert!(bench.receive_response(&busy));
    assert!(bench.receive_response(&response_to(&invite, 180)));
    assert_eq!(bench.sent(), [(flow(Transport::Udp), ack.to_owned())]);
    assert_eq!(bench.told(), ["response 1 486"]);
    bench.advance(S);
    assert_eq!(bench.told(), ["terminated 1"]);
    assert!(!bench.receive_response(&busy), "timer D is over");
    bench.assert_clean();
}

#[test]
fn over_tcp_an_acknowledged_error_ends_the_transaction_at_once() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    bench.send(&invite, Transport::Tcp);
    bench.receive_response(&response_to(&invite, 404));
    assert_eq!(bench.sent_kinds(), ["INVITE", "ACK"]);
    assert_eq!(bench.told(), ["response 1 404", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn each_2xx_is_told_and_none_is_acknowledged_until_timer_m() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.send(&invite, Transport::Tcp);
    assert!(bench.layer.client_request(id).is_some());
    let fork = Arc::new(MessageBuilder::response_to(&invite, 200, None, Some("other")).finish());
    bench.receive_response(&response_to(&invite, 200));
    bench.receive_response(&fork);
    bench.receive_response(&response_to(&invite, 183));
    bench.receive_response(&response_to(&invite, 486));
    bench.advance(31 * S);
    bench.receive_response(&response_to(&invite, 200));
    assert_eq!(bench.sent_kinds(), ["INVITE"]);
    assert_eq!(bench.told(), ["response 1 200"; 3]);
    assert!(bench.layer.client_request(id).is_none(), "the request is not kept for 32 s");
    bench.advance(S);
    assert_eq!(bench.told(), ["terminated 1"]);
    assert!(!bench.receive_response(&fork), "a late 2xx is a stray");
    assert_eq!(bench.layer.counters().unmatched, 1);
    bench.assert_clean();
}

#[test]
fn a_final_response_is_told_once() {
    let mut bench = Bench::new();
    let register = request("REGISTER", "z9hG4bKa");
    bench.send(&register, Transport::Udp);
    for _ in 0..3 {
        assert!(bench.receive_response(&response_to(&register, 401)));
    }
    assert!(bench.receive_response(&response_to(&register, 100)));
    assert_eq!(bench.told(), ["response 1 401"]);
    assert_eq!(bench.layer.counters().absorbed, 3);
}

#[test]
fn a_response_belongs_to_the_request_of_its_branch_and_method() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKsame");
    let cancel = request("CANCEL", "z9hG4bKsame");
    bench.send(&invite, Transport::Udp);
    bench.send(&cancel, Transport::Udp);
    assert!(bench.receive_response(&response_to(&cancel, 200)));
    assert!(bench.receive_response(&response_to(&request("INVITE", "Z9HG4BKSAME"), 180)), "tokens ignore case");
    assert!(!bench.receive_response(&response_to(&request("INVITE", "z9hG4bKother"), 180)));
    assert!(!bench.receive_response(&response_to(&request("BYE", "z9hG4bKsame"), 200)));
    assert_eq!(bench.told(), ["response 2 200", "response 1 180"]);
}

#[test]
fn a_response_with_two_vias_went_astray() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    bench.send(&invite, Transport::Udp);
    let astray = parse(
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bKa, SIP/2.0/UDP h\nFrom: <sip:a@b>;tag=f\n\
         To: <sip:a@b>;tag=t\nCall-ID: c\nCSeq: 7 INVITE\n\n",
    );
    assert!(!bench.receive_response(&astray));
}

#[test]
fn a_cancel_follows_its_invite_hop_by_hop() {
    let mut bench = Bench::new();
    let invite = parse(
        "INVITE sip:1502@192.0.2.50 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\nRoute: <sip:p1;lr>\n\
         From: <sip:1501@h>;tag=f\nTo: <sip:1502@h>\nCall-ID: c@h\nCSeq: 12 INVITE\nContact: <sip:x@h>\n\n",
    );
    let id = bench.send(&invite, Transport::Udp);
    let reason = [("Reason".to_owned(), "SIP;cause=200".to_owned())];
    let (cancel, to) = bench.layer.build_cancel(id, &reason).unwrap();
    assert_eq!(to, flow(Transport::Udp));
    assert_eq!(
        String::from_utf8(cancel.to_bytes().to_vec()).unwrap(),
        "CANCEL sip:1502@192.0.2.50 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n\
         Route: <sip:p1;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:1501@h>;tag=f\r\nTo: <sip:1502@h>\r\nCall-ID: c@h\r\n\
         CSeq: 12 CANCEL\r\nReason: SIP;cause=200\r\nContent-Length: 0\r\n\r\n"
    );
    bench.receive_response(&response_to(&invite, 200));
    assert!(bench.layer.build_cancel(id, &[]).is_none(), "too late");
}

#[test]
fn a_cancel_that_crosses_the_200_leaves_both_transactions_to_end_by_themselves() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.send(&invite, Transport::Udp);
    bench.receive_response(&response_to(&invite, 180));
    let (cancel, to) = bench.layer.build_cancel(id, &[]).unwrap();
    let cancel = Arc::new(cancel);
    bench.send_with(&cancel, to, None);
    bench.receive_response(&response_to(&invite, 200));
    bench.receive_response(&response_to(&cancel, 481));
    assert_eq!(bench.told(), ["response 1 180", "response 1 200", "response 2 481"]);
    bench.advance(40 * S);
    assert_eq!(bench.told(), ["terminated 2", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn a_cancelled_invite_that_never_ends_is_given_up_after_64_t1() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    let id = bench.send(&invite, Transport::Udp);
    bench.receive_response(&response_to(&invite, 180));
    let (cancel, to) = bench.layer.build_cancel(id, &[]).unwrap();
    let cancel = Arc::new(cancel);
    bench.send_with(&cancel, to, None);
    bench.receive_response(&response_to(&cancel, 200));
    bench.advance(20 * S);
    bench.receive_response(&response_to(&invite, 180));
    bench.told();
    bench.advance(12 * S - 1);
    assert_eq!(bench.told(), [] as [&str; 0]);
    bench.advance(1);
    assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn a_peer_that_rings_for_ever_is_bounded_from_its_last_word() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bKa");
    bench.send(&invite, Transport::Udp);
    bench.receive_response(&response_to(&invite, 180));
    bench.advance(500 * S);
    bench.receive_response(&response_to(&invite, 180));
    bench.told();
    bench.advance(600 * S - 1);
    assert_eq!(bench.told(), [] as [&str; 0]);
    bench.advance(1);
    assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn a_transport_that_fails_fails_what_waits_on_it_and_nothing_else() {
    let mut bench = Bench::new();
    let ringing = request("INVITE", "z9hG4bKringing");
    let elsewhere = Flow { remote: "192.0.2.51:5060".parse().unwrap(), ..flow(Transport::Tcp) };
    let other = Flow { connection: 8, ..flow(Transport::Tcp) };
    bench.send(&request("INVITE", "z9hG4bKa"), Transport::Tcp);
    bench.send(&request("BYE", "z9hG4bKb"), Transport::Tcp);
    bench.send(&ringing, Transport::Tcp);
    bench.send(&request("BYE", "z9hG4bKc"), Transport::Udp);
    bench.send_with(&request("BYE", "z9hG4bKd"), elsewhere, None);
    bench.send_with(&request("BYE", "z9hG4bKe"), other, None);
    bench.receive_response(&response_to(&ringing, 180));
    bench.told();
    let broken = flow(Transport::Tcp);
    bench.layer.transport_failed(
        broken.transport,
        broken.remote,
        broken.connection,
        Fault::ConnectionLost,
        bench.now,
        &mut bench.out,
    );
    let mut told = bench.told();
    told.sort();
    assert_eq!(
        told,
        ["failed 1 Transport(ConnectionLost)", "failed 2 Transport(ConnectionLost)", "terminated 1", "terminated 2"]
    );
    // What rings may still answer over another connection.
    assert!(bench.receive_response(&response_to(&ringing, 200)));
    assert_eq!(bench.layer.len(), 4);
    bench.advance(33 * S);
    bench.assert_clean();
}

#[test]
fn a_connection_that_cannot_be_made_fails_only_requests_that_took_any() {
    let mut bench = Bench::new();
    let any = Flow { connection: 0, ..flow(Transport::Tcp) };
    bench.send_with(&request("BYE", "z9hG4bKa"), any, None);
    bench.send(&request("BYE", "z9hG4bKb"), Transport::Tcp);
    bench.layer.transport_failed(Transport::Tcp, any.remote, 0, Fault::NotConnected, bench.now, &mut bench.out);
    assert_eq!(bench.told(), ["failed 1 Transport(NotConnected)", "terminated 1"]);
}

#[test]
fn a_large_request_falls_back_to_udp_in_the_same_transaction() {
    for method in ["INVITE", "MESSAGE"] {
        let mut bench = Bench::new();
        let request = parse(&format!(
            "{method} sip:1502@192.0.2.50 SIP/2.0\nVia: SIP/2.0/TCP 192.0.2.1:5062;branch=z9hG4bKa;rport\n\
             From: <sip:a@h>;tag=f\nTo: <sip:b@h>\nCall-ID: c\nCSeq: 1 {method}\n\nbody"
        ));
        let any = Flow { connection: 0, ..flow(Transport::Tcp) };
        let id = bench.send_with(&request, any, Some(flow(Transport::Udp)));
        bench.advance(3 * S);
        assert_eq!(bench.sent_kinds(), [method]);
        bench.layer.transport_failed(Transport::Tcp, any.remote, 0, Fault::NotConnected, bench.now, &mut bench.out);
        let again = String::from_utf8(request.to_bytes().to_vec())
            .unwrap()
            .replace("SIP/2.0/TCP 192.0.2.1:5062", "SIP/2.0/UDP 192.0.2.1:5060");
        assert_eq!(bench.sent(), [(flow(Transport::Udp), again)]);
        assert_eq!(bench.sent_within(4 * S), ms([500, 1_500, 3_500]), "now it is unreliable");
        let (kept, over) = bench.layer.client_request(id).unwrap();
        assert_eq!((kept.top_via().unwrap().transport, over), ("UDP", flow(Transport::Udp)));
        // A second failure has nothing to fall back to.
        bench.layer.transport_failed(Transport::Udp, any.remote, 0, Fault::Unreachable, bench.now, &mut bench.out);
        assert_eq!(bench.told(), ["failed 1 Transport(Unreachable)", "terminated 1"]);
        bench.assert_clean();
    }
}

#[test]
fn after_a_response_there_is_no_falling_back() {
    let mut bench = Bench::new();
    let message = request("MESSAGE", "z9hG4bKa");
    bench.send_with(&message, flow(Transport::Tcp), Some(flow(Transport::Udp)));
    bench.receive_response(&response_to(&message, 100));
    let broken = flow(Transport::Tcp);
    bench.layer.transport_failed(
        broken.transport,
        broken.remote,
        broken.connection,
        Fault::ConnectionLost,
        bench.now,
        &mut bench.out,
    );
    assert_eq!(bench.told(), ["failed 1 Transport(ConnectionLost)", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn a_late_driver_loses_no_timer() {
    let mut bench = Bench::new();
    bench.send(&request("INVITE", "z9hG4bKa"), Transport::Udp);
    bench.now = Time(bench.now.0 + 3_600 * S);
    bench.layer.handle_timeouts(bench.now, &mut bench.out);
    assert_eq!(bench.told(), ["failed 1 Timeout", "terminated 1"]);
    bench.assert_clean();
}

#[test]
fn settings_of_zero_do_not_make_a_timer_fire_for_ever() {
    let zero = Duration::ZERO;
    let settings = TimerSettings { t1: zero, t2: zero, t4: zero, proceeding: zero, ..TimerSettings::default() };
    let mut bench = Bench::with(settings);
    let ringing = request("INVITE", "z9hG4bKa");
    bench.send(&ringing, Transport::Udp);
    bench.receive_response(&response_to(&ringing, 180));
    bench.send(&request("BYE", "z9hG4bKb"), Transport::Udp);
    bench.accept(&request("INVITE", "z9hG4bKc"), Transport::Udp);
    bench.accept(&request("BYE", "z9hG4bKd"), Transport::Udp);
    bench.advance(S);
    bench.assert_clean();
}
