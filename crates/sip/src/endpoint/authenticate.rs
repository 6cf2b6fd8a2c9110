//! Requests of ours that are challenged: sent again with credentials, where the user has given some
//! (RFC 3261 22.2, 22.3).
//!
//! The user sees one request with one outcome. Below, each try is a transaction of its own with a
//! new branch and the next CSeq number; the request's number moves to the one that runs. A challenge is met
//! once: a realm that asks again is answered again only if it says that nothing but the nonce was
//! wrong (`stale=true`), and never more than [`MOST_TRIES`] times in all. Otherwise the user has
//! the 401 or 407 as the outcome.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Asking, Cancel, Endpoint, TransactionId};
use crate::digest::Algorithm;
use crate::digest::client::{Challenge, Proof, Secret};
use crate::flow::{Flow, Transport};
use crate::header::HeaderName;
use crate::message::{Message, MessageBuilder};
use crate::time::Time;
use crate::uri::{Uri, parse_ip};

/// Proofs one request may collect: a chain of proxies, each with a stale nonce once.
const MOST_TRIES: usize = 6;
/// Nonces whose uses are counted; a server that hands out more at once starts again at 1.
const MOST_NONCES: usize = 256;

/// An account of ours somewhere else: with a carrier, on a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The realm it is for; empty for any, which needs a password.
    pub realm: String,
    /// The host it is for, as a Request-URI names it or as the literal address we send to; empty for any.
    /// Carriers with the same realm are told apart by it.
    pub host: String,
    /// The user name.
    pub username: String,
    /// What proves it.
    pub secret: Secret,
}

/// All accounts of ours, and the nonces they have used.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    all: Vec<Credentials>,
    nonces: VecDeque<(String, u32)>,
}

/// What of a request tells which account it is sent for.
struct Request<'a> {
    host: &'a str,
    user: &'a str,
    remote: SocketAddr,
}

impl Accounts {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn set(&mut self, credentials: Credentials) {
        self.remove(&credentials.realm, &credentials.host, &credentials.username);
        self.all.push(credentials);
    }

    pub(super) fn remove(&mut self, realm: &str, host: &str, username: &str) {
        self.all.retain(|c| (c.realm.as_str(), c.host.as_str(), c.username.as_str()) != (realm, host, username));
    }

    /// The account that knows most about a challenge: one for this host before one for any, one for this realm
    /// before one for any, the one whose name stands in From before others.
    fn meet(&self, challenge: &Challenge, request: &Request<'_>) -> Option<Proof> {
        let suits = |c: &&Credentials| {
            let here = c.host.is_empty()
                || c.host.eq_ignore_ascii_case(request.host)
                || parse_ip(&c.host) == Some(request.remote.ip());
            here && (c.realm.is_empty() || c.realm == challenge.realm)
        };
        let known = |c: &&Credentials| (!c.host.is_empty(), !c.realm.is_empty(), c.username == request.user);
        let best = self.all.iter().filter(suits).max_by_key(known)?;
        Proof::new(challenge, &best.username, &best.secret)
    }

    /// How often a nonce has been used, this time included.
    fn count(&mut self, nonce: &str) -> u32 {
        if let Some((_, count)) = self.nonces.iter_mut().find(|(n, _)| n == nonce) {
            *count += 1;
            return *count;
        }
        if self.nonces.len() == MOST_NONCES {
            self.nonces.pop_front();
        }
        self.nonces.push_back((nonce.to_owned(), 1));
        1
    }
}

impl Endpoint {
    /// Sends a challenged request again. `false`: the challenge is the outcome.
    pub(super) fn authenticate(
        &mut self,
        id: TransactionId,
        response: &Message,
        heard: Option<Flow>,
        now: Time,
    ) -> bool {
        if self.accounts.is_empty() || !matches!(response.status(), 401 | 407) {
            return false;
        }
        let Some(asking) = self.asking.get(&id).filter(|a| !a.settled && matches!(a.cancel, Cancel::No)) else {
            return false;
        };
        let (Some(request), Some(heard)) = (asking.request.clone(), heard) else { return false };
        let Some(proofs) = self.proofs(id, &request, response) else { return false };
        let Some(asking) = self.asking.get(&id) else { return false };
        let mut flow = asking.flow;
        if heard.transport != flow.transport {
            // It went to TCP for its size and fell back.
            flow = Flow { transport: heard.transport, connection: 0, ..flow };
        }
        let Some(local) = self.routes.local(flow.transport, flow.remote) else { return false };
        let number = match asking.dialog {
            None => request.cseq().map_or(1, |c| c.number) + 1,
            Some(dialog) => match self.dialogs.get_mut(&dialog) {
                Some(dialog) => dialog.take_seq(),
                None => return false,
            },
        };
        self.send_again(id, &request, proofs, number, Flow { local, ..flow }, now);
        true
    }

    /// What the request has to prove now: what it has proved before, and what is asked besides.
    fn proofs(&mut self, id: TransactionId, request: &Message, response: &Message) -> Option<Vec<Proof>> {
        let asking = self.asking.get(&id)?;
        let mut proofs = asking.proofs.clone();
        let before = proofs.len();
        let mut challenges = Challenge::of(response);
        // RFC 8760 2.4: the first we can meet, unless a stronger one of the same realm can be met too.
        challenges.sort_by_key(|c| c.algorithm() != Algorithm::Sha256);
        let uri = Uri::parse(request.uri()).ok();
        let from = request.from().ok().and_then(|f| Uri::parse(f.uri).ok());
        let about = Request {
            host: uri.as_ref().map_or("", |u| u.host),
            user: from.as_ref().map_or("", |u| u.user),
            remote: asking.flow.remote,
        };
        let mut met: Vec<Proof> = Vec::new();
        for challenge in &challenges {
            if met.iter().any(|p| p.challenge.asks_as(challenge)) {
                continue;
            }
            let again = proofs.iter().any(|p| p.challenge.asks_as(challenge));
            if again && !challenge.stale {
                self.counters.credentials_refused += 1;
                return None;
            }
            met.extend(self.accounts.meet(challenge, &about));
        }
        if met.is_empty() || before + met.len() > MOST_TRIES {
            self.counters.challenges_unmet += 1;
            return None;
        }
        // The latest proof of a realm is the one that counts; the others are kept to be counted.
        proofs.append(&mut met);
        Some(proofs)
    }

    fn send_again(
        &mut self,
        id: TransactionId,
        request: &Arc<Message>,
        proofs: Vec<Proof>,
        number: u32,
        flow: Flow,
        now: Time,
    ) {
        self.end_early_forks(id);
        let Some(asking) = self.asking.remove(&id) else { return };
        let credentials = self.prove(request, &proofs);
        let build =
            |endpoint: &mut Self, transport, local| endpoint.rebuild(request, number, &credentials, transport, local);
        let again = build(self, flow.transport, flow.local);
        let (again, flow, fallback) = self.by_size(again, flow, build);
        let again = Arc::new(again);
        let next = TransactionId(self.numbers.next());
        self.retried.insert(asking.told, next);
        let asking = Asking {
            dialog: asking.dialog,
            contact_user: asking.contact_user,
            request: Some(again.clone()),
            proofs,
            ..Asking::new(asking.told, asking.method, flow)
        };
        self.asking.insert(next, Box::new(asking));
        self.counters.authenticated += 1;
        // No patience: it was answered once, so its peer is not silent.
        self.layer.send_request(next, again, flow, fallback, Duration::ZERO, now, &mut self.outputs);
    }

    /// The lines that prove it all, each realm once.
    fn prove(&mut self, request: &Message, proofs: &[Proof]) -> Vec<(HeaderName, String)> {
        let method = request.method();
        let mut lines = Vec::new();
        for (at, proof) in proofs.iter().enumerate() {
            if proofs[at + 1..].iter().any(|later| later.challenge.asks_as(&proof.challenge)) {
                continue;
            }
            let mut cnonce = String::with_capacity(16);
            self.ids.push_token(&mut cnonce);
            let count = self.accounts.count(&proof.challenge.nonce);
            lines.push(proof.header(&method, request.uri(), count, &cnonce));
        }
        lines
    }

    fn rebuild(
        &mut self,
        request: &Message,
        number: u32,
        credentials: &[(HeaderName, String)],
        transport: Transport,
        local: SocketAddr,
    ) -> Message {
        let method = request.method();
        let mut builder =
            MessageBuilder::request(&method, request.uri()).known_text(HeaderName::Via, &self.via(transport, local));
        let mut content_type = "";
        for (id, name, value) in request.headers() {
            builder = match id {
                HeaderName::Via
                | HeaderName::Authorization
                | HeaderName::ProxyAuthorization
                | HeaderName::ContentLength => builder,
                HeaderName::ContentType => {
                    content_type = value;
                    builder
                }
                HeaderName::CSeq => builder.cseq(number, &method),
                _ => builder.header(name, value),
            };
        }
        for (name, value) in credentials {
            builder = builder.known_text(*name, value);
        }
        builder.body(content_type, request.body())
    }
}

/// The credentials a request carries.
pub(super) fn credentials_of(request: &Message) -> impl Iterator<Item = (HeaderName, &str)> {
    [HeaderName::Authorization, HeaderName::ProxyAuthorization]
        .into_iter()
        .flat_map(|name| request.all(name).map(move |value| (name, value)))
}
