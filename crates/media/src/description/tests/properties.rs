use proptest::prelude::*;

use super::*;

fn codecs() -> impl Strategy<Value = Vec<Codec>> {
    let all = vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16(8_000), Codec::L16(16_000), Codec::L16(48_000)];
    proptest::sample::subsequence(all, 1..=6).prop_shuffle()
}

prop_compose! {
    fn capabilities()(
        codecs in codecs(),
        telephone_event: bool,
        comfort_noise: bool,
        ptime_ms in prop::sample::select(vec![10, 20, 30, 60]),
        srtp in prop::sample::select(vec![SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required]),
        suites in proptest::sample::subsequence(Suite::ALL.to_vec(), 1..=6).prop_shuffle(),
        rtcp_mux: bool,
    ) -> Capabilities {
        Capabilities { codecs, telephone_event, comfort_noise, ptime_ms, srtp, suites, rtcp_mux }
    }
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(Direction::ALL.to_vec())
}

fn peer(direction: Direction) -> Local {
    Local { address: [198, 51, 100, 7].into(), port: 50_000, session_id: 8, direction }
}

/// What one side agreed to, seen by the other.
fn assert_mirror(one: &Agreed, other: &Agreed) {
    assert_eq!((one.codec, one.payload_type), (other.codec, other.payload_type));
    assert_eq!((one.send, one.receive_on), (other.receive_on, other.send));
    assert_eq!(one.rtcp_mux, other.rtcp_mux);
    for (from, to) in [(one, other), (other, one)] {
        assert!(to.receive.contains(&(from.payload_type, from.codec)));
        assert!(from.dtmf_send.is_none_or(|event| to.dtmf_receive.contains(&event)));
        assert!(from.cn_send.is_none_or(|number| to.cn_receive.contains(&number)));
    }
    match (&one.srtp, &other.srtp) {
        (Some(one), Some(other)) => assert_eq!((&one.local, &one.remote), (&other.remote, &other.local)),
        (one, other) => assert_eq!(one, other),
    }
}

/// One exchange; what both have said and agreed to, if they agree.
fn exchange(
    (offerer, from, before): (&Capabilities, &Local, Option<&Said>),
    (answerer, to, known): (&Capabilities, &Local, Option<&Said>),
    random: &mut dyn FnMut(&mut [u8]),
) -> Option<((Said, Agreed), (Said, Agreed))> {
    let said = offer(offerer, from, before, random);
    let Answered { said: answered, agreed } = answer(answerer, to, &said.to_bytes(), known, random).ok()?;
    let here = accept(offerer, from, &said, &answered.to_bytes()).expect("our answers can be taken");
    let there = agreed.expect("our offers have a live stream");
    assert_mirror(&here.1, &there);
    Some((here, (answered, there)))
}

proptest! {
    /// Both sides come to the same, over three exchanges in turn; session, numbers and key stay.
    #[test]
    fn both_sides_agree(
        (one, other) in (capabilities(), capabilities()),
        (first, second) in (direction(), direction()),
        seed: u64,
    ) {
        let mut state = seed | 1;
        let mut random = |out: &mut [u8]| for octet in out {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *octet = (state >> 33) as u8;
        };
        let (here, there) = (Local { direction: first, ..local() }, peer(second));
        let agreed = exchange((&one, &here, None), (&other, &there, None), &mut random);
        let share_codec = one.codecs.iter().any(|codec| other.codecs.contains(codec));
        let Some((a, b)) = agreed else {
            let share_suite = one.suites.iter().any(|suite| other.suites.contains(suite));
            let both_can = one.srtp != SrtpPolicy::Off && other.srtp != SrtpPolicy::Off && share_suite;
            let must = [one.srtp, other.srtp].contains(&SrtpPolicy::Required);
            prop_assert!(!share_codec || (must && !both_can));
            return Ok(());
        };
        prop_assert_eq!(a.1.send, first.sends() && second.receives());
        prop_assert!(other.codecs.contains(&a.1.codec));
        prop_assert_eq!(Some(a.1.codec), one.codecs.iter().copied().find(|codec| other.codecs.contains(codec)));

        let (d, c) = exchange((&other, &there, Some(&b.0)), (&one, &here, Some(&a.0)), &mut random).expect("they agreed before");
        let (e, f) = exchange((&one, &here, Some(&c.0)), (&other, &there, Some(&d.0)), &mut random).expect("they agreed before");
        for (before, after) in [(&a, &c), (&b, &d), (&c, &e), (&d, &f)] {
            let said = |said: &Said| (said.session.origin.session_id.clone(), said.session.origin.connection.clone());
            prop_assert_eq!(said(&before.0), said(&after.0));
            prop_assert!(version(&before.0) <= version(&after.0));
            for (number, codec) in &after.1.receive {
                let was = before.1.receive.iter().find(|(known, _)| known == number);
                prop_assert!(was.is_none_or(|(_, known)| known == codec));
            }
        }
        // The suite may change with the offerer's order; a key belongs to a suite for good.
        for (before, after) in [(&a, &c), (&c, &e)] {
            if let (Some(before), Some(after)) = (&before.1.srtp, &after.1.srtp) {
                prop_assert!(before.local.suite() != after.local.suite() || before.local == after.local);
            }
        }
    }

    /// Nothing a stranger writes makes an answer that does not fit.
    #[test]
    fn answers_fit_their_offers(
        streams in prop::collection::vec(
            (
                prop::sample::select(vec!["audio", "video", "image"]),
                prop::sample::select(vec![0_u16, 9, 4_000, 65_535]),
                prop::sample::select(vec!["RTP/AVP", "RTP/SAVP", "RTP/AVPF", "udptl", "UDP/TLS/RTP/SAVP"]),
                prop::collection::vec(0_u8..130, 0..6),
                prop::collection::vec(
                    prop::sample::select(vec![
                        "sendonly", "inactive", "rtcp-mux", "rtcp:1", "rtcp:x", "ptime:30", "maxptime:1", "bundle-only",
                        "rtpmap:96 L16/16000", "rtpmap:97 telephone-event/8000", "rtpmap:98 CN/16000", "rtpmap:97 PCMA/8000",
                        "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR", "crypto:x",
                    ]),
                    0..6,
                ),
            ),
            0..4,
        ),
        ours in capabilities(),
    ) {
        let text: String = streams.iter().map(|(kind, port, protocol, formats, attributes)| {
            let formats: Vec<String> = formats.iter().map(u8::to_string).collect();
            let attributes: String = attributes.iter().map(|said| format!("a={said}\r\n")).collect();
            format!("m={kind} {port} {protocol} {}\r\n{attributes}", formats.join(" "))
        }).collect();
        let offer = with(&text);
        match answered(&ours, &offer) {
            Ok(took) => {
                let asked = parse(offer.as_bytes()).unwrap();
                prop_assert_eq!(cordboard_sip::offer_answer::check_answer(&asked, &took.said.session), Ok(()));
                prop_assert_eq!(took.agreed.is_some(), took.said.speech().is_some());
                let live = took.said.session.media.iter().filter(|media| media.port != 0).count();
                prop_assert_eq!(live, usize::from(took.agreed.is_some()));
            }
            Err(refused) => prop_assert_eq!(refused.status(), 488, "{}", refused),
        }
    }
}

fn version(said: &Said) -> u64 {
    said.session.origin.version.parse().unwrap()
}
