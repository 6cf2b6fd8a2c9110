use super::*;
use crate::digest::{Algorithm, DigestSettings, ha1_hex};
use crate::flow::Transport;
use crate::ids::SeededIds;
use crate::limits::Limits;
use md5::{Digest as _, Md5};

const REALM: &str = "cordboard";
const NOW: Time = Time(5_000_000);

struct Centre {
    directory: Directory,
    ids: SeededIds,
    remote: SocketAddr,
    /// The transport and its connection.
    over: (Transport, u64),
}

impl Centre {
    /// 1501 with a password for REGISTER and INVITE, 1502 without one, 1503 a secondary of 7000, a trunk.
    fn new() -> Self {
        let mut directory = Directory::new(Digest::new(REALM, [1; 32], DigestSettings::default()));
        let authenticate = MethodSet::from_tokens(["register", " INVITE", "bye", "nonsense"]);
        let secret = |user: &str| Entry {
            ha1s: Ha1s::of(user, REALM, "secret").md5_only(),
            authenticate,
            registers: true,
            ..Entry::default()
        };
        directory.set("1501", secret("1501"));
        directory.set("1502", Entry { authenticate, registers: true, ..Entry::default() });
        directory.set("7000", secret("7000"));
        directory.set("1503", Entry { username: Some("7000".into()), ..secret("7000") });
        let peers = vec![("192.0.2.1".parse().unwrap(), None)];
        directory.set("trunk", Entry { peers, ..Entry::default() });
        Self { directory, ids: SeededIds::new(1), remote: "10.0.0.1:5060".parse().unwrap(), over: (Transport::Udp, 0) }
    }

    /// Whether who spoke since the last time was right.
    fn proofs(&mut self) -> Vec<bool> {
        let mut proofs = Vec::new();
        self.directory.take_proofs(&mut proofs);
        proofs.iter().map(|proof| proof.right).collect()
    }

    fn ask(&mut self, method: &str, from: &str, authorization: &str) -> Admission {
        let text = format!(
            "{method} sip:cordboard SIP/2.0\r\nFrom: <sip:{from}@cordboard>;tag=1\r\nTo: <sip:x@cordboard>\r\n\
             Call-ID: a\r\nCSeq: 1 {method}\r\n{authorization}\r\n"
        );
        let request = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let local = "10.0.0.9:5060".parse().unwrap();
        let (transport, connection) = self.over;
        let flow = Flow { transport, local, remote: self.remote, connection };
        let from = request.parties().unwrap().from_uri;
        self.directory.admit(&request, &from, &flow, NOW, &mut self.ids)
    }

    /// Asks, and answers the challenge.
    fn prove(&mut self, method: &str, from: &str, user: &str, password: &str) -> Admission {
        let header = self.answer(method, from, user, password);
        self.ask(method, from, &header)
    }

    /// Asks; the answer to the challenge.
    fn answer(&mut self, method: &str, from: &str, user: &str, password: &str) -> String {
        let Admission::Challenge(lines) = self.ask(method, from, "") else { panic!("not challenged") };
        let nonce = lines[0].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
        let hex = |text: String| Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>();
        let ha1 = ha1_hex(Algorithm::Md5, user, REALM, password);
        let ha2 = hex(format!("{method}:sip:cordboard"));
        let response = hex(format!("{ha1}:{nonce}:00000001:x:auth:{ha2}"));
        format!(
            "Authorization: Digest username=\"{user}\",realm=\"{REALM}\",nonce=\"{nonce}\",uri=\"sip:cordboard\",\
             response=\"{response}\",qop=auth,nc=00000001,cnonce=\"x\"\r\n"
        )
    }
}

fn admitted(dn: &str) -> Admission {
    Admission::Admitted { dn: dn.into() }
}

fn status(admission: &Admission) -> u16 {
    match admission {
        Admission::Admitted { .. } => 200,
        Admission::Challenge(_) => 401,
        Admission::Refused { status, .. } => *status,
    }
}

#[test]
fn listed_methods_of_a_dn_with_a_password_need_digest() {
    let mut centre = Centre::new();
    assert_eq!(centre.prove("REGISTER", "1501", "1501", "secret"), admitted("1501"));
    assert_eq!(centre.prove("INVITE", "1501", "1501", "secret"), admitted("1501"));
    assert_eq!(status(&centre.prove("INVITE", "1501", "1501", "guess")), 403);
    assert_eq!(centre.ask("SUBSCRIBE", "1501", ""), admitted("1501"));
    for method in ["ACK", "BYE", "CANCEL"] {
        assert_eq!(centre.ask(method, "1501", ""), admitted("1501"), "{method}");
        assert_eq!(status(&centre.ask(method, "9999", "")), 481, "{method}");
    }
    let counters = centre.directory.counters();
    assert_eq!((counters.authenticated, counters.wrong_password, counters.challenged), (2, 1, 3));
}

#[test]
fn a_dn_without_a_password_is_never_challenged() {
    let mut centre = Centre::new();
    assert_eq!(centre.ask("REGISTER", "1502", ""), admitted("1502"));
    let junk = "Authorization: Digest username=\"1502\",realm=\"cordboard\",nonce=\"\",uri=\"sip:cordboard\",response=\"\"\r\n";
    assert_eq!(centre.ask("REGISTER", "1502", junk), admitted("1502"));
}

#[test]
fn digest_says_who_it_is_whatever_from_says() {
    let mut centre = Centre::new();
    assert_eq!(centre.prove("INVITE", "anonymous", "1501", "secret"), admitted("1501"));
    assert_eq!(centre.prove("INVITE", "1503", "1501", "secret"), admitted("1501"));
}

#[test]
fn a_secondary_shared_line_answers_with_the_name_of_its_primary() {
    let mut centre = Centre::new();
    assert_eq!(centre.prove("REGISTER", "1503", "7000", "secret"), admitted("1503"));
    assert_eq!(centre.prove("REGISTER", "7000", "7000", "secret"), admitted("7000"));
    assert_eq!(status(&centre.prove("REGISTER", "1503", "1503", "secret")), 403);
}

#[test]
fn the_address_of_a_trunk_wins_over_from_but_not_for_register() {
    let mut centre = Centre::new();
    centre.remote = "[::ffff:192.0.2.1]:40000".parse().unwrap();
    assert_eq!(centre.ask("INVITE", "1501", ""), admitted("trunk"));
    assert_eq!(centre.ask("INVITE", "0123456", ""), admitted("trunk"));
    assert_eq!(status(&centre.ask("REGISTER", "1501", "")), 401);
    centre.directory.remove("trunk");
    assert_eq!(status(&centre.ask("INVITE", "0123456", "")), 401);
}

#[test]
fn several_dns_on_one_address_are_told_apart_by_port_then_from() {
    let mut centre = Centre::new();
    for (dn, port) in [("a", Some(5070)), ("b", None), ("c", Some(5071))] {
        centre.directory.set(dn, Entry { peers: vec![("127.0.0.1".parse().unwrap(), port)], ..Entry::default() });
    }
    for (port, from, dn) in [(5070, "x", "a"), (5071, "x", "c"), (5071, "b", "b"), (5999, "x", "b"), (5999, "c", "b")] {
        centre.remote = SocketAddr::new("127.0.0.1".parse().unwrap(), port);
        assert_eq!(centre.ask("INVITE", from, ""), admitted(dn), "{port} {from}");
    }
}

#[test]
fn a_stranger_cannot_be_told_from_a_dn_with_a_password() {
    let mut centre = Centre::new();
    let shape = |admission: Admission| match admission {
        Admission::Challenge(lines) => lines.iter().map(String::len).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shape(centre.ask("REGISTER", "9999", "")), shape(centre.ask("REGISTER", "1501", "")));
    let known = centre.prove("REGISTER", "1501", "1501", "guess");
    assert_eq!(centre.prove("REGISTER", "9999", "9999", "guess"), known);
}

#[test]
fn where_nothing_is_challenged_strangers_are_refused_at_once() {
    let mut centre = Centre::new();
    assert_eq!(status(&centre.ask("SUBSCRIBE", "9999", "")), 403);
    for dn in ["1501", "1503", "7000"] {
        assert!(centre.directory.remove(dn));
    }
    assert!(!centre.directory.remove("1501"));
    assert_eq!(status(&centre.ask("INVITE", "9999", "")), 403);
    assert_eq!(status(&centre.ask("REGISTER", "9999", "")), 404);
    assert_eq!(centre.directory.len(), 2);
}

#[test]
fn no_forged_datagram_lets_an_address_fail() {
    let mut centre = Centre::new();
    assert_eq!(status(&centre.prove("REGISTER", "1501", "1501", "guess")), 403);
    assert_eq!(centre.proofs(), [false], "at the address the nonce was sent to");

    // A nonce of the attacker's own, sent as if from somebody else's address.
    let header = centre.answer("REGISTER", "1501", "1501", "guess");
    centre.remote = "10.0.0.2:5060".parse().unwrap();
    assert_eq!(status(&centre.ask("REGISTER", "1501", &header)), 401);
    assert_eq!(centre.proofs(), []);
    // Nor does what needs no nonce.
    for dn in ["1501", "1503", "7000"] {
        centre.directory.remove(dn);
    }
    assert_eq!(status(&centre.ask("REGISTER", "9999", "")), 404);
    assert_eq!(centre.proofs(), []);
    centre.over = (Transport::Tcp, 7);
    assert_eq!(status(&centre.ask("REGISTER", "9999", "")), 404);
    assert_eq!(centre.proofs(), [false], "who has a connection is where he says");
}

#[test]
fn the_address_of_a_peer_never_fails() {
    let mut centre = Centre::new();
    centre.remote = "192.0.2.1:5060".parse().unwrap();
    for over in [(Transport::Udp, 0), (Transport::Tcp, 7)] {
        centre.over = over;
        assert_eq!(status(&centre.prove("REGISTER", "1501", "1501", "guess")), 403);
        assert_eq!(centre.proofs(), []);
        assert_eq!(centre.prove("REGISTER", "1501", "1501", "secret"), admitted("1501"));
        assert_eq!(centre.proofs(), [true]);
    }
}

#[test]
fn contradictory_credentials_are_a_bad_request() {
    let mut centre = Centre::new();
    let header = "Authorization: Digest username=\"1501\",realm=\"cordboard\",nonce=\"n\",uri=\"sip:elsewhere\",response=\"0\"\r\n";
    assert_eq!(status(&centre.ask("INVITE", "1501", header)), 400);
    assert_eq!(status(&centre.ask("INVITE", "1501", &header.replace("nonce=\"n\",", ""))), 400);
}

#[test]
fn the_method_set_reads_options_as_people_write_them() {
    let set = MethodSet::from_tokens("register, INVITE ,Publish,,x".split(','));
    assert!(set.contains(&Method::Register) && set.contains(&Method::Invite) && set.contains(&Method::Publish));
    assert!(!set.contains(&Method::Subscribe) && !set.contains(&Method::from_token("X")));
}
