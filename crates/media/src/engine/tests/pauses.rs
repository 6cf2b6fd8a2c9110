//! Comfort noise: a peer that says what its pauses sound like is heard so by everybody (RFC 3389).

use super::*;
use crate::cng::{Comfort, PAYLOAD_TYPE};
use crate::dsp::level::{dbov, power};

const LEVEL: f32 = -45.0;

/// Lets the first party pause for so many frames, and the others listen.
fn pause(parties: &mut [Party], frames: u32) {
    let start = Instant::now();
    for frame in 0..frames {
        if frame % 10 == 0 {
            let speaker = &mut parties[0];
            let mut data = [0; HEADER + 1];
            rtp::write(&mut data, PAYLOAD_TYPE, false, speaker.outgoing.sequence, speaker.outgoing.timestamp, 500);
            data[HEADER] = Comfort::white(LEVEL).to_byte();
            speaker.outgoing.sequence = speaker.outgoing.sequence.wrapping_add(1);
            speaker.socket.send_to(&data, speaker.leg.place()).unwrap();
        }
        parties[0].outgoing.skip(160);
        parties.iter_mut().for_each(Party::listen);
        let due = start + Duration::from_millis(20) * (frame + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// How loud the last half second is that a party heard, dBov.
fn loudness(party: &Party) -> f32 {
    dbov(power(&party.heard[party.heard.len().saturating_sub(party.codec.sample_rate() as usize / 2)..]))
}

fn is_noise(party: &Party) -> bool {
    (loudness(party) - LEVEL).abs() < 3.0 && party.hears(500.0) < 0.005
}

/// The first party talks, pauses and talks again; the second hears all of it.
fn check(engine: &Engine, parties: &mut [Party]) {
    talk_until(parties, |parties| hears_all(parties, 1, &[500.0], &[]));
    parties[1].level = 0.0;
    for _ in 0..20 {
        pause(parties, 40);
        if is_noise(&parties[1]) {
            break;
        }
    }
    assert!(is_noise(&parties[1]), "{} dBov, {}", loudness(&parties[1]), parties[1].hears(500.0));
    talk_until(parties, |parties| hears_all(parties, 1, &[500.0], &[]));
    assert!(hears_all(parties, 1, &[500.0], &[]), "{}", parties[1].hears(500.0));
    let told = |leg: &LegHandle| (leg.stats().comfort_received, leg.stats().packets_refused);
    assert!(matches!(told(&parties[0].leg), (1.., 0)), "{:?}", told(&parties[0].leg));
    assert_eq!(engine.failure(), None);
}

fn quick() -> Engine {
    engine_with(|config| config.report_interval = Duration::from_millis(500))
}

#[test]
fn a_pause_is_made_audible_for_a_peer_that_does_not_know_comfort_noise() {
    for other in [Codec::Pcma, Codec::Pcmu, Codec::G722] {
        let engine = quick();
        let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, other, 900.0)];
        engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
        check(&engine, &mut parties);
    }
}

#[test]
fn a_pause_is_heard_in_a_room() {
    let engine = quick();
    let mut parties = [Party::new(&engine, Codec::Pcma, 500.0), Party::new(&engine, Codec::Pcmu, 900.0)];
    let (room, _) = engine.room(0);
    for party in &parties {
        engine.enter(room, party.id(), Role::default());
    }
    check(&engine, &mut parties);
}

#[test]
fn a_pause_is_passed_on_to_a_peer_that_knows_it() {
    let engine = engine_with(|config| config.capabilities.comfort_noise = true);
    let knows = "a=rtpmap:13 CN/8000\r\n";
    let mut parties =
        [Party::with(&engine, Codec::Pcma, 500.0, knows), Party::with(&engine, Codec::Pcma, 900.0, knows)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk(&mut parties, 20);
    pause(&mut parties, 30);
    let came = |party: &Party| party.packets.iter().filter(|packet| packet.payload_type == PAYLOAD_TYPE).count();
    assert_eq!(came(&parties[1]), 3);
    assert!(parties[1].packets.windows(2).all(|two| two[1].ssrc == two[0].ssrc));
}

#[test]
fn a_pause_is_passed_on_as_it_is_though_it_is_recorded_too() {
    let engine = engine_with(|config| config.capabilities.comfort_noise = true);
    let knows = "a=rtpmap:13 CN/8000\r\n";
    let mut parties =
        [Party::with(&engine, Codec::Pcma, 500.0, knows), Party::with(&engine, Codec::Pcma, 900.0, knows)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    let path = file("pause.wav");
    let recorders = [0, 1].map(|who| {
        let path = path.with_extension(format!("{who}.wav"));
        let wanted = Recording { channels: 2, ..recording(&path) };
        (engine.record(Target::Leg(parties[who].id()), wanted), Target::Leg(parties[who].id()), path)
    });
    talk(&mut parties, 30);
    pause(&mut parties, 10);
    parties[1].packets.clear();
    pause(&mut parties, 40);
    let types: Vec<_> = parties[1].packets.iter().map(|packet| packet.payload_type).collect();
    assert_eq!(types, [PAYLOAD_TYPE; 4], "and no noise beside it");
    for (recorder, target, path) in recorders {
        engine.recorder(recorder, target, Act::Stop);
        await_event(&engine, |event| matches!(event, Event::Recorded { recorder: r, .. } if *r == recorder));
        let (_, samples) = read(&path);
        std::fs::remove_file(path).unwrap();
        assert!(samples.len() > 8_000);
    }
}
