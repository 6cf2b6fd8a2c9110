//! Limits and bans on a real network.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use cordboard_net::{Config, Engine};
use cordboard_sip::Transport;
use support::{Rig, config, dial, phone, receive, turned_away};

fn message(user: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:{user}@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// An engine to which this machine is a stranger like any other.
fn strict(change: impl FnOnce(&mut Config)) -> Rig {
    let mut config = config();
    config.guard.allow.clear();
    change(&mut config);
    Rig::with(Engine::bind(config).unwrap(), |core| core.answer = |data| Some(data.to_vec()))
}

fn ask(stream: &mut TcpStream, user: &str) {
    let message = message(user);
    stream.write_all(&message).unwrap();
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer).unwrap();
}

#[test]
fn who_guesses_passwords_is_banned_until_the_ban_is_cleared() {
    let rig = strict(|_| {});
    let server = rig.address(Transport::Tcp, false);
    let known = phone("127.0.0.1:0");
    let mut guesser = dial(server);
    for _ in 0..31 {
        ask(&mut guesser, "wrong");
    }
    rig.until("it is banned", |rig| rig.handle.bans().len() == 1);
    let ban = rig.handle.bans()[0];
    assert_eq!((ban.source, ban.transport), ("127.0.0.1".parse().unwrap(), Transport::Tcp));
    // A new connection is refused, and what comes on the old one or by datagram is not read.
    assert_eq!(turned_away(server), b"");
    guesser.write_all(&message("wrong")).unwrap();
    known.send_to(&message("hello"), rig.address(Transport::Udp, false)).unwrap();
    rig.until("both are dropped", |rig| rig.counter("guard_banned") == 2);
    // Nobody else suffers.
    ask(&mut dial(rig.address(Transport::Tcp, true)), "hello");
    rig.handle.unban(Some("127.0.0.1".parse().unwrap()));
    rig.handle.flush().unwrap();
    rig.until("it is heard", |rig| rig.handle.bans().is_empty());
    ask(&mut guesser, "hello");
    ask(&mut dial(server), "hello");
    assert_eq!((rig.counter("guard_bans"), rig.counter("guard_refused")), (1, 1));
}

#[test]
fn a_registered_phone_is_heard_while_its_neighbour_is_banned() {
    let rig = strict(|config| config.guard.failure_burst = 1);
    let known = phone("127.0.0.1:0");
    let server = rig.address(Transport::Udp, false);
    known.send_to(&message("right"), server).unwrap();
    receive(&known);
    let mut guesser = dial(rig.address(Transport::Tcp, false));
    // Somebody has proved himself here: ten times the patience.
    for _ in 0..11 {
        assert!(rig.handle.bans().is_empty());
        ask(&mut guesser, "wrong");
    }
    rig.until("it is banned", |rig| rig.handle.bans().len() == 1);
    known.send_to(&message("hello"), server).unwrap();
    assert_eq!(receive(&known).0, message("hello"));
}

#[test]
fn a_flood_of_datagrams_is_cut_and_counted() {
    let rig = strict(|config| {
        (config.guard.message_burst, config.guard.messages_per_second) = (50, 1);
    });
    let noisy = phone("127.0.0.1:0");
    for _ in 0..500 {
        noisy.send_to(&message("hello"), rig.address(Transport::Udp, false)).unwrap();
    }
    rig.until("all were read or dropped", |rig| rig.counter("udp_received") == 500);
    rig.until("most were dropped", |rig| rig.counter("guard_limited") >= 440);
    ask(&mut dial(rig.address(Transport::Tcp, true)), "hello");
}
