//! The two queues of a thread: commands in, events out. Each is locked for as long as it takes to swap a vector.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::command::Command;
use super::leg::Leg;
use super::sys::Bell;
use super::{Event, Id};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Poisoned only by a panic between two assignments that cannot panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What came of a leg that was to move here.
pub(super) enum Arrival {
    /// It is here. Boxed: it moves as a pointer, from its slot there to its slot here.
    Leg(Box<Leg>),
    /// It does not come: it is no more, or the thread it was on has ended.
    None(Id),
}

/// The way of a leg from one thread to another. However it is lost on the way, the other thread is told: it waits.
pub(super) struct Passage {
    leg: Id,
    inboxes: Arc<[Inbox]>,
    to: usize,
    taken: bool,
}

impl Passage {
    pub(super) fn new(leg: Id, inboxes: &Arc<[Inbox]>, to: usize) -> Self {
        Self { leg, inboxes: Arc::clone(inboxes), to, taken: false }
    }

    /// Lets the leg go over.
    pub(super) fn take(mut self, leg: Box<Leg>) {
        self.taken = true;
        self.inboxes[self.to].arrive(Arrival::Leg(leg));
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.taken {
            self.inboxes[self.to].arrive(Arrival::None(self.leg));
        }
    }
}

/// Commands for one thread, and legs that move to it.
pub(super) struct Inbox {
    commands: Mutex<Vec<Command>>,
    arrivals: Mutex<Vec<Arrival>>,
    pub(super) bell: Bell,
    ended: AtomicBool,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        let bell = Bell::new()?;
        Ok(Self { commands: Mutex::default(), arrivals: Mutex::default(), bell, ended: AtomicBool::new(false) })
    }

    /// Gives a command; rings only if the thread has not been rung for an earlier one.
    pub(super) fn give(&self, command: Command) {
        let first = {
            let mut commands = lock(&self.commands);
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            commands.push(command);
            commands.len() == 1
        };
        if first {
            self.bell.ring();
        }
    }

    /// Commands that wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.commands).len()
    }

    pub(super) fn take(&self, into: &mut Vec<Command>) {
        std::mem::swap(&mut *lock(&self.commands), into);
    }

    fn arrive(&self, arrival: Arrival) {
        {
            let mut arrivals = lock(&self.arrivals);
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            arrivals.push(arrival);
        }
        self.bell.ring();
    }

    pub(super) fn arrived(&self) -> Vec<Arrival> {
        std::mem::take(&mut lock(&self.arrivals))
    }

    /// The thread has ended: whatever waits is dropped, and with it the ports of legs among it.
    pub(super) fn end(&self) {
        let commands = {
            let mut commands = lock(&self.commands);
            self.ended.store(true, Ordering::Release);
            std::mem::take(&mut *commands)
        };
        drop(commands);
        drop(self.arrived());
    }

    pub(super) fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Events of all threads for the one who listens.
pub(super) struct Outbox {
    events: Mutex<Vec<Event>>,
    pub(super) bell: Bell,
    limit: usize,
    left_out: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> io::Result<Arc<Self>> {
        let bell = Bell::new()?;
        Ok(Arc::new(Self {
            events: Mutex::default(),
            bell,
            limit,
            left_out: AtomicU64::new(0),
            failure: Mutex::default(),
        }))
    }

    pub(super) fn tell(&self, event: Event) {
        // A beep of the engine's own; nobody waits for it.
        if matches!(event, Event::Played { player: 0, .. }) {
            return;
        }
        let first = {
            let mut events = lock(&self.events);
            if events.len() >= self.limit && !event.must_arrive() {
                self.left_out.fetch_add(1, Ordering::Relaxed);
                return;
            }
            events.push(event);
            events.len() == 1
        };
        if first {
            self.bell.ring();
        }
    }

    pub(super) fn take(&self) -> Vec<Event> {
        let mut events = lock(&self.events);
        self.bell.silence();
        std::mem::take(&mut *events)
    }

    /// A thread has ended that was not asked to.
    pub(super) fn fail(&self, why: &str) {
        lock(&self.failure).get_or_insert_with(|| why.to_owned());
        self.bell.ring();
    }

    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.failure).clone()
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}
