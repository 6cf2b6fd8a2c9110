//! What the engine thread and its handle share: commands one way, events the other.

use std::fs::File;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cordboard_sip::endpoint::{Command, Event};

use crate::counters::Counters;
use crate::guard::Ban;

/// One thing for the core to do, in the order given.
#[expect(clippy::large_enum_variant, reason = "moved in batches; a box would cost an allocation per command")]
pub(crate) enum Order<T> {
    Command(Command),
    Control(T),
    /// Ends the ban of an address, or every ban.
    Unban(Option<IpAddr>),
}

struct Inbox<T> {
    orders: Vec<Order<T>>,
    stop: bool,
}

struct Outbox {
    events: Vec<Event>,
    /// Whether the eventfd is readable.
    signalled: bool,
    /// Whether the engine waits to hear that the queue went down.
    watched: bool,
    /// Why the engine ended, if it was not asked to.
    failure: Option<String>,
    ended: bool,
}

/// Both queues and the two descriptors that wake their readers.
///
/// The eventfd is written under the lock of the queue it speaks of, and only if it is not readable
/// already; it is read under the same lock. So it is readable exactly while events wait.
pub(crate) struct Shared<T> {
    inbox: Mutex<Inbox<T>>,
    outbox: Mutex<Outbox>,
    event_fd: File,
    waker: mio::Waker,
    /// Whether the engine is in, or about to enter, a wait that only the waker ends.
    sleeping: AtomicBool,
    /// Events were taken while the engine watched the queue.
    drained: AtomicBool,
    pub(crate) counters: Counters,
    core_counters: Mutex<Vec<(&'static str, u64)>>,
    pub(crate) bans: Mutex<Vec<Ban>>,
    order_limit: usize,
    event_limit: usize,
}

/// How full the event queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressure {
    /// At or below half the limit.
    Low,
    /// Between half the limit and the limit.
    Middle,
    /// Above the limit.
    High,
    /// Above four times the limit.
    Extreme,
}

/// A mutex is poisoned only by a panic of the other side; what it guards here stays whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Shared<T> {
    pub(crate) fn new(event_fd: File, waker: mio::Waker, order_limit: usize, event_limit: usize) -> Self {
        Self {
            inbox: Mutex::new(Inbox { orders: Vec::new(), stop: false }),
            outbox: Mutex::new(Outbox {
                events: Vec::new(),
                signalled: false,
                watched: false,
                failure: None,
                ended: false,
            }),
            event_fd,
            waker,
            sleeping: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            counters: Counters::default(),
            core_counters: Mutex::new(Vec::new()),
            bans: Mutex::new(Vec::new()),
            order_limit,
            event_limit,
        }
    }

    pub(crate) fn event_fd(&self) -> &File {
        &self.event_fd
    }

    // The handle's side.

    /// Moves `orders` to the engine; refuses, and moves nothing, if too many wait there.
    pub(crate) fn give(&self, orders: &mut Vec<Order<T>>) -> bool {
        {
            let mut inbox = lock(&self.inbox);
            if inbox.orders.len() + orders.len() > self.order_limit && !inbox.orders.is_empty() {
                return false;
            }
            if inbox.orders.is_empty() {
                std::mem::swap(&mut inbox.orders, orders);
            } else {
                inbox.orders.append(orders);
            }
        }
        self.wake();
        true
    }

    pub(crate) fn stop(&self) {
        lock(&self.inbox).stop = true;
        self.wake();
    }

    pub(crate) fn take_events(&self) -> Vec<Event> {
        let (events, watched) = {
            let mut outbox = lock(&self.outbox);
            if outbox.signalled && !outbox.ended {
                // Cannot block; the descriptor is readable because `signalled` says so.
                let _ = (&self.event_fd).read(&mut [0; 8]);
                outbox.signalled = false;
            }
            (std::mem::take(&mut outbox.events), std::mem::take(&mut outbox.watched))
        };
        if watched {
            self.drained.store(true, Ordering::SeqCst);
            self.wake();
        }
        events
    }

    /// Whether the engine has ended and, if not by request, why.
    pub(crate) fn ended(&self) -> (bool, Option<String>) {
        let outbox = lock(&self.outbox);
        (outbox.ended, outbox.failure.clone())
    }

    pub(crate) fn core_counters(&self) -> Vec<(&'static str, u64)> {
        lock(&self.core_counters).clone()
    }

    fn wake(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
            // Fails only when the engine and its poll are gone, and then there is nobody to wake.
            let _ = self.waker.wake();
        }
    }

    // The engine's side.

    /// To be called before a wait: from here on new orders, and events taken, wake the engine.
    /// False if there are some already.
    pub(crate) fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        let drained = self.drained.swap(false, Ordering::SeqCst);
        let inbox = lock(&self.inbox);
        inbox.orders.is_empty() && !inbox.stop && !drained
    }

    pub(crate) fn awake(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    /// Swaps the waiting orders into `orders`, which must be empty. Whether to stop afterwards.
    pub(crate) fn take_orders(&self, orders: &mut Vec<Order<T>>) -> bool {
        let mut inbox = lock(&self.inbox);
        std::mem::swap(&mut inbox.orders, orders);
        inbox.stop
    }

    /// Queues `events` and signals them once.
    pub(crate) fn put_events(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut outbox = lock(&self.outbox);
        if outbox.events.is_empty() {
            std::mem::swap(&mut outbox.events, events);
        } else {
            outbox.events.append(events);
        }
        self.signal(&mut outbox);
    }

    /// How full the event queue is. While it is not low, taking events wakes the engine.
    pub(crate) fn pressure(&self, was_high: bool) -> Pressure {
        let mut outbox = lock(&self.outbox);
        let waiting = outbox.events.len();
        let pressure = if waiting > self.event_limit.saturating_mul(4) {
            Pressure::Extreme
        } else if waiting > self.event_limit {
            Pressure::High
        } else if waiting > self.event_limit / 2 {
            Pressure::Middle
        } else {
            Pressure::Low
        };
        outbox.watched = pressure != Pressure::Low && (was_high || pressure != Pressure::Middle);
        pressure
    }

    /// Marks the end of the engine; the eventfd stays readable, so that the user looks.
    pub(crate) fn end(&self, failure: Option<String>) {
        let mut outbox = lock(&self.outbox);
        outbox.ended = true;
        outbox.failure = failure;
        self.signal(&mut outbox);
    }

    pub(crate) fn put_bans(&self, bans: Vec<Ban>) {
        *lock(&self.bans) = bans;
    }

    pub(crate) fn publish_core_counters(&self, read: impl FnOnce(&mut Vec<(&'static str, u64)>)) {
        let mut published = lock(&self.core_counters);
        published.clear();
        read(&mut published);
    }

    fn signal(&self, outbox: &mut Outbox) {
        if !outbox.signalled {
            // Cannot block: the counter of an eventfd that was read is 0.
            let _ = (&self.event_fd).write(&1_u64.to_ne_bytes());
            outbox.signalled = true;
        }
    }
}
