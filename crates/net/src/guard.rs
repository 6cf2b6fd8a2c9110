//! Who is listened to: how much a source may send, how often it may fail, and who is banned.
//!
//! A source is an IPv4 address or an IPv6 /64. It is banned when it fails to prove itself more
//! often than a forgetful person would. Failures over TCP and TLS count in full: whoever sends
//! them has completed a handshake. A datagram's source can be forged: over UDP those alone get
//! here that answer a nonce sent to that address, and ten times as many are needed. A source where somebody has proved himself lately, an office behind one
//! address, is given ten times as many again, and a phone that has proved itself is heard even
//! while its source is banned, at the address and port where it did.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use cordboard_sip::directory::Proof;
use cordboard_sip::{Flow, Time};
use rustc_hash::FxHashMap;

use crate::counters::Counters;

/// How much more patience a source has over UDP, and one where somebody has proved himself.
const PATIENCE: u64 = 10;
/// How often at most full tables are searched for entries to forget, in microseconds.
const SWEEP_MICROS: u64 = 1_000_000;

/// A network: an address and the bits of it that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or an address alone. `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.trim().parse().ok())?;
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether an address lies within.
    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

/// The thresholds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// Messages of one source at once; more are dropped.
    pub message_burst: u32,
    /// Messages of one source a second, in the long run.
    pub messages_per_second: u32,
    /// Wrong passwords and unknown users of one source at once, over TCP or TLS; one more bans it.
    /// Zero bans nobody.
    pub failure_burst: u32,
    /// After how long one of them is forgotten.
    pub failure_interval: Duration,
    /// How long a ban lasts.
    pub ban: Duration,
    /// How long it is remembered that somebody has proved himself.
    pub proof: Duration,
    /// Sources, proofs and bans that are remembered, each.
    pub remembered: usize,
    /// Never limited, never banned.
    pub allow: Vec<Network>,
    /// Bans of an earlier run; those that have ended meanwhile are forgotten.
    pub bans: Vec<Ban>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        let loopback = |address| Network { address, bits: if matches!(address, IpAddr::V4(_)) { 8 } else { 128 } };
        Self {
            message_burst: 40_000,
            messages_per_second: 20_000,
            failure_burst: 30,
            failure_interval: Duration::from_secs(20),
            ban: Duration::from_secs(600),
            proof: Duration::from_secs(7_200),
            remembered: 100_000,
            allow: vec![loopback(Ipv4Addr::LOCALHOST.into()), loopback(Ipv6Addr::LOCALHOST.into())],
            bans: Vec::new(),
        }
    }
}

/// A source nobody listens to for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The IPv4 address, or the first of the IPv6 /64.
    pub source: IpAddr,
    /// The transport of the failure that was one too many.
    pub transport: cordboard_sip::Transport,
    /// Unix time of its begin and end, in seconds.
    pub since: u64,
    /// See above.
    pub until: u64,
}

/// A source: buckets as the times at which they will be empty again.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    messages: u64,
    failures: u64,
    proved_until: u64,
}

pub(crate) struct Guard {
    config: GuardConfig,
    sources: FxHashMap<IpAddr, Source>,
    proved: FxHashMap<SocketAddr, Time>,
    bans: FxHashMap<IpAddr, (Time, Ban)>,
    changed: bool,
    swept: Time,
}

impl Guard {
    pub(crate) fn new(mut config: GuardConfig, now: Time, unix: u64) -> Self {
        let earlier = std::mem::take(&mut config.bans);
        let mut guard = Self {
            config,
            sources: FxHashMap::default(),
            proved: FxHashMap::default(),
            bans: FxHashMap::default(),
            changed: false,
            swept: Time(0),
        };
        guard.resume(earlier, now, unix);
        guard
    }

    /// Takes bans over from an earlier run, for what is left of them; whoever is allowed by now is not banned.
    fn resume(&mut self, bans: Vec<Ban>, now: Time, unix: u64) {
        for mut ban in bans.into_iter().filter(|ban| ban.until > unix).take(self.config.remembered) {
            if self.is_allowed(ban.source) {
                continue;
            }
            // A clock that was set back must not make a ban longer than any is.
            let left = Duration::from_secs(ban.until - unix).min(self.config.ban);
            ban.until = unix + left.as_secs();
            self.bans.insert(source(ban.source), (now.after(left), ban));
            self.changed = true;
        }
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        self.config.allow.iter().any(|network| network.contains(ip))
    }

    /// Whether a new connection from there is refused.
    pub(crate) fn refuses(&mut self, remote: SocketAddr, now: Time, counters: &Counters) -> bool {
        let refused = self.is_banned(remote.ip(), now);
        counters.guard_refused.add(u64::from(refused));
        refused
    }

    fn is_banned(&mut self, ip: IpAddr, now: Time) -> bool {
        if self.bans.is_empty() {
            return false;
        }
        let source = source(ip);
        match self.bans.get(&source) {
            Some((until, _)) if *until > now => true,
            Some(_) => {
                self.bans.remove(&source);
                self.changed = true;
                false
            }
            None => false,
        }
    }

    /// Whether a message is to be read; those that are not are counted.
    pub(crate) fn admits(&mut self, flow: &Flow, now: Time, counters: &Counters) -> bool {
        let ip = flow.remote.ip();
        if self.is_allowed(ip) {
            return true;
        }
        if self.is_banned(ip, now) && self.proved.get(&flow.remote).is_none_or(|until| *until <= now) {
            counters.guard_banned.one();
            return false;
        }
        let interval = 1_000_000 / u64::from(self.config.messages_per_second.max(1));
        let depth = interval * u64::from(self.config.message_burst);
        let Some(source) = self.source(ip, now) else {
            counters.guard_untracked.one();
            return true;
        };
        let admitted = pour(&mut source.messages, now, interval, depth);
        counters.guard_limited.add(u64::from(!admitted));
        admitted
    }

    /// Takes note of who has proved himself and who could not.
    pub(crate) fn note(&mut self, proof: &Proof, now: Time, unix: u64, counters: &Counters) {
        let ip = proof.flow.remote.ip();
        if self.is_allowed(ip) || self.config.failure_burst == 0 {
            return;
        }
        let until = now.after(self.config.proof);
        let interval = u64::try_from(self.config.failure_interval.as_micros()).unwrap_or(u64::MAX / 1_000_000);
        let burst = u64::from(self.config.failure_burst);
        let patient = proof.flow.connection == 0;
        let (ban, remembered) = (self.config.ban, self.config.remembered);
        let Some(source) = self.source(ip, now) else { return };
        if proof.right {
            source.proved_until = until.0;
            if self.proved.len() >= remembered && !self.proved.contains_key(&proof.flow.remote) {
                self.sweep(now);
            }
            if self.proved.len() < remembered || self.proved.contains_key(&proof.flow.remote) {
                self.proved.insert(proof.flow.remote, until);
            }
            return;
        }
        let proved = source.proved_until > now.0;
        // Patience makes each failure count for less.
        let weight = if patient { 1 } else { PATIENCE } * if proved { 1 } else { PATIENCE };
        let step = interval.saturating_mul(weight) / (PATIENCE * PATIENCE);
        if pour(&mut source.failures, now, step, interval.saturating_mul(burst)) {
            return;
        }
        source.failures = 0;
        let key = self::source(ip);
        let new = !self.bans.contains_key(&key);
        if new && self.bans.len() >= remembered {
            self.sweep(now);
            if self.bans.len() >= remembered {
                return;
            }
        }
        let entry = Ban { source: key, transport: proof.flow.transport, since: unix, until: unix + ban.as_secs() };
        self.bans.insert(key, (now.after(ban), entry));
        self.changed = true;
        counters.guard_bans.add(u64::from(new));
    }

    /// Ends the ban of a source, or every ban; returns how many there were.
    pub(crate) fn clear(&mut self, ip: Option<IpAddr>) {
        match ip {
            Some(ip) => {
                self.bans.remove(&source(ip));
            }
            None => self.bans.clear(),
        }
        self.changed = true;
    }

    /// The bans, if they have changed since the last time.
    pub(crate) fn changes(&mut self) -> Option<Vec<Ban>> {
        std::mem::take(&mut self.changed).then(|| self.bans.values().map(|(_, ban)| *ban).collect())
    }

    fn source(&mut self, ip: IpAddr, now: Time) -> Option<&mut Source> {
        let key = source(ip);
        if self.sources.len() >= self.config.remembered && !self.sources.contains_key(&key) {
            self.sweep(now);
            if self.sources.len() >= self.config.remembered {
                return None;
            }
        }
        Some(self.sources.entry(key).or_default())
    }

    /// Forgets what is over, unless it was done just now.
    fn sweep(&mut self, now: Time) {
        if now.0 < self.swept.0 + SWEEP_MICROS {
            return;
        }
        self.swept = now;
        self.sources.retain(|_, s| s.messages > now.0 || s.failures > now.0 || s.proved_until > now.0);
        self.proved.retain(|_, until| *until > now);
        let before = self.bans.len();
        self.bans.retain(|_, (until, _)| *until > now);
        self.changed |= self.bans.len() < before;
    }
}

/// Adds to a bucket that leaks; false, and nothing added, if it would run over.
fn pour(empty_at: &mut u64, now: Time, step: u64, depth: u64) -> bool {
    let next = (*empty_at).max(now.0) + step;
    let fits = next - now.0 <= depth;
    if fits {
        *empty_at = next;
    }
    fits
}

/// Whoever has one IPv6 address has the whole /64.
fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use cordboard_sip::Transport;

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn flow(transport: Transport, remote: &str) -> Flow {
        let connection = u64::from(transport != Transport::Udp);
        Flow { transport, local: "192.0.2.1:5060".parse().unwrap(), remote: remote.parse().unwrap(), connection }
    }

    struct Rig(Guard, Counters);

    impl Rig {
        fn new(change: impl FnOnce(&mut GuardConfig)) -> Self {
            let mut config = GuardConfig::default();
            change(&mut config);
            Self(Guard::new(config, Time(0), 0), Counters::default())
        }

        fn note(&mut self, transport: Transport, remote: &str, right: bool, at: u64) {
            self.0.note(&Proof { flow: flow(transport, remote), right }, Time(at), 1_000, &self.1);
        }

        fn admits(&mut self, transport: Transport, remote: &str, at: u64) -> bool {
            self.0.admits(&flow(transport, remote), Time(at), &self.1)
        }

        /// Failures until the ban.
        fn tries(&mut self, transport: Transport, remote: &str) -> u32 {
            let mut count = 0;
            while self.0.bans.is_empty() {
                self.note(transport, remote, false, SECOND);
                count += 1;
                assert!(count < 100_000, "never banned");
            }
            self.0.clear(None);
            count
        }
    }

    #[test]
    fn a_few_wrong_passwords_ban_nobody_and_guessing_does() {
        let mut rig = Rig::new(|_| {});
        assert_eq!(rig.tries(Transport::Tls, "198.51.100.1:4000"), 31);
        assert_eq!(rig.tries(Transport::Udp, "198.51.100.2:4000"), 301);
        rig.note(Transport::Tcp, "198.51.100.3:4000", true, SECOND);
        assert_eq!(rig.tries(Transport::Tcp, "198.51.100.3:4001"), 301);
        rig.note(Transport::Udp, "198.51.100.4:4000", true, SECOND);
        assert_eq!(rig.tries(Transport::Udp, "198.51.100.4:4001"), 3_001);
        assert_eq!(rig.1.guard_bans.get(), 4);
    }

    #[test]
    fn a_person_who_fails_now_and_then_is_never_banned() {
        let mut rig = Rig::new(|_| {});
        for n in 0..10_000 {
            rig.note(Transport::Tls, "198.51.100.1:4000", false, n * 20 * SECOND);
        }
        assert!(rig.0.bans.is_empty());
    }

    #[test]
    fn a_ban_is_for_the_source_counted_once_and_ends_by_itself_or_by_hand() {
        let mut rig = Rig::new(|config| config.failure_burst = 1);
        for _ in 0..5 {
            rig.note(Transport::Tls, "[2001:db8::1]:4000", false, SECOND);
        }
        assert_eq!(rig.1.guard_bans.get(), 1);
        assert!(!rig.admits(Transport::Udp, "[2001:db8::ffff]:9", 2 * SECOND));
        assert!(rig.admits(Transport::Udp, "[2001:db8:0:1::1]:9", 2 * SECOND));
        assert!(rig.0.refuses("[2001:db8::2]:9".parse().unwrap(), Time(2 * SECOND), &rig.1));
        let bans = rig.0.changes().unwrap();
        assert_eq!((bans[0].source, bans[0].until - bans[0].since), ("2001:db8::".parse().unwrap(), 600));
        assert_eq!(rig.0.changes(), None);
        assert!(rig.admits(Transport::Udp, "[2001:db8::1]:4000", 602 * SECOND));
        assert_eq!(rig.0.changes(), Some(vec![]));
        for _ in 0..2 {
            rig.note(Transport::Tls, "[2001:db8::1]:4000", false, 700 * SECOND);
        }
        assert!(!rig.admits(Transport::Tls, "[2001:db8::1]:4000", 701 * SECOND));
        rig.0.clear(Some("2001:db8::1".parse().unwrap()));
        assert!(rig.admits(Transport::Tls, "[2001:db8::1]:4000", 701 * SECOND));
    }

    #[test]
    fn a_ban_outlives_a_restart_for_what_is_left_of_it() {
        let mut rig = Rig::new(|config| config.failure_burst = 1);
        for remote in ["198.51.100.1:4000", "203.0.113.1:4000"] {
            for _ in 0..2 {
                rig.note(Transport::Tls, remote, false, SECOND);
            }
        }
        let bans = rig.0.changes().unwrap();
        assert_eq!(bans.len(), 2);
        let resumed = |unix, ban| {
            let allow = vec![Network::parse("203.0.113.0/24").unwrap()];
            let config =
                GuardConfig { bans: bans.clone(), ban: Duration::from_secs(ban), allow, ..GuardConfig::default() };
            Rig(Guard::new(config, Time(0), unix), Counters::default())
        };
        // The ban began at 1,000 and lasts 600 s; 250 of them are left.
        let mut rig = resumed(1_350, 600);
        assert_eq!(
            rig.0.changes().unwrap(),
            [Ban { until: 1_600, ..bans[usize::from(bans[0].source.to_string() != "198.51.100.1")] }]
        );
        assert!(!rig.admits(Transport::Udp, "198.51.100.1:9", 249 * SECOND));
        assert!(rig.admits(Transport::Udp, "198.51.100.1:9", 250 * SECOND));
        assert_eq!(resumed(1_600, 600).0.changes(), None);
        // The clock was set back, and bans are shorter now.
        assert!(resumed(10, 60).admits(Transport::Udp, "198.51.100.1:9", 60 * SECOND));
    }

    #[test]
    fn a_phone_that_has_proved_itself_is_heard_while_its_source_is_banned() {
        let mut rig = Rig::new(|config| config.failure_burst = 1);
        rig.note(Transport::Udp, "198.51.100.1:5060", true, SECOND);
        for _ in 0..200 {
            rig.note(Transport::Tcp, "198.51.100.1:4000", false, SECOND);
        }
        assert!(!rig.admits(Transport::Udp, "198.51.100.1:4000", 2 * SECOND));
        assert!(rig.admits(Transport::Udp, "198.51.100.1:5060", 2 * SECOND));
    }

    #[test]
    fn a_flood_is_cut_to_the_rate_and_the_next_source_is_not_touched() {
        let mut rig = Rig::new(|config| (config.message_burst, config.messages_per_second) = (100, 10));
        let admitted = (0..1_000).filter(|_| rig.admits(Transport::Udp, "198.51.100.1:1", SECOND)).count();
        assert_eq!(admitted, 100);
        assert!(rig.admits(Transport::Udp, "198.51.100.2:1", SECOND));
        let admitted = (0..1_000).filter(|_| rig.admits(Transport::Udp, "198.51.100.1:1", 2 * SECOND)).count();
        assert_eq!(admitted, 10);
        assert_eq!(rig.1.guard_limited.get(), 1_890);
    }

    #[test]
    fn who_is_allowed_is_neither_limited_nor_banned() {
        let network = Network::parse("203.0.113.0/24").unwrap();
        let mut rig = Rig::new(|config| {
            (config.message_burst, config.failure_burst) = (1, 1);
            config.allow = vec![network];
        });
        for _ in 0..500 {
            rig.note(Transport::Tcp, "203.0.113.77:1", false, SECOND);
            assert!(rig.admits(Transport::Tcp, "203.0.113.77:1", SECOND));
        }
        assert!(rig.0.sources.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut rig = Rig::new(|config| config.remembered = 1_000);
        for n in 0..5_000_u32 {
            let remote = format!("{}:5060", Ipv4Addr::from(0x0a00_0000 + n));
            rig.note(Transport::Udp, &remote, n % 2 == 0, SECOND);
            assert!(rig.admits(Transport::Udp, &remote, SECOND));
        }
        assert!(rig.0.sources.len() <= 1_000 && rig.0.proved.len() <= 1_000);
        assert!(rig.1.guard_untracked.get() > 0);
        assert!(rig.admits(Transport::Udp, "198.51.100.1:1", 10_000 * SECOND));
        assert_eq!((rig.0.sources.len(), rig.0.proved.len()), (1, 0));
    }

    #[test]
    fn a_table_that_is_full_forgets_though_the_others_are_not() {
        let mut rig = Rig::new(|config| (config.remembered, config.failure_burst) = (10, 1));
        // One office: a source with as many phones as are remembered, and more the next day.
        let phones = |rig: &mut Rig, ports: std::ops::Range<u16>, at| {
            for port in ports {
                rig.note(Transport::Udp, &format!("198.51.100.1:{port}"), true, at);
            }
        };
        phones(&mut rig, 1..20, SECOND);
        phones(&mut rig, 100..105, 86_400 * SECOND);
        assert!(rig.0.proved.keys().all(|at| at.port() >= 100) && rig.0.proved.len() == 5);
        for n in 0..10 {
            for _ in 0..2 {
                rig.note(Transport::Tls, &format!("203.0.113.{n}:1"), false, 90_000 * SECOND);
            }
            // What a source sent is forgotten before its ban ends.
            rig.0.sources.clear();
        }
        assert_eq!(rig.0.changes().unwrap().len(), 10);
        for _ in 0..2 {
            rig.note(Transport::Tls, "203.0.113.77:1", false, 91_000 * SECOND);
        }
        assert_eq!(
            rig.0.changes().unwrap().iter().map(|ban| ban.source.to_string()).collect::<Vec<_>>(),
            ["203.0.113.77"]
        );
    }

    #[test]
    fn networks_are_read_and_compared_by_their_bits() {
        let contains = |network: &str, ip: &str| Network::parse(network).unwrap().contains(ip.parse().unwrap());
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && !contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        for bad in ["192.0.2.0/33", "example.com", "192.0.2.0/-1", "::/129", ""] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
