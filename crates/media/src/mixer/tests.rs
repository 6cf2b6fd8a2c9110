use proptest::prelude::*;

use super::*;

const FRAME: usize = 160;

/// A tone of its own for each, so that it can be found in a mix.
fn tone(who: usize, tick: usize, amplitude: f32) -> Vec<i16> {
    let step = std::f32::consts::TAU * (300.0 + 150.0 * who as f32) / 8_000.0;
    (tick * FRAME..(tick + 1) * FRAME).map(|n| (amplitude * (step * n as f32).sin()) as i16).collect()
}

/// How loud each of `count` tones is in a frame; 1.0 is as it was said with amplitude 1.
fn amplitude(who: usize, frame: &[i16], tick: usize) -> f32 {
    let step = std::f32::consts::TAU * (300.0 + 150.0 * who as f32) / 8_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, s) in frame.iter().enumerate() {
        let angle = step * (tick * FRAME + i) as f32;
        re += f32::from(*s) * angle.cos();
        im += f32::from(*s) * angle.sin();
    }
    (re * re + im * im).sqrt() * 2.0 / FRAME as f32
}

/// Lets all talk for some ticks; gives what each hears in the last.
fn run(mixer: &mut Mixer, seats: &[Seat], loudness: &[f32], ticks: std::ops::Range<usize>) -> Vec<Vec<i16>> {
    let mut heard = vec![vec![0; FRAME]; seats.len()];
    for tick in ticks {
        for (who, seat) in seats.iter().enumerate() {
            if loudness[who] > 0.0 {
                mixer.talk(*seat).unwrap().copy_from_slice(&tone(who, tick, loudness[who]));
            }
        }
        mixer.mix();
        for (seat, out) in seats.iter().zip(&mut heard) {
            mixer.hear(*seat, out);
        }
    }
    heard
}

#[test]
fn each_hears_all_but_himself() {
    let mut mixer = Mixer::new(MixerSettings::call(FRAME));
    let seats: Vec<Seat> = (0..5).map(|_| mixer.join(Part::default())).collect();
    let heard = run(&mut mixer, &seats, &[3_000.0; 5], 0..10);
    for (hearer, frame) in heard.iter().enumerate() {
        for talker in 0..5 {
            let loud = amplitude(talker, frame, 9);
            let (low, high) = if hearer == talker { (0.0, 20.0) } else { (2_950.0, 3_050.0) };
            assert!((low..high).contains(&loud), "{hearer} hears {talker} with {loud}");
        }
    }
}

#[test]
fn one_talker_is_heard_bit_by_bit_and_the_rest_share_one_mix() {
    let mut mixer = Mixer::new(MixerSettings::conference(FRAME));
    let seats: Vec<Seat> = (0..50).map(|_| mixer.join(Part::default())).collect();
    let said: Vec<i16> = (0..FRAME).map(|i| if i % 3 == 0 { i16::MAX } else { i16::MIN }).collect();
    let mut out = vec![0; FRAME];
    for _ in 0..2 {
        mixer.talk(seats[7]).unwrap().copy_from_slice(&said);
        mixer.mix();
    }
    for (who, seat) in seats.iter().enumerate() {
        let heard = mixer.hear(*seat, &mut out);
        if who == 7 {
            assert_eq!((heard, out.iter().all(|s| *s == 0)), (Heard::Silence, true));
        } else {
            assert_eq!((heard, &out), (Heard::Common, &said));
        }
    }
}

#[test]
fn only_the_loudest_are_mixed_and_a_little_louder_does_not_displace() {
    let mut mixer = Mixer::new(MixerSettings { loudest: 2, ..MixerSettings::conference(FRAME) });
    let seats: Vec<Seat> = (0..4).map(|_| mixer.join(Part::default())).collect();
    let heard = run(&mut mixer, &seats, &[4_000.0, 3_000.0, 2_000.0, 0.0], 0..30);
    assert!(amplitude(1, &heard[3], 29) > 2_900.0 && amplitude(2, &heard[3], 29) < 30.0);
    let heard = run(&mut mixer, &seats, &[4_000.0, 3_000.0, 3_600.0, 0.0], 30..60);
    assert!(amplitude(1, &heard[3], 59) > 2_900.0 && amplitude(2, &heard[3], 59) < 30.0, "1.6 dB is not enough");
    let heard = run(&mut mixer, &seats, &[4_000.0, 3_000.0, 6_000.0, 0.0], 60..90);
    assert!(amplitude(2, &heard[3], 89) > 5_900.0 && amplitude(1, &heard[3], 89) < 30.0, "6 dB is");
}

#[test]
fn background_noise_is_gated_in_a_conference_and_kept_in_a_call() {
    for (settings, expected) in [(MixerSettings::conference(FRAME), false), (MixerSettings::call(FRAME), true)] {
        let mut mixer = Mixer::new(settings);
        let seats: Vec<Seat> = (0..3).map(|_| mixer.join(Part::default())).collect();
        let heard = run(&mut mixer, &seats, &[60.0, 60.0, 0.0], 0..30);
        assert_eq!(heard[2].iter().any(|s| *s != 0), expected);
        assert!(!mixer.is_talking(seats[0]));
    }
}

#[test]
fn a_coach_is_heard_by_one_and_hears_all() {
    let mut mixer = Mixer::new(MixerSettings::conference(FRAME));
    let customer = mixer.join(Part::default());
    let agent = mixer.join(Part::default());
    let coach = mixer.join(Part { coach_for: Some(agent), ..Part::default() });
    let seats = [customer, agent, coach];
    let heard = run(&mut mixer, &seats, &[3_000.0, 2_000.0, 2_500.0], 0..10);
    assert!(amplitude(2, &heard[0], 9) < 5.0, "the customer hears the coach");
    assert!(amplitude(2, &heard[1], 9) > 2_400.0 && amplitude(0, &heard[1], 9) > 2_900.0);
    assert!(amplitude(0, &heard[2], 9) > 2_900.0 && amplitude(1, &heard[2], 9) > 1_900.0);
    assert!(amplitude(2, &heard[2], 9) < 5.0);
    mixer.leave(agent);
    let heard = run(&mut mixer, &[customer, coach], &[0.0, 2_500.0], 10..14);
    assert!(heard[0].iter().all(|s| *s == 0), "a coach whose agent left must not become public");
}

#[test]
fn muted_and_deaf_and_gains_hold() {
    let mut mixer = Mixer::new(MixerSettings::call(FRAME));
    let seats: Vec<Seat> = (0..4).map(|_| mixer.join(Part::default())).collect();
    mixer.change(seats[0], Part { muted: true, ..Part::default() });
    mixer.change(seats[1], Part { deaf: true, talk_gain: 0.5, ..Part::default() });
    mixer.change(seats[2], Part { hear_gain: 2.0, ..Part::default() });
    mixer.pair(seats[3], seats[2], 0.25);
    let heard = run(&mut mixer, &seats, &[4_000.0; 4], 0..10);
    assert!(heard[1].iter().all(|s| *s == 0));
    let level = |hearer: usize, talker: usize| amplitude(talker, &heard[hearer], 9);
    assert!(level(3, 0) < 20.0 && (level(3, 1) - 2_000.0).abs() < 40.0, "{} {}", level(3, 0), level(3, 1));
    assert!((level(2, 1) - 4_000.0).abs() < 60.0 && (level(2, 3) - 8_000.0).abs() < 60.0);
    assert!((level(3, 2) - 1_000.0).abs() < 40.0 && (level(0, 2) - 4_000.0).abs() < 40.0);
}

#[test]
fn a_seat_that_was_left_is_silent_and_is_given_again() {
    let mut mixer = Mixer::new(MixerSettings::call(FRAME));
    let (a, b) = (mixer.join(Part::default()), mixer.join(Part::default()));
    run(&mut mixer, &[a, b], &[5_000.0, 0.0], 0..3);
    mixer.leave(a);
    assert!(mixer.talk(a).is_none());
    let heard = run(&mut mixer, &[b], &[0.0], 3..4);
    assert!(heard[0].iter().all(|s| *s == 0));
    assert_eq!(mixer.join(Part::default()), a);
    assert_eq!(mixer.len(), 2);
}

proptest! {
    #[test]
    fn no_order_of_coming_going_and_talking_breaks_a_room(
        steps in proptest::collection::vec((0_u8..6, 0_u32..9, -2.0_f32..12.0), 1..120)
    ) {
        let mut mixer = Mixer::new(MixerSettings { loudest: 2, ..MixerSettings::conference(8) });
        let mut out = [0; 8];
        for (what, who, gain) in steps {
            match what {
                0 => { mixer.join(Part { talk_gain: gain, ..Part::default() }); }
                1 => mixer.leave(Seat(who)),
                2 => mixer.change(Seat(who), Part { hear_gain: gain, coach_for: (who > 4).then(|| Seat(who - 4)), ..Part::default() }),
                3 => mixer.pair(Seat(who), Seat(who / 2), gain),
                4 => { if let Some(frame) = mixer.talk(Seat(who)) { frame.fill(20_000); } }
                _ => mixer.mix(),
            }
            let heard = mixer.hear(Seat(who), &mut out);
            prop_assert!(heard != Heard::Silence || out == [0; 8]);
        }
    }
}
