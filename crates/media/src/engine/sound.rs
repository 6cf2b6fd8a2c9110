//! Sounds that are played: decoded once for all who hear them, at the rate they hear, piece by piece and ahead of time.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use std::{fs, io};

use super::queue::lock;

/// How much is read at a time.
const CHUNK_MS: u64 = 2_000;

/// A file as it was when it was asked for: one that has changed is another sound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct File {
    pub(super) path: PathBuf,
    modified: Option<SystemTime>,
    size: u64,
}

impl File {
    pub(super) fn look(path: &Path) -> io::Result<Self> {
        let about = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), modified: about.modified().ok(), size: about.len() })
    }
}

/// A file at a rate.
pub(super) struct Sound {
    pub(super) file: File,
    pub(super) rate: u32,
    chunks: Mutex<BTreeMap<u64, Chunk>>,
    /// Samples altogether; `u64::MAX` until it is known.
    total: AtomicU64,
    failed: AtomicBool,
    wishes: Sender<Wish>,
}

/// What a reader wants: a chunk of a sound.
pub(super) type Wish = (Arc<Sound>, u64);

enum Chunk {
    Coming,
    Here(Arc<[i16]>),
}

/// What [`Cursor::read`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// So many samples, at least one.
    Some(usize),
    /// They are on their way from the disk.
    Coming,
    End,
    Failed,
}

impl Sound {
    /// Samples of a chunk.
    pub(super) fn chunk_len(&self) -> u64 {
        u64::from(self.rate) * CHUNK_MS / 1000
    }

    /// Samples altogether, once that is known.
    pub(super) fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Acquire)).filter(|total| *total != u64::MAX)
    }

    pub(super) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Release);
    }

    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// It cannot be read: what of it was to come never does.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        lock(&self.chunks).clear();
    }

    pub(super) fn put(&self, index: u64, samples: Vec<i16>) {
        lock(&self.chunks).insert(index, Chunk::Here(samples.into()));
    }

    /// Forgets a chunk; whether it had it.
    pub(super) fn forget(&self, index: u64) -> bool {
        lock(&self.chunks).remove(&index).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.chunks).is_empty()
    }

    /// A chunk, or `None` while it comes; the first who asks sends for it.
    fn chunk(self: &Arc<Self>, index: u64) -> Option<Arc<[i16]>> {
        // The reader holds the lock for no longer than an insertion takes; still, a thread of the engine never waits.
        let mut chunks = self.chunks.try_lock().ok()?;
        match chunks.get(&index) {
            Some(Chunk::Here(samples)) => Some(Arc::clone(samples)),
            Some(Chunk::Coming) => None,
            None => {
                chunks.insert(index, Chunk::Coming);
                drop(chunks);
                if self.wishes.send((Arc::clone(self), index)).is_err() {
                    self.fail();
                }
                None
            }
        }
    }
}

/// Where a player stands in a sound.
pub(super) struct Cursor {
    pub(super) sound: Arc<Sound>,
    at: u64,
    current: Option<(u64, Arc<[i16]>)>,
}

impl Cursor {
    pub(super) fn new(sound: Arc<Sound>, at: u64) -> Self {
        Self { sound, at, current: None }
    }

    /// The next samples.
    pub(super) fn read(&mut self, out: &mut [i16]) -> Read {
        if self.sound.failed() {
            return Read::Failed;
        }
        if self.sound.total().is_some_and(|total| self.at >= total) {
            return Read::End;
        }
        let index = self.at / self.sound.chunk_len();
        if self.current.as_ref().is_none_or(|(have, _)| *have != index) {
            let Some(samples) = self.sound.chunk(index) else { return Read::Coming };
            self.current = Some((index, samples));
            let more = self.sound.total().is_none_or(|total| total > (index + 1) * self.sound.chunk_len());
            if more {
                let _ = self.sound.chunk(index + 1);
            }
        }
        let Some((_, samples)) = &self.current else { return Read::Coming };
        let start = (self.at % self.sound.chunk_len()) as usize;
        let Some(rest) = samples.get(start..).filter(|rest| !rest.is_empty()) else { return Read::End };
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Read::Some(count)
    }
}

/// All sounds somebody plays or has played lately.
pub(super) struct Library {
    sounds: Mutex<HashMap<(File, u32), Arc<Sound>>>,
    wishes: Sender<Wish>,
}

impl Library {
    pub(super) fn new(wishes: Sender<Wish>) -> Self {
        Self { sounds: Mutex::default(), wishes }
    }

    pub(super) fn open(&self, file: &File, rate: u32) -> Arc<Sound> {
        let fresh = || {
            Arc::new(Sound {
                file: file.clone(),
                rate,
                chunks: Mutex::default(),
                total: AtomicU64::new(u64::MAX),
                failed: AtomicBool::new(false),
                wishes: self.wishes.clone(),
            })
        };
        let mut sounds = lock(&self.sounds);
        let sound = sounds.entry((file.clone(), rate)).or_insert_with(fresh);
        if sound.failed() {
            *sound = fresh();
        }
        Arc::clone(sound)
    }

    /// Nothing is read any more: whoever plays need not wait.
    pub(super) fn fail(&self) {
        for sound in lock(&self.sounds).values() {
            sound.fail();
        }
    }

    /// Forgets sounds nobody plays of which nothing is kept.
    pub(super) fn tidy(&self) {
        lock(&self.sounds).retain(|_, sound| Arc::strong_count(sound) > 1 || !sound.is_empty());
    }
}
