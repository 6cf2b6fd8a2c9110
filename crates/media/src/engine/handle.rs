//! How the rest of the program talks to a running engine.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use cordboard_sip::sdp::Direction;

use super::command::{Act, Command};
use super::error::EngineError;
use super::homes::Homes;
use super::leg::{Beginning, Leg};
use super::ports::Pool;
use super::queue::{Inbox, Outbox, Passage, lock};
use super::report::Stats;
use super::sound::File;
use super::{Config, Event, Id, Playing, Recording, Role, Source, Target, start};
use crate::description::{self, Agreed, Answered, Capabilities, Local, Said, SrtpPolicy};
use crate::dtmf::{self, KeysError};

/// Commands that may wait for a thread before no new leg is taken.
const MOST_WAITING: usize = 100_000;

/// What is known of a peer besides its descriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// How its media is encrypted; else as the engine's is.
    pub srtp: Option<SrtpPolicy>,
    /// Its family of addresses.
    pub ipv6: Option<bool>,
    /// Where its signalling comes from: its media may come from there too, whatever its descriptions say.
    pub source: Option<IpAddr>,
}

/// What was said and heard of a leg's description.
#[derive(Debug, Default)]
struct Exchange {
    said: Option<Said>,
    offered: Option<Said>,
}

/// A leg as its owner holds it.
#[derive(Debug)]
pub struct LegHandle {
    id: Id,
    address: IpAddr,
    port: u16,
    session_id: u64,
    srtp: SrtpPolicy,
    exchange: Mutex<Exchange>,
    stats: Arc<Mutex<Stats>>,
}

impl LegHandle {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where it receives, as peers are told.
    #[must_use]
    pub fn place(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// What came and went until the last interval.
    #[must_use]
    pub fn stats(&self) -> Stats {
        lock(&self.stats).clone()
    }

    fn local(&self) -> Local {
        let (address, port, session_id) = (self.address, self.port, self.session_id);
        Local { address, port, session_id, direction: Direction::SendRecv }
    }
}

/// A running engine. Dropping it ends it.
pub struct Engine {
    config: Config,
    name: Arc<str>,
    pools: Vec<Arc<Pool>>,
    inboxes: Arc<[Inbox]>,
    outbox: Arc<Outbox>,
    homes: Mutex<Homes>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    behind: Option<String>,
}

fn random(octets: &mut [u8]) {
    // Without them no key and no stream is safe, and no system is without.
    getrandom::fill(octets).expect("the system gives random numbers");
}

fn random_u64() -> u64 {
    let mut octets = [0; 8];
    random(&mut octets);
    u64::from_ne_bytes(octets)
}

impl Engine {
    /// Starts an engine.
    ///
    /// # Errors
    /// If there is no address, or the system refuses threads or descriptors.
    pub fn start(config: Config) -> Result<Self, EngineError> {
        Self::build(config).map_err(EngineError::Start)
    }

    fn build(config: Config) -> io::Result<Self> {
        let invalid = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if config.addresses.is_empty() {
            return invalid("no address to receive at".into());
        }
        let told = |ip: &IpAddr| config.advertised.iter().find(|(from, _)| from == ip).map_or(*ip, |(_, to)| *to);
        if let Some(ip) = config.addresses.iter().map(told).find(IpAddr::is_unspecified) {
            return invalid(format!("peers cannot be told to send to {ip}: name an address, or advertise one for it"));
        }
        let (first, last) = config.ports;
        let pool = |address: &IpAddr| Arc::new(Pool::new(*address, first, last, config.port_rest, &mut random_u64));
        let pools = config.addresses.iter().map(pool).collect();
        let count = config.threads.max(1);
        let inboxes: Arc<[Inbox]> = (0..count).map(|_| Inbox::new()).collect::<io::Result<Vec<_>>>()?.into();
        let outbox = Outbox::new(config.event_limit)?;
        let mut threads = Vec::new();
        let behind = match start::all(&config, &inboxes, &outbox, &mut threads) {
            Ok(behind) => behind,
            Err(error) => {
                start::end(&inboxes, threads);
                return Err(error);
            }
        };
        // The canonical name tells streams of one engine from another's, and nothing of who it is (RFC 7022 4.2).
        let name = format!("{:016x}", random_u64()).into();
        let homes = Mutex::new(Homes::new(count));
        Ok(Self { config, name, pools, inboxes, outbox, homes, threads: Mutex::new(threads), behind })
    }

    fn give(&self, thread: usize, command: Command) {
        self.inboxes[thread].give(command);
    }

    /// A leg for a peer: of the family of addresses its offer has; without one, of that which is known of it, if there is
    /// an address of it, or of the engine's first.
    ///
    /// # Errors
    /// If there is no port, no address of that family, or the offer cannot be read.
    pub fn leg(&self, offer: &[u8], peer: Peer) -> Result<LegHandle, EngineError> {
        if self.inboxes.iter().any(Inbox::ended) {
            return Err(EngineError::Ended(self.outbox.failure()));
        }
        let pool = if offer.is_empty() {
            let liked = |pool: &&Arc<Pool>| peer.ipv6.is_none_or(|ipv6| pool.address().is_ipv6() == ipv6);
            self.pools.iter().find(liked).unwrap_or(&self.pools[0])
        } else {
            let wanted = description::family(offer)?;
            let fits = |pool: &&Arc<Pool>| wanted.is_none_or(|ip| ip.is_ipv4() == pool.address().is_ipv4());
            let none = || EngineError::Family(wanted.unwrap_or(self.pools[0].address()));
            self.pools.iter().find(fits).ok_or_else(none)?
        };
        let mut homes = lock(&self.homes);
        let thread = homes.least();
        if self.inboxes[thread].waiting() > MOST_WAITING {
            return Err(EngineError::Behind);
        }
        let pair = pool.take(random_u64).ok_or(EngineError::NoPort)?;
        let (one, other) = (random_u64(), random_u64());
        // The first sequence number lies low, so that it does not wrap before the peer knows the stream (RFC 3711 3.3.1).
        let beginning = Beginning {
            source: peer.source,
            searched_joined: self.config.inband_digits,
            ssrc: one as u32,
            sequence: (other & 0x7fff) as u16,
            timestamp: (one >> 32) as u32,
        };
        let stats = Arc::new(Mutex::new(Stats::default()));
        let bound = pool.address();
        let advertised = self.config.advertised.iter().find(|(from, _)| *from == bound).map_or(bound, |(_, to)| *to);
        let handle = LegHandle {
            id: homes.next(),
            address: advertised,
            port: pair.port,
            session_id: random_u64() >> 1,
            srtp: peer.srtp.unwrap_or(self.config.capabilities.srtp),
            exchange: Mutex::default(),
            stats: Arc::clone(&stats),
        };
        let leg = Leg::new(handle.id, pair, Arc::clone(&self.name), &beginning, stats);
        homes.legs.insert(handle.id, thread);
        homes.load[thread] += 1;
        self.give(thread, Command::Open(Box::new(leg)));
        Ok(handle)
    }

    fn capabilities(&self, leg: &LegHandle) -> Capabilities {
        Capabilities { srtp: leg.srtp, ..self.config.capabilities.clone() }
    }

    /// A description to offer.
    #[must_use]
    pub fn offer(&self, leg: &LegHandle) -> Vec<u8> {
        let mut exchange = lock(&leg.exchange);
        let said = description::offer(&self.capabilities(leg), &leg.local(), exchange.said.as_ref(), &mut random);
        let bytes = said.to_bytes();
        exchange.offered = Some(said);
        bytes
    }

    /// Takes an offer and gives the answer to it.
    ///
    /// # Errors
    /// If it leads to no media. Nothing has changed then.
    pub fn answer(&self, leg: &LegHandle, offer: &[u8]) -> Result<Vec<u8>, EngineError> {
        let mut exchange = lock(&leg.exchange);
        let Answered { said, agreed } =
            description::answer(&self.capabilities(leg), &leg.local(), offer, exchange.said.as_ref(), &mut random)?;
        let bytes = said.to_bytes();
        *exchange = Exchange { said: Some(said), offered: None };
        self.agree(leg.id, agreed);
        Ok(bytes)
    }

    /// Takes the answer to what was offered.
    ///
    /// # Errors
    /// If it leads to no media, or nothing was offered. Nothing has changed then.
    pub fn accept(&self, leg: &LegHandle, answer: &[u8]) -> Result<(), EngineError> {
        let mut exchange = lock(&leg.exchange);
        let offered = exchange.offered.as_ref().ok_or(EngineError::NotOffered)?;
        let (said, agreed) = description::accept(&self.capabilities(leg), &leg.local(), offered, answer)?;
        // The same offer may be answered again: by a reliable provisional response, and by the final one.
        exchange.said = Some(said);
        self.agree(leg.id, Some(agreed));
        Ok(())
    }

    fn agree(&self, leg: Id, agreed: Option<Agreed>) {
        self.to_leg(leg, Command::Agree { leg, agreed: agreed.map(Box::new) });
    }

    fn to_leg(&self, leg: Id, command: Command) {
        let homes = lock(&self.homes);
        if let Some(thread) = homes.legs.get(&leg) {
            self.give(*thread, command);
        }
    }

    fn to_room(&self, room: Id, command: Command) {
        let homes = lock(&self.homes);
        if let Some(thread) = homes.rooms.get(&room) {
            self.give(*thread, command);
        }
    }

    /// Ends a leg. Harmless when it has ended.
    pub fn close_leg(&self, leg: Id) {
        let mut homes = lock(&self.homes);
        if let Some(thread) = homes.legs.remove(&leg) {
            homes.load[thread] -= 1;
            self.give(thread, Command::Close { leg });
        }
    }

    /// Lets a leg live on a thread from now on; whether there is such a leg.
    fn move_to(&self, homes: &mut Homes, leg: Id, to: usize) -> bool {
        let Some(home) = homes.legs.get_mut(&leg) else { return false };
        let from = std::mem::replace(home, to);
        if from != to {
            homes.load[from] -= 1;
            homes.load[to] += 1;
            self.give(from, Command::Release { leg, passage: Passage::new(leg, &self.inboxes, to) });
            self.give(to, Command::Await { leg });
        }
        true
    }

    /// Joins two legs, or changes how they are joined. They leave where they were before.
    pub fn join(&self, one: Id, other: Id, one_to_other: Role, other_to_one: Role) {
        let mut homes = lock(&self.homes);
        let Some(thread) = homes.legs.get(&one).copied() else { return };
        if self.move_to(&mut homes, other, thread) {
            self.give(thread, Command::Join { one, other, one_to_other, other_to_one });
        }
    }

    /// Parts them. Harmless when they are not joined.
    pub fn part(&self, one: Id, other: Id) {
        self.to_leg(one, Command::Part { one, other });
    }

    /// A room, and who speaks in it, kept up to date: the loudest first.
    #[must_use]
    pub fn room(&self, loudest: usize) -> (Id, Arc<Mutex<Vec<Id>>>) {
        let speakers = Arc::new(Mutex::new(Vec::new()));
        let mut homes = lock(&self.homes);
        let (room, thread) = (homes.next(), homes.least());
        homes.rooms.insert(room, thread);
        self.give(thread, Command::OpenRoom { room, loudest, speakers: Arc::clone(&speakers) });
        (room, speakers)
    }

    /// Lets a leg into a room; it leaves where it was before.
    pub fn enter(&self, room: Id, leg: Id, role: Role) {
        let mut homes = lock(&self.homes);
        let Some(thread) = homes.rooms.get(&room).copied() else { return };
        if self.move_to(&mut homes, leg, thread) {
            self.give(thread, Command::Enter { room, leg, role });
        }
    }

    /// Gives a leg in a room another role.
    pub fn change(&self, room: Id, leg: Id, role: Role) {
        self.to_room(room, Command::Change { room, leg, role });
    }

    /// Lets a leg go. Harmless when it is not in.
    pub fn leave(&self, room: Id, leg: Id) {
        self.to_leg(leg, Command::Leave { room, leg });
    }

    /// How many of the loudest are mixed; 0 for all.
    pub fn set_loudest(&self, room: Id, loudest: usize) {
        self.to_room(room, Command::Loudest { room, loudest });
    }

    /// Ends a room; the legs stay. Harmless when it has ended.
    pub fn close_room(&self, room: Id) {
        let mut homes = lock(&self.homes);
        if let Some(thread) = homes.rooms.remove(&room) {
            self.give(thread, Command::CloseRoom { room });
        }
    }

    /// Plays; gives the name of the player. It always ends with an [`Event::Played`].
    pub fn play(&self, target: Target, playing: Playing) -> Id {
        let look = |source: &Source| match source {
            Source::File(path) => File::look(path).ok(),
            _ => None,
        };
        let files = playing.sources.iter().map(look).collect();
        let mut homes = lock(&self.homes);
        let player = homes.next();
        match homes.of(target) {
            Some(thread) => self.give(thread, Command::Play { player, target, playing: Box::new(playing), files }),
            None => self.outbox.tell(Event::Played { player, why: super::PlayEnd::Failed, ms: 0 }),
        }
        player
    }

    /// Sends digits, each for so long and with so much silence after it; gives how long that takes, milliseconds. As
    /// events if the peer knows them (RFC 4733), else in the sound.
    ///
    /// # Errors
    /// If it is no row of digits.
    pub fn send_digits(&self, leg: Id, digits: &str, on_ms: u32, off_ms: u32) -> Result<u32, KeysError> {
        // The shortest digit and pause a receiver must know (Q.24), and room for an event's end to be said three times.
        let (on_ms, off_ms) = (on_ms.clamp(40, 60_000), off_ms.clamp(60, 60_000));
        let sound = dtmf::plan(digits, on_ms, off_ms)?;
        let took = digits.len() as u32 * (on_ms + off_ms);
        self.to_leg(leg, Command::Digits { leg, digits: digits.into(), on_ms, off_ms, sound });
        Ok(took)
    }

    /// Does something with a player. Harmless when it has ended.
    pub fn player(&self, player: Id, target: Target, act: Act) {
        let homes = lock(&self.homes);
        if let Some(thread) = homes.of(target) {
            self.give(thread, Command::Player { player, target, act });
        }
    }

    /// Records; gives the name of the recorder. It always ends with an [`Event::Recorded`].
    pub fn record(&self, target: Target, recording: Recording) -> Id {
        let mut homes = lock(&self.homes);
        let recorder = homes.next();
        match homes.of(target) {
            Some(thread) => {
                self.give(thread, Command::Record { recorder, target, recording: Box::new(recording) });
            }
            None => self.outbox.tell(Event::Recorded { recorder, why: super::RecordEnd::Failed, ms: 0 }),
        }
        recorder
    }

    /// Does something with a recorder. Harmless when it has ended.
    pub fn recorder(&self, recorder: Id, target: Target, act: Act) {
        let homes = lock(&self.homes);
        if let Some(thread) = homes.of(target) {
            self.give(thread, Command::Recorder { recorder, target, act });
        }
    }

    /// Takes all waiting events, in order. Never blocks.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.outbox.take()
    }

    /// Readable while events wait.
    #[must_use]
    pub fn event_fd(&self) -> RawFd {
        self.outbox.bell.as_raw_fd()
    }

    /// Why a thread has ended that was not asked to.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.outbox.failure()
    }

    /// Why its threads do not go before all that is not of real time, where that was wanted.
    #[must_use]
    pub fn behind(&self) -> Option<&str> {
        self.behind.as_deref()
    }

    /// What there is of everything: legs, rooms, pairs of ports nobody has, commands that wait, events left out; whether
    /// threads go before others.
    #[must_use]
    pub fn counters(&self) -> [(&'static str, u64); 6] {
        let homes = lock(&self.homes);
        let free: usize = self.pools.iter().map(|pool| pool.free()).sum();
        let waiting: usize = self.inboxes.iter().map(Inbox::waiting).sum();
        [
            ("legs", homes.legs.len() as u64),
            ("rooms", homes.rooms.len() as u64),
            ("free_ports", free as u64),
            ("commands_waiting", waiting as u64),
            ("events_left_out", self.outbox.left_out()),
            ("realtime", u64::from(self.config.realtime && self.behind.is_none())),
        ]
    }

    /// Ends all legs and threads, and waits for them: recordings are whole when it returns.
    pub fn close(&self) {
        start::end(&self.inboxes, std::mem::take(&mut *lock(&self.threads)));
        let mut homes = lock(&self.homes);
        homes.legs.clear();
        homes.rooms.clear();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
