//! Random commands, losses, repeats and mutilated messages between two endpoints: nothing panics,
//! and once both sides let go and time has passed, nothing is held.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use cordboard_sip::digest::client::Secret;
use cordboard_sip::endpoint::{Body, Command, Control, Credentials, DialogId, Event, Fault, TransactionId};
use cordboard_sip::{Flow, Method, Time, Transmit, Transport};
use proptest::prelude::*;
use support::{Pair, in_dialog, respond};

#[derive(Clone, Debug)]
enum Step {
    Invite {
        /// What it says of 100rel.
        says: Option<&'static str>,
    },
    Respond {
        side: usize,
        which: usize,
        status: u16,
        reliable: bool,
        described: bool,
    },
    /// A challenge, fresh or stale.
    Challenge {
        side: usize,
        which: usize,
        status: u16,
        stale: bool,
    },
    Cancel {
        which: usize,
    },
    InDialog {
        side: usize,
        which: usize,
        method: usize,
    },
    Ack {
        side: usize,
        which: usize,
    },
    Forget {
        side: usize,
        which: usize,
    },
    Pass {
        millis: u64,
    },
    Overload {
        side: usize,
        on: bool,
    },
    TransportFailed {
        side: usize,
    },
    Garbage {
        side: usize,
        bytes: Vec<u8>,
    },
    /// What the wire does to the next messages.
    Wire {
        fates: Vec<Fate>,
    },
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrive,
    Lose,
    Twice,
    /// One byte becomes another.
    Mutilate {
        at: usize,
        byte: u8,
    },
    /// Its end is cut off.
    Cut {
        at: usize,
    },
}

const METHODS: [Method; 10] = [
    Method::Invite,
    Method::Bye,
    Method::Info,
    Method::Update,
    Method::Prack,
    Method::Prack,
    Method::Prack,
    Method::Options,
    Method::Refer,
    Method::Message,
];

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrive),
        2 => Just(Fate::Lose),
        1 => Just(Fate::Twice),
        1 => (0..900_usize, any::<u8>()).prop_map(|(at, byte)| Fate::Mutilate { at, byte }),
        1 => (0..900_usize).prop_map(|at| Fate::Cut { at }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2_usize;
    let which = 0..4_usize;
    prop_oneof![
        3 => prop::sample::select(vec![None, Some("Supported"), Some("Supported"), Some("Require")])
            .prop_map(|says| Step::Invite { says }),
        7 => (
            side.clone(),
            which.clone(),
            prop::sample::select(vec![180_u16, 183, 183, 200, 200, 202, 302, 404, 486, 503, 603]),
            any::<bool>(),
            any::<bool>()
        )
            .prop_map(|(side, which, status, reliable, described)| Step::Respond { side, which, status, reliable, described }),
        2 => (side.clone(), which.clone(), prop::sample::select(vec![401_u16, 407]), any::<bool>())
            .prop_map(|(side, which, status, stale)| Step::Challenge { side, which, status, stale }),
        2 => which.clone().prop_map(|which| Step::Cancel { which }),
        4 => (side.clone(), which.clone(), 0..METHODS.len())
            .prop_map(|(side, which, method)| Step::InDialog { side, which, method }),
        5 => (side.clone(), which.clone()).prop_map(|(side, which)| Step::Ack { side, which }),
        1 => (side.clone(), which).prop_map(|(side, which)| Step::Forget { side, which }),
        4 => (0..40_000_u64).prop_map(|millis| Step::Pass { millis }),
        1 => (side.clone(), any::<bool>()).prop_map(|(side, on)| Step::Overload { side, on }),
        1 => side.clone().prop_map(|side| Step::TransportFailed { side }),
        1 => (side, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(side, bytes)| Step::Garbage { side, bytes }),
        6 => prop::collection::vec(fate(), 1..5).prop_map(|fates| Step::Wire { fates }),
    ]
}

/// The pair, and what each user still remembers.
struct Chaos {
    pair: Pair,
    owed: [Vec<TransactionId>; 2],
    asked: Vec<TransactionId>,
    dialogs: [Vec<DialogId>; 2],
    fates: Vec<Fate>,
}

impl Chaos {
    fn new() -> Self {
        let mut pair = Pair::new();
        for end in &mut pair.ends {
            end.control(Control::SetCredentials(Credentials {
                realm: String::new(),
                host: String::new(),
                username: "1501".into(),
                secret: Secret::Password("secret".into()),
            }));
        }
        Self { pair, owed: Default::default(), asked: Vec::new(), dialogs: Default::default(), fates: Vec::new() }
    }

    fn run(&mut self, step: &Step) {
        let now = self.pair.now;
        match step {
            Step::Invite { says } => {
                self.pair.headers = says.map(|name| (name.to_owned(), "100rel".to_owned())).into_iter().collect();
                let id = self.pair.start_invite(b"v=0\r\n");
                self.asked.push(id);
            }
            Step::Respond { side, which, status, reliable, described } => {
                if let Some(transaction) = pick(&self.owed[*side], *which) {
                    let bytes = if *described { b"v=0\r\n".to_vec() } else { Vec::new() };
                    let body = Body { content_type: "application/sdp".into(), bytes };
                    let (status, reliable) = (*status, *reliable);
                    let answer =
                        Command::Respond { transaction, status, reason: None, headers: vec![], body, reliable };
                    self.pair.ends[*side].command(answer, now);
                }
            }
            Step::Challenge { side, which, status, stale } => {
                if let Some(transaction) = pick(&self.owed[*side], *which) {
                    let name = if *status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
                    let line = format!("Digest realm=\"r\", nonce=\"{}\", qop=\"auth\", stale={stale}", now.0);
                    let headers = vec![(name.to_owned(), line)];
                    let (status, body) = (*status, Body::default());
                    let answer = Command::Respond { transaction, status, reason: None, headers, body, reliable: false };
                    self.pair.ends[*side].command(answer, now);
                }
            }
            Step::Cancel { which } => {
                if let Some(transaction) = pick(&self.asked, *which) {
                    self.pair.ends[0].command(Command::Cancel { transaction, headers: vec![] }, now);
                }
            }
            Step::InDialog { side, which, method } => {
                if let Some(dialog) = pick(&self.dialogs[*side], *which) {
                    let id = self.pair.number(*side);
                    self.pair.ends[*side].command(in_dialog(id, dialog, METHODS[*method].clone()), now);
                }
            }
            Step::Ack { side, which } => {
                if let Some(dialog) = pick(&self.dialogs[*side], *which) {
                    let ack = Command::Ack { dialog, headers: vec![], body: Body::default() };
                    self.pair.ends[*side].command(ack, now);
                }
            }
            Step::Forget { side, which } => {
                if let Some(dialog) = pick(&self.dialogs[*side], *which) {
                    self.pair.ends[*side].command(Command::Forget { dialog }, now);
                }
            }
            Step::Pass { millis } => self.pass(Duration::from_millis(*millis)),
            Step::Overload { side, on } => self.pair.ends[*side].set_overloaded(*on),
            Step::TransportFailed { side } => {
                let remote = self.pair.addresses[1 - side];
                self.pair.ends[*side].transport_failed(Transport::Udp, remote, 0, Fault::Unreachable, now);
            }
            Step::Garbage { side, bytes } => self.arrive(*side, bytes, now),
            Step::Wire { fates } => self.fates.clone_from(fates),
        }
        self.deliver();
    }

    fn arrive(&mut self, side: usize, bytes: &[u8], now: Time) {
        let flow = Flow {
            transport: Transport::Udp,
            local: self.pair.addresses[side],
            remote: self.pair.addresses[1 - side],
            connection: 0,
        };
        self.pair.ends[side].receive(bytes, flow, now);
    }

    fn deliver(&mut self) {
        for _ in 0..50 {
            let mut any = false;
            for side in [0, 1] {
                let mut transmits: Vec<Transmit> = Vec::new();
                self.pair.ends[side].take_transmits(&mut transmits);
                for transmit in transmits {
                    any = true;
                    let mut bytes = transmit.bytes.to_vec();
                    let times = match self.fates.pop().unwrap_or(Fate::Arrive) {
                        Fate::Arrive => 1,
                        Fate::Lose => 0,
                        Fate::Twice => 2,
                        Fate::Mutilate { at, byte } => {
                            let at = at % bytes.len();
                            bytes[at] = byte;
                            1
                        }
                        Fate::Cut { at } => {
                            bytes.truncate(at % bytes.len());
                            1
                        }
                    };
                    for _ in 0..times {
                        self.arrive(1 - side, &bytes, self.pair.now);
                    }
                }
                self.take_events(side);
            }
            if !any {
                return;
            }
        }
    }

    fn take_events(&mut self, side: usize) {
        for event in self.pair.events(side) {
            match event {
                Event::Request { transaction, dialog, .. } => {
                    self.owed[side].push(transaction);
                    self.dialogs[side].extend(dialog);
                }
                Event::Response { dialog, .. } | Event::Failed { dialog, .. } => self.dialogs[side].extend(dialog),
                Event::NoPrack { transaction, .. } => self.owed[side].push(transaction),
                _ => {}
            }
            self.dialogs[side].sort_unstable();
            self.dialogs[side].dedup();
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.pair.now.after(duration);
        while let Some(at) = self.pair.ends.iter().filter_map(|e| e.next_timeout()).min().filter(|at| *at <= end) {
            self.pair.now = at.max(self.pair.now.after(Duration::from_micros(1)));
            for side in [0, 1] {
                self.pair.ends[side].handle_timeouts(self.pair.now);
            }
            self.deliver();
        }
        self.pair.now = end.max(self.pair.now);
    }

    /// Both users refuse what they still owe and forget every dialog; then time passes.
    fn let_go(&mut self) {
        self.fates.clear();
        for _ in 0..3 {
            for side in [0, 1] {
                self.pair.ends[side].set_overloaded(false);
                for id in std::mem::take(&mut self.owed[side]) {
                    self.pair.ends[side].command(respond(id, 480), self.pair.now);
                }
                for dialog in self.dialogs[side].clone() {
                    self.pair.ends[side].command(Command::Forget { dialog }, self.pair.now);
                }
            }
            self.deliver();
            self.pass(Duration::from_secs(700));
        }
    }
}

fn pick<T: Copy>(from: &[T], which: usize) -> Option<T> {
    from.iter().rev().nth(which).copied()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_left_over(steps in prop::collection::vec(step(), 1..60)) {
        let mut chaos = Chaos::new();
        for step in &steps {
            chaos.run(step);
        }
        chaos.let_go();
        for end in &chaos.pair.ends {
            for (what, held) in end.held() {
                prop_assert_eq!(held, 0, "{} left over", what);
            }
            prop_assert_eq!(end.next_timeout(), None);
        }
    }
}
