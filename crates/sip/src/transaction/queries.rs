//! What the endpoint asks of the layer besides carrying messages.

use super::{Counters, Layer, matching};
use crate::message::{Message, Method};

impl Layer {
    /// Whether a request belongs to a transaction that lives (RFC 3261 17.2.3), so that it is a
    /// repetition and must not be judged again. Changes nothing.
    #[must_use]
    pub fn is_known(&self, request: &Message) -> bool {
        let Ok(via) = request.top_via() else { return false };
        let method = request.method();
        let owner = match method {
            Method::Ack | Method::Cancel => Method::Invite,
            _ => method,
        };
        let key = matching::server_key(self.settings.hash_seed, request, &via, &owner);
        self.server_keys.contains_key(&key.key)
    }
}

impl Counters {
    /// Each figure with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("invite_client_transactions", self.invite_clients as u64),
            ("non_invite_client_transactions", self.non_invite_clients as u64),
            ("invite_server_transactions", self.invite_servers as u64),
            ("non_invite_server_transactions", self.non_invite_servers as u64),
            ("retransmitted", self.retransmitted),
            ("absorbed", self.absorbed),
            ("timeouts", self.timeouts),
            ("transport_failures", self.transport_failures),
            ("tcp_to_udp_fallbacks", self.fallbacks),
            ("unanswered_requests", self.unanswered),
            ("transaction_table_full", self.overloaded),
            ("transactions_let_go", self.let_go),
            ("unmatched_messages", self.unmatched),
            ("unreadable_vias", self.unreadable),
            ("protocol_errors", self.protocol_errors),
        ]
        .into_iter()
    }
}
