//! Messages the layer makes by itself.

use std::net::SocketAddr;
use std::sync::Arc;

use super::via;
use crate::flow::Flow;
use crate::header::HeaderName;
use crate::limits::Limits;
use crate::message::{Message, MessageBuilder, Method};

/// The 100 to an INVITE from `source` (RFC 3261 8.2.6.1: no To tag, Timestamp copied).
pub(super) fn trying(invite: &Message, source: SocketAddr) -> Arc<[u8]> {
    let builder = MessageBuilder::response_from(invite, source, 100, None, None);
    match invite.get(HeaderName::Timestamp) {
        Some(timestamp) => builder.known_text(HeaderName::Timestamp, timestamp),
        None => builder,
    }
    .into_bytes()
}

/// The ACK to a 3xx-6xx (RFC 3261 17.1.1.3): the INVITE's Request-URI, topmost Via, From, Call-ID,
/// CSeq number and Route, the response's To.
pub(super) fn ack(invite: &Message, response: &Message) -> Message {
    let to = response.get(HeaderName::To).or_else(|| invite.get(HeaderName::To));
    same_hop(invite, Method::Ack, to).finish()
}

/// The CANCEL of an INVITE (RFC 3261 9.1), with further headers such as Reason (RFC 3326).
pub(super) fn cancel(invite: &Message, headers: &[(String, String)]) -> Message {
    let builder = same_hop(invite, Method::Cancel, invite.get(HeaderName::To));
    headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value)).finish()
}

/// The same request for another flow: only the topmost Via changes.
pub(super) fn over_flow(request: &Message, flow: &Flow) -> Message {
    let Ok(top) = request.top_via() else { return request.clone() };
    let bytes = request.to_bytes_with_via(&via::over_flow(&top, flow));
    let limits =
        Limits { message: usize::MAX, headers: usize::MAX, header: usize::MAX, vias: usize::MAX, uri: usize::MAX };
    // Our own message with one line changed; if it cannot be read, the old one is still true.
    Message::parse(&bytes, &limits).unwrap_or_else(|_| request.clone())
}

/// What ACK and CANCEL have in common: they follow the INVITE hop by hop.
fn same_hop(invite: &Message, method: Method, to: Option<&str>) -> MessageBuilder {
    let mut builder = MessageBuilder::request(&method, invite.uri());
    if let Some(via) = invite.list(HeaderName::Via).next() {
        builder = builder.known_text(HeaderName::Via, via);
    }
    for route in invite.all(HeaderName::Route) {
        builder = builder.known_text(HeaderName::Route, route);
    }
    builder = builder.known_text(HeaderName::MaxForwards, "70");
    if let Some(from) = invite.get(HeaderName::From) {
        builder = builder.known_text(HeaderName::From, from);
    }
    if let Some(to) = to {
        builder = builder.known_text(HeaderName::To, to);
    }
    builder = builder.known_text(HeaderName::CallId, invite.call_id());
    match invite.cseq() {
        Ok(cseq) => builder.cseq(cseq.number, &method),
        Err(_) => builder,
    }
}
