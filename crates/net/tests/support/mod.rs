//! A small core that answers, counts and obeys, and a handle on it that waits with deadlines.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use cordboard_net::{Bound, Config, Core, Engine, Handle, Listen};
use cordboard_sip::directory::Proof;
use cordboard_sip::endpoint::{Command, DialogId, Event, Fault, TransactionId};
use cordboard_sip::{Flow, Time, Transmit, Transport};

/// How long anything awaited in a test may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What a [`TestCore`] saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Received(Vec<u8>, Flow),
    Forgot(u64),
    Failed(Transport, SocketAddr, u64, Fault),
    Timeout,
    Overloaded(bool),
}

/// What a test tells a [`TestCore`] to do.
pub enum Do {
    Send(Flow, Vec<u8>),
    Events(u64),
    Journal(Vec<u8>),
    TimeoutIn(Duration),
    Panic,
}

/// Takes `OPTIONS sip:right...` for proof of who sends it and `OPTIONS sip:wrong...` for its failure.
/// Answers each message with `200 ` and its bytes unless it starts with `quiet`; turns each
/// `Forget` into a `NoAck` event with the same number.
pub struct TestCore {
    seen: Sender<Seen>,
    transmits: Vec<Transmit>,
    events: Vec<Event>,
    journal: Vec<u8>,
    snapshot: Vec<u8>,
    timeout: Option<Time>,
    pub answer: fn(&[u8]) -> Option<Vec<u8>>,
    next_event: u64,
    proofs: Vec<Proof>,
}

pub fn no_ack(number: u64) -> Event {
    Event::NoAck { dialog: DialogId(number) }
}

pub fn number(event: &Event) -> u64 {
    match event {
        Event::NoAck { dialog } => dialog.0,
        other => panic!("not an event of the test core: {other:?}"),
    }
}

pub fn forget(number: u64) -> Command {
    Command::Forget { dialog: DialogId(number) }
}

pub fn transaction(number: u64) -> TransactionId {
    TransactionId(number)
}

impl TestCore {
    pub fn new() -> (Self, Receiver<Seen>) {
        let (seen, receiver) = channel();
        let core = Self {
            seen,
            transmits: Vec::new(),
            events: Vec::new(),
            journal: Vec::new(),
            snapshot: b"snapshot".to_vec(),
            timeout: None,
            answer: |data| Some([b"200 ", data].concat()),
            next_event: 0,
            proofs: Vec::new(),
        };
        (core, receiver)
    }
}

impl Core for TestCore {
    type Control = Do;

    fn receive(&mut self, data: &[u8], flow: Flow, _now: Time) {
        let _ = self.seen.send(Seen::Received(data.to_vec(), flow));
        if data.starts_with(b"OPTIONS sip:wrong") || data.starts_with(b"OPTIONS sip:right") {
            self.proofs.push(Proof { flow, right: data.starts_with(b"OPTIONS sip:right") });
        }
        if let Some(answer) = (self.answer)(data) {
            self.transmits.push(Transmit { flow, bytes: answer.into() });
        }
    }

    fn command(&mut self, command: Command, _now: Time) {
        let Command::Forget { dialog } = command else { panic!("the test core only forgets") };
        let _ = self.seen.send(Seen::Forgot(dialog.0));
        self.events.push(no_ack(dialog.0));
    }

    fn control(&mut self, control: Do, now: Time) {
        match control {
            Do::Send(flow, bytes) => self.transmits.push(Transmit { flow, bytes: bytes.into() }),
            Do::Events(count) => {
                for _ in 0..count {
                    self.events.push(no_ack(self.next_event));
                    self.next_event += 1;
                }
            }
            Do::Journal(bytes) => self.journal.extend_from_slice(&bytes),
            Do::TimeoutIn(delay) => self.timeout = Some(now.after(delay)),
            Do::Panic => panic!("told to"),
        }
    }

    fn transport_failed(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        connection: u64,
        fault: Fault,
        _now: Time,
    ) {
        let _ = self.seen.send(Seen::Failed(transport, remote, connection, fault));
    }

    fn next_timeout(&self) -> Option<Time> {
        self.timeout
    }

    fn handle_timeouts(&mut self, now: Time) {
        if self.timeout.take_if(|due| *due <= now).is_some() {
            let _ = self.seen.send(Seen::Timeout);
        }
    }

    fn take_transmits(&mut self, out: &mut Vec<Transmit>) {
        out.append(&mut self.transmits);
    }

    fn take_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    fn take_journal(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.journal);
    }

    fn snapshot_journal(&mut self) -> Vec<u8> {
        self.snapshot.clone()
    }

    fn take_proofs(&mut self, out: &mut Vec<Proof>) {
        out.append(&mut self.proofs);
    }

    fn set_overloaded(&mut self, overloaded: bool) {
        let _ = self.seen.send(Seen::Overloaded(overloaded));
    }

    fn counters(&self, out: &mut Vec<(&'static str, u64)>) {
        out.push(("test_events", self.next_event));
    }
}

/// A running engine with a [`TestCore`].
pub struct Rig {
    pub handle: Arc<Handle<TestCore>>,
    pub seen: Receiver<Seen>,
}

pub fn listen(transport: Transport, address: &str) -> Listen {
    Listen { transport, address: address.parse().unwrap() }
}

/// UDP and TCP on 127.0.0.1 and ::1.
pub fn config() -> Config {
    let listen = [
        listen(Transport::Udp, "127.0.0.1:0"),
        listen(Transport::Udp, "[::1]:0"),
        listen(Transport::Tcp, "127.0.0.1:0"),
        listen(Transport::Tcp, "[::1]:0"),
    ];
    Config { listen: listen.to_vec(), ..Config::default() }
}

impl Rig {
    pub fn start(config: Config) -> Self {
        Self::with(Engine::bind(config).unwrap(), |_| {})
    }

    pub fn with(bound: Bound, change: impl FnOnce(&mut TestCore)) -> Self {
        let (mut core, seen) = TestCore::new();
        change(&mut core);
        Self { handle: Arc::new(bound.start(core).unwrap()), seen }
    }

    pub fn address(&self, transport: Transport, v6: bool) -> SocketAddr {
        let fits = |l: &&Listen| l.transport == transport && l.address.is_ipv6() == v6;
        self.handle.listening().iter().find(fits).unwrap().address
    }

    pub fn tell(&self, control: Do) {
        self.handle.control(control);
        self.handle.flush().unwrap();
    }

    pub fn counter(&self, name: &str) -> u64 {
        let counters: BTreeMap<_, _> = self.handle.counters().into_iter().collect();
        counters[name]
    }

    /// Asks again until `condition` holds; for counters, which nothing announces.
    pub fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "never: {what}; counters {:?}", self.handle.counters());
            std::thread::yield_now();
        }
    }

    /// The next thing the core saw.
    pub fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("the core saw nothing")
    }

    /// The next thing the core saw of which `pick` makes something.
    pub fn find<T>(&self, pick: impl Fn(Seen) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen = self.seen.recv_timeout(left).expect("the core never saw it");
            if let Some(found) = pick(seen) {
                return found;
            }
        }
    }

    pub fn next_failure(&self) -> (Transport, SocketAddr, u64) {
        self.find(|seen| match seen {
            Seen::Failed(transport, remote, connection, _) => Some((transport, remote, connection)),
            _ => None,
        })
    }

    pub fn next_message(&self) -> (Vec<u8>, Flow) {
        self.find(|seen| match seen {
            Seen::Received(data, flow) => Some((data, flow)),
            _ => None,
        })
    }

    /// Waits until the eventfd is readable.
    pub fn await_signal(&self) {
        wait_readable(&self.handle);
    }

    /// Waits for at least `count` events.
    pub fn events(&self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            self.await_signal();
            events.extend(self.handle.take_events());
        }
        events
    }
}

/// Waits until the eventfd of `handle` is readable.
pub fn wait_readable(handle: &Handle<TestCore>) {
    assert!(poll_readable(handle, PATIENCE), "the eventfd was never readable");
}

/// Whether the eventfd becomes readable in time.
pub fn poll_readable(handle: &Handle<TestCore>, patience: Duration) -> bool {
    let fd = handle.event_fd();
    let mut poll = mio::Poll::new().unwrap();
    poll.registry().register(&mut mio::unix::SourceFd(&fd), mio::Token(0), mio::Interest::READABLE).unwrap();
    let mut events = mio::Events::with_capacity(1);
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => {
                result.unwrap();
                return !events.is_empty();
            }
        }
    }
}

/// A UDP socket that waits at most [`PATIENCE`].
pub fn phone(address: &str) -> std::net::UdpSocket {
    let socket = std::net::UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub fn receive(socket: &std::net::UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// A TCP connection that waits at most [`PATIENCE`].
pub fn dial(address: SocketAddr) -> std::net::TcpStream {
    patient(std::net::TcpStream::connect(address).unwrap())
}

/// What a connection that is turned away hears before it is closed. A reset may be faster than
/// `connect` itself returns.
pub fn turned_away(address: SocketAddr) -> Vec<u8> {
    match std::net::TcpStream::connect(address) {
        Ok(stream) => read_to_close(&mut patient(stream)),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Vec::new(),
        Err(error) => panic!("neither taken nor turned away: {error}"),
    }
}

fn patient(stream: std::net::TcpStream) -> std::net::TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads until the peer closes, gracefully or not.
pub fn read_to_close(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("the connection was not closed: {error}"),
        }
    }
}

pub fn borrow(stream: &std::net::TcpStream) -> BorrowedFd<'_> {
    stream.as_fd()
}

pub fn flow(transport: Transport, local: SocketAddr, remote: SocketAddr) -> Flow {
    Flow { transport, local, remote, connection: 0 }
}
