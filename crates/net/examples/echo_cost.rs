//! What one request and its response cost through the engine, with a core that only answers.
//!
//! `cargo run --release -p cordboard-net --example echo_cost [per-second] [seconds] [gather-us]`
//!
//! Sends at a steady rate over loopback from another thread and prints the processor time of the
//! engine's thread per exchange, and how long answers took.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use cordboard_net::{Config, Core, Engine, Listen};
use cordboard_sip::endpoint::{Command, Event, Fault};
use cordboard_sip::{Flow, Time, Transmit, Transport};

#[derive(Default)]
struct Echo(Vec<Transmit>);

impl Core for Echo {
    type Control = ();

    fn receive(&mut self, data: &[u8], flow: Flow, _: Time) {
        self.0.push(Transmit { flow, bytes: data.into() });
    }

    fn command(&mut self, _: Command, _: Time) {}
    fn control(&mut self, (): (), _: Time) {}
    fn transport_failed(&mut self, _: Transport, _: SocketAddr, _: u64, _: Fault, _: Time) {}

    fn next_timeout(&self) -> Option<Time> {
        None
    }

    fn handle_timeouts(&mut self, _: Time) {}

    fn take_transmits(&mut self, out: &mut Vec<Transmit>) {
        out.append(&mut self.0);
    }

    fn take_events(&mut self, _: &mut Vec<Event>) {}
    fn take_journal(&mut self, _: &mut Vec<u8>) {}

    fn snapshot_journal(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn set_overloaded(&mut self, _: bool) {}
}

/// Nanoseconds the thread of that name has run, by the scheduler's account.
fn thread_nanos(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| {
            let path = task.unwrap().path();
            let own = std::fs::read_to_string(path.join("comm")).ok()?;
            if own.trim() != name {
                return None;
            }
            let account = std::fs::read_to_string(path.join("schedstat")).ok()?;
            account.split(' ').next()?.parse::<u64>().ok()
        })
        .sum()
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap());
    let rate = arguments.next().unwrap_or(16_000);
    let seconds = arguments.next().unwrap_or(3);
    let gather = arguments.next().map_or(Config::default().gather, Duration::from_micros);
    let listen = vec![Listen { transport: Transport::Udp, address: "127.0.0.1:0".parse().unwrap() }];
    let handle = Engine::start(Config { listen, gather, ..Config::default() }, Echo::default()).unwrap();
    let server = handle.listening()[0].address;

    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.connect(server).unwrap();
    let reader = phone.try_clone().unwrap();
    reader.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let epoch = Instant::now();
    let delays = std::thread::spawn(move || {
        let mut delays = Vec::new();
        let mut buffer = [0; 2_048];
        while let Ok(count) = reader.recv(&mut buffer) {
            assert_eq!(count, 500);
            let sent = u64::from_be_bytes(buffer[8..16].try_into().unwrap());
            delays.push(epoch.elapsed().as_micros() as u64 - sent);
        }
        delays
    });

    let mut message = [b'x'; 500];
    let before = thread_nanos("sip-engine");
    let start = Instant::now();
    let total = rate * seconds;
    let mut sent = 0;
    while sent < total {
        let due = (start.elapsed().as_micros() as u64 * rate / 1_000_000).min(total);
        while sent < due {
            message[8..16].copy_from_slice(&(epoch.elapsed().as_micros() as u64).to_be_bytes());
            phone.send(&message).unwrap();
            sent += 1;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
    let mut delays = delays.join().unwrap();
    let spent = thread_nanos("sip-engine") - before;
    delays.sort_unstable();
    let at = |share: usize| delays[(delays.len() - 1) * share / 100];
    let counters: BTreeMap<_, _> = handle.counters().into_iter().collect();
    println!(
        "{} of {total} answered; {:.2} us each; {:.1} a turn; delay us: 50% {} 99% {} most {}",
        delays.len(),
        spent as f64 / 1_000.0 / total as f64,
        total as f64 / counters["turns"] as f64,
        at(50),
        at(99),
        at(100),
    );
    handle.close();
}
