//! Prints what a transaction costs: `cargo run --release -p cordboard-sip --example transaction_cost`.
//!
//! Messages are parsed and responses built beforehand, so that the figures are the layer's own, but for the check of
//! what it receives as a client: finding the transaction, its timers, printing what is sent, and its end. Virtual time runs at
//! 26,000 transactions a second, so the figures include the hundreds of thousands of transactions
//! that linger in the meantime.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people, which may stop at the first error")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cordboard_sip::limits::Limits;
use cordboard_sip::message::MessageBuilder;
use cordboard_sip::transaction::{Inbound, Layer, Output, Reply, TimerSettings, TransactionId};
use cordboard_sip::{Flow, Message, Time, Transport};

const ROUNDS: usize = 200_000;
const BATCH: usize = 250;
const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 26_000);

fn request(method: &str, cseq: &str, n: usize) -> Arc<Message> {
    let text = format!(
        "{method} sip:1502@192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.50:5060;rport;branch=z9hG4bK{n:016x}\r\nMax-Forwards: 70\r\n\
         From: \"Phone 1501\" <sip:1501@192.0.2.1>;tag={n:016x}\r\nTo: <sip:1502@192.0.2.1>\r\n\
         Call-ID: {n:016x}@192.0.2.50\r\nCSeq: 1 {cseq}\r\nContact: <sip:1501@192.0.2.50:5060>\r\n\
         User-Agent: Phone 1.0\r\nContent-Length: 0\r\n\r\n"
    );
    Arc::new(Message::parse(text.as_bytes(), &Limits::default()).unwrap())
}

struct Run {
    layer: Layer,
    out: Vec<Output>,
    next_id: u64,
    batches: Vec<Duration>,
    now: Time,
    flow: Flow,
    most: usize,
}

impl Run {
    fn new() -> Self {
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.50:5060".parse().unwrap(),
            connection: 0,
        };
        let settings = TimerSettings { max_transactions: 2_000_000, max_answered: 2_000_000, ..Default::default() };
        let layer = Layer::new(settings);
        Self { layer, out: Vec::new(), next_id: 0, batches: Vec::new(), now: Time(0), flow, most: 0 }
    }

    fn receive(&mut self, message: &Arc<Message>) -> Inbound {
        let next = &mut self.next_id;
        let mut ids = || {
            *next += 1;
            TransactionId(*next)
        };
        self.layer.receive_request(message, self.flow, self.now, &mut ids, &mut self.out)
    }

    fn send(&mut self, message: &Arc<Message>) {
        self.next_id += 1;
        let id = TransactionId(self.next_id);
        self.layer.send_request(id, Arc::clone(message), self.flow, None, Duration::ZERO, self.now, &mut self.out);
    }

    fn answer(&mut self, response: &Arc<Message>) {
        let answered = self.layer.answered_by(&response.validate().unwrap());
        self.layer.receive_response(response, answered, self.now, &mut self.out);
    }

    /// Runs one kind of transaction many times and prints the median of the batches, which a busy machine disturbs
    /// least.
    fn measure(
        mut self,
        name: &str,
        prepare: impl Fn(usize) -> Vec<Arc<Message>>,
        once: impl Fn(&mut Self, &[Arc<Message>]),
    ) {
        for batch in 0..ROUNDS / BATCH {
            let messages: Vec<_> = (0..BATCH).map(|n| prepare(batch * BATCH + n)).collect();
            let start = Instant::now();
            for set in &messages {
                once(&mut self, set);
                self.now = self.now.after(INTERVAL);
                self.layer.handle_timeouts(self.now, &mut self.out);
                self.out.clear();
            }
            self.batches.push(start.elapsed());
            self.most = self.most.max(self.layer.len());
        }
        self.batches.sort();
        let each = self.batches[self.batches.len() / 2].as_nanos() / BATCH as u128;
        println!("{name:<34} {each:>5} ns, at most {:>7} alive", self.most);
    }
}

fn respond(run: &mut Run, request: &Arc<Message>, responses: &[Arc<Message>]) {
    let Inbound::New(id) = run.receive(request) else { return };
    for response in responses {
        let reply = Reply { status: response.status(), tag: "t", bytes: response.to_bytes() };
        run.layer.respond(id, reply, run.now, &mut run.out);
    }
}

fn with_responses(method: &str, n: usize, statuses: &[u16]) -> Vec<Arc<Message>> {
    let request = request(method, method, n);
    let source = "192.0.2.50:5060".parse().unwrap();
    let responses = statuses
        .iter()
        .map(|status| Arc::new(MessageBuilder::response_from(&request, source, *status, None, Some("t")).finish()));
    std::iter::once(Arc::clone(&request)).chain(responses.collect::<Vec<_>>()).collect()
}

fn main() {
    Run::new().measure(
        "server REGISTER, 200",
        |n| with_responses("REGISTER", n, &[200]),
        |run, set| respond(run, &set[0], &set[1..]),
    );
    Run::new().measure(
        "server INVITE, 100, 180, 200",
        |n| with_responses("INVITE", n, &[180, 200]),
        |run, set| respond(run, &set[0], &set[1..]),
    );
    Run::new().measure(
        "server INVITE, 100, 486, ACK",
        |n| {
            let mut set = with_responses("INVITE", n, &[486]);
            set.push(request("ACK", "ACK", n));
            set
        },
        |run, set| {
            respond(run, &set[0], &set[1..2]);
            run.receive(&set[2]);
        },
    );
    Run::new().measure(
        "client BYE, 200",
        |n| with_responses("BYE", n, &[200]),
        |run, set| {
            run.send(&set[0]);
            run.answer(&set[1]);
        },
    );
    Run::new().measure(
        "client INVITE, 100, 180, 200",
        |n| with_responses("INVITE", n, &[100, 180, 200]),
        |run, set| {
            run.send(&set[0]);
            for response in &set[1..] {
                run.answer(response);
            }
        },
    );
}
