//! A sender, a network and a player on a calculated clock.

use proptest::prelude::*;

use super::*;

const FRAME: u32 = 160;
const MS: u32 = 8;

/// What a listener got.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// The frame of this number in the sender's count, and how long after it was taken from the air.
    Frame {
        number: u32,
        delay: u32,
        surplus: bool,
    },
    Made,
    Pause,
}

/// A packet on its way: number in the sender's count, when it arrives.
type Packet = (u32, u32);

const FIRST_SEQUENCE: u16 = 65_000;
const FIRST_TIMESTAMP: u32 = u32::MAX - 40_000;

fn sound(number: u32, payload: &[u8]) -> Sound<'_> {
    Sound {
        sequence: FIRST_SEQUENCE.wrapping_add(number as u16),
        timestamp: FIRST_TIMESTAMP.wrapping_add(number * FRAME),
        payload_type: 0,
        ticks: FRAME,
        payload,
    }
}

fn put(jitter: &mut Jitter, number: u32, arrival: u32) {
    jitter.put(7, &sound(number, &number.to_be_bytes()), arrival);
}

fn take(jitter: &mut Jitter, now: u32) -> Heard {
    match jitter.take(now, FRAME) {
        Taken::Payload { payload, timestamp, ticks, surplus, .. } => {
            let number = u32::from_be_bytes(payload.try_into().unwrap());
            assert_eq!((timestamp, ticks), (FIRST_TIMESTAMP.wrapping_add(number * FRAME), FRAME));
            Heard::Frame { number, delay: now.wrapping_sub(number * FRAME), surplus }
        }
        Taken::Conceal { .. } => Heard::Made,
        Taken::Pause { .. } => Heard::Pause,
    }
}

/// Plays `ticks` of time; the packets need not be in order.
fn run(jitter: &mut Jitter, mut packets: Vec<Packet>, ticks: u32) -> Vec<Heard> {
    packets.sort_by_key(|(_, arrival)| *arrival);
    let mut coming = packets.into_iter().peekable();
    // Taken half a frame off the sender's beat, and of a surplus pair the first is thrown away.
    (0..ticks / FRAME)
        .flat_map(|frame| {
            let now = frame * FRAME + FRAME / 2;
            while let Some((number, arrival)) = coming.next_if(|(_, arrival)| *arrival <= now) {
                put(jitter, number, arrival);
            }
            let first = take(jitter, now);
            if matches!(first, Heard::Frame { surplus: true, .. }) {
                vec![first, take(jitter, now)]
            } else {
                vec![first]
            }
        })
        .collect()
}

fn numbers(heard: &[Heard]) -> Vec<u32> {
    heard.iter().filter_map(|h| if let Heard::Frame { number, .. } = h { Some(*number) } else { None }).collect()
}

fn delays(heard: &[Heard]) -> Vec<u32> {
    heard.iter().filter_map(|h| if let Heard::Frame { delay, .. } = h { Some(*delay) } else { None }).collect()
}

/// A generator good enough for a network.
fn chance(seed: u32) -> impl FnMut() -> f64 {
    let mut state = u64::from(seed) | 1 << 40;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    }
}

fn network(count: u32, loss: f64, jitter_ms: f64, seed: u32) -> Vec<Packet> {
    let mut chance = chance(seed);
    (0..count)
        .filter_map(|number| {
            let (lost, delay) = (chance() < loss, chance() * jitter_ms * f64::from(MS));
            (!lost).then_some((number, number * FRAME + 100 + delay as u32))
        })
        .collect()
}

#[test]
fn an_even_stream_is_played_whole_with_the_least_delay() {
    let mut jitter = Jitter::new(8_000, 160, Limits::default());
    let heard = run(&mut jitter, network(500, 0.0, 0.0, 1), 500 * FRAME);
    let numbers = numbers(&heard);
    assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "{numbers:?}");
    assert!(numbers.len() > 495);
    assert!(delays(&heard).iter().all(|delay| *delay <= 100 + 40 * MS), "{:?}", delays(&heard));
    assert_eq!(jitter.counts(), Counts { played: numbers.len() as u64, ..Counts::default() });
}

#[test]
fn loss_of_5_per_cent_and_jitter_of_60_ms_cost_little_more_than_the_loss() {
    let mut jitter = Jitter::new(8_000, 160, Limits::default());
    let heard = run(&mut jitter, network(3_000, 0.05, 60.0, 3), 3_000 * FRAME);
    let counts = jitter.counts();
    assert!(numbers(&heard).windows(2).all(|pair| pair[0] < pair[1]));
    assert!(counts.played > 2_800, "{counts:?}");
    assert!(counts.late < 45, "{counts:?}");
    assert!(counts.stretched < 12 && counts.surplus < 12, "{counts:?}");
    assert_eq!((counts.restarts, counts.overflow, counts.duplicate), (0, 0, 0), "{counts:?}");
    let settled = delays(&heard).split_off(500);
    assert!(settled.iter().all(|delay| (60 * MS..125 * MS).contains(delay)), "{settled:?}");
}

#[test]
fn when_the_network_calms_down_the_delay_goes_back_without_a_gap() {
    let mut jitter = Jitter::new(8_000, 160, Limits::default());
    let mut packets = network(500, 0.0, 80.0, 3);
    packets.extend(network(3_500, 0.0, 2.0, 4).split_off(500));
    let heard = run(&mut jitter, packets, 3_500 * FRAME);
    let delays = delays(&heard);
    assert!(delays[100..450].iter().any(|delay| *delay > 80 * MS));
    assert!(delays.last().unwrap() < &(45 * MS + 100), "{:?}", delays.last());
    assert!(heard[700..].iter().all(|h| matches!(h, Heard::Frame { .. })));
    assert!(jitter.counts().surplus >= 3, "{:?}", jitter.counts());
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order_and_those_that_come_again_are_not_heard_again() {
    let mut jitter = Jitter::new(8_000, 160, Limits { min_ms: 60, max_ms: 200 });
    let mut packets = Vec::new();
    for number in 0..200 {
        let swapped = if number % 10 == 4 { 30 * MS } else { 0 };
        packets.push((number, number * FRAME + 50 + swapped));
        if number % 3 == 0 {
            packets.push((number, number * FRAME + 55 + swapped));
            packets.push((number, number * FRAME + 150 * MS));
        }
    }
    let heard = run(&mut jitter, packets, 190 * FRAME);
    let numbers = numbers(&heard);
    assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "{numbers:?}");
    assert!(jitter.counts().duplicate > 110, "{:?}", jitter.counts());
    assert_eq!(jitter.counts().late, 0);
}

#[test]
fn the_first_packets_may_come_in_any_order() {
    let mut jitter = Jitter::new(8_000, 160, Limits { min_ms: 60, max_ms: 200 });
    let packets = vec![(2, 10), (0, 20), (1, 30), (4, 700), (3, 701), (5, 900)];
    assert_eq!(numbers(&run(&mut jitter, packets, 20 * FRAME)), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_missing_packet_is_made_up_and_the_one_behind_it_is_shown() {
    let mut jitter = Jitter::new(8_000, 160, Limits { min_ms: 60, max_ms: 200 });
    for number in [0, 1, 3, 4, 7] {
        put(&mut jitter, number, number * FRAME);
    }
    let mut seen = Vec::new();
    for frame in 3..11 {
        seen.push(match jitter.take(frame * FRAME, FRAME) {
            Taken::Payload { payload, .. } => format!("{}", payload[3]),
            Taken::Conceal { ticks, next } => format!("{ticks} before {:?}", next.map(|payload| payload[3])),
            Taken::Pause { .. } => "pause".into(),
        });
    }
    assert_eq!(
        seen,
        ["0", "1", "160 before Some(3)", "3", "4", "160 before None", "160 before Some(7)", "7"],
        "{:?}",
        jitter.counts()
    );
    assert_eq!(jitter.counts().missing, 3);
}

#[test]
fn pauses_and_digits_are_no_loss() {
    let mut jitter = Jitter::new(8_000, 160, Limits { min_ms: 40, max_ms: 200 });
    let mut heard = Vec::new();
    for frame in 0..300_u32 {
        // Frames 50 to 99 were never sent: numbers go on, timestamps jump. 150 to 159 were digits.
        let number = if frame < 50 { frame } else { frame.saturating_sub(50) };
        let sequence = FIRST_SEQUENCE.wrapping_add(number as u16);
        match frame {
            50..=99 => {}
            150..=159 => jitter.pass(7, sequence),
            _ => {
                let payload = frame.to_be_bytes();
                jitter.put(7, &Sound { sequence, ..sound(frame, &payload) }, frame * FRAME);
            }
        }
        heard.push(take(&mut jitter, frame * FRAME));
    }
    let expected: Vec<u32> = (0..50).chain(100..150).chain(160..heard.len() as u32).collect();
    let numbers = numbers(&heard);
    assert_eq!(numbers[..], expected[..numbers.len()]);
    assert!(numbers.len() > 230);
    assert_eq!((jitter.counts().missing, jitter.counts().late, jitter.counts().restarts), (0, 0, 0));
    assert!(heard.iter().filter(|h| **h == Heard::Made).count() <= 6, "what ran dry is made up only at first");
}

#[test]
fn clocks_that_run_apart_are_followed_for_an_hour() {
    for drift_ppm in [-300_i64, 300] {
        let mut jitter = Jitter::new(8_000, 160, Limits::default());
        let packets = network(180_000, 0.0, 10.0, 9)
            .into_iter()
            .map(|(number, arrival)| (number, (i64::from(arrival) * (1_000_000 + drift_ppm) / 1_000_000) as u32))
            .collect();
        let heard = run(&mut jitter, packets, 180_000 * FRAME);
        let numbers = numbers(&heard);
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{drift_ppm}");
        // 0.3 parts in a thousand of an hour is 54 frames.
        let (made, left) = (jitter.counts().stretched, jitter.counts().surplus);
        let (more, fewer) = if drift_ppm > 0 { (made, left) } else { (left, made) };
        assert!((45..70).contains(&more) && fewer < 12, "{drift_ppm}: {:?}", jitter.counts());
        assert_eq!((jitter.counts().late, jitter.counts().restarts), (0, 0));
    }
}

#[test]
fn another_source_and_another_timebase_are_heard_at_once() {
    let mut jitter = Jitter::new(8_000, 160, Limits::default());
    let mut heard = Vec::new();
    for frame in 0..300_u32 {
        let payload = frame.to_be_bytes();
        let (ssrc, sequence, timestamp) = match frame {
            0..100 => (1, frame as u16, frame * FRAME),
            100..200 => (2, (frame + 40_000) as u16, frame * FRAME + 3_000_000_000),
            _ => (2, (frame + 40_000) as u16, frame * FRAME + 77),
        };
        let sound = Sound { sequence, timestamp, payload_type: 0, ticks: FRAME, payload: &payload };
        jitter.put(ssrc, &sound, frame * FRAME);
        if let Taken::Payload { payload, .. } = jitter.take(frame * FRAME + 1, FRAME) {
            heard.push(u32::from_be_bytes(payload.try_into().unwrap()));
        }
    }
    assert!(heard.windows(2).all(|pair| pair[0] < pair[1]));
    for change in [0, 100, 200] {
        let first = heard.iter().find(|number| **number >= change).unwrap();
        assert!(*first <= change + 2, "{first}");
        let count = heard.iter().filter(|number| (change..change + 100).contains(*number)).count();
        assert!(count >= 94, "after {change}: {count}");
    }
    assert_eq!(jitter.counts().restarts, 2);
}

#[test]
fn a_network_that_stood_still_lets_no_more_than_the_limit_wait() {
    let mut jitter = Jitter::new(8_000, 160, Limits { min_ms: 20, max_ms: 120 });
    let packets = (0..600).map(|n| (n, (n * FRAME).max(if n < 200 { 0 } else { 250 * FRAME }))).collect();
    let heard = run(&mut jitter, packets, 590 * FRAME);
    assert!(numbers(&heard).windows(2).all(|pair| pair[0] < pair[1]));
    let after = &delays(&heard)[260..];
    assert!(after.iter().all(|delay| *delay <= (120 + 70) * MS), "{after:?}");
    assert!(numbers(&heard).contains(&580));
}

#[test]
fn a_payload_too_large_is_not_taken() {
    let mut jitter = Jitter::new(8_000, 160, Limits::default());
    jitter.put(7, &sound(0, &[0; 161]), 0);
    assert_eq!((jitter.counts().oversized, jitter.take(5_000, FRAME)), (1, Taken::Pause { ticks: FRAME }));
}

proptest! {
    /// Whatever the network does: nothing twice, nothing out of order, no delay beyond the limit.
    #[test]
    fn nothing_is_heard_twice_or_out_of_order_and_the_delay_is_bounded(
        seed: u32, loss in 0.0..0.3, jitter_ms in 0.0..150.0, again in 0.0..0.2, min_ms in 0..80_u32, max_ms in 80..300_u32,
    ) {
        let mut jitter = Jitter::new(8_000, 160, Limits { min_ms, max_ms });
        let mut packets = network(600, loss, jitter_ms, seed);
        let mut chance = chance(!seed);
        let copies: Vec<Packet> = packets
            .iter()
            .filter_map(|(number, arrival)| (chance() < again).then_some((*number, arrival + (chance() * 2_000.0) as u32)))
            .collect();
        packets.extend(copies);
        let heard = run(&mut jitter, packets, 600 * FRAME);
        let numbers = numbers(&heard);
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        prop_assert!(numbers.len() > 250, "{} of 600, {:?}", numbers.len(), jitter.counts());
        let most = 100 + jitter_ms as u32 * MS + (max_ms + 80) * MS;
        prop_assert!(delays(&heard).iter().all(|delay| *delay <= most), "{most}: {:?}", delays(&heard));
    }

    /// Whatever comes and whenever it is asked: it ends, and gives what was put in.
    #[test]
    fn no_row_of_packets_breaks_it(
        rows in proptest::collection::vec((0..3_u32, any::<u16>(), any::<u32>(), any::<u32>(), 0..2_000_u32, 0..4_u8), 0..300),
    ) {
        let mut jitter = Jitter::new(8_000, 8, Limits::default());
        for (ssrc, sequence, timestamp, now, ticks, what) in rows {
            match what {
                0 => jitter.pass(ssrc, sequence),
                1 => {
                    if let Taken::Payload { payload, timestamp, .. } = jitter.take(now, ticks) {
                        prop_assert_eq!(payload, timestamp.to_be_bytes());
                    }
                }
                _ => {
                    // Near to each other as often as far.
                    let (sequence, timestamp) = if what == 2 { (sequence % 40, timestamp % 4_000) } else { (sequence, timestamp) };
                    let payload = timestamp.to_be_bytes();
                    jitter.put(ssrc, &Sound { sequence, timestamp, payload_type: 0, ticks, payload: &payload }, now);
                }
            }
        }
    }
}
