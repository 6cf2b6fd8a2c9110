//! What the endpoint asks of the layer besides carrying messages.

use super::{Layer, TransactionId, matching, via};
use crate::flow::Flow;
use crate::header::Via;
use crate::message::{Message, Method};

/// Where a request belongs, looked up once.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub(super) found: Option<TransactionId>,
    pub(super) key: matching::RequestKey,
    pub(super) reply_port: u16,
}

impl Place {
    /// Whether the transaction lives, so that the request is a repetition and must not be judged again.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.found.is_some()
    }
}

impl Layer {
    /// Where a request with that topmost Via belongs (RFC 3261 17.2.3). Changes nothing.
    #[must_use]
    pub fn find(&self, request: &Message, via: &Via<'_>, flow: &Flow) -> Place {
        let method = request.method();
        let owner = match &method {
            Method::Ack | Method::Cancel => &Method::Invite,
            other => other,
        };
        let key = matching::server_key(self.settings.hash_seed, request, via, owner);
        let found = self.servers.keyed(key.key);
        let found = found.filter(|id| self.legacy_tags_agree(*id, &method, &key));
        Place { found, key, reply_port: via::reply_port(via, flow) }
    }

    /// For a client of RFC 2543: whether the To tag is that of the request, or for an ACK that of
    /// our final response (RFC 3261 17.2.3).
    fn legacy_tags_agree(&self, id: TransactionId, method: &Method, key: &matching::RequestKey) -> bool {
        let Some(server) = self.servers.get(id) else { return false };
        match (&server.legacy, key.legacy_to) {
            (Some(tags), Some(to)) if *method == Method::Ack => tags.response == Some(to),
            (Some(tags), Some(to)) => tags.request == to,
            _ => true,
        }
    }
}
