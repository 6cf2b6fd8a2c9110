//! UDP sockets: batches in, batches out (RFC 3261 section 18).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use cordboard_sip::{Flow, Time, Transmit, Transport};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::UdpConfig;
use crate::counters::Counters;
use crate::sys::{self, BATCH, Inbound, Outbound, Outgoing};

/// Entries of the error queue read in one turn.
const ERRORS_PER_TURN: usize = 64;
/// When to try again after the kernel had no memory for a datagram, which it never announces.
const RETRY_MICROS: u64 = 1_000;

/// A bound socket. Only IPv4 or only IPv6, never both.
pub(crate) struct UdpSocket {
    io: mio::net::UdpSocket,
    local: SocketAddr,
    token: Token,
    /// Datagrams may be waiting.
    pub(crate) readable: bool,
    /// Errors may be waiting.
    pub(crate) errors: bool,
    outgoing: VecDeque<Outgoing>,
    pending_limit: usize,
    /// The send buffer is full; the poll tells when it is not.
    blocked: bool,
    retry_at: Option<Time>,
}

/// The buffers all sockets of one engine share.
pub(crate) struct UdpBuffers {
    inbound: Inbound,
    outbound: Outbound,
}

impl UdpBuffers {
    pub(crate) fn new(config: &UdpConfig) -> Self {
        Self { inbound: Inbound::new(config.datagram_limit), outbound: Outbound::new() }
    }
}

impl UdpSocket {
    /// Binds the socket; its true receive buffer size comes with it.
    pub(crate) fn bind(address: SocketAddr, token: Token, config: &UdpConfig) -> io::Result<(Self, usize)> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // The kernel grants what its limits allow; what it granted is counted, not demanded.
        let _ = sys::set_buffers(socket.as_fd(), config.receive_buffer, config.send_buffer);
        sys::prepare_udp(socket.as_fd(), address.is_ipv6(), address.ip().is_unspecified())?;
        socket.bind(&address.into())?;
        let granted = socket.recv_buffer_size()?;
        let io = mio::net::UdpSocket::from_std(socket.into());
        let local = io.local_addr()?;
        let socket = Self {
            io,
            local,
            token,
            readable: true,
            errors: false,
            outgoing: VecDeque::new(),
            pending_limit: config.pending_limit,
            blocked: false,
            retry_at: None,
        };
        Ok((socket, granted))
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut self.io, self.token, Interest::READABLE)
    }

    /// Receives one batch and passes each datagram on. Returns how many came.
    pub(crate) fn receive(
        &mut self,
        buffers: &mut UdpBuffers,
        counters: &Counters,
        mut pass: impl FnMut(&[u8], Flow),
    ) -> usize {
        let wildcard = self.local.ip().is_unspecified();
        let count = match buffers.inbound.receive(self.io.as_fd(), wildcard) {
            Ok(count) => count,
            Err(error) => {
                match error.kind() {
                    io::ErrorKind::WouldBlock => self.readable = false,
                    io::ErrorKind::Interrupted => {}
                    // What ICMP said about some earlier datagram; the queue tells about which, and
                    // datagrams may be waiting behind it.
                    io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable => self.errors = true,
                    _ => {
                        counters.udp_receive_failed.one();
                        self.errors = true;
                        self.readable = false;
                    }
                }
                return 0;
            }
        };
        if count < BATCH {
            self.readable = false;
        }
        let (mut passed, mut keepalives, mut truncated) = (0, 0, 0);
        for index in 0..count {
            let Some(datagram) = buffers.inbound.get(index) else { continue };
            if datagram.truncated {
                truncated += 1;
            } else if is_keepalive(datagram.data) {
                keepalives += 1;
            } else {
                let local = datagram.local.map_or(self.local, |ip| SocketAddr::new(ip, self.local.port()));
                passed += 1;
                pass(datagram.data, Flow { transport: Transport::Udp, local, remote: datagram.remote, connection: 0 });
            }
        }
        counters.udp_received.add(passed);
        counters.udp_keepalives.add(keepalives);
        counters.udp_truncated.add(truncated);
        count
    }

    /// Reads what ICMP had to say: pushes each destination that cannot be reached.
    pub(crate) fn read_errors(&mut self, counters: &Counters, unreachable: &mut Vec<SocketAddr>) {
        for _ in 0..ERRORS_PER_TURN {
            match sys::take_error(self.io.as_fd()) {
                Ok(Some(error)) if error.unreachable => {
                    counters.udp_icmp_errors.one();
                    unreachable.push(error.remote);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.errors = false;
                    return;
                }
            }
        }
    }

    /// Queues a datagram; drops it if too many wait.
    pub(crate) fn push(&mut self, transmit: Transmit, counters: &Counters) {
        if self.outgoing.len() >= self.pending_limit {
            counters.udp_send_overflow.one();
            return;
        }
        let source = transmit.flow.local.ip();
        // Behind a static NAT the flow may name the public address, which is not ours to send from;
        // the kernel then chooses, as it does for all sockets bound to one address.
        let source = (self.local.ip().is_unspecified() && !source.is_unspecified()).then_some(source);
        self.outgoing.push_back(Outgoing { bytes: transmit.bytes, remote: transmit.flow.remote, source });
    }

    /// Sends what waits, as far as the socket takes it. Pushes each destination refused at once.
    pub(crate) fn flush(
        &mut self,
        buffers: &mut UdpBuffers,
        registry: &Registry,
        counters: &Counters,
        now: Time,
        unreachable: &mut Vec<SocketAddr>,
    ) {
        if self.blocked || self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        self.retry_at = None;
        let (mut stale_errors, mut tries) = (0, 0);
        while !self.outgoing.is_empty() {
            let error = match buffers.outbound.send(self.io.as_fd(), self.outgoing.iter()) {
                Ok(count) => {
                    counters.udp_sent.add(count as u64);
                    self.outgoing.drain(..count);
                    tries = 0;
                    continue;
                }
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => {
                    counters.udp_send_blocked.one();
                    self.blocked = true;
                    self.watch(registry, Interest::READABLE | Interest::WRITABLE);
                    return;
                }
                Some(libc::ENOBUFS | libc::ENOMEM) => {
                    counters.udp_send_blocked.one();
                    self.retry_at = Some(Time(now.0 + RETRY_MICROS));
                    return;
                }
                // As in `receive`: always, or possibly, about an earlier datagram. This one was not
                // tried; try it again, but not for ever.
                Some(libc::ECONNREFUSED) if stale_errors < ERRORS_PER_TURN => {
                    stale_errors += 1;
                    self.errors = true;
                }
                Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EPROTO | libc::EACCES) if tries < 2 => {
                    tries += 1;
                    self.errors = true;
                }
                // A source address that is not (or no longer) ours: let the kernel choose.
                Some(libc::EINVAL | libc::EADDRNOTAVAIL)
                    if self.outgoing.front().is_some_and(|item| item.source.is_some()) =>
                {
                    if let Some(item) = self.outgoing.front_mut() {
                        item.source = None;
                    }
                }
                _ => {
                    counters.udp_send_failed.one();
                    tries = 0;
                    if let Some(item) = self.outgoing.pop_front() {
                        unreachable.push(item.remote);
                    }
                }
            }
        }
    }

    /// The poll says that the send buffer has room again.
    pub(crate) fn unblock(&mut self, registry: &Registry) {
        if self.blocked {
            self.blocked = false;
            self.watch(registry, Interest::READABLE);
        }
    }

    pub(crate) fn is_waiting_to_send(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(crate) fn retry_at(&self) -> Option<Time> {
        self.retry_at
    }

    /// Edge-triggered: each change also tells anew what is already there.
    fn watch(&mut self, registry: &Registry, interest: Interest) {
        // Fails only for a descriptor that is not registered, and ours is from the start.
        let _ = registry.reregister(&mut self.io, self.token, interest);
    }
}

/// Which of `sockets` to send from: bound to `local`, else to its port, else of its family.
pub(crate) fn choose(sockets: &[UdpSocket], local: SocketAddr, remote: SocketAddr) -> Option<usize> {
    let of_family = |socket: &&UdpSocket| socket.local.is_ipv4() == remote.is_ipv4();
    let find = |wanted: &dyn Fn(SocketAddr) -> bool| {
        sockets.iter().position(|socket| of_family(&socket) && wanted(socket.local))
    };
    find(&|bound| bound == local)
        .or_else(|| find(&|bound| bound.ip().is_unspecified() && bound.port() == local.port()))
        .or_else(|| find(&|bound| bound.ip() == local.ip()))
        .or_else(|| find(&|bound| fits(bound.ip(), remote.ip())))
        .or_else(|| find(&|_| true))
}

/// Whether a socket bound to `bound` can send to `remote` at all.
fn fits(bound: IpAddr, remote: IpAddr) -> bool {
    bound.is_unspecified() || bound.is_loopback() == remote.is_loopback()
}

fn is_keepalive(data: &[u8]) -> bool {
    data.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
