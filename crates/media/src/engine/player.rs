//! Players: a row of sounds, as often as wanted, at the rate of who hears it.

use std::sync::Arc;

use super::command::Act;
use super::sound::{Cursor, File, Library, Read, Sound};
use super::{Id, PlayEnd, Playing, Source};
use crate::dsp::level::{factor, ramp};
use crate::dsp::oscillator::{Oscillator, amplitude};
use crate::tone::Tone;

/// Frequencies at once.
const MOST_WAVES: usize = 8;

/// A source that sounds.
enum Voice {
    Sound(Cursor),
    Tone(Box<Tone>),
    Waves { sines: Vec<(Oscillator, f64)>, left: u64 },
}

/// What is open of a source from the beginning on.
enum Prepared {
    Sound(Arc<Sound>),
    Tone,
    Waves(u64),
}

/// Plays to a leg or a room.
pub(super) struct Player {
    pub(super) id: Id,
    playing: Playing,
    files: Vec<Option<File>>,
    row: Vec<Prepared>,
    rate: u32,
    gain: f32,
    paused: bool,
    /// Samples played, silence between two times among them.
    played: u64,
    /// How often the row has been played to its end.
    rounds: u32,
    at: usize,
    /// Samples of the row before the source that sounds, and of it.
    row_at: u64,
    voice: Option<Voice>,
    /// Samples of silence before the next time.
    delay: u64,
    /// Where in the row it is to go, once the lengths on the way are known.
    seek: Option<i64>,
}

impl Player {
    /// `files` has what each source that is a file was when it was looked at; `None` for one that was not found.
    pub(super) fn new(id: Id, playing: Playing, files: Vec<Option<File>>, rate: u32, library: &Library) -> Self {
        let gain = factor(playing.gain);
        let seek = (playing.offset_ms > 0).then_some(i64::from(playing.offset_ms) * i64::from(rate) / 1000);
        let mut player = Self {
            id,
            playing,
            files,
            row: Vec::new(),
            rate,
            gain,
            paused: false,
            played: 0,
            rounds: 0,
            at: 0,
            row_at: 0,
            voice: None,
            delay: 0,
            seek,
        };
        player.prepare(library);
        player
    }

    fn prepare(&mut self, library: &Library) {
        let samples = |ms: &u32| u64::from(*ms) * u64::from(self.rate) / 1000;
        let one = |(source, file): (&Source, &Option<File>)| match (source, file) {
            (Source::File(_), Some(file)) => Some(Prepared::Sound(library.open(file, self.rate))),
            (Source::File(_), None) => None,
            (Source::Tone(_), _) => Some(Prepared::Tone),
            (Source::Waves(ms, _), _) => Some(Prepared::Waves(samples(ms))),
        };
        // Up to the first that cannot be read.
        self.row = self.playing.sources.iter().zip(&self.files).map_while(one).collect();
    }

    /// Plays at another rate from now on, from where it is.
    pub(super) fn set_rate(&mut self, rate: u32, library: &Library) {
        if rate == self.rate {
            return;
        }
        let scale = |samples: u64| samples * u64::from(rate) / u64::from(self.rate);
        self.seek = Some(match self.seek {
            Some(to) => to * i64::from(rate) / i64::from(self.rate),
            None => scale(self.row_at).cast_signed(),
        });
        (self.played, self.delay) = (scale(self.played), scale(self.delay));
        self.rate = rate;
        self.prepare(library);
    }

    /// How long it has played.
    pub(super) fn played_ms(&self) -> u64 {
        self.played * 1000 / u64::from(self.rate)
    }

    /// Whether it goes on.
    pub(super) fn act(&mut self, act: Act) -> bool {
        match act {
            Act::Stop => return false,
            Act::Pause => self.paused = true,
            Act::Resume => self.paused = false,
            Act::Seek(ms) => {
                let from = self.seek.unwrap_or(self.row_at.cast_signed());
                self.seek = Some(from.saturating_add(ms.saturating_mul(self.rate.into()) / 1000).max(0));
                self.delay = 0;
            }
        }
        true
    }

    /// Adds its next samples to a frame; why it has ended, if it has.
    pub(super) fn add_to(&mut self, frame: &mut [i16]) -> Option<PlayEnd> {
        if self.paused {
            return None;
        }
        let limit = u64::from(self.playing.duration_ms) * u64::from(self.rate) / 1000;
        let (room, limited) = match limit {
            0 => (frame.len(), false),
            _ => {
                let left = limit.saturating_sub(self.played);
                (frame.len().min(left as usize), left <= frame.len() as u64)
            }
        };
        let mut scratch = [0; 960];
        let mut at = 0;
        while at < room {
            match self.next(&mut scratch[..room - at]) {
                Ok(0) => break,
                Ok(count) => {
                    ramp(&mut scratch[..count], self.gain, self.gain);
                    for (place, sample) in frame[at..at + count].iter_mut().zip(&scratch) {
                        *place = place.saturating_add(*sample);
                    }
                    at += count;
                    self.played += count as u64;
                }
                Err(end) => return Some(end),
            }
        }
        (limited && at == room).then_some(PlayEnd::Duration)
    }

    /// The next samples: 0 while they are still to come from the disk.
    fn next(&mut self, out: &mut [i16]) -> Result<usize, PlayEnd> {
        if let Some(to) = self.seek
            && !self.go_to(to.unsigned_abs())?
        {
            return Ok(0);
        }
        // A row that is empty, over and over, would never give a sample.
        for _ in 0..=self.row.len() + 1 {
            if self.delay > 0 {
                let count = self.delay.min(out.len() as u64);
                self.delay -= count;
                out[..count as usize].fill(0);
                return Ok(count as usize);
            }
            if self.voice.is_none() {
                self.begin(0)?;
            }
            match self.read(out) {
                Read::Some(count) => {
                    self.row_at += count as u64;
                    return Ok(count);
                }
                Read::Coming => return Ok(0),
                Read::Failed => return Err(PlayEnd::Failed),
                Read::End => self.advance()?,
            }
        }
        Err(PlayEnd::Failed)
    }

    fn read(&mut self, out: &mut [i16]) -> Read {
        let some = |count| if count == 0 { Read::End } else { Read::Some(count) };
        match &mut self.voice {
            None => Read::End,
            Some(Voice::Sound(cursor)) => cursor.read(out),
            Some(Voice::Tone(tone)) => some(tone.fill(out)),
            Some(Voice::Waves { sines, left }) => {
                let count = out.len().min(*left as usize);
                *left -= count as u64;
                for place in &mut out[..count] {
                    let value: f64 = sines.iter_mut().map(|(sine, level)| sine.sample() * *level).sum();
                    *place = value.round() as i16;
                }
                some(count)
            }
        }
    }

    /// Lets the source at `self.at` sound, from a sample on.
    fn begin(&mut self, from: u64) -> Result<(), PlayEnd> {
        let (Some(prepared), Some(source)) = (self.row.get(self.at), self.playing.sources.get(self.at)) else {
            return Err(PlayEnd::Failed);
        };
        self.voice = Some(match (prepared, source) {
            (Prepared::Sound(sound), _) => Voice::Sound(Cursor::new(Arc::clone(sound), from)),
            (Prepared::Waves(length), Source::Waves(_, waves)) => {
                let sine = |(hertz, dbm0): &(f64, f32)| (Oscillator::new(*hertz, self.rate), amplitude(*dbm0));
                let sines = waves.iter().take(MOST_WAVES).map(sine).collect();
                Voice::Waves { sines, left: length.saturating_sub(from) }
            }
            (_, Source::Tone(plan)) => Voice::Tone(Box::new(Tone::new(plan.clone(), self.rate))),
            _ => return Err(PlayEnd::Failed),
        });
        Ok(())
    }

    /// The source that sounds has come to its end.
    fn advance(&mut self) -> Result<(), PlayEnd> {
        self.voice = None;
        self.at += 1;
        if self.at < self.playing.sources.len() {
            return Ok(());
        }
        (self.at, self.row_at) = (0, 0);
        self.rounds += 1;
        if self.playing.repeat != 0 && self.rounds >= self.playing.repeat {
            return Err(PlayEnd::Complete);
        }
        self.delay = u64::from(self.playing.delay_ms) * u64::from(self.rate) / 1000;
        Ok(())
    }

    /// Goes to a sample of the row, or to its end if it is shorter; false while a length on the way is not known.
    fn go_to(&mut self, to: u64) -> Result<bool, PlayEnd> {
        let mut before = 0;
        for (at, prepared) in self.row.iter().enumerate() {
            let length = match prepared {
                Prepared::Sound(sound) if sound.failed() => return Err(PlayEnd::Failed),
                Prepared::Sound(sound) => match sound.total() {
                    Some(total) => total,
                    // Reading its beginning tells how long it is, unless nothing but its end does (Ogg in a pipe).
                    None => match Cursor::new(Arc::clone(sound), 0).read(&mut [0; 1]) {
                        Read::Some(_) if sound.total().is_none() => u64::MAX - before,
                        Read::Failed => return Err(PlayEnd::Failed),
                        _ => return Ok(false),
                    },
                },
                Prepared::Waves(length) => *length,
                // Goes on for ever, or is too short to be sought in: it begins anew.
                Prepared::Tone => {
                    (self.at, self.row_at, self.seek) = (at, before, None);
                    self.begin(0)?;
                    return Ok(true);
                }
            };
            if to < before + length {
                (self.at, self.row_at, self.seek) = (at, to, None);
                self.begin(to - before)?;
                return Ok(true);
            }
            before += length;
        }
        self.seek = None;
        self.at = self.row.len();
        self.advance()?;
        Ok(true)
    }
}
