//! The drivers that carry the SIP core on a real network.
//!
//! [`Engine::bind`] opens the sockets and the journal; the [`Bound`] it gives tells what a core
//! needs to be made (addresses, identifiers, journal); [`Bound::start`] runs the core on a thread
//! of its own, and the [`Handle`] that returns is how the rest of the program talks to it.
//!
//! One thread, one epoll loop. Each turn does a bounded amount of work for each socket, so that a
//! flood on one delays neither the others nor commands nor timers. Linux only: batched datagrams,
//! the socket error queue and the eventfd have no portable form.
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("cordboard-net needs Linux: recvmmsg, IP_RECVERR, eventfd");

pub mod capture;
mod clock;
mod config;
mod core;
mod counters;
mod endpoint;
mod engine;
mod guard;
mod handle;
mod ids;
mod journal;
pub mod records;
mod routes;
mod shared;
mod sys;
mod tcp;
mod tls;
mod udp;

pub use self::clock::{Clock, unix_seconds};
pub use self::config::{Advertise, Config, Listen, StartError, TcpConfig, UdpConfig};
pub use self::core::Core;
pub use self::engine::{Bound, Engine};
pub use self::guard::{Ban, GuardConfig, Network};
pub use self::handle::{Handle, HandleError};
pub use self::ids::StrongIds;
pub use self::routes::LocalRoutes;
pub use self::tcp::framing;
pub use self::tls::{TlsConfig, TlsError, TlsIdentity, VerifyClient};
