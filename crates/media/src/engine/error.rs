//! Why the engine does not do what it is asked.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::IpAddr;

use crate::description::DescriptionError;

/// Why the engine does not do what it was asked.
#[derive(Debug)]
pub enum EngineError {
    /// It could not be started.
    Start(io::Error),
    /// No address of the family the peer has.
    Family(IpAddr),
    /// No port is left.
    NoPort,
    /// It is too far behind to take another leg.
    Behind,
    /// It has ended; with the reason if it was not asked to.
    Ended(Option<String>),
    /// A description that leads to no media.
    Description(DescriptionError),
    /// An answer where nothing was offered.
    NotOffered,
}

impl EngineError {
    /// The SIP status to refuse with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Family(_) => 488,
            Self::Description(error) => error.status(),
            Self::NotOffered => 400,
            Self::Start(_) | Self::NoPort | Self::Behind | Self::Ended(_) => 503,
        }
    }
}

impl From<DescriptionError> for EngineError {
    fn from(error: DescriptionError) -> Self {
        Self::Description(error)
    }
}

impl Display for EngineError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "the media engine cannot be started: {error}"),
            Self::Family(ip) => write!(f, "no media address of the family of {ip}"),
            Self::NoPort => f.write_str("no media port is left"),
            Self::Behind => f.write_str("too many commands wait for the media engine"),
            Self::Ended(None) => f.write_str("the media engine has been closed"),
            Self::Ended(Some(why)) => write!(f, "the media engine has failed: {why}"),
            Self::Description(error) => error.fmt(f),
            Self::NotOffered => f.write_str("an answer, and nothing was offered"),
        }
    }
}

impl std::error::Error for EngineError {}
