//! SIPS (RFC 5630): TLS on every hop, and Contacts that say so.
#![allow(missing_docs, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use cordboard_sip::directory::Entry;
use cordboard_sip::endpoint::{Body, Command, Control, Destination, Endpoint, Event, Settings, TransactionId};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::{Flow, Message, Method, Routes, Time, Transport};

const OURS: &str = "192.0.2.1:5061";
const THEIRS: &str = "192.0.2.9:40001";

struct Everywhere;

impl Routes for Everywhere {
    fn local(&self, _transport: Transport, _remote: SocketAddr) -> Option<SocketAddr> {
        Some(OURS.parse().unwrap())
    }
}

fn endpoint() -> Endpoint {
    let ids = Box::new(SeededIds::new(1));
    let mut endpoint = Endpoint::new(Settings::default(), Box::new(Everywhere), ids, Time(0), 1_000_000_000_000_000);
    endpoint.control(Control::SetDn { dn: "1501".into(), entry: Entry { registers: true, ..Entry::default() } });
    endpoint
}

/// Hands a request over and returns what was sent.
fn ask(endpoint: &mut Endpoint, transport: Transport, method: &str, uri: &str, contact: &str) -> Vec<Message> {
    let connection = u64::from(transport != Transport::Udp);
    let flow = Flow { transport, local: OURS.parse().unwrap(), remote: THEIRS.parse().unwrap(), connection };
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {THEIRS};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n\
         From: <sip:1501@x>;tag=1\r\nTo: <sip:1501@x>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\n\
         Contact: <{contact}>\r\nContent-Length: 0\r\n\r\n",
        transport.via_token()
    );
    endpoint.receive(text.as_bytes(), flow, Time(1));
    sent(endpoint)
}

fn sent(endpoint: &mut Endpoint) -> Vec<Message> {
    let mut transmits = Vec::new();
    endpoint.take_transmits(&mut transmits);
    transmits.iter().map(|t| Message::parse(&t.bytes, &Settings::default().limits).unwrap()).collect()
}

/// Answers the INVITE that waits and returns the Contact of the answer.
fn contact_of_answer(endpoint: &mut Endpoint) -> String {
    let mut events = Vec::new();
    endpoint.take_events(&mut events);
    let Some(Event::Request { transaction, .. }) = events.first() else { panic!("{events:?}") };
    let command = Command::Respond {
        transaction: *transaction,
        status: 200,
        reason: None,
        headers: vec![],
        body: Body::default(),
        reliable: false,
    };
    endpoint.command(command, Time(2));
    sent(endpoint)[0].get_by_name("Contact").unwrap().to_owned()
}

#[test]
fn a_sips_request_that_did_not_come_over_tls_is_answered_416() {
    for method in ["INVITE", "REGISTER", "OPTIONS"] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut endpoint = endpoint();
            let answers = ask(&mut endpoint, transport, method, "SIPS:1502@192.0.2.1", "sips:1501@192.0.2.9");
            assert_eq!(answers.iter().map(Message::status).collect::<Vec<_>>(), [416], "{method}");
            let mut events = Vec::new();
            endpoint.take_events(&mut events);
            assert!(events.is_empty());
        }
        let mut endpoint = endpoint();
        let answers = ask(&mut endpoint, Transport::Tls, method, "sips:1502@192.0.2.1", "sips:1501@192.0.2.9");
        assert!(answers.iter().all(|answer| answer.status() != 416), "{method}");
        let mut events = Vec::new();
        endpoint.take_events(&mut events);
        assert!(!answers.is_empty() || matches!(events[..], [Event::Request { .. }]), "{method} is served");
    }
}

#[test]
fn a_sips_contact_is_registered_over_tls() {
    let answers = ask(&mut endpoint(), Transport::Tls, "REGISTER", "sips:192.0.2.1", "sips:1501@192.0.2.9:40001");
    assert_eq!(answers[0].status(), 200);
    assert!(answers[0].get_by_name("Contact").unwrap().starts_with("<sips:1501@192.0.2.9:40001>"));
}

#[test]
fn our_contact_is_sips_where_the_dialog_is_and_transport_tls_where_it_is_not() {
    let cases = [
        ("sips:1502@192.0.2.1", "sips:1501@192.0.2.9:40001", "<sips:1502@192.0.2.1:5061>"),
        ("sip:1502@192.0.2.1", "sips:1501@192.0.2.9:40001", "<sips:1502@192.0.2.1:5061>"),
        ("sip:1502@192.0.2.1", "sip:1501@192.0.2.9:40001;transport=tls", "<sip:1502@192.0.2.1:5061;transport=tls>"),
    ];
    for (uri, contact, ours) in cases {
        let mut endpoint = endpoint();
        ask(&mut endpoint, Transport::Tls, "INVITE", uri, contact);
        assert_eq!(contact_of_answer(&mut endpoint), ours, "{uri} from {contact}");
    }
}

#[test]
fn the_contact_of_a_request_to_a_sips_uri_is_sips() {
    let cases = [
        ("sips:1502@192.0.2.9:40001", "<sips:1501@192.0.2.1:5061>"),
        ("sip:1502@192.0.2.9:40001;transport=tls", "<sip:1501@192.0.2.1:5061;transport=tls>"),
    ];
    for (uri, ours) in cases {
        let mut endpoint = endpoint();
        let transaction = TransactionId(endpoint.numbers().next());
        let destination = Destination { transport: Transport::Tls, remote: THEIRS.parse().unwrap(), connection: 7 };
        let command = Command::Send {
            transaction,
            method: Method::Invite,
            uri: uri.into(),
            from: "<sip:1501@x>".into(),
            to: "<sip:1502@x>".into(),
            destination,
            contact_user: "1501".into(),
            headers: vec![],
            body: Body::default(),
            patience: Duration::ZERO,
        };
        endpoint.command(command, Time(1));
        assert_eq!(sent(&mut endpoint)[0].get_by_name("Contact"), Some(ours));
    }
}
