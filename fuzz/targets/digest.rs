//! Answers to a challenge: none is read wrongly, and none that was not made with the password is right.
#![no_main]

use cordboard_sip::digest::{Answer, Digest, DigestSettings, Ha1s, Verdict};
use cordboard_sip::{Flow, MessageBuilder, Method, Time, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let request = MessageBuilder::request(&Method::Register, "sip:h").header("Authorization", value).finish();
    let mut digest = Digest::new("r", [9; 32], DigestSettings::default());
    let Ok(answer) = Answer::parse(value) else {
        assert_ne!(digest.presented(&request).map(|a| a.is_some()), Ok(true));
        return;
    };
    assert!(answer.counted.is_none_or(|c| c.nc.len() == 8 && u32::from_str_radix(c.nc, 16) == Ok(c.count)));
    let address = ([192, 0, 2, 1], 5060).into();
    let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: 0 };
    let verdict = digest.verify(&answer, &Ha1s::of("u", "r", "secret"), &request, &flow, Time(1));
    assert_ne!(verdict, Verdict::Accepted);
    assert_eq!(digest.remembered(), 0);
});
