//! The engine itself: orders in, events out, timers, overload, failure, end.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cordboard_net::{Config, Engine, HandleError};
use cordboard_sip::Transport;
use support::{Do, PATIENCE, Rig, Seen, config, flow, forget, listen, number, phone, poll_readable, receive};

#[test]
fn commands_are_executed_in_the_order_given_across_flushes() {
    let rig = Rig::start(config());
    let mut next = 0;
    for batch in [1, 7, 2_000, 3, 500] {
        for _ in 0..batch {
            rig.handle.command(forget(next));
            next += 1;
        }
        rig.handle.flush().unwrap();
    }
    let events = rig.events(next as usize);
    assert_eq!(events.iter().map(number).collect::<Vec<_>>(), (0..next).collect::<Vec<_>>());
    assert_eq!(rig.counter("commands"), next);
}

#[test]
fn nothing_is_handed_over_before_the_flush() {
    let rig = Rig::start(config());
    rig.handle.command(forget(1));
    // A message that goes in and out proves that the engine has had its turn.
    let phone = phone("127.0.0.1:0");
    phone.send_to(b"x", rig.address(Transport::Udp, false)).unwrap();
    receive(&phone);
    assert!(rig.handle.take_events().is_empty());
    rig.handle.flush().unwrap();
    assert_eq!(number(&rig.events(1)[0]), 1);
}

#[test]
fn the_eventfd_is_readable_exactly_while_events_wait() {
    let rig = Rig::start(config());
    assert!(!poll_readable(&rig.handle, Duration::ZERO));
    rig.tell(Do::Events(3));
    rig.await_signal();
    assert!(poll_readable(&rig.handle, Duration::ZERO), "looking does not clear it");
    assert_eq!(rig.handle.take_events().len(), 3);
    assert!(!poll_readable(&rig.handle, Duration::ZERO), "taking clears it");
    assert!(rig.handle.take_events().is_empty());
    rig.tell(Do::Events(1));
    rig.await_signal();
}

#[test]
fn no_event_is_lost_or_left_unsignalled_under_stress() {
    const ROUNDS: u64 = 20_000;
    let rig = Rig::start(config());
    let producer = std::thread::spawn({
        let handle = Arc::clone(&rig.handle);
        move || {
            for round in 0..ROUNDS {
                handle.control(Do::Events(1 + round % 3));
                if round % 5 != 0 {
                    handle.flush().unwrap();
                }
            }
            handle.flush().unwrap();
        }
    });
    let total = (0..ROUNDS).map(|round| 1 + round % 3).sum::<u64>();
    let mut next = 0;
    while next < total {
        // Blocks until the eventfd is readable: a lost signal fails here.
        rig.await_signal();
        for event in rig.handle.take_events() {
            assert_eq!(number(&event), next);
            next += 1;
        }
    }
    producer.join().unwrap();
    assert!(rig.handle.take_events().is_empty());
}

#[test]
fn a_timer_fires_when_it_is_due_and_not_before() {
    let rig = Rig::start(config());
    let delay = Duration::from_millis(60);
    let start = Instant::now();
    rig.tell(Do::TimeoutIn(delay));
    assert_eq!(rig.next(), Seen::Timeout);
    assert!(start.elapsed() >= delay);
}

#[test]
fn a_slow_user_overloads_the_core_and_relieves_it_by_reading() {
    let rig = Rig::start(Config { event_limit: 100, ..config() });
    rig.tell(Do::Events(100));
    rig.tell(Do::Events(1));
    assert_eq!(rig.next(), Seen::Overloaded(true));
    assert_eq!(rig.handle.take_events().len(), 101);
    assert_eq!(rig.next(), Seen::Overloaded(false));
    assert_eq!(rig.counter("overloads"), 1);
}

#[test]
fn far_above_the_limit_the_sockets_are_not_read_until_the_user_catches_up() {
    let rig = Rig::start(Config { event_limit: 100, ..config() });
    rig.tell(Do::Events(401));
    assert_eq!(rig.next(), Seen::Overloaded(true));
    let phone = phone("127.0.0.1:0");
    phone.send_to(b"later", rig.address(Transport::Udp, false)).unwrap();
    // Commands still pass; by then the datagram would have been read.
    for n in 0..10 {
        rig.handle.command(forget(n));
        rig.handle.flush().unwrap();
        assert_eq!(rig.next(), Seen::Forgot(n));
    }
    assert_eq!(rig.counter("udp_received"), 0);
    while rig.handle.take_events().is_empty() {}
    assert_eq!(receive(&phone).0, b"200 later");
}

#[test]
fn too_many_commands_are_refused_and_kept() {
    let rig = Rig::start(Config { command_limit: 10, ..config() });
    let mut given = 0;
    let mut refused = 0;
    for _ in 0..2_000 {
        for _ in 0..6 {
            rig.handle.command(forget(given));
            given += 1;
        }
        match rig.handle.flush() {
            Ok(()) => {}
            Err(HandleError::Full) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while rig.handle.flush().is_err() {
        assert!(Instant::now() < deadline);
    }
    let events = rig.events(given as usize);
    assert!(events.iter().map(number).eq(0..given), "{refused} refusals lost or moved a command");
}

#[test]
fn a_panic_in_the_core_is_told_and_wakes_the_user() {
    let rig = Rig::start(config());
    rig.tell(Do::Panic);
    rig.await_signal();
    assert!(rig.handle.failure().unwrap().contains("told to"));
    assert!(!rig.handle.is_running());
    assert!(rig.handle.take_events().is_empty());
    assert!(poll_readable(&rig.handle, Duration::ZERO), "stays readable");
    rig.handle.command(forget(1));
    assert!(matches!(rig.handle.flush(), Err(HandleError::Stopped { failure: Some(_) })));
    rig.handle.close();
}

#[test]
fn closing_executes_what_was_given_keeps_the_events_and_can_be_repeated() {
    let rig = Rig::start(config());
    for n in 0..1_000 {
        rig.handle.command(forget(n));
    }
    rig.handle.close();
    rig.handle.close();
    assert!(rig.handle.take_events().iter().map(number).eq(0..1_000));
    assert_eq!(rig.handle.failure(), None);
    rig.handle.command(forget(1));
    assert_eq!(rig.handle.flush(), Err(HandleError::Stopped { failure: None }));
}

#[test]
fn the_ports_are_free_again_after_closing() {
    let rig = Rig::start(Config { listen: vec![listen(Transport::Udp, "127.0.0.1:0")], ..Config::default() });
    let listen = rig.handle.listening().to_vec();
    rig.handle.close();
    Engine::bind(Config { listen, ..Config::default() }).unwrap();
}

#[test]
fn the_cores_counters_are_published_after_the_last_activity() {
    let rig = Rig::start(config());
    rig.tell(Do::Events(5));
    rig.until("five events in the core's counters", |rig| rig.handle.counters().contains(&("test_events", 5)));
}

#[test]
fn what_the_core_keeps_survives_and_is_on_file_before_the_answer_is_sent() {
    let directory = std::env::temp_dir().join(format!("cordboard-engine-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("bindings");
    let config = || Config { journal: Some(path.clone()), journal_rewrite: 4_000, ..config() };
    let rig = Rig::start(config());
    let phone = phone("127.0.0.1:0");
    let answer = flow(Transport::Udp, rig.address(Transport::Udp, false), phone.local_addr().unwrap());
    rig.handle.control(Do::Journal(b"a binding".to_vec()));
    rig.handle.control(Do::Send(answer, b"confirmed".to_vec()));
    rig.handle.flush().unwrap();
    receive(&phone);
    // Read while the engine runs: as after kill -9.
    let raw = std::fs::read(&path).unwrap();
    assert!(raw.ends_with(b"a binding"));

    rig.tell(Do::Journal(vec![b'x'; 5_000]));
    rig.until("the journal is rewritten", |rig| rig.counter("journal_rewritten") == 1);
    rig.tell(Do::Journal(b" and more".to_vec()));
    rig.handle.close();
    assert_eq!(Engine::bind(config()).unwrap().journal(), b"snapshot and more");
    std::fs::remove_dir_all(&directory).unwrap();
}
