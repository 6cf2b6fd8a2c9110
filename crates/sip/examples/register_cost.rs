//! What a registration costs in the core, in nanoseconds: parse, admit, register, print.
//!
//! `cargo run --release -p cordboard-sip --example register_cost`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use cordboard_sip::digest::{Algorithm, Digest, DigestSettings, Ha1s, ha1_hex};
use cordboard_sip::directory::{Admission, Directory, Entry, MethodSet};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::limits::Limits;
use cordboard_sip::registrar::{Registrar, RegistrarSettings, Visit};
use cordboard_sip::{Flow, Ids, Message, MessageBuilder, Time, Transport};
use md5::{Digest as _, Md5};

const REALM: &str = "cordboard";
const USERS: usize = 1_000;
const ROUNDS: usize = 200;

fn main() {
    let mut directory = Directory::new(Digest::new(REALM, [7; 32], DigestSettings::default()));
    for user in 0..USERS {
        for (prefix, authenticate) in [('u', MethodSet::default()), ('s', MethodSet::from_tokens(["REGISTER"]))] {
            let dn = format!("{prefix}{user:04}");
            let ha1s = Ha1s::of(&dn, REALM, "secret").md5_only();
            directory.set(&dn, Entry { ha1s, authenticate, registers: true, ..Entry::default() });
        }
    }
    let mut registrar = Registrar::new(RegistrarSettings { software: "Cordboard".into(), ..Default::default() });
    let mut ids = SeededIds::new(1);
    for round in 0..3 {
        let open = measure(&mut directory, &mut registrar, &mut ids, 'u', round);
        println!("REGISTER without digest      {open:>6} ns");
        let digest = measure(&mut directory, &mut registrar, &mut ids, 's', round);
        println!("REGISTER with digest, 2 steps {digest:>5} ns");
    }
    println!("bindings {}", registrar.len());
}

fn flow(user: usize) -> Flow {
    let local: SocketAddr = "127.0.0.1:5060".parse().unwrap();
    let remote = SocketAddr::from(([127, 0, 0, 1], 10_000 + user as u16));
    Flow { transport: Transport::Udp, local, remote, connection: 0 }
}

fn request(prefix: char, user: usize, cseq: usize, authorization: &str) -> Vec<u8> {
    let port = 10_000 + user;
    format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{user}-{cseq};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{prefix}{user:04}@127.0.0.1>;tag={user}\r\nTo: <sip:{prefix}{user:04}@127.0.0.1>\r\n\
         Call-ID: {user}-call@127.0.0.1\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{prefix}{user:04}@127.0.0.1:{port}>\r\n\
         Expires: 3600\r\nUser-Agent: bench\r\n{authorization}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Mean nanoseconds of one registration by all users, [`ROUNDS`] times each.
fn measure(
    directory: &mut Directory,
    registrar: &mut Registrar,
    ids: &mut dyn Ids,
    prefix: char,
    round: usize,
) -> u128 {
    let limits = Limits::default();
    let (mut events, mut journal, mut total) = (Vec::new(), Vec::new(), 0);
    for step in 0..ROUNDS {
        let cseq = 2 * (round * ROUNDS + step) + 1;
        for user in 0..USERS {
            let now = Time(((round * ROUNDS + step) * USERS + user) as u64 * 100);
            let plain = request(prefix, user, cseq, "");
            let start = Instant::now();
            let challenge = handle(directory, registrar, ids, &plain, user, now, &limits, &mut events, &mut journal);
            total += start.elapsed().as_nanos();
            let Some(challenge) = challenge else { continue };
            let answered = request(prefix, user, cseq + 1, &answer(&challenge, &format!("{prefix}{user:04}")));
            let start = Instant::now();
            let again = handle(directory, registrar, ids, &answered, user, now, &limits, &mut events, &mut journal);
            total += start.elapsed().as_nanos();
            assert_eq!(again, None);
        }
        events.clear();
        journal.clear();
    }
    total / (ROUNDS * USERS) as u128
}

#[allow(clippy::too_many_arguments)]
fn handle(
    directory: &mut Directory,
    registrar: &mut Registrar,
    ids: &mut dyn Ids,
    bytes: &[u8],
    user: usize,
    now: Time,
    limits: &Limits,
    events: &mut Vec<cordboard_sip::endpoint::Event>,
    journal: &mut Vec<u8>,
) -> Option<String> {
    let request = Message::parse(bytes, limits).unwrap();
    let flow = flow(user);
    match directory.admit(&request, &flow, now, ids) {
        Admission::Admitted { dn } => {
            let unix = 1_800_000_000 + now.seconds();
            let visit = Visit { request: &request, dn: &dn, flow, now, unix, tag: "0123456789abcdef" };
            let answer: Arc<[u8]> = registrar.register(&visit, directory, ids, events, journal);
            assert!(answer.starts_with(b"SIP/2.0 200"));
            None
        }
        Admission::Challenge(lines) => {
            let mut builder = MessageBuilder::response_from(&request, flow.remote, 401, None, Some("tag"));
            for line in &lines {
                builder = builder.header("WWW-Authenticate", line);
            }
            assert!(!builder.finish().to_bytes().is_empty());
            lines.into_iter().next()
        }
        Admission::Refused { status, reason } => panic!("{status} {reason}"),
    }
}

fn answer(challenge: &str, user: &str) -> String {
    let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let hex = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let ha1 = ha1_hex(Algorithm::Md5, user, REALM, "secret");
    let ha2 = hex("REGISTER:sip:127.0.0.1".into());
    let response = hex(format!("{ha1}:{nonce}:00000001:abc:auth:{ha2}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"sip:127.0.0.1\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"abc\"\r\n"
    )
}
