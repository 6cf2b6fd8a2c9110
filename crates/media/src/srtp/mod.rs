//! Secure RTP (RFC 3711) with keys by SDES (RFC 4568).

mod suite;

pub use suite::{Keys, Suite};
