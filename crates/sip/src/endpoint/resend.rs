//! The 2xx to INVITE and its ACK, which live outside the transactions (RFC 3261 13.2.2.4,
//! 13.3.1.4).

use std::time::Duration;

use super::{DialogId, Endpoint, Event, TransactionId};
use crate::flow::Transmit;
use crate::time::Time;
use crate::timers::TimerHandle;

/// A 2xx of ours that waits for its ACK.
#[derive(Debug)]
pub(super) struct Resend {
    /// The CSeq number its ACK will carry.
    pub(super) number: u32,
    transmit: Transmit,
    interval: Duration,
    give_up: Time,
    pub(super) timer: TimerHandle,
}

/// The ACK for a 2xx of the peer's, kept while the 2xx may be repeated.
#[derive(Debug)]
pub(super) struct Acked {
    /// The INVITE it is for.
    pub(super) invite: TransactionId,
    /// The CSeq number of the INVITE.
    pub(super) number: u32,
    pub(super) transmit: Option<Transmit>,
}

impl Endpoint {
    /// Begins to repeat a 2xx: at T1, doubling up to T2, for 64*T1, on any transport (RFC 3261
    /// 13.3.1.4).
    pub(super) fn start_resending(&mut self, dialog: DialogId, number: u32, transmit: Transmit, now: Time) {
        self.stop_resending(dialog);
        let t1 = self.settings.timers.t1;
        let timer = self.resend_timers.set(now.after(t1), dialog);
        let resend = Resend { number, transmit, interval: t1, give_up: now.after(64 * t1), timer };
        self.resends.insert(dialog, resend);
    }

    pub(super) fn resend_success(&mut self, dialog: DialogId, now: Time) {
        let t2 = self.settings.timers.t2;
        let Some(resend) = self.resends.get_mut(&dialog) else { return };
        if now >= resend.give_up {
            self.resends.remove(&dialog);
            self.counters.success_unacknowledged += 1;
            self.events.push(Event::NoAck { dialog });
            return;
        }
        resend.interval = (2 * resend.interval).min(t2);
        let at = now.after(resend.interval).min(resend.give_up);
        resend.timer = self.resend_timers.set(at, dialog);
        self.counters.success_resent += 1;
        self.transmits.push(resend.transmit.clone());
    }
}
