//! INVITE server transaction (RFC 3261 17.2.1, RFC 6026 7.1).
//!
//! ```text
//!      INVITE
//!        |
//!        v
//!    RECEIVED ---2xx, 3xx-6xx: as out of PROCEEDING
//!        |
//!     Trying, INVITE: send 100
//!     1xx: send              INVITE: send the last response again, 1xx: send
//!        |                   .---.
//!        v                   v   |
//!    PROCEEDING -----------------'----C: the user never answered------------.
//!      |      |                                                             |
//!      |     2xx: send         INVITE: absorb, ACK: hand up                 |
//!      |      |                  .---.                                      v
//!      |      v                  v   |                                 TERMINATED
//!      |    ACCEPTED ----------------'----------L---------------------------^
//!      |                                                                    |
//!    3xx-6xx: send                                                          |
//!      |       INVITE, G: send again                                        |
//!      |         .---.                                                      |
//!      v         v   |                                                      |
//!    COMPLETED ------'---H: no ACK, tell the user---------------------------|
//!        |                                                                  |
//!       ACK            INVITE, ACK: absorb                                  |
//!        |               .---.                                              |
//!        v               v   |                                              |
//!    CONFIRMED --------------'----------I-----------------------------------'
//! ```
//!
//! RECEIVED is that part of the RFC's PROCEEDING in which the caller has heard nothing. 17.2.1 wants a
//! 100 unless the user answers within 200 ms; the user has a little less, and then the layer itself
//! answers 100, whatever the user is at. A caller that sends its INVITE again gets the 100 at once.
//!
//! In ACCEPTED the user sends its 2xx again by itself until the ACK comes (13.3.1.4); the
//! transaction only keeps retransmitted INVITEs from looking new, so it keeps no response. A
//! transport error changes no state (RFC 6026 7.1), so it is no input.

use super::server::{self, Server};
use super::step::{Step, named};
use super::timing::Timer;
use super::{Output, build};

/// Its name in errors.
pub(super) const NAME: &str = "INVITE server";

named! {
    /// Where a peer's INVITE stands.
    State { Received, Proceeding, Accepted, Completed, Confirmed, Terminated, }
}

named! {
    /// What can happen to it.
    Input { Invite, Ack, SendProvisional, SendSuccess, SendError, Trying, TimerC, TimerG, TimerH, TimerI, TimerL, }
}

pub(super) type Action = fn(&mut Server, &mut Step<'_>);

/// The machine: what an input does in a state, and the state after it.
pub(super) fn table(state: State, input: Input) -> Option<(Action, State)> {
    use Input as I;
    use State as S;
    Some(match (state, input) {
        (S::Received, I::Invite) => (send_trying_at_once, S::Proceeding),
        (S::Received, I::Trying) => (send_trying, S::Proceeding),
        (S::Received, I::SendProvisional) => (send_provisional, S::Proceeding),
        (S::Received, I::SendSuccess) => (send_success, S::Accepted),
        (S::Received, I::SendError) => (send_error, S::Completed),

        (S::Proceeding, I::Invite) => (resend_last, S::Proceeding),
        (S::Proceeding, I::SendProvisional) => (send_provisional, S::Proceeding),
        (S::Proceeding, I::SendSuccess) => (send_success, S::Accepted),
        (S::Proceeding, I::SendError) => (send_error, S::Completed),
        (S::Proceeding, I::TimerC) => (give_up_on_user, S::Terminated),

        (S::Accepted, I::Invite) => (absorb, S::Accepted),
        (S::Accepted, I::Ack) => (hand_up_ack, S::Accepted),
        (S::Accepted, I::TimerL) => (end, S::Terminated),

        (S::Completed, I::Invite) => (resend_last, S::Completed),
        (S::Completed, I::TimerG) => (retransmit, S::Completed),
        (S::Completed, I::TimerH) => (report_no_ack, S::Terminated),
        (S::Completed, I::Ack) => (confirm, S::Confirmed),

        (S::Confirmed, I::Invite) => (absorb, S::Confirmed),
        (S::Confirmed, I::Ack) => (absorb, S::Confirmed),
        (S::Confirmed, I::TimerI) => (end, S::Terminated),
        _ => return None,
    })
}

/// The timers that may run in a state; entering it stops all others.
pub(super) fn timers(state: State) -> &'static [Timer] {
    match state {
        State::Received => &[Timer::Trying],
        State::Proceeding => &[Timer::C],
        State::Accepted => &[Timer::L],
        State::Completed => &[Timer::G, Timer::H],
        State::Confirmed => &[Timer::I],
        State::Terminated => &[],
    }
}

/// This machine's name of an input; `None` for one that is not its own.
pub(super) fn input(input: server::Input) -> Option<Input> {
    Some(match input {
        server::Input::Request => Input::Invite,
        server::Input::Ack => Input::Ack,
        server::Input::Respond(..200) => Input::SendProvisional,
        server::Input::Respond(200..300) => Input::SendSuccess,
        server::Input::Respond(300..) => Input::SendError,
        server::Input::Timer(Timer::Trying) => Input::Trying,
        server::Input::Timer(Timer::C) => Input::TimerC,
        server::Input::Timer(Timer::G) => Input::TimerG,
        server::Input::Timer(Timer::H) => Input::TimerH,
        server::Input::Timer(Timer::I) => Input::TimerI,
        server::Input::Timer(Timer::L) => Input::TimerL,
        server::Input::Timer(_) => return None,
    })
}

/// Enters RECEIVED.
pub(super) fn start(server: &mut Server, step: &mut Step<'_>) {
    server.start(Timer::Trying, step);
}

fn send_trying(server: &mut Server, step: &mut Step<'_>) {
    step.bytes = server.request.as_ref().map(|invite| build::trying(invite, server.flow.remote));
    send_provisional(server, step);
}

fn send_trying_at_once(server: &mut Server, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
    send_trying(server, step);
}

fn send_provisional(server: &mut Server, step: &mut Step<'_>) {
    server.send(step);
    server.start(Timer::C, step);
}

fn send_success(server: &mut Server, step: &mut Step<'_>) {
    server.send(step);
    server.forget_request();
    server.last = None;
    server.start(Timer::L, step);
}

fn send_error(server: &mut Server, step: &mut Step<'_>) {
    server.send(step);
    server.forget_request();
    server.interval = step.settings.t1;
    if !server.flow.transport.is_reliable() {
        server.start(Timer::G, step);
    }
    server.start(Timer::H, step);
}

fn resend_last(server: &mut Server, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
    server.resend(step);
}

fn retransmit(server: &mut Server, step: &mut Step<'_>) {
    server.resend(step);
    server.interval = server.interval.saturating_mul(2).min(step.settings.t2);
    server.start_for(Timer::G, server.interval, step);
}

fn confirm(server: &mut Server, step: &mut Step<'_>) {
    server.last = None;
    server.start(Timer::I, step);
}

fn hand_up_ack(server: &mut Server, _: &mut Step<'_>) {
    server.ack_is_for_dialog = true;
}

fn absorb(_: &mut Server, step: &mut Step<'_>) {
    step.counters.absorbed += 1;
}

fn report_no_ack(server: &mut Server, step: &mut Step<'_>) {
    step.counters.timeouts += 1;
    step.out.push(Output::Unacknowledged { id: server.id });
}

fn give_up_on_user(_: &mut Server, step: &mut Step<'_>) {
    step.counters.unanswered += 1;
}

fn end(_: &mut Server, _: &mut Step<'_>) {}
