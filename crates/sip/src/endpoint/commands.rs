//! What the user asks for.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::reliable::{Answer, Way};
use super::{
    Asking, Body, Cancel, Command, Destination, DialogId, Endpoint, Event, Failure, Fault, HeaderLine, TransactionId,
    authenticate, reliable, resend,
};
use crate::dialog::Input;
use crate::flow::{Flow, Transmit, Transport};
use crate::header::{HeaderName, NameAddr};
use crate::message::{Message, MessageBuilder, Method};
use crate::time::Time;
use crate::transaction::Reply;
use crate::uri::is_sips;

/// A request outside a dialog, as the user asked for it.
struct Outgoing<'a> {
    method: &'a Method,
    uri: &'a str,
    from: &'a str,
    to: &'a str,
    contact_user: &'a str,
    headers: &'a [HeaderLine],
    body: &'a Body,
    patience: Duration,
}

impl Endpoint {
    /// Carries out a command. One for a transaction or dialog that has gone meanwhile is counted
    /// and dropped: its end has been, or is about to be, told by an event.
    pub fn command(&mut self, command: Command, now: Time) {
        match command {
            Command::Respond { transaction, status, reason, headers, body, reliable } => {
                self.respond(transaction, Answer { status, reason, headers, body }, reliable, now);
            }
            Command::Send {
                transaction,
                method,
                uri,
                from,
                to,
                destination,
                contact_user,
                headers,
                body,
                patience,
            } => {
                let outgoing = Outgoing {
                    method: &method,
                    uri: &uri,
                    from: &from,
                    to: &to,
                    contact_user: &contact_user,
                    headers: &headers,
                    body: &body,
                    patience,
                };
                self.send(transaction, destination, &outgoing, now);
            }
            Command::SendInDialog { transaction, dialog, method, headers, body } => {
                self.look_behind_gruu(dialog, now);
                self.send_in_dialog(transaction, dialog, &method, &headers, &body, now);
            }
            Command::Ack { dialog, headers, body } => {
                self.look_behind_gruu(dialog, now);
                self.acknowledge(dialog, &headers, &body);
            }
            Command::Cancel { transaction, headers } => self.cancel(transaction, headers, now),
            Command::Forget { dialog } => self.remove_dialog(dialog),
        }
        self.settle_outputs(now);
    }

    fn respond(&mut self, id: TransactionId, answer: Answer, reliable: bool, now: Time) {
        let Some(serving) = self.serving.get(&id).filter(|s| !s.answered) else {
            self.counters.stale_commands += 1;
            return;
        };
        let mut way = Way::Plain;
        if let (Some(dialog), true) = (serving.dialog, serving.invite)
            && let Some((request, _)) = self.server_request(id)
        {
            way = self.way_of(id, dialog, &request, &answer, reliable);
            if matches!(way, Way::Later) {
                self.keep_for_later(dialog, answer);
                return;
            }
        }
        match way {
            Way::Plain | Way::Later => self.send_response(id, answer, None, now),
            Way::Numbered(rseq) => self.send_response(id, answer, Some(rseq), now),
            Way::Never => self.counters.stale_commands += 1,
        }
    }

    /// Sends a response, reliably under this RSeq.
    pub(super) fn send_response(&mut self, id: TransactionId, answer: Answer, rseq: Option<u32>, now: Time) {
        let Answer { status, reason, mut headers, body } = answer;
        let (Some((request, flow)), Some(reply_flow), Some(serving)) =
            (self.server_request(id), self.layer.reply_flow(id), self.serving.get_mut(&id))
        else {
            self.counters.stale_commands += 1;
            return;
        };
        serving.answered = status >= 200;
        let (dialog, makes_dialog, invite, bye) = (serving.dialog, serving.makes_dialog, serving.invite, serving.bye);
        if let Some(rseq) = rseq {
            headers.push(("Require".to_owned(), reliable::TAG.to_owned()));
            headers.push(("RSeq".to_owned(), rseq.to_string()));
        }
        let tag = match dialog.and_then(|d| self.dialogs.get(&d)) {
            Some(dialog) => dialog.local_tag().to_owned(),
            None => self.stateless_tag(&request),
        };
        let bytes = self.print_response(&request, flow, dialog, &tag, status, reason.as_deref(), &headers, &body);
        let transmit = Transmit { flow: reply_flow, bytes: Arc::clone(&bytes) };
        if !self.layer.respond(id, Reply { status, tag: &tag, bytes }, now, &mut self.outputs) {
            self.counters.stale_commands += 1;
            return;
        }
        if status >= 200 && !invite {
            self.serving.remove(&id);
        }
        let Some(dialog) = dialog else { return };
        let number = || request.cseq().map_or(0, |c| c.number);
        if invite && status >= 200 {
            self.end_reliable(id, dialog);
        }
        if let Some(rseq) = rseq {
            self.expect_prack(id, dialog, (number(), rseq), !body.bytes.is_empty(), transmit.clone(), now);
        }
        if (200..300).contains(&status) && invite {
            self.start_resending(dialog, number(), transmit, now);
        }
        if makes_dialog {
            let input = match status {
                ..200 => Input::Provisional,
                200..300 => Input::Success,
                _ => Input::Failure,
            };
            let state = self.dialogs.get_mut(&dialog).and_then(|d| d.handle(input));
            if state == Some(crate::dialog::State::Terminated) {
                self.remove_dialog(dialog);
            }
        }
        if bye && status >= 200 {
            self.remove_dialog(dialog);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a response")]
    fn print_response(
        &self,
        request: &Message,
        flow: Flow,
        dialog: Option<DialogId>,
        tag: &str,
        status: u16,
        reason: Option<&str>,
        headers: &[HeaderLine],
        body: &Body,
    ) -> Arc<[u8]> {
        let dialog = dialog.and_then(|d| self.dialogs.get(&d));
        let mut builder = MessageBuilder::response_from(request, flow.remote, status, reason, Some(tag));
        let creates = matches!(request.method(), Method::Invite | Method::Subscribe | Method::Refer | Method::Update);
        if creates && (101..300).contains(&status) {
            // RFC 3261 12.1.1: Record-Route is copied and a Contact given.
            builder = builder.copy_all(request, HeaderName::RecordRoute);
            let user = dialog.map_or("", |d| d.contact_user());
            let theirs = request.get(HeaderName::Contact).and_then(|c| NameAddr::parse(c).ok());
            let sips = is_sips(request.uri()) || theirs.is_some_and(|c| is_sips(c.uri));
            builder = builder
                .known_text(HeaderName::Contact, &self.contact(user, flow.transport, self.our_address(flow), sips));
        }
        let lists = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if creates && (200..300).contains(&status) && !lists("Allow") {
            let supported = self.settings.supported.iter().map(String::as_str);
            builder = builder.known_text(HeaderName::Allow, &self.settings.allow);
            builder = builder.known_list(HeaderName::Supported, supported);
        }
        with(builder.known_text(HeaderName::Server, &self.settings.software), headers)
            .print(&body.content_type, &body.bytes)
    }

    fn send(&mut self, id: TransactionId, to: Destination, outgoing: &Outgoing<'_>, now: Time) {
        let Some(local) = self.routes.local(to.transport, to.remote) else {
            self.fail_unsent(id, None);
            return;
        };
        let from_tag = self.ids.tag();
        let mut call_id = self.ids.tag();
        self.ids.push_token(&mut call_id);
        let reached = (to.transport, local);
        let build = |endpoint: &mut Self, transport, local| {
            let builder = MessageBuilder::request(outgoing.method, outgoing.uri)
                .known_text(HeaderName::Via, &endpoint.via(transport, local))
                .tagged(HeaderName::From, outgoing.from, &from_tag)
                .known_text(HeaderName::To, outgoing.to)
                .known_text(HeaderName::CallId, &call_id)
                .cseq(1, outgoing.method);
            endpoint.complete(builder, outgoing.method, outgoing.contact_user, reached, outgoing.headers, outgoing.body)
        };
        let request = build(self, to.transport, local);
        let flow = Flow { transport: to.transport, local, remote: to.remote, connection: to.connection };
        let (request, flow, fallback) = self.by_size(request, flow, build);
        let request = Arc::new(request);
        let kept = *outgoing.method == Method::Invite || !self.accounts.is_empty();
        let asking = Asking {
            contact_user: outgoing.contact_user.into(),
            request: kept.then(|| request.clone()),
            ..Asking::new(id, outgoing.method.clone(), flow)
        };
        self.asking.insert(id, Box::new(asking));
        self.layer.send_request(id, request, flow, fallback, outgoing.patience, now, &mut self.outputs);
    }

    pub(super) fn send_in_dialog(
        &mut self,
        id: TransactionId,
        dialog_id: DialogId,
        method: &Method,
        headers: &[HeaderLine],
        body: &Body,
        now: Time,
    ) {
        let Some(dialog) = self.dialogs.get(&dialog_id) else {
            self.counters.stale_commands += 1;
            self.fail_unsent(id, Some(dialog_id));
            return;
        };
        let (transport, remote, connection) = dialog.next_hop();
        let Some(local) = self.routes.local(transport, remote) else {
            self.fail_unsent(id, Some(dialog_id));
            return;
        };
        let contact_user = dialog.contact_user().to_owned();
        let mut headers = Cow::Borrowed(headers);
        if *method == Method::Prack && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("RAck")) {
            headers.to_mut().extend(self.rack(dialog_id));
        }
        let headers = &*headers;
        let mut sequence = None;
        let reached = (transport, local);
        let build = |endpoint: &mut Self, transport, local| {
            let via = endpoint.via(transport, local);
            let dialog = endpoint.dialogs.get_mut(&dialog_id).map(|d| match sequence {
                // Built again for another transport: the number stays.
                Some(number) => d.request_again(method, number, &via),
                None => {
                    let builder = d.request(method, &via);
                    sequence = Some(d.local_seq());
                    builder
                }
            });
            let builder = dialog.unwrap_or_else(|| MessageBuilder::request(method, "sip:gone.invalid"));
            endpoint.complete(builder, method, &contact_user, reached, headers, body)
        };
        let mut build = build;
        let request = build(self, transport, local);
        let flow = Flow { transport, local, remote, connection };
        let (request, flow, fallback) = self.by_size(request, flow, build);
        let request = Arc::new(request);
        let asking = Asking {
            dialog: Some(dialog_id),
            request: (!self.accounts.is_empty()).then(|| request.clone()),
            ..Asking::new(id, method.clone(), flow)
        };
        self.asking.insert(id, Box::new(asking));
        if *method == Method::Bye {
            self.stop_resending(dialog_id);
            if let Some(dialog) = self.dialogs.get_mut(&dialog_id) {
                dialog.handle(Input::Bye);
            }
        }
        self.layer.send_request(id, request, flow, fallback, Duration::ZERO, now, &mut self.outputs);
    }

    /// RFC 3261 18.1.1: a request too large for UDP goes by TCP, with UDP to fall back on. Its Contact stays that of
    /// UDP: a peer without TCP, which got it by falling back, must reach us, and the size of one request is no reason
    /// for all others to go by TCP.
    pub(super) fn by_size(
        &mut self,
        request: Message,
        flow: Flow,
        mut build: impl FnMut(&mut Self, Transport, SocketAddr) -> Message,
    ) -> (Message, Flow, Option<Flow>) {
        if flow.transport != Transport::Udp || request.wire_len() <= self.settings.udp_limit {
            return (request, flow, None);
        }
        let Some(local) = self.routes.local(Transport::Tcp, flow.remote) else { return (request, flow, None) };
        self.counters.sent_by_tcp_for_size += 1;
        let by_tcp = build(self, Transport::Tcp, local);
        let tcp = Flow { transport: Transport::Tcp, local, remote: flow.remote, connection: 0 };
        (by_tcp, tcp, Some(flow))
    }

    /// What every request of ours ends with.
    fn complete(
        &self,
        mut builder: MessageBuilder,
        method: &Method,
        contact_user: &str,
        (transport, local): (Transport, SocketAddr),
        headers: &[HeaderLine],
        body: &Body,
    ) -> Message {
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("Max-Forwards")) {
            builder = builder.known_text(HeaderName::MaxForwards, "70");
        }
        // A REGISTER for ourselves binds our own address; one that binds another says so.
        let registers = *method == Method::Register
            && !contact_user.is_empty()
            && !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("Contact"));
        if carries_contact(method) || registers {
            let sips = builder.is_to_sips();
            builder = builder.known_text(HeaderName::Contact, &self.contact(contact_user, transport, local, sips));
        }
        if *method == Method::Invite {
            builder = builder.known_text(HeaderName::Allow, &self.settings.allow);
            let supported = self.settings.supported.iter().map(String::as_str).filter(|tag| *tag != reliable::TAG);
            builder = builder.known_list(HeaderName::Supported, supported);
        }
        with(builder.known_text(HeaderName::UserAgent, &self.settings.software), headers)
            .body(&body.content_type, &body.bytes)
    }

    pub(super) fn acknowledge(&mut self, dialog_id: DialogId, headers: &[HeaderLine], body: &Body) {
        let acked = self.acks.get(&dialog_id).map(|a| (a.invite, a.number));
        let (Some(dialog), Some((invite, number))) = (self.dialogs.get(&dialog_id), acked) else {
            self.counters.stale_commands += 1;
            return;
        };
        let (transport, remote, connection) = dialog.next_hop();
        let Some(local) = self.routes.local(transport, remote) else {
            self.counters.stale_commands += 1;
            return;
        };
        let via = self.via(transport, local);
        let Some(dialog) = self.dialogs.get(&dialog_id) else { return };
        let mut builder = dialog.ack(number, &via).known_text(HeaderName::MaxForwards, "70");
        // RFC 3261 22.1: with the credentials of its INVITE, as an ACK cannot be challenged.
        let proved = self.asking.get(&invite).filter(|a| !a.proofs.is_empty()).and_then(|a| a.request.as_deref());
        for (name, value) in proved.into_iter().flat_map(authenticate::credentials_of) {
            builder = builder.known_text(name, value);
        }
        let bytes = with(builder, headers).print(&body.content_type, &body.bytes);
        let flow = Flow { transport, local, remote, connection };
        let transmit = Transmit { flow, bytes };
        self.transmits.push(transmit.clone());
        self.acks.insert(dialog_id, resend::Acked { invite, number, transmit: Some(transmit) });
    }

    fn cancel(&mut self, id: TransactionId, headers: Vec<HeaderLine>, now: Time) {
        let id = self.retried.get(&id).copied().unwrap_or(id);
        let provisional = self.layer.has_provisional(id);
        let Some(asking) = self.asking.get_mut(&id).filter(|a| a.method == Method::Invite && !a.settled) else {
            self.counters.stale_commands += 1;
            return;
        };
        if !matches!(asking.cancel, Cancel::No) {
            return;
        }
        if provisional {
            self.send_cancel(id, &headers, now);
        } else {
            asking.cancel = Cancel::Wanted(headers);
        }
    }

    pub(super) fn send_cancel(&mut self, invite: TransactionId, headers: &[HeaderLine], now: Time) {
        let Some((cancel, flow)) = self.layer.build_cancel(invite, headers) else { return };
        if let Some(asking) = self.asking.get_mut(&invite) {
            asking.cancel = Cancel::Sent;
        }
        let id = TransactionId(self.numbers.next());
        let asking = Asking { internal: true, ..Asking::new(id, Method::Cancel, flow) };
        self.asking.insert(id, Box::new(asking));
        self.layer.send_request(id, Arc::new(cancel), flow, None, Duration::ZERO, now, &mut self.outputs);
    }

    /// A request that cannot even be sent fails as one the transport lost.
    fn fail_unsent(&mut self, id: TransactionId, dialog: Option<DialogId>) {
        let call_id = dialog.and_then(|id| self.dialogs.get(&id)).map(|d| d.call_id().into()).unwrap_or_default();
        self.events.push(Event::Failed {
            transaction: id,
            dialog,
            call_id,
            failure: Failure::Transport(Fault::NoRoute),
        });
    }
}

/// Whether requests of that method tell where we are reached in the dialog (RFC 3261 12.2.1.1).
pub(super) fn carries_contact(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Refer | Method::Notify)
}

fn with(builder: MessageBuilder, headers: &[HeaderLine]) -> MessageBuilder {
    headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value))
}
