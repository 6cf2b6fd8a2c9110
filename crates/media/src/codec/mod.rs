//! Codecs: samples to payloads and back.
//!
//! [`Codec`] names one as SDP does; [`Encoder`] and [`Decoder`] hold the state of one direction of one stream.
//! A codec has two rates: the *clock rate* of SDP, in which RTP timestamps count, and the *sample rate* of
//! what goes in and comes out. For G.722 they differ by a historical mistake (RFC 3551 4.5.2).

pub mod g711;
pub mod g722;
pub mod l16;
pub mod opus;

use crate::dsp::plc::Plc;
use g722::{G722Decoder, G722Encoder};
use opus::{OpusDecoder, OpusEncoder};

/// A codec Cordboard speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// Linear samples of 16 bits, one channel, at so many hertz.
    L16(u32),
    /// Opus, one channel said and either number heard (RFC 7587).
    Opus,
}

impl Codec {
    /// The encoding name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::L16(_) => "L16",
            Self::Opus => "opus",
        }
    }

    /// The clock rate in SDP, hertz: what RTP timestamps count in.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::L16(rate) => rate,
            Self::Opus => opus::RATE,
        }
    }

    /// The rate of the samples, hertz.
    #[must_use]
    pub fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
            Self::G722 => 16_000,
            Self::L16(rate) => rate,
            Self::Opus => opus::RATE,
        }
    }

    /// The payload type RFC 3551 6 gives it without an `a=rtpmap`.
    #[must_use]
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::L16(44_100) => Some(11),
            Self::L16(_) | Self::Opus => None,
        }
    }

    /// The codec of a static payload type.
    #[must_use]
    pub fn from_static(payload_type: u8) -> Option<Self> {
        [Self::Pcmu, Self::Pcma, Self::G722, Self::L16(44_100)]
            .into_iter()
            .find(|codec| codec.static_payload_type() == Some(payload_type))
    }

    /// The codec an `a=rtpmap` names; `channels` is 1 where the line has none. Names are compared without
    /// regard to case (RFC 4855 3).
    #[must_use]
    pub fn from_rtpmap(name: &str, clock_rate: u32, channels: u8) -> Option<Self> {
        let linear = matches!(clock_rate, 8_000 | 16_000 | 24_000 | 44_100 | 48_000).then_some(Self::L16(clock_rate));
        [Some(Self::Pcmu), Some(Self::Pcma), Some(Self::G722), Some(Self::Opus), linear].into_iter().flatten().find(
            |codec| {
                codec.name().eq_ignore_ascii_case(name)
                    && codec.clock_rate() == clock_rate
                    && codec.channels() == channels
            },
        )
    }

    /// The number of channels SDP states: for Opus always two, whatever is sent (RFC 7587 7).
    #[must_use]
    pub fn channels(self) -> u8 {
        if self == Self::Opus { 2 } else { 1 }
    }

    /// How far the RTP timestamp moves over so many samples.
    #[must_use]
    pub fn ticks(self, samples: usize) -> u32 {
        (samples as u64 * u64::from(self.clock_rate()) / u64::from(self.sample_rate().max(1))) as u32
    }

    /// How many samples a payload holds.
    #[must_use]
    pub fn samples(self, payload: &[u8]) -> usize {
        match self {
            Self::Pcmu | Self::Pcma => payload.len(),
            Self::G722 => 2 * payload.len(),
            Self::L16(_) => payload.len() / 2,
            Self::Opus => opus::samples(payload),
        }
    }

    /// The packet time nearest to one that is wanted, not longer where it can be helped: Opus has 10, 20, 40 and 60 ms.
    #[must_use]
    pub fn packet_ms(self, wanted: u32) -> u32 {
        let opus = [60, 40, 20].into_iter().find(|ms| *ms <= wanted).unwrap_or(10);
        if self == Self::Opus { opus } else { wanted }
    }

    /// Octets a payload of so many samples has at most.
    #[must_use]
    pub fn payload_len(self, samples: usize) -> usize {
        match self {
            Self::Pcmu | Self::Pcma => samples,
            Self::G722 => samples / 2,
            Self::L16(_) => 2 * samples,
            Self::Opus => opus::MAX_PAYLOAD,
        }
    }
}

/// Samples to payloads, one stream.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    state: EncoderState,
}

#[derive(Debug)]
enum EncoderState {
    None,
    G722(Box<G722Encoder>),
    Opus(OpusEncoder),
}

impl Encoder {
    /// A fresh encoder.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let state = match codec {
            Codec::G722 => EncoderState::G722(Box::default()),
            Codec::Opus => EncoderState::Opus(OpusEncoder::default()),
            _ => EncoderState::None,
        };
        Self { codec, state }
    }

    /// What it encodes to.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes samples at the codec's sample rate into `out`, which has [`Codec::payload_len`] octets; gives the
    /// number written. For Opus the samples are 10, 20, 40 or 60 ms; of another length nothing is written.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        match (&mut self.state, self.codec) {
            (EncoderState::G722(encoder), _) => encoder.encode(samples, out),
            (EncoderState::Opus(encoder), _) => encoder.encode(samples, out),
            (EncoderState::None, Codec::Pcmu) => each(samples, out, g711::to_mulaw),
            (EncoderState::None, Codec::Pcma) => each(samples, out, g711::to_alaw),
            (EncoderState::None, _) => l16::encode(samples, out),
        }
    }

    /// Says how much the peer loses, in per cent: Opus then repeats more of each frame in the next.
    pub fn expect_loss(&mut self, percent: u8) {
        if let EncoderState::Opus(encoder) = &mut self.state {
            encoder.expect_loss(percent);
        }
    }
}

/// Payloads to samples, one stream, losses concealed.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    state: DecoderState,
}

#[derive(Debug)]
enum DecoderState {
    Simple(Plc),
    G722(Box<G722Decoder>, Plc),
    /// It conceals by itself.
    Opus(OpusDecoder),
}

impl Decoder {
    /// A fresh decoder.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let plc = || Plc::new(codec.sample_rate());
        let state = match codec {
            Codec::G722 => DecoderState::G722(Box::default(), plc()),
            Codec::Opus => DecoderState::Opus(OpusDecoder::default()),
            _ => DecoderState::Simple(plc()),
        };
        Self { codec, state }
    }

    /// What it decodes.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// How many samples a payload holds.
    #[must_use]
    pub fn samples(&self, payload: &[u8]) -> usize {
        self.codec.samples(payload)
    }

    /// Decodes a payload as far as `out` has room; gives the number of samples.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let (count, plc) = match (&mut self.state, self.codec) {
            (DecoderState::Opus(decoder), _) => return decoder.decode(payload, out),
            (DecoderState::G722(decoder, plc), _) => (decoder.decode(payload, out), plc),
            (DecoderState::Simple(plc), Codec::Pcmu) => (each(payload, out, g711::from_mulaw), plc),
            (DecoderState::Simple(plc), Codec::Pcma) => (each(payload, out, g711::from_alaw), plc),
            (DecoderState::Simple(plc), _) => (l16::decode(payload, out), plc),
        };
        plc.heard(&mut out[..count]);
        count
    }

    /// Fills `out` with what may have been in a packet that is missing. `next` is the payload right behind it, if that
    /// is there: in Opus it may hold a coarse copy of what is missing (RFC 6716 2.1.7).
    pub fn conceal(&mut self, next: Option<&[u8]>, out: &mut [i16]) {
        match &mut self.state {
            DecoderState::Opus(decoder) => decoder.conceal(next, out),
            DecoderState::G722(_, plc) | DecoderState::Simple(plc) => plc.conceal(out),
        }
    }
}

#[inline]
fn each<A: Copy, B>(from: &[A], to: &mut [B], one: impl Fn(A) -> B) -> usize {
    for (source, target) in from.iter().zip(to.iter_mut()) {
        *target = one(*source);
    }
    from.len().min(to.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{dbov, power};

    const ALL: [Codec; 6] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16(8_000), Codec::L16(48_000), Codec::Opus];

    fn voice(rate: u32, count: usize) -> Vec<i16> {
        (0..count)
            .map(|n| {
                let t = n as f64 / f64::from(rate);
                let one = |h: f64| (std::f64::consts::TAU * 140.0 * h * t).sin() / h;
                (4_000.0 * (1..14).map(|h| one(f64::from(h))).sum::<f64>()) as i16
            })
            .collect()
    }

    /// Signal to noise in dB, the codec's delay of so many samples taken away.
    fn snr(truth: &[i16], heard: &[i16], delay: usize) -> f32 {
        let error: Vec<i16> = heard[delay..].iter().zip(truth).map(|(a, b)| a.saturating_sub(*b)).collect();
        dbov(power(&truth[..error.len()])) - dbov(power(&error))
    }

    fn through(codec: Codec, samples: &[i16]) -> Vec<i16> {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
        let frame = codec.sample_rate() as usize / 50;
        let mut payload = vec![0; codec.payload_len(frame)];
        let mut heard = vec![0; samples.len()];
        for (said, out) in samples.chunks_exact(frame).zip(heard.chunks_exact_mut(frame)) {
            let count = encoder.encode(said, &mut payload);
            assert_eq!(decoder.samples(&payload[..count]), frame);
            assert_eq!(decoder.decode(&payload[..count], out), frame);
        }
        heard
    }

    #[test]
    fn sdp_names_and_static_types_lead_back_to_the_codec() {
        for codec in ALL {
            let name = codec.name().to_ascii_lowercase();
            assert_eq!(Codec::from_rtpmap(&name, codec.clock_rate(), codec.channels()), Some(codec));
            assert_eq!(Codec::from_rtpmap(&name, codec.clock_rate(), codec.channels() + 1), None);
            if let Some(payload_type) = codec.static_payload_type() {
                assert_eq!(Codec::from_static(payload_type), Some(codec));
            }
        }
        assert_eq!(Codec::from_rtpmap("PCMU", 16_000, 1), None);
        assert_eq!(Codec::from_rtpmap("G729", 8_000, 1), None);
        assert_eq!(Codec::from_static(18), None);
    }

    #[test]
    fn a_frame_of_20_ms_moves_the_timestamp_by_20_ms() {
        for codec in ALL {
            assert_eq!(codec.ticks(codec.sample_rate() as usize / 50), codec.clock_rate() / 50, "{codec:?}");
        }
    }

    #[test]
    fn a_voice_survives_each_codec() {
        for (codec, delay, least) in
            [(Codec::Pcmu, 0, 35.0), (Codec::Pcma, 0, 35.0), (Codec::G722, 22, 18.0), (Codec::L16(48_000), 0, 100.0)]
        {
            let said = voice(codec.sample_rate(), codec.sample_rate() as usize);
            let heard = through(codec, &said);
            let snr = snr(&said, &heard, delay);
            assert!(snr > least, "{codec:?}: {snr} dB");
        }
    }

    #[test]
    fn a_payload_too_long_for_the_buffer_is_cut() {
        for codec in ALL {
            let mut decoder = Decoder::new(codec);
            let mut out = [1; 10];
            assert_eq!(decoder.decode(&[0x55; 401], &mut out), 10, "{codec:?}");
            assert_eq!(decoder.decode(&[], &mut out), 0, "{codec:?}");
        }
    }

    #[test]
    fn a_lost_packet_is_concealed_with_the_same_voice() {
        for codec in ALL {
            let frame = codec.sample_rate() as usize / 50;
            let said = voice(codec.sample_rate(), 20 * frame);
            let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::new(codec));
            let mut payload = vec![0; codec.payload_len(frame)];
            let mut out = vec![0; frame];
            for piece in said.chunks(frame) {
                let count = encoder.encode(piece, &mut payload);
                decoder.decode(&payload[..count], &mut out);
            }
            let before = dbov(power(&out));
            decoder.conceal(None, &mut out);
            let after = dbov(power(&out));
            assert!((before - after).abs() < 3.0, "{codec:?}: {before} dBov, then {after}");
        }
    }
}
