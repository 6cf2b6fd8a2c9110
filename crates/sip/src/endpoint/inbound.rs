//! Requests coming in: what the endpoint settles by itself and what the user is told.

use std::sync::Arc;

use super::{DialogId, Endpoint, Event, Serving, TransactionId, resend};
use crate::dialog::{self, Dialog};
use crate::directory::Admission;
use crate::flow::{Flow, Transmit};
use crate::header::HeaderName;
use crate::message::{Essentials, Message, MessageBuilder, Method, ParseError, Parties};
use crate::registrar::{EXTENSIONS, Visit};
use crate::time::Time;
use crate::transaction::{Inbound, Reply, reply_flow};
use crate::uri::is_sips;

/// What the checks before a transaction say.
enum Gate {
    /// Go on: within this dialog, or outside any as this DN.
    Open { dialog: Option<DialogId>, dn: Option<Arc<str>> },
    /// It has been answered.
    Closed,
}

impl Endpoint {
    /// One datagram, or one framed message of a stream.
    pub fn receive(&mut self, data: &[u8], flow: Flow, now: Time) {
        if self.receive_stun(data, flow) {
            return;
        }
        match Message::parse(data, &self.settings.limits) {
            Ok(message) if message.is_request() => self.receive_request(Arc::new(message), flow, now),
            Ok(message) => self.receive_response(&Arc::new(message), flow, now),
            Err(error) => self.answer_unreadable(data, error, flow),
        }
    }

    /// RFC 3261 8.2: a request whose Via can be found is told what is wrong with it; anything else
    /// is dropped.
    fn answer_unreadable(&mut self, data: &[u8], error: ParseError, flow: Flow) {
        let mut tag = String::new();
        self.ids.push_token(&mut tag);
        let answer = Message::error_response(data, flow.remote, error.status(), None, &tag);
        let Some(answer) = answer else {
            self.counters.garbage_dropped += 1;
            return;
        };
        self.counters.malformed_answered += 1;
        self.transmits.push(Transmit { flow: reply_flow(&answer, flow), bytes: answer.to_bytes() });
    }

    fn receive_request(&mut self, request: Arc<Message>, flow: Flow, now: Time) {
        self.counters.requests_received += 1;
        let method = request.method();
        let Essentials { via, parties, .. } = match request.validate() {
            Ok(essentials) => essentials,
            Err(_) if method == Method::Ack => {
                self.counters.garbage_dropped += 1;
                return;
            }
            Err(error) => {
                self.counters.malformed_answered += 1;
                let reason = error.to_string();
                self.answer_with_warning(&request, flow, error.status, &reason);
                return;
            }
        };
        if method == Method::Register {
            self.register(&request, &parties, flow, now);
            return;
        }
        // RFC 3261 17.2.3 before anything else: a retransmission must not be judged again.
        let place = self.layer.find(&request, &via, &flow);
        let gate = match place.is_known() {
            true => Gate::Open { dialog: None, dn: None },
            false => self.admit(&request, &parties, &method, flow, now),
        };
        let Gate::Open { dialog, dn } = gate else { return };
        let numbers = self.numbers.clone();
        let mut number = || TransactionId(numbers.next());
        match self.layer.receive_found(&request, place, flow, now, &mut number, &mut self.outputs) {
            Inbound::New(id) => match dialog {
                Some(dialog) => self.serve_within(id, dialog, request, &method, flow, now),
                None => self.serve(id, request, &method, flow, dn, now),
            },
            Inbound::Absorbed => {}
            Inbound::Ack => self.receive_ack(Arc::clone(&request), &parties),
            Inbound::Cancel { invite } => self.receive_cancel(invite, request, flow, now),
            Inbound::Merged => {
                self.counters.merged += 1;
                self.answer(&request, flow, 482, &[]);
            }
            Inbound::Overloaded => self.answer_overloaded(&request, flow),
        }
        self.settle_outputs(now);
    }

    /// The checks of RFC 3261 8.2 and 12.2.2 that come before a transaction is spent on a request.
    fn admit(&mut self, request: &Message, parties: &Parties<'_>, method: &Method, flow: Flow, now: Time) -> Gate {
        if matches!(method, Method::Ack | Method::Cancel) {
            return Gate::Open { dialog: None, dn: None };
        }
        if is_sips(request.uri()) && !flow.transport.is_secure() {
            self.refuse_sips(request, flow);
            return Gate::Closed;
        }
        if request.number(HeaderName::MaxForwards) == Some(0) && *method != Method::Options {
            self.counters.too_many_hops += 1;
            self.answer(request, flow, 483, &[]);
            return Gate::Closed;
        }
        if let Some(unknown) = self.unknown_extensions(request) {
            self.counters.bad_extension += 1;
            self.answer(request, flow, 420, &[(HeaderName::Unsupported, &unknown)]);
            return Gate::Closed;
        }
        if parties.to.tag().is_some() {
            let dialog = self.dialog_of(request, parties);
            if dialog.is_none() {
                self.counters.no_such_dialog += 1;
                self.answer(request, flow, 481, &[]);
                return Gate::Closed;
            }
            return Gate::Open { dialog, dn: None };
        }
        if *method == Method::Options {
            self.answer_options(request, flow);
            return Gate::Closed;
        }
        if matches!(method, Method::Bye | Method::Prack | Method::Update | Method::Info) {
            self.counters.no_such_dialog += 1;
            self.answer(request, flow, 481, &[]);
            return Gate::Closed;
        }
        if self.overloaded || self.thinning.refuses_next() {
            self.answer_overloaded(request, flow);
            return Gate::Closed;
        }
        match self.directory.admit(request, &parties.from_uri, &flow, now, self.ids.as_mut()) {
            Admission::Admitted { dn } => Gate::Open { dialog: None, dn: Some(dn) },
            Admission::Challenge(challenges) => {
                self.counters.challenges += 1;
                let lines: Vec<_> = challenges.iter().map(|c| (HeaderName::WwwAuthenticate, c.as_str())).collect();
                self.answer(request, flow, 401, &lines);
                Gate::Closed
            }
            Admission::Refused { status, .. } => {
                self.counters.refused += 1;
                self.answer(request, flow, status, &[]);
                Gate::Closed
            }
        }
    }

    fn unknown_extensions(&self, request: &Message) -> Option<String> {
        let unknown: Vec<&str> = request
            .list(HeaderName::Require)
            .filter(|tag| !self.settings.supported.iter().any(|s| s.eq_ignore_ascii_case(tag)))
            .collect();
        (!unknown.is_empty()).then(|| unknown.join(", "))
    }

    /// RFC 3261 11.2: what a call to us could use.
    fn answer_options(&mut self, request: &Message, flow: Flow) {
        if self.overloaded || self.thinning.refuses_most() {
            self.answer_overloaded(request, flow);
            return;
        }
        let tag = self.stateless_tag(request);
        let settings = &self.settings;
        let supported = settings.supported.iter().map(String::as_str).chain(EXTENSIONS);
        let mut builder = MessageBuilder::response_from(request, flow.remote, 200, None, Some(&tag))
            .known_text(HeaderName::Allow, &settings.allow)
            .known_text(HeaderName::Accept, "application/sdp")
            .known_list(HeaderName::Supported, supported);
        for (name, value) in &settings.options_headers {
            builder = builder.header(name, value);
        }
        self.transmit_answer(request, flow, builder);
    }

    pub(super) fn answer_overloaded(&mut self, request: &Message, flow: Flow) {
        self.counters.overload_refused += 1;
        let retry = self.settings.retry_after.to_string();
        self.answer(request, flow, 503, &[(HeaderName::RetryAfter, &retry)]);
    }

    fn answer_with_warning(&mut self, request: &Message, flow: Flow, status: u16, why: &str) {
        // RFC 3261 20.43: 399 is for text a person may read.
        let warning = format!("399 cordboard \"{}\"", why.replace(['"', '\\'], "'"));
        self.answer(request, flow, status, &[(HeaderName::Warning, &warning)]);
    }

    /// RFC 3261 26.2.2: a request to a `sips` URI has come over TLS on every hop. RFC 5630 has no answer of its own for
    /// one that has not; 416 sends the caller away from that scheme.
    fn refuse_sips(&mut self, request: &Message, flow: Flow) {
        self.counters.insecure_sips += 1;
        self.answer_with_warning(request, flow, 416, "a sips URI is reached over TLS only");
    }

    fn register(&mut self, request: &Message, parties: &Parties<'_>, flow: Flow, now: Time) {
        if is_sips(request.uri()) && !flow.transport.is_secure() {
            self.refuse_sips(request, flow);
            return;
        }
        if request.number(HeaderName::MaxForwards) == Some(0) {
            self.counters.too_many_hops += 1;
            self.answer(request, flow, 483, &[]);
            return;
        }
        // Not refused under overload: it waits for nobody's decision, and phones that lose their binding make it worse.
        let unix = self.unix_seconds(now);
        let dn = match self.directory.admit(request, &parties.from_uri, &flow, now, self.ids.as_mut()) {
            Admission::Admitted { dn } => dn,
            Admission::Challenge(challenges) => {
                self.counters.challenges += 1;
                let lines: Vec<_> = challenges.iter().map(|c| (HeaderName::WwwAuthenticate, c.as_str())).collect();
                self.answer(request, flow, 401, &lines);
                return;
            }
            Admission::Refused { status, .. } => {
                self.counters.refused += 1;
                self.answer(request, flow, status, &[]);
                return;
            }
        };
        self.counters.registers += 1;
        let tag = self.stateless_tag(request);
        let visit = Visit { request, parties, dn: &dn, flow, now, unix, tag: &tag };
        let ids = self.ids.as_mut();
        let response = self.registrar.register(&visit, &self.directory, ids, &mut self.events, &mut self.journal);
        self.transmits.push(Transmit { flow: reply_flow(request, flow), bytes: response });
    }

    pub(super) fn expire_bindings(&mut self, now: Time) {
        self.registrar.handle_timeouts(now, &mut self.events);
    }

    fn dialog_of(&self, request: &Message, parties: &Parties<'_>) -> Option<DialogId> {
        self.find_dialog(request.call_id(), parties.to.tag()?, parties.from.tag().unwrap_or(""))
    }

    /// A new request within a dialog.
    fn serve_within(
        &mut self,
        id: TransactionId,
        dialog: DialogId,
        request: Arc<Message>,
        method: &Method,
        flow: Flow,
        now: Time,
    ) {
        let replaces = self.replaced(&request, method);
        let Some(known) = self.dialogs.get_mut(&dialog) else { return };
        let number = request.cseq().map_or(0, |c| c.number);
        if let Err(order) = known.accept(number, flow) {
            self.counters.out_of_order += 1;
            let reason = format!("CSeq {} is not above {}", order.got, order.last);
            self.refuse(id, 500, &reason, now);
            return;
        }
        if matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer) {
            known.refresh_target(&request);
        }
        let (invite, bye) = (*method == Method::Invite, *method == Method::Bye);
        let serving = Serving { dialog: Some(dialog), makes_dialog: false, invite, bye, answered: false };
        self.serving.insert(id, serving);
        let prack = (*method == Method::Prack).then(|| request.clone());
        let event = Event::Request {
            transaction: id,
            dialog: Some(dialog),
            in_dialog: true,
            message: request,
            flow,
            dn: None,
            replaces,
            gruu: None,
        };
        match prack {
            Some(prack) => self.receive_prack(id, dialog, event, &prack, now),
            None => self.events.push(event),
        }
    }

    /// A new request outside any dialog.
    fn serve(
        &mut self,
        id: TransactionId,
        request: Arc<Message>,
        method: &Method,
        flow: Flow,
        dn: Option<Arc<str>>,
        now: Time,
    ) {
        let invite = *method == Method::Invite;
        let replaces = self.replaced(&request, method);
        let gruu = match self.device(request.uri(), now) {
            None => None,
            Some(Some(device)) => Some(device),
            // RFC 5627 section 5.1.
            Some(None) => {
                self.counters.stale_gruus += 1;
                self.refuse(id, 404, "that temporary GRUU names nobody any more", now);
                return;
            }
        };
        let dialog = matches!(method, Method::Invite | Method::Subscribe | Method::Refer).then(|| {
            let number = self.dialog_number();
            let tag = self.ids.tag();
            let user = crate::uri::Uri::parse(request.uri()).map(|u| u.user.to_owned()).unwrap_or_default();
            self.add_dialog(Dialog::callee(number, &request, &tag, &user, flow));
            number
        });
        let serving = Serving { dialog, makes_dialog: dialog.is_some(), invite, bye: false, answered: false };
        self.serving.insert(id, serving);
        self.events.push(Event::Request {
            transaction: id,
            dialog,
            in_dialog: false,
            message: request,
            flow,
            dn,
            replaces,
            gruu,
        });
    }

    /// Answers a request that has a transaction but is not for the user.
    pub(super) fn refuse(&mut self, id: TransactionId, status: u16, why: &str, now: Time) {
        let Some((request, flow)) = self.server_request(id) else { return };
        let tag = self.stateless_tag(&request);
        let bytes = MessageBuilder::response_from(&request, flow.remote, status, None, Some(&tag))
            .known(HeaderName::Warning, format_args!("399 cordboard \"{why}\""))
            .known_text(HeaderName::Server, &self.settings.software)
            .into_bytes();
        self.layer.respond(id, Reply { status, tag: &tag, bytes }, now, &mut self.outputs);
    }

    /// The ACK for a 2xx (RFC 3261 13.3.1.4).
    fn receive_ack(&mut self, ack: Arc<Message>, parties: &Parties<'_>) {
        let Some(dialog) = self.dialog_of(&ack, parties) else {
            self.counters.stray_acks += 1;
            return;
        };
        let number = ack.cseq().map_or(0, |c| c.number);
        if self.acknowledged(dialog, number) {
            self.events.push(Event::Ack { dialog, message: ack });
        } else {
            self.counters.stray_acks += 1;
        }
    }

    /// RFC 3261 9.2.
    fn receive_cancel(&mut self, invite: Option<TransactionId>, cancel: Arc<Message>, flow: Flow, now: Time) {
        let Some(id) = invite else {
            self.counters.no_such_dialog += 1;
            self.answer(&cancel, flow, 481, &[]);
            return;
        };
        let serving = self.serving.get(&id).filter(|s| s.invite);
        let dialog = serving.and_then(|s| s.dialog);
        let open = serving.is_some_and(|s| !s.answered);
        // The To tag of the answer to the CANCEL is that of the answers to the INVITE.
        let tag = dialog.and_then(|d| self.dialogs.get(&d)).map(|d| d.local_tag().to_owned());
        let tag = tag.unwrap_or_else(|| self.stateless_tag(&cancel));
        let ok = MessageBuilder::response_from(&cancel, flow.remote, 200, None, Some(&tag));
        self.transmit_answer(&cancel, flow, ok);
        let (true, Some(dialog)) = (open, dialog) else { return };
        let Some((request, came_on)) = self.server_request(id) else { return };
        let bytes = MessageBuilder::response_from(&request, came_on.remote, 487, None, Some(&tag))
            .known_text(HeaderName::Server, &self.settings.software)
            .into_bytes();
        self.layer.respond(id, Reply { status: 487, tag: &tag, bytes }, now, &mut self.outputs);
        self.end_reliable(id, dialog);
        let makes_dialog = self.serving.get_mut(&id).is_some_and(|s| {
            s.answered = true;
            s.makes_dialog
        });
        if makes_dialog {
            if let Some(d) = self.dialogs.get_mut(&dialog) {
                d.handle(dialog::Input::Failure);
            }
            self.remove_dialog(dialog);
        }
        self.events.push(Event::Cancelled { transaction: id, dialog, message: cancel });
    }

    /// Whether an ACK belongs to a 2xx that was being repeated; stops the repeats.
    fn acknowledged(&mut self, dialog: DialogId, number: u32) -> bool {
        match self.resends.get(&dialog) {
            Some(resend) if resend.number == number => {
                self.stop_resending(dialog);
                true
            }
            _ => false,
        }
    }

    pub(super) fn stop_resending(&mut self, dialog: DialogId) {
        if let Some(resend::Resend { timer, .. }) = self.resends.remove(&dialog) {
            self.resend_timers.cancel(timer);
        }
    }
}
