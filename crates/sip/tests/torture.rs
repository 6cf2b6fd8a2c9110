//! Every message of RFC 4475 and RFC 5118 is treated as the RFC says.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use cordboard_sip::header::{Challenge, Credentials, HeaderName, NameAddr, RetryAfter, Via, split_list};
use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, Method, ParseErrorKind, multipart};
use cordboard_sip::uri::Uri;

/// What becomes of a message on its way to whoever acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Read and passed on.
    Passes,
    /// A request that is refused with this status.
    Answered(u16),
    /// A response that is dropped.
    Dropped,
}
use Fate::{Answered, Dropped, Passes};

/// Name, section, fate. Where the RFC leaves a choice, the comment says which is made.
const RFC4475: [(&str, &str, Fate); 49] = [
    ("wsinv", "3.1.1.1", Passes),
    ("intmeth", "3.1.1.2", Passes),
    ("esc01", "3.1.1.3", Passes),
    ("escnull", "3.1.1.4", Passes),
    ("esc02", "3.1.1.5", Passes),
    ("lwsdisp", "3.1.1.6", Passes),
    ("longreq", "3.1.1.7", Passes),
    ("dblreq", "3.1.1.8", Passes),
    ("semiuri", "3.1.1.9", Passes),
    ("transports", "3.1.1.10", Passes),
    ("mpart01", "3.1.1.11", Passes),
    ("unreason", "3.1.1.12", Passes),
    ("noreason", "3.1.1.13", Passes),
    ("badinv01", "3.1.2.1", Answered(400)),
    ("clerr", "3.1.2.2", Answered(400)),
    ("ncl", "3.1.2.3", Answered(400)),
    ("scalar02", "3.1.2.4", Answered(400)),
    ("scalarlg", "3.1.2.5", Dropped),
    ("quotbal", "3.1.2.6", Answered(400)),
    ("ltgtruri", "3.1.2.7", Answered(400)),
    ("lwsruri", "3.1.2.8", Answered(400)),
    // May be read by a liberal element; a strict one leaves no doubt about where the URI ends.
    ("lwsstart", "3.1.2.9", Answered(400)),
    ("trws", "3.1.2.10", Answered(400)),
    // May be read if the headers are ignored; RFC 3261 19.1.1 forbids them, so it is refused.
    ("escruri", "3.1.2.11", Answered(400)),
    // Read, since nothing here acts on Date.
    ("baddate", "3.1.2.12", Passes),
    ("regbadct", "3.1.2.13", Answered(400)),
    // Read: white space within the brackets cannot be taken for anything else.
    ("badaspec", "3.1.2.14", Passes),
    // Read: the display name is for people only.
    ("baddn", "3.1.2.15", Passes),
    ("badvers", "3.1.2.16", Answered(505)),
    ("mismatch01", "3.1.2.17", Answered(400)),
    // 400 or 501.
    ("mismatch02", "3.1.2.18", Answered(400)),
    ("bigcode", "3.1.2.19", Dropped),
    ("badbranch", "3.2.1", Passes),
    ("insuf", "3.3.1", Answered(400)),
    ("unkscm", "3.3.2", Answered(416)),
    ("novelsc", "3.3.3", Answered(416)),
    // Parsers must not fail; the registrar answers 400, since To is no AOR.
    ("unksm2", "3.3.4", Passes),
    // What follows is well-formed and is refused, where it is, by who acts on it: 420, 415, 401.
    ("bext01", "3.3.5", Passes),
    ("invut", "3.3.6", Passes),
    ("regaut01", "3.3.7", Passes),
    ("multi01", "3.3.8", Answered(400)),
    ("mcl01", "3.3.9", Answered(400)),
    // Well-formed; a user agent drops it for its second Via.
    ("bcast", "3.3.10", Passes),
    ("zeromf", "3.3.11", Passes),
    ("cparam01", "3.3.12", Passes),
    ("cparam02", "3.3.13", Passes),
    ("regescrt", "3.3.14", Passes),
    // 406 is for who would answer it.
    ("sdp01", "3.3.15", Passes),
    ("inv2543", "3.4.1", Passes),
];

const RFC5118: [(&str, &str, Fate); 12] = [
    ("ipv6-good", "4.1", Passes),
    ("ipv6-bad", "4.2", Answered(400)),
    ("port-ambiguous", "4.3", Passes),
    ("port-unambiguous", "4.4", Passes),
    ("via-received-param-with-delim", "4.5", Passes),
    ("via-received-param-no-delim", "4.5", Passes),
    ("ipv6-in-sdp", "4.6", Passes),
    ("mult-ip-in-header", "4.7", Passes),
    ("mult-ip-in-sdp", "4.8", Passes),
    ("ipv4-mapped-ipv6", "4.9", Passes),
    // May be read for the sake of robustness.
    ("ipv6-bug-abnf-3-colons", "4.10", Passes),
    ("ipv6-correct-abnf-2-colons", "4.10", Passes),
];

fn sections(file: &str) -> Vec<(String, String, Vec<u8>)> {
    let mut all = Vec::new();
    for part in file.strip_suffix('\n').unwrap().split("\n=== ").skip(1) {
        let (title, text) = part.split_once('\n').unwrap();
        let (name, section) = title.split_once(' ').unwrap();
        let text = text.replace('\n', "\r\n") + "\r\n";
        all.push((name.to_owned(), section.to_owned(), expand(&text)));
    }
    all
}

fn expand(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let hex = rest.find("<hex>").unwrap_or(usize::MAX);
        let repeat = rest.find("<repeat count=").unwrap_or(usize::MAX);
        let at = hex.min(repeat);
        if at == usize::MAX {
            out.extend_from_slice(rest.as_bytes());
            return out;
        }
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        if hex < repeat {
            let end = rest.find("</hex>").unwrap();
            let digits = &rest[5..end];
            out.extend((0..digits.len() / 2).map(|n| u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).unwrap()));
            rest = &rest[end + 6..];
        } else {
            let (count, after) = rest[14..].split_once('>').unwrap();
            let (what, after) = after.split_once("</repeat>").unwrap();
            out.extend_from_slice(what.repeat(count.parse().unwrap()).as_bytes());
            rest = after;
        }
    }
}

fn messages() -> Vec<(String, String, Vec<u8>)> {
    let mut all = sections(include_str!("torture/rfc4475.txt"));
    all.extend(sections(include_str!("torture/rfc5118.txt")));
    all
}

fn bytes(name: &str) -> Vec<u8> {
    messages().into_iter().find(|m| m.0 == name).unwrap().2
}

fn message(name: &str) -> Message {
    Message::parse(&bytes(name), &Limits::default()).unwrap()
}

fn source() -> SocketAddr {
    "192.0.2.77:5062".parse().unwrap()
}

fn fate(data: &[u8]) -> Fate {
    let status = match Message::parse(data, &Limits::default()) {
        Ok(message) => match message.validate() {
            Ok(_) => return Passes,
            Err(_) if !message.is_request() => return Dropped,
            Err(invalid) => invalid.status,
        },
        Err(error) => error.status(),
    };
    match Message::error_response(data, source(), status, None, "tag") {
        Some(response) => Answered(response.status()),
        None => Dropped,
    }
}

#[test]
fn each_message_meets_the_fate_the_rfc_gives_it() {
    let all = messages();
    let table: Vec<_> = RFC4475.iter().chain(&RFC5118).collect();
    assert_eq!(all.len(), table.len());
    for ((name, section, data), (expected_name, expected_section, expected)) in all.iter().zip(table) {
        assert_eq!((name.as_str(), section.as_str()), (*expected_name, *expected_section));
        let got = fate(data);
        assert_eq!(got, *expected, "{name} {section}");
    }
}

#[test]
fn what_passes_is_printed_byte_for_byte() {
    for (name, _, data) in messages() {
        if fate(&data) == Passes && name != "dblreq" {
            assert_eq!(message(&name).to_bytes()[..], data, "{name}");
        }
    }
}

#[test]
fn wsinv_is_read_through_folds_and_spaces() {
    let m = message("wsinv");
    assert_eq!(m.to().unwrap().tag(), Some("1918181833n"));
    assert_eq!(m.from().unwrap().display(), r#"J Rosenberg \""#);
    assert_eq!(m.from().unwrap().tag(), Some("98asjd8"));
    assert_eq!(m.number(HeaderName::MaxForwards), Some(68));
    assert_eq!((m.cseq().unwrap().number, m.cseq().unwrap().method), (9, Method::Invite));
    let vias: Vec<_> = m.list(HeaderName::Via).map(|v| Via::parse(v).unwrap()).collect();
    let hosts: Vec<_> = vias.iter().map(|v| (v.transport, v.host, v.branch(), v.has_cookie())).collect();
    assert_eq!(
        hosts,
        [
            ("UDP", "192.0.2.2", Some("390skdjuw"), false),
            ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8"), true),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239"), true),
        ]
    );
    assert_eq!(m.get(HeaderName::Subject), Some(""));
    assert_eq!(m.get_by_name("unknownheaderwithunusualvalue"), Some(";;,,;;,;"));
    let contact = NameAddr::parse(m.contacts().next().unwrap()).unwrap();
    assert_eq!((contact.display().as_ref(), contact.q()), (r#"Quoted string """#, Some(330)));
    assert_eq!(contact.params.get("newparam"), Some("newvalue"));
    assert_eq!(contact.params.get("secondparam"), Some(""));
    let route = NameAddr::parse(m.list(HeaderName::Route).next().unwrap()).unwrap();
    assert!(route.parse_uri().unwrap().param("lr").is_some());
    assert_eq!(m.body().len(), 150);
}

#[test]
fn intmeth_keeps_every_odd_character() {
    let m = message("intmeth");
    assert_eq!(m.method(), Method::Other("!interesting-Method0123456789_*+`.%indeed'~".into()));
    let uri = Uri::parse(m.uri()).unwrap();
    assert_eq!(uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
    assert_eq!(uri.password, Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host, "example.com");
    assert_eq!(m.to().unwrap().display(), "BEL:\x07 NUL:\0 DEL:\x7f");
    assert_eq!(m.from().unwrap().display(), "token1~` token2'+_ token3*%!.-");
    assert_eq!(m.from().unwrap().tag(), Some("_token~1'+`*%!-."));
    assert_eq!(m.from().unwrap().params.unquoted("fromParam''~+*_!.-%").as_deref(), Some("работающий"));
    assert_eq!(m.call_id(), "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    assert_eq!(m.get_by_name("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
}

#[test]
fn escapes_are_undone_once_and_only_where_they_are_escapes() {
    let m = message("esc01");
    let contact = NameAddr::parse(m.contacts().next().unwrap()).unwrap();
    let uri = contact.parse_uri().unwrap();
    assert_eq!(uri.user_decoded(), "caller");
    assert_eq!(uri.param("lr").as_deref(), Some(""));
    assert_eq!(uri.param("name").as_deref(), Some("value%41"));
    assert_eq!(Uri::parse(m.uri()).unwrap().user_decoded(), "sips:user@example.com");
    assert_eq!(m.from().unwrap().parse_uri().unwrap().user_decoded(), "I have spaces");

    let m = message("esc02");
    assert_eq!(m.method(), Method::Other("RE%47IST%45R".into()));
    assert_eq!(m.to().unwrap().display(), "%Z%45");
    assert_eq!(m.contacts().count(), 2);

    let m = message("escnull");
    let user = |c| NameAddr::parse(c).unwrap().parse_uri().unwrap().user_decoded().into_owned();
    assert_eq!(m.contacts().map(user).collect::<Vec<_>>(), ["\0", "\0\0"]);
}

#[test]
fn long_and_doubled_requests_are_read() {
    let m = message("longreq");
    assert_eq!(m.list(HeaderName::Via).count(), 34);
    assert_eq!(m.from().unwrap().tag().map(str::len), Some(155));
    let m = message("dblreq");
    assert_eq!((m.method(), m.body().len()), (Method::Register, 0));
    let m = message("semiuri");
    assert_eq!(Uri::parse(m.uri()).unwrap().user, "user;par=u%40example.net");
    assert_eq!(m.list(HeaderName::Accept).nth(5), Some("message/sipfrag"));
    let m = message("transports");
    assert_eq!(m.list(HeaderName::Via).filter_map(|v| Via::parse(v).ok()).nth(3).map(|v| v.transport), Some("UNKNOWN"));
}

#[test]
fn the_parts_of_mpart01_are_found() {
    let m = message("mpart01");
    assert_eq!(multipart::part(&m, "text/plain"), Some(&b"Hello"[..]));
    let binary = multipart::part(&m, "application/octet-stream").unwrap();
    assert_eq!((binary.len(), binary[0], binary[binary.len() - 1]), (342, 0x30, 0x05));
}

#[test]
fn odd_responses_are_read() {
    assert_eq!(message("unreason").reason(), "= 2**3 * 5**2 но сто девяносто девять - простое");
    assert_eq!((message("noreason").status(), message("noreason").reason()), (100, ""));
    let m = message("scalarlg");
    assert_eq!(RetryAfter::parse(m.get(HeaderName::RetryAfter).unwrap()).unwrap().seconds, u32::MAX);
    assert_eq!(message("bcast").list(HeaderName::Via).count(), 2);
}

#[test]
fn why_a_message_cannot_be_read_is_told() {
    for (name, kind) in [
        ("clerr", ParseErrorKind::ContentLength),
        ("ncl", ParseErrorKind::ContentLength),
        ("mcl01", ParseErrorKind::ContentLength),
        ("lwsruri", ParseErrorKind::StartLine),
        ("lwsstart", ParseErrorKind::StartLine),
        ("bigcode", ParseErrorKind::StartLine),
        ("badvers", ParseErrorKind::Version),
    ] {
        assert_eq!(Message::parse(&bytes(name), &Limits::default()).unwrap_err().kind, kind, "{name}");
    }
    for (name, what) in [
        ("badinv01", "Via"),
        ("scalar02", "CSeq"),
        ("quotbal", "To"),
        ("ltgtruri", "Request-URI"),
        ("regbadct", "Contact"),
        ("mismatch01", "CSeq"),
        ("insuf", "From"),
        ("unkscm", "Request-URI"),
        ("multi01", "CSeq"),
    ] {
        assert_eq!(message(name).validate().unwrap_err().error.what, what, "{name}");
    }
}

#[test]
fn answers_carry_back_what_the_broken_request_holds() {
    let response = Message::error_response(&bytes("insuf"), source(), 400, None, "t").unwrap();
    assert_eq!(response.get(HeaderName::CSeq), Some("193942 INVITE"));
    assert_eq!(response.get(HeaderName::To), None);
    assert_eq!(response.top_via().unwrap().received(), Some(source().ip()));
    let response = Message::error_response(&bytes("badvers"), source(), 505, None, "t").unwrap();
    assert_eq!(response.to().unwrap().tag(), Some("t"));
    assert_eq!(response.get(HeaderName::CSeq), Some("1 OPTIONS"));
}

#[test]
fn a_branch_of_nothing_but_the_cookie_has_none() {
    assert!(!message("badbranch").top_via().unwrap().has_cookie());
    let old = message("inv2543");
    assert_eq!((old.top_via().unwrap().branch(), old.from().unwrap().tag()), (None, None));
}

#[test]
fn contact_parameters_go_where_the_brackets_say() {
    let m = message("cparam01");
    let contact = NameAddr::parse(m.contacts().next().unwrap()).unwrap();
    assert!(contact.params.has("unknownparam"));
    let m = message("cparam02");
    let contact = NameAddr::parse(m.contacts().next().unwrap()).unwrap();
    assert!(!contact.params.has("unknownparam"));
    assert!(contact.parse_uri().unwrap().params.has("unknownparam"));
    let m = message("regescrt");
    let contact = NameAddr::parse(m.contacts().next().unwrap()).unwrap();
    let uri = contact.parse_uri().unwrap();
    let headers: Vec<_> = uri.header_fields().collect();
    assert_eq!(headers, [("Route".into(), "<sip:sip.example.com>".into())]);
}

#[test]
fn unknown_schemes_of_authorization_are_read_over() {
    let m = message("regaut01");
    let credentials = Credentials::parse(m.get(HeaderName::Authorization).unwrap()).unwrap();
    assert!(!credentials.is_digest());
    assert_eq!(credentials.get("opaque-data").as_deref(), Some("here"));
    assert_eq!(Challenge::parse_all("NoOne x=1").count(), 1);
}

#[test]
fn too_large_expiries_count_as_the_largest() {
    let m = message("scalar02");
    assert_eq!(m.number(HeaderName::Expires), Some(u32::MAX));
    let contact = NameAddr::parse(m.contacts().next().unwrap()).unwrap();
    assert_eq!(contact.expires(), Some(u32::MAX));
}

#[test]
fn ipv6_references_end_at_their_bracket() {
    let uri_of = |name: &str| {
        let m = message(name);
        let uri = Uri::parse(m.uri()).unwrap();
        (uri.ip().unwrap().to_string(), uri.port)
    };
    assert_eq!(uri_of("ipv6-good"), ("2001:db8::10".into(), None));
    assert_eq!(uri_of("port-ambiguous"), ("2001:db8::10:5070".into(), None));
    assert_eq!(uri_of("port-unambiguous"), ("2001:db8::10".into(), Some(5070)));
    assert_eq!(uri_of("ipv6-bug-abnf-3-colons").0, "2001:db8::c000:201");
    assert_eq!(uri_of("ipv6-correct-abnf-2-colons").0, "2001:db8::c000:201");
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        assert_eq!(message(name).top_via().unwrap().received(), "2001:db8::9:255".parse().ok(), "{name}");
    }
    let m = message("mult-ip-in-header");
    let hosts: Vec<_> = m.all(HeaderName::Via).flat_map(split_list).map(|v| Via::parse(v).unwrap().host).collect();
    assert_eq!(hosts, ["[2001:db8::9:1]", "192.0.2.1", "[2001:db8::9:255]"]);
    let m = message("ipv4-mapped-ipv6");
    assert_eq!((m.top_via().unwrap().ip(), m.top_via().unwrap().port), ("::ffff:192.0.2.10".parse().ok(), Some(19823)));
}
