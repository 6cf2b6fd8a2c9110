//! Non-INVITE client transaction (RFC 3261 17.1.2).
//!
//! ```text
//!   request sent         E: send again         F, transport error: Failed
//!        |                 .---.                 .-------------------.
//!        v                 v   |                 |                   v
//!      TRYING -----------------'-----------------'              TERMINATED
//!      |    |                                                        ^
//!      |   1xx: hand up                                              |
//!      |    v                                                        |
//!      |  PROCEEDING --F, transport error: Failed--------------------|
//!      |    |   |  ^                                                 |
//!      |    |   '--' E: send again, 1xx: hand up                     |
//!      |    |                                                        |
//!    final: hand up                                                  |
//!      '----'------------------> COMPLETED --K-----------------------'
//! ```

use super::Output;
use super::client::{self, Client};
use super::step::{Step, named};
use super::timing::Timer;
use crate::event::Failure;

/// Its name in errors.
pub(super) const NAME: &str = "non-INVITE client";

named! {
    /// Where a request of ours stands.
    State { Trying, Proceeding, Completed, Terminated, }
}

named! {
    /// What can happen to it.
    Input { Provisional, Final, TimerE, TimerF, TimerK, FallBack, TransportFailed, }
}

pub(super) type Action = fn(&mut Client, &mut Step<'_>);

/// The machine: what an input does in a state, and the state after it.
pub(super) fn table(state: State, input: Input) -> Option<(Action, State)> {
    use Input as I;
    use State as S;
    Some(match (state, input) {
        (S::Trying, I::TimerE) => (retransmit, S::Trying),
        (S::Trying, I::TimerF) => (report_timeout, S::Terminated),
        (S::Trying, I::FallBack) => (send_over_fallback, S::Trying),
        (S::Trying, I::TransportFailed) => (report_transport, S::Terminated),
        (S::Trying, I::Provisional) => (hand_up_provisional, S::Proceeding),
        (S::Trying, I::Final) => (complete, S::Completed),

        (S::Proceeding, I::TimerE) => (retransmit_slowly, S::Proceeding),
        (S::Proceeding, I::TimerF) => (report_timeout, S::Terminated),
        (S::Proceeding, I::TransportFailed) => (report_transport, S::Terminated),
        (S::Proceeding, I::Provisional) => (hand_up_provisional, S::Proceeding),
        (S::Proceeding, I::Final) => (complete, S::Completed),

        (S::Completed, I::Provisional) => (absorb, S::Completed),
        (S::Completed, I::Final) => (absorb, S::Completed),
        (S::Completed, I::TimerK) => (end, S::Terminated),
        _ => return None,
    })
}

/// The timers that may run in a state; entering it stops all others.
pub(super) fn timers(state: State) -> &'static [Timer] {
    match state {
        State::Trying | State::Proceeding => &[Timer::E, Timer::F],
        State::Completed => &[Timer::K],
        State::Terminated => &[],
    }
}

/// This machine's name of an input; `None` for one that is not its own.
pub(super) fn input(input: client::Input) -> Option<Input> {
    Some(match input {
        client::Input::Response(..200) => Input::Provisional,
        client::Input::Response(200..) => Input::Final,
        client::Input::FallBack => Input::FallBack,
        client::Input::TransportFailed(_) => Input::TransportFailed,
        client::Input::Timer(Timer::E) => Input::TimerE,
        client::Input::Timer(Timer::F) => Input::TimerF,
        client::Input::Timer(Timer::K) => Input::TimerK,
        client::Input::Timer(_) | client::Input::Cancelled => return None,
    })
}

/// Sends the request for the first time on its flow and enters TRYING.
pub(super) fn start(client: &mut Client, step: &mut Step<'_>) {
    client.interval = step.settings.t1;
    client.send_request(step);
    if !client.flow.transport.is_reliable() {
        client.start(Timer::E, step);
    }
    client.start(Timer::F, step);
}

fn retransmit(client: &mut Client, step: &mut Step<'_>) {
    client.resend(step);
    client.interval = client.interval.saturating_mul(2).min(step.settings.t2);
    client.start_for(Timer::E, client.interval, step);
}

fn retransmit_slowly(client: &mut Client, step: &mut Step<'_>) {
    client.resend(step);
    client.start_for(Timer::E, step.settings.t2, step);
}

fn send_over_fallback(client: &mut Client, step: &mut Step<'_>) {
    client.fall_back(step);
    start(client, step);
}

fn hand_up_provisional(client: &mut Client, step: &mut Step<'_>) {
    client.hand_up_provisional(step);
}

fn complete(client: &mut Client, step: &mut Step<'_>) {
    client.forget_request();
    client.start(Timer::K, step);
    client.hand_up(step);
}

fn absorb(_: &mut Client, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
}

fn report_timeout(client: &mut Client, step: &mut Step<'_>) {
    step.counters.timeouts += 1;
    step.out.push(Output::Failed { id: client.id, failure: Failure::Timeout });
}

fn report_transport(client: &mut Client, step: &mut Step<'_>) {
    client.report_transport(step);
}

fn end(_: &mut Client, _: &mut Step<'_>) {}
