//! What the two client machines have in common (RFC 3261 17.1).

use std::sync::Arc;
use std::time::Duration;

use super::step::{ProtocolError, Step, walk};
use super::table::Keyed;
use super::timing::{Running, Timer};
use super::{Output, build, invite_client, non_invite_client};
use crate::event::{Failure, Fault, TransactionId};
use crate::flow::Flow;
use crate::message::Message;

/// Which machine, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Invite(invite_client::State),
    NonInvite(non_invite_client::State),
}

/// Something that happened which both machines know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input {
    Response(u16),
    Timer(Timer),
    /// Its CANCEL was sent.
    Cancelled,
    FallBack,
    TransportFailed(Fault),
}

/// One request of ours.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: TransactionId,
    pub(super) key: u128,
    pub(super) flow: Flow,
    pub(super) fallback: Option<Box<Flow>>,
    /// Kept until the final response.
    pub(super) request: Option<Arc<Message>>,
    /// What a retransmission sends: the request, later the ACK of an error response.
    pub(super) bytes: Option<Arc<[u8]>>,
    /// Of an INVITE: how long it may go without any response; zero for timer B.
    pub(super) patience: Duration,
    /// The present interval of timer A or E.
    pub(super) interval: Duration,
    pub(super) running: Running,
    pub(super) state: State,
    /// Its CANCEL was sent, so that only 64*T1 remain.
    pub(super) cancelled: bool,
    /// Where it stands in the list of transactions that wait on its flow.
    pub(super) waiting_at: Option<u32>,
}

impl Keyed for Client {
    fn id(&self) -> TransactionId {
        self.id
    }

    fn key(&self) -> u128 {
        self.key
    }
}

impl Client {
    /// Sends the request and enters the first state.
    pub(super) fn begin(&mut self, step: &mut Step<'_>) {
        match self.state {
            State::Invite(_) => invite_client::start(self, step),
            State::NonInvite(_) => non_invite_client::start(self, step),
        }
    }

    /// Walks the table with one input, and with those that timers of zero make.
    pub(super) fn handle(&mut self, input: Input, step: &mut Step<'_>) -> Result<(), ProtocolError> {
        let mut input = input;
        loop {
            match input {
                Input::Timer(timer) => self.running.fired(timer),
                Input::TransportFailed(fault) => step.fault = fault,
                _ => {}
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
            State::Invite(state) => walk!(invite_client, State::Invite, self, state, input, step),
            State::NonInvite(state) => walk!(non_invite_client, State::NonInvite, self, state, input, step),
        }
        Ok(())
    }

    pub(super) fn is_terminated(&self) -> bool {
        matches!(
            self.state,
            State::Invite(invite_client::State::Terminated) | State::NonInvite(non_invite_client::State::Terminated)
        )
    }

    /// Whether a failure of its flow concerns it.
    pub(super) fn waits_on_flow(&self) -> bool {
        matches!(
            self.state,
            State::Invite(
                invite_client::State::Calling | invite_client::State::Silent | invite_client::State::Completed
            ) | State::NonInvite(non_invite_client::State::Trying | non_invite_client::State::Proceeding)
        )
    }

    /// Whether no response has come yet.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(
            self.state,
            State::Invite(invite_client::State::Calling) | State::NonInvite(non_invite_client::State::Trying)
        )
    }

    pub(super) fn has_provisional(&self) -> bool {
        matches!(
            self.state,
            State::Invite(invite_client::State::Proceeding) | State::NonInvite(non_invite_client::State::Proceeding)
        )
    }

    pub(super) fn start(&mut self, timer: Timer, step: &mut Step<'_>) {
        let wait = step.settings.duration(timer, self.flow.transport.is_reliable());
        self.start_for(timer, wait, step);
    }

    pub(super) fn start_for(&mut self, timer: Timer, wait: Duration, step: &mut Step<'_>) {
        self.running.start(self.id, timer, wait, step);
    }

    /// Prints the request and sends it.
    pub(super) fn send_request(&mut self, step: &mut Step<'_>) {
        if let Some(request) = &self.request {
            let bytes = request.to_bytes();
            step.send(self.flow, &bytes);
            // Over a reliable transport it is never sent again.
            self.bytes = (!self.flow.transport.is_reliable()).then_some(bytes);
        }
    }

    /// The transport could not deliver; the layer has said why.
    pub(super) fn report_transport(&mut self, step: &mut Step<'_>) {
        step.counters.transport_failures += 1;
        step.out.push(Output::Failed { id: self.id, failure: Failure::Transport(step.fault) });
    }

    pub(super) fn resend(&self, step: &mut Step<'_>) {
        if let Some(bytes) = &self.bytes {
            step.resend(self.flow, bytes);
        }
    }

    /// Moves the request to the fallback flow (RFC 3261 18.1.1): the same branch, as it is the
    /// same transaction; the transport and our address in Via are the new flow's.
    pub(super) fn fall_back(&mut self, step: &mut Step<'_>) {
        let Some(flow) = self.fallback.take() else { return };
        step.counters.fallbacks += 1;
        self.flow = *flow;
        if let Some(request) = &self.request {
            self.request = Some(Arc::new(build::over_flow(request, &flow)));
        }
    }

    /// Drops what only a request without its final response needs.
    pub(super) fn forget_request(&mut self) {
        self.request = None;
        self.bytes = None;
        self.fallback = None;
    }

    /// Hands a provisional response up, but not 100, which is for this hop only.
    pub(super) fn hand_up_provisional(&mut self, step: &mut Step<'_>) {
        self.fallback = None;
        if step.message.is_some_and(|m| m.status() > 100) {
            self.hand_up(step);
        }
    }

    pub(super) fn hand_up(&mut self, step: &mut Step<'_>) {
        if let Some(message) = step.message {
            step.out.push(Output::Response { id: self.id, message: Arc::clone(message) });
        }
    }
}
