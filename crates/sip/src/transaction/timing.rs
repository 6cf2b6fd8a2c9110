//! The timers of a transaction and how long they run (RFC 3261 table 4, RFC 6026 section 6).

use std::time::Duration;

use super::step::Step;
use crate::event::TransactionId;
use crate::timers::TimerHandle;

/// What the timers of all transactions are made from, and how many transactions may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerSettings {
    /// T1, the round trip estimate: 500 ms. Timers B, F, H, J, L and M, and D over UDP, are 64
    /// times this.
    pub t1: Duration,
    /// T2, the longest wait between retransmissions of a non-INVITE request or a response: 4 s.
    pub t2: Duration,
    /// T4, how long a message may stay in the network: 5 s. Timers I and K over UDP.
    pub t4: Duration,
    /// How long a peer's INVITE may go without any response before it is answered 100: 150 ms. RFC 3261
    /// 17.2.1 allows 200 ms; the rest is for a driver that comes late to its timers and is slow to send.
    pub trying: Duration,
    /// How long an INVITE, ours or a peer's, may go without a further provisional or a final
    /// response: 10 minutes. Works as timer C of RFC 3261 16.6 does, so that nothing leaks.
    pub proceeding: Duration,
    /// Transactions in all; above it new requests are refused: 500,000.
    pub max_transactions: usize,
    /// Non-INVITE server transactions that have been answered and only wait for retransmissions.
    /// Above it the oldest are let go before timer J: 131,072, which is five seconds at 26,000
    /// requests a second.
    pub max_answered: usize,
    /// Secret that keeps strangers from choosing branches whose hashes collide. A live driver
    /// must set it from a strong source; the default is for tests.
    pub hash_seed: u64,
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            trying: Duration::from_millis(150),
            proceeding: Duration::from_secs(600),
            max_transactions: 500_000,
            max_answered: 131_072,
            hash_seed: 0x5349_502f_322e_3020,
        }
    }
}

impl TimerSettings {
    /// The same with intervals of zero, which would have a timer fire for ever, raised to 1 ms.
    pub(super) fn sane(mut self) -> Self {
        self.t1 = self.t1.max(Duration::from_millis(1));
        self.t2 = self.t2.max(self.t1);
        self
    }

    /// How long a timer runs when it is started for the first time. Zero means that the
    /// transport's reliability makes the wait needless.
    pub(super) fn duration(&self, timer: Timer, reliable: bool) -> Duration {
        match timer {
            Timer::A | Timer::E | Timer::G => self.t1,
            Timer::B | Timer::F | Timer::H | Timer::L | Timer::M | Timer::Patience | Timer::Unanswered => 64 * self.t1,
            Timer::Trying => self.trying,
            Timer::C => self.proceeding,
            Timer::D | Timer::I | Timer::J | Timer::K if reliable => Duration::ZERO,
            Timer::D | Timer::J => 64 * self.t1,
            Timer::I | Timer::K => self.t4,
        }
    }
}

/// The timers by the RFCs' letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Timer {
    /// INVITE request retransmission, UDP only.
    A,
    /// INVITE transaction timeout.
    B,
    /// No response after a provisional one, as RFC 3261 16.6 has it for proxies.
    C,
    /// Wait for retransmitted final responses to INVITE.
    D,
    /// Non-INVITE request retransmission, UDP only.
    E,
    /// Non-INVITE transaction timeout.
    F,
    /// INVITE final response retransmission, UDP only.
    G,
    /// Wait for ACK.
    H,
    /// Wait for retransmitted ACK.
    I,
    /// Wait for retransmitted non-INVITE requests.
    J,
    /// Wait for retransmitted non-INVITE responses.
    K,
    /// Wait for retransmitted INVITE after a 2xx (RFC 6026).
    L,
    /// Wait for further 2xx (RFC 6026).
    M,
    /// Not named in the RFC: a peer's INVITE has had no response yet, and is to have 100 (RFC 3261 17.2.1).
    Trying,
    /// Not in the RFCs: no response at all to an INVITE whose user does not wait for timer B, which this runs in place
    /// of.
    Patience,
    /// Not in the RFCs: the user never answered a request whose client gave up long ago.
    Unanswered,
}

/// The timers a transaction has running; never more than two, as `B` and `Patience` exclude each other.
#[derive(Debug, Default)]
pub(super) struct Running {
    slots: [Option<(Timer, TimerHandle)>; 2],
}

impl Running {
    /// Starts a timer or starts it anew. A wait for retransmissions that cannot come, its length
    /// zero, is over at once.
    pub(super) fn start(&mut self, id: TransactionId, timer: Timer, wait: Duration, step: &mut Step<'_>) {
        self.stop_where(|t| t == timer, step);
        if wait.is_zero() && matches!(timer, Timer::D | Timer::I | Timer::J | Timer::K) {
            step.due_now = Some(timer);
            return;
        }
        let handle = step.timers.set(step.now.after(wait), (id, timer));
        match self.slots.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some((timer, handle)),
            // No state has more than two timers (a test walks them), so this is never reached;
            // a timer nobody could stop must not run.
            None => step.timers.cancel(handle),
        }
    }

    /// Stops every timer that does not belong to a state.
    pub(super) fn keep(&mut self, wanted: &[Timer], step: &mut Step<'_>) {
        self.stop_where(|t| !wanted.contains(&t), step);
    }

    /// Notes that a timer has fired.
    pub(super) fn fired(&mut self, timer: Timer) {
        for slot in &mut self.slots {
            if slot.is_some_and(|(t, _)| t == timer) {
                *slot = None;
            }
        }
    }

    /// Checks that no timer runs but those of a state, and counts them.
    #[cfg(test)]
    pub(super) fn assert_within(&self, wanted: &[Timer]) -> usize {
        let running = self.slots.iter().flatten();
        running.inspect(|(timer, _)| assert!(wanted.contains(timer), "{timer:?} outlives its state")).count()
    }

    fn stop_where(&mut self, unwanted: impl Fn(Timer) -> bool, step: &mut Step<'_>) {
        for slot in &mut self.slots {
            if let Some((timer, handle)) = *slot
                && unwanted(timer)
            {
                step.timers.cancel(handle);
                *slot = None;
            }
        }
    }
}
