//! Copies of all messages to a collector elsewhere, by a thread of its own.
//!
//! A message waits for a quarter of a second before it is sent: by then the switch has said which
//! call its Call-ID belongs to, so that all legs of a call and its events carry the same name.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cordboard_sip::{Flow, Transport};
use rustc_hash::FxHashMap;

use super::hep::{self, Packet};
use super::ring::call_id;
use super::{CaptureCounters, lock};

/// How long a message waits for the name of its call.
const WAIT: Duration = Duration::from_millis(250);
/// Messages and events that may wait.
const QUEUE_LIMIT: usize = 50_000;
/// Bytes of them.
const QUEUE_BYTES: usize = 32 << 20;
/// Packets sent between two looks at the queue.
const BATCH: usize = 64;
/// Call-IDs known in each of two generations.
const GENERATION: usize = 20_000;

/// Where a collector is and what it is told.
#[derive(Clone, Debug)]
pub struct CollectorConfig {
    /// Its address; it is sent datagrams.
    pub address: SocketAddr,
    /// Our number there.
    pub agent: u32,
    /// What it wants to hear; empty for nothing.
    pub password: String,
}

#[derive(Debug)]
pub(super) enum Item {
    Sip { at: u64, outgoing: bool, flow: Flow, data: Box<[u8]> },
    Json { kind: u8, call: Box<str>, at: u64, source: SocketAddr, target: SocketAddr, json: Box<[u8]> },
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Sip { data, .. } => data.len(),
            Self::Json { json, .. } => json.len(),
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<(Instant, Item)>,
    bytes: usize,
    closing: bool,
}

/// From Call-ID to the name of its call. The older half is forgotten when the newer one is full.
#[derive(Debug, Default)]
struct Names {
    newer: FxHashMap<Box<str>, Arc<str>>,
    older: FxHashMap<Box<str>, Arc<str>>,
}

impl Names {
    fn set(&mut self, call_id: &str, call: &str) {
        if self.newer.len() >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(call_id.into(), call.into());
    }

    fn get(&self, call_id: &str) -> Option<Arc<str>> {
        self.newer.get(call_id).or_else(|| self.older.get(call_id)).cloned()
    }
}

#[derive(Debug, Default)]
struct Common {
    queue: Mutex<Queue>,
    filled: Condvar,
    names: Mutex<Names>,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Collector {
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    pub(super) fn start(config: CollectorConfig) -> std::io::Result<Self> {
        let any: SocketAddr = match config.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(config.address)?;
        let common = Arc::new(Common::default());
        let sender = Sender { common: Arc::clone(&common), config, socket, packet: Vec::new() };
        let thread = std::thread::Builder::new().name("hep".into()).spawn(move || sender.run())?;
        Ok(Self { common, thread: Some(thread) })
    }

    pub(super) fn correlate(&self, call_id: &str, call: &str) {
        lock(&self.common.names).set(call_id, call);
    }

    /// Queues; never waits.
    pub(super) fn put(&self, item: Item) {
        let size = item.len();
        let mut queue = lock(&self.common.queue);
        if queue.items.len() >= QUEUE_LIMIT || queue.bytes + size > QUEUE_BYTES {
            self.common.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.bytes += size;
        queue.items.push_back((Instant::now(), item));
        if queue.items.len() == 1 {
            self.common.filled.notify_one();
        }
    }

    pub(super) fn counters(&self) -> CaptureCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let common = &self.common;
        CaptureCounters { sent: read(&common.sent), dropped: read(&common.dropped), failed: read(&common.failed) }
    }
}

impl Drop for Collector {
    /// Sends what waits and ends the thread.
    fn drop(&mut self) {
        lock(&self.common.queue).closing = true;
        self.common.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say beyond its counters.
            let _ = thread.join();
        }
    }
}

struct Sender {
    common: Arc<Common>,
    config: CollectorConfig,
    socket: UdpSocket,
    packet: Vec<u8>,
}

impl Sender {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.next(&mut batch) {
            for item in batch.drain(..) {
                self.send(&item);
            }
        }
    }

    /// Waits for what is due. False when all is sent and no more will come.
    fn next(&self, batch: &mut Vec<Item>) -> bool {
        let mut queue = lock(&self.common.queue);
        loop {
            let now = Instant::now();
            let wait = match queue.items.front() {
                None if queue.closing => return false,
                None => None,
                Some(_) if queue.closing => Some(Duration::ZERO),
                Some((since, _)) => Some((*since + WAIT).saturating_duration_since(now)),
            };
            match wait {
                None => queue = self.common.filled.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(wait) => {
                    queue = self.common.filled.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        let now = Instant::now();
        while batch.len() < BATCH
            && let Some((since, _)) = queue.items.front()
            && (queue.closing || *since + WAIT <= now)
            && let Some((_, item)) = queue.items.pop_front()
        {
            queue.bytes -= item.len();
            batch.push(item);
        }
        true
    }

    fn send(&mut self, item: &Item) {
        self.packet.clear();
        let (agent, password) = (self.config.agent, self.config.password.as_str());
        let written = match item {
            Item::Sip { at, outgoing, flow, data } => {
                let call_id = call_id(data).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or("");
                let call = lock(&self.common.names).get(call_id);
                let (source, target) = if *outgoing { (flow.local, flow.remote) } else { (flow.remote, flow.local) };
                Packet {
                    kind: hep::SIP,
                    transport: flow.transport,
                    source,
                    target,
                    at: *at,
                    agent,
                    password,
                    correlation: call.as_deref().unwrap_or(call_id),
                    payload: data,
                }
                .write(&mut self.packet)
            }
            Item::Json { kind, call, at, source, target, json } => Packet {
                kind: *kind,
                transport: Transport::Udp,
                source: *source,
                target: *target,
                at: *at,
                agent,
                password,
                correlation: call,
                payload: json,
            }
            .write(&mut self.packet),
        };
        let counter = match written {
            false => &self.common.dropped,
            true if self.socket.send(&self.packet).is_ok() => &self.common.sent,
            true => &self.common.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
