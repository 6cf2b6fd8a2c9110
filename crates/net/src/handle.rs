//! How the rest of the program talks to a running engine.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use cordboard_sip::endpoint::{Command, Event};

use crate::capture::Capture;
use crate::clock::unix_seconds;
use crate::config::Listen;
use crate::core::Core;
use crate::guard::Ban;
use crate::shared::{Order, Shared};
use crate::tls::{self, TlsConfig, TlsError};

/// Why the engine did not take a batch of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandleError {
    /// The engine has ended. `failure` says why, if it was not asked to.
    Stopped {
        /// The panic or system error that ended it.
        failure: Option<String>,
    },
    /// As many commands as may are waiting. The batch is kept; flush again later.
    Full,
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { failure: None } => f.write_str("the SIP engine has been closed"),
            Self::Stopped { failure: Some(why) } => write!(f, "the SIP engine has failed: {why}"),
            Self::Full => f.write_str("too many commands wait for the SIP engine"),
        }
    }
}

impl std::error::Error for HandleError {}

/// A running engine. May be shared between threads; dropping it closes the engine.
pub struct Handle<C: Core> {
    shared: Arc<Shared<C::Control>>,
    pending: Mutex<Vec<Order<C::Control>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    listening: Vec<Listen>,
    tls: Arc<tls::Store>,
    capture: Arc<Capture>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Core> Handle<C> {
    pub(crate) fn new(
        shared: Arc<Shared<C::Control>>,
        thread: JoinHandle<()>,
        listening: Vec<Listen>,
        tls: Arc<tls::Store>,
        capture: Arc<Capture>,
    ) -> Self {
        Self { shared, pending: Mutex::default(), thread: Mutex::new(Some(thread)), listening, tls, capture }
    }

    /// Reads certificates anew, in the caller's thread. Connections from now on use them; those
    /// that live go on with the old ones, and sessions are no longer resumed from before.
    ///
    /// # Errors
    /// If any file cannot be used. Nothing has changed then.
    pub fn reload_tls(&self, config: &TlsConfig) -> Result<(), TlsError> {
        match tls::Context::load(config) {
            Ok(context) => {
                self.tls.set(context);
                self.shared.counters.tls_reloads.one();
                Ok(())
            }
            Err(error) => {
                self.shared.counters.tls_reloads_failed.one();
                Err(error)
            }
        }
    }

    /// What goes over the wire, for who wants to see it.
    #[must_use]
    pub fn capture(&self) -> &Capture {
        &self.capture
    }

    /// Keeps a command until the next [`Handle::flush`].
    pub fn command(&self, command: Command) {
        lock(&self.pending).push(Order::Command(command));
    }

    /// Keeps a change of configuration until the next [`Handle::flush`], in order with commands.
    pub fn control(&self, control: C::Control) {
        lock(&self.pending).push(Order::Control(control));
    }

    /// The bans that last, in no order.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        let now = unix_seconds();
        lock(&self.shared.bans).iter().filter(|ban| ban.until > now).copied().collect()
    }

    /// Ends the ban of the source an address belongs to, or every ban; with the next
    /// [`Handle::flush`].
    pub fn unban(&self, address: Option<IpAddr>) {
        lock(&self.pending).push(Order::Unban(address));
    }

    /// Hands over all that was kept, in order, under one lock and with at most one system call.
    ///
    /// # Errors
    /// If the engine has ended, or is too far behind; in the latter case nothing is lost.
    pub fn flush(&self) -> Result<(), HandleError> {
        let mut pending = lock(&self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        if let (true, failure) = self.shared.ended() {
            pending.clear();
            return Err(HandleError::Stopped { failure });
        }
        if self.shared.give(&mut pending) { Ok(()) } else { Err(HandleError::Full) }
    }

    /// Takes all waiting events, in order, and makes the eventfd unreadable. Never blocks.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.shared.take_events()
    }

    /// The eventfd: readable while events wait, and for good once the engine has ended.
    #[must_use]
    pub fn event_fd(&self) -> RawFd {
        self.shared.event_fd().as_raw_fd()
    }

    /// Why the engine ended, if it was not asked to: the words of a panic or a system error.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.ended().1
    }

    /// Whether the engine thread still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.shared.ended().0
    }

    /// The addresses in use, with the ports the system chose.
    #[must_use]
    pub fn listening(&self) -> &[Listen] {
        &self.listening
    }

    /// The driver's counters as they are, and the core's as they were at most 50 ms ago.
    #[must_use]
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let mut counters = self.shared.counters.snapshot();
        counters.extend(self.shared.core_counters());
        let hep = self.capture.counters();
        counters.extend([("hep_sent", hep.sent), ("hep_dropped", hep.dropped), ("hep_failed", hep.failed)]);
        counters.push(("trace_bytes", self.capture.held() as u64));
        counters
    }

    /// Ends the engine: executes what was flushed, sends what that caused, gives connections a
    /// second to take it, writes the journal through and joins the thread. Again: does nothing.
    /// Blocks; events that came before the end can still be taken.
    pub fn close(&self) {
        let _ = self.flush();
        self.shared.stop();
        if let Some(thread) = lock(&self.thread).take() {
            // The thread catches panics of its own and has told them in `failure`.
            let _ = thread.join();
        }
    }
}

impl<C: Core> Drop for Handle<C> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<C: Core> fmt::Debug for Handle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("listening", &self.listening).field("running", &self.is_running()).finish()
    }
}
