//! Requests of ours, from the moment they are sent to that at which no response is waited for any more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::client::{self, Client};
use super::step::{Step, step};
use super::timing::Running;
use super::{Fault, Layer, Output, TransactionId, build, invite_client, matching, non_invite_client};
use crate::flow::{Flow, Transport};
use crate::message::{Essentials, Message, Method};
use crate::time::Time;

impl Layer {
    /// Sends a request of the user's; its topmost Via has a fresh branch. Not for ACK.
    ///
    /// `fallback` is for a request that goes over TCP only because of its size: if the connection
    /// fails before any response, the request goes there instead, with its Via rewritten
    /// (RFC 3261 18.1.1).
    ///
    /// `patience` is for an INVITE: with no response at all within it, `Failure::Timeout` is told; zero leaves that to
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
        self.clients.insert(client);
        self.follow_flow(id);
        if method == Method::Cancel {
            self.note_cancel(&branch, now, out);
        }
    }

    /// A CANCEL was sent: its INVITE ends within 64*T1 (RFC 3261 9.1).
    fn note_cancel(&mut self, branch: &str, now: Time, out: &mut Vec<Output>) {
        let key = matching::client_key(self.settings.hash_seed, branch, &Method::Invite);
        if let Some(id) = self.clients.keyed(key).filter(|id| self.has_provisional(*id)) {
            self.step_client(id, client::Input::Cancelled, None, now, out);
        }
    }

    /// The request a client transaction is for and where it was sent, until its final response.
    #[must_use]
    pub fn client_request(&self, id: TransactionId) -> Option<(&Arc<Message>, Flow)> {
        let client = self.clients.get(id)?;
        client.request.as_ref().map(|request| (request, client.flow))
    }

    /// Takes a response from the wire, and which request of ours it answers ([`Layer::answered_by`]).
    pub fn receive_response(
        &mut self,
        response: &Arc<Message>,
        answered: Option<TransactionId>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        match answered {
            Some(id) => self.step_client(id, client::Input::Response(response.status()), Some(response), now, out),
            None => self.counters.unmatched += 1,
        }
    }

    /// Whether a provisional response has come and no final one, so that CANCEL may be sent
    /// (RFC 3261 9.1).
    #[must_use]
    pub fn has_provisional(&self, id: TransactionId) -> bool {
        self.clients.get(id).is_some_and(|client| client.has_provisional())
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
            let Some(client) = self.clients.get(id) else { continue };
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

    /// The request of ours that a response answers (RFC 3261 17.1.3).
    #[must_use]
    pub fn answered_by(&self, response: &Essentials<'_>) -> Option<TransactionId> {
        // A second Via shows that the response went astray (RFC 3261 8.1.3.3).
        let branch = response.via.branch().filter(|_| response.vias == 1)?;
        let key = matching::client_key(self.settings.hash_seed, branch, &response.cseq.method);
        self.clients.keyed(key)
    }

    pub(super) fn step_client(
        &mut self,
        id: TransactionId,
        input: client::Input,
        message: Option<&Arc<Message>>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(client) = self.clients.get_mut(id) else { return };
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

    pub(super) fn remove_client(&mut self, id: TransactionId, out: &mut Vec<Output>) {
        let Some(client) = self.clients.remove(id) else { return };
        match client.state {
            client::State::Invite(_) => self.counters.invite_clients -= 1,
            client::State::NonInvite(_) => self.counters.non_invite_clients -= 1,
        }
        if let Some(place) = client.waiting_at {
            self.vacate(&client.flow, place);
        }
        out.push(Output::Terminated { id });
    }
}
