//! TCP on a real network: loopback, both families.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cordboard_net::{Config, Engine};
use cordboard_sip::endpoint::Fault;
use cordboard_sip::{Flow, Transport};
use support::{Do, PATIENCE, Rig, Seen, TestCore, config, dial, flow, read_to_close, turned_away};

/// A whole message with a mark to know it by.
fn options(mark: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:{mark}@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
         Call-ID: {mark}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Echoes each message as it is, so that a test can count the bytes.
fn echo(config: Config) -> Rig {
    Rig::with(Engine::bind(config).unwrap(), |core| core.answer = |data| Some(data.to_vec()))
}

/// Answers nothing.
fn silent(config: Config) -> Rig {
    Rig::with(Engine::bind(config).unwrap(), |core| core.answer = |_| None)
}

fn ask(stream: &mut TcpStream, mark: &str) {
    let message = options(mark);
    stream.write_all(&message).unwrap();
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, message);
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn a_message_is_answered_on_its_connection_in_both_families() {
    let rig = echo(config());
    for v6 in [false, true] {
        let server = rig.address(Transport::Tcp, v6);
        let mut phone = dial(server);
        ask(&mut phone, "hello");
        let (data, flow) = rig.next_message();
        assert_eq!(data, options("hello"));
        assert_eq!((flow.transport, flow.local), (Transport::Tcp, server));
        assert_eq!(flow.remote, phone.local_addr().unwrap());
        assert_ne!(flow.connection, 0);
    }
}

#[test]
fn one_byte_at_a_time_and_many_at_once_both_work() {
    let rig = echo(config());
    let mut phone = dial(rig.address(Transport::Tcp, false));
    for byte in options("slow") {
        phone.write_all(&[byte]).unwrap();
    }
    let many: Vec<u8> = (0..500).flat_map(|n| options(&format!("n{n}"))).collect();
    phone.write_all(&many).unwrap();
    let mut answers = vec![0; options("slow").len() + many.len()];
    phone.read_exact(&mut answers).unwrap();
    assert!(answers == [options("slow"), many].concat());
}

#[test]
fn pings_are_answered_by_pongs() {
    let rig = echo(config());
    let mut phone = dial(rig.address(Transport::Tcp, false));
    phone.write_all(b"\r\n\r\n\r\n\r\n").unwrap();
    let mut pongs = [0; 4];
    phone.read_exact(&mut pongs).unwrap();
    assert_eq!(&pongs, b"\r\n\r\n");
    ask(&mut phone, "after");
    assert_eq!(rig.counter("tcp_pings"), 2);
}

#[test]
fn a_request_without_a_length_is_answered_400_and_the_connection_closed() {
    let rig = echo(config());
    let mut phone = dial(rig.address(Transport::Tcp, false));
    let broken = String::from_utf8(options("broken")).unwrap().replace("Content-Length: 0\r\n", "");
    phone.write_all(broken.as_bytes()).unwrap();
    // More behind it, so that closing at once would reset the connection and lose the answer.
    phone.write_all(&vec![b'x'; 50_000]).unwrap();
    let mut answer = String::new();
    phone.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("SIP/2.0 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("Call-ID: broken\r\n") && answer.contains(";tag="), "{answer}");
    drop(phone);
    assert_eq!(rig.next_failure().0, Transport::Tcp);
    assert_eq!(rig.counter("tcp_garbage"), 1);
}

#[test]
fn a_body_beyond_the_limit_is_answered_513() {
    let rig = echo(config());
    let mut phone = dial(rig.address(Transport::Tcp, false));
    let large = String::from_utf8(options("large")).unwrap().replace("Length: 0", "Length: 99999999");
    phone.write_all(large.as_bytes()).unwrap();
    let answer = String::from_utf8(read_to_close(&mut phone)).unwrap();
    assert!(answer.starts_with("SIP/2.0 513 "), "{answer}");
    drop(phone);
    rig.next_failure();
    assert_eq!(rig.counter("tcp_too_large"), 1);
}

#[test]
fn garbage_closes_its_connection_and_no_other() {
    let rig = echo(config());
    let server = rig.address(Transport::Tcp, false);
    let mut good = dial(server);
    ask(&mut good, "before");
    for garbage in [&[0x16, 0x03, 0x01, 0x02][..], b"GET / HTTP/1.1\r\n\r\n", b"ACK\r\n\r\n"] {
        let mut bad = dial(server);
        bad.write_all(garbage).unwrap();
        assert_eq!(read_to_close(&mut bad), b"");
        ask(&mut good, "between");
    }
    rig.until("three counted", |rig| rig.counter("tcp_garbage") == 3);
    assert_eq!(rig.counter("tcp_connections"), 1);
}

#[test]
fn messages_before_the_end_of_a_stream_are_answered_before_it_is_closed() {
    let rig = echo(config());
    let mut phone = dial(rig.address(Transport::Tcp, false));
    let many: Vec<u8> = (0..300).flat_map(|n| options(&format!("n{n}"))).collect();
    phone.write_all(&many).unwrap();
    phone.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_to_close(&mut phone) == many, "not every message was answered");
    let (transport, remote, connection) = rig.next_failure();
    assert_eq!((transport, remote), (Transport::Tcp, phone.local_addr().unwrap()));
    assert_ne!(connection, 0);
    assert_eq!(rig.counter("tcp_peer_closed"), 1);
}

#[test]
fn a_message_that_does_not_end_and_a_connection_that_says_nothing_are_closed_in_time() {
    let mut config = config();
    config.tcp.message_deadline = Duration::from_millis(300);
    config.tcp.first_message_deadline = Duration::from_millis(300);
    let rig = echo(config);
    let server = rig.address(Transport::Tcp, false);
    let (mut mute, mut slow, mut good) = (dial(server), dial(server), dial(server));
    slow.write_all(b"OPTIONS sip:a@b SIP/2.0\r\n").unwrap();
    ask(&mut good, "good");
    let start = Instant::now();
    assert_eq!(read_to_close(&mut mute), b"");
    assert_eq!(read_to_close(&mut slow), b"");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(rig.counter("tcp_too_slow"), 2);
    ask(&mut good, "still there");
}

#[test]
fn a_drip_of_bytes_does_not_extend_the_deadline_of_a_message() {
    let mut config = config();
    config.tcp.message_deadline = Duration::from_millis(200);
    let rig = echo(config);
    let mut slow = dial(rig.address(Transport::Tcp, false));
    ask(&mut slow, "first");
    slow.write_all(b"OPTIONS sip:a@b SIP/2.0\r\n").unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "the drip kept it open");
        // Paced by the read, which times out while the connection is open.
        if slow.write_all(b"A: b\r\n").is_err() || matches!(slow.read(&mut [0; 10]), Ok(0)) {
            break;
        }
    }
    rig.until("it was counted", |rig| rig.counter("tcp_too_slow") == 1);
}

#[test]
fn a_silent_connection_is_closed_and_a_ping_keeps_it_open() {
    let mut config = config();
    config.tcp.idle_limit = Duration::from_millis(400);
    let rig = echo(config);
    let server = rig.address(Transport::Tcp, false);
    let (mut idle, mut kept) = (dial(server), dial(server));
    ask(&mut idle, "a");
    ask(&mut kept, "b");
    kept.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let pinger = std::thread::spawn(move || {
        let start = Instant::now();
        let mut pongs = 0;
        while start.elapsed() < Duration::from_millis(1_200) {
            kept.write_all(b"\r\n\r\n").unwrap();
            kept.read_exact(&mut [0; 2]).unwrap();
            pongs += 1;
            // Paced by a read that times out.
            assert!(kept.read(&mut [0; 1]).is_err());
        }
        (kept, pongs)
    });
    assert_eq!(read_to_close(&mut idle), b"");
    let (mut kept, pongs) = pinger.join().unwrap();
    assert!(pongs > 4);
    kept.set_read_timeout(Some(PATIENCE)).unwrap();
    ask(&mut kept, "c");
    assert_eq!(rig.counter("tcp_idle"), 1);
}

#[test]
fn a_peer_that_does_not_read_is_closed_and_delays_nobody() {
    let mut config = config();
    config.tcp.write_limit = 200_000;
    let rig = echo(config);
    let server = rig.address(Transport::Tcp, false);
    let slow = dial(server);
    ask(&mut slow.try_clone().unwrap(), "slow");
    let (_, slow_flow) = rig.next_message();
    let mut good = dial(server);
    let mut sent = 0;
    while rig.counter("tcp_slow_readers") == 0 {
        rig.tell(Do::Send(slow_flow, vec![b'x'; 60_000]));
        sent += 1;
        assert!(sent < 1_000, "60 MB waited for a peer that does not read");
        ask(&mut good, "good");
    }
    assert_eq!(rig.next_failure(), (Transport::Tcp, slow.local_addr().unwrap(), slow_flow.connection));
    assert!(rig.counter("tcp_send_lost") > 0);
}

#[test]
fn a_peer_that_stops_reading_below_the_limit_is_closed_after_a_while() {
    let mut config = config();
    config.tcp.write_limit = 100 << 20;
    config.tcp.write_deadline = Duration::from_millis(300);
    let rig = echo(config);
    let slow = dial(rig.address(Transport::Tcp, false));
    ask(&mut slow.try_clone().unwrap(), "slow");
    let (_, slow_flow) = rig.next_message();
    for _ in 0..20 {
        rig.tell(Do::Send(slow_flow, vec![b'x'; 1 << 20]));
    }
    assert_eq!(rig.next_failure().2, slow_flow.connection);
    assert_eq!(rig.counter("tcp_slow_readers"), 1);
}

#[test]
fn a_flood_on_one_connection_does_not_delay_another() {
    let rig = Rig::with(Engine::bind(config()).unwrap(), |core: &mut TestCore| {
        core.answer = |data| (!data.starts_with(b"OPTIONS sip:flood")).then(|| data.to_vec());
    });
    let server = rig.address(Transport::Tcp, false);
    let stop = Arc::new(AtomicBool::new(false));
    let flood = std::thread::spawn({
        let stop = Arc::clone(&stop);
        let mut stream = dial(server);
        move || {
            let burst = options("flood").repeat(100);
            while !stop.load(Ordering::Relaxed) {
                stream.write_all(&burst).unwrap();
            }
        }
    });
    rig.until("the flood has begun", |rig| rig.counter("tcp_received") > 1_000);
    let mut good = dial(server);
    for n in 0..100_u64 {
        ask(&mut good, "good");
        rig.handle.command(support::forget(n));
        rig.handle.flush().unwrap();
        rig.find(|seen| (seen == Seen::Forgot(n)).then_some(()));
    }
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
}

#[test]
fn connections_above_the_limits_are_refused_by_the_hundred_and_the_rest_served() {
    let mut config = config();
    config.tcp.connections = 40;
    config.tcp.connections_per_source = 30;
    let rig = echo(config);
    let server = rig.address(Transport::Tcp, false);
    let mut kept: Vec<TcpStream> = (0..30).map(|_| dial(server)).collect();
    rig.until("thirty are in", |rig| rig.counter("tcp_accepted") == 30);
    for _ in 0..2_000 {
        assert_eq!(turned_away(server), b"");
    }
    assert_eq!(rig.counter("tcp_refused_source"), 2_000);
    let server_v6 = rig.address(Transport::Tcp, true);
    kept.extend((0..10).map(|_| dial(server_v6)));
    rig.until("forty are in", |rig| rig.counter("tcp_accepted") == 40);
    assert_eq!(turned_away(server_v6), b"");
    assert_eq!(rig.counter("tcp_refused_total"), 1);
    for stream in &mut kept {
        ask(stream, "kept");
    }
    drop(kept.pop());
    rig.until("one has gone", |rig| rig.counter("tcp_connections") == 39);
    ask(&mut dial(server_v6), "room again");
}

#[test]
fn a_message_to_an_unknown_peer_opens_one_connection_and_the_next_reuses_it() {
    let rig = silent(config());
    for (any, v6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
        let peer = TcpListener::bind(any).unwrap();
        let to = flow(Transport::Tcp, rig.address(Transport::Tcp, v6), peer.local_addr().unwrap());
        rig.tell(Do::Send(to, b"one ".to_vec()));
        rig.tell(Do::Send(to, b"two".to_vec()));
        let mut stream = accept(&peer);
        let mut got = [0; 7];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"one two");
        // What the peer sends there arrives as on any connection.
        stream.write_all(&options("back")).unwrap();
        let (_, back) = rig.next_message();
        assert_eq!(back.remote, to.remote);
        rig.tell(Do::Send(Flow { connection: back.connection, ..to }, b"three".to_vec()));
        let mut got = [0; 5];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"three");
    }
    assert_eq!(rig.counter("tcp_connected"), 2);
}

#[test]
fn a_response_whose_connection_is_gone_goes_out_on_a_new_one() {
    let rig = silent(config());
    let phone = dial(rig.address(Transport::Tcp, false));
    (&phone).write_all(&options("call")).unwrap();
    let (_, asked) = rig.next_message();
    drop(phone);
    assert_eq!(rig.next_failure().2, asked.connection);
    // RFC 3261 18.2.2: to the address of the Via, where the phone listens.
    let via = TcpListener::bind("127.0.0.1:0").unwrap();
    rig.tell(Do::Send(Flow { remote: via.local_addr().unwrap(), ..asked }, b"late answer".to_vec()));
    let mut got = [0; 11];
    accept(&via).read_exact(&mut got).unwrap();
    assert_eq!(&got, b"late answer");
}

#[test]
fn a_refused_connect_fails_for_the_flow_that_asked_for_it() {
    let rig = silent(config());
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = flow(Transport::Tcp, rig.address(Transport::Tcp, false), dead);
    rig.tell(Do::Send(Flow { connection: 99, ..to }, b"x".to_vec()));
    rig.find(|seen| (seen == Seen::Failed(Transport::Tcp, dead, 99, Fault::NotConnected)).then_some(()));
    assert_eq!(rig.counter("tcp_connect_failed"), 1);
    assert_eq!(rig.counter("tcp_send_lost"), 1);
    assert_eq!(rig.counter("tcp_connections"), 0);
}

#[test]
fn a_connect_that_nobody_answers_ends_in_time() {
    let mut config = config();
    config.tcp.connect_deadline = Duration::from_millis(200);
    let rig = silent(config);
    // A listener whose queue is full lets further calls ring for ever.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    deaf.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    deaf.listen(0).unwrap();
    let remote = deaf.local_addr().unwrap().as_socket().unwrap();
    let _occupant = TcpStream::connect(remote).unwrap();
    let to = flow(Transport::Tcp, rig.address(Transport::Tcp, false), remote);
    rig.tell(Do::Send(to, b"x".to_vec()));
    let (transport, failed, _) = rig.next_failure();
    assert_eq!((transport, failed), (Transport::Tcp, remote));
    assert_eq!(rig.counter("tcp_connect_failed"), 1);
}

#[test]
fn closing_the_engine_writes_what_was_flushed() {
    let rig = silent(config());
    let mut phone = dial(rig.address(Transport::Tcp, false));
    phone.write_all(&options("hello")).unwrap();
    let (_, flow) = rig.next_message();
    let reader = std::thread::spawn(move || read_to_close(&mut phone).len());
    for _ in 0..100 {
        rig.handle.control(Do::Send(flow, vec![b'x'; 5_000]));
    }
    rig.handle.close();
    assert_eq!(reader.join().unwrap(), 500_000);
}
