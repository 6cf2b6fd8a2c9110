//! What a registration costs in the core, in nanoseconds: from the bytes of the REGISTER to those of its answer.
//!
//! `cargo run --release -p cordboard-sip --example register_cost [ROUNDS [u|s]]`, `u` without a challenge, `s` with one.
//! The instructions, which no busy machine disturbs: `valgrind --tool=callgrind --toggle-collect='*turn*'` of it.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people, which may stop at the first error")]

use std::net::SocketAddr;
use std::time::Instant;

use cordboard_sip::digest::{Algorithm, Ha1s, ha1_hex};
use cordboard_sip::directory::{Entry, MethodSet};
use cordboard_sip::endpoint::{Control, Endpoint, Event, Settings};
use cordboard_sip::flow::{Routes, Transmit};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::{Flow, Time, Transport};
use md5::{Digest as _, Md5};

const REALM: &str = "cordboard";
const SERVER: &str = "127.0.0.1:5060";
const USERS: usize = 1_000;

struct OneAddress(SocketAddr);

impl Routes for OneAddress {
    fn local(&self, _: Transport, _: SocketAddr) -> Option<SocketAddr> {
        Some(self.0)
    }
}

/// The endpoint and what is taken out of it.
struct Run {
    endpoint: Endpoint,
    now: Time,
    transmits: Vec<Transmit>,
    events: Vec<Event>,
    journal: Vec<u8>,
    nanoseconds: u128,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(200, |n| n.parse().unwrap());
    let only = arguments.next();
    let routes = Box::new(OneAddress(SERVER.parse().unwrap()));
    let ids = Box::new(SeededIds::new(1));
    let mut endpoint = Endpoint::new(Settings::default(), routes, ids, Time(0), 1_800_000_000_000_000);
    for user in 0..USERS {
        for (prefix, authenticate) in [("u", MethodSet::default()), ("s", MethodSet::from_tokens(["REGISTER"]))] {
            let dn = format!("{prefix}{user:04}");
            let ha1s = Ha1s::of(&dn, REALM, "secret").md5_only();
            endpoint.control(Control::SetDn {
                dn,
                entry: Entry { ha1s, authenticate, registers: true, ..Entry::default() },
            });
        }
    }
    let (transmits, events, journal) = (Vec::new(), Vec::new(), Vec::new());
    let mut run = Run { endpoint, now: Time(0), transmits, events, journal, nanoseconds: 0 };
    let kinds = [("u", "REGISTER"), ("s", "REGISTER, 401, REGISTER with the answer")];
    for (prefix, what) in kinds.into_iter().filter(|(prefix, _)| only.as_deref().is_none_or(|only| only == *prefix)) {
        // The first round makes the bindings, the others replace them: each registration has a Call-ID of its own.
        run.register(prefix, 0);
        run.nanoseconds = 0;
        (1..=rounds).for_each(|round| run.register(prefix, round));
        println!("{what:<40}{:>6} ns", run.nanoseconds / (rounds * USERS).max(1) as u128);
    }
}

impl Run {
    /// One registration by each user.
    fn register(&mut self, prefix: &str, round: usize) {
        for user in 0..USERS {
            self.now.0 += 100;
            let first = request(prefix, user, round, 1, "");
            let answer = self.turn(&first, user);
            let Some(challenge) = challenge_of(&answer) else { continue };
            let proof = answer_to(challenge, &format!("{prefix}{user:04}"));
            let second = request(prefix, user, round, 2, &proof);
            let answer = self.turn(&second, user);
            assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
        }
    }

    /// One datagram in, one out: what is measured.
    #[inline(never)]
    fn turn(&mut self, data: &[u8], user: usize) -> String {
        let start = Instant::now();
        self.transmits.clear();
        self.events.clear();
        self.journal.clear();
        self.endpoint.receive(data, flow(user), self.now);
        self.endpoint.take_transmits(&mut self.transmits);
        self.endpoint.take_events(&mut self.events);
        self.endpoint.take_journal(&mut self.journal);
        self.nanoseconds += start.elapsed().as_nanos();
        String::from_utf8(self.transmits[0].bytes.to_vec()).unwrap()
    }
}

fn flow(user: usize) -> Flow {
    let remote = SocketAddr::from(([127, 0, 0, 1], 10_000 + user as u16));
    Flow { transport: Transport::Udp, local: SERVER.parse().unwrap(), remote, connection: 0 }
}

fn request(prefix: &str, user: usize, round: usize, cseq: usize, authorization: &str) -> Vec<u8> {
    let port = 10_000 + user;
    format!(
        "REGISTER sip:127.0.0.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK-{user}-{round}-{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:{prefix}{user:04}@127.0.0.1>;tag={user}r{round}\r\nTo: <sip:{prefix}{user:04}@127.0.0.1>\r\n\
         Call-ID: {round}-{user}@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:{prefix}{user:04}@127.0.0.1:{port}>\r\n{authorization}\
         Expires: 3600\r\nUser-Agent: load\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The nonce of a 401.
fn challenge_of(answer: &str) -> Option<&str> {
    answer.split("nonce=\"").nth(1)?.split('"').next()
}

fn answer_to(nonce: &str, user: &str) -> String {
    let hex = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ha1 = ha1_hex(Algorithm::Md5, user, REALM, "secret");
    let ha2 = hex("REGISTER:sip:127.0.0.1:5060".into());
    let response = hex(format!("{ha1}:{nonce}:00000001:abc:auth:{ha2}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{REALM}\", cnonce=\"abc\", nc=00000001, qop=auth, \
         uri=\"sip:127.0.0.1:5060\", nonce=\"{nonce}\", response=\"{response}\", algorithm=MD5\r\n"
    )
}
