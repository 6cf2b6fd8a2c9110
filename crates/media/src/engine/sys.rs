//! The system calls `std` does not offer: epoll, eventfd and timerfd. All `unsafe` of this crate is in this
//! file.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;

/// Events taken by one system call.
const BATCH: usize = 256;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
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
