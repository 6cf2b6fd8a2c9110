//! The file that keeps bindings over a restart.
//!
//! What one turn of the loop changes is appended as one record, before the answers of that turn
//! are sent: a REGISTER that was confirmed survives `kill -9`. A thread of its own writes the file
//! through to the disk at most once a second: a loss of power costs a second.
//!
//! How it is laid out is for [`crate::records`] to say. What is damaged at its end is set aside in `PATH.damaged` and
//! counted.
//!
//! When the file has doubled it is rewritten from a snapshot: the thread writes and syncs the
//! snapshot to `PATH.new` while records go on into the old file and into memory; then the engine
//! adds those records, and renames. Until the rename the old file is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::counters::Counters;
use crate::records::{self, FIRST, MAGIC};

/// Records that may gather in memory during a rewrite; beyond it the rewrite is given up.
const TAIL_LIMIT: usize = 64 << 20;
/// A rewrite that failed is tried again after so long: while a disk is full each try costs a copy of all bindings.
const RETRY_AFTER: Duration = Duration::from_secs(30);
const SYNC_EVERY: Duration = Duration::from_secs(1);

enum Job {
    /// The file has grown and should be on the disk within a second.
    Dirty,
    /// Write this snapshot to the side.
    Snapshot(Vec<u8>),
    /// The file was replaced.
    Replaced(File),
}

/// The open journal, for the engine thread.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    /// Rewrite when `length` reaches this.
    rewrite_at: u64,
    rewrite_min: u64,
    /// Records since a rewrite began; `None` outside a rewrite, and in one that was given up.
    tail: Option<Vec<u8>>,
    /// The thread has a snapshot of which it has not said what became of it.
    outstanding: bool,
    /// When a rewrite may be tried again after one that failed.
    rests_until: Option<Instant>,
    scratch: Vec<u8>,
    jobs: Option<SyncSender<Job>>,
    /// Whether the thread knows that the file has grown since it was last synced. Waking it once a
    /// second is enough; once a batch would cost more than the registrations.
    unsynced: Arc<AtomicBool>,
    finished: Receiver<io::Result<(File, u64)>>,
    thread: Option<JoinHandle<()>>,
    /// A write failed part way: the file ends in half a record that has to be cut off first.
    torn: bool,
}

/// What was found at the start.
pub(crate) struct Loaded {
    pub(crate) journal: Journal,
    pub(crate) contents: Vec<u8>,
    /// Bytes set aside.
    pub(crate) damaged: u64,
}

impl Journal {
    /// Reads the journal at `path`, or begins one.
    pub(crate) fn open(path: &Path, rewrite_min: u64) -> io::Result<Loaded> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut raw = Vec::new();
        file.read_to_end(&mut raw)?;
        let (contents, good) = records::read(&raw);
        let damaged = raw.len() - good;
        if damaged > 0 {
            std::fs::write(with_suffix(path, "damaged"), &raw[good..])?;
        }
        let side = with_suffix(path, "new");
        let length = if raw.starts_with(FIRST) {
            let (anew, length) = write_snapshot(&side, &contents)?;
            std::fs::rename(&side, path)?;
            sync_directory(path);
            file = anew;
            length
        } else {
            if good == 0 {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(MAGIC)?;
            }
            let length = good.max(MAGIC.len()) as u64;
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            length
        };
        let (jobs, work) = sync_channel(16);
        let (report, finished) = sync_channel(1);
        let unsynced = Arc::new(AtomicBool::new(false));
        let mut worker =
            Worker { work, report, side, current: file.try_clone()?, dirty: false, unsynced: Arc::clone(&unsynced) };
        let thread = std::thread::Builder::new().name("sip-journal".into()).spawn(move || worker.run())?;
        let journal = Self {
            path: path.to_owned(),
            file,
            length,
            rewrite_at: rewrite_min.max(length.saturating_mul(2)),
            rewrite_min,
            tail: None,
            outstanding: false,
            rests_until: None,
            scratch: Vec::new(),
            jobs: Some(jobs),
            unsynced,
            finished,
            thread: Some(thread),
            torn: false,
        };
        Ok(Loaded { journal, contents, damaged: damaged as u64 })
    }

    /// Appends one record. A failure (disk full) is counted, and the service goes on; the next
    /// rewrite makes good what was lost.
    pub(crate) fn append(&mut self, bytes: &[u8], counters: &Counters) {
        self.scratch.clear();
        records::push(&mut self.scratch, bytes);
        if let Some(tail) = &mut self.tail {
            tail.extend_from_slice(&self.scratch);
        }
        match self.write_scratch() {
            Ok(()) => {
                self.length += self.scratch.len() as u64;
                counters.journal_written.add(self.scratch.len() as u64);
                if !self.unsynced.swap(true, Ordering::AcqRel) && !self.tell(Job::Dirty) {
                    self.unsynced.store(false, Ordering::Release);
                }
            }
            Err(_) => {
                counters.journal_lost.add(self.scratch.len() as u64);
                // Get the lost record onto the file by a snapshot as soon as there is room.
                self.rewrite_at = self.rewrite_at.min(self.length);
            }
        }
    }

    fn write_scratch(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            self.torn = false;
        }
        self.file.write_all(&self.scratch).inspect_err(|_| self.torn = true)
    }

    /// Whether [`Journal::rewrite`] should be called with a snapshot.
    pub(crate) fn wants_rewrite(&self) -> bool {
        !self.outstanding
            && self.length >= self.rewrite_at
            && self.rests_until.is_none_or(|until| Instant::now() >= until)
    }

    /// Begins a rewrite. Everything appended so far must be in `snapshot`.
    pub(crate) fn rewrite(&mut self, snapshot: Vec<u8>) {
        if self.tell(Job::Snapshot(snapshot)) {
            self.tail = Some(Vec::new());
            self.outstanding = true;
        } else {
            self.rest();
        }
    }

    /// A rewrite has failed: the old file goes on for a while.
    fn rest(&mut self) {
        self.tail = None;
        self.rests_until = Some(Instant::now() + RETRY_AFTER);
    }

    /// Whether a rewrite is under way, so that [`Journal::poll`] should be called now and then.
    pub(crate) fn is_rewriting(&self) -> bool {
        self.outstanding
    }

    /// Completes a rewrite whose snapshot is on the disk.
    pub(crate) fn poll(&mut self, counters: &Counters) {
        if self.tail.as_ref().is_some_and(|tail| tail.len() > TAIL_LIMIT) {
            self.rest();
        }
        let Ok(result) = self.finished.try_recv() else { return };
        self.outstanding = false;
        // Given up in the meantime: the old file stays.
        let Some(tail) = self.tail.take() else { return };
        let replaced = result.and_then(|(mut file, length)| {
            file.write_all(&tail)?;
            std::fs::rename(with_suffix(&self.path, "new"), &self.path)?;
            Ok((file, length + tail.len() as u64))
        });
        match replaced {
            Ok((file, length)) => {
                counters.journal_rewritten.one();
                if let Ok(copy) = file.try_clone() {
                    self.tell(Job::Replaced(copy));
                }
                self.file = file;
                self.length = length;
                self.torn = false;
                self.rewrite_at = self.rewrite_min.max(length.saturating_mul(2));
                self.rests_until = None;
            }
            // The records since are in the old file too.
            Err(_) => self.rest(),
        }
    }

    fn tell(&self, job: Job) -> bool {
        let Some(jobs) = &self.jobs else { return false };
        match jobs.try_send(job) {
            Ok(()) => true,
            Err(_) => false,
        }
    }
}

impl Drop for Journal {
    /// Writes the file through and ends the thread.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = self.file.sync_data();
    }
}

/// The thread that waits for the disk.
struct Worker {
    work: Receiver<Job>,
    report: SyncSender<io::Result<(File, u64)>>,
    side: PathBuf,
    current: File,
    dirty: bool,
    unsynced: Arc<AtomicBool>,
}

impl Worker {
    fn run(&mut self) {
        let mut synced = Instant::now();
        loop {
            let wait =
                if self.dirty { SYNC_EVERY.saturating_sub(synced.elapsed()) } else { Duration::from_secs(3_600) };
            match self.work.recv_timeout(wait) {
                Ok(Job::Dirty) => self.dirty = true,
                Ok(Job::Snapshot(snapshot)) => {
                    let result = write_snapshot(&self.side, &snapshot);
                    // Nobody waits for it only when the engine has ended.
                    let _ = self.report.try_send(result);
                }
                Ok(Job::Replaced(file)) => {
                    self.current = file;
                    let _ = self.current.sync_data();
                    sync_directory(&self.side);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.dirty && synced.elapsed() >= SYNC_EVERY {
                // First: what is written while the disk works must be told again.
                self.unsynced.store(false, Ordering::Release);
                // A disk that cannot sync will fail the next append, which is counted.
                let _ = self.current.sync_data();
                self.dirty = false;
                synced = Instant::now();
            }
        }
    }
}

fn write_snapshot(path: &Path, snapshot: &[u8]) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let mut bytes = Vec::with_capacity(snapshot.len() + 16);
    bytes.extend_from_slice(MAGIC);
    if !snapshot.is_empty() {
        records::push(&mut bytes, snapshot);
    }
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok((file, bytes.len() as u64))
}

/// So that a rename is on the disk too.
fn sync_directory(file: &Path) {
    let directory = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not every file system can; the rename itself is atomic on all.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("cordboard-journal-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            Self(directory)
        }

        fn path(&self) -> PathBuf {
            self.0.join("bindings")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn contents(path: &Path) -> Vec<u8> {
        Journal::open(path, 1 << 20).unwrap().contents
    }

    /// Polls until the rewrite under way is complete.
    fn complete(journal: &mut Journal, counters: &Counters) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while journal.is_rewriting() {
            assert!(Instant::now() < deadline, "the rewrite never ended");
            journal.poll(counters);
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_was_appended_is_there_again() {
        let scratch = Scratch::new("append");
        let counters = Counters::default();
        let mut loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        assert!(loaded.contents.is_empty());
        loaded.journal.append(b"one ", &counters);
        loaded.journal.append(b"two", &counters);
        // Not dropped first: as after kill -9, nothing but the appends themselves has happened.
        assert_eq!(contents(&scratch.path()), b"one two");
    }

    /// Two records as the first version wrote them.
    const OLD: &[u8] = b"CBJRNL1\n\x04\0\0\0\x49\x61\xac\x23one \x03\0\0\0\x66\x8a\xca\x11two";

    #[test]
    fn a_file_of_the_first_version_is_read_and_written_anew() {
        let scratch = Scratch::new("first");
        let counters = Counters::default();
        std::fs::write(scratch.path(), OLD).unwrap();
        let mut loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        assert_eq!((loaded.contents.as_slice(), loaded.damaged), (&b"one two"[..], 0));
        loaded.journal.append(b" three", &counters);
        drop(loaded);
        assert!(std::fs::read(scratch.path()).unwrap().starts_with(MAGIC));
        assert!(!scratch.0.join("bindings.new").exists());
        assert_eq!(contents(&scratch.path()), b"one two three");
    }

    #[test]
    fn a_torn_file_of_the_first_version_keeps_what_is_whole() {
        let scratch = Scratch::new("first-torn");
        for cut in 8..OLD.len() {
            std::fs::write(scratch.path(), &OLD[..cut]).unwrap();
            let whole: &[u8] = if cut < 20 { b"" } else { b"one " };
            assert_eq!(contents(&scratch.path()), whole, "cut at {cut}");
            assert_eq!(contents(&scratch.path()), whole, "cut at {cut}, the second time");
        }
    }

    #[test]
    fn zeros_behind_the_records_are_no_records() {
        let scratch = Scratch::new("zeros");
        let counters = Counters::default();
        let mut loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        loaded.journal.append(b"kept", &counters);
        drop(loaded);
        let mut raw = std::fs::read(scratch.path()).unwrap();
        raw.extend_from_slice(&[0; 64]);
        std::fs::write(scratch.path(), raw).unwrap();
        let loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        assert_eq!((loaded.contents.as_slice(), loaded.damaged), (&b"kept"[..], 64));
    }

    #[test]
    fn a_torn_record_is_cut_off_and_set_aside_wherever_it_is_torn() {
        let scratch = Scratch::new("torn");
        let counters = Counters::default();
        let mut loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        loaded.journal.append(b"kept", &counters);
        let whole = std::fs::metadata(scratch.path()).unwrap().len() as usize;
        loaded.journal.append(b"torn away", &counters);
        drop(loaded);
        let raw = std::fs::read(scratch.path()).unwrap();
        for cut in whole..raw.len() {
            std::fs::write(scratch.path(), &raw[..cut]).unwrap();
            let mut loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
            assert_eq!(loaded.contents, b"kept", "cut at {cut}");
            assert_eq!(loaded.damaged as usize, cut - whole);
            loaded.journal.append(b" and more", &counters);
            assert_eq!(contents(&scratch.path()), b"kept and more", "cut at {cut}");
        }
        assert!(scratch.0.join("bindings.damaged").exists());
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_before_it() {
        let scratch = Scratch::new("flipped");
        let counters = Counters::default();
        let mut loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        loaded.journal.append(b"kept", &counters);
        loaded.journal.append(b"hurt", &counters);
        drop(loaded);
        let mut raw = std::fs::read(scratch.path()).unwrap();
        let last = raw.len() - 1;
        raw[last] ^= 1;
        std::fs::write(scratch.path(), raw).unwrap();
        assert_eq!(contents(&scratch.path()), b"kept");
    }

    #[test]
    fn a_file_that_is_no_journal_is_set_aside() {
        let scratch = Scratch::new("foreign");
        std::fs::write(scratch.path(), b"something else").unwrap();
        let loaded = Journal::open(&scratch.path(), 1 << 20).unwrap();
        assert_eq!((loaded.contents.len(), loaded.damaged), (0, 14));
        assert_eq!(std::fs::read(scratch.0.join("bindings.damaged")).unwrap(), b"something else");
    }

    #[test]
    fn a_rewrite_keeps_the_snapshot_and_what_came_during_it() {
        let scratch = Scratch::new("rewrite");
        let counters = Counters::default();
        let mut journal = Journal::open(&scratch.path(), 100).unwrap().journal;
        while !journal.wants_rewrite() {
            journal.append(b"0123456789", &counters);
        }
        journal.rewrite(b"short ".to_vec());
        journal.append(b"during ", &counters);
        complete(&mut journal, &counters);
        journal.append(b"after", &counters);
        assert_eq!(counters.journal_rewritten.get(), 1);
        assert!(!journal.wants_rewrite());
        assert_eq!(contents(&scratch.path()), b"short during after");
        assert!(!scratch.0.join("bindings.new").exists());
    }

    #[test]
    fn a_crash_during_a_rewrite_leaves_the_old_file_whole() {
        let scratch = Scratch::new("crash");
        let counters = Counters::default();
        let mut journal = Journal::open(&scratch.path(), 1 << 20).unwrap().journal;
        journal.append(b"old ", &counters);
        journal.rewrite(b"snapshot".to_vec());
        journal.append(b"new", &counters);
        assert_eq!(contents(&scratch.path()), b"old new");
    }

    #[test]
    fn a_rewrite_that_was_given_up_is_not_taken_for_the_next() {
        let scratch = Scratch::new("given-up");
        let counters = Counters::default();
        let mut journal = Journal::open(&scratch.path(), 8).unwrap().journal;
        journal.append(b"old ", &counters);
        assert!(journal.wants_rewrite());
        journal.rewrite(b"snapshot ".to_vec());
        journal.rest();
        journal.append(b"since ", &counters);
        (journal.rewrite_at, journal.rests_until) = (0, None);
        assert!(!journal.wants_rewrite(), "what became of the first is not known yet");
        complete(&mut journal, &counters);
        assert_eq!(contents(&scratch.path()), b"old since ");
        assert!(journal.wants_rewrite());
        journal.rewrite(b"old since ".to_vec());
        journal.append(b"then", &counters);
        complete(&mut journal, &counters);
        assert_eq!((contents(&scratch.path()), counters.journal_rewritten.get()), (b"old since then".to_vec(), 1));
    }

    #[test]
    fn a_rewrite_that_fails_is_not_tried_again_at_once() {
        let scratch = Scratch::new("rests");
        let counters = Counters::default();
        let mut journal = Journal::open(&scratch.path(), 8).unwrap().journal;
        // Where the snapshot would go there is a directory.
        std::fs::create_dir(scratch.0.join("bindings.new")).unwrap();
        journal.append(b"one", &counters);
        assert!(journal.wants_rewrite());
        journal.rewrite(b"one".to_vec());
        complete(&mut journal, &counters);
        journal.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        for _ in 0..10 {
            journal.append(b"lost", &counters);
            assert!(!journal.wants_rewrite());
        }
        journal.rests_until = Some(Instant::now());
        assert!(journal.wants_rewrite());
    }

    #[test]
    fn a_full_disk_is_counted_and_the_journal_recovers() {
        let scratch = Scratch::new("full");
        let counters = Counters::default();
        let mut journal = Journal::open(&scratch.path(), 1 << 20).unwrap().journal;
        journal.append(b"before ", &counters);
        let good = std::mem::replace(&mut journal.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        journal.append(b"lost", &counters);
        assert!(counters.journal_lost.get() > 0);
        assert!(journal.wants_rewrite(), "a snapshot is wanted to make good the loss");
        journal.file = good;
        journal.append(b"after", &counters);
        assert_eq!(contents(&scratch.path()), b"before after");
        journal.rewrite(b"everything".to_vec());
        complete(&mut journal, &counters);
        assert_eq!(contents(&scratch.path()), b"everything");
    }
}
