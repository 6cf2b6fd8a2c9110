//! What the endpoint asks of the layer besides carrying messages.

use super::{Layer, TransactionId, matching};
use crate::header::Via;
use crate::message::{Message, Method};

impl Layer {
    /// Whether a request belongs to a transaction that lives (RFC 3261 17.2.3), so that it is a
    /// repetition and must not be judged again. Changes nothing.
    #[must_use]
    pub fn is_known(&self, request: &Message) -> bool {
        request.top_via().is_ok_and(|via| self.find(request, &via).0.is_some())
    }

    /// The transaction a request belongs to, and what it is matched by.
    pub(super) fn find(&self, request: &Message, via: &Via<'_>) -> (Option<TransactionId>, matching::RequestKey) {
        let method = request.method();
        let owner = match &method {
            Method::Ack | Method::Cancel => &Method::Invite,
            other => other,
        };
        let key = matching::server_key(self.settings.hash_seed, request, via, owner);
        let found = self.server_keys.get(&key.key).copied();
        (found.filter(|id| self.legacy_tags_agree(*id, &method, &key)), key)
    }

    /// For a client of RFC 2543: whether the To tag is that of the request, or for an ACK that of
    /// our final response (RFC 3261 17.2.3).
    fn legacy_tags_agree(&self, id: TransactionId, method: &Method, key: &matching::RequestKey) -> bool {
        let Some(server) = self.servers.get(&id) else { return false };
        match (&server.legacy, key.legacy_to) {
            (Some(tags), Some(to)) if *method == Method::Ack => tags.response == Some(to),
            (Some(tags), Some(to)) => tags.request == to,
            _ => true,
        }
    }
}
