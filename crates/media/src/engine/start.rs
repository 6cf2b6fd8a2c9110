//! How the threads of an engine begin and end.

use std::io;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{JoinHandle, available_parallelism};
use std::time::Instant;

use super::Config;
use super::command::Command;
use super::disk::{Reader, Writer};
use super::queue::{Inbox, Outbox};
use super::sound::Library;
use super::sys;
use super::thread::{Parts, Thread};

/// Starts the threads: one for each inbox, and two that touch the disk. Those that run end by themselves once the
/// others have. Returns why they do not go before all others, where that was wanted.
pub(super) fn all(
    config: &Config,
    inboxes: &Arc<[Inbox]>,
    outbox: &Arc<Outbox>,
    running: &mut Vec<JoinHandle<()>>,
) -> io::Result<Option<String>> {
    let (wishes, wished) = channel();
    let (tapes, taped) = channel();
    let library = Arc::new(Library::new(wishes));
    let (reader, sounds) = (Reader::new(wished, &library, config.sound_cache), Arc::downgrade(&library));
    let unread = move || sounds.upgrade().into_iter().for_each(|library| library.fail());
    running.push(start("media-read".into(), outbox, || reader.run(), unread)?);
    let writer = Writer::new(taped, Arc::clone(outbox));
    running.push(start("media-write".into(), outbox, || writer.run(), || {})?);
    let began = Instant::now();
    let mut behind = config.realtime.then(|| too_many(inboxes.len())).flatten();
    for number in 0..inboxes.len() {
        let thread = Thread::new(Parts {
            number,
            inboxes: Arc::clone(inboxes),
            outbox: Arc::clone(outbox),
            library: Arc::clone(&library),
            tapes: tapes.clone(),
            start: began,
            report_interval: config.report_interval,
            lost_after: config.lost_after,
            one_way_after: config.one_way_after,
        })?;
        let inboxes = Arc::clone(inboxes);
        let ended = move || inboxes[number].end();
        let thread = start(format!("media-{number}"), outbox, || thread.run(), ended)?;
        if config.realtime && behind.is_none() {
            behind = sys::go_first(&thread).err().map(|error| error.to_string());
        }
        running.push(thread);
    }
    Ok(behind)
}

/// Why so many threads must not go before all others: who has too much to do would leave the rest of the machine nothing,
/// what ends calls among it.
fn too_many(threads: usize) -> Option<String> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    (threads >= cores).then(|| format!("no core is left for all else: threads {threads}, cores {cores}"))
}

/// Starts a thread. What a leg, room or file of one call can break must not be waited for by all the others for ever: a
/// panic is told as a failure of the engine. `after` is done however it ends.
fn start(
    name: String,
    outbox: &Arc<Outbox>,
    run: impl FnOnce() + Send + 'static,
    after: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (thread, outbox) = (std::thread::Builder::new().name(name.clone()), Arc::clone(outbox));
    thread.spawn(move || {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            outbox.fail(&format!("{name}: {text}"));
        }
        after();
    })
}

/// Lets all threads end, and waits for them.
pub(super) fn end(inboxes: &[Inbox], threads: Vec<JoinHandle<()>>) {
    for inbox in inboxes {
        inbox.give(Command::Stop);
    }
    for thread in threads {
        // One that panicked has said so.
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_thread_that_panics_is_told_as_a_failure_and_leaves_nobody_waiting() {
        let outbox = Outbox::new(10).unwrap();
        let after = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&after);
        let broken = || panic!("a frame without samples");
        let thread = start("media-7".into(), &outbox, broken, move || ended.store(true, Ordering::Release)).unwrap();
        thread.join().unwrap();
        assert_eq!(outbox.failure().as_deref(), Some("media-7: a frame without samples"));
        assert!(after.load(Ordering::Acquire));
    }
}
