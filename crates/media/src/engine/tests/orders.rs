//! Whatever is asked in whatever order: nothing is left behind, and everything that was begun is said to have ended, once.

use std::collections::HashMap;

use super::*;

/// A row of numbers that differ from run to run of a seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}

#[derive(Default)]
struct Made {
    legs: Vec<LegHandle>,
    rooms: Vec<Id>,
    players: Vec<(Id, Target)>,
    recorders: Vec<(Id, Target)>,
}

fn role(dice: &mut Dice, legs: &[LegHandle]) -> Role {
    let coach_for = if dice.below(4) == 0 { dice.one_of(legs).map(LegHandle::id) } else { None };
    Role { talk: dice.below(3) > 0, hear: dice.below(3) > 0, gain: 3.0, clamp_dtmf: dice.below(2) == 0, coach_for }
}

fn target(dice: &mut Dice, made: &Made) -> Option<Target> {
    if dice.below(3) == 0 {
        dice.one_of(&made.rooms).map(|room| Target::Room(*room))
    } else {
        dice.one_of(&made.legs).map(|leg| Target::Leg(leg.id()))
    }
}

fn description(dice: &mut Dice) -> String {
    let codec = [Codec::Pcma, Codec::Pcmu, Codec::G722][dice.below(3)];
    let ptime = ["", "a=ptime:10\r\n", "a=ptime:60\r\n"][dice.below(3)];
    Party::describe("127.0.0.1:9".parse().unwrap(), codec, codec.static_payload_type().unwrap(), ptime)
}

fn sources(dice: &mut Dice, sound: &std::path::Path) -> Vec<Source> {
    (0..dice.below(3))
        .map(|_| match dice.below(4) {
            0 => Source::File(sound.to_owned()),
            1 => Source::File(file("never.wav")),
            2 => Source::Tone("425/40,0/40".parse().unwrap()),
            _ => Source::Waves(30, vec![(440.0, -10.0)]),
        })
        .collect()
}

/// One thing, drawn at random.
fn ask(engine: &Engine, made: &mut Made, dice: &mut Dice, sound: &std::path::Path) {
    let acts = [Act::Stop, Act::Pause, Act::Resume, Act::Seek(-50), Act::Seek(70)];
    let pair = (dice.one_of(&made.legs).map(LegHandle::id), dice.one_of(&made.legs).map(LegHandle::id));
    match (dice.below(18), pair) {
        (0 | 1, _) => made.legs.extend(engine.leg(b"", Peer::default())),
        (2, _) if made.rooms.len() < 5 => made.rooms.push(engine.room(dice.below(4)).0),
        (3, _) => {
            let text = description(dice);
            if let Some(leg) = dice.one_of(&made.legs) {
                engine.answer(leg, text.as_bytes()).unwrap();
            }
        }
        (4, (Some(one), _)) if made.legs.len() > 6 => {
            engine.close_leg(one);
            // It may still be asked for something afterwards.
            if dice.below(3) > 0 {
                made.legs.retain(|leg| leg.id() != one);
            }
        }
        (5 | 6, (Some(one), Some(other))) => {
            let (there, back) = (role(dice, &made.legs), role(dice, &made.legs));
            engine.join(one, other, there, back);
        }
        (7, (Some(one), Some(other))) => engine.part(one, other),
        (8 | 9, (Some(one), _)) => {
            let role = role(dice, &made.legs);
            if let Some(room) = dice.one_of(&made.rooms) {
                engine.enter(*room, one, role);
            }
        }
        (10, (Some(one), _)) => {
            let role = role(dice, &made.legs);
            if let Some(room) = dice.one_of(&made.rooms) {
                engine.change(*room, one, role);
                engine.leave(*room, one);
            }
        }
        (11, _) if dice.below(4) == 0 => {
            if let Some(room) = dice.one_of(&made.rooms).copied() {
                engine.close_room(room);
                made.rooms.retain(|other| *other != room);
            }
        }
        (12 | 13, _) => {
            if let Some(target) = target(dice, made) {
                let (repeat, delay_ms, offset_ms) =
                    (dice.below(3) as u32, dice.below(50) as u32, dice.below(2) as u32 * 80);
                let duration_ms = dice.below(2) as u32 * 90;
                let playing =
                    Playing { sources: sources(dice, sound), repeat, delay_ms, duration_ms, offset_ms, gain: 0.0 };
                made.players.push((engine.play(target, playing), target));
            }
        }
        (14, _) => {
            if let Some(target) = target(dice, made) {
                let name = file(&format!("orders-{}.wav", dice.below(1_000)));
                let asked = Recording { max_ms: dice.below(3) as u32 * 40, ..recording(&name) };
                made.recorders.push((engine.record(target, asked), target));
            }
        }
        (15, _) => {
            if let Some((player, target)) = dice.one_of(&made.players).copied() {
                engine.player(player, target, acts[dice.below(acts.len())]);
            }
        }
        (16, _) => {
            if let Some((recorder, target)) = dice.one_of(&made.recorders).copied() {
                engine.recorder(recorder, target, acts[dice.below(acts.len())]);
            }
        }
        (17, (Some(one), _)) => {
            engine.send_digits(one, "1", 40, 60).unwrap();
        }
        _ => {}
    }
}

#[test]
fn nothing_is_left_of_any_row_of_orders() {
    let sound = write_tone("orders.wav", 8_000, 700.0, 1);
    for (seed, threads) in [(1, 1), (2, 2), (3, 3)] {
        let engine = engine_with(|config| config.threads = threads);
        let ports = engine.counters()[2].1;
        let (mut made, mut dice) = (Made::default(), Dice(seed));
        let mut ended: HashMap<Id, usize> = HashMap::new();
        let mut note = |events: Vec<Event>| {
            for event in events {
                if let Event::Played { player: id, .. } | Event::Recorded { recorder: id, .. } = event {
                    *ended.entry(id).or_default() += 1;
                }
            }
        };
        for step in 0..1_500 {
            ask(&engine, &mut made, &mut dice, &sound);
            if step % 50 == 0 {
                std::thread::sleep(Duration::from_millis(10));
                note(engine.take_events());
            }
        }
        for room in &made.rooms {
            engine.close_room(*room);
        }
        for leg in &made.legs {
            engine.close_leg(leg.id());
        }
        let start = Instant::now();
        while engine.counters()[2].1 < ports && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(engine.counters()[..3], [("legs", 0), ("rooms", 0), ("free_ports", ports)], "seed {seed}");
        assert_eq!(engine.failure(), None, "seed {seed}");
        engine.close();
        note(engine.take_events());
        let begun = made.players.iter().chain(&made.recorders).map(|(id, _)| *id);
        let wrong: Vec<_> =
            begun.map(|id| (id, ended.get(&id).copied())).filter(|(_, times)| *times != Some(1)).collect();
        assert!(wrong.is_empty(), "seed {seed}: {wrong:?} did not end once");
    }
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let ours = format!("cordboard-engine-{}-orders", std::process::id());
        if entry.file_name().to_string_lossy().starts_with(&ours) {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}
