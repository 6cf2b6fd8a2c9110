//! What goes over the wire, for whoever looks into calls: a bounded ring of the latest messages, and
//! a collector elsewhere that is sent copies (HEPv3).
//!
//! ```text
//!   received, to be sent --> Capture --> Ring        read when a call is traced
//!                               '------> Collector   queue -> thread -> UDP, after a short wait
//! ```
//!
//! While neither is wanted a message costs one look at a flag. Neither ever makes the engine wait:
//! the ring forgets the oldest, the collector's queue drops what is too much and counts it.

mod collector;
pub mod hep;
mod ring;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cordboard_sip::Flow;

pub use self::collector::CollectorConfig;
use self::collector::{Collector, Item};
use self::ring::{Ring, is_registration};

/// A message as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Counts up from 1 in the order of the wire, within one run.
    pub number: u64,
    /// Unix time in microseconds.
    pub at: u64,
    /// Whether we sent it.
    pub outgoing: bool,
    /// Between which addresses.
    pub flow: Flow,
    /// The message, decrypted.
    pub data: Box<[u8]>,
}

/// See the module. Shared by the engine, which notes messages, and its handle, which reads them.
#[derive(Debug, Default)]
pub struct Capture {
    /// Whether the ring is on.
    kept: AtomicBool,
    /// Whether there is a collector.
    collected: AtomicBool,
    ring: Mutex<Ring>,
    collector: Mutex<Option<Collector>>,
}

/// What was captured since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounters {
    /// Packets sent to the collector.
    pub sent: u64,
    /// Messages and events dropped: the queue was full, or one was longer than a datagram.
    pub dropped: u64,
    /// Packets the network would not take, as when nobody listens.
    pub failed: u64,
}

/// A mutex is poisoned only by a panic of the other side; what it guards here stays whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unix time in microseconds, as messages are noted with it.
pub(crate) fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

impl Capture {
    /// Keeps the latest messages, up to so many bytes in all; 0 keeps none and forgets those there
    /// are. Registrations are not kept: they would push the calls out.
    pub fn keep(&self, bytes: usize) {
        lock(&self.ring).set_limit(bytes);
        self.weigh();
    }

    /// Sends copies of all messages to a collector from now on, or to none.
    ///
    /// # Errors
    /// If no socket can be opened or no thread started; nothing has changed then.
    pub fn collect(&self, config: Option<CollectorConfig>) -> std::io::Result<()> {
        let collector = config.map(Collector::start).transpose()?;
        // The old one ends, with all it has to send, outside the lock.
        let old = std::mem::replace(&mut *lock(&self.collector), collector);
        self.weigh();
        drop(old);
        Ok(())
    }

    /// Tells which call a Call-ID belongs to, as the collector is to be told.
    pub fn correlate(&self, call_id: &str, call: &str) {
        if let Some(collector) = &*lock(&self.collector) {
            collector.correlate(call_id, call);
        }
    }

    /// Sends a JSON document about a call to the collector, after the messages noted so far.
    ///
    /// `kind`: HEP's protocol type. `at`: Unix time in microseconds.
    pub fn tell(&self, kind: u8, call: &str, at: u64, addresses: (SocketAddr, SocketAddr), json: &[u8]) {
        if let Some(collector) = &*lock(&self.collector) {
            let (source, target) = addresses;
            collector.put(Item::Json { kind, call: call.into(), at, source, target, json: json.into() });
        }
    }

    /// The messages of these Call-IDs that are still kept, numbered above `after`, in order.
    #[must_use]
    pub fn messages(&self, call_ids: &[String], after: u64) -> Vec<Captured> {
        // Read outside the lock, so that the engine need not wait.
        let pages = lock(&self.ring).after(after);
        ring::of_calls(&pages, call_ids, after)
    }

    /// What the collector was sent.
    #[must_use]
    pub fn counters(&self) -> CaptureCounters {
        lock(&self.collector).as_ref().map_or_else(CaptureCounters::default, Collector::counters)
    }

    /// Bytes kept now, with what keeping them costs.
    #[must_use]
    pub fn held(&self) -> usize {
        lock(&self.ring).held()
    }

    /// Whether anybody wants messages.
    pub(crate) fn is_wanted(&self) -> bool {
        self.kept.load(Ordering::Relaxed) || self.collected.load(Ordering::Relaxed)
    }

    /// Takes a message that came, or is to be sent, at `at` ([`unix_micros`]).
    pub(crate) fn note(&self, at: u64, outgoing: bool, flow: Flow, data: &[u8]) {
        if self.kept.load(Ordering::Relaxed) && !is_registration(data) {
            lock(&self.ring).push(at, outgoing, flow, data);
        }
        if self.collected.load(Ordering::Relaxed)
            && let Some(collector) = &*lock(&self.collector)
        {
            collector.put(Item::Sip { at, outgoing, flow, data: data.into() });
        }
    }

    fn weigh(&self) {
        self.kept.store(lock(&self.ring).is_on(), Ordering::Relaxed);
        self.collected.store(lock(&self.collector).is_some(), Ordering::Relaxed);
    }
}
