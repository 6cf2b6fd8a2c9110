//! What the user tells the endpoint besides commands: who its DNs are, which accounts it has elsewhere, what it serves.

use super::Credentials;
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
    /// What the user can do and wants, from now on.
    SetPolicy {
        /// The methods printed in Allow.
        allow: String,
        /// Seconds of a registration whose REGISTER asks for none.
        registration_expires: u32,
        /// Seconds printed in Retry-After of a 503.
        retry_after: u32,
    },
}
