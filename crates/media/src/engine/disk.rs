//! The two threads that touch the disk: one reads sounds ahead, one writes recordings. No thread of the engine waits
//! for either.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::queue::Outbox;
use super::recorder::{Handed, Tape};
use super::sound::{Library, Sound, Wish};
use super::{Event, RecordEnd};
use crate::file::any;
use crate::file::opus::whole;
use crate::file::wav::{Encoding, Format};
use crate::file::{AtRate, Samples};

/// Files kept open for those who read on.
const MOST_OPEN: usize = 64;
/// How often recordings are written.
const WRITE_EACH: Duration = Duration::from_millis(200);
/// Samples before a chunk that are read and thrown away, so that its filter has settled.
const LEAD: u64 = 960;

type Opened = AtRate<Box<dyn Samples + Send>>;

/// Reads what players wish for until nobody can wish any more.
pub(super) struct Reader {
    wishes: Receiver<Wish>,
    library: Weak<Library>,
    /// With the sample each stands at, the one used last at the back.
    open: VecDeque<(Weak<Sound>, u64, Opened)>,
    /// Chunks in memory, the oldest in front.
    kept: VecDeque<(Weak<Sound>, u64, usize)>,
    octets: usize,
    limit: usize,
}

impl Reader {
    pub(super) fn new(wishes: Receiver<Wish>, library: &Arc<Library>, limit: usize) -> Self {
        let library = Arc::downgrade(library);
        Self { wishes, library, open: VecDeque::new(), kept: VecDeque::new(), octets: 0, limit }
    }

    pub(super) fn run(mut self) {
        while let Ok((sound, index)) = self.wishes.recv() {
            // A file that breaks the decoder breaks nobody else's.
            let read = catch_unwind(AssertUnwindSafe(|| self.read(&sound, index)));
            if !matches!(read, Ok(Ok(()))) {
                sound.fail();
            }
            drop(sound);
            self.evict();
        }
    }

    fn read(&mut self, sound: &Arc<Sound>, index: u64) -> io::Result<()> {
        let (start, length) = (index * sound.chunk_len(), sound.chunk_len() as usize);
        let found = self.open.iter().position(|(of, _, _)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(sound)));
        let (at, mut file) = match found.and_then(|found| self.open.remove(found)) {
            Some((_, at, file)) => (at, file),
            None => (0, open(sound)?),
        };
        if at != start {
            let lead = start.min(LEAD);
            file.seek(start - lead)?;
            read_whole(&mut file, &mut vec![0; lead as usize])?;
        }
        let mut samples = vec![0; length];
        let count = read_whole(&mut file, &mut samples)?;
        samples.truncate(count);
        if count < length {
            sound.set_total(start + count as u64);
        }
        self.octets += 2 * count;
        self.kept.push_back((Arc::downgrade(sound), index, 2 * count));
        sound.put(index, samples);
        self.open.retain(|(of, _, _)| of.strong_count() > 0);
        if self.open.len() >= MOST_OPEN {
            self.open.pop_front();
        }
        self.open.push_back((Arc::downgrade(sound), start + count as u64, file));
        Ok(())
    }

    fn evict(&mut self) {
        while self.octets > self.limit
            && let Some((sound, index, octets)) = self.kept.pop_front()
        {
            self.octets -= octets;
            if let Some(sound) = sound.upgrade() {
                sound.forget(index);
            }
        }
        if let Some(library) = self.library.upgrade() {
            library.tidy();
        }
    }
}

fn open(sound: &Arc<Sound>) -> io::Result<Opened> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let file = File::open(&sound.file.path)?;
    let samples = any::open(BufReader::new(file), &sound.file.path)?;
    let at_rate = AtRate::new(samples, sound.rate).map_err(|error| invalid(error.to_string()))?;
    if let Some(total) = at_rate.len() {
        sound.set_total(total);
    }
    Ok(at_rate)
}

fn read_whole(file: &mut Opened, out: &mut [i16]) -> io::Result<usize> {
    let mut had = 0;
    while had < out.len() {
        match file.read(&mut out[had..])? {
            0 => break,
            count => had += count,
        }
    }
    Ok(had)
}

/// Writes what recorders hand over until no recorder can come any more and all have ended.
pub(super) struct Writer {
    tapes: Receiver<Arc<Tape>>,
    outbox: Arc<Outbox>,
    open: Vec<(Arc<Tape>, Option<any::Writer<File>>)>,
}

impl Writer {
    pub(super) fn new(tapes: Receiver<Arc<Tape>>, outbox: Arc<Outbox>) -> Self {
        Self { tapes, outbox, open: Vec::new() }
    }

    pub(super) fn run(mut self) {
        let mut more = true;
        while more || !self.open.is_empty() {
            let wait = if self.open.is_empty() { Duration::MAX } else { WRITE_EACH };
            match self.tapes.recv_timeout(wait) {
                Ok(tape) => {
                    let file = create(&tape);
                    if let Err(_unwritable) = &file {
                        tape.fail();
                    }
                    self.open.push((tape, file.ok()));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    if more {
                        more = false;
                    } else {
                        std::thread::sleep(WRITE_EACH);
                    }
                }
            }
            let outbox = &self.outbox;
            self.open.retain_mut(|(tape, file)| {
                let ended = catch_unwind(AssertUnwindSafe(|| write(tape, file, outbox)));
                !ended.unwrap_or_else(|_panic| {
                    tape.fail();
                    outbox.tell(Event::Recorded { recorder: tape.id, why: RecordEnd::Failed, ms: 0 });
                    true
                })
            });
        }
    }
}

fn create(tape: &Tape) -> io::Result<any::Writer<File>> {
    let mut options = File::options();
    let mut file = options.read(true).write(true).create(true).truncate(!tape.append).open(&tape.path)?;
    let format = Format { encoding: Encoding::Pcm16, channels: tape.channels, rate: tape.rate };
    let serial = getrandom::u32().map_err(io::Error::other)?;
    if !tape.append || file.seek(SeekFrom::End(0))? == 0 {
        return any::Writer::create(file, &tape.path, format, serial);
    }
    if any::is_opus(&tape.path) {
        let whole = whole(&mut file)?;
        if whole > 0 {
            file.set_len(whole)?;
        }
    }
    any::Writer::append(file, &tape.path, format, serial)
}

/// Writes what waits; whether the recording has ended.
fn write(tape: &Tape, file: &mut Option<any::Writer<File>>, outbox: &Outbox) -> bool {
    let Handed { samples, end } = tape.take();
    let mut failed = tape.failed();
    if let (Some(writer), false) = (file.as_mut(), failed)
        && writer.write(&samples).is_err()
    {
        tape.fail();
        failed = true;
    }
    let Some(why) = end.or(failed.then_some(RecordEnd::Failed)) else { return false };
    let mut samples = 0;
    if let Some(writer) = file.take() {
        samples = writer.len();
        failed |= writer.finish().is_err();
    }
    let ms = samples * 1000 / u64::from(tape.rate);
    let why = if failed { RecordEnd::Failed } else { why };
    outbox.tell(Event::Recorded { recorder: tape.id, why, ms });
    true
}
