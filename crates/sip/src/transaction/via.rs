//! Via on the way back (RFC 3261 18.2, RFC 3581).

use crate::flow::{Flow, Transport};
use crate::header::Via;
use crate::message::Message;

/// The flow the responses to a request go to: the one it came on. Over UDP the port is the one of
/// `sent-by`, unless the client asked by `rport` for the port it sent from (RFC 3261 18.2.2,
/// RFC 3581 section 4). The address is always the one the request came from: a `maddr` is
/// ignored, since it would let a stranger aim our responses at a third party.
#[must_use]
pub fn reply_flow(request: &Message, flow: Flow) -> Flow {
    let port = request.top_via().map_or(flow.remote.port(), |via| reply_port(&via, &flow));
    with_remote_port(flow, port)
}

pub(super) fn reply_port(via: &Via<'_>, flow: &Flow) -> u16 {
    if flow.transport != Transport::Udp || via.rport().is_some() {
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
