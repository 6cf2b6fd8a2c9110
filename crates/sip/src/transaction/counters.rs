//! What the layer counts.

/// What has happened so far, and how many transactions live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// INVITEs of ours.
    pub invite_clients: usize,
    /// Other requests of ours.
    pub non_invite_clients: usize,
    /// INVITEs of peers.
    pub invite_servers: usize,
    /// Other requests of peers.
    pub non_invite_servers: usize,
    /// Messages sent again, by timer or because the peer repeated itself.
    pub retransmitted: u64,
    /// Messages received again.
    pub absorbed: u64,
    /// Timers B, C, F and H that ran out.
    pub timeouts: u64,
    /// Requests of ours that failed because the transport did.
    pub transport_failures: u64,
    /// Requests of ours that went from TCP to UDP (RFC 3261 18.1.1).
    pub fallbacks: u64,
    /// Requests of peers that the user never answered.
    pub unanswered: u64,
    /// Requests refused because there were too many transactions.
    pub overloaded: u64,
    /// Answered transactions let go before timer J to make room.
    pub let_go: u64,
    /// Merged requests.
    pub merged: u64,
    /// Responses and CANCELs that match no transaction.
    pub unmatched: u64,
    /// Requests dropped because their Via cannot be read.
    pub unreadable: u64,
    /// Inputs a machine has no entry for; [`super::Layer::last_protocol_error`] names the last.
    pub protocol_errors: u64,
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
