use super::*;
use crate::flow::Transport;

fn binding(uri: &str, q: u16, updated: u64, expires: u64) -> Binding {
    let address = "127.0.0.1:5060".parse().unwrap();
    let flow = Flow { transport: Transport::Udp, local: address, remote: address, connection: 0 };
    let (updated, expires) = (Time(updated * 1_000_000), Time(expires * 1_000_000));
    let terms =
        Terms { q, cseq: 1, interval: 60, expires, updated, kept_until: 0, flow, reg_id: 0, nat: false, born: 0 };
    Binding::new(Texts { uri, call_id: "c", path: "<sip:p;lr>, <sip:q;lr>", user_agent: "ua", instance: "i" }, terms)
        .unwrap()
}

fn uris(bindings: &Bindings, dn: &str) -> Vec<String> {
    bindings.get(dn).iter().map(|b| b.uri().to_owned()).collect()
}

#[test]
fn a_binding_gives_back_what_it_was_made_of() {
    let made = binding("sip:a@h", 500, 1, 2);
    let texts = made.texts();
    assert_eq!((texts.uri, texts.call_id, texts.user_agent), ("sip:a@h", "c", "ua"));
    assert_eq!(made.location().path, ["<sip:p;lr>", "<sip:q;lr>"]);
    assert_eq!(made.remaining(Time(1_500_000)), 1);
    assert!(std::mem::size_of::<Binding>() <= 160);
    let long = "x".repeat(Texts::MAX + 1);
    assert!(
        Binding::new(
            Texts { uri: &long, ..texts },
            Terms {
                q: 0,
                cseq: 0,
                interval: 0,
                expires: Time(0),
                updated: Time(0),
                kept_until: 0,
                flow: made.flow,
                reg_id: 0,
                nat: false,
                born: 0
            }
        )
        .is_none()
    );
}

#[test]
fn the_best_and_then_the_most_recent_comes_first() {
    let mut bindings = Bindings::default();
    let dn: Arc<str> = "1501".into();
    bindings.edit(&dn, |all| {
        all.push(binding("sip:low", 100, 9, 100));
        all.push(binding("sip:old", 1000, 1, 100));
        all.push(binding("sip:new", 1000, 2, 100));
    });
    assert_eq!(uris(&bindings, "1501"), ["sip:new", "sip:old", "sip:low"]);
    assert_eq!(bindings.len(), 3);
}

#[test]
fn a_refreshed_binding_outlives_its_old_place_in_the_calendar() {
    let mut bindings = Bindings::default();
    let (one, two): (Arc<str>, Arc<str>) = ("1501".into(), "1502".into());
    bindings.edit(&one, |all| all.push(binding("sip:a", 0, 0, 10)));
    bindings.edit(&two, |all| all.push(binding("sip:b", 0, 0, 10)));
    assert_eq!(bindings.next_timeout(), Some(Time(10_000_000)));
    let place = bindings.find("1501").unwrap();
    bindings.refresh(place, 0).unwrap().expires = Time(15_500_000);
    let mut lost = Vec::new();
    assert_eq!(bindings.expire(Time(10_000_000), |dn, _, left| lost.push((dn.clone(), left.len()))), 1);
    assert_eq!(lost, [(two, 0)]);
    assert_eq!(bindings.next_timeout(), Some(Time(16_000_000)));
    assert_eq!(bindings.expire(Time(15_999_999), |_, _, _| panic!("too early")), 0);
    assert_eq!(bindings.expire(Time(16_000_000), |_, _, _| {}), 1);
    assert!(bindings.is_empty() && bindings.next_timeout().is_none() && bindings.iter().next().is_none());
}

#[test]
fn a_place_is_used_again_and_its_old_timer_harms_nobody() {
    let mut bindings = Bindings::default();
    let (one, two): (Arc<str>, Arc<str>) = ("1501".into(), "1502".into());
    bindings.edit(&one, |all| all.push(binding("sip:a", 0, 0, 10)));
    bindings.edit(&one, Vec::clear);
    bindings.edit(&two, |all| all.push(binding("sip:b", 0, 0, 20)));
    assert_eq!(bindings.slots.len(), 1);
    assert_eq!(bindings.expire(Time(10_000_000), |_, _, _| panic!("not due")), 0);
    assert_eq!(uris(&bindings, "1502"), ["sip:b"]);
    assert_eq!(bindings.expire(Time(20_000_000), |_, _, _| {}), 1);
}

/// The pairs of RFC 3261 19.1.4.
#[test]
fn uris_are_compared_as_the_rfc_says() {
    for (one, other) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
    ] {
        assert!(same_uri(one, other) && same_uri(other, one), "{one} {other}");
    }
    for (one, other) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@h;x=1", "sip:a@h;x=2"),
        ("sips:a@h", "sip:a@h"),
        ("nonsense", "sip:a@h"),
    ] {
        assert!(!same_uri(one, other) && !same_uri(other, one), "{one} {other}");
    }
}
