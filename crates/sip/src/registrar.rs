//! The registrar (RFC 3261 section 10.3, RFC 3327): REGISTER in, bindings kept, answer out, without a
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

mod date;
mod journal;

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use crate::bindings::{Binding, Bindings, Place, Terms, Texts, later};
use crate::directory::Directory;
use crate::event::{BindingChange, Event, Location};
use crate::flow::Flow;
use crate::header::{HeaderName, NameAddr, StampedVia, delta_seconds, qvalue};
use crate::message::{Message, unfold};
use crate::time::Time;
use crate::uri::Uri;

/// Seconds a binding stays in the journal past its expiry.
const KEEP_LONGER: u64 = 60;
/// Characters of a User-Agent that are kept.
const USER_AGENT: usize = 128;
/// Bytes of a Contact URI.
const CONTACT_URI: usize = 1_024;
/// Bytes of all Path values together.
const PATH: usize = 2_048;
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
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self { default_expires: 1_800, maximum_expires: 86_400, contacts: 10, software: String::new() }
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

/// One Contact of a request.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    uri: &'a str,
    q: u16,
    expires: u32,
    /// Which binding it is for.
    at: Option<usize>,
}

/// What a request asks for.
enum Asked<'a> {
    Nothing,
    RemoveAll,
    Contacts(Vec<Wanted<'a>>),
}

/// The registrar of one realm.
#[derive(Debug, Default)]
pub struct Registrar {
    settings: RegistrarSettings,
    bindings: Bindings,
    counters: RegistrarCounters,
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

    /// Changes the seconds of a binding whose REGISTER names none; bindings there are stay as they are.
    pub fn set_default_expires(&mut self, seconds: u32) {
        self.settings.default_expires = seconds;
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
        events: &mut Vec<Event>,
        journal: &mut Vec<u8>,
    ) -> Arc<[u8]> {
        let refusal = self.carry_out(visit, directory, events, journal).err();
        if let Some(refusal) = &refusal {
            match refusal.status {
                500 => self.counters.out_of_order += 1,
                _ => self.counters.refused += 1,
            }
        }
        self.answer(visit, refusal.as_ref())
    }

    fn carry_out(
        &mut self,
        visit: &Visit<'_>,
        directory: &Directory,
        events: &mut Vec<Event>,
        journal: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Visit { request, dn, flow, now, unix, .. } = *visit;
        check_extensions(request)?;
        check_address_of_record(request, dn, directory)?;
        let cseq = request.cseq().map_err(|_| Refusal::new(400, "Bad CSeq"))?.number;
        let call_id = request.call_id();
        let place = self.bindings.find(dn);
        let present = place.map_or(&[][..], |p| self.bindings.at(p));
        let wanted = match self.read_contacts(request, present, now)? {
            Asked::Nothing => {
                self.counters.queries += 1;
                return Ok(());
            }
            Asked::RemoveAll => {
                if present.iter().any(|b| b.call_id() == call_id && cseq <= b.cseq) {
                    return Err(Refusal::new(500, "CSeq Out Of Order"));
                }
                self.remove_all(dn, events, journal);
                return Ok(());
            }
            Asked::Contacts(wanted) => wanted,
        };
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
            return Ok(());
        }
        let path = read_path(request)?;
        let user_agent = read_user_agent(request);
        let texts = |uri| Texts { uri, call_id, path: &path, user_agent: &user_agent };
        if let ([only], Some(place)) = (&wanted[..], place)
            && self.refresh(place, only, texts(only.uri), cseq, visit, journal)
        {
            self.counters.refreshed += 1;
            return Ok(());
        }
        let mut made = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let expires = later(now, u64::from(wanted.expires));
            let kept_until = journal::keep_until(unix.saturating_add(u64::from(wanted.expires)));
            let terms = Terms { q: wanted.q, cseq, interval: wanted.expires, expires, updated: now, kept_until, flow };
            let binding = Binding::new(texts(wanted.uri), terms).ok_or(Refusal::new(400, "Headers Too Long"))?;
            made.push((wanted, binding));
        }
        self.replace(dn, made, now, events, journal);
        Ok(())
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
        let same = binding.texts() == texts && binding.q == wanted.q && binding.flow == visit.flow;
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
        self.bindings.edit(dn, |all| {
            let mut gone = Vec::new();
            for (wanted, binding) in made {
                match (wanted.at, wanted.expires) {
                    (Some(at), 0) => {
                        journal::remove(journal, dn, all[at].uri());
                        counters.removed += 1;
                        gone.push(at);
                    }
                    (None, 0) => {}
                    (Some(at), _) => {
                        let old = &mut all[at];
                        moved |= old.uri() != binding.uri()
                            || old.path() != binding.path()
                            || (old.q, old.flow) != (binding.q, binding.flow);
                        if old.uri() != binding.uri() {
                            journal::remove(journal, dn, old.uri());
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
                journal::remove(journal, dn, all[oldest].uri());
                counters.displaced += 1;
                all.remove(oldest);
            }
        });
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
            journal::remove(journal, dn, binding.uri());
        }
        self.counters.removed += present.len() as u64;
        self.bindings.edit(dn, Vec::clear);
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

    /// When to call [`Registrar::handle_timeouts`]; may be early, and is late by at most a second.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.bindings.next_timeout()
    }

    /// Takes out what has expired and tells it. The journal knows by itself.
    pub fn handle_timeouts(&mut self, now: Time, events: &mut Vec<Event>) {
        let expired = self.bindings.expire(now, |dn, left| {
            let change = if left.is_empty() { BindingChange::Gone } else { BindingChange::Moved };
            events.push(changed(dn, change, left));
        });
        self.counters.expired += expired as u64;
    }

    /// The journal in its shortest form: one record for each binding.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bindings.len() * 256);
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
            let (dn, uri, binding) = match record {
                journal::Record::Put { dn, uri, binding } => (dn, uri, binding),
                journal::Record::Remove { dn, uri } => (dn, uri, None),
            };
            self.bindings.edit(&Arc::from(dn), |all| {
                all.retain(|b| b.uri() != uri);
                all.extend(binding);
            });
        }
        restored.bindings = self.bindings.len();
        for (dn, bindings) in self.bindings.iter() {
            events.push(changed(dn, BindingChange::Appeared, bindings));
        }
        restored
    }

    /// Reads the Contact values of a request and finds the bindings they are for.
    fn read_contacts<'a>(&self, request: &'a Message, present: &[Binding], now: Time) -> Result<Asked<'a>, Refusal> {
        let default = match request.get(HeaderName::Expires) {
            Some(text) => read_expires(text),
            None => self.settings.default_expires,
        };
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        let mut all = false;
        for value in request.contacts() {
            if all || (value == "*" && !wanted.is_empty()) {
                return Err(Refusal::new(400, "Contact * With Others"));
            }
            if value == "*" {
                all = true;
                continue;
            }
            let bad = Refusal::new(400, "Bad Contact");
            let Ok(contact) = NameAddr::parse(value) else { return Err(bad) };
            let at = present.iter().position(|b| b.is_for(contact.uri));
            if at.is_none_or(|at| present[at].uri() != contact.uri) {
                let Ok(uri) = Uri::parse(contact.uri) else { return Err(bad) };
                if uri.host.is_empty() || contact.uri.len() > CONTACT_URI {
                    return Err(bad);
                }
            }
            if wanted.iter().any(|w| crate::bindings::same_uri(w.uri, contact.uri)) {
                return Err(Refusal::new(400, "Contact Twice"));
            }
            if wanted.len() == self.settings.contacts {
                return Err(Refusal::new(403, "Too Many Contacts"));
            }
            let expires = contact.params.get("expires").map_or(default, read_expires);
            let q = contact.params.get("q").map_or(Some(1_000), qvalue).ok_or(bad)?;
            let at = at.filter(|at| present[*at].expires > now || expires == 0);
            wanted.push(Wanted { uri: contact.uri, q, expires: expires.min(self.settings.maximum_expires), at });
        }
        if !all {
            return Ok(if wanted.is_empty() { Asked::Nothing } else { Asked::Contacts(wanted) });
        }
        match request.get(HeaderName::Expires).map(str::trim) {
            Some("0") => Ok(Asked::RemoveAll),
            _ => Err(Refusal::new(400, "Contact * Needs Expires 0")),
        }
    }

    /// Prints the answer: 200 with all bindings (RFC 3261 10.3 step 8), or the refusal.
    fn answer(&mut self, visit: &Visit<'_>, refusal: Option<&Refusal>) -> Arc<[u8]> {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let (status, reason) = refusal.map_or((200, "OK"), |r| (r.status, r.reason));
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "SIP/2.0 {status} {reason}\r\n");
        push_copied(&mut out, visit);
        match refusal {
            None => self.push_bindings(&mut out, visit),
            Some(refusal) if refusal.status == 420 => push_header(&mut out, "Unsupported", &refusal.unsupported),
            Some(_) => {}
        }
        if !self.settings.software.is_empty() {
            push_header(&mut out, "Server", &self.settings.software);
        }
        out.push_str("Content-Length: 0\r\n\r\n");
        let bytes = Arc::from(out.as_bytes());
        self.scratch = out;
        bytes
    }

    fn push_bindings(&mut self, out: &mut String, visit: &Visit<'_>) {
        for binding in self.bindings.get(visit.dn).iter().filter(|b| b.expires > visit.now) {
            out.push_str("Contact: <");
            out.push_str(binding.uri());
            out.push('>');
            if binding.q < 1_000 {
                let _ = write!(out, ";q=0.{:03}", binding.q);
            }
            out.push_str(";expires=");
            push_number(out, binding.remaining(visit.now));
            out.push_str("\r\n");
        }
        for path in visit.request.all(HeaderName::Path) {
            push_header(out, "Path", path);
        }
        if visit.request.get(HeaderName::Path).is_some() {
            out.push_str("Supported: path\r\n");
        }
        let (second, date) = &mut self.date;
        if *second != visit.unix || date.is_empty() {
            *second = visit.unix;
            date.clear();
            date::push(date, visit.unix);
        }
        push_header(out, "Date", date);
    }
}

fn changed(dn: &Arc<str>, change: BindingChange, bindings: &[Binding]) -> Event {
    Event::Binding { dn: dn.clone(), change, locations: bindings.iter().map(Binding::location).collect() }
}

/// RFC 3261 10.3 step 2.
fn check_extensions(request: &Message) -> Result<(), Refusal> {
    let unknown: Vec<&str> = request.list(HeaderName::Require).filter(|t| !t.eq_ignore_ascii_case("path")).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal { unsupported: unknown.join(", "), ..Refusal::new(420, "Bad Extension") })
}

/// RFC 3261 10.3 steps 4 and 5: the To must name the DN the request was admitted as, and that DN must be
/// one that registers.
fn check_address_of_record(request: &Message, dn: &str, directory: &Directory) -> Result<(), Refusal> {
    let to = request.to().and_then(|to| to.parse_uri()).map_err(|_| Refusal::new(400, "Bad To"))?;
    let user = to.user_decoded();
    match directory.get(&user) {
        None => Err(Refusal::new(404, "Not Found")),
        Some(entry) if *user != *dn || !entry.registers => Err(Refusal::new(403, "Forbidden")),
        Some(_) => Ok(()),
    }
}

fn read_expires(text: &str) -> u32 {
    delta_seconds(text).unwrap_or(MALFORMED_EXPIRES)
}

/// The Path values joined (RFC 3327 section 5.3).
fn read_path(request: &Message) -> Result<Cow<'_, str>, Refusal> {
    let mut lines = request.all(HeaderName::Path);
    let Some(first) = lines.next() else { return Ok(Cow::Borrowed("")) };
    for value in request.list(HeaderName::Path) {
        let route = NameAddr::parse(value).and_then(|a| a.parse_uri());
        if route.is_err() {
            return Err(Refusal::new(400, "Bad Path"));
        }
    }
    let path = lines.fold(unfold(first), |sum, line| Cow::Owned(format!("{sum}, {}", unfold(line))));
    if path.len() > PATH { Err(Refusal::new(400, "Path Too Long")) } else { Ok(path) }
}

fn read_user_agent(request: &Message) -> Cow<'_, str> {
    let text = unfold(request.get(HeaderName::UserAgent).unwrap_or(""));
    match text.char_indices().nth(USER_AGENT) {
        None => text,
        Some((end, _)) => Cow::Owned(text[..end].to_owned()),
    }
}

/// Via, From, To, Call-ID and CSeq (RFC 3261 8.2.6.2), Via stamped with the source.
fn push_copied(out: &mut String, visit: &Visit<'_>) {
    let Visit { request, flow, tag, .. } = *visit;
    for (at, line) in request.all(HeaderName::Via).enumerate() {
        if at == 0 {
            let _ = write!(out, "Via: {}\r\n", StampedVia { line, source: flow.remote });
        } else {
            push_header(out, "Via", line);
        }
    }
    push_header(out, "From", request.get(HeaderName::From).unwrap_or(""));
    out.push_str("To: ");
    out.push_str(request.get(HeaderName::To).unwrap_or(""));
    if request.to().is_ok_and(|to| to.tag().is_none()) {
        out.push_str(";tag=");
        out.push_str(tag);
    }
    out.push_str("\r\n");
    push_header(out, "Call-ID", request.call_id());
    push_header(out, "CSeq", request.get(HeaderName::CSeq).unwrap_or(""));
}

fn push_header(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str(": ");
    out.push_str(value);
    out.push_str("\r\n");
}

fn push_number(out: &mut String, number: u64) {
    let _ = write!(out, "{number}");
}

#[cfg(test)]
mod tests;
