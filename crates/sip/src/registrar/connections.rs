//! Which DNs have a binding that lives as long as a connection.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::bindings::Binding;

/// By connection; one that keeps nobody's binding is not in it.
#[derive(Debug, Default)]
pub(super) struct Connections(FxHashMap<u64, FxHashSet<Arc<str>>>);

impl Connections {
    /// The bindings of a DN have changed: these connections kept some before, and these bindings are left.
    pub(super) fn follow(&mut self, dn: &Arc<str>, before: &[u64], left: &[Binding]) {
        for connection in before {
            if left.iter().any(|binding| kept_by(binding) == Some(*connection)) {
                continue;
            }
            if let Some(dns) = self.0.get_mut(connection) {
                dns.remove(dn);
                if dns.is_empty() {
                    self.0.remove(connection);
                }
            }
        }
        for connection in left.iter().filter_map(kept_by) {
            self.0.entry(connection).or_default().insert(dn.clone());
        }
    }

    /// Takes out a connection that is gone: the DNs with bindings it kept.
    pub(super) fn take(&mut self, connection: u64) -> FxHashSet<Arc<str>> {
        self.0.remove(&connection).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.values().map(FxHashSet::len).sum()
    }
}

/// The connection without which nobody can reach the phone, if there is one.
pub(super) fn kept_by(binding: &Binding) -> Option<u64> {
    let connection = binding.flow.connection;
    (connection != 0 && binding.path().is_empty() && (binding.reg_id > 0 || binding.nat)).then_some(connection)
}
