//! Opus (RFC 6716) by libopus, in RTP as RFC 7587 has it: a clock of 48 kHz whatever is sent, one frame a packet.

use ::opus as lib;
use lib::{Application, Bitrate, Channels};

/// Samples and ticks a second.
pub const RATE: u32 = 48_000;
/// Octets of the longest frame (RFC 6716 3.2.1).
pub const MAX_PAYLOAD: usize = 1_275;
/// The longest packet, 120 ms.
const LONGEST: usize = 5_760;
/// What libopus conceals is a multiple of this, 2.5 ms.
const STEP: usize = 120;
/// Enough for speech in full band.
const BITRATE: i32 = 32_000;
/// Of 10; more costs time and is not heard in speech.
const COMPLEXITY: i32 = 5;
/// Per cent, until the peer reports.
const USUAL_LOSS: u8 = 5;

/// Speech to Opus.
#[derive(Debug)]
pub struct OpusEncoder {
    /// None if libopus could not make one, which has no memory then.
    inner: Option<lib::Encoder>,
}

impl Default for OpusEncoder {
    fn default() -> Self {
        let mut encoder = Self { inner: encoder(RATE, Channels::Mono, BITRATE).ok() };
        if let Some(inner) = &mut encoder.inner {
            // It refuses neither; a frame's coarse copy goes into the next.
            let _ = inner.set_inband_fec(true);
        }
        encoder.expect_loss(USUAL_LOSS);
        encoder
    }
}

impl OpusEncoder {
    /// Encodes 10, 20, 40 or 60 ms; gives the number of octets, 0 if it is not so long or `out` has no room.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let room = out.len().min(MAX_PAYLOAD);
        self.inner.as_mut().and_then(|inner| inner.encode(samples, &mut out[..room]).ok()).unwrap_or(0)
    }

    /// How much the peer loses, per cent.
    pub fn expect_loss(&mut self, percent: u8) {
        if let Some(inner) = &mut self.inner {
            // It refuses nothing from 0 to 100.
            let _ = inner.set_packet_loss_perc(percent.min(100).into());
        }
    }
}

/// An encoder for speech, as it is used in RTP and in files.
///
/// # Errors
/// If the rate is none of Opus' (8,000, 12,000, 16,000, 24,000 or 48,000), or there is no memory.
pub(crate) fn encoder(rate: u32, channels: Channels, bitrate: i32) -> Result<lib::Encoder, lib::Error> {
    let mut encoder = lib::Encoder::new(rate, channels, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(bitrate))?;
    encoder.set_complexity(COMPLEXITY)?;
    Ok(encoder)
}

/// How many samples a payload holds; 0 if it is not Opus.
#[must_use]
pub fn samples(payload: &[u8]) -> usize {
    if payload.is_empty() { 0 } else { lib::packet::get_nb_samples(payload, RATE).unwrap_or(0) }
}

/// Opus to speech of one channel.
#[derive(Debug)]
pub struct OpusDecoder {
    /// As in [`OpusEncoder`].
    inner: Option<lib::Decoder>,
    /// For packets longer than what is asked for.
    whole: Box<[i16]>,
}

impl Default for OpusDecoder {
    fn default() -> Self {
        Self { inner: lib::Decoder::new(RATE, Channels::Mono).ok(), whole: vec![0; LONGEST].into() }
    }
}

impl OpusDecoder {
    /// Decodes a payload as far as `out` has room; gives the number of samples, 0 if it is not Opus.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let Some(inner) = &mut self.inner else { return 0 };
        if payload.is_empty() {
            return 0;
        }
        let Ok(count) = inner.decode(payload, &mut self.whole, false) else { return 0 };
        let count = count.min(out.len());
        out[..count].copy_from_slice(&self.whole[..count]);
        count
    }

    /// Makes up what is missing, from the packet behind it where that is there.
    pub fn conceal(&mut self, next: Option<&[u8]>, out: &mut [i16]) {
        let count = out.len() / STEP * STEP;
        let (made, rest) = out.split_at_mut(count);
        rest.fill(0);
        let Some(inner) = &mut self.inner else { return made.fill(0) };
        for part in made.chunks_mut(LONGEST) {
            // Where the next packet has no copy of this one, libopus conceals.
            let next = next.filter(|next| !next.is_empty());
            let recovered = next.is_some_and(|next| inner.decode(next, part, true).is_ok());
            if !recovered && inner.decode(&[], part, false).is_err() {
                part.fill(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsp::level::{dbov, power};
    use crate::dsp::oscillator::Oscillator;

    const FRAME: usize = 960;

    /// Sines that come and go, so that each frame differs from the one before.
    fn melody(frames: usize) -> Vec<i16> {
        let mut samples = Vec::new();
        for frame in 0..frames {
            let mut sine = Oscillator::new(300.0 + 100.0 * (frame / 3 % 7) as f64, RATE);
            samples.extend((0..FRAME).map(|_| (8_000.0 * sine.sample()) as i16));
        }
        samples
    }

    fn packets(samples: &[i16], frame: usize) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::default();
        encoder.expect_loss(20);
        samples
            .chunks_exact(frame)
            .map(|piece| {
                let mut payload = [0; MAX_PAYLOAD];
                let count = encoder.encode(piece, &mut payload);
                payload[..count].to_vec()
            })
            .collect()
    }

    #[test]
    fn every_packet_time_of_telephony_is_encoded_and_says_its_length() {
        let samples = melody(24);
        for frame in [FRAME / 2, FRAME, 2 * FRAME, 3 * FRAME] {
            let payloads = packets(&samples, frame);
            assert!(payloads.iter().all(|payload| super::samples(payload) == frame), "{frame}");
            let octets: usize = payloads.iter().map(Vec::len).sum();
            let bitrate = octets * 8 * RATE as usize / samples.len();
            assert!((8_000..48_000).contains(&bitrate), "{frame}: {bitrate} bit/s");
        }
        assert_eq!(OpusEncoder::default().encode(&[0; 100], &mut [0; MAX_PAYLOAD]), 0);
    }

    #[test]
    fn a_lost_packet_is_better_made_from_the_next_than_from_the_ones_before() {
        let samples = melody(60);
        let payloads = packets(&samples, FRAME);
        let (mut with, mut without) = (0.0, 0.0);
        for lost in (9..57).step_by(3) {
            let (mut whole, mut guessing, mut helped) =
                (OpusDecoder::default(), OpusDecoder::default(), OpusDecoder::default());
            let mut frames = [[0; FRAME]; 3];
            for payload in &payloads[..lost] {
                for (decoder, frame) in [&mut whole, &mut guessing, &mut helped].into_iter().zip(&mut frames) {
                    assert_eq!(decoder.decode(payload, frame), FRAME);
                }
            }
            whole.decode(&payloads[lost], &mut frames[0]);
            guessing.conceal(None, &mut frames[1]);
            helped.conceal(Some(&payloads[lost + 1]), &mut frames[2]);
            let error = |frame: &[i16]| -> f32 {
                power(&frame.iter().zip(&frames[0]).map(|(a, b)| a.saturating_sub(*b)).collect::<Vec<_>>())
            };
            without += error(&frames[1]);
            with += error(&frames[2]);
        }
        assert!(dbov(with) < dbov(without) - 3.0, "{} and {} dBov", dbov(with), dbov(without));
    }

    #[test]
    fn a_packet_in_stereo_is_heard_in_one_channel() {
        let mut encoder = encoder(RATE, Channels::Stereo, 64_000).unwrap();
        let mut decoder = OpusDecoder::default();
        let stereo: Vec<i16> = melody(10).into_iter().flat_map(|sample| [sample, sample]).collect();
        let mut frame = [0; FRAME];
        for piece in stereo.chunks(2 * FRAME) {
            let mut payload = [0; MAX_PAYLOAD];
            let count = encoder.encode(piece, &mut payload).unwrap();
            assert_eq!(decoder.decode(&payload[..count], &mut frame), FRAME);
        }
        assert!(dbov(power(&frame)) > -20.0);
    }

    proptest! {
        #[test]
        fn no_payload_breaks_it(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..10), room in 0_usize..6_000) {
            let mut decoder = OpusDecoder::default();
            let mut out = vec![0; room];
            for payload in &payloads {
                let count = decoder.decode(payload, &mut out);
                prop_assert!(count <= room.min(samples(payload)));
                decoder.conceal(Some(payload), &mut out);
            }
        }
    }
}
