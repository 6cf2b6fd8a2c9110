//! What the user tells the endpoint besides commands: who its DNs are and which accounts it has elsewhere.

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
}
