//! Which address of ours to show to a peer, and to send from.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use cordboard_sip::{Routes, Time, Transport};
use rustc_hash::FxHashMap;

use crate::clock::Clock;
use crate::config::{Advertise, Listen};

/// Remotes whose source address is remembered.
const CACHE_LIMIT: usize = 16_384;
/// How long: routes change when interfaces come and go.
const CACHE_MICROS: u64 = 30_000_000;

/// The bound addresses and the public ones that stand for them.
#[derive(Debug)]
pub(crate) struct AddressBook {
    listen: Vec<Listen>,
    advertise: Vec<Advertise>,
}

impl AddressBook {
    pub(crate) fn new(listen: Vec<Listen>, advertise: Vec<Advertise>) -> Self {
        Self { listen, advertise }
    }

    /// The address to show for one of ours.
    fn public(&self, bound: SocketAddr) -> SocketAddr {
        let matches =
            |a: &&Advertise| a.bound.ip() == bound.ip() && (a.bound.port() == 0 || a.bound.port() == bound.port());
        self.advertise.iter().find(matches).map_or(bound, |a| {
            let port = if a.public.port() == 0 { bound.port() } else { a.public.port() };
            SocketAddr::new(a.public.ip(), port)
        })
    }

    /// The address of ours behind one that we show; any other unchanged.
    pub(crate) fn bound(&self, shown: SocketAddr) -> SocketAddr {
        let matches =
            |a: &&Advertise| a.public.ip() == shown.ip() && (a.public.port() == 0 || a.public.port() == shown.port());
        self.advertise.iter().find(matches).map_or(shown, |a| {
            let port = if a.bound.port() != 0 {
                a.bound.port()
            } else if a.public.port() != 0 {
                // One public port for all: the first port that listens there.
                let any = |l: &&Listen| l.address.ip() == a.bound.ip() || l.address.ip().is_unspecified();
                self.listen.iter().find(any).map_or(0, |l| l.address.port())
            } else {
                shown.port()
            };
            SocketAddr::new(a.bound.ip(), port)
        })
    }

    /// Which listener serves `remote`, and from which of its addresses, before advertising:
    /// a listener bound to the address the kernel would send from; else one bound to all addresses;
    /// else one that can reach `remote` at all; else any of the family.
    fn choose(&self, transport: Transport, remote: SocketAddr, source: Option<IpAddr>) -> Option<SocketAddr> {
        let usable = || {
            let fits = |l: &&Listen| l.transport == transport && l.address.is_ipv4() == remote.is_ipv4();
            self.listen.iter().filter(fits).map(|l| l.address)
        };
        if let Some(exact) = usable().find(|a| Some(a.ip()) == source) {
            return Some(exact);
        }
        if let Some(wildcard) = usable().find(|a| a.ip().is_unspecified()) {
            return Some(source.map_or(wildcard, |ip| SocketAddr::new(ip, wildcard.port())));
        }
        usable().find(|a| a.ip().is_loopback() == remote.ip().is_loopback()).or_else(|| usable().next())
    }
}

/// [`Routes`] over the kernel's routing table.
///
/// For a remote it asks the kernel (by connecting a UDP socket, which sends nothing) which source
/// address it would use, and remembers the answer for half a minute.
pub struct LocalRoutes {
    book: Arc<AddressBook>,
    clock: Clock,
    cache: RefCell<FxHashMap<(Transport, IpAddr), Known>>,
}

/// An answer and until when it is believed.
type Known = (Option<SocketAddr>, Time);

impl LocalRoutes {
    pub(crate) fn new(book: Arc<AddressBook>, clock: Clock) -> Self {
        Self { book, clock, cache: RefCell::default() }
    }

    fn look_up(&self, transport: Transport, remote: SocketAddr) -> Option<SocketAddr> {
        let bound = self.book.choose(transport, remote, source_for(remote))?;
        Some(self.book.public(bound))
    }
}

impl Routes for LocalRoutes {
    fn local(&self, transport: Transport, remote: SocketAddr) -> Option<SocketAddr> {
        let now = self.clock.now();
        let key = (transport, remote.ip());
        let mut cache = self.cache.borrow_mut();
        if let Some((known, until)) = cache.get(&key)
            && *until > now
        {
            return *known;
        }
        if cache.len() >= CACHE_LIMIT {
            cache.retain(|_, (_, until)| *until > now);
            if cache.len() >= CACHE_LIMIT {
                cache.clear();
            }
        }
        let found = self.look_up(transport, remote);
        cache.insert(key, (found, Time(now.0 + CACHE_MICROS)));
        found
    }
}

/// The address the kernel would send from. Without a route, none.
fn source_for(remote: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    // Port 0 cannot be connected to; the port does not matter to the routing.
    let mut target = remote;
    if target.port() == 0 {
        target.set_port(5060);
    }
    socket.connect(target).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(transport: Transport, address: &str) -> Listen {
        Listen { transport, address: address.parse().unwrap() }
    }

    fn routes(listens: &[Listen], advertise: &[(&str, &str)]) -> LocalRoutes {
        let advertise = advertise.iter().map(|(b, p)| Advertise::parse(b, p).unwrap()).collect();
        LocalRoutes::new(Arc::new(AddressBook::new(listens.to_vec(), advertise)), Clock::start())
    }

    fn local(routes: &LocalRoutes, transport: Transport, remote: &str) -> Option<SocketAddr> {
        routes.local(transport, remote.parse().unwrap())
    }

    #[test]
    fn a_wildcard_listener_shows_the_address_the_kernel_sends_from() {
        let routes = routes(&[listen(Transport::Udp, "0.0.0.0:5060"), listen(Transport::Udp, "[::]:5062")], &[]);
        assert_eq!(local(&routes, Transport::Udp, "127.0.0.1:9"), Some("127.0.0.1:5060".parse().unwrap()));
        assert_eq!(local(&routes, Transport::Udp, "[::1]:9"), Some("[::1]:5062".parse().unwrap()));
    }

    #[test]
    fn an_exact_address_is_preferred_and_a_missing_transport_is_none() {
        let routes = routes(&[listen(Transport::Udp, "0.0.0.0:5060"), listen(Transport::Udp, "127.0.0.1:5070")], &[]);
        assert_eq!(local(&routes, Transport::Udp, "127.0.0.1:9"), Some("127.0.0.1:5070".parse().unwrap()));
        assert_eq!(local(&routes, Transport::Tcp, "127.0.0.1:9"), None);
        assert_eq!(local(&routes, Transport::Udp, "[::1]:9"), None);
    }

    #[test]
    fn advertised_addresses_translate_both_ways() {
        let listens = [listen(Transport::Udp, "127.0.0.1:5060"), listen(Transport::Tcp, "127.0.0.1:5061")];
        let kept = routes(&listens, &[("127.0.0.1", "203.0.113.9")]);
        assert_eq!(local(&kept, Transport::Udp, "127.0.0.1:9"), Some("203.0.113.9:5060".parse().unwrap()));
        assert_eq!(kept.book.bound("203.0.113.9:5061".parse().unwrap()), "127.0.0.1:5061".parse().unwrap());
        let moved = routes(&listens, &[("127.0.0.1:5060", "203.0.113.9:15060")]);
        assert_eq!(local(&moved, Transport::Udp, "127.0.0.1:9"), Some("203.0.113.9:15060".parse().unwrap()));
        assert_eq!(local(&moved, Transport::Tcp, "127.0.0.1:9"), Some("127.0.0.1:5061".parse().unwrap()));
        assert_eq!(moved.book.bound("203.0.113.9:15060".parse().unwrap()), "127.0.0.1:5060".parse().unwrap());
    }

    #[test]
    fn the_cache_is_bounded() {
        let routes = routes(&[listen(Transport::Udp, "127.0.0.1:5060")], &[]);
        {
            let mut cache = routes.cache.borrow_mut();
            for n in 0..CACHE_LIMIT as u32 {
                cache.insert((Transport::Udp, Ipv4Addr::from(n).into()), (None, Time(u64::MAX)));
            }
        }
        assert!(local(&routes, Transport::Udp, "127.0.0.1:9").is_some());
        assert!(routes.cache.borrow().len() <= CACHE_LIMIT);
    }
}
