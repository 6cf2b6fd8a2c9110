//! What a REGISTER does to the bindings of its DN: all of it, or nothing.

use std::sync::Arc;

use super::answer::Keeps;
use super::connections::kept_by;
use super::read::{self, Asked, Wanted};
use super::{Refusal, Registrar, Visit, journal};
use crate::bindings::{Binding, Place, Terms, Texts, later};
use crate::directory::Directory;
use crate::event::Event;
use crate::time::Time;

impl Registrar {
    pub(super) fn carry_out(
        &mut self,
        visit: &Visit<'_>,
        directory: &Directory,
        events: &mut Vec<Event>,
        journal: &mut Vec<u8>,
    ) -> Result<Keeps, Refusal> {
        let Visit { request, parties, dn, flow, now, unix, .. } = *visit;
        read::check_extensions(request, &self.settings)?;
        read::check_address_of_record(&parties.to_uri, dn, directory)?;
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

    pub(super) fn remove_all(&mut self, dn: &Arc<str>, events: &mut Vec<Event>, journal: &mut Vec<u8>) {
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
