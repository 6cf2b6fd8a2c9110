use super::*;

#[test]
fn codecs_go_by_the_offerers_order_and_numbers() {
    let took = answered(
        &plain(),
        &with(
            "m=audio 4000 RTP/AVP 18 97 0 8 13 101\r\na=rtpmap:97 l16/16000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n",
        ),
    );
    let took = took.unwrap();
    assert_eq!(
        lines(&took.said),
        [
            "m=audio 40000 RTP/AVP 97 0 8 13 101",
            "a=rtpmap:97 L16/16000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:13 CN/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            "a=maxptime:60",
            "a=sendrecv",
        ]
    );
    assert_eq!(
        took.agreed.unwrap(),
        Agreed {
            remote: at("198.51.100.7:4000"),
            remote_rtcp: at("198.51.100.7:4001"),
            codec: Codec::L16(16_000),
            payload_type: 97,
            receive: vec![(97, Codec::L16(16_000)), (0, Codec::Pcmu), (8, Codec::Pcma)],
            dtmf_send: Some(Payload { number: 101, clock_rate: 8_000 }),
            dtmf_receive: vec![Payload { number: 101, clock_rate: 8_000 }],
            cn_send: None,
            cn_receive: vec![13],
            ptime_ms: 20,
            send: true,
            receive_on: true,
            rtcp_mux: false,
            srtp: None,
        }
    );
}

#[test]
fn key_presses_and_noise_go_with_the_codecs_clock() {
    let wide = "a=rtpmap:96 L16/16000\r\na=rtpmap:97 telephone-event/16000\r\na=rtpmap:98 telephone-event/8000\r\na=rtpmap:99 CN/16000\r\n";
    for (formats, events, noise) in [
        ("96 97 98 99", &[97][..], &[99][..]),
        ("96 8 97 98 13 99", &[97, 98], &[13, 99]),
        // Phones that know one rate only mean it for all codecs.
        ("96 98", &[98], &[]),
        ("8 97 98 99 13", &[98], &[13]),
        ("8 97 99", &[], &[]),
    ] {
        let took =
            answered(&plain(), &with(&format!("m=audio 4000 RTP/AVP {formats}\r\n{wide}"))).unwrap().agreed.unwrap();
        let heard: Vec<u8> = took.dtmf_receive.iter().map(|event| event.number).collect();
        assert_eq!((&heard[..], &took.cn_receive[..]), (events, noise), "{formats}");
        assert_eq!(took.dtmf_send.map(|event| event.number), events.first().copied(), "{formats}");
        assert_eq!(took.cn_send, noise.iter().copied().find(|number| (*number == 13) == (took.codec == Codec::Pcma)));
    }
    let none = Capabilities { telephone_event: false, comfort_noise: false, ..plain() };
    let took =
        answered(&none, &with("m=audio 4000 RTP/AVP 8 13 101\r\na=rtpmap:101 telephone-event/8000\r\n")).unwrap();
    assert_eq!(lines(&took.said)[0], "m=audio 40000 RTP/AVP 8");
}

#[test]
fn directions_and_holds() {
    // The offer, our own wish, what the answer says, whether we send, whether we are sent to.
    let zero = "c=IN IP4 0.0.0.0\r\n";
    for (offered, wish, said, send, receive) in [
        ("", Direction::SendRecv, "a=sendrecv", true, true),
        ("a=sendonly\r\n", Direction::SendRecv, "a=recvonly", false, true),
        ("a=recvonly\r\n", Direction::SendRecv, "a=sendonly", true, false),
        ("a=inactive\r\n", Direction::SendRecv, "a=inactive", false, false),
        (zero, Direction::SendRecv, "a=recvonly", false, true),
        ("a=sendrecv\r\n", Direction::SendOnly, "a=sendonly", true, false),
        ("a=sendonly\r\n", Direction::SendOnly, "a=inactive", false, false),
        ("a=sendonly\r\n", Direction::Inactive, "a=inactive", false, false),
    ] {
        let local = Local { direction: wish, ..local() };
        let offer = with(&format!("m=audio 4000 RTP/AVP 8\r\n{offered}"));
        let took = answer(&plain(), &local, offer.as_bytes(), None, &mut random()).unwrap();
        let agreed = took.agreed.unwrap();
        assert_eq!(lines(&took.said).last().unwrap(), said, "{offered} {wish:?}");
        assert_eq!((agreed.send, agreed.receive_on), (send, receive), "{offered} {wish:?}");
        assert_eq!(agreed.remote.is_none(), offered == zero, "{offered}");
    }
}

#[test]
fn packet_times() {
    for (said, ms) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:25\r\n", 20),
        ("a=ptime:0\r\n", 20),
        ("a=maxptime:10\r\n", 10),
        ("a=ptime:40\r\na=maxptime:30\r\n", 30),
        ("a=ptime:many\r\n", 20),
    ] {
        let took = answered(&plain(), &with(&format!("m=audio 4000 RTP/AVP 8\r\n{said}"))).unwrap();
        assert_eq!(took.agreed.as_ref().unwrap().ptime_ms, ms, "{said}");
        assert!(lines(&took.said).contains(&format!("a=ptime:{ms}")), "{said}");
    }
}

#[test]
fn where_rtcp_goes() {
    let apart = Capabilities { rtcp_mux: false, ..plain() };
    for (ours, said, rtcp, mux) in [
        (plain(), "", at("198.51.100.7:4001"), false),
        (plain(), "a=rtcp:5000\r\n", at("198.51.100.7:5000"), false),
        (plain(), "a=rtcp:5000 IN IP4 198.51.100.8\r\n", at("198.51.100.8:5000"), false),
        (plain(), "a=rtcp:5000 IN IP6 2001:db8::1\r\n", None, false),
        (plain(), "a=rtcp:0\r\n", None, false),
        (plain(), "a=rtcp-mux\r\na=rtcp:5000\r\n", at("198.51.100.7:4000"), true),
        (apart.clone(), "a=rtcp-mux\r\na=rtcp:5000\r\n", at("198.51.100.7:5000"), false),
        (apart.clone(), "a=rtcp-mux\r\n", at("198.51.100.7:4001"), false),
    ] {
        let took = answered(&ours, &with(&format!("m=audio 4000 RTP/AVP 8\r\n{said}"))).unwrap();
        let agreed = took.agreed.unwrap();
        assert_eq!((agreed.remote_rtcp, agreed.rtcp_mux), (rtcp, mux), "{said}");
        assert_eq!(lines(&took.said).contains(&"a=rtcp-mux".to_owned()), mux, "{said}");
    }
    let only = with("m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n");
    assert!(answered(&plain(), &only).is_ok());
    assert_eq!(answered(&apart, &only).unwrap_err().status(), 488);
}

#[test]
fn one_stream_of_speech_is_taken_in_its_place() {
    let took = answered(
        &plain(),
        &with(
            "m=video 5000 RTP/AVP 31\r\nm=audio 0 RTP/AVP 8\r\nm=audio 4000 RTP/AVPF 0\r\nm=audio 4002 RTP/AVP 8\r\n",
        ),
    )
    .unwrap();
    let streams: Vec<String> = lines(&took.said).into_iter().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        streams,
        ["m=video 0 RTP/AVP 31", "m=audio 0 RTP/AVP 8", "m=audio 40000 RTP/AVPF 0", "m=audio 0 RTP/AVP 8"]
    );
    assert_eq!(took.agreed.unwrap().remote, at("198.51.100.7:4000"));
}

#[test]
fn an_offer_that_has_ended_its_streams_is_answered_in_kind() {
    for streams in ["", "m=audio 0 RTP/AVP 8\r\n"] {
        let took = answered(&plain(), &with(streams)).unwrap();
        assert_eq!((took.agreed, took.said.speech()), (None, None));
    }
}

#[test]
fn addresses_of_ipv6_and_of_the_stream_itself() {
    let offer = with("m=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\n");
    let six = Local { address: "2001:db8::1".parse().unwrap(), ..local() };
    let took = answer(&plain(), &six, offer.as_bytes(), None, &mut random()).unwrap();
    assert_eq!(took.agreed.unwrap().remote, at("[2001:db8::7]:4000"));
    assert!(String::from_utf8(took.said.to_bytes()).unwrap().contains("\r\nc=IN IP6 2001:db8::1\r\n"));
    assert_eq!(family(offer.as_bytes()), Ok(Some("2001:db8::7".parse().unwrap())));
    assert_eq!(family(with("m=audio 4000 RTP/AVP 8\r\n").as_bytes()), Ok(Some([198, 51, 100, 7].into())));
    assert_eq!(family(with("m=video 4000 RTP/AVP 31\r\n").as_bytes()), Ok(None));
    assert_eq!(family(b"hello").unwrap_err().status(), 400);
}

#[test]
fn what_is_refused_and_why() {
    let required = Capabilities { srtp: SrtpPolicy::Required, ..ours() };
    let crypto = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n");
    for (ours, offer, status, reason) in [
        (plain(), "".to_owned(), 400, "bad session description, line 1: does not begin with v=0"),
        (plain(), "v=0\r\nhello".to_owned(), 400, "bad session description, line 2"),
        (plain(), "v=0\r\nm=audio 4000 RTP/AVP 8\r\n".to_owned(), 400, "a stream has no address"),
        (plain(), with("m=audio 4000 RTP/AVP 18\r\n"), 488, "no codec"),
        (plain(), with("m=audio 4000 RTP/AVP 13 101\r\na=rtpmap:101 telephone-event/8000\r\n"), 488, "no codec"),
        (plain(), with("m=audio 4000 RTP/AVP\r\n"), 488, "no codec"),
        (plain(), with("m=audio 4000 RTP/AVP 08\r\n"), 488, "no codec"),
        (plain(), with("m=video 4000 RTP/AVP 31\r\n"), 488, "no stream is speech"),
        (plain(), with("m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n"), 488, "UDP/TLS/RTP/SAVPF is not spoken"),
        (plain(), with("m=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::7\r\n"), 488, "of another family"),
        (plain(), with("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 host.example\r\n"), 488, "host.example is a name"),
        (plain(), with("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.2.1.1/127\r\n"), 488, "multicast"),
        (plain(), with(&format!("m=audio 4000 RTP/SAVP 8\r\n{crypto}")), 488, "SRTP is off"),
        (ours(), with("m=audio 4000 RTP/SAVP 8\r\n"), 488, "no crypto suite"),
        (required.clone(), with("m=audio 4000 RTP/AVP 8\r\n"), 488, "SRTP is required"),
        (required, with("m=audio 4000 RTP/AVP 8\r\na=crypto:1 F8 inline:x\r\n"), 488, "no crypto suite"),
    ] {
        let refused = answered(&ours, &offer).unwrap_err();
        assert_eq!(refused.status(), status, "{offer}");
        assert!(refused.to_string().contains(reason), "{offer}: {refused}");
    }
}

#[test]
fn a_reoffer_is_answered_with_the_same_session() {
    let first = with("m=audio 4000 RTP/AVP 8 0\r\n");
    let held = with("m=audio 4000 RTP/AVP 8 0\r\na=sendonly\r\n");
    let one = answered(&plain(), &first).unwrap().said;
    let again = |offer: &str, previous: &Said| {
        let local = Local { session_id: 99, ..local() };
        answer(&plain(), &local, offer.as_bytes(), Some(previous), &mut random()).unwrap().said
    };
    assert_eq!(origin(&one), "o=- 7 1 IN IP4 192.0.2.1");
    let two = again(&held, &one);
    assert_eq!(origin(&two), "o=- 7 2 IN IP4 192.0.2.1");
    let three = again(&held, &two);
    assert_eq!(three, two);
    let fewer = again(&with(""), &three);
    assert_eq!((origin(&fewer).as_str(), lines(&fewer).len()), ("o=- 7 3 IN IP4 192.0.2.1", 0));
}
