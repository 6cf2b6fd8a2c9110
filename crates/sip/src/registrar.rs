//! The registrar (RFC 3261 section 10.3, RFC 3327, 5626, 5627): REGISTER in, bindings kept, answer out, without a
//! transaction (RFC 3261 8.2.7).
//!
//! * Any expiry up to [`RegistrarSettings::maximum_expires`] is taken as asked, down to one second: 423
//!   is never sent, because phones behind a pool of proxies register every five seconds on purpose.
//! * A request is carried out whole or not at all.
//! * For a binding made with the same Call-ID, a lower CSeq is out of order: 500, nothing changes. The
//!   same CSeq is a retransmission, which a stateless server sees, and gets the present answer.
//! * A DN has at most [`RegistrarSettings::contacts`] bindings. More in one request are refused; where
//!   an additional phone would make it more, the one that refreshed least recently gives way, so that a
//!   phone that takes a new port at each start cannot lock its owner out.
//! * The user is told when the contacts of a DN, their flow or their q change, never of a refresh.
//! * Each change is a record of the journal ([`Registrar::restore`]). A refresh is one only when the
//!   journal would otherwise let the binding expire too early.

mod answer;
mod change;
mod connections;
mod date;
mod devices;
mod gruu;
mod journal;
mod lasting;
mod nat;
mod read;
mod settings;

use std::sync::Arc;

use crate::bindings::{Binding, Bindings};
use crate::directory::Directory;
use crate::event::{BindingChange, Event, Location};
use crate::flow::Flow;
use crate::ids::Ids;
use crate::message::{Message, Parties};
use crate::time::Time;

use self::connections::{Connections, kept_by};
pub use self::lasting::Restored;
pub use self::nat::is_private;
pub(crate) use self::read::EXTENSIONS;
pub use self::settings::{RegistrarCounters, RegistrarSettings};

/// Seconds a binding stays in the journal past its expiry.
const KEEP_LONGER: u64 = 60;
/// Characters of a User-Agent that are kept.
const USER_AGENT: usize = 128;
/// What a malformed expiry counts as (RFC 3261 20.10, 20.19).
const MALFORMED_EXPIRES: u32 = 3_600;

/// A REGISTER that was admitted, and what is needed to answer it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The request.
    pub request: &'a Message,
    /// Whom it is from and to.
    pub parties: &'a Parties<'a>,
    /// The DN it was admitted as ([`Directory::admit`]).
    pub dn: &'a Arc<str>,
    /// The flow it came over.
    pub flow: Flow,
    /// The time.
    pub now: Time,
    /// The time in Unix seconds.
    pub unix: u64,
    /// The To tag of the answer: the same for each retransmission (RFC 3261 8.2.7).
    pub tag: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    status: u16,
    reason: &'static str,
    /// For 420.
    unsupported: String,
}

impl Refusal {
    fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason, unsupported: String::new() }
    }
}

/// The registrar of one realm.
#[derive(Debug, Default)]
pub struct Registrar {
    settings: RegistrarSettings,
    bindings: Bindings,
    counters: RegistrarCounters,
    connections: Connections,
    /// Seals temporary GRUUs; made when one is asked for first.
    gruus: Option<gruu::Sealer>,
    /// The Date header of this second.
    date: (u64, String),
    scratch: String,
}

impl Registrar {
    /// A registrar without bindings.
    #[must_use]
    pub fn new(settings: RegistrarSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// What it allows; a change leaves the bindings there are as they are.
    pub fn settings_mut(&mut self) -> &mut RegistrarSettings {
        &mut self.settings
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> RegistrarCounters {
        self.counters
    }

    /// How many bindings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Where a DN can be reached now, best first.
    #[must_use]
    pub fn locations(&self, dn: &str, now: Time) -> Vec<Location> {
        self.bindings.get(dn).iter().filter(|b| b.expires > now).map(Binding::location).collect()
    }

    /// Carries out a REGISTER and gives the bytes of its answer. Whatever changed is appended to
    /// `events` and `journal`.
    pub fn register(
        &mut self,
        visit: &Visit<'_>,
        directory: &Directory,
        ids: &mut dyn Ids,
        events: &mut Vec<Event>,
        journal: &mut Vec<u8>,
    ) -> Arc<[u8]> {
        let outcome = self.carry_out(visit, directory, events, journal);
        match &outcome {
            Ok(_) => {}
            Err(Refusal { status: 500, .. }) => self.counters.out_of_order += 1,
            Err(_) => self.counters.refused += 1,
        }
        self.answer(visit, outcome, ids, journal)
    }

    fn tell(&self, dn: &Arc<str>, had: bool, events: &mut Vec<Event>) {
        let left = self.bindings.get(dn);
        let change = match (had, left.is_empty()) {
            (false, true) => return,
            (false, false) => BindingChange::Appeared,
            (true, false) => BindingChange::Moved,
            (true, true) => BindingChange::Gone,
        };
        events.push(changed(dn, change, left));
    }

    /// Forgets the bindings of a DN that is no more.
    pub fn remove(&mut self, dn: &str, events: &mut Vec<Event>, journal: &mut Vec<u8>) {
        self.remove_all(&Arc::from(dn), events, journal);
    }

    /// A connection is gone: the flows that were on it are removed (RFC 5626 5.3), and the bindings of phones that
    /// nobody can call behind their NAT.
    pub fn connection_gone(&mut self, connection: u64, events: &mut Vec<Event>, journal: &mut Vec<u8>) {
        for dn in self.connections.take(connection) {
            let lost = |b: &Binding| kept_by(b) == Some(connection);
            let counters = &mut self.counters;
            self.bindings.edit(&dn, |all| {
                all.retain(|binding| {
                    if lost(binding) {
                        journal::remove(journal, &dn, binding.uri(), binding.reg_id);
                        counters.flows_failed += 1;
                    }
                    !lost(binding)
                });
            });
            self.tell(&dn, true, events);
        }
    }

    /// Where the phones behind a NAT are heard that one share of keep-alives goes to: those over UDP, whose NAT
    /// forgets them soonest.
    pub fn behind_nat(&self, share: u64, shares: u64, now: Time) -> impl Iterator<Item = Flow> {
        let kept = move |b: &&Binding| b.nat && !b.flow.transport.is_reliable() && b.expires > now;
        self.bindings.share(share, shares).filter(kept).map(|b| b.flow)
    }

    /// When to call [`Registrar::handle_timeouts`]; may be early, and is late by at most a second.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.bindings.next_timeout()
    }

    /// Takes out what has expired and tells it. The journal knows by itself.
    pub fn handle_timeouts(&mut self, now: Time, events: &mut Vec<Event>) {
        let connections = &mut self.connections;
        let expired = self.bindings.expire(now, |dn, gone, left| {
            let kept: Vec<u64> = gone.iter().filter_map(kept_by).collect();
            connections.follow(dn, &kept, left);
            let change = if left.is_empty() { BindingChange::Gone } else { BindingChange::Moved };
            events.push(changed(dn, change, left));
        });
        self.counters.expired += expired as u64;
    }
}

fn changed(dn: &Arc<str>, change: BindingChange, bindings: &[Binding]) -> Event {
    Event::Binding { dn: dn.clone(), change, locations: bindings.iter().map(Binding::location).collect() }
}

#[cfg(test)]
mod tests;
