//! A recording that goes on behind what its file holds.

use super::*;
use crate::file::Samples;
use crate::file::opus::OpusReader;

fn record(engine: &Engine, parties: &mut [Party], path: &std::path::Path, append: bool) -> (RecordEnd, u64) {
    let wanted = Recording { max_ms: 400, append, ..recording(path) };
    engine.record(Target::Leg(parties[0].id()), wanted);
    talk(parties, 30);
    match await_event(engine, |event| matches!(event, Event::Recorded { .. })) {
        Event::Recorded { why, ms, .. } => (why, ms),
        other => panic!("{other:?}"),
    }
}

fn length(path: &std::path::Path) -> u64 {
    OpusReader::open(std::fs::File::open(path).unwrap()).unwrap().len().unwrap() / 48
}

#[test]
fn an_opus_is_gone_on_with_also_where_a_crash_cut_it_off() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0)];
    talk(&mut parties, 10);
    let path = file("append.opus");
    assert_eq!(record(&engine, &mut parties, &path, true), (RecordEnd::Max, 400), "nothing was there");
    assert_eq!(record(&engine, &mut parties, &path, true), (RecordEnd::Max, 800));
    assert_eq!(length(&path), 800);
    // The beginning of a page that was never finished.
    let mut octets = std::fs::read(&path).unwrap();
    octets.extend_from_within(..40);
    std::fs::write(&path, octets).unwrap();
    assert_eq!(record(&engine, &mut parties, &path, true), (RecordEnd::Max, 1_200));
    assert_eq!(length(&path), 1_200);
    assert_eq!(record(&engine, &mut parties, &path, false), (RecordEnd::Max, 400), "begun anew");
    assert_eq!(length(&path), 400);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_no_opus_is_left_as_it_is() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0)];
    let path = file("other.opus");
    let other = b"RIFF: a sound of another kind, with OggS\0 in it".repeat(9);
    std::fs::write(&path, &other).unwrap();
    assert_eq!(record(&engine, &mut parties, &path, true), (RecordEnd::Failed, 0));
    assert_eq!(std::fs::read(&path).unwrap(), other);
    std::fs::remove_file(path).unwrap();
}
