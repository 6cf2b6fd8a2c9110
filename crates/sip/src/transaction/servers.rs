//! Requests of peers, from the moment they come to that at which they are not repeated any more.

use std::sync::Arc;
use std::time::Duration;

use super::server::{self, Server};
use super::step::{Step, step};
use super::timing::Running;
use super::{Fault, Inbound, Layer, Output, Place, TransactionId, invite_server, matching, non_invite_server};
use crate::flow::Flow;
use crate::message::{Message, Method};
use crate::time::Time;

/// A response of the user's.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    /// 101 to 699.
    pub status: u16,
    /// The tag its To was given, unless that of the request has one.
    pub tag: &'a str,
    /// As it goes on the wire, its topmost Via stamped with where the request came from (RFC 3261 18.2.1).
    pub bytes: Arc<[u8]>,
}

impl Layer {
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
        let place = self.find(request, &via, &flow);
        self.receive_found(request, place, flow, now, ids, out)
    }

    /// The same for a request that [`Layer::find`] has just looked up.
    pub fn receive_found(
        &mut self,
        request: &Arc<Message>,
        place: Place,
        flow: Flow,
        now: Time,
        ids: &mut dyn FnMut() -> TransactionId,
        out: &mut Vec<Output>,
    ) -> Inbound {
        let Place { found, key, reply_port } = place;
        let method = request.method();
        match method {
            Method::Ack => return self.receive_ack(found, now, out),
            Method::Cancel => {
                self.counters.unmatched += u64::from(found.is_none());
                return Inbound::Cancel { invite: found };
            }
            _ => {}
        }
        if let Some(id) = found {
            self.follow_client(id, reply_port, flow);
            self.step_server(id, server::Input::Request, None, now, out);
            return Inbound::Absorbed;
        }
        let merge = matching::merge_key(self.settings.hash_seed, request, &method);
        if merge.is_some_and(|merge| self.merges.contains(&merge)) {
            self.counters.merged += 1;
            return Inbound::Merged;
        }
        if self.len() >= self.settings.max_transactions && !self.let_go_of_one(now, out) {
            self.counters.overloaded += 1;
            return Inbound::Overloaded;
        }
        let id = ids();
        let state = match method {
            Method::Invite => server::State::Invite(invite_server::State::Received),
            _ => server::State::NonInvite(non_invite_server::State::Trying),
        };
        let mut server = Box::new(Server {
            id,
            key: key.key,
            merge,
            flow,
            reply_port,
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
            server::State::Invite(_) => step.counters.invite_servers += 1,
            server::State::NonInvite(_) => step.counters.non_invite_servers += 1,
        }
        server.begin(&mut step);
        if let Some(merge) = merge {
            self.merges.insert(merge, ());
        }
        self.servers.insert(server);
        Inbound::New(id)
    }

    /// A client that repeats its request over another connection or transport has lost the first,
    /// so the responses go to the new one. Over UDP the first address stays (RFC 3261 18.2.2).
    fn follow_client(&mut self, id: TransactionId, reply_port: u16, flow: Flow) {
        if let Some(server) = self.servers.get_mut(id)
            && (server.flow.transport, server.flow.connection) != (flow.transport, flow.connection)
        {
            server.flow = flow;
            server.reply_port = reply_port;
        }
    }

    fn receive_ack(&mut self, found: Option<TransactionId>, now: Time, out: &mut Vec<Output>) -> Inbound {
        let Some(id) = found else { return Inbound::Ack };
        self.step_server(id, server::Input::Ack, None, now, out);
        let for_dialog = self.servers.get_mut(id).is_some_and(|server| std::mem::take(&mut server.ack_is_for_dialog));
        if for_dialog { Inbound::Ack } else { Inbound::Absorbed }
    }

    /// Sends a response of the user's. `false` if there is no such transaction or it has its
    /// final response already.
    pub fn respond(&mut self, id: TransactionId, reply: Reply<'_>, now: Time, out: &mut Vec<Output>) -> bool {
        let Some(server) = self.servers.get_mut(id).filter(|server| server.is_unanswered()) else { return false };
        let Reply { status, tag, bytes } = reply;
        if status >= 200
            && let Some(legacy) = &mut server.legacy
        {
            let tag = server.request.as_ref().and_then(|request| request.to().ok()?.tag()).unwrap_or(tag);
            legacy.response = Some(matching::tag_hash(self.settings.hash_seed, tag));
        }
        self.step_server(id, server::Input::Respond(status), Some(bytes), now, out);
        true
    }

    /// The request a server transaction is for, until its final response.
    #[must_use]
    pub fn server_request(&self, id: TransactionId) -> Option<&Arc<Message>> {
        self.servers.get(id)?.request.as_ref()
    }

    /// The flow the responses of a server transaction go to (RFC 3261 18.2.2, RFC 3581).
    #[must_use]
    pub fn reply_flow(&self, id: TransactionId) -> Option<Flow> {
        self.servers.get(id).map(|server| server.reply_flow())
    }

    /// The flow a server transaction's request came on.
    #[must_use]
    pub fn server_flow(&self, id: TransactionId) -> Option<Flow> {
        self.servers.get(id).map(|server| server.flow)
    }

    pub(super) fn step_server(
        &mut self,
        id: TransactionId,
        input: server::Input,
        bytes: Option<Arc<[u8]>>,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(server) = self.servers.get_mut(id) else { return };
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
        let Some(server) = self.servers.remove(id) else { return };
        match server.state {
            server::State::Invite(_) => self.counters.invite_servers -= 1,
            server::State::NonInvite(_) => self.counters.non_invite_servers -= 1,
        }
        if let Some(merge) = server.merge {
            self.merges.remove(&merge);
        }
        while self.answered.front().is_some_and(|id| !self.servers.contains(*id)) {
            self.answered.pop_front();
        }
        out.push(Output::Terminated { id });
    }

    /// Ends the oldest answered non-INVITE transaction before its time. `false` if there is none.
    fn let_go_of_one(&mut self, now: Time, out: &mut Vec<Output>) -> bool {
        while let Some(id) = self.answered.pop_front() {
            let Some(server) = self.servers.get_mut(id) else { continue };
            server.running.keep(&[], &mut step!(self, now, out));
            self.counters.let_go += 1;
            self.remove_server(id, out);
            return true;
        }
        false
    }
}
