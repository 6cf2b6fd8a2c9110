use std::time::Duration;

use super::*;
use crate::flow::Transport;
use crate::ids::SeededIds;
use crate::limits::Limits;
use crate::message::{MessageBuilder, Method};

const REALM: &str = "cordboard.example";
const START: Time = Time(1_000_000_000);

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote: "127.0.0.1:5070".parse().unwrap(),
        connection: 0,
    }
}

fn server() -> Digest {
    Digest::new(REALM, [3; 32], DigestSettings::default())
}

fn user() -> Ha1s {
    Ha1s::of("1501", REALM, "secret")
}

/// A client: answers the challenges of a server.
struct Client {
    user: &'static str,
    password: &'static str,
    algorithm: Algorithm,
    nonce: String,
    cseq: u32,
    call_id: &'static str,
    contact: &'static str,
    uri: &'static str,
}

impl Client {
    fn new(server: &Digest, now: Time, seed: u64) -> Self {
        let lines = server.challenge(&user(), false, flow().remote.ip(), &mut SeededIds::new(seed), now);
        let nonce = lines[0].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Self {
            user: "1501",
            password: "secret",
            algorithm: Algorithm::Md5,
            nonce,
            cseq: 1,
            call_id: "c1",
            contact: "<sip:1501@10.0.0.1>",
            uri: "sip:cordboard.example",
        }
    }

    fn hash(&self, text: &str) -> String {
        let (mut md5, mut sha256) = ([0; 32], [0; 64]);
        hex::encode(&Md5::digest(text), &mut md5);
        hex::encode(&Sha256::digest(text), &mut sha256);
        let text: &[u8] = if self.algorithm == Algorithm::Md5 { &md5 } else { &sha256 };
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn request(&self, nc: Option<u32>) -> Message {
        let ha1 = ha1_hex(self.algorithm, self.user, REALM, self.password);
        let ha2 = self.hash(&format!("REGISTER:{}", self.uri));
        let nonce = &self.nonce;
        let (response, tail) = match nc {
            Some(nc) => (
                self.hash(&format!("{ha1}:{nonce}:{nc:08x}:abc:auth:{ha2}")),
                format!(", qop=auth, nc={nc:08x}, cnonce=\"abc\""),
            ),
            None => (self.hash(&format!("{ha1}:{nonce}:{ha2}")), String::new()),
        };
        let text = format!(
            "REGISTER sip:cordboard.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{}\r\nFrom: <sip:1501@h>;tag=1\r\n\
             To: <sip:1501@h>\r\nCall-ID: {}\r\nCSeq: {} REGISTER\r\nContact: {}\r\nAuthorization: Digest \
             username=\"{}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{}\", response=\"{response}\", algorithm={}{tail}\r\n\r\n",
            self.cseq,
            self.call_id,
            self.cseq,
            self.contact,
            self.user,
            self.uri,
            self.algorithm.token(),
        );
        Message::parse(text.as_bytes(), &Limits::default()).unwrap()
    }
}

fn judge(server: &mut Digest, request: &Message, now: Time) -> Verdict {
    let answer = server.presented(request).unwrap().unwrap();
    server.verify(&answer, &user(), request, &flow(), now)
}

fn get(header: &str, uri: &str) -> bool {
    let request = MessageBuilder::request(&Method::from_token("GET"), uri).finish();
    let answer = Answer::parse(header).unwrap();
    let (name, password) =
        if answer.realm.starts_with("testrealm") { ("Mufasa", "Circle Of Life") } else { ("Mufasa", "Circle of Life") };
    let ha1s = Ha1s::of(name, answer.realm, password);
    match answer.algorithm.unwrap() {
        Algorithm::Md5 => is_right::<Md5, 16, 32>(&answer, &ha1s.md5.unwrap(), &request),
        Algorithm::Sha256 => is_right::<Sha256, 32, 64>(&answer, &ha1s.sha256.unwrap(), &request),
    }
}

#[test]
fn the_example_of_rfc_2617_is_right() {
    let header = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", qop=auth, nc=00000001, \
        cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    assert!(get(header, "/dir/index.html"));
    assert!(!get(&header.replace("00000001", "00000002"), "/dir/index.html"));
}

#[test]
fn the_examples_of_rfc_7616_are_right() {
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let header = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        assert!(get(&header, "/dir/index.html"), "{algorithm}");
    }
}

#[test]
fn the_hash_of_rfc_2617_is_printed_in_hexadecimal() {
    let text = ha1_hex(Algorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(text, "939e7578ed9e3c518a452acee763bce9");
    let mut ha1s = Ha1s::default();
    ha1s.set_hex(Algorithm::Md5, &text.to_uppercase()).unwrap();
    assert_eq!(ha1s, Ha1s::of("Mufasa", "testrealm@host.com", "Circle Of Life").md5_only());
    assert_eq!(ha1s.set_hex(Algorithm::Sha256, &text), Err(BadHash(Algorithm::Sha256)));
    assert_eq!(format!("{ha1s:?}"), "{\"MD5\"}");
}

#[test]
fn the_strongest_algorithm_is_offered_first_and_only_those_with_a_hash() {
    let server = server();
    let both = server.challenge(&user(), false, flow().remote.ip(), &mut SeededIds::new(1), START);
    assert!(both[0].contains("algorithm=SHA-256, qop=\"auth\"") && both[1].contains("algorithm=MD5"));
    assert!(!both[0].contains("stale"));
    let one = server.challenge(&user().md5_only(), true, flow().remote.ip(), &mut SeededIds::new(1), START);
    assert_eq!(one.len(), 1);
    assert!(one[0].ends_with("algorithm=MD5, qop=\"auth\", stale=true"));
}

#[test]
fn a_right_answer_is_accepted_with_both_algorithms_and_without_qop() {
    let mut server = server();
    for (seed, algorithm) in [Algorithm::Md5, Algorithm::Sha256].into_iter().enumerate() {
        for nc in [Some(1), None] {
            let mut client = Client::new(&server, START, seed as u64 * 2 + u64::from(nc.is_some()));
            client.algorithm = algorithm;
            assert_eq!(judge(&mut server, &client.request(nc), START), Verdict::Accepted);
        }
    }
}

#[test]
fn a_wrong_password_is_forbidden_and_with_a_foreign_nonce_not_looked_at() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    client.password = "guess";
    assert_eq!(judge(&mut server, &client.request(Some(1)), START), Verdict::Forbidden);
    client.nonce = "00".repeat(24);
    assert_eq!(judge(&mut server, &client.request(Some(1)), START), Verdict::Challenge { stale: true });
    assert_eq!(server.remembered(), 0);
}

#[test]
fn a_right_answer_to_an_expired_or_foreign_nonce_is_stale() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    let late = START.after(Duration::from_secs(299));
    assert_eq!(judge(&mut server, &client.request(Some(1)), late), Verdict::Accepted);
    let later = START.after(Duration::from_secs(300));
    assert_eq!(judge(&mut server, &client.request(Some(2)), later), Verdict::Challenge { stale: true });
    client.nonce = "of an earlier process".into();
    assert_eq!(judge(&mut server, &client.request(Some(1)), START), Verdict::Challenge { stale: true });
}

#[test]
fn a_nonce_sent_to_another_address_is_stale_whether_the_answer_is_right_or_wrong() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    for password in ["secret", "guess"] {
        client.password = password;
        let request = client.request(Some(1));
        let answer = server.presented(&request).unwrap().unwrap();
        let elsewhere = Flow { remote: "10.9.9.9:5070".parse().unwrap(), ..flow() };
        let verdict = server.verify(&answer, &user(), &request, &elsewhere, START);
        assert_eq!(verdict, Verdict::Challenge { stale: true }, "{password}");
    }
    client.password = "secret";
    let request = client.request(Some(1));
    let answer = server.presented(&request).unwrap().unwrap();
    let rebound = Flow { remote: "127.0.0.1:61000".parse().unwrap(), ..flow() };
    assert_eq!(server.verify(&answer, &user(), &request, &rebound, START), Verdict::Accepted);
}

#[test]
fn a_replay_is_stale_but_a_retransmission_and_a_grown_count_pass() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    let first = client.request(Some(1));
    assert_eq!(judge(&mut server, &first, START), Verdict::Accepted);
    assert_eq!(judge(&mut server, &first, START), Verdict::Accepted);
    let answer = server.presented(&first).unwrap().unwrap();
    let elsewhere = Flow { remote: "10.9.9.9:5060".parse().unwrap(), ..flow() };
    assert_eq!(server.verify(&answer, &user(), &first, &elsewhere, START), Verdict::Challenge { stale: true });
    client.contact = "<sip:evil@10.9.9.9>";
    assert_eq!(judge(&mut server, &client.request(Some(1)), START), Verdict::Challenge { stale: true });
    client.cseq = 2;
    assert_eq!(judge(&mut server, &client.request(Some(2)), START), Verdict::Accepted);
    assert_eq!(judge(&mut server, &first, START), Verdict::Challenge { stale: true });
}

#[test]
fn without_qop_the_cseq_must_grow_within_one_call_id() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    assert_eq!(judge(&mut server, &client.request(None), START), Verdict::Accepted);
    client.cseq = 2;
    assert_eq!(judge(&mut server, &client.request(None), START), Verdict::Accepted);
    client.contact = "<sip:evil@10.9.9.9>";
    assert_eq!(judge(&mut server, &client.request(None), START), Verdict::Challenge { stale: true });
    (client.cseq, client.call_id) = (3, "c2");
    assert_eq!(judge(&mut server, &client.request(None), START), Verdict::Challenge { stale: true });
}

#[test]
fn the_uri_must_name_what_is_requested() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    for (nc, uri) in ["sip:CORDBOARD.example", "sip:cordboard.example:5060", "sip:cordboard.example;transport=udp"]
        .into_iter()
        .enumerate()
    {
        client.uri = uri;
        assert_eq!(judge(&mut server, &client.request(Some(nc as u32 + 1)), START), Verdict::Accepted, "{uri}");
    }
    for uri in ["sip:elsewhere.example", "sips:cordboard.example", "sip:1502@cordboard.example", "nonsense"] {
        client.uri = uri;
        assert_eq!(judge(&mut server, &client.request(Some(9)), START), Verdict::BadRequest, "{uri}");
    }
}

#[test]
fn a_user_without_a_hash_for_the_algorithm_is_challenged() {
    let mut server = server();
    let mut client = Client::new(&server, START, 1);
    client.algorithm = Algorithm::Sha256;
    let request = client.request(Some(1));
    let answer = server.presented(&request).unwrap().unwrap();
    let verdict = server.verify(&answer, &user().md5_only(), &request, &flow(), START);
    assert_eq!(verdict, Verdict::Challenge { stale: false });
}

#[test]
fn a_decoy_answers_as_a_wrong_password_does() {
    let mut server = server();
    let request = Client::new(&server, START, 1).request(Some(1));
    let answer = server.presented(&request).unwrap().unwrap();
    let decoy = server.decoy(&user());
    assert_eq!(server.verify(&answer, &decoy, &request, &flow(), START), Verdict::Forbidden);
}

#[test]
fn answers_for_other_realms_are_passed_over() {
    let server = server();
    let text = "OPTIONS sip:h SIP/2.0\r\nAuthorization: Digest username=u, realm=other\r\nAuthorization: Basic x\r\n\
                Proxy-Authorization: Digest username=u, realm=cordboard.example, nonce=n, uri=\"sip:h\", response=0\r\n\r\n";
    let request = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(server.presented(&request).unwrap().unwrap().nonce, "n");
    let request = Message::parse(text.replace("nonce=n,", "").as_bytes(), &Limits::default()).unwrap();
    assert_eq!(server.presented(&request), Err(AnswerError::Missing("nonce")));
    let request = Message::parse(text.replace("cordboard", "x").as_bytes(), &Limits::default()).unwrap();
    assert_eq!(server.presented(&request), Ok(None));
}

#[test]
fn a_realm_cannot_break_out_of_its_quotes() {
    let server = Digest::new("a\"b\\c\r\nd", [0; 32], DigestSettings::default());
    assert_eq!(server.realm(), "a_b_c__d");
}

#[test]
fn a_client_may_hash_the_server_without_the_user_it_calls_but_no_other_user() {
    let requested = "sip:1502@cordboard.example";
    assert!(super::same_resource("sip:cordboard.example", requested));
    assert!(super::same_resource("sip:1502@cordboard.example:5060", requested));
    assert!(!super::same_resource("sip:1503@cordboard.example", requested));
    assert!(!super::same_resource("sip:elsewhere.example", requested));
}
