//! Where each DN can be reached: the bindings of RFC 3261 section 10, and when they expire.
//!
//! Expiry is kept in seconds: each DN waits in one place of a calendar, at the second its first binding
//! expires. A refresh only moves that moment later, so it leaves the calendar alone; when the old moment
//! comes, the DN is put where it belongs by then. Refreshing therefore costs nothing, however many
//! bindings there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::event::Location;
use crate::flow::Flow;
use crate::header::split_list;
use crate::time::Time;
use crate::uri::Uri;

/// One contact of a DN. Its texts share one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Contact URI, Call-ID, Path (joined by commas), User-Agent and instance, one after the other.
    text: Box<str>,
    call_id_at: u16,
    path_at: u16,
    user_agent_at: u16,
    instance_at: u16,
    /// Preference, 0 to 1000.
    pub q: u16,
    /// The CSeq number of the REGISTER that made or refreshed it last.
    pub cseq: u32,
    /// The seconds it was registered for.
    pub interval: u32,
    /// When it expires.
    pub expires: Time,
    /// When it was made or refreshed last.
    pub updated: Time,
    /// Until when a restart would keep it, in Unix seconds: what the journal says.
    pub kept_until: u64,
    /// The flow its last REGISTER came over.
    pub flow: Flow,
    /// Which of the flows of its instance it is (RFC 5626); 0 for one registered without `reg-id`.
    pub reg_id: u32,
    /// Whether a NAT hides its Contact, as far as its REGISTER shows.
    pub nat: bool,
    /// When its instance was first registered under this Call-ID, in Unix seconds: what its temporary
    /// GRUUs are valid for (RFC 5627 section 3.1.2).
    pub born: u32,
}

/// The texts of a binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    /// The Contact URI as registered.
    pub uri: &'a str,
    /// The Call-ID of its last REGISTER.
    pub call_id: &'a str,
    /// The Path values, joined by commas (RFC 3327).
    pub path: &'a str,
    /// The phone's User-Agent.
    pub user_agent: &'a str,
    /// Its `+sip.instance` without the quotes (RFC 5626 section 4.1); empty if it gave none.
    pub instance: &'a str,
}

impl Texts<'_> {
    /// Bytes all texts may have together.
    pub const MAX: usize = 8_192;

    fn len(&self) -> usize {
        self.uri.len() + self.call_id.len() + self.path.len() + self.user_agent.len() + self.instance.len()
    }
}

/// The rest of a binding; see [`Binding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Terms {
    pub q: u16,
    pub cseq: u32,
    pub interval: u32,
    pub expires: Time,
    pub updated: Time,
    pub kept_until: u64,
    pub flow: Flow,
    pub reg_id: u32,
    pub nat: bool,
    pub born: u32,
}

impl Binding {
    /// Makes a binding; `None` if the texts are longer than [`Texts::MAX`].
    #[must_use]
    pub fn new(texts: Texts<'_>, terms: Terms) -> Option<Self> {
        if texts.len() > Texts::MAX {
            return None;
        }
        let mut text = String::with_capacity(texts.len());
        text.push_str(texts.uri);
        let call_id_at = text.len() as u16;
        text.push_str(texts.call_id);
        let path_at = text.len() as u16;
        text.push_str(texts.path);
        let user_agent_at = text.len() as u16;
        text.push_str(texts.user_agent);
        let instance_at = text.len() as u16;
        text.push_str(texts.instance);
        let Terms { q, cseq, interval, expires, updated, kept_until, flow, reg_id, nat, born } = terms;
        Some(Self {
            text: text.into_boxed_str(),
            call_id_at,
            path_at,
            user_agent_at,
            instance_at,
            q,
            cseq,
            interval,
            expires,
            updated,
            kept_until,
            flow,
            reg_id,
            nat,
            born,
        })
    }

    /// Its texts.
    #[must_use]
    pub fn texts(&self) -> Texts<'_> {
        Texts {
            uri: self.uri(),
            call_id: self.call_id(),
            path: self.path(),
            user_agent: self.user_agent(),
            instance: self.instance(),
        }
    }

    /// The Contact URI as registered.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.text[..usize::from(self.call_id_at)]
    }

    /// The Call-ID of its last REGISTER.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.text[usize::from(self.call_id_at)..usize::from(self.path_at)]
    }

    /// The Path values, joined by commas; empty for none.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[usize::from(self.path_at)..usize::from(self.user_agent_at)]
    }

    /// The phone's User-Agent; empty if it gave none.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.text[usize::from(self.user_agent_at)..usize::from(self.instance_at)]
    }

    /// Its `+sip.instance` without the quotes; empty if it gave none.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.text[usize::from(self.instance_at)..]
    }

    /// Seconds left, rounded up.
    #[must_use]
    pub fn remaining(&self, now: Time) -> u64 {
        self.expires.0.saturating_sub(now.0).div_ceil(1_000_000)
    }

    /// Whether a Contact URI is this one (RFC 3261 19.1.4).
    #[must_use]
    pub fn is_for(&self, uri: &str) -> bool {
        self.uri() == uri || same_uri(self.uri(), uri)
    }

    /// As callers see it.
    #[must_use]
    pub fn location(&self) -> Location {
        Location {
            uri: self.uri().to_owned(),
            flow: self.flow,
            q: self.q,
            path: split_list(self.path()).filter(|p| !p.is_empty()).map(str::to_owned).collect(),
            user_agent: self.user_agent().to_owned(),
            instance: self.instance().to_owned(),
            reg_id: self.reg_id,
            nat: self.nat,
        }
    }
}

/// Whether two SIP URIs are equivalent (RFC 3261 19.1.4). URIs of other schemes are compared as text.
#[must_use]
pub fn same_uri(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Ok(one), Ok(other)) = (Uri::parse(one), Uri::parse(other)) else { return false };
    let by_name = |name: &str, uri: &Uri<'_>| uri.params.get(name).map(str::to_ascii_lowercase);
    let decisive = ["user", "ttl", "method", "maddr", "transport"];
    !one.host.is_empty()
        && one.scheme.eq_ignore_ascii_case(other.scheme)
        && one.user_decoded() == other.user_decoded()
        && one.password == other.password
        && one.host.eq_ignore_ascii_case(other.host)
        && one.port == other.port
        && one.headers == other.headers
        && decisive.iter().all(|name| by_name(name, &one) == by_name(name, &other))
        && one.params.iter().all(|p| {
            let mine = p.value.unwrap_or("");
            other.params.get(p.name).is_none_or(|theirs| theirs.eq_ignore_ascii_case(mine))
        })
}

/// The number of a DN's place in [`Bindings`].
pub(crate) type Place = u32;

#[derive(Debug)]
struct Slot {
    dn: Arc<str>,
    /// Best first: by q, then by how recent they are.
    bindings: Vec<Binding>,
    /// The second of the calendar it waits at; 0 for none.
    waits: u64,
}

/// The bindings of all DNs.
#[derive(Debug, Default)]
pub struct Bindings {
    places: FxHashMap<Arc<str>, Place>,
    slots: Vec<Slot>,
    free: Vec<Place>,
    calendar: BTreeMap<u64, Vec<Place>>,
    count: usize,
}

impl Bindings {
    /// The bindings of a DN, best first; those that expired since the last [`Bindings::expire`] too.
    #[must_use]
    pub fn get(&self, dn: &str) -> &[Binding] {
        self.find(dn).map_or(&[], |place| self.at(place))
    }

    /// How many bindings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each DN that has bindings, with them.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[Binding])> {
        self.places.iter().map(|(dn, place)| (dn, self.at(*place)))
    }

    /// The bindings in one share of all places, to be gone through share by share.
    pub(crate) fn share(&self, share: u64, shares: u64) -> impl Iterator<Item = &Binding> {
        let (first, step) = ((share % shares.max(1)) as usize, shares.max(1) as usize);
        self.slots.iter().skip(first).step_by(step).flat_map(|slot| &slot.bindings)
    }

    /// When the next binding may expire; may be early, never late by more than a second.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.calendar.first_key_value().map(|(second, _)| Time(second.saturating_mul(1_000_000)))
    }

    pub(crate) fn find(&self, dn: &str) -> Option<Place> {
        self.places.get(dn).copied()
    }

    pub(crate) fn at(&self, place: Place) -> &[Binding] {
        &self.slots[place as usize].bindings
    }

    /// Changes one binding in a way that neither adds, removes nor reorders any and expires it no
    /// earlier: a refresh.
    pub(crate) fn refresh(&mut self, place: Place, at: usize) -> Option<&mut Binding> {
        self.slots[place as usize].bindings.get_mut(at)
    }

    /// Changes the bindings of a DN in any way, then puts them in order.
    pub(crate) fn edit<R>(&mut self, dn: &Arc<str>, change: impl FnOnce(&mut Vec<Binding>) -> R) -> R {
        let place = self.find(dn).unwrap_or_else(|| self.open(dn));
        let slot = &mut self.slots[place as usize];
        let before = slot.bindings.len();
        let result = change(&mut slot.bindings);
        slot.bindings.sort_by_key(|b| (std::cmp::Reverse(b.q), std::cmp::Reverse(b.updated)));
        self.count = self.count + slot.bindings.len() - before;
        self.settle(place);
        result
    }

    /// Takes out what has expired. `tell` is given each DN that lost bindings, those, and what it has left.
    pub fn expire(&mut self, now: Time, mut tell: impl FnMut(&Arc<str>, &[Binding], &[Binding])) -> usize {
        let before = self.count;
        while let Some(entry) = self.calendar.first_entry().filter(|e| e.key().saturating_mul(1_000_000) <= now.0) {
            let (second, places) = entry.remove_entry();
            for place in places {
                let slot = &mut self.slots[place as usize];
                if slot.waits != second {
                    continue;
                }
                slot.waits = 0;
                if slot.bindings.iter().any(|b| b.expires <= now) {
                    let (left, gone) = std::mem::take(&mut slot.bindings).into_iter().partition(|b| b.expires > now);
                    slot.bindings = left;
                    let gone: Vec<Binding> = gone;
                    self.count -= gone.len();
                    tell(&slot.dn, &gone, &slot.bindings);
                }
                self.settle(place);
            }
        }
        before - self.count
    }

    fn open(&mut self, dn: &Arc<str>) -> Place {
        let slot = Slot { dn: dn.clone(), bindings: Vec::new(), waits: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as Place
            }
        };
        self.places.insert(dn.clone(), place);
        place
    }

    /// Gives up the place of a DN without bindings; puts another into the calendar if it must wait for
    /// an earlier second than it does.
    fn settle(&mut self, place: Place) {
        let slot = &mut self.slots[place as usize];
        let Some(first) = slot.bindings.iter().map(|b| b.expires).min() else {
            slot.waits = 0;
            slot.bindings = Vec::new();
            self.places.remove(&slot.dn);
            self.free.push(place);
            return;
        };
        let second = first.0.div_ceil(1_000_000);
        if slot.waits == 0 || second < slot.waits {
            slot.waits = second;
            self.calendar.entry(second).or_default().push(place);
        }
    }
}

/// The moment `seconds` after `now`.
pub(crate) fn later(now: Time, seconds: u64) -> Time {
    now.after(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
