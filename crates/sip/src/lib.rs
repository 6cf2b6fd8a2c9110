//! SIP without I/O.
//!
//! Nothing in this crate touches a socket, a clock, a thread or a source of randomness. Bytes,
//! the time and fresh identifiers come in as arguments; bytes to send, timers to wait for and
//! events for the user come out as values. The same code therefore runs under a live driver
//! (`cordboard-net`) and on a virtual network in a test.
//!
//! From the bottom up: [`message`], [`header`], [`uri`] and [`sdp`] are the grammar of RFC 3261
//! and RFC 8866; [`offer_answer`] is RFC 3264; [`transaction`] is section 17; [`dialog`] section
//! 12; [`digest`], [`directory`], [`bindings`] and [`registrar`] decide who may register and where a
//! DN can be reached; [`endpoint`] puts them together.
#![forbid(unsafe_code)]

pub mod bindings;
mod crc;
pub mod dialog;
pub mod digest;
pub mod directory;
pub mod endpoint;
pub mod event;
pub mod flow;
pub mod header;
pub mod ids;
pub mod limits;
pub mod message;
pub mod offer_answer;
pub mod registrar;
mod roomy;
pub mod sdp;
pub mod stun;
mod text;
pub mod time;
pub mod timers;
pub mod transaction;
pub mod uri;

pub use flow::{Flow, Routes, Transmit, Transport};
pub use ids::Ids;
pub use message::{Message, MessageBuilder, Method};
pub use time::Time;
