//! INVITE client transaction (RFC 3261 17.1.1, RFC 6026 7.2).
//!
//! ```text
//!   INVITE sent                    A: send again            B, transport error: Failed
//!        |                          .---.                   .----------------------.
//!        v                          v   |                   |                      v
//!     CALLING --------------------------'-------------------'                 TERMINATED
//!      |  |  |                                                                     ^
//!      | 1xx | 2xx                                     2xx: hand up                |
//!      |  |  '---------------------------.               .---.                     |
//!      |  v                              v               v   |                     |
//!      | PROCEEDING --2xx: hand up--> ACCEPTED --------------'-----------M---------|
//!      |  |   |   ^                                                                |
//!      |  |   '1xx'  C: Failed ----------------------------------------------------|
//!      |  |                                                                        |
//!   3xx-6xx: ACK, hand up                       3xx-6xx: ACK again                 |
//!      |  |                                      .---.                             |
//!      '--'-------------------------> COMPLETED -'---'-------D, transport error----'
//! ```
//!
//! A user in a hurry has less than timer B to wait: with no response at all within its patience (option of
//! [`super::Layer::send_request`]), CALLING reports the timeout and goes on to SILENT. That is CALLING for a user who
//! has lost interest: a peer that got the INVITE, while its responses were lost, must be heard to be cancelled, and its
//! 2xx to be ended.
//!
//! ```text
//!   CALLING --patience: Failed--> SILENT --1xx--> PROCEEDING
//!                                   |------2xx--> ACCEPTED
//!                                   |--3xx-6xx--> COMPLETED
//!                                   '--B, transport error--> TERMINATED
//! ```
//!
//! Timer C is no timer of 17.1.1; it bounds PROCEEDING as RFC 3261 16.6 does for proxies, and
//! after a CANCEL by the 64*T1 of 9.1. A broken connection does not end PROCEEDING: nothing is to
//! be sent, and the response may come over another one (18.2.2), so it has no input there.

use super::client::{self, Client};
use super::step::{Step, named};
use super::timing::Timer;
use super::{Output, build};
use crate::event::Failure;

/// Its name in errors.
pub(super) const NAME: &str = "INVITE client";

named! {
    /// Where an INVITE of ours stands.
    State { Calling, Silent, Proceeding, Accepted, Completed, Terminated, }
}

named! {
    /// What can happen to it.
    Input {
        Provisional, Success, Error, Patience, TimerA, TimerB, TimerC, TimerD, TimerM, Cancelled, FallBack,
        TransportFailed,
    }
}

pub(super) type Action = fn(&mut Client, &mut Step<'_>);

/// The machine: what an input does in a state, and the state after it.
pub(super) fn table(state: State, input: Input) -> Option<(Action, State)> {
    use Input as I;
    use State as S;
    Some(match (state, input) {
        (S::Calling, I::TimerA) => (retransmit, S::Calling),
        (S::Calling, I::Patience) => (report_silence, S::Silent),
        (S::Calling, I::TimerB) => (report_timeout, S::Terminated),
        (S::Calling, I::FallBack) => (send_over_fallback, S::Calling),
        (S::Calling, I::TransportFailed) => (report_transport, S::Terminated),
        (S::Calling, I::Provisional) => (hand_up_provisional, S::Proceeding),
        (S::Calling, I::Success) => (accept, S::Accepted),
        (S::Calling, I::Error) => (acknowledge_error, S::Completed),

        (S::Silent, I::Provisional) => (hand_up_provisional, S::Proceeding),
        (S::Silent, I::Success) => (accept, S::Accepted),
        (S::Silent, I::Error) => (acknowledge_error, S::Completed),
        (S::Silent, I::TimerA) => (retransmit, S::Silent),
        (S::Silent, I::TimerB) => (end, S::Terminated),
        (S::Silent, I::TransportFailed) => (end, S::Terminated),

        (S::Proceeding, I::Provisional) => (hand_up_provisional, S::Proceeding),
        (S::Proceeding, I::Success) => (accept, S::Accepted),
        (S::Proceeding, I::Error) => (acknowledge_error, S::Completed),
        (S::Proceeding, I::Cancelled) => (expect_487, S::Proceeding),
        (S::Proceeding, I::TimerC) => (report_timeout, S::Terminated),

        (S::Accepted, I::Success) => (hand_up, S::Accepted),
        (S::Accepted, I::Provisional) => (absorb, S::Accepted),
        (S::Accepted, I::Error) => (absorb, S::Accepted),
        (S::Accepted, I::TimerM) => (end, S::Terminated),

        (S::Completed, I::Error) => (acknowledge_again, S::Completed),
        (S::Completed, I::Provisional) => (absorb, S::Completed),
        (S::Completed, I::TimerD) => (end, S::Terminated),
        (S::Completed, I::TransportFailed) => (end, S::Terminated),
        _ => return None,
    })
}

/// The timers that may run in a state; entering it stops all others.
pub(super) fn timers(state: State) -> &'static [Timer] {
    match state {
        State::Calling => &[Timer::A, Timer::B, Timer::Patience],
        State::Silent => &[Timer::A, Timer::B],
        State::Proceeding => &[Timer::C],
        State::Accepted => &[Timer::M],
        State::Completed => &[Timer::D],
        State::Terminated => &[],
    }
}

/// This machine's name of an input; `None` for one that is not its own.
pub(super) fn input(input: client::Input) -> Option<Input> {
    Some(match input {
        client::Input::Response(..200) => Input::Provisional,
        client::Input::Response(200..300) => Input::Success,
        client::Input::Response(300..) => Input::Error,
        client::Input::Cancelled => Input::Cancelled,
        client::Input::FallBack => Input::FallBack,
        client::Input::TransportFailed(_) => Input::TransportFailed,
        client::Input::Timer(Timer::Patience) => Input::Patience,
        client::Input::Timer(Timer::A) => Input::TimerA,
        client::Input::Timer(Timer::B) => Input::TimerB,
        client::Input::Timer(Timer::C) => Input::TimerC,
        client::Input::Timer(Timer::D) => Input::TimerD,
        client::Input::Timer(Timer::M) => Input::TimerM,
        client::Input::Timer(_) => return None,
    })
}

/// Sends the INVITE for the first time on its flow and enters CALLING.
pub(super) fn start(client: &mut Client, step: &mut Step<'_>) {
    client.interval = step.settings.t1;
    client.send_request(step);
    if !client.flow.transport.is_reliable() {
        client.start(Timer::A, step);
    }
    if client.patience.is_zero() {
        client.start(Timer::B, step);
    } else {
        client.start_for(Timer::Patience, client.patience, step);
    }
}

fn retransmit(client: &mut Client, step: &mut Step<'_>) {
    client.resend(step);
    client.interval = client.interval.saturating_mul(2);
    client.start_for(Timer::A, client.interval, step);
}

fn send_over_fallback(client: &mut Client, step: &mut Step<'_>) {
    client.fall_back(step);
    start(client, step);
}

fn hand_up_provisional(client: &mut Client, step: &mut Step<'_>) {
    client.bytes = None;
    if !client.cancelled {
        client.start(Timer::C, step);
    }
    client.hand_up_provisional(step);
}

/// A CANCEL went out: the 487 is due within 64*T1, whatever else still comes (RFC 3261 9.1).
fn expect_487(client: &mut Client, step: &mut Step<'_>) {
    client.cancelled = true;
    client.start_for(Timer::C, step.settings.duration(Timer::B, false), step);
}

fn accept(client: &mut Client, step: &mut Step<'_>) {
    client.forget_request();
    client.start(Timer::M, step);
    client.hand_up(step);
}

fn acknowledge_error(client: &mut Client, step: &mut Step<'_>) {
    let ack = match (&client.request, step.message) {
        (Some(request), Some(response)) => Some(build::ack(request, response).to_bytes()),
        _ => None,
    };
    client.forget_request();
    client.bytes = ack;
    if let Some(bytes) = &client.bytes {
        step.send(client.flow, bytes);
    }
    client.start(Timer::D, step);
    client.hand_up(step);
}

fn acknowledge_again(client: &mut Client, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
    client.resend(step);
}

fn hand_up(client: &mut Client, step: &mut Step<'_>) {
    client.hand_up(step);
}

fn absorb(_: &mut Client, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
}

fn report_timeout(client: &mut Client, step: &mut Step<'_>) {
    step.counters.timeouts += 1;
    step.out.push(Output::Failed { id: client.id, failure: Failure::Timeout });
}

fn report_silence(client: &mut Client, step: &mut Step<'_>) {
    client.fallback = None;
    client.start(Timer::B, step);
    report_timeout(client, step);
}

fn report_transport(client: &mut Client, step: &mut Step<'_>) {
    client.report_transport(step);
}

fn end(_: &mut Client, _: &mut Step<'_>) {}
