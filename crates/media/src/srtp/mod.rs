//! Secure RTP and RTCP (RFC 3711) by the keys of a description.
//!
//! [`Transmit`] encrypts what one side sends, [`Receive`] decrypts what the other does; each holds the keys of one
//! direction and follows the streams (SSRCs) in it. Packets are worked on where they lie.
//!
//! - The index of a packet, its sequence number and how often that has rolled over, is estimated from what came before
//!   (3.3.1); it never goes back to zero under the same key, or the same keystream would be used twice.
//! - A packet is taken once: a window of the last [`WINDOW`] says which have come (3.3.2). It moves by authentic packets
//!   only.
//! - Tags are compared in constant time.

mod cipher;
mod derive;
mod index;
mod receive;
mod streams;
mod suite;
#[cfg(test)]
mod tests;
mod transmit;

pub use index::WINDOW;
pub use receive::Receive;
pub use suite::{Keys, Suite};
pub use transmit::Transmit;

/// Octets by which encryption lengthens a packet at most, RTP or RTCP: tag, index and key identifier.
pub const ROOM: usize = 16 + 4 + Keys::MAX_MKI as usize;

/// Why a packet is not encrypted or not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpError {
    /// Not RTP, or not RTCP, or too short to be secured.
    Malformed,
    /// It names another key.
    Mki,
    /// It has come before, or is older than anything remembered.
    Replayed,
    /// Its tag is not that of its octets.
    NotAuthentic,
    /// The key has encrypted all it may (RFC 3711 9.2).
    Exhausted,
    /// More streams than are followed.
    Streams,
    /// No room for [`ROOM`] octets behind the packet.
    NoRoom,
}

impl std::fmt::Display for SrtpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a packet of its kind",
            Self::Mki => "of another key",
            Self::Replayed => "come before or too old",
            Self::NotAuthentic => "not authentic",
            Self::Exhausted => "the key is used up",
            Self::Streams => "too many streams",
            Self::NoRoom => "no room behind the packet",
        })
    }
}

impl std::error::Error for SrtpError {}

/// Octets of the header of RTCP that stay readable.
const RTCP_HEADER: usize = 8;
/// Set before the index of RTCP that is encrypted.
const ENCRYPTED: u32 = 1 << 31;

fn word(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

/// The header of RTP: its length, sequence number and SSRC.
fn rtp_header(data: &[u8]) -> Result<(usize, u16, u32), SrtpError> {
    let header = crate::rtp::header_len(data).map_err(|_| SrtpError::Malformed)?;
    let sequence = u16::from_be_bytes([data[2], data[3]]);
    Ok((header, sequence, word(data, 8).ok_or(SrtpError::Malformed)?))
}

/// The SSRC of the first packet of a compound of RTCP.
fn rtcp_ssrc(data: &[u8]) -> Result<u32, SrtpError> {
    if data.len() < RTCP_HEADER || data[0] >> 6 != 2 {
        return Err(SrtpError::Malformed);
    }
    word(data, 4).ok_or(SrtpError::Malformed)
}
