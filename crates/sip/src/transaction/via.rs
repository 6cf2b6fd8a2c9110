//! Via on the way back (RFC 3261 18.2, RFC 3581).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::flow::{Flow, Transport};
use crate::header::{HeaderName, StampedVia, Via};
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

/// Prints a response. Its topmost Via is stamped with where the request came from (RFC 3261
/// 18.2.1, RFC 3581 section 4), unless the user has seen to that.
#[must_use]
pub fn print_response(response: &Message, flow: &Flow) -> Arc<[u8]> {
    match (response.top_via(), response.get(HeaderName::Via)) {
        (Ok(via), Some(line)) if !is_stamped(&via, flow.remote) => {
            response.to_bytes_with_via(&StampedVia { line, source: flow.remote }.to_string())
        }
        _ => response.to_bytes(),
    }
}

/// The parameters of a Via that matter here, found in one walk.
#[derive(Clone, Copy, Debug, Default)]
struct Marks<'a> {
    rport: Option<&'a str>,
    received: Option<&'a str>,
}

impl<'a> Marks<'a> {
    fn of(via: &Via<'a>) -> Self {
        let mut marks = Self::default();
        for param in via.params.iter() {
            let mark = match param.name.len() {
                5 if param.name.eq_ignore_ascii_case("rport") => &mut marks.rport,
                8 if param.name.eq_ignore_ascii_case("received") => &mut marks.received,
                _ => continue,
            };
            mark.get_or_insert(param.value.unwrap_or(""));
        }
        marks
    }
}

fn is_stamped(via: &Via<'_>, source: SocketAddr) -> bool {
    let ip = Some(source.ip().to_canonical());
    let marks = Marks::of(via);
    match (marks.rport, marks.received) {
        (None, None) => via.ip() == ip,
        (None, Some(received)) => parse_ip(received) == ip,
        (Some(rport), received) => rport.parse() == Ok(source.port()) && received.and_then(parse_ip) == ip,
    }
}

pub(super) fn reply_port(via: &Via<'_>, flow: &Flow) -> u16 {
    if flow.transport != Transport::Udp || Marks::of(via).rport.is_some() {
        return flow.remote.port();
    }
    via.port.filter(|port| *port != 0).unwrap_or_else(|| flow.transport.default_port())
}

pub(super) fn with_remote_port(flow: Flow, port: u16) -> Flow {
    let mut flow = flow;
    flow.remote.set_port(port);
    flow
}

/// A Via of ours rewritten for another flow, its parameters kept.
pub(super) fn over_flow(via: &Via<'_>, flow: &Flow) -> String {
    format!("SIP/2.0/{} {}{}", flow.transport.via_token(), flow.local, via.params.as_str())
}
