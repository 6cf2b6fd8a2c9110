//! A leg recorded with two channels: what it says on the left, what it hears on the right.

use super::*;

/// Records a leg for a second while all talk; what is on the left and on the right of the second half of it.
fn both(engine: &Engine, parties: &mut [Party], who: usize, name: &str) -> [Vec<i16>; 2] {
    let path = file(name);
    let wanted = Recording { channels: 2, max_ms: 1_000, ..recording(&path) };
    let recorder = engine.record(Target::Leg(parties[who].id()), wanted);
    talk(parties, 55);
    let event = await_event(engine, |event| matches!(event, Event::Recorded { .. }));
    assert_eq!(event, Event::Recorded { recorder, why: RecordEnd::Max, ms: 1_000 });
    let (format, samples) = read(&path);
    std::fs::remove_file(path).unwrap();
    assert_eq!((format.channels, samples.len()), (2, 2 * format.rate as usize));
    let half = format.rate as usize;
    [0, 1].map(|channel| {
        let every = (format.rate / 8_000) as usize;
        samples[half + channel..].iter().step_by(2 * every).copied().collect()
    })
}

/// Which of the tones are loud in it.
fn tones(channel: &[i16]) -> String {
    [500.0, 900.0, 1_300.0]
        .map(|hertz| which(channel, &[hertz]))
        .iter()
        .map(|c| if *c == '0' { 'x' } else { '-' })
        .collect()
}

#[test]
fn a_leg_whose_packets_are_passed_on_is_recorded_with_the_other_and_they_still_are() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk(&mut parties, 10);
    let [left, right] = both(&engine, &mut parties, 0, "passed.wav");
    assert_eq!((&*tones(&left), &*tones(&right)), ("x--", "-x-"));
    for party in &parties {
        let steps = party.packets.windows(2).all(|two| two[1].timestamp.wrapping_sub(two[0].timestamp) == 160);
        assert!(steps && party.packets.len() > 50, "each packet is passed on once");
    }
}

#[test]
fn a_leg_that_is_transcoded_is_recorded_with_the_other() {
    for (one, other) in [(Codec::G722, Codec::Pcma), (Codec::Pcma, Codec::Opus), (Codec::Opus, Codec::G722)] {
        let engine = engine_with(|config| config.capabilities.codecs.push(Codec::Opus));
        let mut parties = [Party::new(&engine, one, 500.0), Party::new(&engine, other, 900.0)];
        engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
        talk(&mut parties, 10);
        let [left, right] = both(&engine, &mut parties, 0, "transcoded.wav");
        assert_eq!((&*tones(&left), &*tones(&right)), ("x--", "-x-"), "{one:?} with {other:?}");
    }
}

#[test]
fn a_leg_in_a_room_is_recorded_with_the_mix_it_hears() {
    let engine = engine();
    let mut parties = [500.0, 900.0, 1_300.0].map(|hertz| Party::new(&engine, Codec::Pcma, hertz));
    let (room, _) = engine.room(0);
    for party in &parties {
        engine.enter(room, party.id(), Role::default());
    }
    talk(&mut parties, 20);
    let [left, right] = both(&engine, &mut parties, 0, "mixed.wav");
    assert_eq!((&*tones(&left), &*tones(&right)), ("x--", "-xx"));
    // Who only listens is sent what all hear, encoded once.
    engine.change(room, parties[0].id(), Role { talk: false, ..Role::default() });
    talk(&mut parties, 20);
    let [_, right] = both(&engine, &mut parties, 0, "listens.wav");
    assert_eq!(tones(&right), "-xx");
}

#[test]
fn a_leg_alone_is_recorded_with_what_is_played_to_it() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0)];
    let sources = vec![Source::Tone("1300@-10".parse().unwrap())];
    engine.play(Target::Leg(parties[0].id()), Playing { sources, ..Playing::default() });
    talk(&mut parties, 10);
    let [left, right] = both(&engine, &mut parties, 0, "alone.wav");
    assert_eq!((&*tones(&left), &*tones(&right)), ("x--", "--x"));
}

#[test]
fn what_a_leg_may_not_hear_is_not_on_its_right() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    let deaf = Role { hear: false, ..Role::default() };
    engine.join(parties[0].id(), parties[1].id(), deaf, Role::default());
    talk(&mut parties, 10);
    let [left, right] = both(&engine, &mut parties, 0, "deaf.wav");
    assert_eq!((&*tones(&left), right.iter().all(|sample| *sample == 0)), ("x--", true));
}
