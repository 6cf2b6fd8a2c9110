use super::*;

fn offered(ours: &Capabilities) -> Said {
    offer(ours, &local(), None, &mut random())
}

fn accepted(ours: &Capabilities, said: &Said, streams: &str) -> Result<Agreed, DescriptionError> {
    accept(ours, &local(), said, with(streams).as_bytes()).map(|(_, agreed)| agreed)
}

#[test]
fn an_offer_says_all_we_can() {
    let said = offered(&plain());
    assert_eq!(origin(&said), "o=- 7 1 IN IP4 192.0.2.1");
    assert_eq!(
        lines(&said),
        [
            "m=audio 40000 RTP/AVP 9 8 0 96 13 97 101 98",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:96 L16/16000",
            "a=rtpmap:13 CN/8000",
            "a=rtpmap:97 CN/16000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=rtpmap:98 telephone-event/16000",
            "a=fmtp:98 0-15",
            "a=ptime:20",
            "a=maxptime:60",
            "a=rtcp-mux",
            "a=sendrecv",
        ]
    );
}

#[test]
fn the_answers_first_codec_is_sent_under_its_number() {
    let said = offered(&plain());
    // The codec, the payload type sent, key presses sent, and which types lead to L16.
    for (answer, codec, number, dtmf, linear) in [
        ("8 101\r\na=rtpmap:101 telephone-event/8000", Codec::Pcma, 8, Some(101), &[96][..]),
        ("0 8", Codec::Pcmu, 0, None, &[96]),
        ("18 0", Codec::Pcmu, 0, None, &[96]),
        // It has another number there, and one we never said.
        (
            "110 111\r\na=rtpmap:110 L16/16000\r\na=rtpmap:111 telephone-event/16000",
            Codec::L16(16_000),
            110,
            Some(111),
            &[96, 110],
        ),
        // What 96 is was said by us.
        ("96 98", Codec::L16(16_000), 96, Some(98), &[96]),
    ] {
        let agreed = accepted(&plain(), &said, &format!("m=audio 4000 RTP/AVP {answer}\r\n")).unwrap();
        assert_eq!((agreed.codec, agreed.payload_type), (codec, number), "{answer}");
        assert_eq!(agreed.dtmf_send.map(|event| event.number), dtmf, "{answer}");
        let to_linear: Vec<u8> = agreed
            .receive
            .iter()
            .filter(|(_, codec)| *codec == Codec::L16(16_000))
            .map(|(number, _)| *number)
            .collect();
        assert_eq!(to_linear, linear, "{answer}");
    }
}

#[test]
fn directions_of_both_sides_meet() {
    for (ours, theirs, send, receive) in [
        (Direction::SendRecv, "sendrecv", true, true),
        (Direction::SendRecv, "recvonly", true, false),
        (Direction::SendRecv, "sendonly", false, true),
        (Direction::SendRecv, "inactive", false, false),
        (Direction::SendOnly, "recvonly", true, false),
        // More than was offered does no harm.
        (Direction::SendOnly, "sendrecv", true, false),
        (Direction::RecvOnly, "sendonly", false, true),
        (Direction::Inactive, "sendrecv", false, false),
    ] {
        let local = Local { direction: ours, ..local() };
        let said = offer(&plain(), &local, None, &mut random());
        let text = with(&format!("m=audio 4000 RTP/AVP 8\r\na={theirs}\r\n"));
        let (_, agreed) = accept(&plain(), &local, &said, text.as_bytes()).unwrap();
        assert_eq!((agreed.send, agreed.receive_on), (send, receive), "{ours:?} {theirs}");
    }
}

#[test]
fn rtcp_shares_the_port_if_both_say_so() {
    let said = offered(&plain());
    let agreed = accepted(&plain(), &said, "m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\n").unwrap();
    assert_eq!((agreed.rtcp_mux, agreed.remote_rtcp), (true, at("198.51.100.7:4000")));
    let agreed = accepted(&plain(), &said, "m=audio 4000 RTP/AVP 8\r\n").unwrap();
    assert_eq!((agreed.rtcp_mux, agreed.remote_rtcp), (false, at("198.51.100.7:4001")));
}

#[test]
fn answers_that_lead_nowhere() {
    for (ours, answer, status) in [
        (plain(), "", 400),
        (plain(), "m=video 4000 RTP/AVP 31\r\n", 400),
        (plain(), "m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n", 400),
        (plain(), "m=audio 0 RTP/AVP 8\r\n", 488),
        (plain(), "m=audio 4000 RTP/AVP 18\r\n", 488),
        (plain(), "m=audio 4000 RTP/SAVP 8\r\n", 488),
        (plain(), "m=audio 4000 UDP/TLS/RTP/SAVP 8\r\n", 488),
        (plain(), "m=audio 4000 RTP/AVP 8\r\nc=IN IP6 ::1\r\n", 488),
        (Capabilities { srtp: SrtpPolicy::Required, ..ours() }, "m=audio 4000 RTP/AVP 8\r\n", 488),
    ] {
        let said = offered(&ours);
        assert_eq!(accepted(&ours, &said, answer).unwrap_err().status(), status, "{answer}");
    }
    assert_eq!(accept(&plain(), &local(), &offered(&plain()), b"v=1").unwrap_err().status(), 400);
}

#[test]
fn a_reoffer_goes_on_with_the_session() {
    // The peer offered first, with its numbers and our stream in the second place.
    let theirs = with(
        "m=video 0 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 110 120\r\na=rtpmap:110 L16/16000\r\na=rtpmap:120 telephone-event/16000\r\n",
    );
    let before = answered(&plain(), &theirs).unwrap().said;
    let after = offer(&plain(), &Local { session_id: 99, ..local() }, Some(&before), &mut random());
    assert_eq!(origin(&after), "o=- 7 2 IN IP4 192.0.2.1");
    let text = lines(&after);
    assert_eq!(text[0], "m=video 0 RTP/AVP 31");
    assert_eq!(text[1], "m=audio 40000 RTP/AVP 9 8 0 110 13 96 101 120");
    let again = offer(&plain(), &local(), Some(&after), &mut random());
    assert_eq!(again, after, "the same offer keeps its version");
    let agreed = accepted(&plain(), &after, "m=video 0 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 110\r\n").unwrap();
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::L16(16_000), 110));
}

#[test]
fn a_stream_that_had_ended_comes_back_in_its_place() {
    let ended = answered(&plain(), &with("m=audio 0 RTP/AVP 8\r\n")).unwrap().said;
    let back = offer(&plain(), &local(), Some(&ended), &mut random());
    assert_eq!(lines(&back).iter().filter(|line| line.starts_with("m=")).count(), 1);
    assert!(lines(&back)[0].starts_with("m=audio 40000 RTP/AVP 9 8 0"));
}
