//! The system calls `std` does not offer: epoll, eventfd, timerfd and recvmmsg. All `unsafe` of this crate is in this
//! file.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::thread::JoinHandleExt;
use std::ptr::null_mut;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Events taken by one system call.
const BATCH: usize = 256;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Of those of real time, the one that goes last.
const PRIORITY: libc::c_int = 1;

/// Lets a thread go before all that are not of real time: when something comes it has a core at once, and does not wait
/// until the turn of another is over.
pub(super) fn go_first(thread: &JoinHandle<()>) -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: the thread has not been joined, so its name is valid; the priority lives through the call.
    match unsafe { libc::pthread_setschedparam(thread.as_pthread_t(), libc::SCHED_RR, &raw const priority) } {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// What is waited for: descriptors, each with a number of the caller's.
pub(super) struct Poll {
    epoll: OwnedFd,
    events: Box<[libc::epoll_event]>,
    count: usize,
}

impl Poll {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; the descriptor is ours alone.
        let epoll = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        let none = libc::epoll_event { events: 0, u64: 0 };
        Ok(Self { epoll, events: vec![none; BATCH].into(), count: 0 })
    }

    /// Waits for `fd` to be readable, for as long as it is open.
    pub(super) fn add(&self, fd: &impl AsRawFd, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        // SAFETY: the event lives through the call, which does not keep it.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) })?;
        Ok(())
    }

    /// Waits for it no longer.
    pub(super) fn remove(&self, fd: &impl AsRawFd) {
        // SAFETY: the kernel does not read the event when it removes.
        let _ = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, fd.as_raw_fd(), null_mut()) };
    }

    /// Waits until something is readable. What is, is given by [`Poll::ready`].
    pub(super) fn wait(&mut self) -> io::Result<()> {
        let room = self.events.len() as libc::c_int;
        // SAFETY: the buffer holds `room` events and lives through the call.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), room, -1) };
        self.count = match check(count) {
            Ok(count) => count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// How many are readable.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether more may be readable than are given at a time.
    pub(super) fn is_full(&self) -> bool {
        self.count == self.events.len()
    }

    /// The number of the one at `index` of those that are readable.
    pub(super) fn ready(&self, index: usize) -> u64 {
        self.events[index].u64
    }
}

/// Wakes who waits for it to be readable.
pub(super) struct Bell(File);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; the descriptor is ours alone.
        Ok(Self(unsafe { File::from_raw_fd(check(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?) }))
    }

    pub(super) fn ring(&self) {
        // Can only fail when it is readable to the brim already.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    pub(super) fn silence(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Readable each period anew.
pub(super) struct Ticks(File);

impl Ticks {
    /// Not going yet.
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: takes no pointers; the descriptor is ours alone.
        Ok(Self(unsafe { File::from_raw_fd(check(libc::timerfd_create(libc::CLOCK_MONOTONIC, flags))?) }))
    }

    /// Goes with that period, or stands still with 0.
    pub(super) fn set(&self, period_ns: u32) -> io::Result<()> {
        let period = libc::timespec { tv_sec: 0, tv_nsec: period_ns.into() };
        let spec = libc::itimerspec { it_interval: period, it_value: period };
        // SAFETY: the new time lives through the call; the old one is not asked for.
        check(unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, null_mut()) })?;
        Ok(())
    }

    /// Periods that have gone by since it was last asked.
    pub(super) fn take(&self) -> u64 {
        let mut count = [0; 8];
        match (&self.0).read(&mut count) {
            Ok(8) => u64::from_ne_bytes(count),
            _ => 0,
        }
    }
}

impl AsRawFd for Ticks {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Octets of the messages that come with a datagram: when it arrived, and nothing else is asked for.
const CONTROL: usize = 64;

/// Room for a message; the kernel wants it aligned as its header is.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// What is known of a datagram beside its octets.
#[derive(Clone, Copy)]
struct Came {
    length: usize,
    source: SocketAddr,
    at: Option<SystemTime>,
}

/// Datagrams that have waited in a socket, and when each arrived there; at most so many by one system call.
pub struct Batch<const MOST: usize = 4> {
    octets: Box<[u8]>,
    /// Octets of the longest that is taken.
    longest: usize,
    came: [Option<Came>; MOST],
}

impl<const MOST: usize> Default for Batch<MOST> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<const MOST: usize> Batch<MOST> {
    /// For datagrams of so many octets.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { octets: vec![0; MOST * longest].into(), longest, came: [None; MOST] }
    }

    /// Has the kernel note when datagrams of a socket arrive; those it does not know it of have arrived when they are
    /// taken.
    ///
    /// # Errors
    /// What the system says.
    pub fn note_arrivals(socket: &UdpSocket) -> io::Result<()> {
        let (on, size) = (1_i32, size_of::<i32>() as libc::socklen_t);
        let (fd, level, name) = (socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS);
        // SAFETY: the value lives through the call, and `size` is its size.
        check(unsafe { libc::setsockopt(fd, level, name, (&raw const on).cast(), size) })?;
        Ok(())
    }

    /// Takes what waits in a socket, as far as there is room; whether there may be more.
    pub fn take(&mut self, socket: &UdpSocket) -> bool {
        self.came = [None; MOST];
        // SAFETY: all octets zero are an address of no family, and headers that point nowhere.
        let (mut names, mut headers): ([libc::sockaddr_storage; MOST], [libc::mmsghdr; MOST]) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let mut controls = [Control([0; CONTROL]); MOST];
        let mut parts = [libc::iovec { iov_base: null_mut(), iov_len: 0 }; MOST];
        let rooms = self.octets.chunks_exact_mut(self.longest).zip(&mut parts).zip(&mut names).zip(&mut controls);
        for (header, (((room, part), name), control)) in headers.iter_mut().zip(rooms) {
            *part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            let header = &mut header.msg_hdr;
            (header.msg_iov, header.msg_iovlen) = (part, 1);
            header.msg_name = (&raw mut *name).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL;
        }
        let (fd, many) = (socket.as_raw_fd(), MOST as libc::c_uint);
        // SAFETY: each header points to room of the lengths it says, all of which lives through the call; it waits for
        // nothing, so no time is given.
        let taken = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), many, libc::MSG_DONTWAIT, null_mut()) };
        // What fails here (an unreachable peer told by ICMP) is told again by silence.
        let Ok(taken) = check(taken) else { return false };
        for (came, (header, name)) in self.came.iter_mut().zip(headers.iter().zip(&names)).take(taken as usize) {
            *came = address(name).map(|source| Came {
                length: header.msg_len as usize,
                source,
                at: arrival(&header.msg_hdr),
            });
        }
        taken as usize == MOST
    }

    /// Gives each datagram that was taken, who sent it, and when it arrived.
    pub fn each(&mut self, mut give: impl FnMut(&mut [u8], usize, SocketAddr, Option<SystemTime>)) {
        for (came, room) in self.came.iter().zip(self.octets.chunks_exact_mut(self.longest)) {
            if let Some(Came { length, source, at }) = *came {
                give(room, length.min(self.longest), source, at);
            }
        }
    }
}

/// Where a datagram came from.
fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what the storage holds; it is large and aligned enough for any address.
            let name = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr));
            Some(SocketAddr::from((ip, u16::from_be(name.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*(&raw const *name).cast::<libc::sockaddr_in6>() };
            let (ip, port) = (Ipv6Addr::from(name.sin6_addr.s6_addr), u16::from_be(name.sin6_port));
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, name.sin6_flowinfo, name.sin6_scope_id)))
        }
        _ => None,
    }
}

/// When the kernel got a datagram, if it says so.
fn arrival(header: &libc::msghdr) -> Option<SystemTime> {
    // SAFETY: the kernel has written the messages and said how long they are; their room still lives.
    let message = unsafe { libc::CMSG_FIRSTHDR(header).as_ref() }?;
    if (message.cmsg_level, message.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
        return None;
    }
    // SAFETY: a message of this type holds a timespec, anywhere: it is read as it lies.
    let at = unsafe { libc::CMSG_DATA(message).cast::<libc::timespec>().read_unaligned() };
    let (seconds, nanoseconds) = (u64::try_from(at.tv_sec).ok()?, u32::try_from(at.tv_nsec).ok()?);
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MOST: usize = 4;

    fn taken(batch: &mut Batch<MOST>) -> Vec<(Vec<u8>, SocketAddr, SystemTime)> {
        let mut all = Vec::new();
        batch.each(|room, length, source, at| all.push((room[..length].to_vec(), source, at.unwrap())));
        all
    }

    #[test]
    fn datagrams_are_taken_with_their_sender_and_the_time_they_came() {
        const APART: Duration = Duration::from_millis(15);
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let (ear, mouth) = (UdpSocket::bind(any).unwrap(), UdpSocket::bind(any).unwrap());
            Batch::<MOST>::note_arrivals(&ear).unwrap();
            let mut batch = Batch::new(8);
            assert!(!batch.take(&ear));
            assert_eq!(taken(&mut batch), []);
            // Where nobody noted arrivals before, the kernel begins a moment later, and tells when they were taken.
            let noted = (0..100).any(|_| {
                mouth.send_to(&[7], ear.local_addr().unwrap()).unwrap();
                std::thread::sleep(APART);
                batch.take(&ear);
                taken(&mut batch).iter().any(|(.., at)| at.elapsed().is_ok_and(|passed| passed > APART / 2))
            });
            assert!(noted);
            let (began, clock) = (Instant::now(), SystemTime::now());
            for number in 0..MOST as u8 + 1 {
                mouth.send_to(&[number; 3], ear.local_addr().unwrap()).unwrap();
                std::thread::sleep(APART);
            }
            mouth.send_to(&[9; 20], ear.local_addr().unwrap()).unwrap();
            assert!(batch.take(&ear), "there is more");
            let first = taken(&mut batch);
            assert!(!batch.take(&ear));
            let rest = taken(&mut batch);
            let all: Vec<_> = first.iter().chain(&rest).collect();
            assert!(all.iter().all(|(_, source, _)| *source == mouth.local_addr().unwrap()));
            let octets: Vec<&[u8]> = all.iter().map(|(data, ..)| &data[..]).collect();
            assert_eq!(octets, [&[0; 3][..], &[1; 3], &[2; 3], &[3; 3], &[4; 3], &[9; 8]]);
            // Somebody may set the clock meanwhile.
            let passed = clock.elapsed().unwrap_or_default();
            if passed.abs_diff(began.elapsed()) < Duration::from_millis(1) {
                for two in all.windows(2) {
                    assert!(two[1].2.duration_since(two[0].2).unwrap() >= APART - Duration::from_millis(1));
                }
            }
        }
    }
}
