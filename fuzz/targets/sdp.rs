//! Session descriptions: what can be read prints so that it is read alike, and every question about it
//! has an answer.
#![no_main]

use cordboard_sip::sdp::{Crypto, Direction, SdpLimits, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = SdpLimits::default();
    let Ok(session) = Session::parse(data, &limits) else { return };
    let printed = session.to_string();
    // Latin-1 and missing lines grow when printed.
    let roomy = SdpLimits { bytes: 1 << 20, lines: 1 << 16, line: 1 << 17, ..limits };
    let again = Session::parse(printed.as_bytes(), &roomy).expect("what is printed is readable");
    assert_eq!(again.to_string(), printed);
    assert!(session.media.len() <= limits.media);
    let _ = session.is_hold();
    for media in &session.media {
        assert!(media.formats.len() <= limits.formats);
        let _ = (media.rtp_address(&session), media.rtcp_address(&session), media.ptime(), media.maxptime());
        let _ = media.rtp_maps().map(|map| media.fmtp(&map.payload.to_string()).map(str::len)).count();
        for crypto in media.cryptos() {
            let _ = crypto.inline_key();
            assert_eq!(Crypto::parse(&crypto.to_string()), Some(crypto));
        }
        if !media.is_refused() {
            let mut held = media.clone();
            held.set_direction(Direction::Inactive);
            assert_eq!(held.direction(&session), Direction::Inactive);
        }
    }
});
