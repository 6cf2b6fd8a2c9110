//! What a connection reads from and writes to.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::connection::End;
use super::tls_stream::TlsStream;

/// A peer that has died is noticed within about two minutes of silence.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 4;
/// How long sent bytes may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Why a stream gave or took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Not before the poll says so.
    Blocked,
    /// Not now; ask again.
    Again,
    /// Never again.
    Ended(End),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Blocked,
            io::ErrorKind::Interrupted => Self::Again,
            _ => Self::Ended(End::Broken),
        }
    }
}

/// The bytes of one connection. A variant per transport: WebSocket goes here too, and needs to
/// answer the same few questions; the loop above them stays as it is.
pub(super) enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Takes over an accepted connection, with TLS if `tls` is given.
    pub(super) fn accepted(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        prepare(&SockRef::from(&stream))?;
        match tls {
            None => Ok(Self::Tcp(stream)),
            Some(config) => Ok(Self::Tls(Box::new(TlsStream::server(stream, config)?))),
        }
    }

    /// Begins to connect, from `source` if that can be; with TLS if the name the peer must prove
    /// is given.
    pub(super) fn connect(
        remote: SocketAddr,
        source: Option<IpAddr>,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> io::Result<Self> {
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
        let stream = TcpStream::from_std(socket.into());
        match tls {
            None => Ok(Self::Tcp(stream)),
            Some((config, name)) => Ok(Self::Tls(Box::new(TlsStream::client(stream, config, name)?))),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(tls) => tls.socket(),
        }
    }

    /// Whether the connection is established by now.
    pub(super) fn is_established(&self) -> io::Result<bool> {
        let stream = self.socket();
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
        self.socket().local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(tls) => tls.socket_mut(),
        };
        registry.register(stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// The TLS under it, if there is any.
    pub(super) fn tls(&mut self) -> Option<&mut TlsStream> {
        match self {
            Self::Tcp(_) => None,
            Self::Tls(tls) => Some(tls),
        }
    }

    /// The name the peer of a TLS connection we opened has to prove.
    pub(super) fn tls_name(&self) -> Option<&ServerName<'static>> {
        match self {
            Self::Tcp(_) => None,
            Self::Tls(tls) => tls.name(),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Reads, and tells whether a read that did not fill the buffer has emptied the socket.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<(usize, bool), Trouble> {
        match self {
            Self::Tcp(stream) => Ok((stream.read(buffer)?, true)),
            Self::Tls(tls) => Ok((tls.read(buffer)?, false)),
        }
    }

    /// Reads what nobody will look at.
    pub(super) fn discard(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(tls) => tls.socket_mut(),
        };
        Ok(stream.read(buffer)?)
    }

    /// Takes bytes to send; those a TLS stream has taken may still wait in it.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Trouble> {
        match self {
            Self::Tcp(stream) => Ok(stream.write_vectored(slices)?),
            Self::Tls(tls) => tls.write(slices),
        }
    }

    /// Whether bytes it has taken, or has to say itself, wait to be sent.
    pub(super) fn has_pending(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            Self::Tls(tls) => tls.has_pending(),
        }
    }

    /// Sends those as far as the peer takes them.
    pub(super) fn flush(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Tcp(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Says good-bye where the transport has a word for it; for the moment before it is closed.
    pub(super) fn farewell(&mut self) {
        if let Self::Tls(tls) = self {
            tls.farewell();
        }
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn finish(&mut self) {
        self.farewell();
        // Fails only if the peer is gone, which the next read tells.
        let _ = self.socket().shutdown(Shutdown::Write);
    }
}

fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(KEEPALIVE_TRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))
}
