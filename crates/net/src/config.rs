//! What the engine is told at the start, and why it may refuse.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cordboard_sip::Transport;

use crate::guard::GuardConfig;
use crate::tls::{TlsConfig, TlsError};

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
}

/// A public address to show in place of a bound one, for a server behind a static NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// The address messages are sent from. Port 0 stands for every port.
    pub bound: SocketAddr,
    /// The address to show. Port 0 keeps the bound port.
    pub public: SocketAddr,
}

impl Advertise {
    /// Reads two literal addresses, each with or without a port: `10.0.0.5`, `10.0.0.5:5060`,
    /// `2001:db8::5`, `[2001:db8::5]:5060`. `None` if one is neither.
    #[must_use]
    pub fn parse(bound: &str, public: &str) -> Option<Self> {
        let read = |text: &str| {
            let with_port = text.parse::<SocketAddr>().ok();
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            with_port.or_else(|| bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0)))
        };
        Some(Self { bound: read(bound)?, public: read(public)? })
    }
}

/// Bounds of UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// Bytes of receive buffer to ask for; without `CAP_NET_ADMIN` the kernel grants at most
    /// `net.core.rmem_max`.
    pub receive_buffer: usize,
    /// Bytes of send buffer to ask for; without `CAP_NET_ADMIN` the kernel grants at most
    /// `net.core.wmem_max`.
    pub send_buffer: usize,
    /// Bytes of a datagram; a longer one is dropped and counted.
    pub datagram_limit: usize,
    /// Datagrams that may wait for one socket; more are dropped and counted.
    pub pending_limit: usize,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self { receive_buffer: 8 << 20, send_buffer: 8 << 20, datagram_limit: 65_535, pending_limit: 4_096 }
    }
}

/// Bounds of TCP and TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// Connections in all, either direction.
    pub connections: usize,
    /// Connections accepted from one source: an IPv4 address or an IPv6 /64.
    pub connections_per_source: usize,
    /// Bytes of the head of a message.
    pub head_limit: usize,
    /// Bytes of the body of a message.
    pub body_limit: usize,
    /// How long a message may take from its first byte to its last.
    pub message_deadline: Duration,
    /// How long an accepted connection may stay before its first message or keep-alive.
    pub first_message_deadline: Duration,
    /// How long a connection may be silent in both directions.
    pub idle_limit: Duration,
    /// How long a connection of ours may take to be established.
    pub connect_deadline: Duration,
    /// TLS handshakes under way at once, either direction.
    pub handshakes: usize,
    /// How long a TLS handshake may take.
    pub handshake_deadline: Duration,
    /// Bytes that may wait for a peer to read them; one that lets more come is closed.
    pub write_limit: usize,
    /// How long a peer may read nothing while bytes wait for it.
    pub write_deadline: Duration,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_source: 1_000,
            head_limit: 65_535,
            body_limit: 1 << 20,
            message_deadline: Duration::from_secs(10),
            first_message_deadline: Duration::from_secs(30),
            idle_limit: Duration::from_secs(3_900),
            connect_deadline: Duration::from_secs(5),
            handshakes: 4_000,
            handshake_deadline: Duration::from_secs(10),
            write_limit: 1 << 20,
            write_deadline: Duration::from_secs(20),
        }
    }
}

/// Everything the engine is told at the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// Public addresses to show in place of bound ones.
    pub advertise: Vec<Advertise>,
    /// The file that keeps bindings over a restart.
    pub journal: Option<PathBuf>,
    /// The journal is rewritten when it is this long and has doubled since the last time.
    pub journal_rewrite: u64,
    /// Events waiting for the user above which the core is told it is overloaded; at four times
    /// this the sockets are no longer read. Below half, all is as before.
    pub event_limit: usize,
    /// Commands waiting for the engine above which [`crate::Handle::flush`] refuses.
    pub command_limit: usize,
    /// Under load (some thousand messages a second) the engine lets messages gather for this long
    /// before it looks at the sockets again, which halves what each costs. Zero turns it off.
    pub gather: Duration,
    /// UDP.
    pub udp: UdpConfig,
    /// TCP and TLS.
    pub tcp: TcpConfig,
    /// How much a source may send and how often it may fail.
    pub guard: GuardConfig,
    /// Certificates; without them no TLS, accepted or opened.
    pub tls: Option<TlsConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            advertise: Vec::new(),
            journal: None,
            journal_rewrite: 4 << 20,
            event_limit: 2_000,
            command_limit: 200_000,
            gather: Duration::from_millis(1),
            udp: UdpConfig::default(),
            tcp: TcpConfig::default(),
            guard: GuardConfig::default(),
            tls: None,
        }
    }
}

/// Why the engine did not start.
#[derive(Debug)]
pub enum StartError {
    /// An address could not be bound.
    Bind {
        /// Which.
        listen: Listen,
        /// Why.
        source: io::Error,
    },
    /// No driver for that transport.
    Unsupported {
        /// Where it was asked for.
        listen: Listen,
    },
    /// The certificates cannot be used.
    Tls(TlsError),
    /// The journal could not be read or opened.
    Journal {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused something else.
    System {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { listen: Listen { transport, address }, source } => {
                write!(f, "cannot listen on {} {address}: {source}", transport.uri_token())
            }
            Self::Unsupported { listen: Listen { transport, address } } => {
                write!(f, "cannot listen on {} {address}: only udp, tcp and tls are supported", transport.uri_token())
            }
            Self::Tls(error) => write!(f, "{error}"),
            Self::Journal { path, source } => write!(f, "cannot use the journal {}: {source}", path.display()),
            Self::System { what, source } => write!(f, "cannot {what}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Journal { source, .. } | Self::System { source, .. } => Some(source),
            Self::Tls(error) => Some(error),
            Self::Unsupported { .. } => None,
        }
    }
}

impl StartError {
    /// The operating system's error, to raise as its own kind.
    #[must_use]
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Bind { source, .. } | Self::Journal { source, .. } | Self::System { source, .. } => Some(source),
            Self::Tls(TlsError::Unreadable { source, .. }) => Some(source),
            Self::Unsupported { .. } | Self::Tls(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advertise_reads_addresses_with_and_without_ports() {
        let pair = Advertise::parse("10.0.0.5", "203.0.113.9:5070").unwrap();
        assert_eq!(pair.bound, "10.0.0.5:0".parse().unwrap());
        assert_eq!(pair.public, "203.0.113.9:5070".parse().unwrap());
        assert!(Advertise::parse("2001:db8::5", "[2001:db8::6]:5060").is_some());
        assert!(Advertise::parse("[2001:db8::5]", "2001:db8::6").is_some());
        assert!(Advertise::parse("example.com", "203.0.113.9").is_none());
    }

    #[test]
    fn a_refused_address_is_named() {
        let listen = Listen { transport: Transport::Udp, address: "127.0.0.1:5060".parse().unwrap() };
        let error = StartError::Bind { listen, source: io::Error::from(io::ErrorKind::AddrInUse) };
        assert!(error.to_string().contains("udp 127.0.0.1:5060"), "{error}");
    }
}
