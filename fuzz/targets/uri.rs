//! URIs: what is read is printed so that it is read alike.
#![no_main]

use cordboard_sip::uri::Uri;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(uri) = Uri::parse(text) else { return };
    let _ = (uri.user_decoded(), uri.ip(), uri.param("lr"), uri.header_fields().count(), uri.is_routable());
    let printed = uri.to_string();
    let again = Uri::parse(&printed).expect("what is printed is readable");
    assert_eq!(again.to_string(), printed);
    assert_eq!((again.user, again.host, again.port), (uri.user, uri.host, uri.port));
});
