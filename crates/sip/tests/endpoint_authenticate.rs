//! Requests that are challenged and sent again with credentials: what the user is told, what passes on
//! the wire, what is left.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use cordboard_sip::digest::Ha1s;
use cordboard_sip::digest::client::Secret;
use cordboard_sip::directory::{Entry, MethodSet};
use cordboard_sip::endpoint::{
    BindingChange, Body, Command, Control, Credentials, Destination, Event, Failure, HeaderLine, TransactionId,
};
use cordboard_sip::{Message, Method, Transport};
use support::{Pair, answered, in_dialog, statuses};

fn credentials(realm: &str, secret: Secret) -> Control {
    Control::SetCredentials(Credentials { realm: realm.into(), host: String::new(), username: "1501".into(), secret })
}

fn password(password: &str) -> Secret {
    Secret::Password(password.into())
}

/// End 1 challenges DN 1501, and end 0 knows this password.
fn challenged(known: &str) -> Pair {
    let mut pair = Pair::new();
    let ha1s = Ha1s::of("1501", "cordboard", "secret");
    let authenticate = MethodSet::from_tokens(["INVITE", "REGISTER"]);
    let entry = Entry { ha1s, authenticate, registers: true, ..Entry::default() };
    pair.ends[1].control(Control::SetDn { dn: "1501".into(), entry });
    pair.ends[0].control(credentials("cordboard", password(known)));
    pair
}

fn challenge(status: u16, line: &str) -> (u16, Vec<HeaderLine>) {
    let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    (status, vec![(name.to_owned(), line.to_owned())])
}

fn respond_with(transaction: TransactionId, (status, headers): (u16, Vec<HeaderLine>)) -> Command {
    Command::Respond { transaction, status, reason: None, headers, body: Body::default(), reliable: false }
}

/// The one request end `side` was told of: its transaction and message.
fn request(pair: &mut Pair, side: usize) -> (TransactionId, std::sync::Arc<Message>) {
    match &pair.events(side)[..] {
        [Event::Request { transaction, message, .. }] => (*transaction, message.clone()),
        other => panic!("{other:?}"),
    }
}

fn counter(pair: &Pair, side: usize, name: &str) -> u64 {
    pair.ends[side].all_counters().into_iter().find(|(n, _)| *n == name).unwrap().1
}

#[test]
fn a_challenged_call_is_set_up_under_the_users_own_number() {
    let mut pair = challenged("secret");
    let id = pair.start_invite(b"v=0\r\n");
    pair.deliver();
    let (server, invite) = request(&mut pair, 1);
    assert_eq!(invite.cseq().unwrap().number, 2);
    pair.respond(server, 180);
    pair.respond(server, 200);
    let events = pair.events(0);
    assert!(
        events.iter().all(|e| matches!(e, Event::Response { transaction, .. } if *transaction == id)),
        "{events:?}"
    );
    assert_eq!(statuses(&events), [180, 200], "the challenge is nobody's business");
    let caller = answered(&events);
    pair.command(0, Command::Ack { dialog: caller, headers: vec![], body: Body::default() });
    let events = pair.events(1);
    let [Event::Ack { message, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(message.get_by_name("Authorization"), invite.get_by_name("Authorization"), "RFC 3261 22.1");
    assert_eq!(message.cseq().unwrap().number, 2);
    let bye = pair.number(0);
    pair.command(0, in_dialog(bye, caller, Method::Bye));
    let (server, message) = request(&mut pair, 1);
    assert_eq!(message.cseq().unwrap().number, 3);
    pair.respond(server, 200);
    assert_eq!(pair.ladder, ["0 INVITE", "1 401", "0 ACK", "0 INVITE", "1 180", "1 200", "0 ACK", "0 BYE", "1 200"]);
    assert_eq!(counter(&pair, 0, "authenticated"), 1);
    pair.settled(0);
}

#[test]
fn a_hash_serves_as_the_password_does_and_the_stronger_one_is_taken() {
    let mut pair = challenged("");
    pair.ends[0].control(credentials("cordboard", Secret::Ha1s(Ha1s::of("1501", "cordboard", "secret"))));
    pair.start_invite(b"");
    pair.deliver();
    let (_, invite) = request(&mut pair, 1);
    assert!(invite.get_by_name("Authorization").unwrap().contains("algorithm=SHA-256"));
    let mut pair = challenged("");
    pair.ends[0].control(credentials("cordboard", Secret::Ha1s(Ha1s::of("1501", "cordboard", "secret").md5_only())));
    pair.start_invite(b"");
    pair.deliver();
    let (_, invite) = request(&mut pair, 1);
    assert!(invite.get_by_name("Authorization").unwrap().contains("algorithm=MD5"));
}

#[test]
fn a_cancel_after_the_challenge_finds_the_request_that_runs() {
    let mut pair = challenged("secret");
    let id = pair.start_invite(b"");
    pair.deliver();
    let (server, _) = request(&mut pair, 1);
    pair.respond(server, 180);
    pair.command(0, Command::Cancel { transaction: id, headers: vec![] });
    assert!(matches!(&pair.events(1)[..], [Event::Cancelled { transaction, .. }] if *transaction == server));
    assert_eq!(statuses(&pair.events(0)), [180, 487]);
    pair.settled(0);
}

#[test]
fn a_call_cancelled_before_its_challenge_is_not_tried_again() {
    let mut pair = challenged("secret");
    let id = pair.start_invite(b"");
    pair.ends[0].command(Command::Cancel { transaction: id, headers: vec![] }, pair.now);
    pair.deliver();
    assert_eq!(statuses(&pair.events(0)), [401]);
    assert_eq!(pair.ladder, ["0 INVITE", "1 401", "0 ACK"]);
    pair.settled(0);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut pair = challenged("wrong");
    pair.start_invite(b"");
    pair.deliver();
    assert_eq!(statuses(&pair.events(0)), [403]);
    assert_eq!(pair.ladder, ["0 INVITE", "1 401", "0 ACK", "0 INVITE", "1 403", "0 ACK"]);
    pair.settled(0);
}

#[test]
fn a_second_challenge_of_the_same_realm_is_the_outcome() {
    for second in ["n1", "n2"] {
        let mut pair = Pair::new();
        pair.ends[0].control(credentials("carrier", password("x")));
        let (id, server, _) = pair.invite();
        pair.command(1, respond_with(server, challenge(401, "Digest realm=\"carrier\", nonce=\"n1\"")));
        let (server, _) = request(&mut pair, 1);
        let again = format!("Digest realm=\"carrier\", nonce=\"{second}\"");
        pair.command(1, respond_with(server, challenge(401, &again)));
        let events = pair.events(0);
        assert!(matches!(&events[..], [Event::Response { transaction, dialog: None, .. }] if *transaction == id));
        assert_eq!(statuses(&events), [401]);
        assert_eq!(counter(&pair, 0, "credentials_refused"), 1);
        pair.settled(0);
    }
}

#[test]
fn a_stale_nonce_is_replaced_but_not_for_ever() {
    let mut pair = Pair::new();
    pair.ends[0].control(credentials("carrier", password("x")));
    let (_, mut server, _) = pair.invite();
    let mut tries = 1;
    loop {
        let line = format!("Digest realm=\"carrier\", nonce=\"n{tries}\", stale=true, qop=\"auth\"");
        pair.command(1, respond_with(server, challenge(407, &line)));
        if !statuses(&pair.events(0)).is_empty() {
            break;
        }
        let (next, invite) = request(&mut pair, 1);
        let lines: Vec<_> = invite.all_by_name("Proxy-Authorization").collect();
        assert_eq!(lines.len(), 1, "each realm is answered once: {lines:?}");
        assert!(lines[0].contains(&format!("nonce=\"n{tries}\"")) && lines[0].contains("nc=00000001"), "{lines:?}");
        (server, tries) = (next, tries + 1);
    }
    assert_eq!(tries, 7);
    pair.settled(0);
}

#[test]
fn a_proxy_and_the_server_behind_it_are_both_answered() {
    let mut pair = Pair::new();
    pair.ends[0].control(credentials("edge", password("x")));
    pair.ends[0].control(credentials("", password("y")));
    let (_, server, _) = pair.invite();
    pair.command(1, respond_with(server, challenge(407, "Digest realm=\"edge\", nonce=\"e\", qop=\"auth\"")));
    let (server, _) = request(&mut pair, 1);
    pair.command(1, respond_with(server, challenge(401, "Digest realm=\"core\", nonce=\"c\", qop=\"auth\"")));
    let (server, invite) = request(&mut pair, 1);
    let edge = invite.get_by_name("Proxy-Authorization").unwrap();
    let core = invite.get_by_name("Authorization").unwrap();
    assert!(edge.contains("realm=\"edge\"") && edge.contains("nc=00000002"), "a nonce is counted: {edge}");
    assert!(core.contains("realm=\"core\"") && core.contains("nc=00000001"), "{core}");
    assert_eq!(invite.cseq().unwrap().number, 3);
    pair.respond(server, 486);
    assert_eq!(statuses(&pair.events(0)), [486]);
    pair.settled(0);
}

#[test]
fn a_challenge_nobody_can_meet_is_the_outcome() {
    let mut pair = Pair::new();
    let elsewhere = Credentials {
        realm: "carrier".into(),
        host: "198.51.100.7".into(),
        username: "u".into(),
        secret: password("x"),
    };
    pair.ends[0].control(Control::SetCredentials(elsewhere));
    pair.ends[0].control(credentials("other", password("x")));
    let (_, server, _) = pair.invite();
    pair.command(1, respond_with(server, challenge(401, "Digest realm=\"carrier\", nonce=\"n\"")));
    assert_eq!(statuses(&pair.events(0)), [401]);
    assert_eq!(counter(&pair, 0, "challenges_unmet"), 1);
    let gone = Control::RemoveCredentials { realm: "other".into(), host: String::new(), username: "1501".into() };
    pair.ends[0].control(gone);
    let (_, server, _) = pair.invite();
    pair.command(1, respond_with(server, challenge(401, "Digest realm=\"other\", nonce=\"n\"")));
    assert_eq!(statuses(&pair.events(0)), [401]);
    pair.settled(0);
}

#[test]
fn the_account_for_the_host_goes_before_the_one_for_any() {
    let mut pair = Pair::new();
    for (host, username) in [("", "any"), ("192.0.2.2", "here"), ("192.0.2.9", "there")] {
        let (host, username) = (host.to_owned(), username.to_owned());
        let account = Credentials { realm: "asterisk".into(), host, username, secret: password("x") };
        pair.ends[0].control(Control::SetCredentials(account));
    }
    let (_, server, _) = pair.invite();
    pair.command(1, respond_with(server, challenge(401, "Digest realm=\"asterisk\", nonce=\"n\"")));
    let (server, invite) = request(&mut pair, 1);
    assert!(invite.get_by_name("Authorization").unwrap().contains("username=\"here\""));
    pair.respond(server, 404);
    pair.settled(0);
}

#[test]
fn we_register_with_a_registrar_that_challenges() {
    let mut pair = challenged("secret");
    let id = pair.number(0);
    let register = Command::Send {
        transaction: id,
        method: Method::Register,
        uri: "sip:192.0.2.2".into(),
        from: "<sip:1501@192.0.2.2>".into(),
        to: "<sip:1501@192.0.2.2>".into(),
        destination: Destination { transport: Transport::Udp, remote: pair.addresses[1], connection: 0 },
        contact_user: String::new(),
        headers: vec![("Contact".into(), "<sip:1501@192.0.2.1>;expires=60".into())],
        body: Body::default(),
        patience: Duration::ZERO,
    };
    pair.command(0, register);
    let events = pair.events(0);
    assert!(matches!(&events[..], [Event::Response { transaction, .. }] if *transaction == id), "{events:?}");
    assert_eq!(statuses(&events), [200]);
    let events = pair.events(1);
    assert!(matches!(&events[..], [Event::Binding { change: BindingChange::Appeared, locations, .. }]
        if locations[0].uri == "sip:1501@192.0.2.1"));
    assert_eq!(pair.ladder, ["0 REGISTER", "1 401", "0 REGISTER", "1 200"]);
}

#[test]
fn requests_within_a_dialog_are_sent_again_in_order() {
    let mut pair = Pair::new();
    pair.ends[0].control(credentials("carrier", password("x")));
    let (caller, callee) = pair.call();
    let line = "Digest realm=\"carrier\", nonce=\"n\", qop=\"auth\"";
    let mut numbers = Vec::new();
    for method in [Method::Info, Method::Invite] {
        let id = pair.number(0);
        pair.command(0, in_dialog(id, caller, method.clone()));
        let (server, _) = request(&mut pair, 1);
        pair.command(1, respond_with(server, challenge(407, line)));
        let (server, message) = request(&mut pair, 1);
        let proof = message.get_by_name("Proxy-Authorization").unwrap();
        numbers.push((message.cseq().unwrap().number, proof.contains(&format!("nc={:08x}", numbers.len() + 1))));
        pair.respond(server, 200);
        let events = pair.events(0);
        assert!(
            matches!(&events[..], [Event::Response { transaction, dialog, .. }] if *transaction == id && *dialog == Some(caller)),
            "{events:?}"
        );
        if method == Method::Invite {
            pair.command(0, Command::Ack { dialog: caller, headers: vec![], body: Body::default() });
            assert!(matches!(&pair.events(1)[..], [Event::Ack { dialog, .. }] if *dialog == callee));
        }
    }
    assert_eq!(numbers, [(3, true), (5, true)]);
    pair.command(0, Command::Forget { dialog: caller });
    pair.command(1, Command::Forget { dialog: callee });
    pair.settled(0);
}

#[test]
fn a_bye_that_is_challenged_ends_the_dialog_when_it_is_let_through() {
    let mut pair = Pair::new();
    pair.ends[0].control(credentials("carrier", password("x")));
    let (caller, _) = pair.call();
    let id = pair.number(0);
    pair.ends[0].command(in_dialog(id, caller, Method::Bye), pair.now);
    let mut transmits = Vec::new();
    pair.ends[0].take_transmits(&mut transmits);
    // A proxy on the way challenges it.
    let bye = Message::parse(&transmits[0].bytes, &Default::default()).unwrap();
    let refusal = cordboard_sip::MessageBuilder::response_to(&bye, 407, None, None)
        .header("Proxy-Authenticate", "Digest realm=\"carrier\", nonce=\"n\"")
        .finish();
    let flow = cordboard_sip::Flow {
        transport: Transport::Udp,
        local: pair.addresses[0],
        remote: pair.addresses[1],
        connection: 0,
    };
    pair.ends[0].receive(&refusal.to_bytes(), flow, pair.now);
    pair.deliver();
    let (server, again) = request(&mut pair, 1);
    assert_eq!(again.cseq().unwrap().number, bye.cseq().unwrap().number + 1);
    pair.respond(server, 200);
    assert!(pair.events(0).is_empty());
    pair.settled(0);
}

#[test]
fn a_second_try_that_nobody_answers_fails_under_the_users_number() {
    let mut pair = challenged("secret");
    let id = pair.start_invite(b"");
    pair.ends[0].take_transmits(&mut Vec::new());
    // The INVITE is lost; its repetition is challenged; all that follows is lost.
    pair.lose.push_back("0 ACK".to_owned());
    pair.lose.extend(std::iter::repeat_n("0 INVITE".to_owned(), 20));
    pair.pass(Duration::from_secs(40));
    let events = pair.events(0);
    assert!(
        matches!(&events[..], [Event::Failed { transaction, failure: Failure::Timeout, .. }] if *transaction == id),
        "{events:?}"
    );
    assert_eq!(pair.ladder[..3], ["0 INVITE", "1 401", "0 ACK lost"]);
    pair.lose.clear();
    pair.settled(0);
}
