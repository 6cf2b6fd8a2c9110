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

    /// What the peer says it loses, per cent.
    pub(super) fn expect_loss(&mut self, percent: u8) {
        self.encoder.expect_loss(percent);
    }

    /// Nothing more is said for now.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::oscillator::Oscillator;
    use crate::rtp::HEADER;

    /// How many packets of a voice hold a copy of the one before: in what is not CELT alone the bit behind that of
    /// voice activity says so (RFC 6716 4.2.3, 4.2.4).
    fn copies(percent: u8) -> usize {
        let mut mouth = Mouth::new(Codec::Opus, 20);
        mouth.expect_loss(percent);
        let (mut out, mut count) = ([0; 2_000], 0);
        for frame in 0..60 {
            let mut voices =
                [1, 2, 3, 5].map(|n| Oscillator::new(f64::from(120 + frame % 9 * 10) * f64::from(n), 48_000));
            let sample = |_| voices.iter_mut().map(|voice| voice.sample() * 3_000.0).sum::<f64>() as i16;
            let frame: Vec<i16> = (0..960).map(sample).collect();
            mouth.say(&frame, &mut out, |data, length, _| {
                let payload = &data[HEADER..HEADER + length];
                count += usize::from(payload[0] & 0x80 == 0 && payload[1] & 0x40 != 0);
            });
        }
        count
    }

    #[test]
    fn opus_repeats_itself_for_a_peer_that_loses_packets() {
        assert_eq!(copies(0), 0);
        assert!(copies(20) > 30, "{}", copies(20));
    }
}
