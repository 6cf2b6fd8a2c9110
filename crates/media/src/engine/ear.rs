//! What a leg hears of its peer: packets in, a frame of samples each 20 ms out.

use super::FRAME_MS;
use crate::cng::{Comfort, Noise};
use crate::codec::{Codec, Decoder};
use crate::dsp::resample::Resampler;
use crate::jitter::{Jitter, Limits, Sound, Taken};
use crate::rtp::Packet;

/// Samples of the longest packet, 120 ms at 48 kHz, of another one that is faded into it, and a frame.
const MOST: usize = 2 * 5_760 + 960;
/// The longest packet there is room for from the beginning on, and once longer ones have come, milliseconds.
const USUAL_MS: u32 = 60;
const LONGEST_MS: u32 = 120;

/// One stream being heard.
pub(super) struct Ear {
    jitter: Jitter,
    clock_rate: u32,
    /// Octets of the largest payload there is room for.
    largest: usize,
    /// What payload types mean that have come.
    kinds: Vec<(u8, Codec)>,
    decoder: Decoder,
    /// Decoded and not yet heard.
    samples: Vec<i16>,
    /// Of those at the end, how many are to be faded into what is decoded next.
    surplus: usize,
    scratch: Vec<i16>,
    resampler: Option<(u32, u32, Resampler)>,
    rate: u32,
    frame: Vec<i16>,
    heard: bool,
    late_before: u64,
    /// Made in the pauses of a sender that says what they sound like, from this timestamp on.
    noise: Option<Box<Noise>>,
    pause_from: Option<u32>,
}

fn largest(codec: Codec, ms: u32) -> usize {
    codec.payload_len((codec.sample_rate() * ms / 1000) as usize)
}

impl Ear {
    pub(super) fn new(codec: Codec) -> Self {
        let (clock_rate, largest) = (codec.clock_rate(), largest(codec, USUAL_MS));
        Self {
            jitter: Jitter::new(clock_rate, largest, Limits::default()),
            clock_rate,
            largest,
            kinds: Vec::new(),
            decoder: Decoder::new(codec),
            samples: Vec::new(),
            surplus: 0,
            scratch: Vec::new(),
            resampler: None,
            rate: 8_000,
            frame: Vec::new(),
            heard: false,
            late_before: 0,
            noise: None,
            pause_from: None,
        }
    }

    /// Packets that came too late.
    pub(super) fn late(&self) -> u64 {
        self.late_before + self.jitter.counts().late
    }

    /// What was heard last.
    pub(super) fn codec(&self) -> Codec {
        self.decoder.codec()
    }

    /// Takes in a packet that came at `now`, microseconds; whether there is room for one as long.
    pub(super) fn put(&mut self, packet: &Packet, codec: Codec, payload: &[u8], now: u64) -> bool {
        match self.kinds.iter_mut().find(|(number, _)| *number == packet.payload_type) {
            Some((_, known)) => *known = codec,
            None => self.kinds.push((packet.payload_type, codec)),
        }
        let usual = largest(codec, USUAL_MS);
        let wanted = if payload.len() > usual { largest(codec, LONGEST_MS) } else { usual };
        if payload.len() > wanted {
            return false;
        }
        if codec.clock_rate() != self.clock_rate || wanted > self.largest {
            self.late_before += self.jitter.counts().late;
            (self.clock_rate, self.largest) = (codec.clock_rate(), self.largest.max(wanted));
            self.jitter = Jitter::new(self.clock_rate, self.largest, Limits::default());
        }
        let (sequence, timestamp, payload_type) = (packet.sequence, packet.timestamp, packet.payload_type);
        let ticks = codec.ticks(codec.samples(payload));
        self.jitter.put(packet.ssrc, &Sound { sequence, timestamp, payload_type, ticks, payload }, self.ticks(now));
        true
    }

    /// Takes in what a pause sounds like that begins, or goes on.
    pub(super) fn pause(&mut self, packet: &Packet, comfort: Comfort) {
        self.pass(packet);
        self.noise.get_or_insert_with(|| Box::new(Noise::new(packet.ssrc))).update(comfort);
        self.pause_from = Some(packet.timestamp);
    }

    /// Whether what is heard is a pause as the sender describes it.
    pub(super) fn is_pausing(&self) -> bool {
        self.pause_from.is_some() && self.samples.is_empty()
    }

    /// A packet without sound came: nobody waits for its number.
    pub(super) fn pass(&mut self, packet: &Packet) {
        self.jitter.pass(packet.ssrc, packet.sequence);
    }

    fn ticks(&self, now: u64) -> u32 {
        (now * u64::from(self.clock_rate) / 1_000_000) as u32
    }

    /// Makes the frame of this moment at `rate`; whether anything is heard.
    pub(super) fn listen(&mut self, rate: u32, now: u64) {
        self.rate = rate;
        let frame = self.native();
        self.heard = self.fill(now) && self.samples.len() >= frame;
        if !self.heard {
            return;
        }
        let (frame, from) = (self.native(), self.codec().sample_rate());
        self.frame.resize((rate * FRAME_MS / 1000) as usize, 0);
        if from == rate {
            self.frame.copy_from_slice(&self.samples[..frame]);
        } else {
            if self.resampler.as_ref().is_none_or(|(f, t, _)| (*f, *t) != (from, rate)) {
                self.resampler = Resampler::new(from, rate).ok().map(|resampler| (from, rate, resampler));
            }
            if let Some((_, _, resampler)) = &mut self.resampler {
                resampler.process(&self.samples[..frame], &mut self.frame);
            }
        }
        self.samples.drain(..frame);
    }

    /// The frame of this moment, if anything is heard.
    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.heard.then_some(&*self.frame)
    }

    /// Makes the frame silence.
    pub(super) fn hush(&mut self) {
        self.frame.fill(0);
    }

    /// Samples of a frame at the codec's own rate.
    fn native(&self) -> usize {
        (self.codec().sample_rate() * FRAME_MS / 1000) as usize
    }

    /// Gets samples for a frame; false in a pause.
    fn fill(&mut self, now: u64) -> bool {
        let now = self.ticks(now);
        while self.samples.len() < self.native() + self.surplus {
            let ticks = self.clock_rate * FRAME_MS / 1000;
            match self.jitter.take(now, ticks) {
                Taken::Payload { payload_type, payload, surplus, timestamp, .. } => {
                    let ended = |from: u32| timestamp.wrapping_sub(from).cast_signed() > 0;
                    self.pause_from = self.pause_from.filter(|from| !ended(*from));
                    let kind = self.kinds.iter().find(|(number, _)| *number == payload_type);
                    let codec = kind.map_or(self.decoder.codec(), |(_, codec)| *codec);
                    if codec != self.decoder.codec() {
                        self.decoder = Decoder::new(codec);
                        self.samples.clear();
                        self.surplus = 0;
                    }
                    self.scratch.resize(MOST / 2, 0);
                    let count = self.decoder.decode(payload, &mut self.scratch);
                    self.append(count);
                    self.surplus = if surplus { count } else { 0 };
                }
                Taken::Conceal { .. } | Taken::Pause { .. } if self.pause_from.is_some() => {
                    let missing = self.native() + self.surplus - self.samples.len();
                    self.scratch.resize(MOST / 2, 0);
                    if let Some(noise) = &mut self.noise {
                        noise.fill(&mut self.scratch[..missing]);
                    }
                    self.append(missing);
                    self.surplus = 0;
                }
                Taken::Conceal { ticks, next } => {
                    let codec = self.decoder.codec();
                    let count =
                        (u64::from(ticks) * u64::from(codec.sample_rate()) / u64::from(codec.clock_rate())) as usize;
                    self.scratch.resize(MOST / 2, 0);
                    let count = count.clamp(1, MOST / 2);
                    self.decoder.conceal(next, &mut self.scratch[..count]);
                    self.append(count);
                    self.surplus = 0;
                }
                Taken::Pause { .. } => {
                    if self.samples.is_empty() {
                        return false;
                    }
                    // The rest of what was said, and silence behind it.
                    let missing = self.native() + self.surplus - self.samples.len();
                    self.samples.resize(self.samples.len() + missing, 0);
                    self.surplus = 0;
                }
            }
        }
        true
    }

    /// Puts the first samples of the scratch behind those that wait, faded with the surplus before them.
    fn append(&mut self, count: usize) {
        let fade = self.surplus.min(count);
        let start = self.samples.len() - self.surplus;
        for at in 0..fade {
            let (old, new) = (f32::from(self.samples[start + at]), f32::from(self.scratch[at]));
            let share = (at + 1) as f32 / (fade + 1) as f32;
            self.samples[start + at] = (old + (new - old) * share).round() as i16;
        }
        self.samples.truncate(start + fade);
        self.samples.extend_from_slice(&self.scratch[fade..count]);
    }
}
