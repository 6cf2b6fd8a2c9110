//! Two endpoints and the wire between them, under a clock the test turns.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use cordboard_sip::directory::Entry;
use cordboard_sip::endpoint::{
    Body, Command, Control, Destination, DialogId, Endpoint, Event, HeaderLine, Settings, TransactionId,
};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::{Flow, Message, Method, Routes, Time, Transmit, Transport};

pub struct OneAddress(pub SocketAddr);

impl Routes for OneAddress {
    fn local(&self, transport: Transport, _remote: SocketAddr) -> Option<SocketAddr> {
        matches!(transport, Transport::Udp | Transport::Tcp).then_some(self.0)
    }
}

pub struct Pair {
    pub now: Time,
    pub ends: [Endpoint; 2],
    pub addresses: [SocketAddr; 2],
    /// Every message that passed, with its sender, as `0 INVITE`, `1 180` ...
    pub ladder: Vec<String>,
    /// Transmissions of one end to be lost, by its ladder text.
    pub lose: VecDeque<String>,
    /// Further headers of the INVITEs of end 0.
    pub headers: Vec<HeaderLine>,
    /// How long those wait for any response; zero for timer B.
    pub patience: Duration,
}

impl Pair {
    pub fn new() -> Self {
        let addresses: [SocketAddr; 2] = ["192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap()];
        let ends = [0, 1].map(|side| {
            let ids = Box::new(SeededIds::new(side as u64 + 1));
            let routes = Box::new(OneAddress(addresses[side]));
            let mut end = Endpoint::new(Settings::default(), routes, ids, Time(0), 1_000_000_000_000_000);
            for dn in ["1501", "1502"] {
                end.control(Control::SetDn { dn: dn.into(), entry: Entry { registers: true, ..Entry::default() } });
            }
            end
        });
        Self {
            now: Time(0),
            ends,
            addresses,
            ladder: Vec::new(),
            lose: VecDeque::new(),
            headers: Vec::new(),
            patience: Duration::ZERO,
        }
    }

    pub fn command(&mut self, side: usize, command: Command) {
        self.ends[side].command(command, self.now);
        self.deliver();
    }

    /// Carries everything that is on the wire, until nothing is.
    pub fn deliver(&mut self) {
        loop {
            let mut any = false;
            for side in [0, 1] {
                let mut transmits = Vec::new();
                self.ends[side].take_transmits(&mut transmits);
                for transmit in transmits {
                    any = true;
                    self.carry(side, &transmit);
                }
            }
            if !any {
                return;
            }
        }
    }

    fn carry(&mut self, side: usize, transmit: &Transmit) {
        let message = Message::parse(&transmit.bytes, &Default::default()).expect("we print what we can read");
        let what = match message.is_request() {
            true => message.method().to_string(),
            false => message.status().to_string(),
        };
        let line = format!("{side} {what}");
        if self.lose.front() == Some(&line) {
            self.lose.pop_front();
            self.ladder.push(format!("{line} lost"));
            return;
        }
        self.ladder.push(line);
        let other = 1 - side;
        if transmit.flow.remote != self.addresses[other] {
            return;
        }
        let flow = Flow {
            transport: transmit.flow.transport,
            local: self.addresses[other],
            remote: self.addresses[side],
            connection: 0,
        };
        self.ends[other].receive(&transmit.bytes, flow, self.now);
    }

    /// Lets time pass, each timer at its own moment.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        loop {
            let next = self.ends.iter().filter_map(Endpoint::next_timeout).min();
            match next.filter(|t| *t <= end) {
                Some(at) => {
                    self.now = at.max(self.now);
                    for side in [0, 1] {
                        self.ends[side].handle_timeouts(self.now);
                    }
                    self.deliver();
                    if self.ends.iter().filter_map(Endpoint::next_timeout).min() == Some(at) {
                        // A wheel may wake early; move on so that it gets there.
                        self.now = self.now.after(Duration::from_micros(1));
                    }
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
    }

    pub fn events(&mut self, side: usize) -> Vec<Event> {
        let mut events = Vec::new();
        self.ends[side].take_events(&mut events);
        events
    }

    pub fn number(&self, side: usize) -> TransactionId {
        TransactionId(self.ends[side].numbers().next())
    }

    /// An INVITE from end 0 to end 1; returns its transaction at 0, and transaction and dialog at 1.
    pub fn invite(&mut self) -> (TransactionId, TransactionId, DialogId) {
        let id = self.start_invite(b"v=0\r\n");
        self.deliver();
        match &self.events(1)[..] {
            [Event::Request { transaction, dialog: Some(dialog), in_dialog: false, dn, .. }] => {
                assert_eq!(dn.as_deref(), Some("1501"));
                (id, *transaction, *dialog)
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn start_invite(&mut self, body: &[u8]) -> TransactionId {
        let id = self.number(0);
        let command = Command::Send {
            transaction: id,
            method: Method::Invite,
            uri: "sip:1502@192.0.2.2".into(),
            from: "\"Ann\" <sip:1501@192.0.2.1>".into(),
            to: "<sip:1502@192.0.2.2>".into(),
            destination: Destination { transport: Transport::Udp, remote: self.addresses[1], connection: 0 },
            contact_user: "1501".into(),
            headers: self.headers.clone(),
            body: Body { content_type: "application/sdp".into(), bytes: body.to_vec() },
            patience: self.patience,
        };
        self.ends[0].command(command, self.now);
        id
    }

    pub fn respond(&mut self, transaction: TransactionId, status: u16) {
        self.command(1, respond(transaction, status));
    }

    /// A call that is up, both events taken; returns the dialogs at 0 and 1.
    pub fn call(&mut self) -> (DialogId, DialogId) {
        let (_, server, callee) = self.invite();
        self.respond(server, 180);
        self.respond(server, 200);
        let caller = answered(&self.events(0));
        self.command(0, Command::Ack { dialog: caller, headers: Vec::new(), body: Body::default() });
        assert!(matches!(&self.events(1)[..], [Event::Ack { dialog, .. }] if *dialog == callee));
        (caller, callee)
    }

    /// After every transaction has had its time, nothing may be left but what `dialogs` says.
    pub fn settled(&mut self, dialogs: usize) {
        self.pass(Duration::from_secs(120));
        for end in &self.ends {
            for (what, held) in end.held() {
                let allowed = if what == "dialogs" { dialogs } else { 0 };
                assert_eq!(held, allowed, "{what} left over; ladder: {:#?}", self.ladder);
            }
            assert_eq!(end.next_timeout(), None, "a timer is left over");
        }
    }
}

pub fn respond(transaction: TransactionId, status: u16) -> Command {
    Command::Respond { transaction, status, reason: None, headers: Vec::new(), body: Body::default(), reliable: false }
}

pub fn in_dialog(transaction: TransactionId, dialog: DialogId, method: Method) -> Command {
    Command::SendInDialog { transaction, dialog, method, headers: Vec::new(), body: Body::default() }
}

/// The dialog of the 2xx among the events.
pub fn answered(events: &[Event]) -> DialogId {
    let dialogs: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::Response { dialog: Some(dialog), message, .. } if message.status() == 200 => Some(*dialog),
            _ => None,
        })
        .collect();
    assert_eq!(dialogs.len(), 1, "one 2xx is told once: {events:?}");
    dialogs[0]
}

pub fn statuses(events: &[Event]) -> Vec<u16> {
    events
        .iter()
        .filter_map(|e| match e {
            Event::Response { message, .. } => Some(message.status()),
            _ => None,
        })
        .collect()
}
