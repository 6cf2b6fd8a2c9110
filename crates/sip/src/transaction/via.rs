//! Via on the way back (RFC 3261 18.2, RFC 3581).

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::flow::{Flow, Transport};
use crate::header::Via;
use crate::message::Message;
use crate::uri::parse_ip;

/// The flow the responses to a request go to: the one it came on. Over UDP the port is the one of
/// `sent-by`, unless the client asked by `rport` for the port it sent from (RFC 3261 18.2.2,
/// RFC 3581 section 4). The address is always the one the request came from: a `maddr` is
/// ignored, since it would let a stranger aim our responses at a third party.
#[must_use]
pub fn reply_flow(request: &Message, flow: Flow) -> Flow {
    let port = request.top_via().map_or(flow.remote.port(), |via| reply_port(&via, &flow));
    with_remote_port(flow, port)
}

/// Prints a response with the topmost Via completed by what the transport saw: `received` where
/// `sent-by` is not the address the request came from, and the value of `rport` where it was asked
/// for (RFC 3261 18.2.1, RFC 3581 section 4). Nothing is added twice.
#[must_use]
pub fn print_response(response: &Message, flow: &Flow) -> Arc<[u8]> {
    match response.top_via().ok().and_then(|via| completed(&via, flow.remote)) {
        Some(via) => response.to_bytes_with_top_via(&via),
        None => response.to_bytes(),
    }
}

pub(super) fn reply_port(via: &Via<'_>, flow: &Flow) -> u16 {
    if flow.transport != Transport::Udp || via.params.has("rport") {
        return flow.remote.port();
    }
    via.port.filter(|port| *port != 0).unwrap_or_else(|| flow.transport.default_port())
}

pub(super) fn with_remote_port(flow: Flow, port: u16) -> Flow {
    let mut flow = flow;
    flow.remote.set_port(port);
    flow
}

/// The Via with `received` and `rport` filled in; `None` if it lacks nothing.
fn completed(via: &Via<'_>, remote: SocketAddr) -> Option<String> {
    let rport = via.params.get("rport") == Some("");
    let differs = parse_ip(via.host).is_none_or(|ip| ip.to_canonical() != remote.ip().to_canonical());
    let received = (rport || differs) && !via.params.has("received");
    if !rport && !received {
        return None;
    }
    let mut text = String::with_capacity(160);
    push_start(&mut text, via.transport, via.host, via.port);
    for param in via.params.iter() {
        // Writing to a String cannot fail.
        let _ = match param.value {
            None if param.name.eq_ignore_ascii_case("rport") => write!(text, ";rport={}", remote.port()),
            Some("") if param.name.eq_ignore_ascii_case("rport") => write!(text, ";rport={}", remote.port()),
            None => write!(text, ";{}", param.name),
            Some(value) => write!(text, ";{}={value}", param.name),
        };
    }
    if received {
        let _ = write!(text, ";received={}", remote.ip().to_canonical());
    }
    Some(text)
}

/// A Via of ours rewritten for another flow, its parameters kept.
pub(super) fn over_flow(via: &Via<'_>, flow: &Flow) -> String {
    let mut text = String::with_capacity(160);
    let _ = write!(text, "SIP/2.0/{} {}{}", flow.transport.via_token(), flow.local, via.params.as_str());
    text
}

fn push_start(text: &mut String, transport: &str, host: &str, port: Option<u16>) {
    let _ = match port {
        Some(port) => write!(text, "SIP/2.0/{transport} {host}:{port}"),
        None => write!(text, "SIP/2.0/{transport} {host}"),
    };
}
