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
mod connections;
mod date;
mod gruu;
mod journal;
mod nat;
mod read;

use std::sync::Arc;

use crate::bindings::{Binding, Bindings, Place, Terms, Texts, later};
use crate::directory::Directory;
use crate::event::{BindingChange, Device, Event, Location};
use crate::flow::Flow;
use crate::ids::Ids;
use crate::message::Message;
use crate::time::Time;
use crate::uri::Uri;

use self::answer::Keeps;
use self::connections::{Connections, kept_by};
pub use self::nat::is_private;
pub(crate) use self::read::EXTENSIONS;
use self::read::{Asked, Wanted};

/// Seconds a binding stays in the journal past its expiry.
const KEEP_LONGER: u64 = 60;
/// Characters of a User-Agent that are kept.
const USER_AGENT: usize = 128;
/// What a malformed expiry counts as (RFC 3261 20.10, 20.19).
const MALFORMED_EXPIRES: u32 = 3_600;

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

/// A REGISTER that was admitted, and what is needed to answer it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The request.
    pub request: &'a Message,
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

    fn carry_out(
        &mut self,
        visit: &Visit<'_>,
        directory: &Directory,
        events: &mut Vec<Event>,
        journal: &mut Vec<u8>,
    ) -> Result<Keeps, Refusal> {
        let Visit { request, dn, flow, now, unix, .. } = *visit;
        read::check_extensions(request, &self.settings)?;
        read::check_address_of_record(request, dn, directory)?;
        let cseq = request.cseq().map_err(|_| Refusal::new(400, "Bad CSeq"))?.number;
        let call_id = request.call_id();
        let place = self.bindings.find(dn);
        let present = place.map_or(&[][..], |p| self.bindings.at(p));
        let wanted = match read::contacts(request, present, flow, now, &self.settings)? {
            Asked::Nothing => {
                self.counters.queries += 1;
                return Ok(Keeps::Contact);
            }
            Asked::RemoveAll => {
                if present.iter().any(|b| b.call_id() == call_id && cseq <= b.cseq) {
                    return Err(Refusal::new(500, "CSeq Out Of Order"));
                }
                self.remove_all(dn, events, journal);
                return Ok(Keeps::Contact);
            }
            Asked::Contacts(wanted) => wanted,
        };
        let keeps = if wanted.iter().any(|w| w.reg_id > 0) { Keeps::Flow } else { Keeps::Contact };
        let mut repeated = false;
        for binding in wanted.iter().filter_map(|w| w.at).map(|at| &present[at]) {
            if binding.call_id() == call_id && cseq <= binding.cseq {
                if cseq < binding.cseq {
                    return Err(Refusal::new(500, "CSeq Out Of Order"));
                }
                repeated = true;
            }
        }
        if repeated {
            if wanted.iter().any(|w| w.at.is_none() && w.expires > 0) {
                return Err(Refusal::new(500, "CSeq Out Of Order"));
            }
            self.counters.retransmitted += 1;
            return Ok(keeps);
        }
        let path = read::path(request)?;
        let user_agent = read::user_agent(request);
        let texts = |uri, instance| Texts { uri, call_id, path: &path, user_agent: &user_agent, instance };
        if let ([only], Some(place)) = (&wanted[..], place)
            && self.refresh(place, only, texts(only.uri, only.instance), cseq, visit, journal)
        {
            self.counters.refreshed += 1;
            return Ok(keeps);
        }
        let present = self.bindings.get(dn);
        let mut made = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let expires = later(now, u64::from(wanted.expires));
            let kept_until = journal::keep_until(unix.saturating_add(u64::from(wanted.expires)));
            let terms = Terms {
                q: wanted.q,
                cseq,
                interval: wanted.expires,
                expires,
                updated: now,
                kept_until,
                flow,
                reg_id: wanted.reg_id,
                nat: wanted.nat,
                born: born(present, &wanted, call_id, unix),
            };
            let binding =
                Binding::new(texts(wanted.uri, wanted.instance), terms).ok_or(Refusal::new(400, "Headers Too Long"))?;
            made.push((wanted, binding));
        }
        self.replace(dn, made, now, events, journal);
        Ok(keeps)
    }

    /// The usual case without allocation: one contact of a DN that has this one, and nothing but its
    /// expiry and CSeq changes. `false` if it is not that case; nothing is changed then.
    fn refresh(
        &mut self,
        place: Place,
        wanted: &Wanted<'_>,
        texts: Texts<'_>,
        cseq: u32,
        visit: &Visit<'_>,
        journal: &mut Vec<u8>,
    ) -> bool {
        let [binding] = self.bindings.at(place) else { return false };
        let same = binding.texts() == texts
            && (binding.q, binding.reg_id) == (wanted.q, wanted.reg_id)
            && (binding.flow, binding.nat) == (visit.flow, wanted.nat);
        if !same || wanted.at.is_none() || wanted.expires == 0 || binding.expires <= visit.now {
            return false;
        }
        let expires = later(visit.now, u64::from(wanted.expires));
        if expires < binding.expires {
            return false;
        }
        let Some(binding) = self.bindings.refresh(place, 0) else { return false };
        let unix_expires = visit.unix.saturating_add(u64::from(wanted.expires));
        let kept = binding.interval == wanted.expires && unix_expires <= binding.kept_until;
        binding.cseq = cseq;
        binding.interval = wanted.expires;
        binding.expires = expires;
        binding.updated = visit.now;
        if !kept {
            binding.kept_until = journal::keep_until(unix_expires);
            journal::put(journal, visit.dn, binding);
        }
        true
    }

    /// Puts the bindings of a request in the place of those they are for, removes those whose expiry is
    /// 0, and makes room.
    fn replace(
        &mut self,
        dn: &Arc<str>,
        made: Vec<(Wanted<'_>, Binding)>,
        now: Time,
        events: &mut Vec<Event>,
        journal: &mut Vec<u8>,
    ) {
        let had = !self.bindings.get(dn).is_empty();
        let limit = self.settings.contacts;
        let counters = &mut self.counters;
        let mut moved = false;
        let kept: Vec<u64> = self.bindings.get(dn).iter().filter_map(kept_by).collect();
        self.bindings.edit(dn, |all| {
            let mut gone = Vec::new();
            for (wanted, binding) in made {
                match (wanted.at, wanted.expires) {
                    (Some(at), 0) => {
                        journal::remove(journal, dn, all[at].uri(), all[at].reg_id);
                        counters.removed += 1;
                        gone.push(at);
                    }
                    (None, 0) => {}
                    (Some(at), _) => {
                        let old = &mut all[at];
                        let named = old.uri() == binding.uri() && old.reg_id == binding.reg_id;
                        moved |= !named
                            || old.path() != binding.path()
                            || old.instance() != binding.instance()
                            || (old.q, old.flow, old.nat) != (binding.q, binding.flow, binding.nat);
                        if !named {
                            journal::remove(journal, dn, old.uri(), old.reg_id);
                        }
                        journal::put(journal, dn, &binding);
                        counters.refreshed += 1;
                        *old = binding;
                    }
                    (None, _) => {
                        journal::put(journal, dn, &binding);
                        counters.added += 1;
                        moved = true;
                        all.reserve_exact(1);
                        all.push(binding);
                    }
                }
            }
            let mut at = 0;
            all.retain(|b| {
                let stays = !gone.contains(&at) && b.expires > now;
                at += 1;
                moved |= !stays;
                stays
            });
            while all.len() > limit {
                let Some(oldest) = (0..all.len()).min_by_key(|at| all[*at].updated) else { break };
                journal::remove(journal, dn, all[oldest].uri(), all[oldest].reg_id);
                counters.displaced += 1;
                all.remove(oldest);
            }
        });
        self.connections.follow(dn, &kept, self.bindings.get(dn));
        if moved {
            self.tell(dn, had, events);
        }
    }

    fn remove_all(&mut self, dn: &Arc<str>, events: &mut Vec<Event>, journal: &mut Vec<u8>) {
        let present = self.bindings.get(dn);
        if present.is_empty() {
            return;
        }
        for binding in present {
            journal::remove(journal, dn, binding.uri(), binding.reg_id);
        }
        self.counters.removed += present.len() as u64;
        let kept: Vec<u64> = present.iter().filter_map(kept_by).collect();
        self.bindings.edit(dn, Vec::clear);
        self.connections.follow(dn, &kept, &[]);
        self.tell(dn, true, events);
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

    /// The device that a URI names, if it is a GRUU of ours: `Some(None)` if it was one and names nobody any more
    /// (RFC 5627 section 5.1).
    #[must_use]
    pub fn device(&self, uri: &str, directory: &Directory, now: Time) -> Option<Option<Device>> {
        let uri = Uri::parse(uri).ok()?;
        let gr = uri.param("gr")?;
        let user = uri.user_decoded();
        if !gr.is_empty() {
            directory.get(&user)?;
            let instance = format!("<{gr}>");
            let plain = self.bindings.get(&user).iter().any(|b| b.instance() == gr);
            let instance = if plain { gr.into() } else { instance.into() };
            return Some(Some(Device { dn: user.into(), instance }));
        }
        if !user.starts_with(gruu::PREFIX) {
            return None;
        }
        let device = self.gruus.as_ref().and_then(|sealer| sealer.open(&user)).and_then(|named| {
            let is =
                |b: &&Binding| b.born == named.born && b.expires > now && gruu::name_of(b.instance()) == named.instance;
            let binding = self.bindings.get(&named.dn).iter().find(is)?;
            Some(Device { dn: named.dn.into(), instance: binding.instance().into() })
        });
        Some(device)
    }

    /// The Contact of a device and the flow to it, its best one.
    #[must_use]
    pub fn contact_of(&self, device: &Device, now: Time) -> Option<(&str, Flow)> {
        let live = |b: &&Binding| b.expires > now && b.instance() == &*device.instance;
        self.bindings.get(&device.dn).iter().find(live).map(|b| (b.uri(), b.flow))
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

/// When the instance of a Contact was first registered under its Call-ID. Another Call-ID is another life, and the
/// temporary GRUUs of the one before name nobody any more (RFC 5627 section 3.1.2).
fn born(present: &[Binding], wanted: &Wanted<'_>, call_id: &str, unix: u64) -> u32 {
    let fresh = u32::try_from(unix).unwrap_or(u32::MAX);
    if let Some(old) = wanted.at.map(|at| &present[at]).filter(|old| old.call_id() != call_id) {
        return fresh.max(old.born.saturating_add(1));
    }
    let of_instance = present.iter().find(|b| !wanted.instance.is_empty() && b.instance() == wanted.instance);
    of_instance.map_or(fresh, |b| b.born)
}

fn changed(dn: &Arc<str>, change: BindingChange, bindings: &[Binding]) -> Event {
    Event::Binding { dn: dn.clone(), change, locations: bindings.iter().map(Binding::location).collect() }
}

#[cfg(test)]
mod tests;
