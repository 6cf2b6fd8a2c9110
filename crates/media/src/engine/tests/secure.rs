//! SRTP towards a peer that speaks it, plain RTP towards one that does not.

use super::*;
use crate::description::{self, Local};
use crate::srtp::{Receive, Transmit};

/// A party whose packets are encrypted: it answers the offer of a leg, as a phone that prefers SRTP would.
fn secure_party(engine: &Engine, hertz: f64) -> Party {
    secure_party_by(engine, hertz, None)
}

fn secure_party_by(engine: &Engine, hertz: f64, srtp: Option<SrtpPolicy>) -> Party {
    let mut party = Party::with(engine, Codec::Pcma, hertz, "");
    let leg = engine.leg(b"", Peer { srtp, ..Peer::default() }).unwrap();
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
fn each_leg_is_encrypted_as_it_was_asked_to_be_whatever_the_engine_is() {
    let engine = engine_with(|config| config.capabilities.srtp = SrtpPolicy::Off);
    let mut parties =
        [secure_party_by(&engine, 500.0, Some(SrtpPolicy::Required)), Party::new(&engine, Codec::Pcma, 900.0)];
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[500.0]) && hears_all(p, 1, &[500.0], &[900.0]));
    assert!(hears_all(&parties, 0, &[900.0], &[500.0]) && hears_all(&parties, 1, &[500.0], &[900.0]));

    let offers = [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required].map(|srtp| {
        let leg = engine.leg(b"", Peer { srtp: Some(srtp), ..Peer::default() }).unwrap();
        String::from_utf8(engine.offer(&leg)).unwrap()
    });
    let says = |text: &str| offers.iter().map(|offer| offer.contains(text)).collect::<Vec<_>>();
    assert_eq!((says("a=crypto:"), says(" RTP/SAVP ")), (vec![false, true, true], vec![false, false, true]));
    let strict = engine.leg(b"", Peer { srtp: Some(SrtpPolicy::Required), ..Peer::default() }).unwrap();
    let refused = engine.answer(&strict, offers[0].as_bytes()).unwrap_err();
    assert_eq!(refused.status(), 488);
    let usual = engine.leg(b"", Peer::default()).unwrap();
    assert_eq!(engine.answer(&usual, offers[2].as_bytes()).unwrap_err().status(), 488);
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

#[test]
fn a_stream_that_restarts_under_its_name_is_passed_on_encrypted_all_the_same() {
    let engine = engine();
    let mut parties = [secure_party(&engine, 500.0), Party::new(&engine, Codec::Pcma, 900.0)];
    parties[1].outgoing = Outgoing::new(9, 20_000, 500_000);
    engine.join(parties[0].id(), parties[1].id(), Role::default(), Role::default());
    talk_until(&mut parties, |p| hears_all(p, 0, &[900.0], &[]));
    let heard = parties[0].packets.len();
    parties[1].outgoing = Outgoing::new(9, 1_000, 100_000);
    talk(&mut parties, 30);
    talk_until(&mut parties, |p| p[0].packets.len() > heard + 20);
    assert!(parties[0].packets.len() > heard + 20, "{} of 30 came", parties[0].packets.len() - heard);
}
