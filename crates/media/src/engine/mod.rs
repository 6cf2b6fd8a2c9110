//! The engine: real sockets and real time around what the rest of this crate does without either.
//!
//! ```text
//!   caller ---- commands ----> thread: epoll -- packets --> leg -- relay ---------------> leg --> packet
//!          <---- events -----     |                          |                            ^
//!                                 '- each 20 ms ------------ ear --> room or other leg -- mouth
//!                                                             |        ^
//!          disk threads <--- samples of recorders ------------'        '--- samples of sounds, read ahead
//! ```
//!
//! A leg lives on one thread, a room and all its legs on one, so nothing is locked per packet; a leg that is joined
//! with one of another thread moves there. The caller never waits: commands and events pass through bounded queues.
//! Packets of two legs with the same codec are passed on as they come, with no more than their header rewritten.

mod command;
mod digits;
mod disk;
mod ear;
mod error;
mod handle;
mod homes;
mod keys;
mod leg;
mod link;
mod mouth;
mod overheard;
mod player;
mod ports;
mod queue;
mod recorder;
mod relay;
mod report;
mod room;
mod sound;
mod speak;
mod start;
mod sys;
#[cfg(test)]
mod tests;
mod thread;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use command::Act;
pub use error::EngineError;
pub use handle::{Engine, LegHandle, Peer};
pub use report::Stats;
pub use sys::Batch;

use crate::codec::Codec;
use crate::description::{Capabilities, SrtpPolicy};
use crate::srtp::Suite;
use crate::tone::Plan;

/// A frame, milliseconds: what is mixed at a time.
pub(crate) const FRAME_MS: u32 = 20;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses legs receive at: the first of each family is used.
    pub addresses: Vec<IpAddr>,
    /// The address told to peers in the place of a bound one, where a NAT with fixed ports lies between.
    pub advertised: Vec<(IpAddr, IpAddr)>,
    /// First and last port.
    pub ports: (u16, u16),
    /// How long a port rests after its use.
    pub port_rest: Duration,
    /// Threads packets are handled on.
    pub threads: usize,
    /// Whether they go before all that is not of real time on this machine, where it lets them.
    pub realtime: bool,
    /// What is offered and taken.
    pub capabilities: Capabilities,
    /// Whether keys in the sound of a leg whose peer knows no events are looked for also where it is joined with another,
    /// and sent there as events. Its packets are decoded then.
    pub inband_digits: bool,
    /// Time between two reports to a peer, and between two events of quality.
    pub report_interval: Duration,
    /// After how long nothing coming is told.
    pub lost_after: Duration,
    /// After how long of sending with never an answer it is told that only one hears the other.
    pub one_way_after: Duration,
    /// Octets of sounds that are kept decoded.
    pub sound_cache: usize,
    /// Events that may wait; beyond, those that only inform are left out.
    pub event_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::from([127, 0, 0, 1])],
            advertised: Vec::new(),
            ports: (16_384, 32_767),
            port_rest: Duration::from_secs(5),
            threads: 1,
            realtime: false,
            capabilities: Capabilities {
                codecs: vec![Codec::Pcma, Codec::Pcmu, Codec::G722],
                telephone_event: true,
                comfort_noise: false,
                ptime_ms: 20,
                srtp: SrtpPolicy::Optional,
                suites: vec![
                    Suite::AesCm128HmacSha1_80,
                    Suite::AesCm256HmacSha1_80,
                    Suite::AeadAes128Gcm,
                    Suite::AeadAes256Gcm,
                    Suite::AesCm128HmacSha1_32,
                ],
                rtcp_mux: true,
            },
            inband_digits: false,
            report_interval: Duration::from_secs(5),
            lost_after: Duration::from_secs(10),
            one_way_after: Duration::from_secs(5),
            sound_cache: 64 << 20,
            event_limit: 50_000,
        }
    }
}

/// Names a leg, a room, a player or a recorder; never used again.
pub type Id = u64;

/// What a leg does in a room, or towards the leg it is joined with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Role {
    /// It is heard.
    pub talk: bool,
    /// It hears.
    pub hear: bool,
    /// Of what it says, decibels.
    pub gain: f32,
    /// Its digits are kept from the others.
    pub clamp_dtmf: bool,
    /// The only leg that hears it.
    pub coach_for: Option<Id>,
}

impl Default for Role {
    fn default() -> Self {
        Self { talk: true, hear: true, gain: 0.0, clamp_dtmf: true, coach_for: None }
    }
}

/// A sound to play.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A tone with its cadence.
    Tone(Plan),
    /// Frequencies with their levels (dBm0), all at once, for so many milliseconds; none for silence.
    Waves(u32, Vec<(f64, f32)>),
}

/// How sounds are played: one after another, the row as often as wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Playing {
    /// The row.
    pub sources: Vec<Source>,
    /// How often; 0 for without end.
    pub repeat: u32,
    /// Silence between two times, milliseconds.
    pub delay_ms: u32,
    /// When it ends at the latest; 0 for never.
    pub duration_ms: u32,
    /// Where the first time begins.
    pub offset_ms: u32,
    /// Decibels.
    pub gain: f32,
}

impl Default for Playing {
    fn default() -> Self {
        Self { sources: Vec::new(), repeat: 1, delay_ms: 0, duration_ms: 0, offset_ms: 0, gain: 0.0 }
    }
}

/// How something is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its ending is the format.
    pub path: PathBuf,
    /// 0 for without end.
    pub max_ms: u32,
    /// How long speech may be waited for; 0 for as long as it takes.
    pub speech_within_ms: u32,
    /// How much silence after speech ends it; 0 for any.
    pub silence_ms: u32,
    /// A beep is heard before.
    pub beep: bool,
    /// What is there is kept and gone on from.
    pub append: bool,
    /// 1, or 2.
    pub channels: u16,
}

/// Where something is played or recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One leg.
    Leg(Id),
    /// All of a room.
    Room(Id),
}

/// Why a player ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlayEnd {
    /// All was played.
    Complete,
    /// Its time was over.
    Duration,
    /// It was asked to.
    Stopped,
    /// A source could not be read, or the leg or room ended.
    Failed,
}

/// Why a recorder ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordEnd {
    /// It was asked to.
    Stopped,
    /// It is as long as it may be.
    Max,
    /// Silence after speech.
    Silence,
    /// Nobody spoke in time.
    NoSpeech,
    /// The file could not be written, or the leg or room ended.
    Failed,
}

/// What the engine tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A digit was pressed on a leg and let go.
    Digit {
        /// The leg.
        leg: Id,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// For how long.
        ms: u32,
    },
    /// A player ended.
    Played {
        /// The player.
        player: Id,
        /// Why.
        why: PlayEnd,
        /// How long it played.
        ms: u64,
    },
    /// A recorder ended and its file is whole.
    Recorded {
        /// The recorder.
        recorder: Id,
        /// Why.
        why: RecordEnd,
        /// How long the file is.
        ms: u64,
    },
    /// Nothing has come for long, or it comes again.
    Lost {
        /// The leg.
        leg: Id,
        /// It comes again.
        back: bool,
    },
    /// We send and nothing has ever come.
    OneWay {
        /// The leg.
        leg: Id,
    },
    /// The statistics of a leg are new.
    Quality {
        /// The leg.
        leg: Id,
    },
    /// A leg in a room begins to talk, or no longer does.
    Talking {
        /// The leg.
        leg: Id,
        /// It talks.
        talking: bool,
    },
}

impl Event {
    /// Whether somebody waits for it; the others are left out when too many wait.
    fn must_arrive(&self) -> bool {
        matches!(self, Self::Played { .. } | Self::Recorded { .. })
    }
}
