//! Behaviour of the layer, rule by rule, under virtual time.

mod clients;
mod random;
mod servers;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::flow::{Flow, Transport};
use crate::limits::Limits;
use crate::message::{Message, MessageBuilder, Method};

/// A layer, a clock and what has come out.
struct Bench {
    layer: Layer,
    now: Time,
    next_id: u64,
    /// Of the INVITEs it sends.
    patience: Duration,
    out: Vec<Output>,
}

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

fn flow(transport: Transport) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "192.0.2.50:5060".parse().unwrap(),
        connection: u64::from(transport != Transport::Udp) * 7,
    }
}

fn parse(text: &str) -> Arc<Message> {
    Arc::new(Message::parse(text.replace('\n', "\r\n").as_bytes(), &Limits::default()).unwrap())
}

/// A request of a peer's at `192.0.2.50`.
fn request(method: &str, branch: &str) -> Arc<Message> {
    let cseq = if method == "ACK" || method == "CANCEL" { "INVITE" } else { method };
    with(&format!("{method} sip:1502@192.0.2.1 SIP/2.0"), method, branch, "", &format!("call-{cseq}-{branch}"))
}

fn with(start: &str, method: &str, branch: &str, to_tag: &str, call_id: &str) -> Arc<Message> {
    parse(&format!(
        "{start}\nVia: SIP/2.0/UDP 192.0.2.50:5060;branch={branch}\nMax-Forwards: 70\n\
         From: <sip:1501@192.0.2.1>;tag=f\nTo: <sip:1502@192.0.2.1>{to_tag}\nCall-ID: {call_id}\n\
         CSeq: 7 {method}\nContent-Length: 0\n\n"
    ))
}

fn response_to(request: &Message, status: u16) -> Arc<Message> {
    Arc::new(MessageBuilder::response_to(request, status, None, Some("t")).finish())
}

impl Bench {
    fn new() -> Self {
        Self::with(TimerSettings::default())
    }

    fn with(settings: TimerSettings) -> Self {
        Self {
            layer: Layer::new(settings),
            now: Time(1_000 * S),
            next_id: 0,
            patience: Duration::ZERO,
            out: Vec::new(),
        }
    }

    fn receive_request(&mut self, request: &Arc<Message>, transport: Transport) -> Inbound {
        self.receive_request_on(request, flow(transport))
    }

    fn receive_request_on(&mut self, request: &Arc<Message>, flow: Flow) -> Inbound {
        let next = &mut self.next_id;
        let mut ids = || {
            *next += 1;
            TransactionId(*next)
        };
        self.layer.receive_request(request, flow, self.now, &mut ids, &mut self.out)
    }

    fn is_known(&self, request: &Message) -> bool {
        self.layer.find(request, &request.top_via().unwrap(), &flow(Transport::Udp)).is_known()
    }

    /// Takes in a request that must be new.
    fn accept(&mut self, request: &Arc<Message>, transport: Transport) -> TransactionId {
        match self.receive_request(request, transport) {
            Inbound::New(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn respond(&mut self, id: TransactionId, status: u16) -> bool {
        let request = self.layer.server_request(id).cloned().unwrap_or_else(|| request("INVITE", "z9hG4bKgone"));
        let source = self.layer.server_flow(id).unwrap_or(flow(Transport::Udp)).remote;
        let bytes = MessageBuilder::response_from(&request, source, status, None, Some("t")).into_bytes();
        self.layer.respond(id, Reply { status, tag: "t", bytes }, self.now, &mut self.out)
    }

    /// Sends a request of ours.
    fn send(&mut self, request: &Arc<Message>, transport: Transport) -> TransactionId {
        self.send_with(request, flow(transport), None)
    }

    fn send_with(&mut self, request: &Arc<Message>, flow: Flow, fallback: Option<Flow>) -> TransactionId {
        self.next_id += 1;
        let id = TransactionId(self.next_id);
        self.layer.send_request(id, Arc::clone(request), flow, fallback, self.patience, self.now, &mut self.out);
        id
    }

    fn receive_response(&mut self, response: &Arc<Message>) -> bool {
        let answered = self.layer.answered_by(&response.validate().unwrap());
        self.layer.receive_response(response, answered, self.now, &mut self.out);
        answered.is_some()
    }

    /// Lets time pass, from timer to timer as a driver does.
    fn advance(&mut self, micros: u64) {
        let end = Time(self.now.0 + micros);
        while let Some(at) = self.layer.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.layer.handle_timeouts(self.now, &mut self.out);
        }
        self.now = end;
        self.layer.handle_timeouts(end, &mut self.out);
    }

    /// Lets time pass and tells at which microseconds something was sent.
    fn sent_within(&mut self, micros: u64) -> Vec<u64> {
        let start = self.now;
        let end = Time(start.0 + micros);
        let mut at = Vec::new();
        while let Some(next) = self.layer.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(next);
            self.layer.handle_timeouts(self.now, &mut self.out);
            at.extend(self.sent().iter().map(|_| self.now.0 - start.0));
        }
        self.now = end;
        at
    }

    /// Takes what was sent, as text, and leaves the rest.
    fn sent(&mut self) -> Vec<(Flow, String)> {
        let mut sent = Vec::new();
        self.out.retain(|output| match output {
            Output::Send(t) => {
                sent.push((t.flow, String::from_utf8(t.bytes.to_vec()).unwrap()));
                false
            }
            _ => true,
        });
        sent
    }

    /// The first word or status of each message sent.
    fn sent_kinds(&mut self) -> Vec<String> {
        self.sent()
            .iter()
            .map(|(_, text)| text.strip_prefix("SIP/2.0 ").unwrap_or(text).split(' ').next().unwrap().to_owned())
            .collect()
    }

    /// Takes what was told, in short: `response 1 180`, `failed 1 Timeout`, `terminated 1`.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        self.out.retain(|output| {
            told.push(match output {
                Output::Send(_) => return true,
                Output::Response { id, message } => format!("response {} {}", id.0, message.status()),
                Output::Failed { id, failure } => format!("failed {} {failure:?}", id.0),
                Output::Unacknowledged { id } => format!("unacknowledged {}", id.0),
                Output::Terminated { id } => format!("terminated {}", id.0),
            });
            false
        });
        told
    }

    /// Nothing is left: no transaction, no key, no timer.
    fn assert_clean(&self) {
        assert_eq!(self.layer.len(), 0);
        assert!(self.layer.timers.is_empty());
        assert!(self.layer.clients.is_empty() && self.layer.servers.is_empty());
        assert!(self.layer.merges.is_empty() && self.layer.waiting.is_empty() && self.layer.answered.is_empty());
        let c = self.layer.counters();
        assert_eq!((c.invite_clients, c.non_invite_clients, c.invite_servers, c.non_invite_servers), (0, 0, 0, 0));
    }
}
