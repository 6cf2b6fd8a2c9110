//! Offer and answer (RFC 3264, RFC 6337) as functions on the model of [`crate::sdp`].
//!
//! * [`Exchange`] follows who has offered and who owes an answer: a table of states, and the messages
//!   that may carry each (RFC 6337 section 2).
//! * [`answer`] makes an answer from what we can do; [`check_answer`] says whether one fits its offer.
//! * [`hold`], [`retrieve`] and [`reoffer`] make the next offer of a session that is up;
//!   [`holds`] and [`hold_change`] read what the peer's says.
//! * [`black_hole`] and [`black_hole_answer`] keep a party waiting while third-party call control finds
//!   it another one (RFC 3725 section 5).
//!
//! Directions are always those of whoever says them: in our offer `sendonly` means that we send. What
//! both sides may do once offer and answer have met is [`agreed`], seen by the offerer:
//!
//! | offer      | answer sendrecv | answer sendonly | answer recvonly | answer inactive |
//! |------------|-----------------|-----------------|-----------------|-----------------|
//! | `sendrecv` | both ways       | offerer hears   | offerer speaks  | silence         |
//! | `sendonly` | not valid       | not valid       | offerer speaks  | silence         |
//! | `recvonly` | not valid       | offerer hears   | not valid       | silence         |
//! | `inactive` | not valid       | not valid       | not valid       | silence         |

mod answer;
mod exchange;
mod hold;
mod reoffer;
#[cfg(test)]
mod tests;

pub use answer::{AnswerFault, Capabilities, Codec, NothingInCommon, Stream, agreed, answer, check_answer, may_answer};
pub use exchange::{Act, Carrier, Exchange, Meaning, Party, STATES, State, Violation, next};
pub use hold::{HoldChange, audio_direction, hold, hold_change, holds, retrieve};
pub use reoffer::{black_hole, black_hole_answer, reoffer};
