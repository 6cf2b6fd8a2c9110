mod accept;
mod answer;
mod keys;
mod properties;

use super::*;

const KEY: &str = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

pub(super) fn ours() -> Capabilities {
    Capabilities {
        codecs: vec![Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::L16(16_000)],
        telephone_event: true,
        comfort_noise: true,
        ptime_ms: 20,
        srtp: SrtpPolicy::Optional,
        suites: Suite::ALL.to_vec(),
        rtcp_mux: true,
    }
}

fn plain() -> Capabilities {
    Capabilities { srtp: SrtpPolicy::Off, ..ours() }
}

pub(super) fn local() -> Local {
    Local { address: [192, 0, 2, 1].into(), port: 40_000, session_id: 7, direction: Direction::SendRecv }
}

/// Keys that differ, the same each time.
pub(super) fn random() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |out| {
        for octet in out {
            next = next.wrapping_mul(5).wrapping_add(17);
            *octet = next;
        }
    }
}

/// A description with its streams, at 198.51.100.7.
fn with(streams: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{streams}")
}

fn answered(ours: &Capabilities, offer: &str) -> Result<Answered, DescriptionError> {
    answer(ours, &local(), offer.as_bytes(), None, &mut random())
}

/// The lines of streams of what was said.
fn lines(said: &Said) -> Vec<String> {
    let text = String::from_utf8(said.to_bytes()).unwrap();
    text.lines().skip_while(|line| !line.starts_with("m=")).map(str::to_owned).collect()
}

fn origin(said: &Said) -> String {
    let text = String::from_utf8(said.to_bytes()).unwrap();
    text.lines().nth(1).unwrap().to_owned()
}

fn at(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}
