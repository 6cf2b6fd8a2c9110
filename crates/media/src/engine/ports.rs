//! The ports legs receive at: an even one for RTP and the next for RTCP (RFC 3550 11), in random order, and none again
//! soon after it was used, so that what still comes for the old leg is not heard by the new one.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sys::Batch;

/// Pairs tried before it is said that there is none: others may have bound ports of our range.
const TRIES: usize = 64;

/// The ports of one address.
#[derive(Debug)]
pub(super) struct Pool {
    address: IpAddr,
    pairs: Mutex<Pairs>,
    rest: Duration,
}

#[derive(Debug)]
struct Pairs {
    free: Vec<u16>,
    /// Those that rest, the one that was given back first in front.
    resting: VecDeque<(Instant, u16)>,
}

/// Two bound sockets. Their ports are free again when it is dropped.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) port: u16,
    pool: Arc<Pool>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.pool.give_back(self.port);
    }
}

impl Pool {
    /// Ports from `first` to `last`, of which whole pairs are used.
    pub(super) fn new(
        address: IpAddr,
        first: u16,
        last: u16,
        rest: Duration,
        random: &mut impl FnMut() -> u64,
    ) -> Self {
        let first = first.checked_add(first % 2);
        let mut free: Vec<u16> =
            first.into_iter().flat_map(|first| (first..last).step_by(2)).filter(|port| *port > 0).collect();
        for last in (1..free.len()).rev() {
            free.swap(last, (random() % (last as u64 + 1)) as usize);
        }
        Self { address, pairs: Mutex::new(Pairs { free, resting: VecDeque::new() }), rest }
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    fn pairs(&self) -> MutexGuard<'_, Pairs> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Two sockets, not blocking; `None` if no pair can be had.
    pub(super) fn take(self: &Arc<Self>, mut random: impl FnMut() -> u64) -> Option<Pair> {
        for _ in 0..TRIES {
            let port = {
                let mut pairs = self.pairs();
                let now = Instant::now();
                while let Some((since, port)) = pairs.resting.front().copied()
                    && now.duration_since(since) >= self.rest
                {
                    pairs.resting.pop_front();
                    pairs.free.push(port);
                }
                let count = pairs.free.len();
                if count == 0 {
                    return None;
                }
                pairs.free.swap_remove((random() % count as u64) as usize)
            };
            match bind(self.address, port) {
                Ok((rtp, rtcp)) => return Some(Pair { rtp, rtcp, port, pool: Arc::clone(self) }),
                Err(_) => self.give_back(port),
            }
        }
        None
    }

    /// Pairs nobody has, those that rest among them.
    pub(super) fn free(&self) -> usize {
        let pairs = self.pairs();
        pairs.free.len() + pairs.resting.len()
    }

    fn give_back(&self, port: u16) {
        self.pairs().resting.push_back((Instant::now(), port));
    }
}

fn bind(address: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    let one = |port| {
        let socket = UdpSocket::bind(SocketAddr::new(address, port))?;
        socket.set_nonblocking(true)?;
        Ok::<_, io::Error>(socket)
    };
    let rtp = one(port)?;
    Batch::<1>::note_arrivals(&rtp)?;
    Ok((rtp, one(port + 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut() -> u64 {
        let mut state = 7_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        }
    }

    fn pool(first: u16, last: u16, rest: Duration) -> Arc<Pool> {
        Arc::new(Pool::new(IpAddr::from([127, 0, 0, 1]), first, last, rest, &mut counting()))
    }

    #[test]
    fn pairs_are_even_and_odd_and_within_the_range() {
        let pool = pool(21_301, 21_312, Duration::ZERO);
        assert_eq!(pool.free(), 5);
        let pair = pool.take(counting()).unwrap();
        assert!(pair.port.is_multiple_of(2) && (21_302..21_311).contains(&pair.port));
        assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.port);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port + 1);
    }

    #[test]
    fn the_last_port_of_all_is_no_overflow() {
        assert_eq!(pool(65_535, 65_535, Duration::ZERO).free(), 0);
        assert_eq!(pool(65_534, 65_535, Duration::ZERO).free(), 1);
    }

    #[test]
    fn a_port_rests_after_its_use() {
        let pool = pool(21_320, 21_323, Duration::from_secs(3_600));
        let (one, two) = (pool.take(counting()).unwrap(), pool.take(counting()).unwrap());
        assert!(pool.take(counting()).is_none());
        drop((one, two));
        assert_eq!(pool.free(), 2);
        assert!(pool.take(counting()).is_none());
    }

    #[test]
    fn a_port_somebody_else_has_is_left_to_him() {
        let pool = pool(21_330, 21_333, Duration::ZERO);
        let _other = UdpSocket::bind("127.0.0.1:21330").unwrap();
        assert_eq!(pool.take(counting()).unwrap().port, 21_332);
    }
}
