//! The endpoint: transactions, dialogs, digest and the registrar behind one door.
//!
//! Data and commands come in with the time; [`Transmit`]s, [`Event`]s and journal bytes are taken
//! out. After any call that may change something, [`Endpoint::next_timeout`] says when the
//! endpoint wants to be called again.
//!
//! What it decides by itself is mechanism: retransmissions, ACK for errors, CANCEL, CSeq order,
//! challenges, registration. What a request *means* is the user's.

mod authenticate;
mod commands;
mod control;
mod counters;
mod inbound;
mod reach;
mod reliable;
mod replaces;
mod resend;
mod responses;
mod stateless;
mod thinning;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

pub use crate::event::{
    BindingChange, Body, Command, Destination, Device, DialogId, Event, Failure, Fault, HeaderLine, Location,
    TransactionId,
};
pub use authenticate::Credentials;
pub use control::{Control, Policy};
pub use counters::Counters;

use crate::dialog::Dialog;
use crate::digest::client::Proof;
use crate::digest::{Digest, DigestSettings};
use crate::directory::Directory;
use crate::flow::{Flow, Routes, Transmit, Transport};
use crate::ids::Ids;
use crate::limits::Limits;
use crate::message::{Message, Method};
use crate::registrar::{Registrar, RegistrarSettings};
use crate::roomy::Roomy;
use crate::text::push_address;
use crate::time::Time;
use crate::timers::Timers;
use crate::transaction::{self, Layer, TimerSettings};

/// What an endpoint is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The product, printed as User-Agent and Server.
    pub software: String,
    /// The digest realm.
    pub realm: String,
    /// The methods printed in Allow; [`Control::SetPolicy`] changes them to what the user really serves.
    pub allow: String,
    /// What answers to OPTIONS outside a dialog say besides; see [`Control::SetOptionsHeaders`].
    pub options_headers: Vec<HeaderLine>,
    /// The option tags printed in Supported and honoured in Require. `100rel` is printed in an INVITE
    /// of ours only where the user lists it, since it is the user who has to send PRACK.
    pub supported: Vec<String>,
    /// Bounds on what is read.
    pub limits: Limits,
    /// How long a nonce lives and how many are remembered.
    pub digest: DigestSettings,
    /// What the registrar allows.
    pub registrar: RegistrarSettings,
    /// The timers of RFC 3261.
    pub timers: TimerSettings,
    /// Bytes of a request above which UDP gives way to TCP (RFC 3261 18.1.1: 1300).
    pub udp_limit: usize,
    /// Seconds printed in Retry-After of a 503.
    pub retry_after: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            software: "Cordboard".into(),
            realm: "cordboard".into(),
            allow: "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK".into(),
            options_headers: Vec::new(),
            supported: [reliable::TAG, "replaces", "timer", "norefersub"].map(Into::into).to_vec(),
            limits: Limits::default(),
            digest: DigestSettings::default(),
            registrar: RegistrarSettings::default(),
            timers: TimerSettings::default(),
            udp_limit: 1300,
            retry_after: 5,
        }
    }
}

/// Gives out the numbers of transactions and dialogs; shared with the user, who numbers requests
/// before the endpoint has seen them.
#[derive(Clone, Debug, Default)]
pub struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// A number never given before.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A server transaction the user owes an answer. That of an INVITE is kept as long as a CANCEL may come for it (RFC 3261
/// 9.2), any other until it is answered.
#[derive(Debug)]
struct Serving {
    dialog: Option<DialogId>,
    /// An INVITE outside any dialog: its answer makes or ends the dialog.
    makes_dialog: bool,
    invite: bool,
    bye: bool,
    answered: bool,
}

/// A request of ours that is under way.
#[derive(Debug)]
struct Asking {
    /// The number the user knows it by: its own, unless it was sent again with credentials.
    told: TransactionId,
    method: Method,
    /// Where it was sent.
    flow: Flow,
    /// The dialog it was sent within.
    dialog: Option<DialogId>,
    /// The dialogs an initial INVITE has made, one a fork.
    forks: Vec<Fork>,
    contact_user: Box<str>,
    /// The request: of an initial INVITE always, as forks may still appear; of others where there are
    /// credentials to send it again with.
    request: Option<Arc<Message>>,
    /// How it has met challenges so far.
    proofs: Vec<Proof>,
    /// A CANCEL that waits for the first provisional response (RFC 3261 9.1).
    cancel: Cancel,
    /// Of the endpoint's own making (CANCEL): its outcome is nobody's business.
    internal: bool,
    /// The user has had its final response or its failure.
    settled: bool,
}

impl Asking {
    /// A request outside any dialog, just sent.
    fn new(told: TransactionId, method: Method, flow: Flow) -> Self {
        Self {
            told,
            method,
            flow,
            dialog: None,
            forks: Vec::new(),
            contact_user: Box::default(),
            request: None,
            proofs: Vec::new(),
            cancel: Cancel::No,
            internal: false,
            settled: false,
        }
    }
}

/// One answerer of an INVITE of ours. Kept after its dialog has ended, so that a late repeat of
/// its 2xx is not taken for a new answerer.
#[derive(Debug)]
struct Fork {
    remote_tag: Box<str>,
    dialog: DialogId,
}

#[derive(Debug, Default)]
enum Cancel {
    #[default]
    No,
    Wanted(Vec<HeaderLine>),
    Sent,
}

/// See the module.
pub struct Endpoint {
    settings: Settings,
    routes: Box<dyn Routes>,
    ids: Box<dyn Ids>,
    numbers: Numbers,
    /// Unix time at `Time(0)`, in microseconds.
    wall_base: u64,
    /// Keys the tags of stateless answers (RFC 3261 8.2.7).
    tag_key: u64,
    /// Who may register and call.
    pub directory: Directory,
    registrar: Registrar,
    layer: Layer,
    /// When the 2xx of a dialog is due again.
    resend_timers: Timers<DialogId>,
    /// When the reliable provisional response of a dialog is due again.
    prack_timers: Timers<DialogId>,
    /// Boxed, as requests of ours are: a map has room for up to four times what lives, and should have it for pointers.
    dialogs: Roomy<DialogId, Box<Dialog>>,
    /// From (local tag, remote tag), hashed, to the dialog; verified on use.
    by_tags: Roomy<u64, DialogId>,
    serving: Roomy<TransactionId, Serving>,
    /// By the number of the transaction that runs now.
    asking: Roomy<TransactionId, Box<Asking>>,
    /// From the number the user knows to that of the transaction that runs now, where they differ.
    retried: FxHashMap<TransactionId, TransactionId>,
    accounts: authenticate::Accounts,
    resends: FxHashMap<DialogId, resend::Resend>,
    reliables: FxHashMap<DialogId, reliable::Reliable>,
    heard_reliables: FxHashMap<DialogId, reliable::Heard>,
    acks: FxHashMap<DialogId, resend::Acked>,
    keep_alives: reach::KeepAlives,
    ended: replaces::Ended,
    overloaded: bool,
    thinning: thinning::Thinning,
    counters: Counters,
    transmits: Vec<Transmit>,
    events: Vec<Event>,
    journal: Vec<u8>,
    /// Outputs of the transaction layer not yet dealt with.
    outputs: Vec<transaction::Output>,
    /// Those that are being dealt with; empty in between.
    settling: Vec<transaction::Output>,
}

impl Endpoint {
    /// Makes an endpoint. `unix_now` is the wall clock in microseconds at `now`.
    #[must_use]
    pub fn new(settings: Settings, routes: Box<dyn Routes>, mut ids: Box<dyn Ids>, now: Time, unix_now: u64) -> Self {
        let layer = Layer::new(TimerSettings { hash_seed: ids.next_u64(), ..settings.timers.clone() });
        let tag_key = ids.next_u64();
        let registrar =
            Registrar::new(RegistrarSettings { software: settings.software.clone(), ..settings.registrar.clone() });
        let mut secret = [0; 32];
        for part in secret.chunks_exact_mut(8) {
            part.copy_from_slice(&ids.next_u64().to_ne_bytes());
        }
        let directory = Directory::new(Digest::new(&settings.realm, secret, settings.digest));
        Self {
            settings,
            routes,
            ids,
            numbers: Numbers::default(),
            wall_base: unix_now.saturating_sub(now.0),
            tag_key,
            directory,
            registrar,
            layer,
            resend_timers: Timers::new(),
            prack_timers: Timers::new(),
            dialogs: Roomy::default(),
            by_tags: Roomy::default(),
            serving: Roomy::default(),
            asking: Roomy::default(),
            retried: FxHashMap::default(),
            accounts: authenticate::Accounts::default(),
            resends: FxHashMap::default(),
            reliables: FxHashMap::default(),
            heard_reliables: FxHashMap::default(),
            acks: FxHashMap::default(),
            keep_alives: reach::KeepAlives::default(),
            ended: replaces::Ended::default(),
            overloaded: false,
            thinning: thinning::Thinning::default(),
            counters: Counters::default(),
            transmits: Vec::new(),
            events: Vec::new(),
            journal: Vec::new(),
            outputs: Vec::new(),
            settling: Vec::new(),
        }
    }

    /// The numbers commands are to use.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.numbers.clone()
    }

    /// While true, requests that would make something new are answered 503 with Retry-After.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        self.overloaded = overloaded;
    }

    /// Takes what is to be sent, in order.
    pub fn take_transmits(&mut self, out: &mut Vec<Transmit>) {
        out.append(&mut self.transmits);
    }

    /// Takes what the user should know, in order.
    pub fn take_events(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.events);
    }

    /// Takes the bytes to append to the journal of bindings.
    pub fn take_journal(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.journal);
    }

    /// When to call [`Endpoint::handle_timeouts`]; may be early, never late.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        [
            self.layer.next_timeout(),
            self.resend_timers.next(),
            self.prack_timers.next(),
            self.registrar.next_timeout(),
            self.keep_alives.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub fn handle_timeouts(&mut self, now: Time) {
        self.layer.handle_timeouts(now, &mut self.outputs);
        self.settle_outputs(now);
        while let Some(dialog) = self.resend_timers.pop_due(now) {
            self.resend_success(dialog, now);
        }
        while let Some(dialog) = self.prack_timers.pop_due(now) {
            self.resend_reliable(dialog, now);
        }
        self.expire_bindings(now);
        self.send_keep_alives(now);
    }

    /// The transport could not deliver to a peer: what waits for it fails.
    pub fn transport_failed(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        connection: u64,
        fault: Fault,
        now: Time,
    ) {
        self.layer.transport_failed(transport, remote, connection, fault, now, &mut self.outputs);
        self.settle_outputs(now);
        self.connection_gone(connection);
    }

    /// Changes what the endpoint knows of DNs and of our own accounts.
    pub fn control(&mut self, control: Control) {
        match control {
            Control::SetDn { dn, entry } => self.directory.set(&dn, entry),
            Control::RemoveDn { dn } => {
                let _was_known = self.directory.remove(&dn);
                self.registrar.remove(&dn, &mut self.events, &mut self.journal);
            }
            Control::SetCredentials(credentials) => self.accounts.set(credentials),
            Control::RemoveCredentials { realm, host, username } => self.accounts.remove(&realm, &host, &username),
            Control::SetPolicy(policy) => {
                self.settings.allow = policy.allow;
                self.settings.retry_after = policy.retry_after;
                let registrar = self.registrar.settings_mut();
                registrar.default_expires = policy.registration_expires;
                registrar.path_needs_support = policy.path_needs_support;
                registrar.service_route = policy.service_route;
                registrar.flow_timer = policy.flow_timer;
                self.keep_alive_every(policy.nat_keep_alive);
            }
            Control::RefuseNew { part } => self.thinning.set(part),
            Control::SetOptionsHeaders { headers } => self.settings.options_headers = headers,
        }
    }

    /// Takes up the bindings of an earlier run from its journal; each is told as appeared.
    pub fn restore_bindings(&mut self, journal: &[u8], now: Time) {
        let unix = self.unix_seconds(now);
        let restored = self.registrar.restore(journal, now, unix, &mut self.events);
        self.counters.bindings_restored += restored.bindings as u64;
        self.counters.journal_bytes_skipped += restored.damaged as u64;
    }

    /// The journal in its shortest form, to replace a long one.
    #[must_use]
    pub fn snapshot_bindings(&self) -> Vec<u8> {
        self.registrar.snapshot()
    }

    /// Live dialogs, transactions and what else is held: zero all when nothing is going on.
    #[must_use]
    pub fn held(&self) -> [(&'static str, usize); 8] {
        [
            ("dialogs", self.dialogs.len()),
            ("transactions", self.layer.len()),
            ("server_transactions", self.serving.len()),
            ("client_transactions", self.asking.len()),
            ("requests_authenticating", self.retried.len()),
            ("successes_unacknowledged", self.resends.len()),
            ("provisionals_sent_reliably", self.reliables.len()),
            ("provisionals_heard_reliably", self.heard_reliables.len()),
        ]
    }

    /// Totals since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Everything counted, by name: totals of the endpoint and of the transactions, and what is held now.
    #[must_use]
    pub fn all_counters(&self) -> Vec<(&'static str, u64)> {
        let held = self.held().into_iter().map(|(name, n)| (name, n as u64));
        self.counters.iter().chain(self.layer.counters().iter()).chain(held).collect()
    }

    fn unix_seconds(&self, now: Time) -> u64 {
        (self.wall_base + now.0) / 1_000_000
    }

    fn dialog_number(&mut self) -> DialogId {
        DialogId(self.numbers.next())
    }

    fn add_dialog(&mut self, dialog: Dialog) {
        self.by_tags.insert(tag_hash(dialog.local_tag(), dialog.remote_tag()), dialog.id);
        self.dialogs.insert(dialog.id, Box::new(dialog));
    }

    fn remove_dialog(&mut self, id: DialogId) {
        self.stop_resending(id);
        self.drop_reliable(id);
        self.heard_reliables.remove(&id);
        self.acks.remove(&id);
        let Some(dialog) = self.dialogs.remove(&id) else { return };
        let tags = tag_hash(dialog.local_tag(), dialog.remote_tag());
        if self.by_tags.get(&tags) == Some(&id) {
            self.by_tags.remove(&tags);
        }
        self.ended.add(tags, id);
    }

    fn find_dialog(&self, call_id: &str, local_tag: &str, remote_tag: &str) -> Option<DialogId> {
        let id = *self.by_tags.get(&tag_hash(local_tag, remote_tag))?;
        self.dialogs.get(&id).filter(|d| d.is(call_id, local_tag, remote_tag)).map(|d| d.id)
    }

    /// The request a server transaction waits to have answered, and where it came from.
    fn server_request(&self, id: TransactionId) -> Option<(Arc<Message>, Flow)> {
        Some((self.layer.server_request(id)?.clone(), self.layer.server_flow(id)?))
    }

    /// The Via of a request of ours, with a fresh branch.
    fn via(&mut self, transport: Transport, local: SocketAddr) -> String {
        let mut via = String::with_capacity(96);
        via.push_str("SIP/2.0/");
        via.push_str(transport.via_token());
        via.push(' ');
        push_address(&mut via, local);
        via.push_str(";rport;branch=");
        self.ids.push_branch(&mut via);
        via
    }

    /// A Contact of ours; a `sips` one where the dialog is (RFC 5630 5.1.1), which says TLS already.
    fn contact(&self, user: &str, transport: Transport, local: SocketAddr, sips: bool) -> String {
        let sips = sips && transport == Transport::Tls;
        let mut contact = String::with_capacity(96);
        contact.push_str(if sips { "<sips:" } else { "<sip:" });
        contact.push_str(user);
        contact.push_str(if user.is_empty() { "" } else { "@" });
        push_address(&mut contact, local);
        if !sips && transport != Transport::Udp {
            contact.push_str(";transport=");
            contact.push_str(transport.uri_token());
        }
        contact.push('>');
        contact
    }

    /// The address of ours that a peer on this flow knows.
    fn our_address(&self, flow: Flow) -> SocketAddr {
        self.routes.local(flow.transport, flow.remote).unwrap_or(flow.local)
    }
}

fn tag_hash(local_tag: &str, remote_tag: &str) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    local_tag.hash(&mut hasher);
    remote_tag.hash(&mut hasher);
    hasher.finish()
}
