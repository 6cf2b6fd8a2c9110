//! What a plain call costs in the core, in nanoseconds: two legs, thirteen messages.
//!
//! `cargo run --release -p cordboard-sip --example call_cost [calls]`
//!
//! The user is a table: an INVITE is sent on, its answers are passed back, a BYE is passed on. Phones are made of
//! prepared text, so that next to nothing but the endpoint is measured.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people, which may stop at the first error")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cordboard_sip::directory::Entry;
use cordboard_sip::endpoint::{
    Body, Command, Destination, DialogId, Endpoint, Event, Numbers, Settings, TransactionId,
};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::{Flow, Method, Routes, Time, Transmit, Transport};

const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.50\r\ns=-\r\nc=IN IP4 192.0.2.50\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
                   a=rtpmap:101 telephone-event/8000\r\n";
const INTERVAL: Duration = Duration::from_micros(50);

struct Local;

impl Routes for Local {
    fn local(&self, transport: Transport, _: SocketAddr) -> Option<SocketAddr> {
        (transport == Transport::Udp).then(|| "192.0.2.1:5060".parse().unwrap())
    }
}

fn flow(port: u16) -> Flow {
    let remote = SocketAddr::from(([192, 0, 2, 50], port));
    Flow { transport: Transport::Udp, local: "192.0.2.1:5060".parse().unwrap(), remote, connection: 0 }
}

struct Run {
    endpoint: Endpoint,
    numbers: Numbers,
    now: Time,
    transmits: Vec<Transmit>,
    events: Vec<Event>,
    body: Body,
    spent: Duration,
    messages: usize,
}

impl Run {
    fn step(&mut self, work: impl FnOnce(&mut Endpoint, Time)) {
        self.now = self.now.after(INTERVAL);
        self.transmits.clear();
        self.events.clear();
        let start = Instant::now();
        if self.endpoint.next_timeout().is_some_and(|due| due <= self.now) {
            self.endpoint.handle_timeouts(self.now);
        }
        work(&mut self.endpoint, self.now);
        self.endpoint.take_transmits(&mut self.transmits);
        self.endpoint.take_events(&mut self.events);
        self.spent += start.elapsed();
        self.messages += self.transmits.len();
    }

    fn receive(&mut self, text: &str, from: u16) {
        self.messages += 1;
        self.step(|endpoint, now| endpoint.receive(text.as_bytes(), flow(from), now));
    }

    fn command(&mut self, command: Command) {
        self.step(|endpoint, now| endpoint.command(command, now));
    }

    fn respond(&mut self, transaction: TransactionId, status: u16, body: Body) {
        self.command(Command::Respond {
            transaction,
            status,
            reason: None,
            headers: Vec::new(),
            body,
            reliable: false,
        });
    }

    /// The text of the request or response sent last.
    fn sent(&self) -> String {
        String::from_utf8(self.transmits.last().unwrap().bytes.to_vec()).unwrap()
    }

    fn request(&self) -> (TransactionId, Option<DialogId>) {
        match self.events.last() {
            Some(Event::Request { transaction, dialog, .. }) => (*transaction, *dialog),
            other => panic!("{other:?}"),
        }
    }

    fn one(&mut self, n: usize) {
        let (caller, callee) = (5061, 5062);
        self.receive(&invite(n), caller);
        let (incoming, dialog_in) = self.request();
        let outgoing = TransactionId(self.numbers.next());
        self.command(Command::Send {
            transaction: outgoing,
            method: Method::Invite,
            uri: "sip:1502@192.0.2.50:5062".into(),
            from: "<sip:1501@192.0.2.1>".into(),
            to: "<sip:1502@192.0.2.1>".into(),
            destination: Destination { transport: Transport::Udp, remote: flow(callee).remote, connection: 0 },
            contact_user: "1501".into(),
            headers: Vec::new(),
            body: self.body.clone(),
            patience: Duration::from_secs(4),
        });
        let sent = self.sent();
        self.receive(&response(&sent, "100 Trying", "", ""), callee);
        self.receive(&response(&sent, "180 Ringing", ";tag=1502", ""), callee);
        self.respond(incoming, 180, Body::default());
        self.receive(&response(&sent, "200 OK", ";tag=1502", SDP), callee);
        let Some(Event::Response { dialog: Some(dialog_out), .. }) = self.events.last() else { panic!() };
        let dialog_out = *dialog_out;
        self.respond(incoming, 200, self.body.clone());
        let answer = self.sent();
        self.command(Command::Ack { dialog: dialog_out, headers: Vec::new(), body: Body::default() });
        self.receive(&within(n, "ACK", 1, value(&answer, "To: ")), caller);
        self.receive(&within(n, "BYE", 2, value(&answer, "To: ")), caller);
        let (bye, dialog) = self.request();
        assert_eq!(dialog, dialog_in);
        self.respond(bye, 200, Body::default());
        self.command(Command::SendInDialog {
            transaction: TransactionId(self.numbers.next()),
            dialog: dialog_out,
            method: Method::Bye,
            headers: Vec::new(),
            body: Body::default(),
        });
        let sent = self.sent();
        self.receive(&response(&sent, "200 OK", "", ""), callee);
    }
}

fn invite(n: usize) -> String {
    format!(
        "INVITE sip:1502@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.50:5061;branch=z9hG4bK-{n}-1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1501@192.0.2.1>;tag={n}\r\nTo: <sip:1502@192.0.2.1>\r\nCall-ID: {n}@192.0.2.50\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:1501@192.0.2.50:5061>\r\nSubject: bench\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

fn within(n: usize, method: &str, cseq: usize, to: &str) -> String {
    format!(
        "{method} sip:1502@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.50:5061;branch=z9hG4bK-{n}-{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1501@192.0.2.1>;tag={n}\r\nTo: {to}\r\nCall-ID: {n}@192.0.2.50\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:1501@192.0.2.50:5061>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn value<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|line| line.strip_prefix(name)).unwrap()
}

fn response(request: &str, status: &str, tag: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:1502@192.0.2.50:5062>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        value(request, "Via: "),
        value(request, "From: "),
        value(request, "To: "),
        value(request, "Call-ID: "),
        value(request, "CSeq: "),
        body.len()
    )
}

fn main() {
    let calls = std::env::args().nth(1).map_or(20_000, |text| text.parse().unwrap());
    let mut endpoint = Endpoint::new(Settings::default(), Box::new(Local), Box::new(SeededIds::new(1)), Time(1), 0);
    endpoint.directory.set("1501", Entry { registers: true, ..Entry::default() });
    let numbers = endpoint.numbers();
    let body = Body { content_type: "application/sdp".into(), bytes: SDP.into() };
    let (transmits, events) = (Vec::new(), Vec::new());
    let mut run = Run { endpoint, numbers, now: Time(1), transmits, events, body, spent: Duration::ZERO, messages: 0 };
    for n in 0..calls {
        run.one(n);
    }
    let each = run.spent.as_nanos() / calls as u128;
    println!("{each} ns a call, {} messages a call, held {:?}", run.messages / calls, run.endpoint.held());
}
