//! Responses coming in and requests that got none.

use std::sync::Arc;

use super::{Asking, Body, Cancel, DialogId, Endpoint, Event, Failure, Fault, Fork, TransactionId, resend};
use crate::dialog::{Dialog, Input, State};
use crate::flow::Flow;
use crate::message::{Message, Method};
use crate::time::Time;
use crate::transaction::Output;

/// Answerers of one INVITE whose dialogs are kept.
const MOST_FORKS: usize = 16;

impl Endpoint {
    pub(super) fn receive_response(&mut self, response: &Arc<Message>, flow: Flow, now: Time) {
        self.counters.responses_received += 1;
        let Ok(essentials) = response.validate() else {
            self.counters.malformed_responses_dropped += 1;
            return;
        };
        let answered = self.layer.answered_by(&essentials);
        let trying = response.status() == 100;
        self.layer.receive_response(response, answered, now, &mut self.outputs);
        match answered {
            None => self.counters.stray_responses += 1,
            // 100 is not handed up, but a CANCEL may wait for it as for any provisional (RFC 3261 9.1).
            Some(id) if trying => self.send_wanted_cancel(id, now),
            Some(_) => {}
        }
        self.settle_heard(now, Some(flow));
    }

    /// Deals with all that the transaction layer has put out. Dealing may put out more (a CANCEL
    /// that waited), hence the loop.
    pub(super) fn settle_outputs(&mut self, now: Time) {
        self.settle_heard(now, None);
    }

    /// `heard` is the flow of the response that caused the outputs.
    fn settle_heard(&mut self, now: Time, heard: Option<Flow>) {
        while !self.outputs.is_empty() {
            // The vectors change places, so that neither gives its memory back.
            let mut outputs = std::mem::replace(&mut self.outputs, std::mem::take(&mut self.settling));
            for output in outputs.drain(..) {
                match output {
                    Output::Send(transmit) => self.transmits.push(transmit),
                    Output::Response { id, message } => self.settle_response(id, message, heard, now),
                    Output::Failed { id, failure } => self.settle_failure(id, failure),
                    Output::Unacknowledged { .. } => {}
                    Output::Terminated { id } => self.forget_transaction(id),
                }
            }
            self.settling = outputs;
        }
    }

    /// Sends the CANCEL that waited for a provisional response.
    fn send_wanted_cancel(&mut self, id: TransactionId, now: Time) {
        let Some(asking) = self.asking.get_mut(&id).filter(|a| matches!(a.cancel, Cancel::Wanted(_))) else { return };
        let Cancel::Wanted(headers) = std::mem::take(&mut asking.cancel) else { return };
        self.send_cancel(id, &headers, now);
    }

    fn settle_response(&mut self, id: TransactionId, message: Arc<Message>, heard: Option<Flow>, now: Time) {
        let Some(asking) = self.asking.get_mut(&id) else { return };
        if asking.internal {
            return;
        }
        let status = message.status();
        if status < 200 {
            self.send_wanted_cancel(id, now);
        }
        if self.asking.get(&id).is_some_and(|a| a.settled) && !(200..300).contains(&status) {
            // The user has given it up as silent; of what comes late only a 2xx needs to be ended.
            return;
        }
        if self.authenticate(id, &message, heard, now) {
            return;
        }
        let Some(asking) = self.asking.get_mut(&id) else { return };
        if asking.method == Method::Invite {
            match asking.dialog {
                None => self.settle_initial_invite(id, message, heard, now),
                Some(dialog) => self.settle_reinvite(id, dialog, message),
            }
            return;
        }
        let dialog = asking.dialog;
        if status >= 200 {
            asking.settled = true;
        }
        let (told, method) = (asking.told, asking.method.clone());
        if let Some(dialog) = dialog {
            if matches!(method, Method::Update | Method::Subscribe | Method::Notify)
                && (200..300).contains(&status)
                && let Some(d) = self.dialogs.get_mut(&dialog)
            {
                d.refresh_target(&message);
            }
            if method == Method::Bye {
                // Nobody waits for it: the dialog is over whatever the answer is (RFC 3261 15.1.1).
                if status >= 200 {
                    self.remove_dialog(dialog);
                }
                return;
            }
        }
        self.events.push(Event::Response { transaction: told, dialog, message });
    }

    fn settle_initial_invite(&mut self, id: TransactionId, message: Arc<Message>, heard: Option<Flow>, now: Time) {
        let status = message.status();
        let Some(asking) = self.asking.get_mut(&id) else { return };
        let told = asking.told;
        if status >= 300 {
            asking.settled = true;
            self.end_early_forks(id);
            self.events.push(Event::Response { transaction: told, dialog: None, message });
            return;
        }
        let tag = message.to().ok().and_then(|to| to.tag());
        if status < 200 && tag.is_none() {
            self.events.push(Event::Response { transaction: told, dialog: None, message });
            return;
        }
        let tag = tag.unwrap_or("");
        if !self.has_room_for_fork(id, tag, status) {
            self.counters.surplus_forks += 1;
            if status >= 200 {
                self.turn_away(id, &message, heard, now);
            }
            return;
        }
        let Some(dialog) = self.fork(id, tag, &message, heard) else { return };
        if status < 200 {
            if self.is_next(id, dialog, &message) {
                self.events.push(Event::Response { transaction: told, dialog: Some(dialog), message });
            }
            return;
        }
        if let Some(asking) = self.asking.get_mut(&id) {
            asking.settled = true;
            // It is kept for those who may answer yet, and their dialogs take nothing from the offer.
            if let Some(request) = asking.request.as_mut().and_then(Arc::get_mut) {
                request.forget_body();
            }
        }
        let number = message.cseq().map_or(1, |c| c.number);
        self.settle_success(id, dialog, number, message);
    }

    fn settle_reinvite(&mut self, id: TransactionId, dialog: DialogId, message: Arc<Message>) {
        let status = message.status();
        let Some(asking) = self.asking.get_mut(&id) else { return };
        let told = asking.told;
        let first = !asking.settled;
        asking.settled |= status >= 200;
        if (200..300).contains(&status) {
            if !self.dialogs.contains(&dialog) {
                // A BYE has ended the dialog meanwhile: who waits for this answer is told that there is none.
                if first {
                    let (dialog, call_id) = (Some(dialog), message.call_id().into());
                    let failure = Failure::Transport(Fault::DialogOver);
                    self.events.push(Event::Failed { transaction: told, dialog, call_id, failure });
                }
                return;
            }
            let number = message.cseq().map_or(1, |c| c.number);
            self.settle_success(id, dialog, number, message);
        } else if status >= 300 || self.is_next(id, dialog, &message) {
            self.events.push(Event::Response { transaction: told, dialog: Some(dialog), message });
        }
    }

    /// A 2xx to INVITE: told once; its repeats are acknowledged again (RFC 3261 13.2.2.4).
    fn settle_success(&mut self, id: TransactionId, dialog: DialogId, number: u32, message: Arc<Message>) {
        if let Some(acked) = self.acks.get(&dialog).filter(|a| a.number == number) {
            if let Some(transmit) = acked.transmit.clone() {
                self.counters.success_reacknowledged += 1;
                self.transmits.push(transmit);
            }
            return;
        }
        let Some(d) = self.dialogs.get_mut(&dialog) else { return };
        if d.state() == State::Early {
            d.learn_route(&message);
        }
        d.refresh_target(&message);
        d.handle(Input::Success);
        self.acks.insert(dialog, resend::Acked { invite: id, number, transmit: None });
        let told = self.asking.get(&id).map_or(id, |a| a.told);
        self.events.push(Event::Response { transaction: told, dialog: Some(dialog), message });
    }

    /// Whether a response of this tag may be of an answerer of the request's: one that is known, or one of the first
    /// [`MOST_FORKS`]. One that answers the call takes the place of one that only rings.
    fn has_room_for_fork(&mut self, id: TransactionId, tag: &str, status: u16) -> bool {
        let Some(asking) = self.asking.get(&id) else { return false };
        if asking.forks.len() < MOST_FORKS || asking.forks.iter().any(|fork| *fork.remote_tag == *tag) {
            return true;
        }
        let is_early = |fork: &Fork| self.dialogs.get(&fork.dialog).is_none_or(|d| d.state() == State::Early);
        let Some(at) = asking.forks.iter().position(is_early).filter(|_| status >= 200) else { return false };
        let dialog = asking.forks[at].dialog;
        if let Some(asking) = self.asking.get_mut(&id) {
            asking.forks.remove(at);
        }
        self.remove_dialog(dialog);
        true
    }

    /// Ends the call that one answerer too many has begun: its 2xx is acknowledged and a BYE sent (RFC 3261 13.2.2.4).
    /// Nothing is kept of it; a repeat of the 2xx is met in the same way.
    fn turn_away(&mut self, id: TransactionId, message: &Message, heard: Option<Flow>, now: Time) {
        let (Some(asking), Some(flow)) = (self.asking.get(&id), heard) else { return };
        let Some(request) = asking.request.clone() else { return };
        let contact_user = asking.contact_user.clone();
        let dialog = self.dialog_number();
        let mut made = Dialog::caller(dialog, &request, message, &contact_user, flow);
        made.handle(Input::Success);
        self.add_dialog(made);
        let number = message.cseq().map_or(1, |c| c.number);
        self.acks.insert(dialog, resend::Acked { invite: id, number, transmit: None });
        self.acknowledge(dialog, &[], &Body::default());
        let bye = TransactionId(self.numbers.next());
        self.send_in_dialog(bye, dialog, &Method::Bye, &[], &Body::default(), now);
        if let Some(asking) = self.asking.get_mut(&bye) {
            asking.internal = true;
        }
        self.remove_dialog(dialog);
    }

    /// The dialog of a fork: found by its tag, or made.
    fn fork(&mut self, id: TransactionId, tag: &str, message: &Message, heard: Option<Flow>) -> Option<DialogId> {
        let asking = self.asking.get(&id)?;
        if let Some(dialog) = asking.forks.iter().find(|f| *f.remote_tag == *tag).map(|f| f.dialog) {
            let d = self.dialogs.get_mut(&dialog)?;
            if d.state() == State::Early {
                d.refresh_target(message);
            }
            return Some(dialog);
        }
        let request = asking.request.clone()?;
        let contact_user = asking.contact_user.clone();
        let flow = heard?;
        let number = self.dialog_number();
        self.add_dialog(Dialog::caller(number, &request, message, &contact_user, flow));
        if let Some(asking) = self.asking.get_mut(&id) {
            asking.forks.push(Fork { remote_tag: tag.into(), dialog: number });
        }
        Some(number)
    }

    pub(super) fn end_early_forks(&mut self, id: TransactionId) {
        let Some(asking) = self.asking.get_mut(&id) else { return };
        for Fork { dialog, .. } in std::mem::take(&mut asking.forks) {
            let Some(d) = self.dialogs.get_mut(&dialog) else { continue };
            if d.state() == State::Early {
                d.handle(Input::Failure);
                self.remove_dialog(dialog);
            }
        }
    }

    fn settle_failure(&mut self, id: TransactionId, failure: Failure) {
        let Some(asking) = self.asking.get_mut(&id) else { return };
        if asking.internal || asking.settled {
            return;
        }
        asking.settled = true;
        if asking.dialog.is_none() && asking.method == Method::Invite && matches!(asking.cancel, Cancel::No) {
            // If the peer is not dead but slow, it need not ring (RFC 3261 9.1).
            asking.cancel = Cancel::Wanted(Vec::new());
        }
        let (told, dialog, bye) = (asking.told, asking.dialog, asking.method == Method::Bye);
        let request = asking.request.as_ref().map(|request| request.call_id().into());
        let within = || dialog.and_then(|id| self.dialogs.get(&id)).map(|d| d.call_id().into());
        let call_id = request.or_else(within).unwrap_or_default();
        if dialog.is_none() {
            self.end_early_forks(id);
        }
        if let (Some(dialog), true) = (dialog, bye) {
            self.remove_dialog(dialog);
        }
        self.events.push(Event::Failed { transaction: told, dialog, call_id, failure });
    }

    fn forget_transaction(&mut self, id: TransactionId) {
        if let Some(asking) = self.asking.remove(&id) {
            self.forget_acks(id, &asking);
            for dialog in asking.forks.iter().map(|f| f.dialog).chain(asking.dialog) {
                self.forget_reliable(id, dialog);
            }
            if asking.told != id {
                self.retried.remove(&asking.told);
            }
            // An early dialog whose INVITE is gone can never be confirmed.
            for Fork { dialog, .. } in asking.forks {
                if self.dialogs.get(&dialog).is_some_and(|d| d.state() == State::Early) {
                    self.remove_dialog(dialog);
                }
            }
        }
        let serving = self.serving.remove(&id);
        if let Some(dialog) = serving.as_ref().and_then(|s| s.dialog) {
            self.forget_reliable(id, dialog);
        }
        if let Some(serving) = serving
            && let Some(dialog) = serving.dialog.filter(|_| serving.makes_dialog)
            && self.dialogs.get(&dialog).is_some_and(|d| d.state() == State::Early)
        {
            self.remove_dialog(dialog);
        }
    }

    /// Once the INVITE's transaction is gone its 2xx can no longer be recognised, so its ACK need
    /// not be kept.
    fn forget_acks(&mut self, id: TransactionId, asking: &Asking) {
        for dialog in asking.forks.iter().map(|f| &f.dialog).chain(asking.dialog.iter()) {
            if self.acks.get(dialog).is_some_and(|acked| acked.invite == id) {
                self.acks.remove(dialog);
            }
        }
    }
}
