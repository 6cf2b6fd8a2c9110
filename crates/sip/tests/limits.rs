//! Every limit holds, to the byte; what strangers get wrong is told apart.
#![allow(clippy::unwrap_used)]

use cordboard_sip::header::HeaderName;
use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, MessageBuilder, Method, ParseErrorKind};

const START: &str = "OPTIONS sip:a@b SIP/2.0\r\n";

fn kind(text: impl AsRef<[u8]>, limits: &Limits) -> Option<ParseErrorKind> {
    Message::parse(text.as_ref(), limits).err().map(|e| e.kind)
}

fn default_kind(text: impl AsRef<[u8]>) -> Option<ParseErrorKind> {
    kind(text, &Limits::default())
}

#[test]
fn the_size_of_a_message_is_bounded() {
    let text = format!("{START}\r\n");
    let exact = Limits { message: text.len(), ..Limits::default() };
    assert_eq!(kind(&text, &exact), None);
    assert_eq!(kind(&text, &Limits { message: text.len() - 1, ..exact }), Some(ParseErrorKind::TooLarge));
    assert_eq!(Message::parse(text.as_bytes(), &Limits { message: 5, ..exact }).unwrap_err().status(), 513);
}

#[test]
fn the_number_and_the_length_of_headers_are_bounded() {
    let limits = Limits { headers: 3, header: 20, ..Limits::default() };
    assert_eq!(kind(format!("{START}{}\r\n", "a: b\r\n".repeat(3)), &limits), None);
    assert_eq!(kind(format!("{START}{}\r\n", "a: b\r\n".repeat(4)), &limits), Some(ParseErrorKind::TooLarge));
    assert_eq!(kind(format!("{START}a: {}\r\n\r\n", "x".repeat(15)), &limits), None);
    assert_eq!(kind(format!("{START}a: {}\r\n\r\n", "x".repeat(16)), &limits), Some(ParseErrorKind::TooLarge));
    // Folds count: they are one line.
    assert_eq!(kind(format!("{START}a: {}\r\n\r\n", "x\r\n ".repeat(8)), &limits), Some(ParseErrorKind::TooLarge));
}

#[test]
fn vias_are_counted_over_lines_and_commas_but_not_within_quotes() {
    let limits = Limits { vias: 3, ..Limits::default() };
    let via = "SIP/2.0/UDP h";
    assert_eq!(kind(format!("{START}Via: {via},{via}\r\nv: {via}\r\n\r\n"), &limits), None);
    assert_eq!(
        kind(format!("{START}Via: {via},{via}\r\nv: {via}, {via}\r\n\r\n"), &limits),
        Some(ParseErrorKind::TooLarge)
    );
    assert_eq!(kind(format!("{START}Via: {via};x=\"a,b,\\\",c\",{via}\r\nv: {via}\r\n\r\n"), &limits), None);
}

#[test]
fn a_request_uri_too_long_is_told_as_such() {
    let limits = Limits { uri: 10, ..Limits::default() };
    assert_eq!(kind("OPTIONS sip:abcdef SIP/2.0\r\n\r\n", &limits), None);
    let error = Message::parse(b"OPTIONS sip:abcdefg SIP/2.0\r\n\r\n", &limits).unwrap_err();
    assert_eq!((error.kind, error.status()), (ParseErrorKind::UriTooLong, 414));
}

#[test]
fn content_length_decides_where_a_body_ends() {
    let body = |length: &str| {
        let text = format!("{START}{length}\r\nhello");
        Message::parse(text.as_bytes(), &Limits::default()).map(|m| m.body().len()).map_err(|e| e.kind)
    };
    assert_eq!(body(""), Ok(5));
    assert_eq!(body("Content-Length: 5\r\n"), Ok(5));
    assert_eq!(body("l:0003\r\n"), Ok(3));
    assert_eq!(body("l: 0\r\n"), Ok(0));
    for bad in
        ["l: 6", "l: -1", "l: +5", "l:", "l: 5,5", "l: five", "l: 99999999999999999999999", "l: 5\r\nContent-Length: 5"]
    {
        assert_eq!(body(&format!("{bad}\r\n")), Err(ParseErrorKind::ContentLength), "{bad}");
    }
}

#[test]
fn line_ends_are_read_liberally_but_a_bare_cr_is_none() {
    assert_eq!(default_kind("\r\n\r\n\nOPTIONS sip:a@b SIP/2.0\nv: x\nt:\n y\n\nbody"), None);
    assert_eq!(default_kind(format!("{START}Subject: a\rVia: b\r\n\r\n")), Some(ParseErrorKind::Header));
    assert_eq!(default_kind("\r\n\r\n"), Some(ParseErrorKind::Empty));
    assert_eq!(default_kind(""), Some(ParseErrorKind::Empty));
    assert_eq!(default_kind(format!("{START}Subject: a\r\n")), Some(ParseErrorKind::Incomplete));
    assert_eq!(default_kind(format!("{START}Subject: a")), Some(ParseErrorKind::Incomplete));
}

#[test]
fn start_lines_are_strict_about_spaces_and_versions() {
    for bad in [
        "OPTIONS",
        "OPTIONS sip:a@b",
        "OPTIONS  sip:a@b SIP/2.0",
        "OPT@ONS sip:a@b SIP/2.0",
        "OPTIONS sip:a@b HTTP/1.1",
        " OPTIONS sip:a@b SIP/2.0",
        "SIP/2.0 20 OK",
        "SIP/2.0 2000 OK",
        "SIP/2.0 700 OK",
        "SIP/2.0 099 OK",
        "SIP/2.0 abc OK",
    ] {
        assert_eq!(default_kind(format!("{bad}\r\n\r\n")), Some(ParseErrorKind::StartLine), "{bad}");
    }
    assert_eq!(default_kind("OPTIONS sip:a@b SIP/3.0\r\n\r\n"), Some(ParseErrorKind::Version));
    assert_eq!(default_kind("SIP/1.0 200 OK\r\n\r\n"), Some(ParseErrorKind::Version));
    assert_eq!(default_kind("options sip:a@b sip/2.0\r\n\r\n"), None);
    let bare = Message::parse(b"SIP/2.0 200\r\n\r\n", &Limits::default()).unwrap();
    assert_eq!((bare.status(), bare.reason()), (200, ""));
}

#[test]
fn a_head_that_is_no_utf8_is_latin1() {
    let text = b"OPTIONS sip:a@b SIP/2.0\r\nSubject: caf\xe9\r\nX: y\r\nl: 2\r\n\r\n\xff\xfe";
    let message = Message::parse(text, &Limits::default()).unwrap();
    assert_eq!((message.get(HeaderName::Subject), message.get_by_name("x")), (Some("caf\u{e9}"), Some("y")));
    assert_eq!(message.body(), b"\xff\xfe");
}

#[test]
fn header_lines_without_a_name_or_a_colon_are_refused() {
    for bad in ["no colon", ": value", "bad name: x", "n\u{e4}me: x", " folded: nothing before"] {
        assert_eq!(default_kind(format!("{START}a: b\r\nq{bad}\r\n\r\n")).is_some(), !bad.starts_with(':'), "{bad}");
    }
    assert_eq!(default_kind(format!("{START}: value\r\n\r\n")), Some(ParseErrorKind::Header));
}

#[test]
fn no_value_can_add_a_line_of_its_own() {
    let message = MessageBuilder::request(&Method::Options, "sip:a@b\r\nEvil: 1")
        .header("X-A\r\nEvil", "1\r\nEvil: 2")
        .known(HeaderName::Subject, "a\nEvil: 3")
        .body("text/plain\r\nEvil: 4", b"x");
    let bytes = message.to_bytes();
    assert_eq!(std::str::from_utf8(&bytes).unwrap().matches("\r\nEvil").count(), 0);
    assert_eq!(message.headers().count(), 4);
}
