//! Where a message came from and where one goes.

use std::net::SocketAddr;
use std::sync::Arc;

/// The transports of RFC 3261 section 18 and RFC 7118.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP: unreliable, one message a datagram.
    Udp,
    /// TCP: a stream, framed by Content-Length.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// Whether the transport delivers, so that timers A, E and G are off (RFC 3261 17.1.1.2).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// Whether the transport is encrypted hop by hop.
    #[must_use]
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The word of a Via header: `UDP`, `TCP` ...
    #[must_use]
    pub fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The value of a URI's `transport` parameter: `udp`, `tcp` ...
    #[must_use]
    pub fn uri_token(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Reads either form, in any case.
    #[must_use]
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|t| t.uri_token().eq_ignore_ascii_case(token))
    }

    /// The default port (RFC 3261 19.1.2, RFC 7118 section 5).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// One path between this server and a peer: a pair of addresses on a transport and, where the
/// transport has connections, which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// The address of ours: of the listening socket for UDP, of the connection otherwise.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The driver's number of the connection. 0 means "any connection to `remote`, a new one if
    /// there is none"; always 0 for UDP.
    pub connection: u64,
}

/// Bytes to put on the wire. Cheap to clone: a retransmission sends the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub flow: Flow,
    /// The message as printed.
    pub bytes: Arc<[u8]>,
}

/// Which of our addresses a peer should be told to answer to.
pub trait Routes: Send {
    /// The address and port to print in Via and Contact for messages to `remote`, and to send
    /// from. `None` if nothing listens on that transport and address family.
    fn local(&self, transport: Transport, remote: SocketAddr) -> Option<SocketAddr>;
}
