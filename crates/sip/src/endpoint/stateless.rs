//! Answers that leave nothing behind (RFC 3261 8.2.7): refusals, challenges and registrations, so
//! that a stranger's flood costs no memory.

use std::hash::{Hash, Hasher};

use super::Endpoint;
use crate::flow::{Flow, Transmit};
use crate::header::HeaderName;
use crate::message::{Message, MessageBuilder};
use crate::text::push_hex;
use crate::transaction::reply_flow;

impl Endpoint {
    /// Answers a request without a transaction. `headers` follow the copied ones.
    pub(super) fn answer(&mut self, request: &Message, flow: Flow, status: u16, headers: &[(HeaderName, &str)]) {
        let tag = self.stateless_tag(request);
        let mut builder = MessageBuilder::response_from(request, flow.remote, status, None, Some(&tag));
        for (name, value) in headers {
            builder = builder.known_text(*name, value);
        }
        self.transmit_answer(request, flow, builder);
    }

    /// Sends the answer to a request that needs no transaction.
    pub(super) fn transmit_answer(&mut self, request: &Message, flow: Flow, answer: MessageBuilder) {
        let bytes = answer.known_text(HeaderName::Server, &self.settings.software).into_bytes();
        self.transmits.push(Transmit { flow: reply_flow(request, flow), bytes });
    }

    /// The To tag of a stateless answer: the same for each repeat of a request (RFC 3261 8.2.7).
    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        let mut hasher = rustc_hash::FxHasher::default();
        self.tag_key.hash(&mut hasher);
        request.call_id().hash(&mut hasher);
        request.get(HeaderName::From).hash(&mut hasher);
        request.get(HeaderName::Via).hash(&mut hasher);
        let mut tag = String::with_capacity(16);
        push_hex(&mut tag, hasher.finish());
        tag
    }
}
