//! Reliable provisional responses and PRACK between two endpoints (RFC 3262).
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cordboard_sip::endpoint::{Body, Command, DialogId, Event, TransactionId};
use cordboard_sip::{Flow, Message, Method, Transport};
use support::{Pair, answered, in_dialog, respond, statuses};

fn pair(header: &str) -> Pair {
    let mut pair = Pair::new();
    pair.headers.push((header.into(), "100rel".into()));
    pair
}

fn reliably(transaction: TransactionId, status: u16, body: &[u8]) -> Command {
    let body = Body { content_type: "application/sdp".into(), bytes: body.to_vec() };
    Command::Respond { transaction, status, reason: None, headers: vec![], body, reliable: true }
}

/// The responses end 0 was told of: dialog, status, RSeq.
fn heard(pair: &mut Pair) -> Vec<(DialogId, u16, Option<u32>)> {
    let events = pair.events(0);
    let one = |event: &Event| match event {
        Event::Response { dialog: Some(dialog), message, .. } => {
            (*dialog, message.status(), message.get_by_name("RSeq").map(|r| r.parse().unwrap()))
        }
        other => panic!("{other:?}"),
    };
    events.iter().map(one).collect()
}

/// End 0 sends PRACK; what end 1 is told.
fn prack(pair: &mut Pair, dialog: DialogId) -> (TransactionId, Arc<Message>) {
    let id = pair.number(0);
    pair.command(0, in_dialog(id, dialog, Method::Prack));
    let events = pair.events(1);
    match &events[..] {
        [Event::Request { transaction, message, in_dialog: true, .. }] if message.method() == Method::Prack => {
            (*transaction, message.clone())
        }
        other => panic!("{other:?}"),
    }
}

fn counter(pair: &Pair, side: usize, name: &str) -> u64 {
    pair.ends[side].all_counters().into_iter().find(|(n, _)| *n == name).unwrap().1
}

fn acknowledge(pair: &mut Pair, dialog: DialogId) {
    pair.command(0, Command::Ack { dialog, headers: vec![], body: Body::default() });
    assert!(matches!(&pair.events(1)[..], [Event::Ack { .. }]));
}

#[test]
fn a_reliable_183_is_acknowledged_and_the_call_goes_on() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    let heard = heard(&mut pair);
    let [(dialog, 183, Some(rseq))] = heard[..] else { panic!("{heard:?}") };
    let (ours, message) = prack(&mut pair, dialog);
    assert_eq!(message.get_by_name("RAck"), Some(format!("{rseq} 1 INVITE").as_str()));
    assert_eq!(message.cseq().unwrap().number, 2);
    pair.respond(ours, 200);
    assert_eq!(statuses(&pair.events(0)), [200]);
    pair.respond(server, 200);
    assert_eq!(answered(&pair.events(0)), dialog);
    acknowledge(&mut pair, dialog);
    assert_eq!(pair.ladder, ["0 INVITE", "1 183", "0 PRACK", "1 200", "1 200", "0 ACK"]);
    pair.settled(1);
}

#[test]
fn a_caller_that_does_not_know_prack_is_not_troubled_with_it() {
    let mut pair = Pair::new();
    let (_, server, _) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    assert!(matches!(heard(&mut pair)[..], [(_, 183, None)]));
    pair.respond(server, 486);
    assert_eq!(statuses(&pair.events(0)), [486]);
    pair.settled(0);
}

#[test]
fn a_caller_that_requires_it_is_answered_reliably_unasked() {
    let mut pair = pair("Require");
    let (_, server, _) = pair.invite();
    pair.respond(server, 180);
    let heard = heard(&mut pair);
    let [(dialog, 180, Some(_))] = heard[..] else { panic!("{heard:?}") };
    let (ours, _) = prack(&mut pair, dialog);
    pair.respond(ours, 200);
    pair.respond(server, 603);
    assert_eq!(statuses(&pair.events(0)), [200, 603]);
    pair.settled(0);
}

#[test]
fn a_lost_183_is_repeated_at_t1_doubling_and_told_once() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.pass(Duration::from_millis(200));
    pair.lose.extend(["1 183".into(), "1 183".into()]);
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    pair.pass(Duration::from_millis(1_400));
    assert!(heard(&mut pair).is_empty());
    pair.pass(Duration::from_millis(2_200));
    let heard = heard(&mut pair);
    let [(dialog, 183, Some(_))] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(counter(&pair, 0, "reliable_repeated"), 1);
    assert_eq!(pair.ladder[2..], ["1 183 lost", "1 183 lost", "1 183", "1 183"]);
    let (ours, _) = prack(&mut pair, dialog);
    pair.respond(ours, 200);
    pair.ladder.clear();
    pair.pass(Duration::from_secs(10));
    assert!(pair.ladder.is_empty(), "nothing is repeated after the PRACK: {:?}", pair.ladder);
    pair.respond(server, 480);
    pair.settled(0);
}

#[test]
fn a_lost_prack_is_repeated_by_its_transaction() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    let heard = heard(&mut pair);
    pair.lose.push_back("0 PRACK".into());
    let id = pair.number(0);
    pair.command(0, in_dialog(id, heard[0].0, Method::Prack));
    assert!(pair.events(1).is_empty());
    pair.pass(Duration::from_millis(600));
    let events = pair.events(1);
    let [Event::Request { transaction, .. }] = &events[..] else { panic!("{events:?}") };
    pair.lose.push_back("1 200".into());
    pair.respond(*transaction, 200);
    pair.pass(Duration::from_millis(1_100));
    assert!(pair.events(1).is_empty(), "a repeated PRACK is absorbed");
    assert_eq!(statuses(&pair.events(0)), [200]);
    pair.respond(server, 480);
    pair.settled(0);
}

#[test]
fn a_183_nobody_acknowledges_is_told_after_64_t1() {
    let mut pair = pair("Supported");
    let (_, server, callee) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    pair.respond(server, 200);
    pair.pass(Duration::from_millis(31_900));
    assert!(pair.events(1).is_empty());
    assert_eq!(pair.ladder.iter().filter(|l| *l == "1 183").count(), 7, "0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    pair.pass(Duration::from_millis(200));
    let events = pair.events(1);
    let [Event::NoPrack { transaction, dialog, message }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((*transaction, *dialog, message.method()), (server, callee, Method::Invite));
    assert_eq!(counter(&pair, 1, "reliable_unacknowledged"), 1);
    // The 2xx that waited is forgotten, and the user may refuse.
    pair.respond(server, 504);
    assert_eq!(statuses(&pair.events(0)), [183, 504]);
    pair.settled(0);
}

#[test]
fn the_next_reliable_response_waits_for_the_prack_of_the_last() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.command(1, reliably(server, 180, b""));
    pair.command(1, reliably(server, 182, b""));
    pair.command(1, reliably(server, 183, b""));
    pair.respond(server, 181);
    let first = heard(&mut pair);
    let [(dialog, 180, Some(rseq)), (_, 181, None)] = first[..] else { panic!("{first:?}") };
    for (status, next) in [(182, rseq + 1), (183, rseq + 2)] {
        let (ours, _) = prack(&mut pair, dialog);
        assert_eq!(heard(&mut pair), [(dialog, status, Some(next))]);
        pair.respond(ours, 200);
        assert_eq!(statuses(&pair.events(0)), [200]);
    }
    // Bare responses hold no 2xx back; their PRACK is taken even after it.
    pair.respond(server, 200);
    assert_eq!(answered(&pair.events(0)), dialog);
    acknowledge(&mut pair, dialog);
    let (ours, _) = prack(&mut pair, dialog);
    pair.respond(ours, 200);
    pair.ladder.clear();
    pair.pass(Duration::from_secs(40));
    assert!(pair.ladder.is_empty(), "nothing is repeated after the final response: {:?}", pair.ladder);
    pair.settled(1);
}

#[test]
fn a_2xx_does_not_overtake_a_description_that_is_not_acknowledged() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    pair.respond(server, 200);
    pair.respond(server, 486);
    let heard = heard(&mut pair);
    let [(dialog, 183, Some(_))] = heard[..] else { panic!("{heard:?}") };
    assert_eq!(counter(&pair, 1, "stale_commands"), 1, "one final response is enough");
    let (ours, _) = prack(&mut pair, dialog);
    assert_eq!(answered(&pair.events(0)), dialog);
    pair.respond(ours, 200);
    acknowledge(&mut pair, dialog);
    pair.settled(1);
}

#[test]
fn a_cancel_wins_against_a_2xx_that_still_waits() {
    let mut pair = pair("Supported");
    let (id, server, _) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    pair.respond(server, 200);
    pair.command(0, Command::Cancel { transaction: id, headers: vec![] });
    assert!(matches!(&pair.events(1)[..], [Event::Cancelled { .. }]));
    assert_eq!(statuses(&pair.events(0)), [183, 487]);
    pair.ladder.clear();
    pair.pass(Duration::from_secs(1));
    assert!(pair.ladder.is_empty(), "{:?}", pair.ladder);
    pair.settled(0);
}

#[test]
fn a_prack_that_names_nothing_is_answered_481_and_told_to_nobody() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.command(1, reliably(server, 183, b"v=0\r\n"));
    let heard = heard(&mut pair);
    let [(dialog, 183, Some(rseq))] = heard[..] else { panic!("{heard:?}") };
    let wrong = [
        format!("{} 1 INVITE", rseq + 1),
        format!("{rseq} 2 INVITE"),
        format!("{rseq} 1 UPDATE"),
        "0 1 INVITE".to_owned(),
        "nonsense".to_owned(),
    ];
    for rack in &wrong {
        let transaction = pair.number(0);
        let headers = vec![("RAck".to_owned(), rack.clone())];
        let prack =
            Command::SendInDialog { transaction, dialog, method: Method::Prack, headers, body: Body::default() };
        pair.command(0, prack);
        assert!(pair.events(1).is_empty(), "{rack}");
        assert_eq!(statuses(&pair.events(0)), [481], "{rack}");
    }
    assert_eq!(counter(&pair, 1, "pracks_unmatched"), wrong.len() as u64);
    let (ours, _) = prack(&mut pair, dialog);
    pair.respond(ours, 200);
    // The same again is too late: it was acknowledged.
    let again = pair.number(0);
    pair.command(0, in_dialog(again, dialog, Method::Prack));
    assert_eq!(statuses(&pair.events(0)), [200, 481]);
    pair.respond(server, 480);
    pair.settled(0);
}

#[test]
fn what_comes_out_of_order_is_dropped_and_counted() {
    let mut pair = pair("Supported");
    let (_, server, _) = pair.invite();
    pair.ends[1].command(reliably(server, 183, b""), pair.now);
    let mut transmits = Vec::new();
    pair.ends[1].take_transmits(&mut transmits);
    let first = String::from_utf8(transmits[0].bytes.to_vec()).unwrap();
    let message = Message::parse(first.as_bytes(), &Default::default()).unwrap();
    let rseq: u32 = message.get_by_name("RSeq").unwrap().parse().unwrap();
    let numbered = |n: u32| first.replace(&format!("RSeq: {rseq}"), &format!("RSeq: {n}"));
    let flow = Flow { transport: Transport::Udp, local: pair.addresses[0], remote: pair.addresses[1], connection: 0 };
    for n in [rseq, rseq + 2, rseq, rseq + 1, rseq + 2] {
        pair.ends[0].receive(numbered(n).as_bytes(), flow, pair.now);
    }
    let told: Vec<_> = heard(&mut pair).iter().map(|(_, _, n)| n.unwrap()).collect();
    assert_eq!(told, [rseq, rseq + 1, rseq + 2]);
    assert_eq!((counter(&pair, 0, "reliable_out_of_order"), counter(&pair, 0, "reliable_repeated")), (1, 1));
    pair.respond(server, 480);
    pair.settled(0);
}

#[test]
fn our_invite_offers_prack_only_where_the_user_says_so() {
    for (headers, expected) in [(vec![], 0), (vec![("Supported".to_owned(), "100rel, timer".to_owned())], 1)] {
        let mut pair = Pair::new();
        pair.headers = headers;
        pair.start_invite(b"");
        pair.deliver();
        let events = pair.events(1);
        let [Event::Request { message, .. }] = &events[..] else { panic!("{events:?}") };
        let offered = message.all_by_name("Supported").filter(|line| line.contains("100rel")).count();
        assert_eq!(offered, expected);
    }
}

#[test]
fn a_reinvite_has_reliable_responses_of_its_own() {
    let mut pair = pair("Supported");
    let (dialog, _) = pair.call();
    let transaction = pair.number(0);
    let headers = vec![("Require".to_owned(), "100rel".to_owned())];
    let reinvite =
        Command::SendInDialog { transaction, dialog, method: Method::Invite, headers, body: Body::default() };
    pair.command(0, reinvite);
    let events = pair.events(1);
    let [Event::Request { transaction: server, .. }] = &events[..] else { panic!("{events:?}") };
    pair.command(1, respond(*server, 183));
    assert!(matches!(heard(&mut pair)[..], [(_, 183, Some(_))]));
    let (ours, message) = prack(&mut pair, dialog);
    assert!(message.get_by_name("RAck").unwrap().ends_with(" 2 INVITE"));
    pair.respond(ours, 200);
    pair.respond(*server, 488);
    assert_eq!(statuses(&pair.events(0)), [200, 488]);
    pair.settled(1);
}
