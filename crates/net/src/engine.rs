//! The engine: one thread, one epoll loop, one core.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use cordboard_sip::directory::Proof;
use cordboard_sip::endpoint::{Event, Fault};
use cordboard_sip::{Flow, Time, Transmit, Transport};
use mio::{Events, Poll, Token};

use crate::capture::{Capture, unix_micros};
use crate::clock::{Clock, unix_seconds};
use crate::config::{Config, Listen, StartError};
use crate::core::Core;
use crate::guard::Guard;
use crate::handle::Handle;
use crate::ids::StrongIds;
use crate::journal::Journal;
use crate::routes::{AddressBook, LocalRoutes};
use crate::shared::{Order, Pressure, Shared};
use crate::sys;
use crate::tcp::{Gone, Tcp};
use crate::tls::{self, TlsError};
use crate::udp::{self, UdpBuffers, UdpSocket};

const WAKER: Token = Token(0);
const FIRST_UDP: usize = 1;
/// Tokens of UDP sockets end and those of TCP begin here.
const FIRST_TCP: usize = 1 << 16;

/// Orders executed in one turn.
const ORDERS_PER_TURN: usize = 512;
/// Times the core may answer to failures within one turn.
const ROUNDS_PER_TURN: usize = 4;
/// How often the core's counters are read, in microseconds.
const PUBLISH_MICROS: u64 = 50_000;
/// The load is measured over this long, in microseconds.
const LOAD_WINDOW_MICROS: u64 = 10_000;
/// Messages within a window from which it pays to let them gather.
const LOAD_THRESHOLD: usize = 30;
/// How long connections may take what is left for them at the end.
const CLOSING: Duration = Duration::from_secs(1);

/// The way to a running engine.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Opens the sockets and the journal. Nothing is received before [`Bound::start`].
    ///
    /// # Errors
    /// If an address cannot be bound or the journal not be read.
    pub fn bind(config: Config) -> Result<Bound, StartError> {
        let system = |what| move |source| StartError::System { what, source };
        let poll = Poll::new().map_err(system("create an epoll"))?;
        let waker = mio::Waker::new(poll.registry(), WAKER).map_err(system("create a waker"))?;
        let event_fd = sys::event_fd().map_err(system("create an eventfd"))?;
        let clock = Clock::start();
        let mut sockets = Vec::new();
        let store = Arc::new(tls::Store::default());
        if let Some(tls) = &config.tls {
            store.set(tls::Context::load(tls).map_err(StartError::Tls)?);
        }
        let mut tcp = Tcp::new(config.tcp.clone(), Arc::clone(&store), Token(FIRST_TCP));
        let mut listening = Vec::new();
        let mut granted = None;
        for listen in &config.listen {
            let refused = |source| StartError::Bind { listen: *listen, source };
            let address = match listen.transport {
                Transport::Udp => {
                    let token = Token(FIRST_UDP + sockets.len());
                    let (mut socket, size) = UdpSocket::bind(listen.address, token, &config.udp).map_err(refused)?;
                    socket.register(poll.registry()).map_err(refused)?;
                    granted = Some(granted.map_or(size, |least: usize| least.min(size)));
                    let address = socket.local();
                    sockets.push(socket);
                    address
                }
                Transport::Tls if config.tls.is_none() => {
                    return Err(StartError::Tls(TlsError::Missing { what: "a certificate and its key" }));
                }
                Transport::Tcp | Transport::Tls => {
                    tcp.listen(listen.transport, listen.address, poll.registry()).map_err(refused)?
                }
                Transport::Ws | Transport::Wss => {
                    return Err(StartError::Unsupported { listen: *listen });
                }
            };
            listening.push(Listen { transport: listen.transport, address });
        }
        let (mut journal, mut contents, mut damaged) = (None, Vec::new(), 0);
        if let Some(path) = &config.journal {
            let failed = |source| StartError::Journal { path: path.clone(), source };
            let loaded = Journal::open(path, config.journal_rewrite).map_err(failed)?;
            (journal, contents, damaged) = (Some(loaded.journal), loaded.contents, loaded.damaged);
        }
        let book = Arc::new(AddressBook::new(listening.clone(), config.advertise.clone()));
        let shared = SharedParts { event_fd, waker };
        let counts = Counts { granted: granted.unwrap_or(0) as u64, damaged };
        Ok(Bound { config, clock, poll, sockets, tcp, listening, journal, contents, book, shared, counts, store })
    }

    /// [`Engine::bind`] and [`Bound::start`] in one, for a core that needs to know nothing.
    ///
    /// # Errors
    /// If an address cannot be bound, the journal not be read or the thread not be started.
    pub fn start<C: Core>(config: Config, core: C) -> Result<Handle<C>, StartError> {
        Self::bind(config)?.start(core)
    }
}

#[derive(Debug)]
struct SharedParts {
    event_fd: std::fs::File,
    waker: mio::Waker,
}

#[derive(Debug)]
struct Counts {
    granted: u64,
    damaged: u64,
}

/// Open sockets and an open journal, waiting for a core.
pub struct Bound {
    config: Config,
    clock: Clock,
    poll: Poll,
    sockets: Vec<UdpSocket>,
    tcp: Tcp,
    listening: Vec<Listen>,
    journal: Option<Journal>,
    contents: Vec<u8>,
    book: Arc<AddressBook>,
    shared: SharedParts,
    counts: Counts,
    store: Arc<tls::Store>,
}

impl Bound {
    /// The addresses in use, with the ports the system chose.
    #[must_use]
    pub fn listening(&self) -> &[Listen] {
        &self.listening
    }

    /// Routes over the bound addresses, for the core.
    #[must_use]
    pub fn routes(&self) -> LocalRoutes {
        LocalRoutes::new(Arc::clone(&self.book), self.clock)
    }

    /// Identifiers nobody can guess, for the core.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn ids(&self) -> Result<StrongIds, StartError> {
        StrongIds::new().map_err(|source| StartError::System { what: "read random bytes", source })
    }

    /// The clock the engine will run by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What the journal held: all bytes the core ever gave, or a snapshot and all bytes since.
    #[must_use]
    pub fn journal(&self) -> &[u8] {
        &self.contents
    }

    /// Runs `core` on a thread of its own.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start<C: Core>(self, core: C) -> Result<Handle<C>, StartError> {
        let Self { config, clock, poll, sockets, tcp, listening, journal, book, shared, counts, store, .. } = self;
        let shared = Arc::new(Shared::new(shared.event_fd, shared.waker, config.command_limit, config.event_limit));
        shared.counters.udp_receive_buffer.set(counts.granted);
        shared.counters.journal_damaged.set(counts.damaged);
        // So that what the core counted while it was made can be read at once.
        shared.publish_core_counters(|out| core.counters(out));
        let capture = Arc::new(Capture::default());
        let engine = EngineThread {
            core,
            clock,
            poll,
            buffers: UdpBuffers::new(&config.udp),
            sockets,
            tcp,
            guard: Guard::new(config.guard, clock.now(), unix_seconds()),
            capture: Arc::clone(&capture),
            proofs: Vec::new(),
            book,
            journal,
            shared: Arc::clone(&shared),
            gather: config.gather,
            orders: VecDeque::new(),
            order_batch: Vec::new(),
            transmits: Vec::new(),
            events: Vec::new(),
            journal_bytes: Vec::new(),
            unreachable: Vec::new(),
            gone: Vec::new(),
            overloaded: false,
            paused: false,
            again: true,
            stopping: false,
            published: Time(0),
            unpublished: true,
            load: Load::default(),
        };
        let thread = std::thread::Builder::new()
            .name("sip-engine".into())
            .spawn(move || engine.main())
            .map_err(|source| StartError::System { what: "start the engine thread", source })?;
        Ok(Handle::new(shared, thread, listening, store, capture))
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("listening", &self.listening).finish_non_exhaustive()
    }
}

/// How many messages come, to know when it pays to let them gather.
#[derive(Debug, Default)]
struct Load {
    since: Time,
    messages: usize,
    high: bool,
}

impl Load {
    fn count(&mut self, messages: usize, now: Time) {
        self.messages += messages;
        let window = now.0.saturating_sub(self.since.0);
        if window >= LOAD_WINDOW_MICROS {
            let per_window = self.messages as u64 * LOAD_WINDOW_MICROS / window;
            self.high = per_window >= LOAD_THRESHOLD as u64;
            (self.messages, self.since) = (0, now);
        }
    }
}

struct EngineThread<C: Core> {
    core: C,
    clock: Clock,
    poll: Poll,
    buffers: UdpBuffers,
    sockets: Vec<UdpSocket>,
    tcp: Tcp,
    guard: Guard,
    capture: Arc<Capture>,
    proofs: Vec<Proof>,
    book: Arc<AddressBook>,
    journal: Option<Journal>,
    shared: Arc<Shared<C::Control>>,
    gather: Duration,
    /// Taken from the handle and not yet executed.
    orders: VecDeque<Order<C::Control>>,
    order_batch: Vec<Order<C::Control>>,
    transmits: Vec<Transmit>,
    events: Vec<Event>,
    journal_bytes: Vec<u8>,
    /// UDP destinations that failed in this turn.
    unreachable: Vec<SocketAddr>,
    /// Connections that ended in this turn.
    gone: Vec<Gone>,
    overloaded: bool,
    /// The user is so far behind that nothing is read.
    paused: bool,
    /// Work is left that no descriptor will announce.
    again: bool,
    stopping: bool,
    published: Time,
    /// The core has done something since.
    unpublished: bool,
    load: Load,
}

impl<C: Core> EngineThread<C> {
    /// The whole life of the thread. A panic of the core ends the engine, not silently: the handle
    /// tells it and the eventfd wakes the user.
    fn main(mut self) {
        let shared = Arc::clone(&self.shared);
        let failure = match catch_unwind(AssertUnwindSafe(|| self.run())) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic_words(panic.as_ref())),
        };
        // The journal's own end may wait for the disk; sockets close with it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self)));
        shared.end(failure);
    }

    fn run(&mut self) -> io::Result<()> {
        let mut ready = Events::with_capacity(1_024);
        loop {
            self.wait(&mut ready)?;
            let now = self.clock.now();
            self.note(&ready);
            self.turn(now);
            if self.stopping && self.orders.is_empty() {
                return self.close();
            }
        }
    }

    /// Waits for something to do, not at all if there is something already.
    fn wait(&mut self, ready: &mut Events) -> io::Result<()> {
        let may_sleep = self.shared.may_sleep();
        let reads_wait =
            !self.paused && (self.sockets.iter().any(|s| s.readable) || self.tcp.has_work(self.clock.now()));
        let idle = may_sleep && !reads_wait && !self.again && self.orders.is_empty();
        let timeout = if !idle {
            Some(Duration::ZERO)
        } else if self.load.high && !self.gather.is_zero() && !self.paused {
            // Under load more is about to come: look again in a moment and find a batch. Nobody need wake us for that.
            self.shared.awake();
            std::thread::sleep(self.gather);
            Some(Duration::ZERO)
        } else {
            self.next_deadline().map(|deadline| deadline.since(self.clock.now()))
        };
        let result = self.poll.poll(ready, timeout);
        self.shared.awake();
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        let published = self.unpublished.then_some(Time(self.published.0 + PUBLISH_MICROS));
        let rewriting = self.journal.as_ref().is_some_and(Journal::is_rewriting);
        let rewriting = rewriting.then(|| self.clock.now().after(Duration::from_millis(20)));
        let retries = self.sockets.iter().filter_map(UdpSocket::retry_at);
        let deadlines = [self.core.next_timeout(), self.tcp.next_deadline(), published, rewriting];
        deadlines.into_iter().flatten().chain(retries).min()
    }

    fn note(&mut self, ready: &Events) {
        for event in ready {
            let Token(token) = event.token();
            if token >= FIRST_TCP {
                self.tcp.note(event);
            } else if let Some(socket) = token.checked_sub(FIRST_UDP).and_then(|n| self.sockets.get_mut(n)) {
                socket.readable |= event.is_readable() || event.is_error();
                socket.errors |= event.is_error();
                if event.is_writable() {
                    socket.unblock(self.poll.registry());
                }
            }
        }
    }

    /// A bounded amount of everything.
    fn turn(&mut self, now: Time) {
        self.again = false;
        self.shared.counters.turns.one();
        self.execute_orders(now);
        let received = if self.paused { 0 } else { self.receive(now) };
        self.load.count(received, now);
        self.unpublished |= received > 0;
        for socket in &mut self.sockets {
            if socket.errors {
                socket.read_errors(&self.shared.counters, &mut self.unreachable);
            }
        }
        self.tcp.expire(now, &self.shared.counters, &mut self.gone);
        if self.core.next_timeout().is_some_and(|due| due <= now) {
            self.core.handle_timeouts(now);
            self.unpublished = true;
        }
        self.judge(now);
        self.deliver(now);
        self.weigh();
        self.publish(now);
    }

    fn execute_orders(&mut self, now: Time) {
        if self.orders.is_empty() {
            self.stopping |= self.shared.take_orders(&mut self.order_batch);
            self.orders.extend(self.order_batch.drain(..));
        }
        let count = self.orders.len().min(ORDERS_PER_TURN);
        for order in self.orders.drain(..count) {
            match order {
                Order::Command(command) => self.core.command(command, now),
                Order::Control(control) => self.core.control(control, now),
                Order::Unban(address) => self.guard.clear(address),
            }
        }
        self.shared.counters.commands.add(count as u64);
        self.unpublished |= count > 0;
    }

    fn receive(&mut self, now: Time) -> usize {
        let counters = &self.shared.counters;
        let core = &mut self.core;
        let guard = &mut self.guard;
        // The clock is read once a batch, here and in `send`.
        let capture = self.capture.is_wanted().then(|| (&self.capture, unix_micros()));
        let mut pass = |data: &[u8], flow: Flow| {
            if guard.admits(&flow, now, counters) {
                if let Some((capture, at)) = capture {
                    capture.note(at, false, flow, data);
                }
                core.receive(data, flow, now);
            }
        };
        let mut received = 0;
        for socket in &mut self.sockets {
            if socket.readable {
                received += socket.receive(&mut self.buffers, counters, &mut pass);
            }
        }
        received += self.tcp.receive(now, counters, &mut self.gone, &mut pass);
        let refuses = |remote| guard.refuses(remote, now, counters);
        self.tcp.accept_all(now, self.poll.registry(), counters, refuses);
        received
    }

    /// Puts on file, on the wire and before the user what the core has to say.
    fn deliver(&mut self, now: Time) {
        for _ in 0..ROUNDS_PER_TURN {
            self.write_journal();
            self.send(now);
            if self.unreachable.is_empty() && self.gone.is_empty() {
                break;
            }
            self.report_failures(now);
            self.again = true;
        }
        self.core.take_events(&mut self.events);
        self.shared.counters.events.add(self.events.len() as u64);
        self.shared.put_events(&mut self.events);
    }

    fn write_journal(&mut self) {
        self.core.take_journal(&mut self.journal_bytes);
        if let Some(journal) = &mut self.journal {
            if !self.journal_bytes.is_empty() {
                journal.append(&self.journal_bytes, &self.shared.counters);
            }
            if journal.is_rewriting() {
                journal.poll(&self.shared.counters);
            } else if journal.wants_rewrite() {
                journal.rewrite(self.core.snapshot_journal());
            }
        }
        self.journal_bytes.clear();
    }

    fn send(&mut self, now: Time) {
        let counters = &self.shared.counters;
        self.core.take_transmits(&mut self.transmits);
        let captured = !self.transmits.is_empty() && self.capture.is_wanted();
        let capture = captured.then(|| (&self.capture, unix_micros()));
        for mut transmit in self.transmits.drain(..) {
            transmit.flow.local = self.book.bound(transmit.flow.local);
            if let Some((capture, at)) = capture {
                capture.note(at, true, transmit.flow, &transmit.bytes);
            }
            if transmit.flow.transport == Transport::Udp {
                match udp::choose(&self.sockets, transmit.flow.local, transmit.flow.remote) {
                    Some(index) => self.sockets[index].push(transmit, counters),
                    None => {
                        counters.udp_no_socket.one();
                        self.unreachable.push(transmit.flow.remote);
                    }
                }
            } else {
                self.tcp.send(transmit, now, self.poll.registry(), counters, &mut self.gone);
            }
        }
        for socket in &mut self.sockets {
            if socket.is_waiting_to_send() {
                socket.flush(&mut self.buffers, self.poll.registry(), counters, now, &mut self.unreachable);
            }
        }
        self.tcp.flush(now, counters, &mut self.gone);
    }

    /// Hears who has proved himself and tells who is banned.
    fn judge(&mut self, now: Time) {
        self.core.take_proofs(&mut self.proofs);
        if !self.proofs.is_empty() {
            let unix = unix_seconds();
            for proof in self.proofs.drain(..) {
                self.guard.note(&proof, now, unix, &self.shared.counters);
            }
        }
        if let Some(bans) = self.guard.changes() {
            self.shared.put_bans(bans);
        }
    }

    fn report_failures(&mut self, now: Time) {
        self.unpublished = true;
        self.unreachable.sort_unstable();
        self.unreachable.dedup();
        for remote in self.unreachable.drain(..) {
            self.core.transport_failed(Transport::Udp, remote, 0, Fault::Unreachable, now);
        }
        for Gone { transport, remote, connection, fault } in self.gone.drain(..) {
            self.core.transport_failed(transport, remote, connection, fault, now);
        }
    }

    /// Compares what the user has not taken with the limit.
    fn weigh(&mut self) {
        let pressure = self.shared.pressure(self.overloaded);
        self.paused = pressure == Pressure::Extreme;
        match pressure {
            Pressure::High | Pressure::Extreme if !self.overloaded => {
                self.shared.counters.overloads.one();
                self.overloaded = true;
                self.core.set_overloaded(true);
            }
            Pressure::Low if self.overloaded => {
                self.overloaded = false;
                self.core.set_overloaded(false);
            }
            _ => {}
        }
    }

    /// Publishes the core's counters if they may have changed, but not at every turn.
    fn publish(&mut self, now: Time) {
        if !self.unpublished || now.0 < self.published.0 + PUBLISH_MICROS {
            return;
        }
        self.unpublished = false;
        self.shared.publish_core_counters(|out| self.core.counters(out));
        self.published = now;
    }

    /// Sends what is left, for a second at most.
    fn close(&mut self) -> io::Result<()> {
        let deadline = self.clock.now().after(CLOSING);
        let mut ready = Events::with_capacity(1_024);
        self.tcp.stop_listening();
        loop {
            let now = self.clock.now();
            let waiting = self.sockets.iter().any(UdpSocket::is_waiting_to_send) || self.tcp.is_waiting_to_send();
            if !waiting || now >= deadline {
                break;
            }
            let retry = self.sockets.iter().filter_map(UdpSocket::retry_at).min();
            let until = retry.map_or(deadline, |at| at.min(deadline));
            match self.poll.poll(&mut ready, Some(until.since(now))) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.note(&ready);
            self.send(self.clock.now());
        }
        self.tcp.farewell();
        self.write_journal();
        self.core.take_events(&mut self.events);
        self.shared.put_events(&mut self.events);
        self.shared.publish_core_counters(|out| self.core.counters(out));
        Ok(())
    }
}

fn panic_words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic in the SIP engine: {}", words.unwrap_or("no words"))
}
