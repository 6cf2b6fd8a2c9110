//! A phone with flows, a Path and GRUUs, and somebody who makes GRUUs up. The text is lines of a REGISTER, a form feed, and
//! a URI. Each GRUU that is given out leads back to its device, and goes with it; none that was not given out names one
//! by its token; a Path is kept as it came.
#![no_main]

use cordboard_sip::digest::{Digest, DigestSettings};
use cordboard_sip::directory::{Directory, Entry};
use cordboard_sip::header::{HeaderName, NameAddr};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::limits::Limits;
use cordboard_sip::registrar::{Registrar, Visit};
use cordboard_sip::{Flow, Message, Method, Time, Transport};
use libfuzzer_sys::fuzz_target;

const UNIX: u64 = 1_800_000_000;

fuzz_target!(|text: &str| {
    let (lines, made_up) = text.split_once('\u{c}').unwrap_or((text, "sip:tgruu.00@h;gr"));
    let (mut events, mut journal, mut ids) = (Vec::new(), Vec::new(), SeededIds::new(1));
    let mut directory = Directory::new(Digest::new("r", [9; 32], DigestSettings::default()));
    directory.set("1501", Entry { registers: true, ..Entry::default() });
    let address = ([192, 0, 2, 1], 5060).into();
    let mut registrar = Registrar::default();
    let roomy = Limits { message: 1 << 20, headers: 1_000, header: 1 << 20, ..Limits::default() };
    let mut given = Vec::new();
    let dn = "1501".into();
    let mut now = Time(0);
    // The same lines over UDP, then over a connection that ends.
    for (cseq, transport) in [(1, Transport::Udp), (2, Transport::Tcp)] {
        let request = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{cseq}\r\nFrom: <sip:1501@h>;tag=1\r\n\
             To: <sip:1501@h>\r\nCall-ID: c\r\nCSeq: {cseq} REGISTER\r\nSupported: path, outbound, gruu\r\n{lines}\r\n\r\n"
        );
        let Ok(request) = Message::parse(request.as_bytes(), &Limits::default()) else { return };
        if request.method() != Method::Register {
            return;
        }
        now = Time(now.0 + 1_500_000);
        let flow =
            Flow { transport, local: address, remote: address, connection: u64::from(transport != Transport::Udp) };
        let Ok(parties) = request.parties() else { return };
        let visit = Visit { request: &request, parties: &parties, dn: &dn, flow, now, unix: UNIX, tag: "t" };
        let answer = registrar.register(&visit, &directory, &mut ids, &mut events, &mut journal);
        let answer = Message::parse(&answer, &roomy).expect("an answer is a message");
        if answer.status() != 200 {
            continue;
        }
        for location in registrar.locations("1501", now) {
            for route in &location.path {
                assert!(NameAddr::parse(route).and_then(|a| a.parse_uri()).is_ok());
            }
        }
        // A registration may take the place of one before it, whose GRUUs are then of nobody.
        given.clear();
        for contact in answer.list(HeaderName::Contact) {
            let Ok(contact) = NameAddr::parse(contact) else { continue };
            for name in ["pub-gruu", "temp-gruu"] {
                let value = contact.params.get(name).map(|value| value.trim_matches('"').to_owned());
                given.extend(value);
            }
        }
    }
    for gruu in &given {
        let device = registrar.device(gruu, &directory, now).expect("a GRUU of ours is known");
        let device = device.expect("its device is there");
        assert_eq!(&*device.dn, "1501");
        assert!(registrar.contact_of(&device, now).is_some());
    }
    // A token that is not one of those names nobody, whatever stands round it.
    if token(made_up).is_some_and(|made_up| !given.iter().any(|gruu| token(gruu).as_ref() == Some(&made_up))) {
        assert_eq!(registrar.device(made_up, &directory, now).flatten(), None);
    }
    registrar.connection_gone(1, &mut events, &mut journal);
    registrar.remove("1501", &mut events, &mut journal);
    for gruu in given.iter().filter(|gruu| token(gruu).is_some()) {
        assert_eq!(registrar.device(gruu, &directory, now), Some(None), "it went with its registration");
    }
});

/// The token of a temporary GRUU, whose digits may be written in either case.
fn token(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(":tgruu.")?;
    if !["sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    Some(rest.split(['@', ':', ';']).next().unwrap_or("").to_lowercase())
}
