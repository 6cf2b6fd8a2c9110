//! What a leg says to its peer: frames of 20 ms in, payloads of the agreed packet time out.

use super::FRAME_MS;
use crate::codec::{Codec, Encoder};

/// One stream being said.
pub(super) struct Mouth {
    encoder: Encoder,
    /// Samples of a packet.
    packet: usize,
    /// Samples that wait for a packet to be full.
    waiting: Vec<i16>,
}

impl Mouth {
    pub(super) fn new(codec: Codec, ptime_ms: u32) -> Self {
        let per_ms = |ms: u32| (codec.sample_rate() * ms / 1000) as usize;
        Self {
            encoder: Encoder::new(codec),
            packet: per_ms(codec.packet_ms(ptime_ms)),
            waiting: Vec::with_capacity(per_ms(ptime_ms + FRAME_MS)),
        }
    }

    pub(super) fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    /// Whether packets have this length.
    pub(super) fn has_ptime(&self, ptime_ms: u32) -> bool {
        let codec = self.codec();
        self.packet == (codec.sample_rate() * codec.packet_ms(ptime_ms) / 1000) as usize
    }

    /// Encodes a frame and gives each payload that is full, with the ticks it holds. `out` has room before for a
    /// header, behind for what encryption adds.
    pub(super) fn say(&mut self, frame: &[i16], out: &mut [u8], mut packet: impl FnMut(&mut [u8], usize, u32)) {
        let ticks = self.codec().ticks(self.packet);
        let room = crate::rtp::HEADER;
        if self.waiting.is_empty() && frame.len() == self.packet {
            let count = self.encoder.encode(frame, &mut out[room..]);
            packet(out, count, ticks);
            return;
        }
        self.waiting.extend_from_slice(frame);
        while self.waiting.len() >= self.packet {
            let count = self.encoder.encode(&self.waiting[..self.packet], &mut out[room..]);
            self.waiting.drain(..self.packet);
            packet(out, count, ticks);
        }
    }

    /// Nothing more is said for now.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
    }
}
