//! What a leg hears of its peer: packets in, a frame of samples each 20 ms out.

use super::FRAME_MS;
use crate::codec::{Codec, Decoder};
use crate::dsp::resample::Resampler;

/// Packets that may wait.
const SLOTS: usize = 16;
/// Packets gathered before the first is heard.
const BEGIN: usize = 2;
/// Frames made up when nothing comes before it is silence.
const PATIENCE: u32 = 3;
/// Samples of the longest packet, 60 ms at 48 kHz, and a frame.
const MOST: usize = 3_840;

struct Slot {
    sequence: u16,
    codec: Codec,
    payload: Vec<u8>,
    taken: bool,
}

/// One stream being heard.
pub(super) struct Ear {
    slots: Vec<Slot>,
    /// The sequence number heard next; `None` while packets are gathered.
    next: Option<u16>,
    decoder: Decoder,
    /// Decoded and not yet heard.
    samples: Box<[i16]>,
    filled: usize,
    packet: usize,
    missing: u32,
    resampler: Option<(u32, Resampler)>,
    rate: u32,
    frame: Box<[i16]>,
    heard: bool,
    late: u64,
}

impl Ear {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            slots: Vec::new(),
            next: None,
            decoder: Decoder::new(codec),
            samples: vec![0; MOST].into(),
            filled: 0,
            packet: 0,
            missing: 0,
            resampler: None,
            rate: 8_000,
            frame: vec![0; 960].into(),
            heard: false,
            late: 0,
        }
    }

    /// Packets that came too late.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// What was heard last.
    pub(super) fn codec(&self) -> Codec {
        self.decoder.codec()
    }

    /// Another stream begins.
    pub(super) fn reset(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.taken = true);
        self.next = None;
    }

    /// Takes a packet in.
    pub(super) fn put(&mut self, sequence: u16, codec: Codec, payload: &[u8]) {
        if self.next.is_some_and(|next| sequence.wrapping_sub(next) >= 0x8000) {
            self.late += 1;
            return;
        }
        if self.slots.iter().any(|slot| !slot.taken && slot.sequence == sequence) {
            return;
        }
        let free = self.slots.iter().position(|slot| slot.taken).or_else(|| {
            (self.slots.len() < SLOTS).then(|| {
                self.slots.push(Slot { sequence, codec, payload: Vec::with_capacity(payload.len()), taken: true });
                self.slots.len() - 1
            })
        });
        let Some(free) = free else {
            // Too much at once: what waits is stale.
            self.reset();
            return;
        };
        let slot = &mut self.slots[free];
        (slot.sequence, slot.codec, slot.taken) = (sequence, codec, false);
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
    }

    /// Makes the frame of this moment at `rate`; whether there is one.
    pub(super) fn listen(&mut self, rate: u32) -> bool {
        self.rate = rate;
        let frame = self.native();
        self.heard = self.fill(frame);
        if !self.heard {
            return false;
        }
        let from = self.decoder.codec().sample_rate();
        if from == rate {
            self.frame[..frame].copy_from_slice(&self.samples[..frame]);
        } else {
            if self.resampler.as_ref().is_none_or(|(of, _)| *of != from) {
                self.resampler = Resampler::new(from, rate).ok().map(|resampler| (from, resampler));
            }
            if let Some((_, resampler)) = &mut self.resampler {
                resampler.process(&self.samples[..frame], &mut self.frame);
            }
        }
        self.samples.copy_within(frame..self.filled, 0);
        self.filled -= frame;
        true
    }

    /// The frame of this moment, if anything was heard.
    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.heard.then(|| &self.frame[..(self.rate * FRAME_MS / 1000) as usize])
    }

    /// Samples of a frame at the codec's own rate.
    fn native(&self) -> usize {
        (self.decoder.codec().sample_rate() * FRAME_MS / 1000) as usize
    }

    fn fill(&mut self, frame: usize) -> bool {
        while self.filled < frame {
            match self.take() {
                Some(slot) => self.decode(slot),
                None if self.next.is_none() => return false,
                None => self.conceal(frame),
            }
        }
        true
    }

    /// The slot that is next, if it is there.
    fn take(&mut self) -> Option<usize> {
        let waiting = self.slots.iter().filter(|slot| !slot.taken);
        let next = match self.next {
            Some(next) => next,
            None if waiting.clone().count() < BEGIN => return None,
            None => waiting.map(|slot| slot.sequence).reduce(|a, b| if b.wrapping_sub(a) >= 0x8000 { b } else { a })?,
        };
        self.next = Some(next);
        self.slots.iter().position(|slot| !slot.taken && slot.sequence == next)
    }

    fn decode(&mut self, at: usize) {
        let codec = self.slots[at].codec;
        if codec != self.decoder.codec() {
            self.decoder = Decoder::new(codec);
            self.filled = 0;
        }
        let count = self.decoder.decode(&self.slots[at].payload, &mut self.samples[self.filled..]);
        self.slots[at].taken = true;
        self.packet = count;
        self.filled += count;
        self.missing = 0;
        self.next = self.next.map(|next| next.wrapping_add(1));
    }

    /// The packet that is next is not there: something is made up for it, or it is silence from now on.
    fn conceal(&mut self, frame: usize) {
        self.missing += 1;
        let more = self.slots.iter().any(|slot| !slot.taken);
        if !more && self.missing > PATIENCE {
            self.next = None;
            self.filled = 0;
            return;
        }
        let count = if more { self.packet.max(1) } else { frame - self.filled };
        let count = count.min(self.samples.len() - self.filled);
        self.decoder.conceal(&mut self.samples[self.filled..self.filled + count]);
        self.filled += count;
        if more {
            self.next = self.next.map(|next| next.wrapping_add(1));
        }
    }
}
