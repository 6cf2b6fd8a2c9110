//! What the user tells the endpoint besides commands: who its DNs are, which accounts it has elsewhere, what it serves.

use super::{Credentials, HeaderLine};
use crate::directory::Entry;

/// A change of what the endpoint knows.
#[derive(Clone, Debug)]
pub enum Control {
    /// Declares a DN, or declares it anew.
    SetDn {
        /// Its number.
        dn: String,
        /// How it proves itself and what it may do.
        entry: Entry,
    },
    /// A DN is no more; its bindings go with it.
    RemoveDn {
        /// Its number.
        dn: String,
    },
    /// Gives an account of ours somewhere else, or gives it anew.
    SetCredentials(Credentials),
    /// Takes an account back.
    RemoveCredentials {
        /// As in [`Credentials`].
        realm: String,
        /// As in [`Credentials`].
        host: String,
        /// As in [`Credentials`].
        username: String,
    },
    /// From now on a part of the requests that would make something new is answered 503 with Retry-After, as under
    /// overload: the user has no time for them. What there is goes on.
    RefuseNew {
        /// Which part, 0 to 1.
        part: f64,
    },
    /// What the user can do and wants, from now on.
    SetPolicy(Policy),
    /// What answers to OPTIONS outside a dialog say besides, from now on: how busy the user is, what else it takes.
    SetOptionsHeaders {
        /// In order.
        headers: Vec<HeaderLine>,
    },
}

/// What the user serves and wants.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The methods printed in Allow.
    pub allow: String,
    /// Seconds of a registration whose REGISTER asks for none.
    pub registration_expires: u32,
    /// Seconds printed in Retry-After of a 503.
    pub retry_after: u32,
    /// Whether a REGISTER with a Path is refused where the phone does not support it (RFC 3327 5.3).
    pub path_needs_support: bool,
    /// The Service-Route handed out with each registration (RFC 3608); empty for none.
    pub service_route: String,
    /// Seconds printed in Flow-Timer (RFC 5626 4.4.1); 0 for none.
    pub flow_timer: u32,
    /// Seconds between two keep-alives to a phone behind a NAT; 0 for none.
    pub nat_keep_alive: u32,
}
