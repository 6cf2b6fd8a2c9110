//! One connection: what it reads, what waits to be written, and when it has lived long enough.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use cordboard_sip::endpoint::Fault;
use cordboard_sip::header::HeaderName;
use cordboard_sip::limits::Limits;
use cordboard_sip::message::MessageBuilder;
use cordboard_sip::{Flow, Message, Method, Time};

use super::framing::{Frame, FrameError, FrameLimits, Framer, without_length};
use super::stream::{Stream, Trouble};
use super::tls_stream::{Shake, TlsEnd};
use crate::config::TcpConfig;
use crate::counters::{Counter, Counters};

/// Messages passed on in one turn of one connection.
const MESSAGES_PER_TURN: usize = 64;
/// Reads of a socket within a handshake before others have their turn.
const READS_PER_HANDSHAKE_TURN: usize = 8;
/// Messages written by one system call.
const SLICES: usize = 32;
/// How long a peer that was told to go may take, in microseconds, and how much it may still send.
const LINGER_MICROS: u64 = 1_000_000;
const LINGER_BYTES: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// We called and nobody has answered yet.
    Connecting,
    /// TLS is being agreed on; what waits to be written waits.
    Handshaking,
    Open,
    /// Nothing more is read; closed once all is written.
    Finishing,
    /// As `Finishing`, but what comes is read and discarded until the peer closes, so that our last
    /// words are not lost to a reset.
    Rejecting,
    /// Our last words are written and the peer was told so.
    Lingering,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    ConnectFailed,
    PeerClosed,
    Broken,
    Garbage,
    TooLarge,
    TooSlow,
    SlowReader,
    Idle,
    Tls(TlsEnd),
}

impl End {
    pub(super) fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::ConnectFailed => &counters.tcp_connect_failed,
            Self::PeerClosed => &counters.tcp_peer_closed,
            Self::Broken => &counters.tcp_broken,
            Self::Garbage => &counters.tcp_garbage,
            Self::TooLarge => &counters.tcp_too_large,
            Self::TooSlow => &counters.tcp_too_slow,
            Self::SlowReader => &counters.tcp_slow_readers,
            Self::Idle => &counters.tcp_idle,
            Self::Tls(end) => end.counter(counters),
        }
    }

    /// What the requests that waited on the connection are told.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::ConnectFailed => Fault::NotConnected,
            Self::Tls(end) => Fault::Tls(end.words()),
            _ => Fault::ConnectionLost,
        }
    }
}

/// What is left to do after a turn of reading.
pub(super) enum Reading {
    /// Nothing until the poll says so.
    Done,
    /// There is more already.
    More,
}

pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) state: State,
    pub(super) flow: Flow,
    pub(super) accepted: bool,
    /// Numbers of connections that are gone and in whose place this one was opened.
    pub(super) stands_for: Vec<u64>,
    /// In the queue of connections to read.
    pub(super) queued: bool,
    /// In the list of connections to write.
    pub(super) dirty: bool,
    /// The earliest deadline in the heap.
    pub(super) armed: Time,
    readable: bool,
    peer_finished: bool,
    writable: bool,
    framer: Framer,
    out: VecDeque<Arc<[u8]>>,
    /// Bytes of the first of `out` that are written.
    written: usize,
    waiting_bytes: usize,
    /// Why it is being closed, once it is.
    end: End,
    opened: Time,
    active: Time,
    greeted: bool,
    partial_since: Option<Time>,
    stuck_since: Option<Time>,
    linger_until: Option<Time>,
    discarded: usize,
}

impl Connection {
    pub(super) fn new(stream: Stream, flow: Flow, accepted: bool, config: &TcpConfig, now: Time) -> Self {
        let begun = if stream.is_tls() { State::Handshaking } else { State::Open };
        Self {
            stream,
            state: if accepted { begun } else { State::Connecting },
            flow,
            accepted,
            stands_for: Vec::new(),
            queued: false,
            dirty: false,
            armed: Time(u64::MAX),
            readable: false,
            peer_finished: false,
            writable: accepted,
            framer: Framer::new(FrameLimits { head: config.head_limit, body: config.body_limit }),
            out: VecDeque::new(),
            written: 0,
            waiting_bytes: 0,
            end: End::PeerClosed,
            opened: now,
            active: now,
            greeted: !accepted,
            partial_since: None,
            stuck_since: None,
            linger_until: None,
            discarded: 0,
        }
    }

    pub(super) fn note(&mut self, readable: bool, peer_finished: bool, writable: bool) {
        self.readable |= readable || peer_finished;
        self.peer_finished |= peer_finished;
        self.writable |= writable;
    }

    /// Whether a new message may begin its way here.
    pub(super) fn may_send(&self) -> bool {
        matches!(self.state, State::Connecting | State::Handshaking | State::Open)
    }

    /// Whether what it asked may still be answered here: also after the peer has said that it will
    /// send no more, and before our last words to a peer that sent garbage.
    pub(super) fn may_answer(&self) -> bool {
        self.state != State::Lingering
    }

    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty() || self.stream.has_pending()
    }

    pub(super) fn messages_waiting(&self) -> usize {
        self.out.len()
    }

    /// Queues bytes; an error if the peer has let too many wait already.
    pub(super) fn push(&mut self, bytes: Arc<[u8]>, limit: usize) -> Result<(), End> {
        if self.waiting_bytes > 0 && self.waiting_bytes + bytes.len() > limit {
            return Err(End::SlowReader);
        }
        self.waiting_bytes += bytes.len();
        self.out.push_back(bytes);
        Ok(())
    }

    /// Whether a connection of ours is established by now.
    pub(super) fn check_established(&mut self, now: Time) -> Result<bool, End> {
        match self.stream.is_established() {
            Ok(true) => {
                self.state = if self.stream.is_tls() { State::Handshaking } else { State::Open };
                self.writable = true;
                (self.opened, self.active) = (now, now);
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(_) => Err(End::ConnectFailed),
        }
    }

    /// Passes on messages, one turn's worth, and reads once.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        now: Time,
        counters: &Counters,
        pass: &mut impl FnMut(&[u8], Flow),
        passed: &mut usize,
    ) -> Result<Reading, End> {
        match self.state {
            State::Open => {}
            State::Handshaking => return self.shake(now, counters),
            State::Rejecting | State::Lingering => return self.discard(buffer),
            State::Connecting | State::Finishing => return Ok(Reading::Done),
        }
        let mut budget = MESSAGES_PER_TURN;
        self.pass_frames(&mut budget, now, counters, pass, passed);
        if self.state == State::Open && budget > 0 && self.readable {
            match self.stream.read(buffer) {
                Ok((0, _)) => {
                    self.readable = false;
                    self.finish(End::PeerClosed);
                }
                Ok((count, short_is_all)) => {
                    // A short read has emptied the socket, but for the end of the stream.
                    self.readable = count == buffer.len() || self.peer_finished || !short_is_all;
                    self.active = now;
                    self.framer.push(&buffer[..count]);
                    self.pass_frames(&mut budget, now, counters, pass, passed);
                }
                Err(Trouble::Blocked) => self.readable = false,
                Err(Trouble::Again) => {}
                Err(Trouble::Ended(end)) => return self.fail(end, counters),
            }
        }
        if self.state == State::Open && !self.framer.is_partial() {
            self.partial_since = None;
        }
        let more = budget == 0 || self.readable;
        Ok(if more && self.state == State::Open { Reading::More } else { Reading::Done })
    }

    /// Goes on with the handshake.
    fn shake(&mut self, now: Time, counters: &Counters) -> Result<Reading, End> {
        for _ in 0..READS_PER_HANDSHAKE_TURN {
            let Some(tls) = self.stream.tls().filter(|_| self.readable) else { return Ok(Reading::Done) };
            match tls.handshake() {
                Ok(Shake::Going) | Err(Trouble::Again) => {}
                Ok(Shake::Done { resumed }) => {
                    self.state = State::Open;
                    (self.opened, self.active) = (now, now);
                    counters.tls_handshakes.one();
                    counters.tls_resumed.add(u64::from(resumed));
                    // What came with the end of the handshake is decrypted already.
                    return Ok(Reading::More);
                }
                Err(Trouble::Blocked) => self.readable = false,
                Err(Trouble::Ended(end)) => return self.fail(end, counters),
            }
        }
        Ok(Reading::More)
    }

    /// The stream has failed. A peer that called us is given the time to hear why.
    fn fail(&mut self, end: End, counters: &Counters) -> Result<Reading, End> {
        counters.tcp_send_lost.add(self.out.len() as u64);
        self.out.clear();
        (self.written, self.waiting_bytes) = (0, 0);
        if !self.accepted || !self.stream.has_pending() {
            return Err(end);
        }
        self.end = end;
        self.state = State::Rejecting;
        self.partial_since = None;
        Ok(Reading::Done)
    }

    fn pass_frames(
        &mut self,
        budget: &mut usize,
        now: Time,
        counters: &Counters,
        pass: &mut impl FnMut(&[u8], Flow),
        passed: &mut usize,
    ) {
        let mut pings = 0;
        while *budget > 0 {
            match self.framer.pull() {
                Ok(Some(Frame::Message(message))) => {
                    pass(message, self.flow);
                    *passed += 1;
                    counters.tcp_received.one();
                    self.partial_since = None;
                }
                Ok(Some(Frame::Ping)) => pings += 1,
                Ok(None) => {
                    if self.framer.is_partial() && self.partial_since.is_none() {
                        self.partial_since = Some(now);
                    }
                    break;
                }
                Err(error) => {
                    self.reject(error);
                    break;
                }
            }
            self.greeted = true;
            *budget -= 1;
        }
        if pings > 0 {
            counters.tcp_pings.add(pings as u64);
            let pongs = b"\r\n".repeat(pings);
            self.waiting_bytes += pongs.len();
            self.out.push_back(pongs.into());
        }
    }

    /// The stream cannot be read on: says so to the sender if it can be answered, and closes.
    fn reject(&mut self, error: FrameError) {
        self.end = if error.status() == 513 { End::TooLarge } else { End::Garbage };
        self.state = State::Rejecting;
        self.partial_since = None;
        if let Some(answer) = self.framer.broken_head().and_then(|head| refusal(head, error, self.flow.connection)) {
            self.waiting_bytes += answer.len();
            self.out.push_back(answer);
        }
    }

    /// Nothing more is read; what was asked before is still answered.
    fn finish(&mut self, end: End) {
        self.end = end;
        self.state = State::Finishing;
        self.partial_since = None;
    }

    fn discard(&mut self, buffer: &mut [u8]) -> Result<Reading, End> {
        while self.readable {
            match self.stream.discard(buffer) {
                Ok(0) => return Err(self.end),
                Ok(count) => {
                    self.discarded += count;
                    if self.discarded > LINGER_BYTES {
                        return Err(self.end);
                    }
                }
                Err(Trouble::Blocked) => self.readable = false,
                Err(Trouble::Again) => {}
                Err(Trouble::Ended(_)) => return Err(self.end),
            }
        }
        Ok(Reading::Done)
    }

    /// Writes what waits, as far as the peer takes it. An error ends the connection.
    pub(super) fn write(&mut self, now: Time, counters: &Counters) -> Result<(), End> {
        if self.state == State::Connecting {
            return Ok(());
        }
        while self.writable && self.has_output() {
            match self.write_some(now, counters) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Trouble::Blocked) => self.writable = false,
                Err(Trouble::Again) => {}
                Err(Trouble::Ended(end)) => {
                    let begun = matches!(self.state, State::Open | State::Handshaking);
                    return Err(if begun { end } else { self.end });
                }
            }
        }
        if self.has_output() {
            if self.state != State::Handshaking {
                self.stuck_since.get_or_insert(now);
            }
            return Ok(());
        }
        self.stuck_since = None;
        match self.state {
            State::Finishing => Err(self.end),
            State::Rejecting => {
                self.stream.finish();
                self.state = State::Lingering;
                self.linger_until = Some(Time(now.0 + LINGER_MICROS));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// One system call's worth; false if nothing may be written yet.
    fn write_some(&mut self, now: Time, counters: &Counters) -> Result<bool, Trouble> {
        if self.stream.has_pending() {
            self.stream.flush()?;
            self.active = now;
            return Ok(true);
        }
        if self.state == State::Handshaking {
            return Ok(false);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(&self.out) {
            let skip = if count == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&bytes[skip..]);
            count += 1;
        }
        let written = self.stream.write(&slices[..count])?;
        self.active = now;
        self.stuck_since = None;
        self.advance(written, counters);
        Ok(true)
    }

    fn advance(&mut self, mut written: usize, counters: &Counters) {
        self.waiting_bytes -= written;
        while let Some(first) = self.out.front() {
            let left = first.len() - self.written;
            if written < left {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            counters.tcp_sent.one();
            self.out.pop_front();
        }
    }

    /// When it has lived long enough if nothing happens, and why.
    pub(super) fn deadline(&self, config: &TcpConfig) -> (Time, End) {
        let after = |since: Option<Time>, limit: Duration, end| since.map(|since| (since.after(limit), end));
        let connecting = (self.state == State::Connecting).then_some(self.opened);
        let handshaking = (self.state == State::Handshaking).then_some(self.opened);
        let silent = (!self.greeted && self.state != State::Handshaking).then_some(self.opened);
        let idle = (self.active.after(config.idle_limit), End::Idle);
        [
            after(connecting, config.connect_deadline, End::ConnectFailed),
            after(handshaking, config.handshake_deadline, End::Tls(TlsEnd::TooSlow)),
            after(silent, config.first_message_deadline, End::TooSlow),
            after(self.partial_since, config.message_deadline, End::TooSlow),
            after(self.stuck_since, config.write_deadline, End::SlowReader),
            self.linger_until.map(|until| (until, self.end)),
        ]
        .into_iter()
        .flatten()
        .fold(idle, |first, other| if other.0 < first.0 { other } else { first })
    }
}

/// The answer to a request whose body cannot be found; `None` if it cannot be answered or must not
/// be (RFC 3261 18.3, 8.2.6).
fn refusal(head: &[u8], error: FrameError, connection: u64) -> Option<Arc<[u8]>> {
    let limits = Limits { message: usize::MAX, ..Limits::default() };
    let request = Message::parse(&without_length(head), &limits).ok()?;
    if !request.is_request() || request.method() == Method::Ack || request.top_via().is_err() {
        return None;
    }
    let tag = format!("refused-{connection}");
    let answer = MessageBuilder::response_to(&request, error.status(), None, Some(&tag))
        .known(HeaderName::Warning, format_args!("399 cordboard \"{error}\""));
    Some(answer.into_bytes())
}
