//! SRTP towards a peer that speaks it, plain RTP towards one that does not.

use super::*;
use crate::description::{self, Local};
use crate::srtp::{Receive, Transmit};

/// A party whose packets are encrypted: it answers the offer of a leg, as a phone that prefers SRTP would.
fn secure_party(engine: &Engine, hertz: f64) -> Party {
    let mut party = Party::with(engine, Codec::Pcma, hertz, "");
    let leg = engine.leg(b"").unwrap();
    let ours = Config::default().capabilities;
    let local = Local {
        address: IpAddr::from([127, 0, 0, 1]),
        port: party.socket.local_addr().unwrap().port(),
        session_id: 7,
        direction: cordboard_sip::sdp::Direction::SendRecv,
    };
    let mut random = |octets: &mut [u8]| octets.fill(0x5a);
    let answered = description::answer(&ours, &local, &engine.offer(&leg), None, &mut random).unwrap();
    engine.accept(&leg, &answered.said.to_bytes()).unwrap();
    let secured = answered.agreed.unwrap().srtp.expect("the offer has keys");
    party.leg = leg;
    party.secure = Some((Transmit::new(secured.local), Receive::new(secured.remote)));
    party
}

#[test]
fn an_encrypted_leg_and_a_plain_one_hear_each_other() {
    let engine = engine();
    let mut parties = [secure_party(&engine, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0]) && hears_all(p, 1, &[500.0], &[900.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[500.0]) && hears_all(&parties, 1, &[500.0], &[900.0]));
}

#[test]
fn what_is_not_authentic_is_refused_and_moves_nobody() {
    let engine = engine_with(|config| config.report_interval = Duration::from_millis(500));
    let mut parties = [secure_party(&engine, 500.0)];
    talk(&mut parties, 10);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..10 {
        let mut data = [0; 182];
        rtp::write(&mut data, 8, false, number, u32::from(number) * 160, 9);
        stranger.send_to(&data, parties[0].leg.place()).unwrap();
    }
    talk(&mut parties, 60);
    let stats = parties[0].leg.stats();
    assert_eq!(stats.packets_refused, 10);
    assert_eq!(stats.remote, Some(parties[0].socket.local_addr().unwrap()));
}
