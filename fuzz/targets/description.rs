//! Media descriptions: the first octet chooses what we can do; what follows is an offer, then the answer to ours. An
//! answer of ours fits its offer, is taken by the other side, and a session keeps its number.
#![no_main]

use cordboard_media::codec::Codec;
use cordboard_media::description::{Capabilities, Local, SrtpPolicy, accept, answer, family, offer};
use cordboard_media::srtp::Suite;
use cordboard_sip::offer_answer::check_answer;
use cordboard_sip::sdp::{Direction, SdpLimits, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let srtp = [SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required][usize::from(choice % 3)];
    let ours = Capabilities {
        codecs: vec![Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::L16(16_000)],
        telephone_event: choice & 4 != 0,
        comfort_noise: choice & 8 != 0,
        ptime_ms: 20,
        srtp,
        suites: Suite::ALL.to_vec(),
        rtcp_mux: choice & 16 != 0,
    };
    let local = Local { address: [192, 0, 2, 1].into(), port: 4_000, session_id: 1, direction: Direction::SendRecv };
    let mut random = |out: &mut [u8]| out.fill(*choice);
    let _ = family(text);

    let said = offer(&ours, &local, None, &mut random);
    if let Ok((settled, agreed)) = accept(&ours, &local, &said, text) {
        assert!(agreed.receive.iter().any(|(_, codec)| *codec == agreed.codec));
        assert!((10..=60).contains(&agreed.ptime_ms));
        assert!(srtp != SrtpPolicy::Required || agreed.srtp.is_some());
        if let Ok(again) = answer(&ours, &local, text, Some(&settled), &mut random) {
            assert!(again.said.to_bytes().starts_with(b"v=0\r\no=- 1 "));
        }
    }
    if let Ok(took) = answer(&ours, &local, text, None, &mut random) {
        let asked = Session::parse(text, &SdpLimits::default()).expect("it was answered");
        let said = Session::parse(&took.said.to_bytes(), &SdpLimits::default()).expect("we can be read");
        assert_eq!(check_answer(&asked, &said), Ok(()));
        let next = offer(&ours, &local, Some(&took.said), &mut random);
        assert!(Session::parse(&next.to_bytes(), &SdpLimits::default()).is_ok());
    }
});
