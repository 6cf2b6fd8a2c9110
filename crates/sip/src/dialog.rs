//! Dialogs (RFC 3261 section 12): one type, used by everything that talks within one.
//!
//! ```text
//!            1xx with tag                2xx
//!   (none) --------------> EARLY ------------------> CONFIRMED
//!      |                     |                           |
//!      |  2xx                | 3xx-6xx, CANCEL, BYE      | BYE
//!      '---> CONFIRMED       '--------> TERMINATED <-----'
//! ```

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::event::DialogId;
use crate::flow::{Flow, Transport};
use crate::header::{HeaderName, NameAddr};
use crate::message::{Message, MessageBuilder, Method};
use crate::registrar::is_private;
use crate::uri::Uri;

/// Where a dialog stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A provisional response with a To tag has passed (RFC 3261 12.1).
    Early,
    /// A 2xx has passed.
    Confirmed,
    /// Nothing may be sent within it any more.
    Terminated,
}

/// What moves a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A provisional response with a tag.
    Provisional,
    /// A 2xx to the request that made it.
    Success,
    /// A final response other than 2xx to the request that made it, or a CANCEL.
    Failure,
    /// A BYE, sent or received.
    Bye,
}

/// Every state.
pub const STATES: [State; 3] = [State::Early, State::Confirmed, State::Terminated];
/// Every input.
pub const INPUTS: [Input; 4] = [Input::Provisional, Input::Success, Input::Failure, Input::Bye];

/// The machine. `None` is a protocol error: the input does not belong in that state.
#[must_use]
pub fn next(state: State, input: Input) -> Option<State> {
    match (state, input) {
        (State::Early, Input::Provisional) => Some(State::Early),
        (State::Early, Input::Success) => Some(State::Confirmed),
        (State::Early, Input::Failure | Input::Bye) => Some(State::Terminated),
        (State::Confirmed, Input::Success) => Some(State::Confirmed),
        (State::Confirmed, Input::Bye) => Some(State::Terminated),
        (State::Confirmed, Input::Provisional | Input::Failure) | (State::Terminated, _) => None,
    }
}

/// Which end of the dialog we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We sent the request that made it.
    Caller,
    /// We answered it.
    Callee,
}

/// Why a request within a dialog is refused before anybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The CSeq number last seen from the peer.
    pub last: u32,
    /// The lower number that came now; answer 500 (RFC 3261 12.2.2).
    pub got: u32,
}

/// A peer-to-peer relationship between two user agents (RFC 3261 12.1).
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Its number.
    pub id: DialogId,
    /// Which end we are.
    pub side: Side,
    state: State,
    call_id: Box<str>,
    local_tag: Box<str>,
    remote_tag: Box<str>,
    /// Our From or To value without the tag.
    local: Box<str>,
    /// The peer's From or To value without the tag.
    remote: Box<str>,
    local_seq: u32,
    remote_seq: Option<u32>,
    remote_target: Box<str>,
    /// Route values, in the order they go into a request.
    route_set: Box<[Box<str>]>,
    /// The user part of our Contact.
    contact_user: Box<str>,
    /// The path on which the peer was last heard.
    flow: Flow,
    /// Whether the peer's own address is hidden by a NAT, so that its target cannot be dialled.
    behind_nat: bool,
}

impl Dialog {
    /// The callee's dialog, made by answering `request` with `local_tag` (RFC 3261 12.1.1).
    #[must_use]
    pub fn callee(id: DialogId, request: &Message, local_tag: &str, contact_user: &str, flow: Flow) -> Self {
        let (remote, remote_tag) = split_tag(request.get(HeaderName::From).unwrap_or(""));
        let (local, _) = split_tag(request.get(HeaderName::To).unwrap_or(""));
        let behind_nat = request.top_via().is_ok_and(|via| {
            crate::uri::parse_ip(via.host).is_some_and(|ip| ip != flow.remote.ip() && !ip.is_unspecified())
        });
        Self {
            id,
            side: Side::Callee,
            state: State::Early,
            call_id: request.call_id().into(),
            local_tag: local_tag.into(),
            remote_tag: remote_tag.into(),
            local: local.into(),
            remote: remote.into(),
            local_seq: 0,
            remote_seq: request.cseq().ok().map(|c| c.number),
            remote_target: target_of(request).unwrap_or_default(),
            route_set: request.list(HeaderName::RecordRoute).map(Into::into).collect(),
            contact_user: contact_user.into(),
            flow,
            behind_nat,
        }
    }

    /// The caller's dialog, made by a response to `request` (RFC 3261 12.1.2).
    #[must_use]
    pub fn caller(id: DialogId, request: &Message, response: &Message, contact_user: &str, flow: Flow) -> Self {
        let (local, local_tag) = split_tag(request.get(HeaderName::From).unwrap_or(""));
        let (_, remote_tag) = split_tag(response.get(HeaderName::To).unwrap_or(""));
        let (remote, _) = split_tag(request.get(HeaderName::To).unwrap_or(""));
        let mut dialog = Self {
            id,
            side: Side::Caller,
            state: State::Early,
            call_id: request.call_id().into(),
            local_tag: local_tag.into(),
            remote_tag: remote_tag.into(),
            local: local.into(),
            remote: remote.into(),
            local_seq: request.cseq().map_or(1, |c| c.number),
            remote_seq: None,
            remote_target: request.uri().into(),
            route_set: Box::default(),
            contact_user: contact_user.into(),
            flow,
            behind_nat: false,
        };
        dialog.learn_route(response);
        dialog.refresh_target(response);
        dialog.behind_nat = dialog.is_hidden_as(request);
        dialog
    }

    /// Whether the answerer is at an address that cannot be dialled: the one the request named and was not sent to, or a
    /// private one while it was heard from a public one.
    fn is_hidden_as(&self, request: &Message) -> bool {
        let address = |uri: &str| {
            let uri = Uri::parse(uri).ok()?;
            Some(SocketAddr::new(uri.ip()?.to_canonical(), uri.port.unwrap_or(self.flow.transport.default_port())))
        };
        let Some(target) = address(&self.remote_target) else { return false };
        let heard = SocketAddr::new(self.flow.remote.ip().to_canonical(), self.flow.remote.port());
        let routed = request.get(HeaderName::Route).is_some();
        let overruled = !routed && address(request.uri()) == Some(target) && target != heard;
        overruled || (target.ip() != heard.ip() && is_private(target.ip()) && !is_private(heard.ip()))
    }

    /// The peer is reached at another address than it gave: the Contact behind its GRUU, over the flow of that.
    pub fn reach_at(&mut self, target: Box<str>, flow: Flow) {
        self.remote_target = target;
        self.flow = flow;
        self.behind_nat = true;
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Moves by the table; an input that does not belong is reported and changes nothing.
    pub fn handle(&mut self, input: Input) -> Option<State> {
        let state = next(self.state, input)?;
        self.state = state;
        Some(state)
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The peer's tag; empty for a peer of RFC 2543.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// The peer's address: where requests of ours are sent (RFC 3261 12.2.1.1).
    #[must_use]
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// The user part of our Contact.
    #[must_use]
    pub fn contact_user(&self) -> &str {
        &self.contact_user
    }

    /// The path on which the peer was last heard.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Takes the route set from a response: reversed Record-Route (RFC 3261 12.1.2). A 2xx has the
    /// last word over earlier provisional responses (13.2.2.4).
    pub fn learn_route(&mut self, response: &Message) {
        let mut routes: Vec<Box<str>> = response.list(HeaderName::RecordRoute).map(Into::into).collect();
        routes.reverse();
        self.route_set = routes.into();
    }

    /// Takes the peer's Contact as the new remote target (RFC 3261 12.2.1.2, 12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = target_of(message) {
            self.remote_target = target;
        }
    }

    /// Notes a request of the peer's: its CSeq must grow (RFC 3261 12.2.2). The ACK and CANCEL of
    /// an INVITE repeat its number and are not noted here.
    ///
    /// # Errors
    /// If the number is lower than, or the same as, one already seen.
    pub fn accept(&mut self, number: u32, flow: Flow) -> Result<(), OutOfOrder> {
        if let Some(last) = self.remote_seq.filter(|last| number <= *last) {
            return Err(OutOfOrder { last, got: number });
        }
        self.remote_seq = Some(number);
        self.flow = flow;
        Ok(())
    }

    /// Whether an in-dialog request with these identifiers belongs to this dialog.
    #[must_use]
    pub fn is(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> bool {
        *self.call_id == *call_id && *self.local_tag == *local_tag && *self.remote_tag == *remote_tag
    }

    /// Starts a request within the dialog (RFC 3261 12.2.1.1): Request-URI and Route by the route
    /// set, From, To, Call-ID and the next CSeq. Via and Contact are the caller's to add first;
    /// `via` is printed as the topmost header.
    pub fn request(&mut self, method: &Method, via: &str) -> MessageBuilder {
        self.local_seq += 1;
        self.build(method, self.local_seq, via)
    }

    /// Starts the same request once more for another transport: its CSeq `number` stays.
    #[must_use]
    pub fn request_again(&self, method: &Method, number: u32, via: &str) -> MessageBuilder {
        self.build(method, number, via)
    }

    /// Takes the next CSeq number, for a request of ours that is sent again with credentials
    /// (RFC 3261 22.2).
    pub fn take_seq(&mut self) -> u32 {
        self.local_seq += 1;
        self.local_seq
    }

    /// The CSeq number of our latest request.
    #[must_use]
    pub fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// Starts the ACK for the 2xx to the INVITE with CSeq `number` (RFC 3261 13.2.2.4).
    #[must_use]
    pub fn ack(&self, number: u32, via: &str) -> MessageBuilder {
        self.build(&Method::Ack, number, via)
    }

    fn build(&self, method: &Method, number: u32, via: &str) -> MessageBuilder {
        // RFC 3261 12.2.1.1: a first route without `lr` is a strict router: it becomes the
        // Request-URI and the target goes last.
        let strict = self.route_set.first().filter(|r| !is_loose(r));
        let request_uri = strict
            .and_then(|r| NameAddr::parse(r).ok())
            .map_or(Cow::Borrowed(&*self.remote_target), |r| without_uri_headers(r.uri).into());
        let mut builder = MessageBuilder::request(method, &request_uri).known_text(HeaderName::Via, via);
        let skip = usize::from(strict.is_some());
        for route in self.route_set.iter().skip(skip) {
            builder = builder.known_text(HeaderName::Route, route);
        }
        if strict.is_some() {
            builder = builder.known(HeaderName::Route, format_args!("<{}>", self.remote_target));
        }
        builder
            .tagged(HeaderName::From, &self.local, &self.local_tag)
            .tagged(HeaderName::To, &self.remote, &self.remote_tag)
            .known_text(HeaderName::CallId, &self.call_id)
            .cseq(number, method)
    }

    /// The path for a request of ours: the first route, else the remote target, where that is a
    /// literal address; the path the peer was last heard on where it is a name, where it sits
    /// behind a NAT, or where the transport has a connection to that host already.
    #[must_use]
    pub fn next_hop(&self) -> (Transport, SocketAddr, u64) {
        let heard = (self.flow.transport, self.flow.remote, self.flow.connection);
        let hop = match self.route_set.first() {
            Some(route) => NameAddr::parse(route).ok().and_then(|r| Uri::parse(r.uri).ok()),
            None if self.behind_nat => return heard,
            // RFC 5626 4.3: with `ob` the peer asks for the flow it spoke on.
            None => Uri::parse(&self.remote_target).ok().filter(|uri| !uri.params.has("ob")),
        };
        let Some((uri, ip)) = hop.and_then(|uri| uri.ip().map(|ip| (uri, ip))) else { return heard };
        let transport = uri.params.get("transport").and_then(Transport::from_token).unwrap_or(match uri.is_sips() {
            true => Transport::Tls,
            false if self.flow.remote.ip() == ip => self.flow.transport,
            false => Transport::Udp,
        });
        if transport.is_reliable() && transport == self.flow.transport && same_host(ip, self.flow.remote.ip()) {
            return heard;
        }
        (transport, SocketAddr::new(ip, uri.port.unwrap_or(transport.default_port())), 0)
    }
}

fn same_host(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}

/// Splits a From or To value into all but its tag, and the tag. A bare URI is put in brackets, so
/// that a tag added later cannot be taken for a URI parameter.
pub(crate) fn split_tag(value: &str) -> (String, &str) {
    let Ok(address) = NameAddr::parse(value) else { return (value.to_owned(), "") };
    let mut plain = String::with_capacity(value.len() + 2);
    // The URI is a part of `value`: its address tells where.
    let at = address.uri.as_ptr() as usize - value.as_ptr() as usize;
    let bracketed = value[at + address.uri.len()..].trim_start().starts_with('>');
    if bracketed {
        plain.push_str(&value[..at + address.uri.len()]);
        plain.push('>');
    } else {
        plain.push('<');
        plain.push_str(address.uri);
        plain.push('>');
    }
    let mut tag = "";
    for param in address.params.iter() {
        if param.name.eq_ignore_ascii_case("tag") {
            tag = param.value.unwrap_or("");
            continue;
        }
        plain.push(';');
        plain.push_str(param.name);
        if let Some(value) = param.value {
            plain.push('=');
            plain.push_str(value);
        }
    }
    (plain, tag)
}

fn target_of(message: &Message) -> Option<Box<str>> {
    let contact = message.contacts().next()?;
    NameAddr::parse(contact).ok().map(|c| c.uri.into())
}

fn is_loose(route: &str) -> bool {
    NameAddr::parse(route).ok().and_then(|r| Uri::parse(r.uri).ok()).is_none_or(|u| u.params.has("lr"))
}

fn without_uri_headers(uri: &str) -> String {
    uri.split_once('?').map_or(uri, |(u, _)| u).to_owned()
}
