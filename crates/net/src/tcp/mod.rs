//! TCP and TLS: connections accepted and opened, bounded in number, size and time (RFC 3261 section 18).

mod connection;
pub mod framing;
mod listener;
mod stream;
mod tls_stream;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use cordboard_sip::endpoint::Fault;
use cordboard_sip::{Flow, Time, Transmit, Transport};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Registry, Token};
use rustc_hash::FxHashMap;
use rustls::pki_types::ServerName;

use self::connection::{Connection, End, Reading, State};
use self::listener::{Accepted, Listener, Sources};
use self::stream::Stream;
use crate::config::TcpConfig;
use crate::counters::Counters;
use crate::tls;

/// Connections accepted from one listener in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Connections read in one turn.
const READS_PER_TURN: usize = 128;
/// Handshakes taken on in one turn: each may cost a millisecond of signing.
const HANDSHAKES_PER_TURN: usize = 16;
const BUFFER: usize = 65_536;
/// Tokens of listeners come first.
const LISTENERS: usize = 1 << 16;
/// Gone connections one new one may stand for.
const STANDS_FOR_LIMIT: usize = 16;

/// A connection that is no more.
pub(crate) struct Gone {
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    /// 0 for one that could not even be begun.
    pub(crate) connection: u64,
    pub(crate) fault: Fault,
}

/// All listeners and connections.
pub(crate) struct Tcp {
    config: TcpConfig,
    first: usize,
    listeners: Vec<Listener>,
    connections: FxHashMap<u64, Connection>,
    by_remote: FxHashMap<(Transport, SocketAddr), u64>,
    sources: Sources,
    last_number: u64,
    /// What TLS connections are made with.
    tls: Arc<tls::Store>,
    /// TLS connections whose handshake is not done.
    handshaking: usize,
    /// Connections with something to read, in turn.
    ready: VecDeque<u64>,
    /// Connections with something to write.
    dirty: Vec<u64>,
    /// At least one entry per connection, at or before its deadline.
    deadlines: BinaryHeap<Reverse<(Time, u64)>>,
    buffer: Vec<u8>,
}

impl Tcp {
    pub(crate) fn new(config: TcpConfig, tls: Arc<tls::Store>, first: Token) -> Self {
        Self {
            config,
            first: first.0,
            listeners: Vec::new(),
            connections: FxHashMap::default(),
            by_remote: FxHashMap::default(),
            sources: Sources::default(),
            last_number: 0,
            tls,
            handshaking: 0,
            ready: VecDeque::new(),
            dirty: Vec::new(),
            deadlines: BinaryHeap::new(),
            buffer: vec![0; BUFFER],
        }
    }

    pub(crate) fn listen(
        &mut self,
        transport: Transport,
        address: SocketAddr,
        registry: &Registry,
    ) -> io::Result<SocketAddr> {
        let token = Token(self.first + self.listeners.len());
        let (listener, local) = Listener::bind(transport, address, registry, token)?;
        self.listeners.push(listener);
        Ok(local)
    }

    pub(crate) fn stop_listening(&mut self) {
        self.listeners.clear();
    }

    /// What the poll says.
    pub(crate) fn note(&mut self, event: &Event) {
        let index = event.token().0 - self.first;
        if index < LISTENERS {
            if let Some(listener) = self.listeners.get_mut(index) {
                listener.ready = true;
            }
            return;
        }
        let number = (index - LISTENERS) as u64;
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let failed = event.is_error();
        connection.note(event.is_readable() || failed, event.is_read_closed(), event.is_writable() || failed);
        if !connection.queued {
            connection.queued = true;
            self.ready.push_back(number);
        }
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(number);
        }
    }

    pub(crate) fn has_work(&self, now: Time) -> bool {
        !self.ready.is_empty() || self.listeners.iter().any(|listener| listener.is_ready(now))
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let retries = self.listeners.iter().filter_map(|listener| listener.retry_at);
        deadline.into_iter().chain(retries).min()
    }

    /// Accepts a bounded number of connections; none from where `refuses` says so.
    pub(crate) fn accept_all(
        &mut self,
        now: Time,
        registry: &Registry,
        counters: &Counters,
        mut refuses: impl FnMut(SocketAddr) -> bool,
    ) {
        for index in 0..self.listeners.len() {
            self.accept(index, now, registry, counters, &mut refuses);
        }
    }

    /// Reads a bounded amount.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        counters: &Counters,
        gone: &mut Vec<Gone>,
        mut pass: impl FnMut(&[u8], Flow),
    ) -> usize {
        let mut passed = 0;
        let mut handshakes = 0;
        for _ in 0..self.ready.len().min(READS_PER_TURN) {
            let Some(number) = self.ready.pop_front() else { break };
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            let shaking = connection.state == State::Handshaking;
            handshakes += usize::from(shaking);
            if shaking && handshakes > HANDSHAKES_PER_TURN {
                self.ready.push_back(number);
                continue;
            }
            connection.queued = false;
            let read = if connection.state == State::Connecting {
                connection.check_established(now).map(|established| {
                    if established {
                        counters.tcp_connected.one();
                        if connection.state == State::Handshaking {
                            self.handshaking += 1;
                            counters.tls_handshaking.set(self.handshaking as u64);
                        }
                        Reading::More
                    } else {
                        Reading::Done
                    }
                })
            } else {
                connection.read(&mut self.buffer, now, counters, &mut pass, &mut passed)
            };
            match read {
                Ok(reading) => {
                    if shaking && connection.state != State::Handshaking {
                        self.handshaking -= 1;
                        counters.tls_handshaking.set(self.handshaking as u64);
                    }
                    if matches!(reading, Reading::More) {
                        connection.queued = true;
                        self.ready.push_back(number);
                    }
                    let writes = connection.has_output() || !connection.may_send();
                    if writes && !connection.dirty {
                        connection.dirty = true;
                        self.dirty.push(number);
                    }
                    self.arm(number);
                }
                Err(end) => self.close(number, end, counters, gone),
            }
        }
        passed
    }

    fn accept(
        &mut self,
        index: usize,
        now: Time,
        registry: &Registry,
        counters: &Counters,
        refuses: &mut impl FnMut(SocketAddr) -> bool,
    ) {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.listeners[index].is_ready(now) {
                return;
            }
            match self.listeners[index].accept(now) {
                Accepted::Connection(stream, remote) if refuses(remote) => listener::refuse(&stream),
                Accepted::Connection(stream, remote) => {
                    let transport = self.listeners[index].transport;
                    self.take_in(stream, transport, remote, now, registry, counters);
                }
                Accepted::Vanished => {}
                Accepted::Nobody => return,
                Accepted::Exhausted => {
                    counters.tcp_accept_failed.one();
                    return;
                }
            }
        }
    }

    fn take_in(
        &mut self,
        stream: TcpStream,
        transport: Transport,
        remote: SocketAddr,
        now: Time,
        registry: &Registry,
        counters: &Counters,
    ) {
        if self.connections.len() >= self.config.connections {
            counters.tcp_refused_total.one();
            return listener::refuse(&stream);
        }
        if self.sources.count(remote) >= self.config.connections_per_source {
            counters.tcp_refused_source.one();
            return listener::refuse(&stream);
        }
        let tls = match transport {
            Transport::Tls if self.handshaking >= self.config.handshakes => {
                counters.tls_refused_total.one();
                return listener::refuse(&stream);
            }
            Transport::Tls => match self.tls.get() {
                Some(context) => Some(Arc::clone(&context.server)),
                None => return listener::refuse(&stream),
            },
            _ => None,
        };
        let accepted = Stream::accepted(stream, tls).and_then(|stream| Ok((stream.local()?, stream)));
        let added =
            accepted.and_then(|(local, stream)| self.add(stream, transport, local, remote, true, now, registry));
        match added {
            Ok(_) => {
                if transport == Transport::Tls {
                    self.handshaking += 1;
                    counters.tls_handshaking.set(self.handshaking as u64);
                }
                self.sources.add(remote);
                counters.tcp_accepted.one();
                counters.tcp_connections.set(self.connections.len() as u64);
            }
            // It broke before it began.
            Err(_) => counters.tcp_accept_failed.one(),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a connection is made of")]
    fn add(
        &mut self,
        mut stream: Stream,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        accepted: bool,
        now: Time,
        registry: &Registry,
    ) -> io::Result<u64> {
        let number = self.last_number + 1;
        stream.register(registry, Token(self.first + LISTENERS + number as usize))?;
        self.last_number = number;
        let flow = Flow { transport, local, remote, connection: number };
        let connection = Connection::new(stream, flow, accepted, &self.config, now);
        self.connections.insert(number, connection);
        self.by_remote.insert((transport, remote), number);
        self.arm(number);
        Ok(number)
    }

    /// Queues a message: on the connection it names, else on any to the same peer, else on a new
    /// one (RFC 3261 18.1.1, 18.2.2).
    pub(crate) fn send(
        &mut self,
        transmit: Transmit,
        now: Time,
        registry: &Registry,
        counters: &Counters,
        gone: &mut Vec<Gone>,
    ) {
        let flow = transmit.flow;
        let found = self.named(flow).or_else(|| {
            // Over TLS any connection to that address will not do: the peer has to be who the message is for.
            let name = if flow.transport == Transport::Tls { tls::next_hop(&transmit.bytes) } else { None };
            self.reusable(flow, name.as_ref()).or_else(|| self.connect(flow, name, now, registry, counters))
        });
        let Some(number) = found else {
            counters.tcp_send_lost.one();
            let Flow { transport, remote, connection, .. } = flow;
            gone.push(Gone { transport, remote, connection, fault: Fault::NotConnected });
            return;
        };
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let stands_in = flow.connection != 0 && flow.connection != number;
        if stands_in
            && connection.stands_for.len() < STANDS_FOR_LIMIT
            && !connection.stands_for.contains(&flow.connection)
        {
            connection.stands_for.push(flow.connection);
        }
        match connection.push(transmit.bytes, self.config.write_limit) {
            Ok(()) if connection.dirty => {}
            Ok(()) => {
                connection.dirty = true;
                self.dirty.push(number);
            }
            Err(end) => {
                counters.tcp_send_lost.one();
                self.close(number, end, counters, gone);
            }
        }
    }

    /// The connection a flow names.
    fn named(&self, flow: Flow) -> Option<u64> {
        Some(flow.connection).filter(|number| self.connections.get(number).is_some_and(Connection::may_answer))
    }

    /// Another connection to the same peer. Over TLS only one we have opened for the same name:
    /// whoever has called us has proved nothing about the domain we want (RFC 5923 section 5).
    fn reusable(&self, flow: Flow, name: Option<&ServerName<'static>>) -> Option<u64> {
        let number = *self.by_remote.get(&(flow.transport, flow.remote))?;
        let connection = self.connections.get(&number)?;
        let fits = match connection.stream.tls_name() {
            None => flow.transport != Transport::Tls,
            proved => proved == name,
        };
        (fits && connection.may_send()).then_some(number)
    }

    fn connect(
        &mut self,
        flow: Flow,
        name: Option<ServerName<'static>>,
        now: Time,
        registry: &Registry,
        counters: &Counters,
    ) -> Option<u64> {
        let tls = match flow.transport {
            Transport::Tcp => Some(None),
            Transport::Tls => {
                let context = self.tls.get().filter(|_| self.handshaking < self.config.handshakes);
                context.zip(name).map(|(context, name)| Some((Arc::clone(&context.client), name)))
            }
            Transport::Udp | Transport::Ws | Transport::Wss => None,
        };
        let Some(tls) = tls.filter(|_| self.connections.len() < self.config.connections) else {
            counters.tcp_no_route.one();
            return None;
        };
        let source = Some(flow.local.ip()).filter(|ip| !ip.is_unspecified());
        let opened = Stream::connect(flow.remote, source, tls).and_then(|stream| {
            let local = stream.local()?;
            self.add(stream, flow.transport, local, flow.remote, false, now, registry)
        });
        match opened {
            Ok(number) => {
                counters.tcp_connections.set(self.connections.len() as u64);
                Some(number)
            }
            Err(_) => {
                counters.tcp_connect_failed.one();
                None
            }
        }
    }

    /// Writes what waits on every connection that may take it.
    pub(crate) fn flush(&mut self, now: Time, counters: &Counters, gone: &mut Vec<Gone>) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for number in dirty.drain(..) {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            connection.dirty = false;
            match connection.write(now, counters) {
                Ok(()) => self.arm(number),
                Err(end) => self.close(number, end, counters, gone),
            }
        }
        // Keeps the room; nothing was added meanwhile.
        self.dirty = dirty;
    }

    /// Closes every connection that has lived long enough.
    pub(crate) fn expire(&mut self, now: Time, counters: &Counters, gone: &mut Vec<Gone>) {
        while let Some(Reverse((at, number))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            if connection.armed != at {
                continue;
            }
            connection.armed = Time(u64::MAX);
            let (deadline, end) = connection.deadline(&self.config);
            if deadline <= now {
                self.close(number, end, counters, gone);
            } else {
                self.arm(number);
            }
        }
        if self.deadlines.len() > self.connections.len() * 4 + 1_024 {
            let current = |(at, number): &(Time, u64)| self.connections.get(number).is_some_and(|c| c.armed == *at);
            self.deadlines = self.deadlines.drain().filter(|Reverse(entry)| current(entry)).collect();
        }
    }

    /// Sees to it that the heap has an entry in time.
    fn arm(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (deadline, _) = connection.deadline(&self.config);
        if deadline < connection.armed {
            connection.armed = deadline;
            self.deadlines.push(Reverse((deadline, number)));
        }
    }

    fn close(&mut self, number: u64, end: End, counters: &Counters, gone: &mut Vec<Gone>) {
        let Some(mut connection) = self.connections.remove(&number) else { return };
        connection.stream.farewell();
        if connection.state == State::Handshaking {
            self.handshaking -= 1;
            counters.tls_handshaking.set(self.handshaking as u64);
        }
        let Flow { transport, remote, .. } = connection.flow;
        if self.by_remote.get(&(transport, remote)) == Some(&number) {
            self.by_remote.remove(&(transport, remote));
        }
        if connection.accepted {
            self.sources.remove(remote);
        }
        end.counter(counters).one();
        counters.tcp_send_lost.add(connection.messages_waiting() as u64);
        counters.tcp_connections.set(self.connections.len() as u64);
        let numbers = std::iter::once(number).chain(connection.stands_for);
        let fault = end.fault();
        gone.extend(numbers.map(|connection| Gone { transport, remote, connection, fault }));
    }

    /// The good-bye of TLS on every connection, for the moment before all are closed.
    pub(crate) fn farewell(&mut self) {
        for connection in self.connections.values_mut() {
            connection.stream.farewell();
        }
    }

    pub(crate) fn is_waiting_to_send(&self) -> bool {
        self.connections.values().any(Connection::has_output)
    }
}
