//! Bindings that outlast the process: the journal in its shortest form, and what a new process makes of it.

use std::sync::Arc;

use super::{Registrar, changed, gruu, journal};
use crate::event::{BindingChange, Event};
use crate::time::Time;

/// What a journal held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Records read.
    pub records: usize,
    /// Bindings that live.
    pub bindings: usize,
    /// Bytes that belong to no whole record: a torn end, or damage.
    pub damaged: usize,
}

impl Registrar {
    /// The journal in its shortest form: one record for each binding.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bindings.len() * 256);
        if let Some(sealer) = &self.gruus {
            journal::secret(&mut bytes, sealer.secret());
        }
        for (dn, bindings) in self.bindings.iter() {
            for binding in bindings {
                journal::put(&mut bytes, dn, binding);
            }
        }
        bytes
    }

    /// Takes up the bindings of an earlier run. What has expired meanwhile is left out; a record that is
    /// torn or damaged is passed over. Each DN that has bindings is told.
    pub fn restore(&mut self, bytes: &[u8], now: Time, unix: u64, events: &mut Vec<Event>) -> Restored {
        let mut rest = bytes;
        let mut restored = Restored::default();
        while !rest.is_empty() {
            let Some(record) = journal::read(&mut rest, now, unix) else {
                rest = &rest[1..];
                restored.damaged += 1;
                continue;
            };
            restored.records += 1;
            let (dn, uri, reg_id, binding) = match record {
                journal::Record::Put { dn, uri, reg_id, binding } => (dn, uri, reg_id, binding),
                journal::Record::Remove { dn, uri, reg_id } => (dn, uri, reg_id, None),
                journal::Record::Secret(secret) => {
                    self.gruus = gruu::Sealer::new(secret);
                    continue;
                }
            };
            self.bindings.edit(&Arc::from(dn), |all| {
                all.retain(|b| b.uri() != uri || b.reg_id != reg_id);
                all.extend(binding);
            });
        }
        restored.bindings = self.bindings.len();
        for (dn, bindings) in self.bindings.iter() {
            events.push(changed(dn, BindingChange::Appeared, bindings));
        }
        restored
    }
}
