//! Two endpoints call each other: what each is told, what passes on the wire, what is left.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use cordboard_sip::endpoint::{Body, Command, Control, Event, Failure, Fault};
use cordboard_sip::{Flow, Message, Method, Transport};
use support::{Pair, answered, in_dialog, respond, statuses};

/// How many of something an endpoint holds.
fn held(pair: &Pair, end: usize, what: &str) -> usize {
    let held = pair.ends[end].held().into_iter().find(|(name, _)| *name == what);
    held.unwrap_or_else(|| panic!("nothing is counted as {what}")).1
}

#[test]
fn a_call_is_set_up_and_ended() {
    let mut pair = Pair::new();
    let (caller, callee) = pair.call();
    let bye = pair.number(0);
    pair.command(0, in_dialog(bye, caller, Method::Bye));
    let events = pair.events(1);
    let [Event::Request { transaction, dialog, in_dialog: true, message, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((*dialog, message.method()), (Some(callee), Method::Bye));
    pair.respond(*transaction, 200);
    assert!(pair.events(0).is_empty(), "nobody waits for the answer to a BYE");
    assert_eq!(pair.ladder, ["0 INVITE", "1 180", "1 200", "0 ACK", "0 BYE", "1 200"]);
    pair.settled(0);
}

#[test]
fn the_callee_may_end_the_call() {
    let mut pair = Pair::new();
    let (caller, callee) = pair.call();
    let bye = pair.number(1);
    pair.command(1, in_dialog(bye, callee, Method::Bye));
    let events = pair.events(0);
    let [Event::Request { transaction, dialog, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(*dialog, Some(caller));
    pair.command(0, respond(*transaction, 200));
    assert!(pair.events(1).is_empty());
    pair.settled(0);
}

#[test]
fn what_is_owed_an_answer_is_forgotten_with_it_and_an_invite_only_with_its_transaction() {
    let mut pair = Pair::new();
    let (caller, _) = pair.call();
    let bye = pair.number(0);
    pair.command(0, in_dialog(bye, caller, Method::Bye));
    let events = pair.events(1);
    let [Event::Request { transaction, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(held(&pair, 1, "server_transactions"), 2);
    pair.respond(*transaction, 200);
    // A CANCEL may yet come for the INVITE; both linger for what is repeated.
    assert_eq!((held(&pair, 1, "server_transactions"), held(&pair, 1, "transactions")), (1, 2));
    pair.respond(*transaction, 200);
    assert_eq!(pair.ends[1].counters().stale_commands, 1);
    pair.settled(0);
}

#[test]
fn a_lost_200_is_sent_again_until_acknowledged() {
    let mut pair = Pair::new();
    let (_, server, _) = pair.invite();
    pair.respond(server, 180);
    pair.lose.extend(["1 200".into(), "1 200".into()]);
    pair.respond(server, 200);
    pair.pass(Duration::from_millis(1_600));
    let caller = answered(&pair.events(0));
    pair.command(0, Command::Ack { dialog: caller, headers: vec![], body: Body::default() });
    assert!(matches!(&pair.events(1)[..], [Event::Ack { .. }]));
    assert_eq!(pair.ladder, ["0 INVITE", "1 180", "1 200 lost", "1 200 lost", "1 200", "0 ACK"]);
    pair.settled(1);
}

#[test]
fn a_lost_ack_is_sent_again_for_each_200() {
    let mut pair = Pair::new();
    let (_, server, _) = pair.invite();
    pair.respond(server, 200);
    let caller = answered(&pair.events(0));
    pair.lose.push_back("0 ACK".into());
    pair.command(0, Command::Ack { dialog: caller, headers: vec![], body: Body::default() });
    assert!(pair.events(1).is_empty());
    pair.pass(Duration::from_millis(600));
    assert!(matches!(&pair.events(1)[..], [Event::Ack { .. }]));
    assert!(pair.events(0).is_empty(), "a repeated 200 is not told twice");
    pair.settled(1);
}

#[test]
fn a_200_never_acknowledged_is_told_after_64_t1() {
    let mut pair = Pair::new();
    let (_, server, callee) = pair.invite();
    pair.respond(server, 200);
    let caller = answered(&pair.events(0));
    pair.pass(Duration::from_millis(31_900));
    assert!(pair.events(1).is_empty());
    pair.pass(Duration::from_millis(200));
    assert!(matches!(&pair.events(1)[..], [Event::NoAck { dialog }] if *dialog == callee));
    pair.command(1, Command::Forget { dialog: callee });
    pair.command(0, Command::Forget { dialog: caller });
    pair.settled(0);
}

#[test]
fn a_refusal_is_acknowledged_by_the_endpoint_itself() {
    let mut pair = Pair::new();
    let (_, server, _) = pair.invite();
    pair.respond(server, 486);
    assert_eq!(statuses(&pair.events(0)), [486]);
    assert_eq!(pair.ladder, ["0 INVITE", "1 486", "0 ACK"]);
    pair.settled(0);
}

#[test]
fn a_cancel_waits_for_the_first_provisional() {
    let mut pair = Pair::new();
    let (id, server, dialog) = pair.invite();
    pair.command(0, Command::Cancel { transaction: id, headers: vec![] });
    assert_eq!(pair.ladder, ["0 INVITE"], "RFC 3261 9.1: not before a provisional");
    pair.respond(server, 180);
    let events = pair.events(1);
    assert!(
        matches!(&events[..], [Event::Cancelled { transaction, dialog: d, .. }] if *transaction == server && *d == dialog),
        "{events:?}"
    );
    assert_eq!(statuses(&pair.events(0)), [180, 487]);
    pair.settled(0);
}

#[test]
fn a_user_that_says_nothing_has_the_caller_told_100_and_may_be_cancelled_then() {
    let mut pair = Pair::new();
    let (id, server, _) = pair.invite();
    pair.command(0, Command::Cancel { transaction: id, headers: vec![] });
    pair.pass(Duration::from_millis(200));
    assert_eq!(pair.ladder, ["0 INVITE", "1 100", "0 CANCEL", "1 200", "1 487", "0 ACK"]);
    assert!(matches!(&pair.events(1)[..], [Event::Cancelled { transaction, .. }] if *transaction == server));
    assert_eq!(statuses(&pair.events(0)), [487]);
    pair.settled(0);
}

#[test]
fn a_cancel_that_crosses_the_200_does_not_undo_the_call() {
    let mut pair = Pair::new();
    let (id, server, callee) = pair.invite();
    pair.respond(server, 180);
    pair.ends[1].command(respond(server, 200), pair.now);
    pair.ends[0].command(Command::Cancel { transaction: id, headers: vec![] }, pair.now);
    pair.deliver();
    let caller = answered(&pair.events(0));
    assert!(pair.events(1).is_empty(), "the CANCEL came too late");
    pair.command(0, Command::Ack { dialog: caller, headers: vec![], body: Body::default() });
    assert!(matches!(&pair.events(1)[..], [Event::Ack { dialog, .. }] if *dialog == callee));
    pair.settled(1);
}

#[test]
fn a_cancelled_invite_that_nobody_ends_fails_after_64_t1() {
    let mut pair = Pair::new();
    let (id, server, _) = pair.invite();
    pair.respond(server, 180);
    pair.events(0);
    pair.lose.extend(std::iter::repeat_n("0 CANCEL".to_owned(), 20));
    pair.command(0, Command::Cancel { transaction: id, headers: vec![] });
    pair.pass(Duration::from_secs(33));
    let events = pair.events(0);
    assert!(
        matches!(&events[..], [Event::Failed { transaction, failure: Failure::Timeout, .. }] if *transaction == id)
    );
    pair.respond(server, 480);
    pair.settled(0);
}

#[test]
fn nobody_there_is_a_timeout() {
    let mut pair = Pair::new();
    pair.lose.extend(std::iter::repeat_n("0 INVITE".to_owned(), 20));
    let id = pair.start_invite(b"");
    pair.deliver();
    pair.pass(Duration::from_secs(33));
    let events = pair.events(0);
    assert!(
        matches!(&events[..], [Event::Failed { transaction, failure: Failure::Timeout, .. }] if *transaction == id)
    );
    assert_eq!(pair.ladder.len(), 7, "RFC 3261 17.1.1.2: seven tries in 32 s");
    pair.lose.clear();
    pair.settled(0);
}

#[test]
fn a_peer_that_wakes_up_after_it_was_given_up_is_cancelled() {
    let mut pair = Pair::new();
    pair.patience = Duration::from_secs(4);
    pair.lose.extend((0..4).map(|_| "1 100".into()));
    let (id, server, _) = pair.invite();
    pair.pass(Duration::from_secs(5));
    let events = pair.events(0);
    assert!(
        matches!(&events[..], [Event::Failed { transaction, failure: Failure::Timeout, .. }] if *transaction == id),
        "{events:?}"
    );
    pair.respond(server, 180);
    assert!(pair.events(0).is_empty(), "nothing that comes late is told");
    assert!(matches!(&pair.events(1)[..], [Event::Cancelled { transaction, .. }] if *transaction == server));
    assert_eq!(pair.ladder[pair.ladder.len() - 5..], ["1 180", "0 CANCEL", "1 200", "1 487", "0 ACK"]);
    pair.settled(0);
}

#[test]
fn a_2xx_of_a_peer_given_up_is_told_so_that_it_can_be_ended() {
    let mut pair = Pair::new();
    pair.patience = Duration::from_secs(4);
    pair.lose.extend((0..4).map(|_| "1 100".into()));
    let (_, server, _) = pair.invite();
    pair.pass(Duration::from_secs(5));
    pair.events(0);
    pair.respond(server, 200);
    let dialog = answered(&pair.events(0));
    pair.command(0, Command::Ack { dialog, headers: vec![], body: Body::default() });
    let bye = pair.number(0);
    pair.command(0, in_dialog(bye, dialog, Method::Bye));
    let bye = pair.events(1).into_iter().find_map(|e| match e {
        Event::Request { transaction, .. } => Some(transaction),
        _ => None,
    });
    pair.respond(bye.unwrap(), 200);
    pair.settled(0);
}

#[test]
fn a_large_request_goes_by_tcp_and_falls_back_to_udp() {
    let mut pair = Pair::new();
    let id = pair.start_invite(&[b'a'; 1400]);
    let mut transmits = Vec::new();
    pair.ends[0].take_transmits(&mut transmits);
    assert_eq!(transmits.len(), 1);
    assert_eq!(transmits[0].flow.transport, Transport::Tcp);
    let by_tcp = Message::parse(&transmits[0].bytes, &Default::default()).unwrap();
    assert_eq!(by_tcp.top_via().unwrap().transport, "TCP");
    let reached = by_tcp.get_by_name("Contact").unwrap().to_owned();
    assert!(!reached.contains("transport"), "{reached}: a peer without TCP could not answer there");
    pair.ends[0].transport_failed(Transport::Tcp, pair.addresses[1], 0, Fault::NotConnected, pair.now);
    let mut transmits = Vec::new();
    pair.ends[0].take_transmits(&mut transmits);
    assert_eq!(transmits.len(), 1, "RFC 3261 18.1.1: tried again over UDP");
    assert_eq!(transmits[0].flow.transport, Transport::Udp);
    let by_udp = Message::parse(&transmits[0].bytes, &Default::default()).unwrap();
    assert_eq!(by_udp.top_via().unwrap().transport, "UDP");
    assert_eq!(by_udp.get_by_name("Contact").unwrap(), reached);
    assert!(pair.events(0).is_empty());
    pair.ends[0].transport_failed(Transport::Udp, pair.addresses[1], 0, Fault::Unreachable, pair.now);
    assert!(
        matches!(&pair.events(0)[..], [Event::Failed { transaction, failure: Failure::Transport(Fault::Unreachable), .. }] if *transaction == id)
    );
    pair.settled(0);
}

#[test]
fn a_request_in_an_unknown_dialog_is_answered_481() {
    let mut pair = Pair::new();
    let (caller, callee) = pair.call();
    pair.command(1, Command::Forget { dialog: callee });
    let info = pair.number(0);
    pair.command(0, in_dialog(info, caller, Method::Info));
    assert_eq!(statuses(&pair.events(0)), [481]);
    assert!(pair.events(1).is_empty());
    pair.command(0, Command::Forget { dialog: caller });
    pair.settled(0);
}

#[test]
fn a_request_out_of_order_is_answered_500_and_told_to_nobody() {
    let mut pair = Pair::new();
    let (caller, _) = pair.call();
    let mut infos = Vec::new();
    for _ in 0..2 {
        let id = pair.number(0);
        pair.ends[0].command(in_dialog(id, caller, Method::Info), pair.now);
        pair.ends[0].take_transmits(&mut infos);
    }
    let flow = Flow { transport: Transport::Udp, local: pair.addresses[1], remote: pair.addresses[0], connection: 0 };
    pair.ends[1].receive(&infos[1].bytes, flow, pair.now);
    pair.ends[1].receive(&infos[0].bytes, flow, pair.now);
    assert_eq!(pair.events(1).len(), 1);
    pair.deliver();
    assert_eq!(statuses(&pair.events(0)), [500]);
}

#[test]
fn a_reinvite_refreshes_and_is_acknowledged_like_the_first() {
    let mut pair = Pair::new();
    let (caller, callee) = pair.call();
    let id = pair.number(0);
    pair.command(0, in_dialog(id, caller, Method::Invite));
    let events = pair.events(1);
    let [Event::Request { transaction, in_dialog: true, .. }] = &events[..] else { panic!("{events:?}") };
    pair.respond(*transaction, 200);
    assert_eq!(answered(&pair.events(0)), caller);
    pair.command(0, Command::Ack { dialog: caller, headers: vec![], body: Body::default() });
    assert!(matches!(&pair.events(1)[..], [Event::Ack { dialog, .. }] if *dialog == callee));
    let id = pair.number(1);
    pair.command(1, in_dialog(id, callee, Method::Invite));
    let events = pair.events(0);
    let [Event::Request { transaction, .. }] = &events[..] else { panic!("{events:?}") };
    pair.command(0, respond(*transaction, 488));
    assert_eq!(statuses(&pair.events(1)), [488]);
    pair.settled(1);
}

#[test]
fn under_overload_new_calls_get_503_and_calls_that_are_up_go_on() {
    let mut pair = Pair::new();
    let (caller, _) = pair.call();
    pair.ends[1].set_overloaded(true);
    pair.start_invite(b"");
    pair.deliver();
    assert_eq!(statuses(&pair.events(0)), [503]);
    assert!(pair.events(1).is_empty());
    let bye = pair.number(0);
    pair.command(0, in_dialog(bye, caller, Method::Bye));
    let events = pair.events(1);
    let [Event::Request { transaction, .. }] = &events[..] else { panic!("{events:?}") };
    pair.respond(*transaction, 200);
    pair.settled(0);
}

#[test]
fn a_user_without_time_has_new_calls_refused_until_he_has_it_again() {
    let mut pair = Pair::new();
    pair.ends[1].control(Control::RefuseNew { part: 1.0 });
    pair.start_invite(b"");
    pair.deliver();
    assert_eq!(statuses(&pair.events(0)), [503]);
    // The driver's own overload comes and goes; the user's word stands.
    pair.ends[1].set_overloaded(true);
    pair.ends[1].set_overloaded(false);
    pair.start_invite(b"");
    pair.deliver();
    assert_eq!(statuses(&pair.events(0)), [503]);
    pair.ends[1].control(Control::RefuseNew { part: 0.0 });
    pair.call();
}

#[test]
fn under_overload_phones_keep_their_registrations() {
    let mut pair = Pair::new();
    let flow = Flow { transport: Transport::Udp, local: pair.addresses[1], remote: pair.addresses[0], connection: 0 };
    pair.ends[1].set_overloaded(true);
    let register = b"REGISTER sip:192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKr\r\n\
        Max-Forwards: 70\r\nFrom: <sip:1501@b>;tag=1\r\nTo: <sip:1501@b>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\
        Contact: <sip:1501@192.0.2.1>\r\n\r\n";
    pair.ends[1].receive(register, flow, pair.now);
    let mut transmits = Vec::new();
    pair.ends[1].take_transmits(&mut transmits);
    let answer = Message::parse(&transmits[0].bytes, &Default::default()).unwrap();
    assert_eq!(answer.status(), 200);
}

#[test]
fn options_is_answered_without_troubling_the_user() {
    let mut pair = Pair::new();
    let flow = Flow { transport: Transport::Udp, local: pair.addresses[1], remote: pair.addresses[0], connection: 0 };
    let load = ("X-Load".to_owned(), "3 10".to_owned());
    pair.ends[1].control(Control::SetOptionsHeaders { headers: vec![load] });
    let options = b"OPTIONS sip:192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKx\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:192.0.2.2>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n";
    pair.ends[1].receive(options, flow, pair.now);
    let mut transmits = Vec::new();
    pair.ends[1].take_transmits(&mut transmits);
    let answer = Message::parse(&transmits[0].bytes, &Default::default()).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.get_by_name("Allow").unwrap().contains("INVITE"));
    assert_eq!(answer.get_by_name("X-Load"), Some("3 10"));
    assert_eq!(answer.top_via().unwrap().params.get("received"), Some("192.0.2.1"));
    assert_eq!(answer.top_via().unwrap().params.get("rport"), Some("5060"));
    assert!(pair.events(1).is_empty());
    pair.settled(0);
}

#[test]
fn two_answerers_of_one_invite_make_two_dialogs() {
    let mut pair = Pair::new();
    let (_, server, _) = pair.invite();
    let mut transmits = Vec::new();
    pair.ends[1].command(respond(server, 200), pair.now);
    pair.ends[1].take_transmits(&mut transmits);
    let first = String::from_utf8(transmits[0].bytes.to_vec()).unwrap();
    let message = Message::parse(first.as_bytes(), &Default::default()).unwrap();
    let tag = message.to().unwrap().tag().unwrap();
    let second = first.replace(tag, "another");
    let flow = Flow { transport: Transport::Udp, local: pair.addresses[0], remote: pair.addresses[1], connection: 0 };
    for text in [&first, &second, &first, &second] {
        pair.ends[0].receive(text.as_bytes(), flow, pair.now);
    }
    let events = pair.events(0);
    let dialogs: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::Response { dialog, .. } => *dialog,
            _ => None,
        })
        .collect();
    assert_eq!(dialogs.len(), 2, "{events:?}");
    assert_ne!(dialogs[0], dialogs[1]);
}

#[test]
fn an_invite_has_a_bounded_number_of_answerers() {
    let mut pair = Pair::new();
    let (_, server, _) = pair.invite();
    let mut transmits = Vec::new();
    let mut template = |pair: &mut Pair, status| {
        pair.ends[1].command(respond(server, status), pair.now);
        pair.ends[1].take_transmits(&mut transmits);
        let text = String::from_utf8(transmits.pop().unwrap().bytes.to_vec()).unwrap();
        let message = Message::parse(text.as_bytes(), &Default::default()).unwrap();
        let tag = message.to().unwrap().tag().unwrap().to_owned();
        move |n: usize| text.replace(&tag, &format!("tag{n}"))
    };
    let ringing = template(&mut pair, 180);
    let answered = template(&mut pair, 200);
    let flow = Flow { transport: Transport::Udp, local: pair.addresses[0], remote: pair.addresses[1], connection: 0 };
    for n in 0..40 {
        pair.ends[0].receive(ringing(n).as_bytes(), flow, pair.now);
    }
    assert_eq!(statuses(&pair.events(0)), [180; 16]);
    assert_eq!(held(&pair, 0, "dialogs"), 16);
    assert_eq!(pair.ends[0].counters().surplus_forks, 24);

    // The one that answers may be one that was not heard ringing; each takes the place of one that only rings.
    for n in 30..46 {
        pair.ends[0].receive(answered(n).as_bytes(), flow, pair.now);
    }
    assert_eq!(statuses(&pair.events(0)), [200; 16]);
    assert_eq!(held(&pair, 0, "dialogs"), 16);
    // Then no more: they are acknowledged and told good-bye.
    let mut sent = Vec::new();
    pair.ends[0].take_transmits(&mut sent);
    for _ in 0..2 {
        pair.ends[0].receive(answered(99).as_bytes(), flow, pair.now);
        let mut sent = Vec::new();
        pair.ends[0].take_transmits(&mut sent);
        let sent: Vec<_> = sent.iter().map(|sent| Message::parse(&sent.bytes, &Default::default()).unwrap()).collect();
        assert_eq!(sent.iter().map(Message::method).collect::<Vec<_>>(), [Method::Ack, Method::Bye]);
        assert!(sent.iter().all(|message| message.to().unwrap().tag() == Some("tag99")));
        let asked = Message::parse(answered(99).as_bytes(), &Default::default()).unwrap();
        for name in ["From", "Call-ID"] {
            assert!(sent.iter().all(|message| message.get_by_name(name) == asked.get_by_name(name)), "{name}");
        }
        assert_eq!(sent.iter().map(|message| message.cseq().unwrap().number).collect::<Vec<_>>(), [1, 2]);
    }
    assert!(pair.events(0).is_empty());
    assert_eq!(held(&pair, 0, "dialogs"), 16);
    assert_eq!(pair.ends[0].counters().surplus_forks, 26);
}
