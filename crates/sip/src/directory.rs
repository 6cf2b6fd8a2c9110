//! Who the DNs are, and as which DN a request outside a dialog is admitted.
//!
//! # How a request is matched to a DN
//! 1. **By digest.** A right answer to a challenge for this realm admits the request as the DN of its
//!    From, if the user name is that DN's (a secondary shared line answers with the name of its
//!    primary, see [`Entry::username`]), else as the DN that bears the user name. Neither From nor the
//!    source address can then claim otherwise.
//! 2. **By address.** A request other than REGISTER from one of the `peers` of a DN is that DN's,
//!    whatever its From says: a trunk shows the numbers of outside callers. Among several DNs on one
//!    address, the one From names, else the first declared.
//! 3. **By From.** The user part of From names the DN.
//!
//! A DN found by 2 or 3 is admitted unless it has `authenticate` list the method *and* a password; then
//! it is challenged (401). ACK, CANCEL and BYE are never challenged (RFC 3261 22.1).
//!
//! # Strangers
//! A request that matches no DN is answered exactly as one for a DN with a password, if any DN has that
//! method challenged: 401 with a nonce, and 403 for every answer to it. A scan therefore cannot tell
//! which numbers exist, except those configured to be open. Where no DN has the method challenged there
//! is nothing to hide: 404 for REGISTER, 403 otherwise.
//!
//! A wrong answer to a good nonce is 403, not another 401: phones that retry by themselves would go on
//! forever.
//!
//! # Who could not prove himself
//! Whoever limits sources is told of each wrong answer ([`Proof`]). Sources of datagrams can be forged, so over UDP only
//! answers count that hold a nonce sent to that very address: whoever forges it has not read it. The address of a peer
//! never fails, so that nobody can have a trunk banned.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::digest::{Answer, Digest, Ha1s, Verdict};
use crate::flow::Flow;
use crate::ids::Ids;
use crate::message::{Message, Method};
use crate::time::Time;
use crate::uri::Uri;

/// A set of the methods that have a name in [`Method`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MethodSet(u16);

impl MethodSet {
    /// The set of these tokens, in any case. Tokens without a name in [`Method`] are left out.
    pub fn from_tokens<'t>(tokens: impl IntoIterator<Item = &'t str>) -> Self {
        let mut set = Self::default();
        for token in tokens {
            set.insert(&Method::from_token(&token.trim().to_ascii_uppercase()));
        }
        set
    }

    /// Adds a method.
    pub fn insert(&mut self, method: &Method) {
        self.0 |= bit(method);
    }

    /// Takes a method out.
    pub fn remove(&mut self, method: &Method) {
        self.0 &= !bit(method);
    }

    /// Whether the method is in.
    #[must_use]
    pub fn contains(self, method: &Method) -> bool {
        self.0 & bit(method) != 0
    }
}

fn bit(method: &Method) -> u16 {
    match method {
        Method::Invite => 1,
        Method::Ack => 1 << 1,
        Method::Bye => 1 << 2,
        Method::Cancel => 1 << 3,
        Method::Register => 1 << 4,
        Method::Options => 1 << 5,
        Method::Info => 1 << 6,
        Method::Prack => 1 << 7,
        Method::Update => 1 << 8,
        Method::Subscribe => 1 << 9,
        Method::Notify => 1 << 10,
        Method::Refer => 1 << 11,
        Method::Message => 1 << 12,
        Method::Publish => 1 << 13,
        Method::Other(_) => 0,
    }
}

/// An address requests of a DN come from: any port, or one.
pub type Peer = (IpAddr, Option<u16>);

/// What is known of a DN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The hashes of its password; none for a DN without a password.
    pub ha1s: Ha1s,
    /// The user name it answers challenges with where that is not the DN itself: the primary of a
    /// shared line. `ha1s` are hashes with this name then.
    pub username: Option<Arc<str>>,
    /// The methods to challenge (`authenticate-requests`).
    pub authenticate: MethodSet,
    /// Whether it may register.
    pub registers: bool,
    /// Addresses that are this DN: of a trunk, or of a phone with a static contact.
    pub peers: Vec<Peer>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is this DN's.
    Admitted {
        /// The DN.
        dn: Arc<str>,
    },
    /// Answer 401 with these WWW-Authenticate header lines, in order.
    Challenge(Vec<String>),
    /// Answer with this status.
    Refused {
        /// 400, 403, 404 or 481.
        status: u16,
        /// The reason phrase.
        reason: &'static str,
    },
}

/// Somebody has proved to be who he says, or could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Where he spoke from.
    pub flow: Flow,
    /// Whether it was right: false for a wrong password and for a user nobody knows.
    pub right: bool,
}

/// Proofs that wait for whoever limits sources; nobody may.
const PROOF_LIMIT: usize = 4_096;

/// What the directory has counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryCounters {
    /// Requests admitted by a right answer to a challenge.
    pub authenticated: u64,
    /// Requests admitted without one.
    pub trusted: u64,
    /// Challenges sent, stale ones included.
    pub challenged: u64,
    /// Challenges sent because a nonce had expired or was used before.
    pub stale: u64,
    /// Wrong user names or passwords.
    pub wrong_password: u64,
    /// Requests refused for other reasons.
    pub refused: u64,
}

#[derive(Debug)]
struct Known {
    dn: Arc<str>,
    entry: Entry,
}

/// A DN on an address: on any port, or on one.
type Resident = (Option<u16>, Arc<str>);

/// All DNs of one realm.
#[derive(Debug)]
pub struct Directory {
    digest: Digest,
    known: FxHashMap<Arc<str>, Known>,
    peers: FxHashMap<IpAddr, Vec<Resident>>,
    /// For each method bit, how many DNs have it challenged.
    challenging: [u32; 16],
    /// DNs with a password by the hashes they have: MD5 only, SHA-256 only, both.
    shapes: [u32; 3],
    counters: DirectoryCounters,
    proofs: Vec<Proof>,
}

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new(digest: Digest) -> Self {
        Self {
            digest,
            known: FxHashMap::default(),
            peers: FxHashMap::default(),
            challenging: [0; 16],
            shapes: [0; 3],
            counters: DirectoryCounters::default(),
            proofs: Vec::new(),
        }
    }

    /// Moves what was proved since the last time to the end of `out`.
    pub fn take_proofs(&mut self, out: &mut Vec<Proof>) {
        out.append(&mut self.proofs);
    }

    fn prove(&mut self, flow: &Flow, right: bool) {
        if !right && self.peers.contains_key(&flow.remote.ip().to_canonical()) {
            return;
        }
        if self.proofs.len() < PROOF_LIMIT {
            self.proofs.push(Proof { flow: *flow, right });
        }
    }

    /// The realm, with which hashes must be made.
    #[must_use]
    pub fn realm(&self) -> &str {
        self.digest.realm()
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> DirectoryCounters {
        self.counters
    }

    /// Declares a DN or changes it. ACK, CANCEL and BYE are taken out of `authenticate`.
    pub fn set(&mut self, dn: &str, mut entry: Entry) {
        self.remove(dn);
        for method in [Method::Ack, Method::Cancel, Method::Bye] {
            entry.authenticate.remove(&method);
        }
        for (ip, _) in &mut entry.peers {
            *ip = ip.to_canonical();
        }
        let dn: Arc<str> = dn.into();
        for (ip, port) in &entry.peers {
            self.peers.entry(*ip).or_default().push((*port, dn.clone()));
        }
        self.count(&entry, 1);
        self.known.insert(dn.clone(), Known { dn, entry });
    }

    /// Forgets a DN; `false` if it was not known.
    pub fn remove(&mut self, dn: &str) -> bool {
        let Some(Known { entry, .. }) = self.known.remove(dn) else { return false };
        for (ip, _) in &entry.peers {
            if let Some(list) = self.peers.get_mut(ip) {
                list.retain(|(_, d)| **d != *dn);
                if list.is_empty() {
                    self.peers.remove(ip);
                }
            }
        }
        self.count(&entry, -1);
        true
    }

    fn count(&mut self, entry: &Entry, step: i32) {
        if entry.ha1s.is_empty() {
            return;
        }
        for (at, count) in self.challenging.iter_mut().enumerate() {
            if entry.authenticate.0 & (1 << at) != 0 {
                *count = count.saturating_add_signed(step);
            }
        }
        let shape = usize::from(entry.ha1s.sha256.is_some())
            + usize::from(entry.ha1s.md5.is_some() && entry.ha1s.sha256.is_some());
        self.shapes[shape] = self.shapes[shape].saturating_add_signed(step);
    }

    /// What is known of a DN.
    #[must_use]
    pub fn get(&self, dn: &str) -> Option<&Entry> {
        self.known.get(dn).map(|k| &k.entry)
    }

    /// How many DNs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is no DN.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Decides about a request outside a dialog, as the module says. `from` is whom its From names.
    pub fn admit(&mut self, request: &Message, from: &Uri<'_>, flow: &Flow, now: Time, ids: &mut dyn Ids) -> Admission {
        let method = request.method();
        let user = from.user_decoded();
        let claimed = if method == Method::Register { None } else { self.by_address(flow.remote, &user) };
        let claimed = claimed.or_else(|| self.known.get(&*user));
        let open = claimed.filter(|k| !needs_digest(&k.entry, &method)).map(|k| k.dn.clone());
        let hashes = claimed.map_or_else(Ha1s::default, |k| k.entry.ha1s);
        let answer = match self.digest.presented(request) {
            Ok(answer) => answer,
            Err(_) if open.is_some() => None,
            Err(_) => return self.refuse(400, "Bad Credentials"),
        };
        let verdict = match answer {
            None => Verdict::Challenge { stale: false },
            Some(answer) => match self.check(&answer, &user, request, flow, now) {
                (Verdict::Accepted, Some(dn)) => {
                    self.counters.authenticated += 1;
                    self.prove(flow, true);
                    return Admission::Admitted { dn };
                }
                (verdict, _) => verdict,
            },
        };
        if let Some(dn) = open {
            self.counters.trusted += 1;
            return Admission::Admitted { dn };
        }
        match verdict {
            Verdict::Challenge { stale } => {
                let admission = self.challenge(&method, hashes, stale, flow.remote.ip(), now, ids);
                // A stranger where nobody is challenged: a datagram that says so may be anybody's.
                let refused = matches!(admission, Admission::Refused { status: 403 | 404, .. });
                if refused && flow.connection != 0 {
                    self.prove(flow, false);
                }
                admission
            }
            Verdict::BadRequest => self.refuse(400, "Bad Credentials"),
            Verdict::Accepted | Verdict::Forbidden => {
                self.counters.wrong_password += 1;
                self.prove(flow, false);
                Admission::Refused { status: 403, reason: "Forbidden" }
            }
        }
    }

    /// Whose the answer is, and whether it is right.
    fn check(
        &mut self,
        answer: &Answer<'_>,
        from: &str,
        request: &Message,
        flow: &Flow,
        now: Time,
    ) -> (Verdict, Option<Arc<str>>) {
        let of_from = self.known.get(from).filter(|k| name_of(k) == answer.username);
        let known = of_from.or_else(|| self.known.get(answer.username).filter(|k| name_of(k) == answer.username));
        match known.filter(|k| !k.entry.ha1s.is_empty()) {
            Some(Known { dn, entry }) => {
                (self.digest.verify(answer, &entry.ha1s, request, flow, now), Some(dn.clone()))
            }
            None => {
                let decoy = self.digest.decoy(&self.usual_shape());
                (self.digest.verify(answer, &decoy, request, flow, now), None)
            }
        }
    }

    fn challenge(
        &mut self,
        method: &Method,
        mut hashes: Ha1s,
        stale: bool,
        source: IpAddr,
        now: Time,
        ids: &mut dyn Ids,
    ) -> Admission {
        if hashes.is_empty() {
            if matches!(method, Method::Ack | Method::Cancel | Method::Bye) {
                return self.refuse(481, "Call/Transaction Does Not Exist");
            }
            let challenged = bit(method) != 0 && self.challenging[bit(method).trailing_zeros() as usize] > 0;
            if !challenged {
                let (status, reason) =
                    if *method == Method::Register { (404, "Not Found") } else { (403, "Forbidden") };
                return self.refuse(status, reason);
            }
            hashes = self.usual_shape();
        }
        self.counters.challenged += 1;
        self.counters.stale += u64::from(stale);
        Admission::Challenge(self.digest.challenge(&hashes, stale, source, ids, now))
    }

    /// Hashes, of no password, as most DNs have them: a stranger is offered what most are offered.
    fn usual_shape(&self) -> Ha1s {
        let [md5, sha256, both] = self.shapes;
        let most = md5.max(sha256).max(both);
        Ha1s { md5: (md5 == most || both == most).then_some([0; 16]), sha256: (md5 != most).then_some([0; 32]) }
    }

    fn by_address(&self, remote: SocketAddr, user: &str) -> Option<&Known> {
        if self.peers.is_empty() {
            return None;
        }
        let here = self.peers.get(&remote.ip().to_canonical())?;
        let matching = || here.iter().filter(|(port, _)| port.is_none_or(|p| p == remote.port()));
        let exact = || here.iter().filter(|(port, _)| *port == Some(remote.port()));
        let (_, dn) =
            matching().find(|(_, dn)| **dn == *user).or_else(|| exact().next()).or_else(|| matching().next())?;
        self.known.get(dn)
    }

    fn refuse(&mut self, status: u16, reason: &'static str) -> Admission {
        self.counters.refused += 1;
        Admission::Refused { status, reason }
    }
}

fn needs_digest(entry: &Entry, method: &Method) -> bool {
    entry.authenticate.contains(method) && !entry.ha1s.is_empty()
}

fn name_of(known: &Known) -> &str {
    known.entry.username.as_ref().unwrap_or(&known.dn)
}

#[cfg(test)]
mod tests;
