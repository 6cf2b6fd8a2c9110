//! The drivers that carry the SIP core on a real network.
