//! Whose packets a leg takes whose peer named an address everybody can reach: without a socket of the peer's.

use std::sync::{Arc, Mutex};

use cordboard_sip::sdp::Direction;

use super::*;
use crate::description::{self, Answered, Local};
use crate::engine::leg::{Beginning, Leg};
use crate::engine::ports::Pool;
use crate::engine::queue::lock;
use crate::reception::Block;
use crate::rtcp;

const PEER: &str = "192.0.2.1:4000";
const ELSEWHERE: &str = "203.0.113.9:61000";
/// By which its stream is known, and the number of its next packet.
const OURS: u32 = 0x1234_5678;
const NEXT: u16 = 150;
const SENT: u64 = 50;

/// A leg that has sent to where its peer said it is, and heard nothing.
fn leg() -> (Leg, Arc<Mutex<Stats>>) {
    let ip = IpAddr::from([127, 0, 0, 1]);
    let first = PORTS.fetch_add(40, Ordering::Relaxed);
    let pool = Arc::new(Pool::new(ip, first, first + 3, Duration::ZERO, &mut || 0));
    let beginning = Beginning { source: None, ssrc: OURS, sequence: NEXT, timestamp: 0, searched_joined: false };
    let stats = Arc::default();
    let mut leg = Leg::new(1, pool.take(|| 0).unwrap(), "us".into(), &beginning, Arc::clone(&stats));
    let offer = Party::describe(PEER.parse().unwrap(), Codec::Pcma, 8, "");
    let local = Local { address: ip, port: first, session_id: 1, direction: Direction::SendRecv };
    let capabilities = Config::default().capabilities;
    let Answered { agreed, .. } =
        description::answer(&capabilities, &local, offer.as_bytes(), None, &mut |_| {}).unwrap();
    leg.agree(agreed.map(Box::new));
    leg.report.packets_sent = SENT;
    (leg, stats)
}

/// How many of five packets in a row, the first of a stream, it takes from there.
fn taken(leg: &mut Leg, from: &str) -> usize {
    let from: std::net::SocketAddr = from.parse().unwrap();
    let mut stream = Outgoing::new(from.port().into(), 1, 0);
    let mut take = |_: &u32| {
        let mut data = [0; 200];
        stream.header(8, 160, &mut data);
        leg.receive(&mut data, HEADER + 160, from, 0).is_some()
    };
    (0..5).filter(&mut take).count()
}

/// Somebody elsewhere reports on a stream and the last packet of it that came.
fn report(leg: &mut Leg, ssrc: u32, highest: u16) {
    let block = Block { ssrc, highest: highest.into(), ..Block::default() };
    let mut data = [0; 200];
    let length = rtcp::write(&mut data, 7, None, Some(&block), "peer", false);
    leg.receive(&mut data, length, "203.0.113.9:61001".parse().unwrap(), 0);
}

#[test]
fn who_reports_on_what_is_sent_to_the_peer_is_heard_from_elsewhere_and_sent_nothing() {
    let (mut leg, stats) = leg();
    assert_eq!(taken(&mut leg, ELSEWHERE), 0);
    report(&mut leg, OURS, NEXT - 2);
    assert_eq!(taken(&mut leg, ELSEWHERE), 3, "after its probation");
    assert_eq!(taken(&mut leg, "198.51.100.66:9"), 0, "nobody else is");
    leg.publish(false);
    assert_eq!(lock(&stats).remote, Some(PEER.parse().unwrap()));
    assert_eq!(taken(&mut leg, PEER), 5, "who is where it should be");
    assert_eq!(taken(&mut leg, ELSEWHERE), 0);
}

#[test]
fn who_knows_nothing_of_what_is_sent_is_not_heard() {
    for (ssrc, highest) in [(OURS + 1, NEXT - 2), (OURS, NEXT), (OURS, NEXT - 1 - SENT as u16)] {
        let (mut leg, _) = leg();
        report(&mut leg, ssrc, highest);
        assert_eq!(taken(&mut leg, ELSEWHERE), 0, "{ssrc:x} {highest}");
        assert_eq!(leg.report.refused, 6);
    }
}
