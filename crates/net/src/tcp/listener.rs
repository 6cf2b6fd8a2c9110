//! Listening sockets, and how many connections may come from where.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use cordboard_sip::{Time, Transport};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustc_hash::FxHashMap;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections the kernel keeps for us until we accept them.
const BACKLOG: i32 = 4_096;
/// When to try again after an accept failed for want of descriptors, in microseconds.
const RETRY_MICROS: u64 = 100_000;

pub(super) struct Listener {
    io: TcpListener,
    pub(super) transport: Transport,
    pub(super) ready: bool,
    pub(super) retry_at: Option<Time>,
}

/// What came of looking for a connection.
pub(super) enum Accepted {
    Connection(TcpStream, SocketAddr),
    /// A connection that was gone before it could be accepted.
    Vanished,
    /// Nobody waits.
    Nobody,
    /// No descriptors or memory; somebody may still wait.
    Exhausted,
}

impl Listener {
    pub(super) fn bind(
        transport: Transport,
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<(Self, SocketAddr)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart must not wait for the old connections' TIME-WAIT.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let mut io = TcpListener::from_std(socket.into());
        registry.register(&mut io, token, Interest::READABLE)?;
        let local = io.local_addr()?;
        Ok((Self { io, transport, ready: true, retry_at: None }, local))
    }

    pub(super) fn is_ready(&self, now: Time) -> bool {
        self.ready && self.retry_at.is_none_or(|at| at <= now)
    }

    pub(super) fn accept(&mut self, now: Time) -> Accepted {
        self.retry_at = None;
        let error = match self.io.accept() {
            Ok((stream, remote)) => return Accepted::Connection(stream, remote),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.ready = false;
                Accepted::Nobody
            }
            io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => Accepted::Vanished,
            _ => {
                self.retry_at = Some(Time(now.0 + RETRY_MICROS));
                Accepted::Exhausted
            }
        }
    }
}

/// Closes a connection at once, without leaving a TIME-WAIT of ours behind.
pub(super) fn refuse(stream: &TcpStream) {
    // Without it the close is merely slower.
    let _ = SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
}

/// Open connections by source.
#[derive(Default)]
pub(super) struct Sources(FxHashMap<IpAddr, usize>);

impl Sources {
    pub(super) fn count(&self, remote: SocketAddr) -> usize {
        self.0.get(&source(remote)).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, remote: SocketAddr) {
        *self.0.entry(source(remote)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, remote: SocketAddr) {
        let source = source(remote);
        if let Some(count) = self.0.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&source);
            }
        }
    }
}

/// Whoever has one IPv6 address has the whole /64.
fn source(remote: SocketAddr) -> IpAddr {
    match remote.ip() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v6_network_is_one_source_and_empty_sources_are_forgotten() {
        let mut sources = Sources::default();
        let [a, b, c] = ["[2001:db8::1]:1", "[2001:db8::2:3]:2", "[2001:db8:0:1::1]:1"].map(|s| s.parse().unwrap());
        sources.add(a);
        sources.add(b);
        assert_eq!((sources.count(b), sources.count(c)), (2, 0));
        sources.remove(a);
        sources.remove(b);
        assert!(sources.0.is_empty());
    }
}
