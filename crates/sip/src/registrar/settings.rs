//! What the registrar allows, and what it counts.

/// What the registrar allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarSettings {
    /// Seconds of a binding whose REGISTER names none.
    pub default_expires: u32,
    /// Seconds a binding gets at most.
    pub maximum_expires: u32,
    /// Bindings a DN may have.
    pub contacts: usize,
    /// The Server header of answers; empty for none.
    pub software: String,
    /// Whether a REGISTER with a Path is refused where the phone does not support it (RFC 3327 5.3).
    pub path_needs_support: bool,
    /// The Service-Route handed out (RFC 3608); empty for none.
    pub service_route: String,
    /// Seconds a phone may leave a flow without a keep-alive (RFC 5626 4.4.1); 0 says nothing of it.
    pub flow_timer: u32,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self {
            default_expires: 1_800,
            maximum_expires: 86_400,
            contacts: 10,
            software: String::new(),
            path_needs_support: false,
            service_route: String::new(),
            flow_timer: 120,
        }
    }
}

/// What the registrar has counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrarCounters {
    /// Bindings made.
    pub added: u64,
    /// Bindings refreshed or changed.
    pub refreshed: u64,
    /// Bindings removed on request.
    pub removed: u64,
    /// Bindings that expired.
    pub expired: u64,
    /// Bindings that gave way to a newer one.
    pub displaced: u64,
    /// REGISTERs without a Contact.
    pub queries: u64,
    /// REGISTERs that were retransmissions.
    pub retransmitted: u64,
    /// REGISTERs refused for their CSeq.
    pub out_of_order: u64,
    /// REGISTERs refused for other reasons.
    pub refused: u64,
    /// Bindings removed because their flow was gone.
    pub flows_failed: u64,
}
