//! A nonce of ours with bytes changed, cut or added, in an answer made with the right password. The right one is taken
//! once; any other is stale, never accepted.
#![no_main]

use cordboard_sip::digest::{Algorithm, Answer, Digest, DigestSettings, Ha1s, Verdict, ha1_hex};
use cordboard_sip::ids::SeededIds;
use cordboard_sip::{Flow, MessageBuilder, Method, Time, Transport};
use libfuzzer_sys::fuzz_target;

/// MD5 of three texts with colons between them.
fn md5(one: &str, two: &str, three: &str) -> String {
    ha1_hex(Algorithm::Md5, one, two, three)
}

fuzz_target!(|text: &str| {
    let ha1s = Ha1s::of("u", "r", "secret");
    let mut digest = Digest::new("r", [9; 32], DigestSettings::default());
    let challenge = digest
        .challenge(&ha1s, false, [192, 0, 2, 1].into(), &mut SeededIds::new(1), Time(1))
        .pop()
        .expect("there is one");
    let fresh = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it has a nonce");
    // `N` stands for the nonce, `-` before it takes its first character away, all else stands for itself.
    let nonce = text.replace("-N", &fresh[1..]).replace('N', fresh);
    if nonce.contains(['"', '\\', '\r', '\n']) {
        return;
    }
    let after = format!("00000001:c:auth:{}", md5("REGISTER", "sip", "h"));
    let response = md5(&md5("u", "r", "secret"), &nonce, &after);
    let value = format!(
        "Digest username=\"u\", realm=\"r\", nonce=\"{nonce}\", uri=\"sip:h\", response=\"{response}\", algorithm=MD5, \
         cnonce=\"c\", qop=auth, nc=00000001"
    );
    let request = MessageBuilder::request(&Method::Register, "sip:h").header("Authorization", &value).finish();
    let Ok(answer) = Answer::parse(&value) else { return };
    let address = ([192, 0, 2, 1], 5060).into();
    let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: 0 };
    let mut judged = |now| digest.verify(&answer, &ha1s, &request, &flow, Time(now));
    let first = judged(2);
    // Hexadecimal digits may be written in capitals.
    assert_eq!(first == Verdict::Accepted, nonce.eq_ignore_ascii_case(fresh), "{nonce}");
    assert_ne!(judged(3_600_000_000), Verdict::Accepted, "an hour later it is old, or has been used");
});
