//! What a connection reads from and writes to.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// A peer that has died is noticed within about two minutes of silence.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 4;
/// How long sent bytes may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// The bytes of one connection. A variant per transport: TLS and WebSocket go here, and need to
/// answer the same few questions; the loop above them stays as it is.
pub(super) enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
}

impl Stream {
    /// Takes over an accepted connection.
    pub(super) fn accepted(stream: TcpStream) -> io::Result<Self> {
        prepare(&SockRef::from(&stream))?;
        Ok(Self::Tcp(stream))
    }

    /// Begins to connect, from `source` if that can be.
    pub(super) fn connect(remote: SocketAddr, source: Option<IpAddr>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        prepare(&SockRef::from(&socket))?;
        if let Some(ip) = source.filter(|ip| ip.is_ipv4() == remote.is_ipv4()) {
            // An address that is not (or no longer) ours: the kernel then chooses.
            let _ = socket.bind(&SocketAddr::new(ip, 0).into());
        }
        match socket.connect(&remote.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        Ok(Self::Tcp(TcpStream::from_std(socket.into())))
    }

    /// Whether the connection is established by now.
    pub(super) fn is_established(&self) -> io::Result<bool> {
        let Self::Tcp(stream) = self;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        let Self::Tcp(stream) = self;
        stream.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Self::Tcp(stream) = self;
        registry.register(stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self::Tcp(stream) = self;
        stream.read(buffer)
    }

    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Self::Tcp(stream) = self;
        stream.write_vectored(slices)
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn finish(&self) {
        let Self::Tcp(stream) = self;
        // Fails only if the peer is gone, which the next read tells.
        let _ = stream.shutdown(Shutdown::Write);
    }
}

fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(KEEPALIVE_TRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))
}
