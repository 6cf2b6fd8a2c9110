//! Reliable provisional responses and PRACK (RFC 3262).
//!
//! As the callee: a provisional response that is to be reliable gets the next RSeq and is repeated at
//! T1, doubling, until its PRACK comes or 64*T1 have passed. One waits at a time; those that follow queue,
//! and so does a 2xx behind one that carried a description (section 3). A PRACK that names none that
//! waits is answered 481.
//!
//! As the caller: each reliable response is told once and in order (section 4); the user answers it with
//! PRACK, whose RAck is filled in where the user gives none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Body, DialogId, Endpoint, Event, HeaderLine, TransactionId};
use crate::flow::Transmit;
use crate::header::{HeaderName, RAck};
use crate::message::{Message, Method};
use crate::time::Time;
use crate::timers::TimerHandle;

/// The option tag.
pub(super) const TAG: &str = "100rel";
/// Responses to one INVITE that may queue behind one that waits for its PRACK.
const MOST_WAITING: usize = 16;

/// A response the user asked for.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: Option<String>,
    pub(super) headers: Vec<HeaderLine>,
    pub(super) body: Body,
}

/// The reliable responses of ours in one dialog, to its latest INVITE.
#[derive(Debug)]
pub(super) struct Reliable {
    transaction: TransactionId,
    /// The CSeq number of the INVITE.
    number: u32,
    /// The RSeq of the latest.
    rseq: u32,
    open: Option<Open>,
    waiting: VecDeque<Answer>,
    /// The INVITE has its final response: nothing is repeated any more, but a PRACK may still come.
    ended: bool,
}

/// One that waits for its PRACK.
#[derive(Debug)]
struct Open {
    /// It carries a body, so that no 2xx may overtake it.
    described: bool,
    transmit: Transmit,
    interval: Duration,
    give_up: Time,
    timer: TimerHandle,
}

/// The latest reliable response heard in a dialog.
#[derive(Debug)]
pub(super) struct Heard {
    invite: TransactionId,
    /// The CSeq number of the INVITE.
    number: u32,
    rseq: u32,
}

/// What is to become of a response of the user's.
pub(super) enum Way {
    /// It goes now.
    Plain,
    /// It goes now, with this RSeq.
    Numbered(u32),
    /// It waits for a PRACK.
    Later,
    /// It came too late or one too many waits.
    Never,
}

fn lists_tag(message: &Message, name: HeaderName) -> bool {
    message.list(name).any(|tag| tag.eq_ignore_ascii_case(TAG))
}

impl Endpoint {
    /// Judges a response to an INVITE. One the user wants reliable is so where the caller supports it;
    /// all are where the caller requires it (section 3).
    pub(super) fn way_of(
        &mut self,
        id: TransactionId,
        dialog: DialogId,
        request: &Message,
        answer: &Answer,
        wanted: bool,
    ) -> Way {
        let required = lists_tag(request, HeaderName::Require);
        let reliable = required || (wanted && lists_tag(request, HeaderName::Supported));
        let known = self.reliables.get(&dialog).filter(|r| r.transaction == id);
        let final_waits = known.and_then(|r| r.waiting.back()).is_some_and(|last| last.status >= 200);
        if final_waits {
            return Way::Never;
        }
        let open = known.and_then(|r| r.open.as_ref());
        match answer.status {
            ..200 if reliable && known.is_some_and(|r| r.waiting.len() >= MOST_WAITING) => Way::Never,
            ..200 if reliable && open.is_some() => Way::Later,
            ..200 if reliable => Way::Numbered(match known {
                Some(r) => r.rseq + 1,
                // Section 3: between 1 and 2^31 - 1, so that it cannot run over within an INVITE.
                None => (self.ids.next_u64() as u32 & 0x3fff_ffff) + 1,
            }),
            200..300 if open.is_some_and(|o| o.described) => Way::Later,
            _ => Way::Plain,
        }
    }

    pub(super) fn keep_for_later(&mut self, dialog: DialogId, answer: Answer) {
        if let Some(reliable) = self.reliables.get_mut(&dialog) {
            reliable.waiting.push_back(answer);
        }
    }

    /// A numbered response has been sent, to the INVITE with this CSeq number and under this RSeq: repeats it
    /// until its PRACK.
    pub(super) fn expect_prack(
        &mut self,
        id: TransactionId,
        dialog: DialogId,
        (number, rseq): (u32, u32),
        described: bool,
        transmit: Transmit,
        now: Time,
    ) {
        let t1 = self.settings.timers.t1;
        let timer = self.prack_timers.set(now.after(t1), dialog);
        let open = Open { described, transmit, interval: t1, give_up: now.after(64 * t1), timer };
        match self.reliables.get_mut(&dialog).filter(|r| r.transaction == id) {
            Some(reliable) => (reliable.rseq, reliable.open) = (rseq, Some(open)),
            None => {
                self.drop_reliable(dialog);
                let reliable = Reliable {
                    transaction: id,
                    number,
                    rseq,
                    open: Some(open),
                    waiting: VecDeque::new(),
                    ended: false,
                };
                self.reliables.insert(dialog, reliable);
            }
        }
    }

    /// The timer of a dialog's reliable response: repeats it, or gives up.
    pub(super) fn resend_reliable(&mut self, dialog: DialogId, now: Time) {
        let Some(reliable) = self.reliables.get_mut(&dialog) else { return };
        let Some(open) = &mut reliable.open else { return };
        if now >= open.give_up {
            let transaction = reliable.transaction;
            reliable.open = None;
            reliable.waiting.clear();
            self.counters.reliable_unacknowledged += 1;
            if let Some((message, _)) = self.server_request(transaction) {
                self.events.push(Event::NoPrack { transaction, dialog, message });
            }
            return;
        }
        // Section 3: doubling without the bound of T2.
        open.interval *= 2;
        let at = now.after(open.interval).min(open.give_up);
        open.timer = self.prack_timers.set(at, dialog);
        self.counters.reliable_resent += 1;
        self.transmits.push(open.transmit.clone());
    }

    /// Whether a PRACK names the response that waits for it; ends the wait.
    pub(super) fn acknowledge_reliable(&mut self, dialog: DialogId, prack: &Message) -> bool {
        let rack = prack.get(HeaderName::RAck).and_then(|value| RAck::parse(value).ok());
        let (Some(rack), Some(reliable)) = (rack, self.reliables.get_mut(&dialog)) else { return false };
        let named = (rack.rseq, rack.cseq.number, rack.cseq.method);
        if named != (reliable.rseq, reliable.number, Method::Invite) {
            return false;
        }
        let Some(open) = reliable.open.take() else { return false };
        self.prack_timers.cancel(open.timer);
        true
    }

    /// After a PRACK: sends what has waited for it.
    pub(super) fn send_waiting(&mut self, dialog: DialogId, now: Time) {
        while let Some(reliable) = self.reliables.get_mut(&dialog).filter(|r| !r.ended) {
            let blocked = reliable.open.as_ref().is_some_and(|open| {
                open.described || reliable.waiting.front().is_none_or(|answer| answer.status < 200)
            });
            if blocked {
                return;
            }
            let id = reliable.transaction;
            let number = reliable.rseq + 1;
            let Some(answer) = reliable.waiting.pop_front() else { return };
            let rseq = (answer.status < 200).then_some(number);
            self.send_response(id, answer, rseq, now);
        }
    }

    /// The INVITE has its final response (section 3): nothing is repeated or queued any more.
    pub(super) fn end_reliable(&mut self, id: TransactionId, dialog: DialogId) {
        let Some(reliable) = self.reliables.get_mut(&dialog).filter(|r| r.transaction == id) else { return };
        reliable.ended = true;
        reliable.waiting.clear();
        if let Some(open) = &reliable.open {
            self.prack_timers.cancel(open.timer);
        }
    }

    /// Its transaction is gone.
    pub(super) fn forget_reliable(&mut self, id: TransactionId, dialog: DialogId) {
        if self.reliables.get(&dialog).is_some_and(|r| r.transaction == id) {
            self.drop_reliable(dialog);
        }
        if self.heard_reliables.get(&dialog).is_some_and(|h| h.invite == id) {
            self.heard_reliables.remove(&dialog);
        }
    }

    /// Its dialog is gone.
    pub(super) fn drop_reliable(&mut self, dialog: DialogId) {
        if let Some(open) = self.reliables.remove(&dialog).and_then(|r| r.open) {
            self.prack_timers.cancel(open.timer);
        }
    }

    /// Whether a provisional response is to be told (section 4): one that is reliable comes once, each in its turn.
    pub(super) fn is_next(&mut self, invite: TransactionId, dialog: DialogId, message: &Message) -> bool {
        if !lists_tag(message, HeaderName::Require) {
            return true;
        }
        let (Some(rseq), Ok(cseq)) = (message.number(HeaderName::RSeq).filter(|n| *n > 0), message.cseq()) else {
            return true;
        };
        match self.heard_reliables.get_mut(&dialog).filter(|h| h.number == cseq.number) {
            None => {
                self.heard_reliables.insert(dialog, Heard { invite, number: cseq.number, rseq });
                true
            }
            Some(heard) if heard.rseq.checked_add(1) == Some(rseq) => {
                heard.rseq = rseq;
                true
            }
            Some(heard) => {
                let repeated = rseq <= heard.rseq;
                self.counters.reliable_repeated += u64::from(repeated);
                self.counters.reliable_out_of_order += u64::from(!repeated);
                false
            }
        }
    }

    /// The RAck of a PRACK of ours: what the latest reliable response of the dialog is named by.
    pub(super) fn rack(&self, dialog: DialogId) -> Option<HeaderLine> {
        let heard = self.heard_reliables.get(&dialog)?;
        Some(("RAck".to_owned(), format!("{} {} INVITE", heard.rseq, heard.number)))
    }

    /// A PRACK has passed the checks of its dialog: tells the user, or answers 481.
    pub(super) fn receive_prack(
        &mut self,
        id: TransactionId,
        dialog: DialogId,
        event: Event,
        prack: &Arc<Message>,
        now: Time,
    ) {
        if !self.acknowledge_reliable(dialog, prack) {
            self.counters.pracks_unmatched += 1;
            self.serving.remove(&id);
            self.refuse(id, 481, "no reliable response waits for this RAck", now);
            return;
        }
        self.events.push(event);
        self.send_waiting(dialog, now);
    }
}
