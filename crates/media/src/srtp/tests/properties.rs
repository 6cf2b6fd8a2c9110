use proptest::prelude::*;

use super::*;

fn suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

fn pair(keys: Keys) -> (Transmit, Receive) {
    (Transmit::new(keys.clone()), Receive::new(keys))
}

/// What a packet is on the wire.
fn sealed(transmit: &mut Transmit, sequence: u16, ssrc: u32) -> Vec<u8> {
    let (mut packet, len) = rtp(sequence, ssrc);
    let len = transmit.protect(&mut packet, len).unwrap();
    packet.truncate(len);
    packet
}

fn report(ssrc: u32) -> Vec<u8> {
    [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()
}

fn sealed_report(transmit: &mut Transmit, ssrc: u32) -> Vec<u8> {
    let mut packet = report(ssrc);
    let len = packet.len();
    packet.resize(len + ROOM, 0);
    let len = transmit.protect_rtcp(&mut packet, len).unwrap();
    packet.truncate(len);
    packet
}

#[test]
fn packets_grow_by_what_their_suite_says() {
    for suite in Suite::ALL {
        for mki in [0, 1, 4] {
            let keys = if mki == 0 { keys(suite) } else { keys(suite).with_mki(7, mki) };
            let (mut transmit, mut receive) = pair(keys);
            let mut packet = sealed(&mut transmit, 1, 9);
            let (plain, len) = rtp(1, 9);
            assert_eq!(packet.len(), len + suite.rtp_tag_len() + usize::from(mki), "{suite:?}");
            assert_ne!(packet[12..len], plain[12..len]);
            assert_eq!(receive.unprotect(&mut packet), Ok(len));
            assert_eq!(packet[..len], plain[..len]);

            let mut packet = sealed_report(&mut transmit, 9);
            assert_eq!(packet.len(), 8 + 4 + suite.rtcp_tag_len() + usize::from(mki), "{suite:?}");
            assert_eq!(receive.unprotect_rtcp(&mut packet), Ok(8));
            assert_eq!(packet[..8], report(9));
        }
    }
}

#[test]
fn a_packet_of_another_key_identifier_is_refused() {
    for suite in Suite::ALL {
        let mut transmit = Transmit::new(keys(suite).with_mki(2, 2));
        let mut receive = Receive::new(keys(suite).with_mki(1, 2));
        assert_eq!(receive.unprotect(&mut sealed(&mut transmit, 1, 9)), Err(SrtpError::Mki));
        assert_eq!(receive.unprotect_rtcp(&mut sealed_report(&mut transmit, 9)), Err(SrtpError::Mki));
    }
}

#[test]
fn the_sequence_number_rolls_over_with_packets_lost_and_late() {
    for suite in Suite::ALL {
        let (mut transmit, mut receive) = pair(keys(suite));
        let mut sent: Vec<Vec<u8>> =
            (0..70_u16).map(|n| sealed(&mut transmit, 65_500_u16.wrapping_add(n), 9)).collect();
        sent.swap(35, 36);
        sent.remove(20);
        for packet in &mut sent {
            assert!(receive.unprotect(packet).is_ok(), "{suite:?}");
        }
    }
}

#[test]
fn nothing_is_taken_twice_nor_sent_twice() {
    let (mut transmit, mut receive) = pair(keys(Suite::AesCm128HmacSha1_80));
    let packet = sealed(&mut transmit, 1, 9);
    assert!(receive.unprotect(&mut packet.clone()).is_ok());
    assert_eq!(receive.unprotect(&mut packet.clone()), Err(SrtpError::Replayed));
    let (mut again, len) = rtp(1, 9);
    assert_eq!(transmit.protect(&mut again, len), Err(SrtpError::Replayed));
    let report = sealed_report(&mut transmit, 9);
    assert!(receive.unprotect_rtcp(&mut report.clone()).is_ok());
    assert_eq!(receive.unprotect_rtcp(&mut report.clone()), Err(SrtpError::Replayed));
    // Far behind.
    for sequence in 2..=200 {
        assert!(receive.unprotect(&mut sealed(&mut transmit, sequence, 9)).is_ok());
    }
    assert_eq!(receive.unprotect(&mut packet.clone()), Err(SrtpError::Replayed));
}

#[test]
fn reports_in_the_clear_are_refused() {
    for suite in Suite::ALL {
        let (mut transmit, mut receive) = pair(keys(suite));
        let mut packet = sealed_report(&mut transmit, 9);
        let word = packet.len() - 4 - if suite.is_aead() { 0 } else { suite.rtcp_tag_len() };
        packet[word] &= 0x7f;
        assert_eq!(receive.unprotect_rtcp(&mut packet), Err(SrtpError::NotAuthentic));
    }
}

#[test]
fn streams_do_not_disturb_each_other_and_are_bounded() {
    let (mut transmit, mut receive) = pair(keys(Suite::AeadAes128Gcm));
    for round in 1..=2 {
        for ssrc in 0..8 {
            assert!(receive.unprotect(&mut sealed(&mut transmit, round, ssrc)).is_ok());
        }
    }
    let (mut packet, len) = rtp(1, 8);
    assert_eq!(transmit.protect(&mut packet, len), Err(SrtpError::Streams));
    // Who receives makes room: the stream heard longest ago goes.
    let mut other = Transmit::new(keys(Suite::AeadAes128Gcm));
    assert!(receive.unprotect(&mut sealed(&mut other, 1, 8)).is_ok());
    assert!(receive.unprotect(&mut sealed(&mut transmit, 3, 7)).is_ok());
}

#[test]
fn what_is_no_packet_or_has_no_room() {
    let (mut transmit, mut receive) = pair(keys(Suite::AesCm128HmacSha1_80));
    for packet in [&[][..], &[0x80; 11], &[0; 40], &[0x80, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0x80; 13]] {
        assert_eq!(receive.unprotect(&mut packet.to_vec()), Err(SrtpError::Malformed), "{packet:?}");
    }
    for packet in [&[][..], &[0x80; 7], &[0x80; 20], &[0; 60]] {
        assert_eq!(receive.unprotect_rtcp(&mut packet.to_vec()), Err(SrtpError::Malformed), "{packet:?}");
    }
    let (mut packet, len) = rtp(1, 9);
    assert_eq!(transmit.protect(&mut packet[..len + ROOM - 1], len), Err(SrtpError::NoRoom));
    assert_eq!(transmit.protect(&mut packet, len + ROOM + 1), Err(SrtpError::NoRoom));
    assert_eq!(transmit.protect_rtcp(&mut [0x80; 8], 8), Err(SrtpError::NoRoom));
}

#[test]
fn keys_are_not_shown() {
    let (transmit, receive) = pair(keys(Suite::AesCm128HmacSha1_80));
    for shown in [format!("{transmit:?}"), format!("{receive:?}")] {
        assert!(shown.contains("AesCm128HmacSha1_80") && !shown.contains("[0, 1, 2"), "{shown}");
    }
}

proptest! {
    /// One octet changed anywhere, or the end cut off, and the packet is refused; the right one is still taken then.
    #[test]
    fn what_was_tampered_with_is_refused(suite in suite(), at: prop::sample::Index, change in 1_u8..=255, cut in 0_usize..30) {
        let (mut transmit, mut receive) = pair(keys(suite));
        let packet = sealed(&mut transmit, 1, 9);
        let mut changed = packet.clone();
        changed[at.index(packet.len())] ^= change;
        prop_assert!(receive.unprotect(&mut changed).is_err());
        if cut > 0 {
            prop_assert!(receive.unprotect(&mut packet[..packet.len() - cut].to_vec()).is_err());
        }
        prop_assert!(receive.unprotect(&mut packet.clone()).is_ok());

        let packet = sealed_report(&mut transmit, 9);
        let mut changed = packet.clone();
        changed[at.index(packet.len())] ^= change;
        prop_assert!(receive.unprotect_rtcp(&mut changed).is_err());
        prop_assert!(receive.unprotect_rtcp(&mut packet.clone()).is_ok());
    }

    /// Headers with sources, extension and padding, and bodies of any length, come back as they were.
    #[test]
    fn any_packet_comes_back(
        suite in suite(),
        (sources, extension) in (0_usize..=15, prop::option::of(0_usize..8)),
        body in prop::collection::vec(any::<u8>(), 0..200),
        (sequence, ssrc) in any::<(u16, u32)>(),
    ) {
        let (mut transmit, mut receive) = pair(keys(suite));
        let mut plain = vec![0x80 | sources as u8 | if extension.is_some() { 0x10 } else { 0 }, 8];
        plain.extend(sequence.to_be_bytes());
        plain.extend([0; 4]);
        plain.extend(ssrc.to_be_bytes());
        plain.resize(12 + 4 * sources, 1);
        if let Some(words) = extension {
            plain.extend([0xbe, 0xde, 0, words as u8]);
            plain.resize(plain.len() + 4 * words, 2);
        }
        plain.extend(&body);
        let mut packet = plain.clone();
        packet.resize(plain.len() + ROOM, 0);
        let len = transmit.protect(&mut packet, plain.len()).unwrap();
        packet.truncate(len);
        prop_assert_eq!(receive.unprotect(&mut packet), Ok(plain.len()));
        prop_assert_eq!(&packet[..plain.len()], &plain[..]);
    }
}
