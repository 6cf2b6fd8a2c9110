//! What a thread may be asked. One caller asks, in one order; a thread does it in that order.

use std::sync::{Arc, Mutex};

use super::leg::Leg;
use super::queue::Passage;
use super::sound::File;
use super::{Id, Playing, Recording, Role, Target};
use crate::description::Agreed;
use crate::tone::Plan;

/// Something to do.
pub(super) enum Command {
    /// A new leg.
    Open(Box<Leg>),
    /// What a leg's descriptions came to; `None` when its stream has ended.
    Agree {
        leg: Id,
        agreed: Option<Box<Agreed>>,
    },
    /// A leg ends.
    Close {
        leg: Id,
    },
    /// A leg is given to another thread.
    Release {
        leg: Id,
        passage: Passage,
    },
    /// A leg comes from another thread: nothing else is done until it is here, or known not to come.
    Await {
        leg: Id,
    },
    Join {
        one: Id,
        other: Id,
        one_to_other: Role,
        other_to_one: Role,
    },
    Part {
        one: Id,
        other: Id,
    },
    OpenRoom {
        room: Id,
        loudest: usize,
        speakers: Arc<Mutex<Vec<Id>>>,
    },
    CloseRoom {
        room: Id,
    },
    Loudest {
        room: Id,
        loudest: usize,
    },
    Enter {
        room: Id,
        leg: Id,
        role: Role,
    },
    Change {
        room: Id,
        leg: Id,
        role: Role,
    },
    Leave {
        room: Id,
        leg: Id,
    },
    Play {
        player: Id,
        target: Target,
        playing: Box<Playing>,
        files: Vec<Option<File>>,
    },
    Player {
        player: Id,
        target: Target,
        act: Act,
    },
    Record {
        recorder: Id,
        target: Target,
        recording: Box<Recording>,
    },
    Recorder {
        recorder: Id,
        target: Target,
        act: Act,
    },
    /// Digits to send to a leg, and how they sound where its peer knows no events.
    Digits {
        leg: Id,
        digits: Box<str>,
        on_ms: u32,
        off_ms: u32,
        sound: Plan,
    },
    /// The engine ends.
    Stop,
}

/// What can be asked of a player or recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ends it.
    Stop,
    /// Holds it.
    Pause,
    /// Goes on.
    Resume,
    /// Goes forward so many milliseconds, or back; nothing to a recorder.
    Seek(i64),
}
