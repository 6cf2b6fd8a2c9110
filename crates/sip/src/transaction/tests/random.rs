//! Random messages, answers, failures and delays in any order: nothing panics, no transaction
//! outlives its bound, no timer runs outside its state, and in the end nothing is left.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const METHODS: [&str; 5] = ["INVITE", "BYE", "REGISTER", "ACK", "CANCEL"];
const STATUSES: [u16; 8] = [100, 180, 183, 200, 202, 302, 487, 603];

/// A branch of RFC 3261, of RFC 2543, or none.
fn branch(n: u8) -> String {
    match n % 5 {
        0 => String::new(),
        1 => format!(";branch=old{n}"),
        _ => format!(";branch=z9hG4bK{n}"),
    }
}

fn message(method: &str, n: u8, to_tag: &str) -> Arc<Message> {
    parse(&format!(
        "{method} sip:b@h SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.50:5060{}\nFrom: <sip:a@h>;tag=f\n\
         To: <sip:b@h>{to_tag}\nCall-ID: call-{}\nCSeq: 1 {method}\nContent-Length: 0\n\n",
        branch(n),
        n / 2,
    ))
}

#[derive(Clone, Debug)]
enum Act {
    Receive { method: usize, n: u8, tagged: bool, transport: bool },
    Respond { which: usize, status: usize },
    Send { method: usize, n: u8, transport: bool, fallback: bool, hurry: bool },
    Answer { which: usize, status: usize },
    Cancel { which: usize },
    Break { transport: bool, connection: u64 },
    Wait { micros: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let wait = prop_oneof![0..2_000_000_u64, 0..40_000_000_u64, Just(700_000_000_u64)];
    prop_oneof![
        6 => (0..5_usize, 0..12_u8, any::<bool>(), any::<bool>())
            .prop_map(|(method, n, tagged, transport)| Act::Receive { method, n, tagged, transport }),
        6 => (any::<usize>(), 0..8_usize).prop_map(|(which, status)| Act::Respond { which, status }),
        4 => (0..3_usize, 0..12_u8, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(method, n, transport, fallback, hurry)| Act::Send { method, n, transport, fallback, hurry }),
        6 => (any::<usize>(), 0..8_usize).prop_map(|(which, status)| Act::Answer { which, status }),
        1 => any::<usize>().prop_map(|which| Act::Cancel { which }),
        1 => (any::<bool>(), 0..9_u64).prop_map(|(transport, connection)| Act::Break { transport, connection }),
        4 => wait.prop_map(|micros| Act::Wait { micros }),
    ]
}

fn transport(reliable: bool) -> Transport {
    if reliable { Transport::Tcp } else { Transport::Udp }
}

/// The layer with a record of what it has told.
struct Judge {
    bench: Bench,
    servers: Vec<TransactionId>,
    clients: Vec<(TransactionId, Arc<Message>)>,
    /// When something last happened to a transaction that may prolong its life.
    touched: HashMap<TransactionId, Time>,
    finals: HashMap<TransactionId, usize>,
    /// Those that fail when nobody answers soon; an answer that comes later is told all the same.
    hurried: HashSet<TransactionId>,
    ended: HashSet<TransactionId>,
}

impl Judge {
    fn act(&mut self, act: &Act) {
        let bench = &mut self.bench;
        match *act {
            Act::Receive { method, n, tagged, transport: reliable } => {
                let request = message(METHODS[method], n, if tagged { ";tag=t" } else { "" });
                if let Inbound::New(id) = bench.receive_request(&request, transport(reliable)) {
                    self.servers.push(id);
                    self.touched.insert(id, bench.now);
                }
            }
            Act::Respond { which, status } => {
                let Some(&id) = self.servers.get(which % self.servers.len().max(1)) else { return };
                let was_open = bench.layer.server_request(id).is_some();
                assert_eq!(bench.respond(id, STATUSES[status]), was_open);
                if was_open {
                    self.touched.insert(id, bench.now);
                }
            }
            Act::Send { method, n, transport: reliable, fallback, hurry } => {
                bench.patience = if hurry { Duration::from_secs(4) } else { Duration::ZERO };
                let request = message(METHODS[method], n, "");
                let fallback = (fallback && reliable).then(|| flow(Transport::Udp));
                let id = bench.send_with(&request, flow(transport(reliable)), fallback);
                if hurry {
                    self.hurried.insert(id);
                }
                self.clients.push((id, request));
                self.touched.insert(id, bench.now);
            }
            Act::Answer { which, status } => {
                let Some((id, request)) = self.clients.get(which % self.clients.len().max(1)).cloned() else { return };
                bench.receive_response(&response_to(&request, STATUSES[status]));
                self.touched.insert(id, bench.now);
                // Requests of one branch share the answer.
                for (other, _) in &self.clients {
                    self.touched.insert(*other, bench.now);
                }
            }
            Act::Cancel { which } => {
                let Some((id, _)) = self.clients.get(which % self.clients.len().max(1)) else { return };
                if let Some((cancel, to)) = bench.layer.build_cancel(*id, &[]) {
                    let cancel = Arc::new(cancel);
                    let id = bench.send_with(&cancel, to, None);
                    self.clients.push((id, cancel));
                    self.touched.insert(id, bench.now);
                }
            }
            Act::Break { transport: reliable, connection } => {
                let remote = flow(Transport::Udp).remote;
                bench.layer.transport_failed(
                    transport(reliable),
                    remote,
                    connection,
                    Fault::ConnectionLost,
                    bench.now,
                    &mut bench.out,
                );
                // What falls back starts anew.
                for (id, _) in &self.clients {
                    self.touched.insert(*id, bench.now);
                }
            }
            Act::Wait { micros } => bench.advance(micros),
        }
    }

    fn judge(&mut self) {
        let layer = &self.bench.layer;
        let mut timers = 0;
        for client in layer.clients.iter() {
            timers += client.running.assert_within(match client.state {
                client::State::Invite(state) => invite_client::timers(state),
                client::State::NonInvite(state) => non_invite_client::timers(state),
            });
        }
        for server in layer.servers.iter() {
            timers += server.running.assert_within(match server.state {
                server::State::Invite(state) => invite_server::timers(state),
                server::State::NonInvite(state) => non_invite_server::timers(state),
            });
        }
        assert_eq!(layer.timers.len(), timers, "a timer runs that belongs to nobody");
        let bound = (layer.settings.trying + layer.settings.proceeding).max(64 * layer.settings.t1);
        for id in layer.clients.iter().map(|c| &c.id).chain(layer.servers.iter().map(|s| &s.id)) {
            let idle = self.bench.now.since(self.touched[id]);
            assert!(idle <= bound, "{id:?} lives after {idle:?}");
            assert!(!self.ended.contains(id), "{id:?} lives after its end");
        }
        for output in std::mem::take(&mut self.bench.out) {
            match output {
                Output::Send(sent) => assert!(Message::parse(&sent.bytes, &Limits::default()).is_ok()),
                Output::Terminated { id } => assert!(self.ended.insert(id), "{id:?} ended twice"),
                Output::Response { id, message } => {
                    assert!(message.status() > 100);
                    let several = message.method() == Method::Invite && message.status() < 300;
                    if message.status() >= 200 && !several {
                        *self.finals.entry(id).or_default() += 1;
                    }
                }
                Output::Failed { id, .. } => *self.finals.entry(id).or_default() += 1,
                Output::Unacknowledged { .. } => {}
            }
        }
        let once = |(id, n): (&TransactionId, &usize)| *n == 1 || (*n == 2 && self.hurried.contains(id));
        assert!(self.finals.iter().all(once), "a final answer was told twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_events_ends_with_nothing_left(acts in proptest::collection::vec(act(), 1..120)) {
        let settings = TimerSettings { max_transactions: 12, max_answered: 3, ..TimerSettings::default() };
        let mut judge = Judge {
            bench: Bench::with(settings),
            servers: Vec::new(),
            clients: Vec::new(),
            touched: HashMap::new(),
            finals: HashMap::new(),
            hurried: HashSet::new(),
            ended: HashSet::new(),
        };
        for act in &acts {
            judge.act(act);
            judge.judge();
        }
        // 10 minutes for what rings, then 64*T1 for what that started.
        judge.bench.advance(633 * S);
        judge.judge();
        judge.bench.assert_clean();
        prop_assert_eq!(judge.ended.len(), judge.servers.len() + judge.clients.len());
    }
}
