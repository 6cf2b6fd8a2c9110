//! Non-INVITE server transaction (RFC 3261 17.2.2).
//!
//! ```text
//!    request            request: absorb
//!       |                  .---.
//!       v                  v   |
//!     TRYING ------------------'---nobody answered in 64*T1---.
//!     |    |                                                  |
//!     |   1xx: send     request: send the last again          |
//!     |    |               .---.                              v
//!     |    v               v   |                          TERMINATED
//!     |  PROCEEDING -----------'---nobody answered------------^
//!     |    |                                                  |
//!    final: send        request: send it again                |
//!     |    |               .---.                              |
//!     v    v               v   |                              |
//!    COMPLETED ----------------'---------J--------------------'
//! ```
//!
//! 17.2.2 bounds TRYING and PROCEEDING by the user's good conduct only. Once the client's timer F
//! has run out nobody waits for the answer (RFC 4320 4.2 forbids to send 408), so the transaction
//! ends there. A transport error changes no state, as RFC 6026 7.1 has it for INVITE: the client
//! may ask again over another connection.

use super::server::{self, Server};
use super::step::{Step, named};
use super::timing::Timer;

/// Its name in errors.
pub(super) const NAME: &str = "non-INVITE server";

named! {
    /// Where a peer's request stands.
    State { Trying, Proceeding, Completed, Terminated, }
}

named! {
    /// What can happen to it.
    Input { Request, SendProvisional, SendFinal, TimerJ, Unanswered, }
}

pub(super) type Action = fn(&mut Server, &mut Step<'_>);

/// The machine: what an input does in a state, and the state after it.
pub(super) fn table(state: State, input: Input) -> Option<(Action, State)> {
    use Input as I;
    use State as S;
    Some(match (state, input) {
        (S::Trying, I::Request) => (absorb, S::Trying),
        (S::Trying, I::SendProvisional) => (send_provisional, S::Proceeding),
        (S::Trying, I::SendFinal) => (send_final, S::Completed),
        (S::Trying, I::Unanswered) => (give_up_on_user, S::Terminated),

        (S::Proceeding, I::Request) => (resend_last, S::Proceeding),
        (S::Proceeding, I::SendProvisional) => (send_provisional, S::Proceeding),
        (S::Proceeding, I::SendFinal) => (send_final, S::Completed),
        (S::Proceeding, I::Unanswered) => (give_up_on_user, S::Terminated),

        (S::Completed, I::Request) => (resend_last, S::Completed),
        (S::Completed, I::TimerJ) => (end, S::Terminated),
        _ => return None,
    })
}

/// The timers that may run in a state; entering it stops all others.
pub(super) fn timers(state: State) -> &'static [Timer] {
    match state {
        State::Trying | State::Proceeding => &[Timer::Unanswered],
        State::Completed => &[Timer::J],
        State::Terminated => &[],
    }
}

/// This machine's name of an input; `None` for one that is not its own.
pub(super) fn input(input: server::Input) -> Option<Input> {
    Some(match input {
        server::Input::Request => Input::Request,
        server::Input::Respond(..200) => Input::SendProvisional,
        server::Input::Respond(200..) => Input::SendFinal,
        server::Input::Timer(Timer::J) => Input::TimerJ,
        server::Input::Timer(Timer::Unanswered) => Input::Unanswered,
        server::Input::Timer(_) | server::Input::Ack => return None,
    })
}

/// Enters TRYING.
pub(super) fn start(server: &mut Server, step: &mut Step<'_>) {
    server.start(Timer::Unanswered, step);
}

fn send_provisional(server: &mut Server, step: &mut Step<'_>) {
    server.send(step);
}

fn send_final(server: &mut Server, step: &mut Step<'_>) {
    server.send(step);
    server.forget_request();
    server.start(Timer::J, step);
}

fn resend_last(server: &mut Server, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
    server.resend(step);
}

fn absorb(_: &mut Server, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
}

fn give_up_on_user(_: &mut Server, step: &mut Step<'_>) {
    step.counters.unanswered += 1;
}

fn end(_: &mut Server, _: &mut Step<'_>) {}
