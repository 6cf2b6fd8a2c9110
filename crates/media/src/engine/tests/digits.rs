//! Digits: heard once, passed on or kept back, sent as the peer knows them.

use super::*;
use crate::dtmf::detector::Detector;
use crate::dtmf::plan;
use crate::tone::Tone;

/// The digits the engine tells of until so many have come.
fn digits(engine: &Engine, parties: &mut [Party], count: usize) -> String {
    let mut told = String::new();
    for _ in 0..100 {
        talk(parties, 5);
        for event in engine.take_events() {
            if let Event::Digit { digit, .. } = event {
                told.push(digit);
            }
        }
        if told.len() >= count {
            break;
        }
    }
    talk(parties, 10);
    told.extend(engine.take_events().into_iter().filter_map(|event| match event {
        Event::Digit { digit, .. } => Some(digit),
        _ => None,
    }));
    told
}

/// The digits in a sound.
fn heard(samples: &[i16]) -> String {
    let mut keys = String::new();
    Detector::new(8_000).feed(samples, |press| keys.push(press.key));
    keys
}

#[test]
fn digits_of_a_joined_leg_are_told_and_passed_on_unless_clamped() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    let open = Role { clamp_dtmf: false, ..Role::default() };
    engine.join(parties[0].id(), parties[1].id(), open, open);
    parties[0].keys.press("15#", 100, 60).unwrap();
    assert_eq!(digits(&engine, &mut parties, 3), "15#");
    assert_eq!(parties[1].pressed, "15#");
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    parties[0].keys.press("77", 100, 60).unwrap();
    assert_eq!(digits(&engine, &mut parties, 2), "77");
    assert_eq!(parties[1].pressed, "15#");
    assert!(parties[1].packets.windows(2).all(|two| two[1].ssrc == two[0].ssrc));
}

#[test]
fn digits_are_translated_for_a_peer_that_knows_no_events() {
    let engine = engine();
    let mut parties =
        [Party::new(&engine, Codec::Pcma, 500.0), Party::with(&engine, Codec::Pcma, 900.0, WITHOUT_EVENTS)];
    parties[0].level = 0.0;
    let open = Role { clamp_dtmf: false, ..Role::default() };
    engine.join(parties[0].id(), parties[1].id(), open, open);
    parties[0].keys.press("159", 200, 200).unwrap();
    assert_eq!(digits(&engine, &mut parties, 3), "159");
    parties[1].listen();
    assert_eq!(heard(&parties[1].heard), "159");
}

#[test]
fn digits_are_sent_as_events_or_as_sound() {
    let engine = engine();
    let mut parties =
        [Party::new(&engine, Codec::Pcma, 500.0), Party::with(&engine, Codec::Pcma, 900.0, WITHOUT_EVENTS)];
    for party in &parties {
        assert_eq!(engine.send_digits(party.id(), "0*8D", 100, 100).unwrap(), 800);
    }
    talk(&mut parties, 55);
    assert_eq!(parties[0].pressed, "0*8D");
    assert_eq!(heard(&parties[1].heard), "0*8D");
    assert!(engine.send_digits(parties[0].id(), "12x", 100, 100).is_err());
}

#[test]
fn digits_in_the_sound_are_found_and_kept_from_a_room() {
    let engine = engine();
    let mut parties =
        [Party::with(&engine, Codec::Pcma, 500.0, WITHOUT_EVENTS), Party::new(&engine, Codec::Pcma, 900.0)];
    let (room, _) = engine.room(0);
    for party in &parties {
        engine.enter(room, party.id(), Role::default());
    }
    talk(&mut parties, 20);
    let told = dial(&engine, &mut parties, "42", 60);
    assert_eq!(told, "42");
    assert_eq!(heard(&parties[1].heard), "", "too short to be a digit");
}

/// The first party says keys as sound for so many frames; what was told of them.
fn dial(engine: &Engine, parties: &mut [Party], keys: &str, frames: u32) -> String {
    let mut tone = Tone::new(plan(keys, 200, 200).unwrap(), 8_000);
    let start = Instant::now();
    let mut told = String::new();
    for frame in 0..frames {
        let mut samples = [0; 160];
        tone.fill(&mut samples);
        parties[0].say(&samples);
        for party in &mut parties[1..] {
            party.speak();
            party.listen();
        }
        let due = start + Duration::from_millis(20) * (frame + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        told.extend(engine.take_events().into_iter().filter_map(|event| match event {
            Event::Digit { digit, .. } => Some(digit),
            _ => None,
        }));
    }
    told
}

#[test]
fn digits_in_the_sound_become_events_for_the_one_it_is_joined_with_where_that_is_asked_for() {
    for (asked, clamp_dtmf, events, sound) in
        [(true, false, "58#", ""), (true, true, "", ""), (false, false, "", "58#")]
    {
        let engine = engine_with(|config| config.inband_digits = asked);
        let mut parties =
            [Party::with(&engine, Codec::Pcma, 500.0, WITHOUT_EVENTS), Party::new(&engine, Codec::Pcma, 900.0)];
        let role = Role { clamp_dtmf, ..Role::default() };
        engine.join(parties[0].id(), parties[1].id(), role, role);
        talk(&mut parties, 20);
        let told = dial(&engine, &mut parties, "58#", 80);
        assert_eq!(told, if asked { "58#" } else { "" });
        assert_eq!(parties[1].pressed, events, "{asked} {clamp_dtmf}");
        assert_eq!(heard(&parties[1].heard), sound, "{asked} {clamp_dtmf}");
        talk_until(&mut parties, |parties| hears_all(parties, 1, &[500.0], &[]));
        assert!(hears_all(&parties, 1, &[500.0], &[]), "who talks on is heard");
    }
}

#[test]
fn keys_that_are_not_kept_from_a_room_are_heard_by_all_in_it_as_each_knows_them() {
    let engine = engine();
    let mut parties = [
        Party::new(&engine, Codec::Pcma, 500.0),
        Party::new(&engine, Codec::Pcma, 900.0),
        Party::with(&engine, Codec::Pcmu, 1_300.0, WITHOUT_EVENTS),
        Party::new(&engine, Codec::Pcma, 1_700.0),
    ];
    parties.iter_mut().for_each(|party| party.level = 0.0);
    let (room, _) = engine.room(0);
    let open = Role { clamp_dtmf: false, ..Role::default() };
    for (party, role) in parties.iter().zip([open, open, open, Role { hear: false, ..open }]) {
        engine.enter(room, party.id(), role);
    }
    parties[0].keys.press("15#", 200, 200).unwrap();
    assert_eq!(digits(&engine, &mut parties, 3), "15#");
    assert_eq!([0, 1, 3].map(|who| &*parties[who].pressed), ["", "15#", ""]);
    assert_eq!(heard(&parties[2].heard), "15#");
    engine.change(room, parties[0].id(), Role::default());
    parties[0].keys.press("7", 200, 200).unwrap();
    assert_eq!(digits(&engine, &mut parties, 1), "7");
    assert_eq!((&*parties[1].pressed, &*heard(&parties[2].heard)), ("15#", "15#"));
}

#[test]
fn digits_of_a_stream_that_begins_anew_are_told_though_its_timestamps_lie_before_those_of_the_last() {
    let engine = engine();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0)];
    parties[0].outgoing = Outgoing::new(7, 20_000, 900_000);
    parties[0].keys.press("1", 100, 60).unwrap();
    assert_eq!(digits(&engine, &mut parties, 1), "1");
    // As after a change of the announcement server that a gateway passes on under a name of its own.
    parties[0].outgoing = Outgoing::new(8, 1_000, 500_000);
    parties[0].keys.press("2", 100, 60).unwrap();
    assert_eq!(digits(&engine, &mut parties, 1), "2");
    parties[0].outgoing = Outgoing::new(8, 30_000, 100_000);
    talk(&mut parties, 5);
    parties[0].keys.press("3", 100, 60).unwrap();
    assert_eq!(digits(&engine, &mut parties, 1), "3");
}

/// The timestamps under which events came, with how many of each had a marker.
fn events(party: &Party) -> Vec<(u32, usize)> {
    let mut events: Vec<(u32, usize)> = Vec::new();
    for packet in party.packets.iter().filter(|packet| packet.payload_type == 101) {
        if events.last().is_none_or(|(timestamp, _)| *timestamp != packet.timestamp) {
            events.push((packet.timestamp, 0));
        }
        if let Some((_, marked)) = events.last_mut() {
            *marked += usize::from(packet.marker);
        }
    }
    events
}

#[test]
fn a_digit_stays_one_event_though_the_sound_around_it_is_not_passed_on() {
    let open = Role { clamp_dtmf: false, ..Role::default() };
    let loud = Role { gain: 3.0, ..open };
    for (codec, role, plays) in
        [(Codec::Pcmu, open, false), (Codec::Pcma, loud, false), (Codec::Pcma, open, true), (Codec::Opus, open, false)]
    {
        let engine = engine_with(|config| config.capabilities.codecs = vec![Codec::Pcma, Codec::Pcmu, Codec::Opus]);
        let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, codec, 900.0)];
        engine.join(parties[0].id(), parties[1].id(), role, open);
        if plays {
            let sources = vec![Source::Tone("1300@-20".parse().unwrap())];
            engine.play(Target::Leg(parties[1].id()), Playing { sources, ..Playing::default() });
        }
        talk(&mut parties, 10);
        parties[0].keys.press("15#", 200, 60).unwrap();
        assert_eq!(digits(&engine, &mut parties, 3), "15#");
        assert_eq!(parties[1].pressed, "15#", "{codec:?} {role:?} {plays}");
        let events = events(&parties[1]);
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(events.iter().all(|(_, marked)| *marked == 1), "{events:?}");
        let sequences: Vec<_> = parties[1].packets.iter().map(|packet| packet.sequence).collect();
        assert!(sequences.windows(2).all(|two| two[1] == two[0].wrapping_add(1)), "{codec:?} {role:?} {plays}");
    }
}
