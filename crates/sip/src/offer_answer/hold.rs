//! Hold and retrieve (RFC 3264 section 8.4, RFC 6337 section 5.3).

use crate::sdp::{Direction, Media, Session};

/// What a new description of the peer's does to the call, next to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoldChange {
    /// Held before and now, or neither.
    None,
    /// The peer holds us now.
    Held,
    /// The peer has retrieved us.
    Retrieved,
}

/// The streams that say whether somebody holds: those of speech, or all where there are none.
fn telling(session: &Session) -> impl Iterator<Item = &Media> {
    let speech = session.media.iter().any(|m| m.kind == "audio");
    session.media.iter().filter(move |m| !speech || m.kind == "audio")
}

/// What who sent this does with speech, all its streams together: `sendonly`, `inactive`, 0.0.0.0 and
/// port 0 all receive nothing. `Inactive` for a description without streams.
#[must_use]
pub fn audio_direction(session: &Session) -> Direction {
    let directions = || telling(session).map(|m| m.direction(session));
    Direction::of(directions().any(Direction::sends), directions().any(Direction::receives))
}

/// Whether who sent this holds the other side: it has streams of speech and would receive none, be it
/// by `sendonly`, `inactive`, the address 0.0.0.0 (RFC 2543) or port 0. Where there is no speech all
/// streams count. A description without streams holds nobody.
#[must_use]
pub fn holds(session: &Session) -> bool {
    !session.media.is_empty() && !audio_direction(session).receives()
}

/// What `after` changes, both sent by the same side; without a `before` the call was not held.
#[must_use]
pub fn hold_change(before: Option<&Session>, after: &Session) -> HoldChange {
    match (before.is_some_and(holds), holds(after)) {
        (false, true) => HoldChange::Held,
        (true, false) => HoldChange::Retrieved,
        _ => HoldChange::None,
    }
}

/// The same description, receiving nothing: `sendrecv` becomes `sendonly`, `recvonly` becomes `inactive`.
#[must_use]
pub fn hold(session: &Session) -> Session {
    redirect(session, |_, said| Direction::of(said.sends(), false))
}

/// A held description with the directions it had `before`; streams that are new since are `sendrecv`.
#[must_use]
pub fn retrieve(held: &Session, before: &Session) -> Session {
    redirect(held, |at, _| match before.media.get(at) {
        Some(media) if !media.is_refused() => media.direction(before),
        _ => Direction::SendRecv,
    })
}

/// Says a direction for each live stream that says another now.
fn redirect(session: &Session, wanted: impl Fn(usize, Direction) -> Direction) -> Session {
    let mut out = session.clone();
    for (at, media) in out.media.iter_mut().enumerate().filter(|(_, m)| !m.is_refused()) {
        let said = media.direction(session);
        let wanted = wanted(at, said);
        if wanted != said {
            media.set_direction(wanted);
        }
    }
    out
}
