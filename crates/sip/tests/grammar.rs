//! What is printed is read back as it was, and nothing a stranger sends makes a parser panic.
#![allow(clippy::unwrap_used)]

use cordboard_sip::header::{
    CSeq, Challenge, Credentials, Event, HeaderName, NameAddr, Params, Quoted, RAck, Reason, Replaces, RetryAfter,
    SessionExpires, SubscriptionState, Via, split_list, unquote,
};
use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, MessageBuilder, Method, multipart};
use cordboard_sip::uri::Uri;
use proptest::prelude::*;

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5}){0,2}",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
    ]
}

/// Parameters, each with its semicolon; values are tokens, hosts or, where allowed, quoted.
fn params(quoted: bool) -> impl Strategy<Value = String> {
    let value = if quoted {
        prop_oneof![token(), any::<String>().prop_map(|s| Quoted(&s).to_string())].boxed()
    } else {
        token().boxed()
    };
    proptest::collection::vec((token(), proptest::option::of(value)), 0..4).prop_map(|all| {
        all.iter().map(|(name, value)| value.as_ref().map_or(format!(";{name}"), |v| format!(";{name}={v}"))).collect()
    })
}

fn uri() -> impl Strategy<Value = String> {
    let sip = (
        prop_oneof![Just("sip"), Just("sips"), Just("SIP")],
        proptest::option::of("[A-Za-z0-9_.!~*'()&=+$,;?/-]{1,16}(:[A-Za-z0-9&=+$,_.-]{0,8})?"),
        host(),
        proptest::option::of(any::<u16>()),
        params(false),
        proptest::option::of("[A-Za-z]{1,8}=[A-Za-z0-9%._-]{0,10}"),
    );
    let sip = sip.prop_map(|(scheme, user, host, port, params, headers)| {
        let user = user.map_or(String::new(), |u| format!("{u}@"));
        let port = port.map_or(String::new(), |p| format!(":{p}"));
        let headers = headers.map_or(String::new(), |h| format!("?{h}"));
        format!("{scheme}:{user}{host}{port}{params}{headers}")
    });
    let tel = ("\\+?[0-9.()-]{1,16}", params(false)).prop_map(|(number, params)| format!("tel:{number}{params}"));
    prop_oneof![6 => sip, 1 => tel, 1 => "urn:[a-z]{1,8}:[a-z.]{1,12}"]
}

fn name_addr() -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        "[a-zA-Z]{1,8}( [a-zA-Z]{1,8})?".prop_map(|d| d + " "),
        any::<String>().prop_map(|d| format!("{} ", Quoted(&d)))
    ];
    (display, uri(), params(true)).prop_map(|(display, uri, params)| format!("{display}<{uri}>{params}"))
}

fn via() -> impl Strategy<Value = String> {
    (token(), host(), proptest::option::of(any::<u16>()), params(true)).prop_map(|(transport, host, port, params)| {
        let port = port.map_or(String::new(), |p| format!(":{p}"));
        format!("SIP/2.0/{transport} {host}{port};branch=z9hG4bKx{params}")
    })
}

/// Header lines as a builder takes them: names of any kind, values without line ends or white
/// space at the edges.
fn lines() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![token(), Just("v".to_owned()), Just("Contact".to_owned()), Just("X-Custom".to_owned())]
        .prop_filter("Content-Length is the builder's", |n| {
            !matches!(HeaderName::from_bytes(n.as_bytes()), HeaderName::ContentLength | HeaderName::ContentType)
        });
    let value =
        "[^\\r\\n\\t ]([^\\r\\n]{0,30}[^\\r\\n\\t ])?".prop_filter("Unicode white space is kept", |v| v.trim() == v);
    proptest::collection::vec((name, value), 0..8)
}

fn message() -> impl Strategy<Value = Message> {
    let start = prop_oneof![
        (token(), uri()).prop_map(|(method, uri)| MessageBuilder::request(&Method::from_token(&method), &uri)),
        (100_u16..700, proptest::option::of("[^\\r\\n]{0,20}"))
            .prop_map(|(status, reason)| MessageBuilder::response(status, reason.as_deref())),
    ];
    let vias = proptest::collection::vec(via(), 0..4);
    let body = proptest::collection::vec(any::<u8>(), 0..64);
    (start, vias, name_addr(), lines(), body).prop_map(|(start, vias, from, lines, body)| {
        let mut builder = start.known(HeaderName::From, from);
        for value in vias {
            builder = builder.known(HeaderName::Via, value);
        }
        for (name, value) in lines {
            builder = builder.header(&name, &value);
        }
        builder.body("application/octet-stream", &body)
    })
}

/// Runs everything that reads over a message a stranger sent.
fn read_all(data: &[u8]) {
    let limits = Limits::default();
    let _ = Message::error_response(data, "192.0.2.1:5060".parse().unwrap(), 400, None, "t");
    let Ok(message) = Message::parse(data, &limits) else { return };
    let again = Message::parse(&message.to_bytes(), &limits);
    let _ = (message.validate(), multipart::part(&message, "application/sdp"));
    for (_, _, value) in message.headers() {
        read_value(value);
    }
    // What was read is printed as it was, so it must be readable again; only text that grew on its
    // way from Latin-1 may have outgrown a limit.
    if std::str::from_utf8(data).is_ok() {
        let again = again.unwrap();
        assert_eq!(again.headers().collect::<Vec<_>>(), message.headers().collect::<Vec<_>>());
    }
}

fn read_value(value: &str) {
    for one in split_list(value) {
        let _ = (Via::parse(one), Reason::parse(one), unquote(one));
        if let Ok(address) = NameAddr::parse(one) {
            let _ = (address.display(), address.tag(), address.q(), address.expires());
            if let Ok(uri) = address.parse_uri() {
                let _ = (uri.user_decoded(), uri.param("lr"), uri.ip(), uri.header_fields().count());
            }
        }
    }
    let _ = (CSeq::parse(value), RAck::parse(value), Replaces::parse(value), Event::parse(value));
    let _ = (SubscriptionState::parse(value), SessionExpires::parse(value), RetryAfter::parse(value));
    if let Ok(credentials) = Credentials::parse(value) {
        let _ = credentials.params.iter().map(|p| p.unquoted().len()).sum::<usize>();
    }
    let _ = Challenge::parse_all(value).take(10).count();
    let _ = multipart::MediaType::parse(value).map(|m| m.params.unquoted("boundary"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_message_is_read_back_as_it_was_built(message in message()) {
        let read = Message::parse(&message.to_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(read, message);
    }

    #[test]
    fn a_uri_is_read_back_as_it_was_printed(text in uri()) {
        let uri = Uri::parse(&text).unwrap();
        let printed = uri.to_string();
        prop_assert_eq!(&printed, &text);
        prop_assert_eq!(Uri::parse(&printed).unwrap(), uri);
    }

    #[test]
    fn a_name_addr_is_read_back_as_it_was_printed(text in name_addr()) {
        let address = NameAddr::parse(&text).unwrap();
        let printed = address.to_string();
        let again = NameAddr::parse(&printed).unwrap();
        prop_assert_eq!(again.display(), address.display());
        prop_assert_eq!(again.uri, address.uri);
        prop_assert_eq!(again.params, address.params);
        prop_assert!(again.parse_uri().is_ok());
    }

    #[test]
    fn a_via_is_read_back_as_it_was_printed(text in via()) {
        let via = Via::parse(&text).unwrap();
        prop_assert_eq!(via.to_string(), text.clone());
        prop_assert!(via.has_cookie());
    }

    #[test]
    fn parameters_are_read_back_as_they_were_printed(text in params(true)) {
        prop_assert_eq!(Params::new(&text).to_string(), text.clone());
    }

    #[test]
    fn a_quoted_string_gives_back_its_text(text in "[^\\r\\n]*") {
        let quoted = Quoted(&text).to_string();
        prop_assert_eq!(unquote(&quoted), text);
    }

    #[test]
    fn a_list_gives_back_its_values(all in proptest::collection::vec(name_addr(), 1..5)) {
        let line = all.join(" , ");
        prop_assert_eq!(split_list(&line).collect::<Vec<_>>(), all);
    }

    #[test]
    fn parts_are_read_back_as_they_were_written(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
    ) {
        // A boundary no random body of 40 bytes holds.
        let boundary = "=_cordboard-test-boundary-that-is-long-enough_=";
        let mut text = Vec::new();
        for body in &bodies {
            text.extend_from_slice(format!("--{boundary}\r\nContent-Type: a/b\r\n\r\n").as_bytes());
            text.extend_from_slice(body);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let read: Vec<_> = multipart::parts(&text, boundary).map(|p| p.body.to_vec()).collect();
        prop_assert_eq!(read, bodies);
    }

    #[test]
    fn arbitrary_bytes_make_nothing_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&data);
        read_value(&String::from_utf8_lossy(&data));
        let _ = Uri::parse(&String::from_utf8_lossy(&data)).map(|u| u.to_string());
        let _ = multipart::parts(&data, "x").count();
    }

    #[test]
    fn nearly_grammatical_text_makes_nothing_panic(text in "[;,=\"<>\\\\:/@\\[\\]%? \\r\\n\\tsipSIP2.0aé-]{0,60}") {
        read_value(&text);
        let _ = Uri::parse(&text).map(|u| u.to_string());
        read_all(format!("INVITE sip:a@b SIP/2.0\r\nVia: {text}\r\n\r\n").as_bytes());
    }

    #[test]
    fn mutated_messages_make_nothing_panic(
        nth in 0_usize..61,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0_u8..3), 1..12),
    ) {
        let file = concat!(include_str!("torture/rfc4475.txt"), include_str!("torture/rfc5118.txt"));
        let text = file.split("=== ").nth(nth + 1).unwrap_or("").split_once('\n').map_or("", |t| t.1);
        let mut data = text.replace('\n', "\r\n").into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(data.len().max(1)).min(data.len().saturating_sub(1));
            match how {
                0 if at < data.len() => data[at] = byte,
                1 => data.insert(at, byte),
                _ if at < data.len() => drop(data.remove(at)),
                _ => {}
            }
        }
        read_all(&data);
    }
}
