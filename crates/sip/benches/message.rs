//! How long the grammar takes: `cargo bench -p cordboard-sip --bench message`. Prints nanoseconds
//! a piece; the best of several runs, since whatever disturbs a run only slows it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use cordboard_sip::header::{Credentials, HeaderName};
use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, MessageBuilder};
use cordboard_sip::uri::Uri;

const SDP: &str = "v=0\r\no=- 3849 3849 IN IP4 192.0.2.17\r\ns=call\r\nc=IN IP4 192.0.2.17\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

fn invite() -> String {
    format!(
        "INVITE sip:1502@sip.example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.17:5060;rport;branch=z9hG4bK1d4c0f83a8e75b21\r\n\
         Max-Forwards: 70\r\n\
         From: \"Agent 1501\" <sip:1501@sip.example.com>;tag=8f2bd51c77a1\r\n\
         To: <sip:1502@sip.example.com>\r\n\
         Call-ID: 5f3a9c1e8b2d4f60@192.0.2.17\r\n\
         CSeq: 20 INVITE\r\n\
         Contact: <sip:1501@192.0.2.17:5060;transport=udp>\r\n\
         User-Agent: AudioCodes-SIP-Phone/440HD 2.2.16\r\n\
         Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY, PRACK, UPDATE\r\n\
         Supported: replaces, 100rel, timer\r\n\
         Allow-Events: talk, hold, conference\r\n\
         Session-Expires: 1800\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

fn measure<T>(what: &str, mut work: impl FnMut() -> T) {
    const ROUNDS: u32 = 20_000;
    let mut best = u128::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(work());
        }
        best = best.min(start.elapsed().as_nanos());
    }
    println!("{what:<44}{:>8} ns", best / u128::from(ROUNDS));
}

fn main() {
    let limits = Limits::default();
    let text = invite();
    let invite = Message::parse(text.as_bytes(), &limits).unwrap();
    println!("INVITE of {} bytes, {} headers", text.len(), invite.headers().count());
    measure("parse", || Message::parse(black_box(text.as_bytes()), &limits).unwrap());
    measure("validate", || black_box(&invite).validate().unwrap());
    measure("top_via, from, to, cseq", || {
        (invite.top_via().unwrap(), invite.from().unwrap(), invite.to().unwrap(), invite.cseq().unwrap())
    });
    let source = "192.0.2.17:5060".parse().unwrap();
    measure("response_from, 180 with Contact", || {
        MessageBuilder::response_from(&invite, source, 180, None, Some("a1b2c3d4"))
            .known(HeaderName::Contact, "<sip:192.0.2.1:5060>")
            .finish()
    });
    measure("to_bytes", || black_box(&invite).to_bytes());
    measure("Uri::parse", || Uri::parse(black_box("sip:1501@192.0.2.17:5060;transport=udp")).unwrap());
    let digest = "Digest username=\"1501\", realm=\"example\", nonce=\"5f3a9c1e8b2d4f60\", uri=\"sip:example.com\", \
                  response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, cnonce=\"abc\", qop=auth, nc=00000001";
    measure("Credentials::parse", || Credentials::parse(black_box(digest)).unwrap());
}
