use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Session, SdpError> {
    Session::parse(text.as_bytes(), &SdpLimits::default())
}

/// The example of RFC 8866 section 5, with its fields all in the RFC's order.
const RFC: &str = "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\n\
    i=SDP Offer #1\r\nu=http://www.jdoe.example.com/home.html\r\ne=Jane Doe <jane@jdoe.example.com>\r\n\
    p=+1 617 555-6011\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\nm=audio 49180 RTP/AVP 0\r\n\
    m=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::2\r\na=rtpmap:99 h263-1998/90000\r\n";

const PHONE: &str = "v=0\no=- 8000 8000 IN IP4 192.0.2.7\ns=\nc=IN IP4 192.0.2.7\nt=0 0\na=sendonly\n\
    m=audio 2048 RTP/SAVP 0 8 18 101\n\na=rtpmap:0 PCMU/8000\na=rtpmap:18 G729/8000\na=fmtp:18 annexb=no\n\
    a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
    inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32 UNENCRYPTED_SRTCP\na=rtcp:2100\0\0";

#[test]
fn the_example_of_the_rfc_comes_back_byte_for_byte() {
    let session = parse(RFC).unwrap();
    assert_eq!(session.to_string(), RFC);
    assert_eq!(session.media.len(), 3);
    let video = session.first("video").unwrap();
    assert_eq!(video.rtp_address(&session), Some("[2001:db8::2]:51372".parse().unwrap()));
    assert_eq!(session.media[1].rtp_address(&session), Some("198.51.100.1:49180".parse().unwrap()));
    assert!(video.rtp_map(99).unwrap().is("H263-1998", 90_000));
}

#[test]
fn a_phones_offer_is_understood() {
    let session = parse(PHONE).unwrap();
    assert_eq!(session.name.as_str(), "-");
    let audio = session.first("audio").unwrap();
    let names: Vec<_> = audio.rtp_maps().map(|m| m.to_string()).collect();
    assert_eq!(names, ["0 PCMU/8000", "8 PCMA/8000", "18 G729/8000", "101 telephone-event/8000"]);
    assert_eq!((audio.fmtp("18"), audio.fmtp("101"), audio.fmtp("8")), (Some("annexb=no"), Some("0-15"), None));
    assert_eq!((audio.ptime(), audio.maxptime()), (Some(20), None));
    assert_eq!(audio.direction(&session), Direction::SendOnly);
    assert!(session.is_hold() && audio.is_secure());
    assert_eq!(audio.rtcp_address(&session), Some("192.0.2.7:2100".parse().unwrap()));
    let crypto = audio.cryptos().next().unwrap();
    assert_eq!((crypto.tag, crypto.session.len()), (1, 1));
    assert_eq!(crypto.inline_key(), Some("PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"));
    assert_eq!(Crypto::parse(&crypto.to_string()), Some(crypto.clone()));
    assert!(!format!("{crypto:?}").contains("PS1u"));
}

#[test]
fn lines_out_of_order_and_unknown_letters_are_kept() {
    let session = parse("v=0\r\ns=x\r\ny=0\r\na=tool:t\r\nt=0 0\r\nr=7d 1h 0 25h\r\nz=0 0\r\nb=AS:64\r\nm=audio 9 RTP/AVP 0\r\nf=v/1\r\na=x:y:z\r\nc=IN IP4 h.example\r\n").unwrap();
    assert_eq!(session.unknown, [UnknownLine { letter: 'y', value: "0".into() }]);
    assert_eq!(session.attribute("tool"), Some("t"));
    assert_eq!(session.times[0].repeats, ["7d 1h 0 25h"]);
    let audio = &session.media[0];
    assert_eq!(audio.unknown[0].letter, 'f');
    assert_eq!(audio.attribute("x"), Some("y:z"));
    assert_eq!((audio.connection(&session).unwrap().ip(), audio.rtp_address(&session)), (None, None));
    let printed = session.to_string();
    assert_eq!(parse(&printed).unwrap(), session);
    assert_eq!(parse(&printed).unwrap().to_string(), printed);
}

#[test]
fn what_is_broken_is_named_with_its_line() {
    let error = |text: &str| parse(text).map(|_| ()).unwrap_err();
    let value = |letter, line| SdpError { kind: SdpErrorKind::Value(letter), line };
    assert_eq!(error(""), SdpError { kind: SdpErrorKind::Version, line: 1 });
    assert_eq!(error("s=x"), SdpError { kind: SdpErrorKind::Version, line: 1 });
    assert_eq!(error("v=1"), SdpError { kind: SdpErrorKind::Version, line: 1 });
    assert_eq!(error("v=0\r\nhello"), SdpError { kind: SdpErrorKind::Line, line: 2 });
    assert_eq!(error("v=0\r\n=x"), SdpError { kind: SdpErrorKind::Line, line: 2 });
    assert_eq!(error("v=0\r\n\r\no=- IN IP4 h"), value('o', 3));
    assert_eq!(error("v=0\nc=IN IP4"), value('c', 2));
    assert_eq!(error("v=0\nb=AS"), value('b', 2));
    assert_eq!(error("v=0\nt=now 0"), value('t', 2));
    assert_eq!(error("v=0\nr=1"), value('r', 2));
    assert_eq!(error("v=0\na=:x"), value('a', 2));
    for media in ["m=audio", "m=audio 70000 RTP/AVP 0", "m=audio +5 RTP/AVP 0", "m=audio 5/ RTP/AVP", "m=audio -1 x"] {
        assert_eq!(error(&format!("v=0\n{media}")), value('m', 2), "{media}");
    }
    assert_eq!(error("v=0\nb=AS").to_string(), "bad session description, line 2: the value of b= cannot be read");
}

#[test]
fn sizes_and_counts_are_bounded() {
    let small = SdpLimits { bytes: 200, lines: 6, line: 60, media: 2, formats: 3 };
    let kind = |text: &str| Session::parse(text.as_bytes(), &small).map(|_| ()).map_err(|e| e.kind);
    let too = |what| Err(SdpErrorKind::TooLarge(what));
    assert_eq!(kind("v=0\r\nm=audio 1 x 1 2 3\r\nm=audio 1 x\r\n"), Ok(()));
    assert_eq!(kind("v=0\r\nm=audio 1 x 1 2 3 4\r\n"), too("formats"));
    assert_eq!(kind(&format!("v=0\r\n{}", "m=audio 1 x\r\n".repeat(3))), too("media"));
    assert_eq!(kind(&format!("v=0\r\n{}", "a=x\r\n".repeat(6))), too("lines"));
    assert_eq!(kind(&format!("v=0\r\ns={}\r\n", "x".repeat(60))), too("bytes in a line"));
    assert_eq!(kind(&"x".repeat(201)), too("bytes"));
}

#[test]
fn hold_is_known_in_all_its_forms() {
    let offer = |connection: &str, port: u16, attribute: &str| {
        parse(&format!("v=0\nc=IN {connection}\nm=audio {port} RTP/AVP 0\n{attribute}\n")).unwrap()
    };
    for (connection, port, attribute, direction, hold) in [
        ("IP4 192.0.2.1", 9, "", Direction::SendRecv, false),
        ("IP4 192.0.2.1", 9, "a=recvonly", Direction::RecvOnly, false),
        ("IP4 192.0.2.1", 9, "a=sendonly", Direction::SendOnly, true),
        ("IP4 192.0.2.1", 9, "a=inactive", Direction::Inactive, true),
        ("IP4 0.0.0.0", 9, "", Direction::SendOnly, true),
        ("IP6 ::", 9, "a=recvonly", Direction::Inactive, true),
        ("IP4 192.0.2.1", 0, "", Direction::Inactive, false),
        ("IP4 192.0.2.1", 0, "a=bundle-only", Direction::SendRecv, false),
    ] {
        let session = offer(connection, port, attribute);
        assert_eq!(session.media[0].direction(&session), direction, "{connection} {port} {attribute}");
        assert_eq!(session.is_hold(), hold, "{connection} {port} {attribute}");
    }
    assert!(!parse("v=0\n").unwrap().is_hold());
}

#[test]
fn an_answer_never_gives_more_than_the_offer_asks() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    assert_eq!(SendRecv.answering(SendOnly), RecvOnly);
    assert_eq!(SendRecv.answering(RecvOnly), SendOnly);
    assert_eq!(SendOnly.answering(SendOnly), Inactive);
    assert_eq!(SendOnly.answering(SendRecv), SendOnly);
    for direction in Direction::ALL {
        assert_eq!(direction.reversed().reversed(), direction);
        assert_eq!(direction.answering(Inactive), Inactive);
        assert_eq!(Direction::from_name(direction.name()), Some(direction));
    }
}

#[test]
fn attributes_are_set_in_their_place() {
    let mut session = parse(PHONE).unwrap();
    let audio = &mut session.media[0];
    audio.set_attribute(Attribute::new("ptime", 30));
    audio.set_direction(Direction::Inactive);
    audio.set_direction(Direction::SendRecv);
    audio.set_attribute(Attribute::new("rtpmap", "0 PCMU/8000"));
    let names: Vec<_> = audio.attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["rtpmap", "fmtp", "fmtp", "ptime", "crypto", "rtcp", "sendrecv"]);
    assert_eq!(audio.ptime(), Some(30));
    assert_eq!(session.media[0].direction(&session), Direction::SendRecv);
    session.media[0].refuse();
    assert!(session.media[0].is_refused() && session.media[0].rtp_address(&session).is_none());
    session.origin.bump();
    assert_eq!(session.origin.version, "8001");
}

#[test]
fn a_value_cannot_add_a_line() {
    let info = Some("a\r\nm=audio 1 RTP/AVP 0".into());
    let session = Session { info, attributes: vec![Attribute::flag("x\ny")], ..Session::default() };
    let again = parse(&session.to_string()).unwrap();
    assert!(again.media.is_empty());
    assert_eq!(again.attributes.len(), 1);
}

fn word() -> impl Strategy<Value = String> {
    "[!-9;-~]{1,12}"
}

/// What a value may hold: no white space at its end.
fn text() -> impl Strategy<Value = String> {
    "[ -~é]{0,20}[!-~é]"
}

fn connections() -> impl Strategy<Value = Connection> {
    (word(), word(), "[!-~]{1,20}").prop_map(|(net_type, addr_type, address)| Connection {
        net_type,
        addr_type,
        address,
    })
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let value = prop::option::of(prop_oneof![Just(String::new()), text()]);
    prop::collection::vec((word(), value).prop_map(|(name, value)| Attribute { name, value }), 0..6)
}

fn bandwidths() -> impl Strategy<Value = Vec<Bandwidth>> {
    prop::collection::vec((word(), any::<u64>()).prop_map(|(kind, value)| Bandwidth { kind, value }), 0..3)
}

fn unknowns(letters: &'static [char]) -> impl Strategy<Value = Vec<UnknownLine>> {
    let line = (prop::sample::select(letters), text()).prop_map(|(letter, value)| UnknownLine { letter, value });
    prop::collection::vec(line, 0..3)
}

fn media() -> impl Strategy<Value = Media> {
    let head = (word(), any::<u16>(), prop::option::of(any::<u16>()), word(), prop::collection::vec(word(), 0..5));
    let body = (
        prop::option::of(text()),
        prop::collection::vec(connections(), 0..2),
        bandwidths(),
        prop::option::of(text()),
        attributes(),
        unknowns(&['y', 'f', 'X', 't']),
    );
    (head, body).prop_map(|((kind, port, port_count, protocol, formats), rest)| {
        let (info, connections, bandwidths, key, attributes, unknown) = rest;
        Media { kind, port, port_count, protocol, formats, info, connections, bandwidths, key, attributes, unknown }
    })
}

fn sessions() -> impl Strategy<Value = Session> {
    let origin = ("[!-~]{1,8}", word(), word(), connections())
        .prop_map(|(username, session_id, version, connection)| Origin { username, session_id, version, connection });
    let timing = (any::<u64>(), any::<u64>(), prop::collection::vec(text(), 0..2))
        .prop_map(|(start, stop, repeats)| Timing { start, stop, repeats });
    let head = (
        origin,
        text().prop_map(|name| SessionName::new(&name)),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::collection::vec(text(), 0..2),
        prop::collection::vec(text(), 0..2),
    );
    let body = (
        prop::option::of(connections()),
        bandwidths(),
        prop::collection::vec(timing, 1..3),
        prop::option::of(text()),
        prop::option::of(text()),
        attributes(),
        unknowns(&['y', 'f', 'X']),
        prop::collection::vec(media(), 0..3),
    );
    (head, body).prop_map(|((origin, name, info, uri, emails, phones), rest)| {
        let (connection, bandwidths, times, zones, key, attributes, unknown, media) = rest;
        Session {
            origin,
            name,
            info,
            uri,
            emails,
            phones,
            connection,
            bandwidths,
            times,
            zones,
            key,
            attributes,
            unknown,
            media,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_printed_is_read_back_as_it_was(session in sessions()) {
        prop_assert_eq!(parse(&session.to_string()), Ok(session));
    }

    #[test]
    fn whatever_can_be_read_prints_the_same_ever_after(
        lines in prop::collection::vec(prop_oneof![
            3 => "[osiuepcbtrzkaym]=[ -~\\r\\x00é\u{a0}]{0,24}",
            2 => prop::sample::select(RFC.lines().map(str::to_owned).collect::<Vec<_>>()),
            2 => prop::sample::select(PHONE.lines().map(str::to_owned).collect::<Vec<_>>()),
        ], 0..12)
    ) {
        let text = format!("v=0\r\n{}", lines.join("\r\n"));
        if let Ok(session) = parse(&text) {
            let once = session.to_string();
            let again = parse(&once);
            prop_assert!(again.is_ok(), "{:?} {}", again, once);
            prop_assert_eq!(again.unwrap().to_string(), once);
        }
    }

    #[test]
    fn no_bytes_upset_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut body = b"v=0\r\n".to_vec();
        body.extend(bytes);
        if let Ok(session) = Session::parse(&body, &SdpLimits::default()) {
            for media in &session.media {
                let _ = (media.direction(&session), media.rtcp_address(&session), media.rtp_maps().count());
            }
        }
    }
}
