//! What an action of a machine may reach.

use std::sync::Arc;

use super::timing::{Timer, TimerSettings};
use super::{Counters, Output};
use crate::event::{Fault, TransactionId};
use crate::flow::{Flow, Transmit};
use crate::message::Message;
use crate::time::Time;
use crate::timers::Timers;

/// One input at one moment: the message that came or is to be sent, and the layer's shared parts.
pub(super) struct Step<'a> {
    pub(super) now: Time,
    /// The response a client has received.
    pub(super) message: Option<&'a Arc<Message>>,
    /// The response a server is to send, as printed.
    pub(super) bytes: Option<Arc<[u8]>>,
    pub(super) settings: &'a TimerSettings,
    pub(super) timers: &'a mut Timers<(TransactionId, Timer)>,
    pub(super) counters: &'a mut Counters,
    pub(super) out: &'a mut Vec<Output>,
    /// Why the transport could not deliver, where that is the input.
    pub(super) fault: Fault,
    /// A timer of zero was started: its input comes next.
    pub(super) due_now: Option<Timer>,
}

impl Step<'_> {
    pub(super) fn send(&mut self, flow: Flow, bytes: &Arc<[u8]>) {
        self.out.push(Output::Send(Transmit { flow, bytes: Arc::clone(bytes) }));
    }

    pub(super) fn resend(&mut self, flow: Flow, bytes: &Arc<[u8]>) {
        self.counters.retransmitted += 1;
        self.send(flow, bytes);
    }
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
pub(super) use step;

/// An input a machine has no entry for: a peer or the user broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// Which machine.
    pub machine: &'static str,
    /// The state it was in.
    pub state: &'static str,
    /// The input that has no place there.
    pub input: &'static str,
}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} transaction: {} does not belong in state {}", self.machine, self.input, self.state)
    }
}

impl std::error::Error for ProtocolError {}

/// Declares the states or inputs of a machine, with their names and a list of them all.
macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($(#[$item_doc:meta])* $item:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $kind { $($(#[$item_doc])* $item,)* }

        impl $kind {
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$item,)*];

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$item => stringify!($item),)* }
            }
        }
    };
}
pub(super) use named;

/// One step of a machine: its own name for the input, its table, the timers of the new state, the
/// action.
macro_rules! walk {
    ($machine:ident, $wrap:path, $transaction:ident, $state:ident, $input:ident, $step:ident) => {{
        let error = |input| ProtocolError { machine: $machine::NAME, state: $state.name(), input };
        let input = $machine::input($input).ok_or(error("a foreign input"))?;
        let (action, next) = $machine::table($state, input).ok_or(error(input.name()))?;
        $transaction.state = $wrap(next);
        $transaction.running.keep($machine::timers(next), $step);
        action($transaction, $step);
    }};
}
pub(super) use walk;
