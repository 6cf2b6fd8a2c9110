use super::*;

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

fn secured(offer: &str) -> Option<Secured> {
    answered(&ours(), &with(offer)).unwrap().agreed.unwrap().srtp
}

fn crypto_lines(said: &Said) -> Vec<String> {
    lines(said).into_iter().filter(|line| line.starts_with("a=crypto")).collect()
}

#[test]
fn a_key_is_answered_with_a_key_under_the_same_tag() {
    let took =
        answered(&ours(), &with(&format!("m=audio 4000 RTP/SAVP 8\r\na=crypto:3 {SUITE} {KEY}|2^20|1:4\r\n"))).unwrap();
    let keys = took.agreed.unwrap().srtp.unwrap();
    assert_eq!((keys.remote.suite(), keys.remote.mki()), (Suite::AesCm128HmacSha1_80, Some((1, 4))));
    assert_eq!((keys.local.suite(), keys.local.mki()), (Suite::AesCm128HmacSha1_80, None));
    assert_eq!(&keys.remote.key_and_salt()[..4], b"=-n@");
    assert_eq!(&keys.remote.salt()[12..], b"PQ");
    let said = lines(&took.said);
    assert_eq!(said[0], "m=audio 40000 RTP/SAVP 8");
    let crypto = said.iter().find(|line| line.starts_with("a=crypto")).unwrap();
    let (head, key) = crypto.split_once("inline:").unwrap();
    assert_eq!((head, key.len()), ("a=crypto:3 AES_CM_128_HMAC_SHA1_80 ", 40));
    assert!(!format!("{keys:?}").contains(&format!("{:?}", keys.local.key()[0])));
}

#[test]
fn which_lines_are_understood() {
    let long = "A".repeat(62);
    for (line, suite) in [
        (format!("1 {SUITE} {KEY}"), Some(Suite::AesCm128HmacSha1_80)),
        (format!("999999999 AES_CM_128_HMAC_SHA1_32 {KEY}|1000000"), Some(Suite::AesCm128HmacSha1_32)),
        (format!("1 {SUITE} {KEY}|2^48 WSH=1024"), Some(Suite::AesCm128HmacSha1_80)),
        (format!("1 {SUITE} {KEY}|1:1"), Some(Suite::AesCm128HmacSha1_80)),
        (format!("1 {SUITE} {KEY} -new=1"), Some(Suite::AesCm128HmacSha1_80)),
        (format!("1 AES_256_CM_HMAC_SHA1_80 inline:{long}"), Some(Suite::AesCm256HmacSha1_80)),
        (format!("1 AES_CM_256_HMAC_SHA1_32 inline:{long}=="), Some(Suite::AesCm256HmacSha1_32)),
        (format!("1 AEAD_AES_128_GCM inline:{}==", "A".repeat(38)), Some(Suite::AeadAes128Gcm)),
        (format!("1 AEAD_AES_256_GCM inline:{}=", "A".repeat(59)), Some(Suite::AeadAes256Gcm)),
        // Not ours.
        (format!("1 F8_128_HMAC_SHA1_80 {KEY}"), None),
        (format!("1000000000 {SUITE} {KEY}"), None),
        (format!("1 {SUITE}"), None),
        // Keys of another length or alphabet, another method, two keys.
        (format!("1 {SUITE} {KEY}AAAA"), None),
        (format!("1 AEAD_AES_128_GCM {KEY}"), None),
        (format!("1 {SUITE} inline:!{}", "A".repeat(39)), None),
        (format!("1 {SUITE} uri:{KEY}"), None),
        (format!("1 {SUITE} {KEY};{KEY}"), None),
        (format!("1 {SUITE} {KEY}|2^20|1:4;{KEY}|2^20|2:4"), None),
        // Lifetimes and identifiers.
        (format!("1 {SUITE} {KEY}|0"), None),
        (format!("1 {SUITE} {KEY}|2^49"), None),
        (format!("1 {SUITE} {KEY}|2^99999"), None),
        (format!("1 {SUITE} {KEY}|soon"), None),
        (format!("1 {SUITE} {KEY}|256:1"), None),
        (format!("1 {SUITE} {KEY}|1:0"), None),
        (format!("1 {SUITE} {KEY}|1:128"), None),
        (format!("1 {SUITE} {KEY}|1:4|2^20"), None),
        // Session parameters that change the packets, or nobody knows.
        (format!("1 {SUITE} {KEY} UNENCRYPTED_SRTP"), None),
        (format!("1 {SUITE} {KEY} UNENCRYPTED_SRTCP"), None),
        (format!("1 {SUITE} {KEY} UNAUTHENTICATED_SRTP"), None),
        (format!("1 {SUITE} {KEY} KDR=4"), None),
        (format!("1 {SUITE} {KEY} FEC_ORDER=FEC_SRTP"), None),
        (format!("1 {SUITE} {KEY} WSH=63"), None),
        (format!("1 {SUITE} {KEY} new=1"), None),
    ] {
        let took = secured(&format!("m=audio 4000 RTP/AVP 8\r\na=crypto:{line}\r\n"));
        assert_eq!(took.map(|keys| keys.remote.suite()), suite, "{line}");
    }
}

#[test]
fn srtp_as_phones_prefer_it() {
    let avp = format!("m=audio 4000 RTP/AVP 8\r\na=crypto:1 {SUITE} {KEY}\r\n");
    let two = format!("m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/SAVP 8\r\na=crypto:1 {SUITE} {KEY}\r\n");
    let broken = format!("m=audio 4000 RTP/AVP 8\r\na=crypto:1 {SUITE} {KEY} KDR=1\r\n");
    let broken_two = format!("{broken}m=audio 4002 RTP/SAVP 8\r\na=crypto:1 {SUITE} {KEY} KDR=1\r\n");
    for (srtp, offer, streams, secure) in [
        (SrtpPolicy::Off, &avp, &["m=audio 40000 RTP/AVP 8"][..], false),
        (SrtpPolicy::Optional, &avp, &["m=audio 40000 RTP/AVP 8"], true),
        (SrtpPolicy::Required, &avp, &["m=audio 40000 RTP/AVP 8"], true),
        (SrtpPolicy::Off, &two, &["m=audio 40000 RTP/AVP 8", "m=audio 0 RTP/SAVP 8"], false),
        (SrtpPolicy::Optional, &two, &["m=audio 0 RTP/AVP 8", "m=audio 40000 RTP/SAVP 8"], true),
        (SrtpPolicy::Required, &two, &["m=audio 0 RTP/AVP 8", "m=audio 40000 RTP/SAVP 8"], true),
        (SrtpPolicy::Optional, &broken, &["m=audio 40000 RTP/AVP 8"], false),
        (SrtpPolicy::Optional, &broken_two, &["m=audio 40000 RTP/AVP 8", "m=audio 0 RTP/SAVP 8"], false),
    ] {
        let ours = Capabilities { srtp, ..ours() };
        let took = answered(&ours, &with(offer)).unwrap();
        let said: Vec<String> = lines(&took.said).into_iter().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(said, streams, "{srtp:?} {offer}");
        assert_eq!(took.agreed.unwrap().srtp.is_some(), secure, "{srtp:?} {offer}");
        assert_eq!(crypto_lines(&took.said).len(), usize::from(secure));
    }
}

#[test]
fn the_offerers_order_of_suites_is_kept_within_ours() {
    let offer = format!(
        "m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AEAD_AES_128_GCM inline:{}==\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}\r\na=crypto:3 {SUITE} {KEY}\r\n",
        "A".repeat(38)
    );
    assert_eq!(secured(&offer).unwrap().local.suite(), Suite::AeadAes128Gcm);
    let old = Capabilities { suites: vec![Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32], ..ours() };
    let took = answered(&old, &with(&offer)).unwrap();
    assert!(crypto_lines(&took.said)[0].starts_with("a=crypto:2 AES_CM_128_HMAC_SHA1_32 "));
}

#[test]
fn our_offers_keys_by_policy() {
    for (srtp, stream, count) in
        [(SrtpPolicy::Off, "RTP/AVP", 0), (SrtpPolicy::Optional, "RTP/AVP", 6), (SrtpPolicy::Required, "RTP/SAVP", 6)]
    {
        let said = offer(&Capabilities { srtp, ..ours() }, &local(), None, &mut random());
        assert!(lines(&said)[0].starts_with(&format!("m=audio 40000 {stream} 9 8")), "{srtp:?}");
        let keys = crypto_lines(&said);
        assert_eq!(keys.len(), count, "{srtp:?}");
        let tags: Vec<_> = keys.iter().filter_map(|line| line.split(' ').next()).collect();
        assert!(tags.iter().enumerate().all(|(at, tag)| *tag == format!("a=crypto:{}", at + 1)));
    }
}

#[test]
fn an_answers_key_belongs_to_the_line_of_its_tag() {
    let said = offer(&ours(), &local(), None, &mut random());
    let come = |stream: &str| accept(&ours(), &local(), &said, with(stream).as_bytes()).map(|(_, agreed)| agreed.srtp);
    for stream in ["RTP/AVP", "RTP/SAVP"] {
        let keys = come(&format!("m=audio 4000 {stream} 8\r\na=crypto:4 {SUITE} {KEY}\r\n")).unwrap().unwrap();
        assert_eq!(keys.local, said.keys[3].keys);
        assert_eq!(&keys.remote.key()[..4], b"=-n@");
    }
    assert_eq!(come("m=audio 4000 RTP/AVP 8\r\n"), Ok(None));
    for wrong in [
        // Another line's tag, a tag never said, parameters we cannot meet: never plain all the same.
        format!("m=audio 4000 RTP/AVP 8\r\na=crypto:1 {SUITE} {KEY}\r\n"),
        format!("m=audio 4000 RTP/AVP 8\r\na=crypto:9 {SUITE} {KEY}\r\n"),
        format!("m=audio 4000 RTP/AVP 8\r\na=crypto:4 {SUITE} {KEY} UNENCRYPTED_SRTP\r\n"),
        "m=audio 4000 RTP/SAVP 8\r\n".to_owned(),
    ] {
        assert_eq!(come(&wrong).unwrap_err(), DescriptionError::NoSuite, "{wrong}");
    }
}

#[test]
fn a_session_keeps_its_key() {
    let mut random = random();
    let theirs = with(&format!("m=audio 4000 RTP/SAVP 8\r\na=crypto:5 {SUITE} {KEY}\r\n"));
    let first = answer(&ours(), &local(), theirs.as_bytes(), None, &mut random).unwrap();
    let key = first.agreed.unwrap().srtp.unwrap().local;
    // The peer offers again, then we do, and the answer takes the line in use.
    let again = answer(&ours(), &local(), theirs.as_bytes(), Some(&first.said), &mut random).unwrap();
    assert_eq!((again.agreed.unwrap().srtp.unwrap().local, &again.said), (key.clone(), &first.said));
    let said = offer(&ours(), &local(), Some(&again.said), &mut random);
    assert!(lines(&said)[0].starts_with("m=audio 40000 RTP/SAVP"));
    let keys = crypto_lines(&said);
    assert!(keys[0].starts_with("a=crypto:5 AES_CM_128_HMAC_SHA1_80 "), "{keys:?}");
    assert_eq!(keys.len(), Suite::ALL.len());
    let answer = with(&format!("m=audio 4000 RTP/SAVP 8\r\na=crypto:5 {SUITE} {KEY}\r\n"));
    let (settled, agreed) = accept(&ours(), &local(), &said, answer.as_bytes()).unwrap();
    assert_eq!(agreed.srtp.unwrap().local, key);
    assert_eq!(settled.keys[0].keys, key);
}

#[test]
fn the_line_an_answer_takes_is_offered_first_from_then_on() {
    let said = offer(&ours(), &local(), None, &mut random());
    let answer = with(&format!("m=audio 4000 RTP/AVP 8\r\na=crypto:4 {SUITE} {KEY}\r\n"));
    let (settled, _) = accept(&ours(), &local(), &said, answer.as_bytes()).unwrap();
    let next = offer(&ours(), &local(), Some(&settled), &mut random());
    let tags: Vec<u32> = next.keys.iter().map(|line| line.tag).collect();
    assert_eq!(tags, [4, 1, 2, 3, 5, 6]);
}

#[test]
fn a_key_that_was_put_down_is_never_taken_up_again() {
    let mut random = random();
    let secure = with(&format!("m=audio 4000 RTP/AVP 8\r\na=crypto:1 {SUITE} {KEY}\r\n"));
    let short = secure.replace(SUITE, "AES_CM_128_HMAC_SHA1_32");
    for other in [with("m=audio 4000 RTP/AVP 8\r\n"), with("m=audio 0 RTP/AVP 8\r\n"), short] {
        let mut key = |offer: &str, previous: Option<&Said>| {
            let took = answer(&ours(), &local(), offer.as_bytes(), previous, &mut random).unwrap();
            (took.said, took.agreed.and_then(|agreed| agreed.srtp).map(|keys| keys.local))
        };
        let (first, one) = key(&secure, None);
        let (second, _) = key(&other, Some(&first));
        let (_, again) = key(&secure, Some(&second));
        assert!(one.is_some() && again.is_some() && one != again, "{other}");
    }
    // The same for our own offers.
    let first = offer(&ours(), &local(), None, &mut random);
    let (settled, agreed) = accept(&ours(), &local(), &first, secure.replace(":1 ", ":4 ").as_bytes()).unwrap();
    let key = agreed.srtp.unwrap().local;
    let next = offer(&ours(), &local(), Some(&settled), &mut random);
    assert!(next.keys.iter().any(|line| line.keys == key));
    let (plain, _) = accept(&ours(), &local(), &next, with("m=audio 4000 RTP/AVP 8\r\n").as_bytes()).unwrap();
    let last = offer(&ours(), &local(), Some(&plain), &mut random);
    assert!(last.keys.len() == Suite::ALL.len() && last.keys.iter().all(|line| line.keys != key));
}
