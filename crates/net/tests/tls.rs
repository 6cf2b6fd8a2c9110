//! TLS on a real network: loopback, both families, both versions, both directions.
#![allow(clippy::unwrap_used)]

#[path = "support/pki.rs"]
mod pki;
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cordboard_net::{Config, Engine, TlsConfig, VerifyClient};
use cordboard_sip::Transport;
use cordboard_sip::endpoint::Fault;
use pki::{BOTH, Ca, Folder, Pair, TlsPhone, V12, V13, call, client, shown};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use support::{Do, PATIENCE, Rig, Seen, dial, flow, listen, read_to_close, turned_away};

/// Names and addresses of the server in these tests.
const NAMES: &[&str] = &["sip.example.com", "127.0.0.1", "::1"];

fn options(uri: &str, mark: &str) -> Vec<u8> {
    format!(
        "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
         Call-ID: {mark}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn message(mark: &str) -> Vec<u8> {
    options("sip:a@sip.example.com", mark)
}

fn config(tls: TlsConfig) -> Config {
    let listen = [listen(Transport::Tls, "127.0.0.1:0"), listen(Transport::Tls, "[::1]:0")];
    Config { listen: listen.to_vec(), tls: Some(tls), ..Config::default() }
}

/// Echoes each message as it is.
fn echo(config: Config) -> Rig {
    Rig::with(Engine::bind(config).unwrap(), |core| core.answer = |data| Some(data.to_vec()))
}

/// A server, its authority and its files.
struct House {
    ca: Ca,
    pair: Pair,
    folder: Folder,
    tls: TlsConfig,
}

impl House {
    fn new() -> Self {
        let ca = Ca::new("house");
        let pair = ca.issue(NAMES);
        let folder = Folder::new();
        let tls = folder.tls(&pair, &ca);
        Self { ca, pair, folder, tls }
    }

    fn echo(&self) -> Rig {
        echo(config(self.tls.clone()))
    }

    fn phone(&self, rig: &Rig) -> TlsPhone {
        call(&client(&self.ca, BOTH, None), rig.address(Transport::Tls, false), "sip.example.com")
    }
}

fn ask(phone: &mut TlsPhone, mark: &str) {
    let message = message(mark);
    phone.write_all(&message).unwrap();
    let mut answer = vec![0; message.len()];
    phone.read_exact(&mut answer).unwrap();
    assert_eq!(answer, message);
}

/// What TLS says to a phone that is refused.
fn refusal(phone: &mut TlsPhone) -> String {
    let result = phone.write_all(&message("x")).and_then(|()| phone.read(&mut [0; 1]));
    result.unwrap_err().to_string()
}

#[test]
fn a_message_is_answered_on_its_connection_in_both_families_and_versions() {
    let house = House::new();
    let rig = house.echo();
    for v6 in [false, true] {
        for versions in [V12, V13] {
            let server = rig.address(Transport::Tls, v6);
            let name = if v6 { "::1" } else { "127.0.0.1" };
            let mut phone = call(&client(&house.ca, versions, None), server, name);
            ask(&mut phone, "hello");
            let (data, flow) = rig.next_message();
            assert_eq!(data, message("hello"));
            assert_eq!((flow.transport, flow.local), (Transport::Tls, server));
            assert_eq!(flow.remote, phone.sock.local_addr().unwrap());
            assert_ne!(flow.connection, 0);
        }
    }
    assert_eq!(rig.counter("tls_handshakes"), 4);
    assert_eq!(rig.counter("tls_handshaking"), 0);
}

#[test]
fn bytes_one_at_a_time_and_megabytes_at_once_both_work() {
    let house = House::new();
    let rig = house.echo();
    let mut phone = house.phone(&rig);
    for byte in message("slow") {
        phone.write_all(&[byte]).unwrap();
        phone.flush().unwrap();
    }
    let mut answer = vec![0; message("slow").len()];
    phone.read_exact(&mut answer).unwrap();
    let (_, flow) = rig.find(|seen| if let Seen::Received(d, f) = seen { Some((d, f)) } else { None });
    let large: Vec<u8> = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
    for _ in 0..5 {
        rig.tell(Do::Send(flow, large.clone()));
        let mut got = vec![0; large.len()];
        phone.read_exact(&mut got).unwrap();
        assert!(got == large, "bytes were changed on the way");
    }
    let many: Vec<u8> = (0..2_000).flat_map(|n| message(&format!("n{n}"))).collect();
    phone.write_all(&many).unwrap();
    let mut answers = vec![0; many.len()];
    phone.read_exact(&mut answers).unwrap();
    assert!(answers == many);
}

#[test]
fn a_phone_that_comes_back_resumes_its_session_until_the_certificates_are_reloaded() {
    let house = House::new();
    let rig = house.echo();
    for versions in [V12, V13] {
        let config = client(&house.ca, versions, None);
        let mut kinds = Vec::new();
        for turn in 0..3 {
            let mut phone = call(&config, rig.address(Transport::Tls, false), "sip.example.com");
            ask(&mut phone, "hello");
            kinds.push(phone.conn.handshake_kind().unwrap());
            if turn == 1 {
                rig.handle.reload_tls(&house.tls).unwrap();
            }
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Full]);
    }
    assert_eq!(rig.counter("tls_resumed"), 2);
}

#[test]
fn new_certificates_serve_new_connections_while_old_ones_live_on() {
    let house = House::new();
    let rig = house.echo();
    let mut old = house.phone(&rig);
    ask(&mut old, "before");
    let server = rig.address(Transport::Tls, false);
    let traffic = std::thread::spawn({
        let phones = client(&house.ca, BOTH, None);
        move || {
            for n in 0..60 {
                let mut phone = call(&phones, server, "sip.example.com");
                ask(&mut phone, &format!("traffic {n}"));
            }
        }
    });
    let mut seen = vec![shown(&old)];
    for _ in 0..5 {
        let next = house.ca.issue(NAMES);
        house.folder.identity("server", &next);
        rig.handle.reload_tls(&house.tls).unwrap();
        let mut phone = house.phone(&rig);
        ask(&mut phone, "new");
        assert!(!seen.contains(&shown(&phone)), "an old certificate was shown");
        seen.push(shown(&phone));
        ask(&mut old, "old");
    }
    traffic.join().unwrap();
    assert_eq!(rig.counter("tls_reloads"), 5);
    ask(&mut old, "after");
}

#[test]
fn a_bad_file_is_refused_by_name_and_the_old_certificate_stays() {
    let house = House::new();
    let rig = house.echo();
    let other = house.ca.issue(NAMES);
    let files = &house.tls.identities[0];
    let cases: [(&str, &str, &str); 6] = [
        (&house.pair.certificate, &other.key, "does not belong to the certificate"),
        ("no certificate", &other.key, "server.pem does not hold a PEM certificate: there is none in it"),
        (&other.certificate, "no key", "server.key does not hold a PEM private key"),
        ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", &other.key, "server.pem does not hold"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &other.key, "server.pem does not hold"),
        (&other.certificate[..other.certificate.len() / 2], &other.key, "server.pem does not hold"),
    ];
    for (certificate, key, words) in cases {
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        let error = rig.handle.reload_tls(&house.tls).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    std::fs::remove_file(&files.certificate).unwrap();
    let error = rig.handle.reload_tls(&house.tls).unwrap_err().to_string();
    assert!(error.contains("cannot read") && error.contains("server.pem"), "{error}");
    assert_eq!((rig.counter("tls_reloads"), rig.counter("tls_reloads_failed")), (0, 7));
    ask(&mut house.phone(&rig), "still served");
    assert!(Engine::bind(config(house.tls.clone())).is_err());
}

#[test]
fn a_listener_without_certificates_and_a_check_without_authority_are_refused() {
    let house = House::new();
    let bare = Config { tls: None, ..config(house.tls.clone()) };
    assert!(Engine::bind(bare).unwrap_err().to_string().contains("a certificate and its key"));
    let tls = TlsConfig { ca: None, verify_client: VerifyClient::Required, ..house.tls.clone() };
    assert!(Engine::bind(config(tls)).unwrap_err().to_string().contains("needs a CA"));
}

#[test]
fn the_certificate_is_chosen_by_the_name_the_phone_asks_for() {
    let house = House::new();
    let second = house.ca.issue(&["*.second.example"]);
    let mut tls = house.tls.clone();
    tls.identities.push(house.folder.identity("second", &second));
    let rig = echo(config(tls));
    let server = rig.address(Transport::Tls, false);
    let phones = client(&house.ca, BOTH, None);
    for (name, pair) in [("sip.example.com", &house.pair), ("Sip.Second.Example", &second), ("127.0.0.1", &house.pair)]
    {
        let mut phone = call(&phones, server, name);
        ask(&mut phone, "hello");
        assert_eq!(shown(&phone), pki::chain(pair).0[0], "{name}");
    }
    assert!(refusal(&mut call(&phones, server, "third.example")).contains("not valid for name"));
    rig.until("it was counted", |rig| rig.counter("tls_refused_by_peer") == 1);
}

#[test]
fn a_certificate_of_the_phone_is_asked_for_as_configured() {
    let house = House::new();
    let (good, stranger) = (house.ca.issue(&["phone"]), Ca::new("stranger").issue(&["phone"]));
    let expired = house.ca.expired(&["phone"]);
    for versions in [V12, V13] {
        for asked in [VerifyClient::Optional, VerifyClient::Required] {
            let rig = echo(config(TlsConfig { verify_client: asked, ..house.tls.clone() }));
            let server = rig.address(Transport::Tls, false);
            let phone = |own| call(&client(&house.ca, versions, own), server, "sip.example.com");
            ask(&mut phone(Some(&good)), "good");
            if asked == VerifyClient::Required {
                assert!(refusal(&mut phone(None)).contains("alert"));
                rig.until("counted", |rig| rig.counter("tls_no_certificate") == 1);
            } else {
                ask(&mut phone(None), "none");
            }
            assert!(refusal(&mut phone(Some(&stranger))).contains("UnknownCA"));
            rig.until("counted", |rig| rig.counter("tls_certificate_untrusted") == 1);
            assert!(refusal(&mut phone(Some(&expired))).contains("CertificateExpired"));
            rig.until("counted", |rig| rig.counter("tls_certificate_expired") == 1);
            ask(&mut phone(Some(&good)), "good again");
        }
    }
}

/// A server of somebody else.
fn other_server(pair: &Pair) -> (TcpListener, Arc<ServerConfig>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let (certificates, key) = pki::chain(pair);
    let config = builder.with_no_client_auth().with_single_cert(certificates, key).unwrap();
    (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config))
}

fn take_call(server: &(TcpListener, Arc<ServerConfig>)) -> StreamOwned<ServerConnection, TcpStream> {
    let (stream, _) = server.0.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::clone(&server.1)).unwrap(), stream)
}

#[test]
fn a_connection_we_open_is_used_again_for_the_same_domain_only() {
    let house = House::new();
    let rig = house.echo();
    let peer = other_server(&house.ca.issue(&["carrier.example", "second.example"]));
    let to = flow(Transport::Tls, rig.address(Transport::Tls, false), peer.0.local_addr().unwrap());
    let [first, second] = ["one", "two"].map(|mark| options("sip:carrier.example", mark));
    rig.tell(Do::Send(to, first.clone()));
    rig.tell(Do::Send(to, second.clone()));
    let mut stream = take_call(&peer);
    let mut got = vec![0; first.len() + second.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, [first, second].concat());
    assert_eq!(stream.conn.server_name(), Some("carrier.example"));
    rig.tell(Do::Send(to, options("sip:second.example", "three")));
    let mut other = take_call(&peer);
    other.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(other.conn.server_name(), Some("second.example"));
    assert_eq!((rig.counter("tcp_connected"), rig.counter("tls_handshakes")), (2, 2));
    // What the peer sends there arrives as on any connection, and is answered there.
    stream.write_all(&message("back")).unwrap();
    let mut answer = vec![0; message("back").len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(rig.next_message().1.remote, to.remote);
}

#[test]
fn a_server_that_cannot_prove_the_domain_is_refused_with_the_reason() {
    let house = House::new();
    let rig = house.echo();
    let stranger = Ca::new("stranger");
    let cases = [
        (house.ca.issue(&["other.example"]), "tls_certificate_wrong_name", "certificate of another name"),
        // RFC 5922 7.2: a wildcard stands for nothing.
        (house.ca.issue(&["*.example"]), "tls_certificate_wrong_name", "certificate of another name"),
        (house.ca.expired(&["carrier.example"]), "tls_certificate_expired", "certificate expired or not valid yet"),
        (stranger.issue(&["carrier.example"]), "tls_certificate_untrusted", "certificate not trusted"),
    ];
    for (pair, counter, words) in cases {
        let before = rig.counter(counter);
        let peer = other_server(&pair);
        let remote = peer.0.local_addr().unwrap();
        let told = std::thread::spawn(move || take_call(&peer).read(&mut [0; 1]).unwrap_err().to_string());
        let to = flow(Transport::Tls, rig.address(Transport::Tls, false), remote);
        rig.tell(Do::Send(to, options("sip:carrier.example", "secret")));
        let fault = rig.find(|seen| match seen {
            Seen::Failed(Transport::Tls, r, _, fault) if r == remote => Some(fault),
            _ => None,
        });
        assert_eq!(fault, Fault::Tls(words));
        assert_eq!(rig.counter(counter), before + 1);
        assert!(told.join().unwrap().contains("alert"), "the server did not hear why");
    }
    assert_eq!((rig.counter("tls_handshakes"), rig.counter("tls_handshaking")), (0, 0));
    ask(&mut house.phone(&rig), "unharmed");
}

#[test]
fn a_phones_connection_is_not_taken_for_a_domain_at_its_address() {
    let house = House::new();
    let rig = house.echo();
    let mut phone = house.phone(&rig);
    ask(&mut phone, "hello");
    let (_, on) = rig.next_message();
    // By its number it is the phone's binding; by its address it might be anybody's.
    rig.tell(Do::Send(on, message("to the phone")));
    let mut got = vec![0; message("to the phone").len()];
    phone.read_exact(&mut got).unwrap();
    rig.tell(Do::Send(flow(Transport::Tls, on.local, on.remote), options("sips:bank.example", "secret")));
    rig.find(|seen| matches!(seen, Seen::Failed(Transport::Tls, r, ..) if r == on.remote).then_some(()));
    assert_eq!(rig.counter("tcp_connect_failed"), 1);
}

#[test]
fn what_is_no_tls_is_counted_and_closed_and_the_next_connection_unharmed() {
    let house = House::new();
    let rig = house.echo();
    let server = rig.address(Transport::Tls, false);
    let mut good = house.phone(&rig);
    ask(&mut good, "before");
    // A record header may claim 16 kB and a bit; this one claims 65,535 bytes.
    let oversized = [&[22, 3, 1, 0xff, 0xff][..], &[0; 65_535]].concat();
    for (bytes, counter) in [
        (&message("plain")[..], "tls_garbage"),
        (b"GET / HTTP/1.1\r\n\r\n", "tls_garbage"),
        (&oversized, "tls_oversized"),
    ] {
        let before = rig.counter(counter);
        let mut bad = dial(server);
        bad.write_all(bytes).unwrap();
        // At most an alert comes back, never a word of SIP.
        assert!(read_to_close(&mut bad).len() <= 7);
        drop(bad);
        rig.until("it was counted", |rig| rig.counter(counter) == before + 1);
        ask(&mut good, "between");
        ask(&mut house.phone(&rig), "another");
    }
    assert_eq!(rig.counter("tls_handshaking"), 0);
}

#[test]
fn garbage_within_tls_is_refused_as_on_tcp() {
    let house = House::new();
    let rig = house.echo();
    let mut phone = house.phone(&rig);
    let broken = String::from_utf8(message("broken")).unwrap().replace("Content-Length: 0\r\n", "");
    phone.write_all(broken.as_bytes()).unwrap();
    let mut answer = String::new();
    phone.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("SIP/2.0 400 Bad Request\r\n"), "{answer}");
    drop(phone);
    rig.until("it was counted", |rig| rig.counter("tcp_garbage") == 1);
}

#[test]
fn a_record_changed_on_the_way_ends_its_connection_only() {
    let house = House::new();
    let rig = house.echo();
    let mut good = house.phone(&rig);
    let mut bad = house.phone(&rig);
    ask(&mut good, "good");
    ask(&mut bad, "bad");
    bad.sock.write_all(&[23, 3, 3, 0, 32]).unwrap();
    bad.sock.write_all(&[7; 32]).unwrap();
    assert!(bad.read(&mut [0; 1]).unwrap_err().to_string().contains("alert"));
    drop(bad);
    rig.until("it was counted", |rig| rig.counter("tls_garbage") == 1);
    ask(&mut good, "still good");
}

#[test]
fn what_was_asked_before_the_good_bye_is_answered_and_the_good_bye_returned() {
    let house = House::new();
    let rig = house.echo();
    let mut phone = house.phone(&rig);
    ask(&mut phone, "hello");
    let many: Vec<u8> = (0..300).flat_map(|n| message(&format!("n{n}"))).collect();
    phone.write_all(&many).unwrap();
    phone.conn.send_close_notify();
    phone.flush().unwrap();
    let mut answers = Vec::new();
    // Ends without error only if the server says good-bye by TLS' own word.
    phone.read_to_end(&mut answers).unwrap();
    assert!(answers == many, "not every message was answered");
    rig.until("it was counted", |rig| rig.counter("tcp_peer_closed") == 1);
    // Without a word of TLS: the same, as far as SIP goes.
    let mut rude = house.phone(&rig);
    ask(&mut rude, "hello");
    rude.write_all(&message("last")).unwrap();
    rude.flush().unwrap();
    rude.sock.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    rude.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, message("last"));
}

#[test]
fn a_handshake_that_does_not_end_is_closed_in_time_and_one_that_is_left_at_once() {
    let house = House::new();
    let mut config = config(house.tls.clone());
    config.tcp.handshake_deadline = Duration::from_millis(300);
    let rig = echo(config);
    let server = rig.address(Transport::Tls, false);
    let (mut mute, mut slow, left) = (dial(server), dial(server), dial(server));
    slow.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
    drop(left);
    rig.until("one has left", |rig| rig.counter("tls_handshake_left") == 1);
    assert_eq!(read_to_close(&mut mute), b"");
    assert_eq!(read_to_close(&mut slow), b"");
    assert_eq!(rig.counter("tls_handshake_too_slow"), 2);
    assert_eq!(rig.counter("tls_handshaking"), 0);
    ask(&mut house.phone(&rig), "unharmed");
}

#[test]
fn handshakes_under_way_are_bounded_and_connections_beyond_refused() {
    let house = House::new();
    let mut config = config(house.tls.clone());
    config.tcp.handshakes = 8;
    let rig = echo(config);
    let server = rig.address(Transport::Tls, false);
    let mut kept = house.phone(&rig);
    ask(&mut kept, "kept");
    let waiting: Vec<TcpStream> = (0..8).map(|_| dial(server)).collect();
    rig.until("eight are in", |rig| rig.counter("tls_handshaking") == 8);
    for _ in 0..100 {
        assert_eq!(turned_away(server), b"");
    }
    assert_eq!(rig.counter("tls_refused_total"), 100);
    ask(&mut kept, "still there");
    drop(waiting);
    rig.until("they have gone", |rig| rig.counter("tls_handshaking") == 0);
    ask(&mut house.phone(&rig), "room again");
}

/// OpenSSL's client on one connection; stdin stays open until it is dropped.
fn openssl(house: &House, server: SocketAddr, more: &[&str]) -> std::process::Child {
    let ca = house.tls.ca.clone().unwrap();
    Command::new("openssl")
        .args(["s_client", "-connect", &server.to_string(), "-CAfile"])
        .arg(ca)
        .args(["-verify_return_error", "-servername", "sip.example.com", "-verify_hostname", "sip.example.com"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed")
}

#[test]
fn openssl_is_served_in_both_versions_and_families() {
    let house = House::new();
    let rig = house.echo();
    for (version, v6) in [("-tls1_2", false), ("-tls1_3", true)] {
        let mut child = openssl(&house, rig.address(Transport::Tls, v6), &[version, "-quiet", "-no_ign_eof"]);
        let message = message(version);
        child.stdin.as_mut().unwrap().write_all(&message).unwrap();
        let mut answer = vec![0; message.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        assert_eq!(answer, message);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(rig.counter("tls_handshakes"), 2);
}

#[test]
fn old_versions_are_refused() {
    let house = House::new();
    let rig = house.echo();
    let server = rig.address(Transport::Tls, false);
    let mut child = openssl(&house, server, &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
    drop(child.stdin.take());
    assert!(!child.wait_with_output().unwrap().status.success());
    rig.until("it was counted", |rig| rig.counter("tls_incompatible") == 1);
}

#[test]
fn a_renegotiation_is_refused_and_counted() {
    let house = House::new();
    let rig = house.echo();
    let mut child = openssl(&house, rig.address(Transport::Tls, false), &["-tls1_2"]);
    rig.until("it is connected", |rig| rig.counter("tls_handshakes") == 1);
    // A line of its own with an R asks openssl to negotiate anew.
    child.stdin.as_mut().unwrap().write_all(b"R\n").unwrap();
    rig.until("it was counted", |rig| rig.counter("tls_renegotiation") == 1);
    drop(child.stdin.take());
    child.wait().unwrap();
    ask(&mut house.phone(&rig), "unharmed");
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    /// A real first flight.
    fn hello() -> Vec<u8> {
        let ca = Ca::new("nobody");
        let name = "sip.example.com".try_into().unwrap();
        let mut session = rustls::ClientConnection::new(client(&ca, BOTH, None), name).unwrap();
        let mut bytes = Vec::new();
        session.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn no_first_bytes_harm_the_server() {
        let house = House::new();
        let rig = house.echo();
        let server = rig.address(Transport::Tls, false);
        let mut good = house.phone(&rig);
        ask(&mut good, "before");
        let hello = hello();
        let length = hello.len();
        let changed =
            (proptest::collection::vec((0..length, any::<u8>()), 0..6), 0..=length).prop_map(move |(changes, cut)| {
                let mut bytes = hello.clone();
                for (at, byte) in changes {
                    bytes[at] = byte;
                }
                bytes.truncate(cut);
                bytes
            });
        let any_bytes = proptest::collection::vec(any::<u8>(), 0..300);
        let record = (20_u8..25, 0_u16..0x4200, proptest::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(kind, len, rest)| [&[kind, 3, 3][..], &len.to_be_bytes(), &rest].concat());
        let good = std::cell::RefCell::new(good);
        proptest!(ProptestConfig::with_cases(300), |(bytes in prop_oneof![changed, any_bytes, record])| {
            let mut stream = dial(server);
            // The server may have closed by then.
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            read_to_close(&mut stream);
            ask(&mut good.borrow_mut(), "between");
        });
        rig.until("all have gone", |rig| rig.counter("tcp_connections") == 1);
        assert_eq!(rig.counter("tls_handshaking"), 0);
        assert_eq!(rig.counter("tls_handshakes"), 1);
    }
}
