//! Transactions (RFC 3261 section 17, RFC 6026): the four machines, and the layer that finds the
//! machine a message belongs to.
//!
//! The layer absorbs retransmissions in both directions, sends its own, answers an INVITE 100 at
//! once, acknowledges error responses, and names requests that are merged (8.2.2.2) or cancelled
//! (9.2). What to do with a request, the retransmission of a 2xx and its ACK are the business of
//! the endpoint above.
//!
//! A transaction keeps its request until the final response and after that only what it needs to
//! recognise and answer retransmissions, as most transactions spend most of their life waiting
//! for those.

mod build;
mod client;
mod flows;
mod invite_client;
mod invite_server;
mod matching;
mod non_invite_client;
mod non_invite_server;
mod queries;
mod server;
mod step;
#[cfg(test)]
mod tests;
mod timing;
mod via;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

pub use crate::event::{Failure, Fault, TransactionId};
pub use step::ProtocolError;
pub use timing::TimerSettings;
pub use via::{print_response, reply_flow};

use self::client::Client;
use self::flows::Waiting;
use self::server::Server;
use self::step::Step;
use self::timing::{Running, Timer};
use crate::flow::{Flow, Transmit, Transport};
use crate::header::HeaderName;
use crate::message::{Message, Method};
use crate::time::Time;
use crate::timers::Timers;

/// What [`Layer::receive_request`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A new request. For an INVITE the 100 is in the output already.
    New(TransactionId),
    /// A retransmission, the ACK of an error response, or a request whose Via cannot be read:
    /// dealt with.
    Absorbed,
    /// An ACK that belongs to no error response: give it to the dialogs.
    Ack,
    /// A CANCEL (RFC 3261 9.2); answer it without a transaction. A repeated CANCEL comes again.
    Cancel {
        /// The INVITE it matches, answered or not. `None`: answer 481.
        invite: Option<TransactionId>,
    },
    /// The same request reached us over another path (RFC 3261 8.2.2.2): answer 482 without a
    /// transaction.
    Merged,
    /// There are [`TimerSettings::max_transactions`] already: answer 503 without a transaction.
    Overloaded,
}

/// What the layer wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Put this on the wire.
    Send(Transmit),
    /// A response the user must see: each provisional but 100, the final one once, and for an
    /// INVITE each further 2xx, be it another fork's or a repetition.
    Response {
        /// The request of ours.
        id: TransactionId,
        /// The response.
        message: Arc<Message>,
    },
    /// A request of ours gets no final response.
    Failed {
        /// The request.
        id: TransactionId,
        /// Why.
        failure: Failure,
    },
    /// An error response of ours to an INVITE was never acknowledged (timer H).
    Unacknowledged {
        /// The INVITE.
        id: TransactionId,
    },
    /// The transaction is gone; its number means nothing any more.
    Terminated {
        /// The transaction.
        id: TransactionId,
    },
}

/// What has happened so far, and how many transactions live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// INVITEs of ours.
    pub invite_clients: usize,
    /// Other requests of ours.
    pub non_invite_clients: usize,
    /// INVITEs of peers.
    pub invite_servers: usize,
    /// Other requests of peers.
    pub non_invite_servers: usize,
    /// Messages sent again, by timer or because the peer repeated itself.
    pub retransmitted: u64,
    /// Messages received again.
    pub absorbed: u64,
    /// Timers B, C, F and H that ran out.
    pub timeouts: u64,
    /// Requests of ours that failed because the transport did.
    pub transport_failures: u64,
    /// Requests of ours that went from TCP to UDP (RFC 3261 18.1.1).
    pub fallbacks: u64,
    /// Requests of peers that the user never answered.
    pub unanswered: u64,
    /// Requests refused because there were too many transactions.
    pub overloaded: u64,
    /// Answered transactions let go before timer J to make room.
    pub let_go: u64,
    /// Merged requests.
    pub merged: u64,
    /// Responses and CANCELs that match no transaction.
    pub unmatched: u64,
    /// Requests dropped because their Via cannot be read.
    pub unreadable: u64,
    /// Inputs a machine has no entry for; [`Layer::last_protocol_error`] names the last.
    pub protocol_errors: u64,
}

/// All transactions of one endpoint.
#[derive(Debug)]
pub struct Layer {
    settings: TimerSettings,
    timers: Timers<(TransactionId, Timer)>,
    clients: FxHashMap<TransactionId, Box<Client>>,
    client_keys: FxHashMap<u128, TransactionId>,
    waiting: Waiting,
    servers: FxHashMap<TransactionId, Box<Server>>,
    server_keys: FxHashMap<u128, TransactionId>,
    merges: FxHashMap<u128, TransactionId>,
    /// Non-INVITE servers in COMPLETED, oldest first; some may be gone.
    answered: VecDeque<TransactionId>,
    counters: Counters,
    last_protocol_error: Option<ProtocolError>,
}

/// The parts of the layer an action may reach, borrowed apart from the transactions.
macro_rules! step {
    ($layer:ident, $now:expr, $out:expr) => {
        Step {
            now: $now,
            message: None,
            bytes: None,
            settings: &$layer.settings,
            timers: &mut $layer.timers,
            counters: &mut $layer.counters,
            out: $out,
            fault: Fault::ConnectionLost,
            due_now: None,
        }
    };
}

impl Layer {
    /// A layer without transactions.
    #[must_use]
    pub fn new(settings: TimerSettings) -> Self {
        Self {
            settings: settings.sane(),
            timers: Timers::new(),
            clients: FxHashMap::default(),
            client_keys: FxHashMap::default(),
            waiting: Waiting::default(),
            servers: FxHashMap::default(),
            server_keys: FxHashMap::default(),
            merges: FxHashMap::default(),
            answered: VecDeque::new(),
            counters: Counters::default(),
            last_protocol_error: None,
        }
    }

    /// Takes a request from the wire. `ids` names the transaction if one is made.
    ///
    /// The caller has checked that the request is well formed (RFC 3261 8.2); a request whose
    /// topmost Via cannot be read is dropped and counted.
    pub fn receive_request(
        &mut self,
        request: &Arc<Message>,
        flow: Flow,
        now: Time,
        ids: &mut dyn FnMut() -> TransactionId,
        out: &mut Vec<Output>,
    ) -> Inbound {
        let Ok(via) = request.top_via() else {
            self.counters.unreadable += 1;
            return Inbound::Absorbed;
        };
        let method = request.method();
        let (found, key) = self.find(request, &via);
        match method {
            Method::Ack => return self.receive_ack(found, now, out),
            Method::Cancel => {
                self.counters.unmatched += u64::from(found.is_none());
                return Inbound::Cancel { invite: found };
            }
            _ => {}
        }
        if let Some(id) = found {
            self.follow_client(id, via::reply_port(&via, &flow), flow);
            self.step_server(id, server::Input::Request, None, now, out);
            return Inbound::Absorbed;
        }
        let merge = matching::merge_key(self.settings.hash_seed, request, &method);
        if merge.is_some_and(|merge| self.merges.contains_key(&merge)) {
            self.counters.merged += 1;
            return Inbound::Merged;
        }
        if self.len() >= self.settings.max_transactions && !self.let_go_of_one(now, out) {
            self.counters.overloaded += 1;
            return Inbound::Overloaded;
        }
        let id = ids();
        let state = match method {
            Method::Invite => server::State::Invite(invite_server::State::Proceeding),
            _ => server::State::NonInvite(non_invite_server::State::Trying),
        };
        let mut server = Box::new(Server {
            id,
            key: key.key,
            merge,
            flow,
            reply_port: via::reply_port(&via, &flow),
            request: Some(Arc::clone(request)),
            last: None,
            legacy: key.legacy_to.map(|request| Box::new(matching::LegacyTags { request, response: None })),
            interval: Duration::ZERO,
            running: Running::default(),
            state,
            ack_is_for_dialog: false,
        });
        let mut step = step!(self, now, out);
        match state {
            server::State::Invite(_) => {
                step.counters.invite_servers += 1;
                step.bytes = Some(build::trying(request, flow.remote).to_bytes());
            }
            server::State::NonInvite(_) => step.counters.non_invite_servers += 1,
        }
        server.begin(&mut step);
        self.server_keys.insert(server.key, id);
        if let Some(merge) = merge {
            self.merges.insert(merge, id);
        }
        self.servers.insert(id, server);
        Inbound::New(id)
    }

    /// A client that repeats its request over another connection or transport has lost the first,
    /// so the responses go to the new one. Over UDP the first address stays (RFC 3261 18.2.2).
    fn follow_client(&mut self, id: TransactionId, reply_port: u16, flow: Flow) {
        if let Some(server) = self.servers.get_mut(&id)
            && (server.flow.transport, server.flow.connection) != (flow.transport, flow.connection)
        {
            server.flow = flow;
            server.reply_port = reply_port;
        }
    }

    fn receive_ack(&mut self, found: Option<TransactionId>, now: Time, out: &mut Vec<Output>) -> Inbound {
        let Some(id) = found else { return Inbound::Ack };
        self.step_server(id, server::Input::Ack, None, now, out);
        let for_dialog = self.servers.get_mut(&id).is_some_and(|server| std::mem::take(&mut server.ack_is_for_dialog));
        if for_dialog { Inbound::Ack } else { Inbound::Absorbed }
    }

    /// Sends a response of the user's. `false` if there is no such transaction or it has its
    /// final response already.
    pub fn respond(&mut self, id: TransactionId, response: &Message, now: Time, out: &mut Vec<Output>) -> bool {
        let Some(server) = self.servers.get_mut(&id).filter(|server| server.is_unanswered()) else { return false };
        let status = response.status();
        if status >= 200
            && let Some(legacy) = &mut server.legacy
        {
            let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or("");
            legacy.response = Some(matching::tag_hash(self.settings.hash_seed, tag));
        }
        let bytes = print_response(response, &server.flow);
        self.step_server(id, server::Input::Respond(status), Some(bytes), now, out);
        true
    }

    /// The request a server transaction is for, until its final response.
    #[must_use]
    pub fn server_request(&self, id: TransactionId) -> Option<&Arc<Message>> {
        self.servers.get(&id)?.request.as_ref()
    }

    /// The flow a server transaction's request came on.
    #[must_use]
    pub fn server_flow(&self, id: TransactionId) -> Option<Flow> {
        self.servers.get(&id).map(|server| server.flow)
    }

    /// Sends a request of the user's; its topmost Via has a fresh branch. Not for ACK.
    ///
    /// `fallback` is for a request that goes over TCP only because of its size: if the connection
    /// fails before any response, the request goes there instead, with its Via rewritten
    /// (RFC 3261 18.1.1).
    ///
    /// `patience` is for an INVITE: with no response at all within it, [`Failure::Timeout`] is told; zero leaves that to
    /// timer B. A response that comes all the same later is handed up.
    #[expect(clippy::too_many_arguments, reason = "the parts of a request, and where it goes")]
    pub fn send_request(
        &mut self,
        id: TransactionId,
        request: Arc<Message>,
        flow: Flow,
        fallback: Option<Flow>,
        patience: Duration,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let method = request.method();
        let branch = request.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let key = matching::client_key(self.settings.hash_seed, &branch, &method);
        let mut client = Box::new(Client {
            id,
            key,
            flow,
            fallback: fallback.map(Box::new),
            request: Some(request),
            bytes: None,
            patience,
            interval: Duration::ZERO,
            running: Running::default(),
            state: match method {
                Method::Invite => client::State::Invite(invite_client::State::Calling),
                _ => client::State::NonInvite(non_invite_client::State::Trying),
            },
            cancelled: false,
            waiting_at: None,
        });
        let mut step = step!(self, now, out);
        match client.state {
            client::State::Invite(_) => step.counters.invite_clients += 1,
            client::State::NonInvite(_) => step.counters.non_invite_clients += 1,
        }
        client.begin(&mut step);
        self.client_keys.insert(key, id);
        self.clients.insert(id, client);
        self.follow_flow(id);
        if method == Method::Cancel {
            self.note_cancel(&branch, now, out);
        }
    }

    /// A CANCEL was sent: its INVITE ends within 64*T1 (RFC 3261 9.1).
    fn note_cancel(&mut self, branch: &str, now: Time, out: &mut Vec<Output>) {
        let key = matching::client_key(self.settings.hash_seed, branch, &Method::Invite);
        if let Some(id) = self.client_keys.get(&key).copied().filter(|id| self.has_provisional(*id)) {
            self.step_client(id, client::Input::Cancelled, None, now, out);
        }
    }

    /// The request a client transaction is for and where it was sent, until its final response.
    #[must_use]
    pub fn client_request(&self, id: TransactionId) -> Option<(&Arc<Message>, Flow)> {
        let client = self.clients.get(&id)?;
        client.request.as_ref().map(|request| (request, client.flow))
    }

    /// Takes a response from the wire. `false` if it matches no request of ours.
    pub fn receive_response(&mut self, response: &Arc<Message>, _flow: Flow, now: Time, out: &mut Vec<Output>) -> bool {
        let found = self.client_of(response);
        let Some(id) = found else {
            self.counters.unmatched += 1;
            return false;
        };
        self.step_client(id, client::Input::Response(response.status()), Some(response), now, out);
        true
    }

    /// Whether a provisional response has come and no final one, so that CANCEL may be sent
    /// (RFC 3261 9.1).
    #[must_use]
    pub fn has_provisional(&self, id: TransactionId) -> bool {
        self.clients.get(&id).is_some_and(|client| client.has_provisional())
    }

    /// The CANCEL of a request of ours that has no final response yet, and where to send it
    /// (RFC 3261 9.1). It has the branch of the INVITE and gets a transaction of its own by
    /// [`Layer::send_request`].
    #[must_use]
    pub fn build_cancel(&self, id: TransactionId, headers: &[(String, String)]) -> Option<(Message, Flow)> {
        let (request, flow) = self.client_request(id)?;
        Some((build::cancel(request, headers), flow))
    }

    /// The transport could not deliver to `remote`, or a connection to it broke. `connection` 0
    /// means that none could be made.
    pub fn transport_failed(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        connection: u64,
        fault: Fault,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        for id in self.waiting.on(transport, remote) {
            let Some(client) = self.clients.get(&id) else { continue };
            if client.flow.connection != 0 && client.flow.connection != connection {
                continue;
            }
            let input = match client.fallback {
                Some(_) if client.is_unanswered() => client::Input::FallBack,
                _ => client::Input::TransportFailed(fault),
            };
            self.leave_flow(id);
            self.step_client(id, input, None, now, out);
        }
    }

    /// When [`Layer::handle_timeouts`] should be called: not later than the next timer.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Does what is due.
    pub fn handle_timeouts(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some((id, timer)) = self.timers.pop_due(now) {
            match timer {
                Timer::A | Timer::B | Timer::D | Timer::E | Timer::F | Timer::K | Timer::M | Timer::Patience => {
                    self.step_client(id, client::Input::Timer(timer), None, now, out);
                }
                Timer::G | Timer::H | Timer::I | Timer::J | Timer::L | Timer::Unanswered => {
                    self.step_server(id, server::Input::Timer(timer), None, now, out);
                }
                Timer::C if self.clients.contains_key(&id) => {
                    self.step_client(id, client::Input::Timer(timer), None, now, out);
                }
                Timer::C => self.step_server(id, server::Input::Timer(timer), None, now, out),
            }
        }
    }

    /// How many transactions live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether no transaction lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The last input that a machine had no entry for.
    #[must_use]
    pub fn last_protocol_error(&self) -> Option<ProtocolError> {
        self.last_protocol_error
    }

    /// The request of ours that a response answers.
    pub(crate) fn client_of(&self, response: &Message) -> Option<TransactionId> {
        // A second Via shows that the response went astray (RFC 3261 8.1.3.3).
        let mut vias = response.list(HeaderName::Via);
        let via = crate::header::Via::parse(vias.next()?).ok()?;
        if vias.next().is_some() {
            return None;
        }
        let method = response.cseq().ok()?.method;
        let key = matching::client_key(self.settings.hash_seed, via.branch()?, &method);
        self.client_keys.get(&key).copied()
    }

    fn step_client(
        &mut self,
        id: TransactionId,
        input: client::Input,
        message: Option<&Arc<Message>>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut step = step!(self, now, out);
        step.message = message;
        if let Err(error) = client.handle(input, &mut step) {
            self.counters.protocol_errors += 1;
            self.last_protocol_error = Some(error);
        }
        if client.is_terminated() {
            self.remove_client(id, out);
        } else if client.waits_on_flow() != client.waiting_at.is_some() {
            self.follow_flow(id);
        }
    }

    fn remove_client(&mut self, id: TransactionId, out: &mut Vec<Output>) {
        let Some(client) = self.clients.remove(&id) else { return };
        match client.state {
            client::State::Invite(_) => self.counters.invite_clients -= 1,
            client::State::NonInvite(_) => self.counters.non_invite_clients -= 1,
        }
        if self.client_keys.get(&client.key) == Some(&id) {
            self.client_keys.remove(&client.key);
        }
        if let Some(place) = client.waiting_at {
            self.vacate(&client.flow, place);
        }
        out.push(Output::Terminated { id });
    }

    fn step_server(
        &mut self,
        id: TransactionId,
        input: server::Input,
        bytes: Option<Arc<[u8]>>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let mut step = step!(self, now, out);
        step.bytes = bytes;
        if let Err(error) = server.handle(input, &mut step) {
            self.counters.protocol_errors += 1;
            self.last_protocol_error = Some(error);
        }
        if server.is_terminated() {
            self.remove_server(id, out);
        } else if matches!(input, server::Input::Respond(_)) && server.is_answered_non_invite() {
            self.answered.push_back(id);
            if self.answered.len() > self.settings.max_answered {
                self.let_go_of_one(now, out);
            }
        }
    }

    fn remove_server(&mut self, id: TransactionId, out: &mut Vec<Output>) {
        let Some(server) = self.servers.remove(&id) else { return };
        match server.state {
            server::State::Invite(_) => self.counters.invite_servers -= 1,
            server::State::NonInvite(_) => self.counters.non_invite_servers -= 1,
        }
        if self.server_keys.get(&server.key) == Some(&id) {
            self.server_keys.remove(&server.key);
        }
        if let Some(merge) = server.merge {
            self.merges.remove(&merge);
        }
        while self.answered.front().is_some_and(|id| !self.servers.contains_key(id)) {
            self.answered.pop_front();
        }
        out.push(Output::Terminated { id });
    }

    /// Ends the oldest answered non-INVITE transaction before its time. `false` if there is none.
    fn let_go_of_one(&mut self, now: Time, out: &mut Vec<Output>) -> bool {
        while let Some(id) = self.answered.pop_front() {
            let Some(server) = self.servers.get_mut(&id) else { continue };
            server.running.keep(&[], &mut step!(self, now, out));
            self.counters.let_go += 1;
            self.remove_server(id, out);
            return true;
        }
        false
    }
}
