//! Parts of the engine by themselves, without sockets and real time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::engine::command::Command;
use crate::engine::ear::Ear;
use crate::engine::player::Player;
use crate::engine::queue::{Inbox, Outbox, Passage};
use crate::engine::sound::{Cursor, File, Library, Read, Wish};
use crate::engine::thread::{Parts, Thread};

/// Two threads that are not run.
fn threads() -> (Arc<[Inbox]>, [Thread; 2]) {
    let inboxes: Arc<[Inbox]> = (0..2).map(|_| Inbox::new().unwrap()).collect::<Vec<_>>().into();
    let outbox = Outbox::new(100).unwrap();
    let threads = [0, 1].map(|number| {
        let parts = Parts {
            number,
            inboxes: Arc::clone(&inboxes),
            outbox: Arc::clone(&outbox),
            library: Arc::new(Library::new(channel().0)),
            tapes: channel().0,
            start: Instant::now(),
            report_interval: Duration::from_secs(5),
            lost_after: Duration::from_secs(5),
            one_way_after: Duration::from_secs(5),
        };
        Thread::new(parts).unwrap()
    });
    (inboxes, threads)
}

fn moves(inboxes: &Arc<[Inbox]>, leg: Id) {
    inboxes[0].give(Command::Release { leg, passage: Passage::new(leg, inboxes, 1) });
    inboxes[1].give(Command::Await { leg });
    inboxes[1].give(Command::Stop);
}

#[test]
fn a_leg_that_is_no_more_is_not_waited_for_by_the_thread_it_was_to_move_to() {
    let (inboxes, [mut from, mut to]) = threads();
    moves(&inboxes, 7);
    to.obey();
    assert!(!to.stopping, "it may still come");
    from.obey();
    to.obey();
    assert!(to.stopping);
}

#[test]
fn a_leg_of_a_thread_that_has_ended_is_not_waited_for() {
    let (inboxes, [_, mut to]) = threads();
    inboxes[0].end();
    moves(&inboxes, 7);
    to.obey();
    assert!(to.stopping);
    // Nor one whose move was asked for but not begun when the thread ended.
    let (inboxes, [_, mut to]) = threads();
    moves(&inboxes, 7);
    inboxes[0].end();
    to.obey();
    assert!(to.stopping);
}

/// Lets an ear hear a second of a tone in packets of a length; how many frames of it were loud.
fn loud_frames(ear: &mut Ear, codec: Codec, payload_type: u8, ms: u32, start: &mut u64, sequence: &mut u16) -> usize {
    let mut encoder = Encoder::new(codec);
    let mut sine = Oscillator::new(500.0, codec.sample_rate());
    let mut timestamp = 7_000;
    let (mut loud, mut data) = (0, [0; 4_096]);
    for frame in 0..50_u32 {
        let now = *start + u64::from(frame) * 20_000;
        if (frame * 20_u32).is_multiple_of(ms) {
            let samples: Vec<i16> =
                (0..codec.sample_rate() * ms / 1000).map(|_| (sine.sample() * amplitude(-10.0)) as i16).collect();
            let count = encoder.encode(&samples, &mut data);
            let (marker, ssrc) = (false, 9);
            let packet = Packet { payload_type, marker, sequence: *sequence, timestamp, ssrc, payload: 0..count };
            assert!(ear.put(&packet, codec, &data[..count], now));
            *sequence = sequence.wrapping_add(1);
            timestamp += codec.ticks(samples.len());
        }
        ear.listen(8_000, now);
        loud += usize::from(ear.frame().is_some_and(|said| which(said, &[500.0]) == '0'));
    }
    *start += 1_000_000;
    loud
}

#[test]
fn a_codec_with_another_clock_is_heard_again_after_one_in_between() {
    let mut ear = Ear::new(Codec::Pcmu);
    let (mut now, mut sequence) = (1_000_000, 100);
    for (codec, payload_type) in [(Codec::Pcmu, 0), (Codec::Opus, 97), (Codec::Pcmu, 0), (Codec::Opus, 97)] {
        let loud = loud_frames(&mut ear, codec, payload_type, 20, &mut now, &mut sequence);
        assert!(loud >= 40, "{codec:?}: {loud} of 50");
    }
}

#[test]
fn packets_of_120_ms_are_heard_and_longer_ones_refused() {
    for codec in [Codec::Pcma, Codec::G722, Codec::L16(16_000)] {
        let mut ear = Ear::new(codec);
        let (mut now, mut sequence) = (1_000_000, 100);
        let loud = loud_frames(&mut ear, codec, 8, 120, &mut now, &mut sequence);
        assert!(loud >= 30, "{codec:?}: {loud} of 50");
        let packet = Packet { payload_type: 8, marker: false, sequence, timestamp: 0, ssrc: 9, payload: 0..4_000 };
        assert!(!ear.put(&packet, codec, &[0; 4_000], now), "{codec:?}");
    }
}

/// A library with one sound of silence, and what is wished of it.
fn library(name: &str) -> (Library, Receiver<Wish>, File) {
    let path = write_tone(name, 8_000, 500.0, 1);
    let file = File::look(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let (wishes, wished) = channel();
    (Library::new(wishes), wished, file)
}

#[test]
fn nothing_is_kept_of_a_sound_that_failed_while_it_was_waited_for() {
    let (library, wished, file) = library("failed.wav");
    let mut cursor = Cursor::new(library.open(&file, 8_000), 0);
    assert_eq!(cursor.read(&mut [0; 160]), Read::Coming);
    library.fail();
    assert_eq!(cursor.read(&mut [0; 160]), Read::Failed);
    assert!(cursor.sound.is_empty());
    let weak = Arc::downgrade(&cursor.sound);
    drop((cursor, wished.recv().unwrap()));
    library.tidy();
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_place_is_sought_in_a_sound_whose_length_is_not_known_before_its_end() {
    let (library, wished, file) = library("endless.wav");
    let playing = Playing { sources: vec![Source::File(file.path.clone())], offset_ms: 2_500, ..Playing::default() };
    let mut player = Player::new(1, playing, vec![Some(file)], 8_000, &library);
    let mut frame = [0; 160];
    for _ in 0..10 {
        frame.fill(0);
        assert_eq!(player.add_to(&mut frame), None);
        while let Ok((sound, index)) = wished.try_recv() {
            // Chunks of two seconds, each at a level of its own.
            sound.put(index, vec![100 * (index as i16 + 1); sound.chunk_len() as usize]);
        }
    }
    assert_eq!(frame[0], 200, "in the second chunk");
}
