//! UDP on a real network: loopback, both families.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::UdpSocket;

use cordboard_net::{Config, Engine, Listen, StartError};
use cordboard_sip::Transport;
use cordboard_sip::endpoint::Fault;
use support::{Do, Rig, Seen, TestCore, config, flow, listen, phone, receive};

#[test]
fn a_datagram_is_answered_from_the_address_it_was_sent_to_in_both_families() {
    let rig = Rig::start(config());
    for (own, v6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
        let phone = phone(own);
        let server = rig.address(Transport::Udp, v6);
        phone.send_to(b"hello", server).unwrap();
        assert_eq!(receive(&phone), (b"200 hello".to_vec(), server));
        let (data, seen) = rig.next_message();
        assert_eq!(data, b"hello");
        assert_eq!((seen.transport, seen.local, seen.connection), (Transport::Udp, server, 0));
        assert_eq!(seen.remote, phone.local_addr().unwrap());
    }
}

#[test]
fn a_wildcard_socket_answers_from_the_address_that_was_called() {
    let wildcards = [listen(Transport::Udp, "0.0.0.0:0"), listen(Transport::Udp, "[::]:0")];
    let rig = Rig::start(Config { listen: wildcards.to_vec(), ..Config::default() });
    for (own, called, v6) in [("127.0.0.1:0", "127.0.0.2", false), ("[::1]:0", "::1", true)] {
        let phone = phone(own);
        let mut server = rig.address(Transport::Udp, v6);
        server.set_ip(called.parse().unwrap());
        phone.send_to(b"hello", server).unwrap();
        assert_eq!(receive(&phone), (b"200 hello".to_vec(), server));
        assert_eq!(rig.next_message().1.local, server);
    }
}

#[test]
fn a_burst_larger_than_a_batch_is_answered_in_order() {
    let rig = Rig::start(config());
    let phone = phone("127.0.0.1:0");
    let server = rig.address(Transport::Udp, false);
    for round in 0..20 {
        for n in 0..50 {
            phone.send_to(format!("{round}/{n}").as_bytes(), server).unwrap();
        }
        for n in 0..50 {
            assert_eq!(receive(&phone).0, format!("200 {round}/{n}").into_bytes());
        }
    }
}

#[test]
fn an_unreachable_port_is_told_to_the_core_and_the_socket_goes_on() {
    let rig = Rig::start(config());
    for (own, v6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
        let server = rig.address(Transport::Udp, v6);
        let dead = {
            let socket = UdpSocket::bind(own).unwrap();
            socket.local_addr().unwrap()
        };
        let phone = phone(own);
        rig.tell(Do::Send(flow(Transport::Udp, server, dead), b"to nobody".to_vec()));
        rig.find(|seen| (seen == Seen::Failed(Transport::Udp, dead, 0, Fault::Unreachable)).then_some(()));
        // The pending error must cost the phone neither its request nor its answer.
        for n in 0..100 {
            rig.tell(Do::Send(flow(Transport::Udp, server, dead), b"to nobody".to_vec()));
            phone.send_to(format!("{n}").as_bytes(), server).unwrap();
            assert_eq!(receive(&phone).0, format!("200 {n}").into_bytes());
        }
    }
    assert!(rig.counter("udp_icmp_errors") >= 2);
    assert_eq!(rig.counter("udp_send_failed"), 0);
}

#[test]
fn a_destination_of_a_family_nobody_listens_on_fails_at_once() {
    let only_v4 = vec![listen(Transport::Udp, "127.0.0.1:0")];
    let rig = Rig::start(Config { listen: only_v4, ..Config::default() });
    let remote = "[::1]:5060".parse().unwrap();
    rig.tell(Do::Send(flow(Transport::Udp, rig.address(Transport::Udp, false), remote), b"x".to_vec()));
    assert_eq!(rig.next_failure(), (Transport::Udp, remote, 0));
    assert_eq!(rig.counter("udp_no_socket"), 1);
}

#[test]
fn what_does_not_fit_into_a_datagram_fails_at_once() {
    let rig = Rig::start(config());
    let phone = phone("127.0.0.1:0");
    let server = rig.address(Transport::Udp, false);
    let remote = phone.local_addr().unwrap();
    rig.tell(Do::Send(flow(Transport::Udp, server, remote), vec![b'x'; 70_000]));
    assert_eq!(rig.next_failure(), (Transport::Udp, remote, 0));
    rig.tell(Do::Send(flow(Transport::Udp, server, remote), b"small".to_vec()));
    assert_eq!(receive(&phone).0, b"small");
}

#[test]
fn truncated_datagrams_and_keepalives_are_counted_and_not_passed_on() {
    let mut config = config();
    config.udp.datagram_limit = 100;
    let rig = Rig::start(config);
    let phone = phone("127.0.0.1:0");
    let server = rig.address(Transport::Udp, false);
    phone.send_to(&[b'x'; 101], server).unwrap();
    phone.send_to(b"\r\n\r\n", server).unwrap();
    phone.send_to(b"", server).unwrap();
    phone.send_to(&[0; 4], server).unwrap();
    phone.send_to(&[b'y'; 100], server).unwrap();
    assert_eq!(rig.next_message().0, [b'y'; 100]);
    rig.until("four counted", |rig| (rig.counter("udp_truncated"), rig.counter("udp_keepalives")) == (1, 3));
}

#[test]
fn an_advertised_address_sends_from_the_bound_one() {
    let mut config = config();
    config.advertise.push(cordboard_net::Advertise::parse("127.0.0.1", "203.0.113.9").unwrap());
    let bound = Engine::bind(config).unwrap();
    let server = bound.listening()[0].address;
    let phone = phone("127.0.0.1:0");
    let remote = phone.local_addr().unwrap();
    let shown = cordboard_sip::Routes::local(&bound.routes(), Transport::Udp, remote).unwrap();
    assert_eq!(shown.ip().to_string(), "203.0.113.9");
    let rig = Rig::with(bound, |_| {});
    rig.tell(Do::Send(flow(Transport::Udp, shown, remote), b"hello".to_vec()));
    assert_eq!(receive(&phone), (b"hello".to_vec(), server));
}

#[test]
fn a_flood_on_one_socket_delays_neither_the_other_nor_commands() {
    let rig = Rig::with(Engine::bind(config()).unwrap(), |core: &mut TestCore| {
        core.answer = |data| (!data.starts_with(b"flood")).then(|| data.to_vec());
    });
    let flooded = rig.address(Transport::Udp, false);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flood = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = socket.send_to(b"flood", flooded);
            }
        }
    });
    let phone = phone("[::1]:0");
    let server = rig.address(Transport::Udp, true);
    for n in 0..200_u64 {
        let call = format!("call {n}").into_bytes();
        phone.send_to(&call, server).unwrap();
        assert_eq!(receive(&phone).0, call);
        rig.handle.command(support::forget(n));
        rig.handle.flush().unwrap();
        rig.find(|seen| (seen == Seen::Forgot(n)).then_some(()));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    flood.join().unwrap();
    assert!(rig.counter("udp_received") > 200, "there was no flood");
}

#[test]
fn an_address_in_use_is_named_by_the_error() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = Listen { transport: Transport::Udp, address: taken.local_addr().unwrap() };
    let error = Engine::bind(Config { listen: vec![listen], ..Config::default() }).unwrap_err();
    assert!(matches!(&error, StartError::Bind { listen: named, .. } if *named == listen), "{error:?}");
    assert_eq!(error.io().unwrap().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn closing_sends_what_was_flushed_before() {
    let rig = Rig::start(config());
    let phone = phone("127.0.0.1:0");
    let (server, remote) = (rig.address(Transport::Udp, false), phone.local_addr().unwrap());
    for n in 0..100_u8 {
        rig.handle.control(Do::Send(flow(Transport::Udp, server, remote), vec![n]));
    }
    rig.handle.flush().unwrap();
    rig.handle.close();
    for n in 0..100_u8 {
        assert_eq!(receive(&phone).0, [n]);
    }
}
