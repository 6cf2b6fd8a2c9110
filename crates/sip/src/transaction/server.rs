//! What the two server machines have in common (RFC 3261 17.2).

use std::sync::Arc;
use std::time::Duration;

use super::step::{ProtocolError, Step, walk};
use super::table::Keyed;
use super::timing::{Running, Timer};
use super::{invite_server, non_invite_server, via};
use crate::event::TransactionId;
use crate::flow::Flow;
use crate::message::Message;

/// Which machine, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Invite(invite_server::State),
    NonInvite(non_invite_server::State),
}

/// Something that happened which the machines know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Request,
    Ack,
    Respond(u16),
    Timer(Timer),
}

/// One request of a peer's.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: TransactionId,
    pub(super) key: u128,
    /// The key under which merged requests are found (RFC 3261 8.2.2.2); none for a request
    /// within a dialog.
    pub(super) merge: Option<u128>,
    /// The flow it came on.
    pub(super) flow: Flow,
    /// The port its responses go to (RFC 3261 18.2.2, RFC 3581).
    pub(super) reply_port: u16,
    /// Kept until the final response.
    pub(super) request: Option<Arc<Message>>,
    /// The response that a retransmitted request is answered with.
    pub(super) last: Option<Arc<[u8]>>,
    /// To tags, where the branch does not tell transactions apart.
    pub(super) legacy: Option<Box<super::matching::LegacyTags>>,
    /// The present interval of timer G.
    pub(super) interval: Duration,
    pub(super) running: Running,
    pub(super) state: State,
    /// An ACK came in ACCEPTED, where it acknowledges a 2xx and is the dialog's.
    pub(super) ack_is_for_dialog: bool,
}

impl Keyed for Server {
    fn id(&self) -> TransactionId {
        self.id
    }

    fn key(&self) -> u128 {
        self.key
    }
}

impl Server {
    /// Enters the first state.
    pub(super) fn begin(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Invite(_) => invite_server::start(self, step),
            State::NonInvite(_) => non_invite_server::start(self, step),
        }
    }

    /// Walks the table with one input, and with those that timers of zero make.
    pub(super) fn handle(&mut self, input: Input, step: &mut Step<'_>) -> Result<(), ProtocolError> {
        let mut input = input;
        loop {
            if let Input::Timer(timer) = input {
                self.running.fired(timer);
            }
            self.once(input, step)?;
            match step.due_now.take() {
                Some(timer) => input = Input::Timer(timer),
                None => return Ok(()),
            }
        }
    }

    fn once(&mut self, input: Input, step: &mut Step<'_>) -> Result<(), ProtocolError> {
        match self.state {
            State::Invite(state) => walk!(invite_server, State::Invite, self, state, input, step),
            State::NonInvite(state) => walk!(non_invite_server, State::NonInvite, self, state, input, step),
        }
        Ok(())
    }

    pub(super) fn is_terminated(&self) -> bool {
        matches!(
            self.state,
            State::Invite(invite_server::State::Terminated) | State::NonInvite(non_invite_server::State::Terminated)
        )
    }

    /// Whether the user may still answer.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(
            self.state,
            State::Invite(invite_server::State::Received | invite_server::State::Proceeding)
                | State::NonInvite(non_invite_server::State::Trying | non_invite_server::State::Proceeding)
        )
    }

    /// Whether it only waits for retransmissions of a request that is not INVITE.
    pub(super) fn is_answered_non_invite(&self) -> bool {
        self.state == State::NonInvite(non_invite_server::State::Completed)
    }

    pub(super) fn start(&mut self, timer: Timer, step: &mut Step<'_>) {
        let wait = step.settings.duration(timer, self.flow.transport.is_reliable());
        self.start_for(timer, wait, step);
    }

    pub(super) fn start_for(&mut self, timer: Timer, wait: Duration, step: &mut Step<'_>) {
        self.running.start(self.id, timer, wait, step);
    }

    /// Sends the response of this step and keeps it for retransmitted requests.
    pub(super) fn send(&mut self, step: &mut Step<'_>) {
        if let Some(bytes) = step.bytes.take() {
            step.send(self.reply_flow(), &bytes);
            self.last = Some(bytes);
        }
    }

    pub(super) fn resend(&self, step: &mut Step<'_>) {
        if let Some(bytes) = &self.last {
            step.resend(self.reply_flow(), bytes);
        }
    }

    /// Drops what only a request without its final response needs.
    pub(super) fn forget_request(&mut self) {
        self.request = None;
    }

    pub(super) fn reply_flow(&self) -> Flow {
        via::with_remote_port(self.flow, self.reply_port)
    }
}
