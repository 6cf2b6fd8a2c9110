//! Recorders: what is said goes onto a tape, which a thread of the disk winds off.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::command::Act;
use super::queue::lock;
use super::{FRAME_MS, Id, RecordEnd, Recording};
use crate::dsp::level::{Vad, power};
use crate::dsp::resample::Resampler;

/// How much a tape holds when the disk is slow; a recording that gets further behind has failed.
const TAPE_MS: usize = 10_000;
/// Samples of a frame at the highest rate.
const MOST: usize = 960;

/// What is on its way to a file.
pub(super) struct Tape {
    pub(super) id: Id,
    pub(super) path: PathBuf,
    pub(super) append: bool,
    pub(super) channels: u16,
    pub(super) rate: u32,
    waiting: Mutex<Waiting>,
    failed: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    samples: VecDeque<i16>,
    end: Option<RecordEnd>,
}

/// What was taken off a tape.
pub(super) struct Handed {
    pub(super) samples: Vec<i16>,
    pub(super) end: Option<RecordEnd>,
}

impl Tape {
    pub(super) fn take(&self) -> Handed {
        let mut waiting = lock(&self.waiting);
        Handed { samples: waiting.samples.drain(..).collect(), end: waiting.end }
    }

    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    fn put(&self, samples: &[i16]) {
        let mut waiting = lock(&self.waiting);
        let room = TAPE_MS * self.rate as usize / 1000 * usize::from(self.channels);
        if waiting.samples.len() + samples.len() > room {
            self.fail();
        } else {
            waiting.samples.extend(samples);
        }
    }

    fn end(&self, why: RecordEnd) {
        lock(&self.waiting).end.get_or_insert(why);
    }
}

/// Records one leg or one room.
pub(super) struct Recorder {
    pub(super) id: Id,
    tape: Arc<Tape>,
    recording: Recording,
    paused: bool,
    /// Milliseconds before it begins: a beep is no part of it.
    wait_ms: u32,
    /// Milliseconds on the tape.
    length_ms: u32,
    spoke: bool,
    silent_ms: u32,
    vad: Vad,
    /// From the rate of what a channel comes in to the tape's, made when they differ.
    resamplers: [Option<(u32, Resampler)>; 2],
}

impl Recorder {
    /// Records at `rate` once `wait_ms` have gone by.
    pub(super) fn new(id: Id, recording: Recording, rate: u32, wait_ms: u32) -> Self {
        let tape = Arc::new(Tape {
            id,
            path: recording.path.clone(),
            append: recording.append,
            channels: recording.channels.clamp(1, 2),
            rate,
            waiting: Mutex::default(),
            failed: AtomicBool::new(false),
        });
        Self {
            id,
            tape,
            recording,
            paused: false,
            wait_ms,
            length_ms: 0,
            spoke: false,
            silent_ms: 0,
            vad: Vad::default(),
            resamplers: [None, None],
        }
    }

    pub(super) fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// Whether it has two channels.
    pub(super) fn is_stereo(&self) -> bool {
        self.tape.channels == 2
    }

    /// Whether it goes on.
    pub(super) fn act(&mut self, act: Act) -> bool {
        match act {
            Act::Stop => {
                self.end(RecordEnd::Stopped);
                return false;
            }
            Act::Pause => self.paused = true,
            Act::Resume => self.paused = false,
            Act::Seek(_) => {}
        }
        true
    }

    pub(super) fn end(&self, why: RecordEnd) {
        self.tape.end(why);
    }

    /// Takes a frame: what is said, and what goes on the second channel, with the rate of each. Whether it goes on.
    pub(super) fn frame(&mut self, said: (&[i16], u32), other: (&[i16], u32)) -> bool {
        if self.tape.failed() {
            return false;
        }
        if self.paused {
            return true;
        }
        if self.wait_ms > 0 {
            self.wait_ms = self.wait_ms.saturating_sub(FRAME_MS);
            return true;
        }
        let (mut left, mut right, mut both) = ([0; MOST], [0; MOST], [0; 2 * MOST]);
        let count = self.at_rate(0, said, &mut left);
        let talking = self.vad.update(power(&left[..count]));
        if self.is_stereo() {
            self.at_rate(1, other, &mut right);
            let pairs = left[..count].iter().zip(&right[..count]);
            both.iter_mut().zip(pairs.flat_map(|(l, r)| [*l, *r])).for_each(|(place, sample)| *place = sample);
            self.tape.put(&both[..2 * count]);
        } else {
            self.tape.put(&left[..count]);
        }
        self.length_ms += FRAME_MS;
        self.spoke |= talking;
        self.silent_ms = if talking { 0 } else { self.silent_ms + FRAME_MS };
        let end = self.over();
        if let Some(why) = end {
            self.end(why);
        }
        end.is_none()
    }

    fn over(&self) -> Option<RecordEnd> {
        let Recording { max_ms, speech_within_ms, silence_ms, .. } = self.recording;
        let reached = |limit: u32, value: u32| limit > 0 && value >= limit;
        if reached(max_ms, self.length_ms) {
            Some(RecordEnd::Max)
        } else if !self.spoke && reached(speech_within_ms, self.length_ms) {
            Some(RecordEnd::NoSpeech)
        } else if self.spoke && reached(silence_ms, self.silent_ms) {
            Some(RecordEnd::Silence)
        } else {
            None
        }
    }

    /// Puts a frame on a channel at the rate of the tape; silence for none.
    fn at_rate(&mut self, channel: usize, (frame, rate): (&[i16], u32), out: &mut [i16]) -> usize {
        let count = (self.tape.rate * FRAME_MS / 1000) as usize;
        if frame.is_empty() || rate == self.tape.rate {
            let same = count.min(frame.len());
            out[..same].copy_from_slice(&frame[..same]);
            return count;
        }
        let resampler = &mut self.resamplers[channel];
        if resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
            *resampler = Resampler::new(rate, self.tape.rate).ok().map(|made| (rate, made));
        }
        if let Some((_, resampler)) = resampler {
            resampler.process(frame, out);
        }
        count
    }
}

impl Drop for Recorder {
    /// Whoever forgets to say why it ended says it has failed.
    fn drop(&mut self) {
        self.end(RecordEnd::Failed);
    }
}
