//! Where phones are really reached: devices behind GRUUs, keep-alives for NATs, flows that are gone.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::{DialogId, Endpoint};
use crate::event::Device;
use crate::flow::{Flow, Transmit, Transport};
use crate::stun;
use crate::time::Time;

/// A datagram that no SIP element takes for a message and every NAT takes for traffic (RFC 5626 3.5.1).
static KEEP_ALIVE: LazyLock<Arc<[u8]>> = LazyLock::new(|| Arc::from(&b"\r\n\r\n"[..]));

/// How often a share of the keep-alives is sent.
const TICK: Duration = Duration::from_secs(1);

/// The round of keep-alives: each second those of one share of all bindings.
#[derive(Debug, Default)]
pub(super) struct KeepAlives {
    /// Seconds of a whole round; 0 for none.
    interval: u64,
    next: Option<Time>,
    share: u64,
}

impl KeepAlives {
    pub(super) fn due(&self) -> Option<Time> {
        self.next
    }
}

impl Endpoint {
    /// Answers STUN; `false` if the datagram is none.
    pub(super) fn receive_stun(&mut self, data: &[u8], flow: Flow) -> bool {
        if flow.transport != Transport::Udp || !stun::is_stun(data) {
            return false;
        }
        match stun::answer(data, flow.remote) {
            Some(reply) => {
                self.counters.stun_answered += 1;
                self.transmits.push(Transmit { flow, bytes: reply.into() });
            }
            None => self.counters.stun_dropped += 1,
        }
        true
    }

    /// Sets the time between two keep-alives to a phone behind a NAT; 0 for none.
    pub(super) fn keep_alive_every(&mut self, seconds: u32) {
        self.keep_alives.interval = seconds.into();
        // At once, to find the time; the first share is next to nothing.
        self.keep_alives.next = (seconds > 0).then(|| self.keep_alives.next.unwrap_or(Time(0)));
    }

    pub(super) fn send_keep_alives(&mut self, now: Time) {
        if self.keep_alives.next.is_none_or(|next| next > now) {
            return;
        }
        let KeepAlives { interval, share, .. } = self.keep_alives;
        for flow in self.registrar.behind_nat(share, interval, now) {
            self.counters.keep_alives_sent += 1;
            self.transmits.push(Transmit { flow, bytes: KEEP_ALIVE.clone() });
        }
        self.keep_alives.share = (share + 1) % interval.max(1);
        self.keep_alives.next = Some(now.after(TICK));
    }

    /// A connection is gone, and with it the flows that phones registered on it.
    pub(super) fn connection_gone(&mut self, connection: u64) {
        if connection != 0 {
            self.registrar.connection_gone(connection, &mut self.events, &mut self.journal);
        }
    }

    /// The device a URI names; see [`crate::registrar::Registrar::device`].
    pub(super) fn device(&self, uri: &str, now: Time) -> Option<Option<Device>> {
        if !uri.contains(";gr") {
            return None;
        }
        self.registrar.device(uri, &self.directory, now)
    }

    /// A phone that gave a GRUU of ours as its Contact is reached at the Contact behind it, over its own flow, as its
    /// home proxy would do it (RFC 5627 section 5.1).
    pub(super) fn look_behind_gruu(&mut self, id: DialogId, now: Time) {
        let Some(target) = self.dialogs.get(&id).map(|dialog| dialog.remote_target()) else { return };
        let Some(Some(device)) = self.device(target, now) else { return };
        let Some((uri, flow)) = self.registrar.contact_of(&device, now) else { return };
        let uri = uri.into();
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.reach_at(uri, flow);
        }
    }
}
