use proptest::prelude::*;

use super::*;
use crate::sdp::{Attribute, Connection, Direction, Media, Origin, SdpLimits, Session};
use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};

fn parse(text: &str) -> Session {
    Session::parse(text.as_bytes(), &SdpLimits::default()).unwrap()
}

fn offer(connection: &str, media: &str) -> Session {
    parse(&format!("v=0\no=a 7 41 IN IP4 192.0.2.1\ns=-\nc=IN {connection}\nt=0 0\n{media}"))
}

fn origin() -> Origin {
    Origin { username: "cb".into(), session_id: "9".into(), version: "1".into(), ..Origin::default() }
}

fn audio_stream(direction: Direction) -> Stream {
    let event = Codec { fmtp: Some("0-15".into()), ..Codec::new("telephone-event", 8_000) };
    Stream {
        kind: "audio".into(),
        protocols: vec!["RTP/AVP".into()],
        port: 4_000,
        direction,
        codecs: vec![Codec::new("pcma", 8_000), Codec::new("PCMU", 8_000), Codec::new("iLBC", 8_000), event],
        attributes: vec![Attribute::new("ptime", 20)],
    }
}

fn ours(direction: Direction) -> Capabilities {
    let connection = Connection::of("198.51.100.9".parse().unwrap());
    Capabilities { origin: origin(), connection, streams: vec![audio_stream(direction)] }
}

/// RFC 3264 section 6.1, written out: the offer, what we want, the answer, and what the offerer may do then.
const DIRECTIONS: [(Direction, Direction, Direction, Direction); 16] = [
    (SendRecv, SendRecv, SendRecv, SendRecv),
    (SendRecv, SendOnly, SendOnly, RecvOnly),
    (SendRecv, RecvOnly, RecvOnly, SendOnly),
    (SendRecv, Inactive, Inactive, Inactive),
    (SendOnly, SendRecv, RecvOnly, SendOnly),
    (SendOnly, SendOnly, Inactive, Inactive),
    (SendOnly, RecvOnly, RecvOnly, SendOnly),
    (SendOnly, Inactive, Inactive, Inactive),
    (RecvOnly, SendRecv, SendOnly, RecvOnly),
    (RecvOnly, SendOnly, SendOnly, RecvOnly),
    (RecvOnly, RecvOnly, Inactive, Inactive),
    (RecvOnly, Inactive, Inactive, Inactive),
    (Inactive, SendRecv, Inactive, Inactive),
    (Inactive, SendOnly, Inactive, Inactive),
    (Inactive, RecvOnly, Inactive, Inactive),
    (Inactive, Inactive, Inactive, Inactive),
];

#[test]
fn every_direction_offered_and_wanted_gives_the_answer_of_the_table() {
    for (offered, wanted, answered, offerer) in DIRECTIONS {
        let asked = offer("IP4 192.0.2.1", &format!("m=audio 5000 RTP/AVP 8\na={}\n", offered.name()));
        let given = answer(&asked, &ours(wanted)).unwrap();
        let said = given.media[0].direction(&given);
        assert_eq!(said, answered, "{offered:?} {wanted:?}");
        assert_eq!(agreed(offered, said), offerer, "{offered:?} {wanted:?}");
        // What one sends the other receives.
        assert_eq!(said.answering(offered), offerer.reversed(), "{offered:?} {wanted:?}");
        assert_eq!(check_answer(&asked, &given), Ok(()));
    }
}

#[test]
fn an_answer_that_gives_more_than_was_asked_is_not_valid() {
    for offered in Direction::ALL {
        for answered in Direction::ALL {
            let valid = match offered {
                SendRecv => true,
                SendOnly => !answered.sends(),
                RecvOnly => !answered.receives(),
                Inactive => answered == Inactive,
            };
            assert_eq!(may_answer(offered, answered), valid, "{offered:?} {answered:?}");
        }
    }
}

#[test]
fn every_form_of_hold_is_understood_and_answered() {
    // The peer's offer, what it means for its speech, whether it holds us, and what we answer.
    for (connection, port, attribute, direction, held, answered) in [
        ("IP4 192.0.2.1", 5000, "", SendRecv, false, Some(SendRecv)),
        ("IP4 192.0.2.1", 5000, "a=recvonly\n", RecvOnly, false, Some(SendOnly)),
        ("IP4 192.0.2.1", 5000, "a=sendonly\n", SendOnly, true, Some(RecvOnly)),
        ("IP4 192.0.2.1", 5000, "a=inactive\n", Inactive, true, Some(Inactive)),
        ("IP4 0.0.0.0", 5000, "", SendOnly, true, Some(RecvOnly)),
        ("IP4 0.0.0.0", 5000, "a=inactive\n", Inactive, true, Some(Inactive)),
        ("IP6 ::", 5000, "a=recvonly\n", Inactive, true, Some(Inactive)),
        ("IP4 192.0.2.1", 0, "", Inactive, true, None),
    ] {
        let asked = offer(connection, &format!("m=audio {port} RTP/AVP 8\n{attribute}"));
        assert_eq!(audio_direction(&asked), direction, "{connection} {port} {attribute}");
        assert_eq!(holds(&asked), held, "{connection} {port} {attribute}");
        let given = answer(&asked, &ours(SendRecv)).unwrap();
        assert_eq!(check_answer(&asked, &given), Ok(()));
        let said = (!given.media[0].is_refused()).then(|| given.media[0].direction(&given));
        assert_eq!(said, answered, "{connection} {port} {attribute}");
    }
    assert!(!holds(&Session::default()));
}

#[test]
fn speech_alone_says_whether_a_call_with_video_is_held() {
    let both = |audio: &str, video: &str| {
        offer("IP4 192.0.2.1", &format!("m=audio 1 RTP/AVP 0\na={audio}\nm=video 2 RTP/AVP 31\na={video}\n"))
    };
    assert!(holds(&both("sendonly", "sendrecv")));
    assert!(!holds(&both("sendrecv", "inactive")));
    assert!(holds(&offer("IP4 192.0.2.1", "m=video 2 RTP/AVP 31\na=sendonly\n")));
}

#[test]
fn a_change_of_hold_is_told_once() {
    let said =
        |direction: Direction| offer("IP4 192.0.2.1", &format!("m=audio 5000 RTP/AVP 8\na={}\n", direction.name()));
    for before in Direction::ALL {
        for after in Direction::ALL {
            let change = match (before.receives(), after.receives()) {
                (true, false) => HoldChange::Held,
                (false, true) => HoldChange::Retrieved,
                _ => HoldChange::None,
            };
            assert_eq!(hold_change(Some(&said(before)), &said(after)), change, "{before:?} {after:?}");
        }
        let first = if before.receives() { HoldChange::None } else { HoldChange::Held };
        assert_eq!(hold_change(None, &said(before)), first);
    }
}

#[test]
fn codecs_are_those_of_both_in_the_offerers_order_and_numbers() {
    let asked = offer(
        "IP4 192.0.2.1",
        "m=audio 5000 RTP/AVP 18 97 0 8 101 8\na=rtpmap:97 ILBC/8000\na=fmtp:97 mode=20\na=rtpmap:101 TELEPHONE-EVENT/8000\n\
         a=fmtp:101 0-11\na=sendonly\n",
    );
    let given = answer(&asked, &ours(SendRecv)).unwrap();
    assert_eq!(
        given.to_string(),
        "v=0\r\no=cb 9 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 97 0 8 101\r\n\
         a=rtpmap:97 ILBC/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 TELEPHONE-EVENT/8000\r\n\
         a=fmtp:97 mode=20\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=recvonly\r\n"
    );
}

#[test]
fn streams_keep_their_places_and_those_we_cannot_take_get_port_0() {
    let asked = offer(
        "IP4 192.0.2.1",
        "m=video 6000 RTP/AVP 31\nm=audio 0 RTP/AVP 8\nm=audio 5000 RTP/SAVP 8\nm=audio 5002 RTP/AVP 0\n\
         m=audio 5004 RTP/AVP 0\nm=image 7000 udptl t38\n",
    );
    let given = answer(&asked, &ours(SendRecv)).unwrap();
    let lines: Vec<_> = given.media.iter().map(|m| (m.kind.as_str(), m.port, m.formats.join(" "))).collect();
    let line = |kind, port, formats: &str| (kind, port, formats.to_owned());
    assert_eq!(
        lines,
        [
            line("video", 0, "31"),
            line("audio", 0, "8"),
            line("audio", 0, "8"),
            line("audio", 4000, "0"),
            line("audio", 0, "0"),
            line("image", 0, "t38")
        ]
    );
    assert_eq!(check_answer(&asked, &given), Ok(()));
}

#[test]
fn an_offer_with_nothing_for_us_is_refused_and_an_empty_one_is_not() {
    let refused = |media: &str| answer(&offer("IP4 192.0.2.1", media), &ours(SendRecv));
    assert_eq!(refused("m=audio 5000 RTP/AVP 18\n"), Err(NothingInCommon));
    assert_eq!(refused("m=video 5000 RTP/AVP 31\n"), Err(NothingInCommon));
    // Key presses alone carry no speech.
    assert_eq!(refused("m=audio 5000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n"), Err(NothingInCommon));
    // The channels are a part of the codec.
    assert_eq!(refused("m=audio 5000 RTP/AVP 96\na=rtpmap:96 PCMA/8000/2\n"), Err(NothingInCommon));
    assert_eq!(refused("m=audio 0 RTP/AVP 8\na=bundle-only\n"), Err(NothingInCommon));
    assert!(refused("").unwrap().media.is_empty());
    assert!(refused("m=audio 0 RTP/AVP 18\n").unwrap().media[0].is_refused());
}

#[test]
fn faults_of_an_answer_are_named() {
    let asked = offer("IP4 192.0.2.1", "m=audio 5000 RTP/AVP 8 0\na=sendonly\nm=video 0 RTP/AVP 31\n");
    let fault = |media: &str| check_answer(&asked, &offer("IP4 192.0.2.2", media));
    assert_eq!(fault("m=audio 1 RTP/AVP 0\na=recvonly\nm=video 0 RTP/AVP 31\n"), Ok(()));
    assert_eq!(fault("m=audio 1 RTP/AVP 8\na=recvonly\n"), Err(AnswerFault::Count { offered: 2, answered: 1 }));
    assert_eq!(fault("m=video 0 RTP/AVP 31\nm=audio 1 RTP/AVP 8\n"), Err(AnswerFault::Kind(0)));
    assert_eq!(fault("m=audio 1 RTP/SAVP 8\nm=video 0 RTP/AVP 31\n"), Err(AnswerFault::Kind(0)));
    assert_eq!(fault("m=audio 1 RTP/AVP 8\na=recvonly\nm=video 9 RTP/AVP 31\n"), Err(AnswerFault::Revived(1)));
    assert_eq!(fault("m=audio 1 RTP/AVP 18\na=recvonly\nm=video 0 RTP/AVP 31\n"), Err(AnswerFault::Formats(0)));
    assert_eq!(fault("m=audio 1 RTP/AVP 8\nm=video 0 RTP/AVP 31\n"), Err(AnswerFault::Direction(0)));
}

#[test]
fn the_version_grows_exactly_when_something_changes_and_the_session_stays() {
    let last = offer("IP4 192.0.2.1", "m=audio 5000 RTP/AVP 8\nm=video 6000 RTP/AVP 31\n");
    assert_eq!(reoffer(&last, &last), last);
    // The same, made by somebody else with another o=.
    let other = Session { origin: origin(), ..last.clone() };
    assert_eq!(reoffer(&last, &other), last);
    let next = reoffer(&last, &hold(&last));
    assert_eq!((next.origin.session_id.as_str(), next.origin.version.as_str()), ("7", "42"));
    // Another party's description takes the place of ours: what it lacks is ended, not dropped.
    let stranger = parse("v=0\no=x 1 1 IN IP4 h\ns=x\nc=IN IP4 192.0.2.77\nt=0 0\nm=audio 9000 RTP/AVP 0\n");
    let moved = reoffer(&next, &stranger);
    assert_eq!(moved.origin.version, "43");
    assert_eq!(moved.media[0], stranger.media[0]);
    assert!(moved.media.len() == 2 && moved.media[1].is_refused() && moved.media[1].kind == "video");
    assert_eq!(reoffer(&moved, &stranger), moved);
}

#[test]
fn a_black_hole_takes_every_plain_stream_and_hears_nothing() {
    let nowhere = black_hole(origin());
    assert!(holds(&nowhere) && !nowhere.media[0].is_refused());
    assert_eq!(audio_direction(&nowhere), Inactive);
    assert_eq!(parse(&nowhere.to_string()), nowhere);
    let asked = offer(
        "IP4 192.0.2.1",
        "m=audio 5000 RTP/SAVP 8 97\na=rtpmap:97 opus/48000/2\na=crypto:1 A inline:k\na=crypto:2 B inline:l\n\
         m=audio 5002 UDP/TLS/RTP/SAVPF 8\nm=video 0 RTP/AVP 31\n",
    );
    let given = black_hole_answer(&asked, origin());
    assert_eq!(check_answer(&asked, &given), Ok(()));
    let live: Vec<_> = given.media.iter().map(|m| (m.is_refused(), m.cryptos().count())).collect();
    assert_eq!(live, [(false, 1), (true, 0), (true, 0)]);
    assert_eq!(given.media[0].direction(&given), Inactive);
}

#[test]
fn the_machine_refuses_a_second_offer_and_an_answer_to_none() {
    use Violation::{AnswerUnasked, Glare, Unanswered};
    let all = |state| Act::ALL.map(|act| next(state, act));
    // In the order of Act::ALL: send offer, receive offer, send answer, receive answer, withdraw.
    let none = [Ok(State::Offered), Ok(State::Asked), Err(AnswerUnasked), Err(AnswerUnasked), Ok(State::None)];
    let agreed = [Ok(State::Reoffered), Ok(State::Reasked), Err(AnswerUnasked), Err(AnswerUnasked), Ok(State::Agreed)];
    let sent = |back| [Err(Unanswered), Err(Glare), Err(AnswerUnasked), Ok(State::Agreed), Ok(back)];
    let received = |back| [Err(Glare), Err(Unanswered), Ok(State::Agreed), Err(AnswerUnasked), Ok(back)];
    assert_eq!(all(State::None), none);
    assert_eq!(all(State::Agreed), agreed);
    assert_eq!(all(State::Offered), sent(State::None));
    assert_eq!(all(State::Reoffered), sent(State::Agreed));
    assert_eq!(all(State::Asked), received(State::None));
    assert_eq!(all(State::Reasked), received(State::Agreed));
    assert_eq!([Glare.status(), Unanswered.status(), Violation::OfferNotAllowed.status()], [491, 500, 488]);
}

type Passing = (Party, Carrier, bool, Result<Meaning, Violation>);

fn passes(messages: &[Passing]) -> Exchange {
    let mut exchange = Exchange::new();
    for (at, (party, carrier, described, meaning)) in messages.iter().enumerate() {
        assert_eq!(exchange.pass(*party, *carrier, *described), *meaning, "message {at}: {carrier:?}");
    }
    exchange
}

#[test]
fn the_six_patterns_of_rfc_6337_pass() {
    use Carrier as C;
    use Party::{Peer, Us};
    let nothing = Ok(Meaning::Nothing);
    let offer = Ok(Meaning::Offer);
    let answer = Ok(Meaning::Answer);
    let up = [(Us, C::Invite, true, offer), (Peer, C::Success, true, answer), (Us, C::Ack, false, nothing)];
    let patterns: [Vec<Passing>; 7] = [
        // 1, with early media announced and a 2xx that repeats nothing.
        vec![
            (Us, C::Invite, true, offer),
            (Peer, C::Provisional, true, Ok(Meaning::Preview)),
            (Peer, C::Success, true, answer),
            (Us, C::Ack, false, nothing),
        ],
        // 2.
        vec![
            (Us, C::Invite, false, nothing),
            (Peer, C::Provisional, false, nothing),
            (Peer, C::Success, true, offer),
            (Us, C::Ack, true, answer),
        ],
        // 3, then 5 and 6 while the call is still early, then a 2xx that repeats the answer.
        vec![
            (Peer, C::Invite, true, offer),
            (Us, C::Reliable, true, answer),
            (Peer, C::Prack, true, offer),
            (Us, C::PrackSuccess, true, answer),
            (Us, C::Update, true, offer),
            (Peer, C::UpdateSuccess, true, answer),
            (Us, C::Success, true, Ok(Meaning::Repeated)),
            (Peer, C::Ack, false, nothing),
        ],
        // 4.
        vec![
            (Us, C::Invite, false, nothing),
            (Peer, C::Reliable, true, offer),
            (Us, C::Prack, true, answer),
            (Peer, C::PrackSuccess, false, nothing),
            (Peer, C::Success, false, nothing),
            (Us, C::Ack, false, nothing),
        ],
        // 5 without an answer in the 1xx first is a mere acknowledgement.
        vec![
            (Us, C::Invite, true, offer),
            (Peer, C::Reliable, false, nothing),
            (Us, C::Prack, false, nothing),
            (Peer, C::PrackSuccess, false, nothing),
            (Peer, C::Success, true, answer),
        ],
        // 6 once the call is up.
        [&up[..], &[(Peer, C::Update, true, offer), (Us, C::UpdateSuccess, true, answer)]].concat(),
        // A re-INVITE without offer from the other side.
        [&up[..], &[(Peer, C::Invite, false, nothing), (Us, C::Success, true, offer), (Peer, C::Ack, true, answer)]]
            .concat(),
    ];
    for pattern in &patterns {
        let exchange = passes(pattern);
        assert_eq!((exchange.state(), exchange.is_open()), (State::Agreed, false));
    }
}

#[test]
fn what_breaks_the_patterns_is_named_and_changes_nothing() {
    use Carrier as C;
    use Party::{Peer, Us};
    let offer = Ok(Meaning::Offer);
    let answer = Ok(Meaning::Answer);
    let nothing = Ok(Meaning::Nothing);
    let up = [(Us, C::Invite, true, offer), (Peer, C::Success, true, answer), (Us, C::Ack, false, nothing)];
    let after = |first: &[Passing], last: Passing| {
        let before = passes(first);
        let mut exchange = before;
        assert_eq!(exchange.pass(last.0, last.1, last.2), last.3, "{last:?}");
        assert_eq!(exchange, before);
    };
    let open = [&up[..], &[(Us, C::Invite, true, offer)]].concat();
    after(&open, (Peer, C::Invite, true, Err(Violation::Glare)));
    after(&open, (Peer, C::Invite, false, Err(Violation::Glare)));
    after(&open, (Peer, C::Update, true, Err(Violation::Glare)));
    after(&open, (Us, C::Update, true, Err(Violation::Unanswered)));
    after(&open, (Peer, C::Success, false, Err(Violation::AnswerMissing)));
    after(&open, (Peer, C::UpdateSuccess, true, Err(Violation::AnswerUnasked)));
    let asked = [&up[..], &[(Peer, C::Update, true, offer)]].concat();
    after(&asked, (Peer, C::Update, true, Err(Violation::Unanswered)));
    after(&asked, (Us, C::UpdateSuccess, false, Err(Violation::AnswerMissing)));
    after(&[], (Peer, C::Update, true, Err(Violation::OfferNotAllowed)));
    after(&[(Us, C::Invite, false, nothing)], (Peer, C::Provisional, true, Err(Violation::OfferNotAllowed)));
    after(&[(Us, C::Invite, false, nothing)], (Peer, C::Success, false, Err(Violation::AnswerMissing)));
    let late = [(Us, C::Invite, false, nothing), (Peer, C::Success, true, offer)];
    after(&late, (Us, C::Ack, false, Err(Violation::AnswerMissing)));
    let reliable = [(Us, C::Invite, false, nothing), (Peer, C::Reliable, true, offer)];
    after(&reliable, (Us, C::Prack, false, Err(Violation::AnswerMissing)));
    after(&reliable, (Peer, C::Success, true, Err(Violation::OfferNotAllowed)));
    after(&up, (Us, C::Ack, true, Err(Violation::AnswerUnasked)));
}

#[test]
fn a_failed_request_takes_its_offer_back_and_no_other() {
    use Carrier as C;
    use Party::{Peer, Us};
    let up = [
        (Us, C::Invite, true, Ok(Meaning::Offer)),
        (Peer, C::Success, true, Ok(Meaning::Answer)),
        (Us, C::Ack, false, Ok(Meaning::Nothing)),
    ];
    let mut exchange = passes(&up);
    exchange.pass(Us, C::Update, true).unwrap();
    exchange.failed(C::Invite);
    assert_eq!(exchange.state(), State::Reoffered);
    exchange.failed(C::Update);
    assert_eq!((exchange.state(), exchange.is_open()), (State::Agreed, false));
    let mut first =
        passes(&[(Peer, C::Invite, false, Ok(Meaning::Nothing)), (Us, C::Reliable, true, Ok(Meaning::Offer))]);
    first.failed(C::Invite);
    assert_eq!((first.state(), first.is_open()), (State::None, false));
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(Direction::ALL.to_vec())
}

fn media() -> impl Strategy<Value = Media> {
    let kinds = prop::sample::select(vec!["audio", "audio", "video", "image"]);
    let protocols = prop::sample::select(vec!["RTP/AVP", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF", "udptl"]);
    let formats = prop::collection::vec(prop::sample::select(vec!["0", "8", "9", "18", "96", "101", "t38", "8"]), 0..6);
    let ports = prop_oneof![1 => Just(0_u16), 5 => 1_u16..];
    let zero = prop::option::weighted(0.1, Just(Connection::of([0, 0, 0, 0].into())));
    (kinds, protocols, formats, ports, prop::option::of(direction()), zero).prop_map(
        |(kind, protocol, formats, port, direction, zero)| {
            let mut media = Media {
                kind: kind.into(),
                port,
                protocol: protocol.into(),
                formats: formats.into_iter().map(Into::into).collect(),
                connections: zero.into_iter().collect(),
                attributes: vec![
                    Attribute::new("rtpmap", "96 iLBC/8000"),
                    Attribute::new("rtpmap", "101 telephone-event/8000"),
                ],
                ..Media::default()
            };
            if let Some(direction) = direction {
                media.set_direction(direction);
            }
            media
        },
    )
}

fn offers() -> impl Strategy<Value = Session> {
    (prop::option::of(direction()), prop::collection::vec(media(), 0..5), any::<u64>()).prop_map(
        |(direction, media, version)| Session {
            origin: Origin { version: (version >> 1).to_string(), ..origin() },
            connection: Some(Connection::of([192, 0, 2, 1].into())),
            attributes: direction.map(|d| Attribute::flag(d.name())).into_iter().collect(),
            media,
            ..Session::default()
        },
    )
}

/// Carrier, party and description of any message.
fn messages() -> impl Strategy<Value = Vec<(bool, usize, bool, bool)>> {
    prop::collection::vec((any::<bool>(), 0..Carrier::ALL.len(), any::<bool>(), prop::bool::weighted(0.1)), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_always_valid_for_its_offer(asked in offers(), wanted in direction(), streams in 0..4_usize) {
        let mut ours = ours(wanted);
        ours.streams = vec![audio_stream(wanted); streams];
        if let Ok(given) = answer(&asked, &ours) {
            prop_assert_eq!(check_answer(&asked, &given), Ok(()));
            prop_assert!(given.media.iter().filter(|m| !m.is_refused()).count() <= streams);
            prop_assert_eq!(parse(&given.to_string()).media, given.media);
        } else {
            prop_assert!(asked.media.iter().any(|m| !m.is_refused()));
        }
        prop_assert_eq!(check_answer(&asked, &black_hole_answer(&asked, origin())), Ok(()));
    }

    #[test]
    fn hold_then_retrieve_gives_the_first_directions_back(first in offers()) {
        let held = hold(&first);
        let live = |s: &Session| s.media.iter().any(|m| !m.is_refused());
        prop_assert!(!live(&held) || held.media.iter().all(|m| !m.direction(&held).receives()));
        let back = retrieve(&held, &first);
        for (then, now) in first.media.iter().zip(&back.media) {
            prop_assert_eq!(then.direction(&first), now.direction(&back));
            prop_assert_eq!(then.port, now.port);
        }
        prop_assert_eq!(hold_change(Some(&first), &first), HoldChange::None);
        prop_assert_eq!(hold(&held), held);
    }

    #[test]
    fn versions_grow_by_one_with_each_change_and_never_otherwise(first in offers(), all in prop::collection::vec(offers(), 1..6)) {
        let mut last = first.clone();
        for wanted in &all {
            let next = reoffer(&last, wanted);
            let version = |s: &Session| s.origin.version.parse::<u64>().unwrap();
            let changed = Session { origin: last.origin.clone(), ..next.clone() }.to_string() != last.to_string();
            prop_assert_eq!(version(&next), version(&last) + u64::from(changed));
            prop_assert_eq!(&next.origin.session_id, &first.origin.session_id);
            prop_assert!(next.media.len() >= last.media.len());
            last = next;
        }
    }

    #[test]
    fn an_exchange_never_has_two_offers_open(passing in messages()) {
        let mut exchange = Exchange::new();
        let mut open = 0_u32;
        for (us, carrier, described, fails) in passing {
            let party = if us { Party::Us } else { Party::Peer };
            let carrier = Carrier::ALL[carrier];
            if fails {
                exchange.failed(carrier);
                open = open.min(u32::from(exchange.is_open()));
                continue;
            }
            match exchange.pass(party, carrier, described) {
                Ok(Meaning::Offer) => open += 1,
                Ok(Meaning::Answer) => open -= 1,
                _ => {}
            }
            prop_assert!(open <= 1);
            prop_assert_eq!(open == 1, exchange.is_open());
            let waiting = !matches!(exchange.state(), State::None | State::Agreed);
            prop_assert_eq!(waiting, exchange.is_open());
        }
    }
}
