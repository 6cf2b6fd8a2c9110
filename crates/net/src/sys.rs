//! The system calls that `std` and `mio` do not offer: batched datagrams with their destination
//! address, the socket error queue and the eventfd. All `unsafe` of this crate is in this file.
//!
//! The pattern is the same throughout: buffers are owned by a struct of ours, the kernel's
//! descriptors of them are filled in directly before the call and not looked at after the function
//! returns, so no pointer outlives the borrow it was made from.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::ptr::null_mut;
use std::sync::Arc;

/// Datagrams moved by one system call.
pub(crate) const BATCH: usize = 64;

/// Room for the ancillary data of one datagram: a pktinfo, or an extended error with its address.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 192]);

/// Received datagrams, reused for every call.
pub(crate) struct Inbound {
    bytes: Vec<u8>,
    size: usize,
    stride: usize,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

// SAFETY: the raw pointers in `iovecs` and `headers` point into the other fields of the same
// struct, are written before each system call and never followed after it.
unsafe impl Send for Inbound {}

/// One datagram of an [`Inbound`].
pub(crate) struct Datagram<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) remote: SocketAddr,
    /// The address it was sent to, where the socket was asked to tell.
    pub(crate) local: Option<IpAddr>,
    pub(crate) truncated: bool,
}

impl Inbound {
    /// Buffers for [`BATCH`] datagrams of up to `size` bytes. The pages are not touched before a
    /// datagram fills them.
    pub(crate) fn new(size: usize) -> Self {
        // An odd number of cache lines apart, so that the heads of the buffers do not fight for
        // the same cache sets.
        let stride = (size.div_ceil(128) * 2 + 1) * 64;
        // SAFETY: all four types are plain data for which zero is a valid value.
        let (name, iovec, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            bytes: vec![0; stride * BATCH],
            size,
            stride,
            names: vec![name; BATCH],
            controls: vec![Control([0; 192]); BATCH],
            iovecs: vec![iovec; BATCH],
            headers: vec![header; BATCH],
        }
    }

    /// Receives what is there, [`BATCH`] datagrams at most. Never blocks.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>, with_control: bool) -> io::Result<usize> {
        let buffers = self.bytes.chunks_exact_mut(self.stride);
        for (index, buffer) in buffers.enumerate().take(BATCH) {
            self.iovecs[index] = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: self.size };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.iovecs[index];
            header.msg_iovlen = 1;
            header.msg_control = if with_control { self.controls[index].0.as_mut_ptr().cast() } else { null_mut() };
            header.msg_controllen = if with_control { size_of::<Control>() } else { 0 };
            header.msg_flags = 0;
        }
        // SAFETY: `headers` holds BATCH valid descriptors, each of which points to buffers of the
        // stated lengths that live as long as `self`; the descriptor is borrowed, hence open.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Datagram `index` of the last [`Inbound::receive`]; `None` if its source cannot be read.
    pub(crate) fn get(&self, index: usize) -> Option<Datagram<'_>> {
        let header = &self.headers[index];
        let start = index * self.stride;
        let length = (header.msg_len as usize).min(self.size);
        Some(Datagram {
            data: &self.bytes[start..start + length],
            remote: address(&self.names[index])?,
            local: destination(&header.msg_hdr),
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        })
    }
}

/// One datagram to send.
pub(crate) struct Outgoing {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) remote: SocketAddr,
    /// The source address to set, for a socket bound to all addresses.
    pub(crate) source: Option<IpAddr>,
}

/// The descriptors of datagrams to send, reused for every call.
pub(crate) struct Outbound {
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    iovecs: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

// SAFETY: as for `Inbound`.
unsafe impl Send for Outbound {}

impl Outbound {
    pub(crate) fn new() -> Self {
        // SAFETY: plain data for which zero is a valid value.
        let (name, iovec, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            names: vec![name; BATCH],
            controls: vec![Control([0; 192]); BATCH],
            iovecs: vec![iovec; BATCH],
            headers: vec![header; BATCH],
        }
    }

    /// Sends the first of `items`, [`BATCH`] at most; returns how many the socket took. Never
    /// blocks. An error is about the first item.
    pub(crate) fn send<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        items: impl Iterator<Item = &'a Outgoing>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for (index, item) in items.take(BATCH).enumerate() {
            let name_len = set_address(&mut self.names[index], item.remote);
            self.iovecs[index] =
                libc::iovec { iov_base: item.bytes.as_ptr().cast_mut().cast(), iov_len: item.bytes.len() };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = name_len;
            header.msg_iov = &raw mut self.iovecs[index];
            header.msg_iovlen = 1;
            header.msg_control = null_mut();
            header.msg_controllen = 0;
            header.msg_flags = 0;
            if let Some(source) = item.source {
                header.msg_control = self.controls[index].0.as_mut_ptr().cast();
                header.msg_controllen = size_of::<Control>();
                header.msg_controllen = set_source(header, source);
            }
            count = index + 1;
        }
        // SAFETY: the first `count` descriptors are valid and point to names and controls of
        // `self` and to bytes the items own, all of which outlive the call; the kernel only reads
        // the bytes.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as libc::c_uint,
                (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// An entry of a socket's error queue (`IP_RECVERR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuedError {
    /// Where the datagram went that the error is about.
    pub(crate) remote: SocketAddr,
    /// Whether it says that the destination cannot be reached (RFC 3261 18.4: host, network,
    /// protocol or port unreachable, parameter problem). Not so for "too big" and "time exceeded".
    pub(crate) unreachable: bool,
}

/// Takes one entry from the error queue; `Ok(None)` for one that names no address.
pub(crate) fn take_error(socket: BorrowedFd<'_>) -> io::Result<Option<QueuedError>> {
    // SAFETY: plain data for which zero is a valid value.
    let (mut name, mut header): (libc::sockaddr_storage, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
    let mut control = Control([0; 192]);
    let mut bytes = [0_u8; 64];
    let mut iovec = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_iov = &raw mut iovec;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>();
    // SAFETY: the descriptor points to locals of the stated lengths.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut unreachable = None;
    // SAFETY: `header` was filled in by the kernel and its control buffer is still alive; the
    // macros of cmsg(3) stay within it, and each payload is read unaligned, as much of it as the
    // entry's own length was checked to hold.
    unsafe {
        let mut entry = libc::CMSG_FIRSTHDR(&raw const header);
        while !entry.is_null() {
            let recverr = matches!(
                ((*entry).cmsg_level, (*entry).cmsg_type),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            );
            let needed = libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as libc::c_uint) as usize;
            if recverr && (*entry).cmsg_len >= needed {
                let error = libc::CMSG_DATA(entry).cast::<libc::sock_extended_err>().read_unaligned();
                unreachable = Some(is_unreachable(&error));
            }
            entry = libc::CMSG_NXTHDR(&raw const header, entry);
        }
    }
    let Some(unreachable) = unreachable else { return Ok(None) };
    Ok(address(&name).map(|remote| QueuedError { remote, unreachable }))
}

/// Types and codes of RFC 792 and RFC 4443.
fn is_unreachable(error: &libc::sock_extended_err) -> bool {
    const V4_DESTINATION_UNREACHABLE: u8 = 3;
    const V4_FRAGMENTATION_NEEDED: u8 = 4;
    const V4_PARAMETER_PROBLEM: u8 = 12;
    const V6_DESTINATION_UNREACHABLE: u8 = 1;
    const V6_PARAMETER_PROBLEM: u8 = 4;
    match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP => match error.ee_type {
            V4_DESTINATION_UNREACHABLE => error.ee_code != V4_FRAGMENTATION_NEEDED,
            kind => kind == V4_PARAMETER_PROBLEM,
        },
        libc::SO_EE_ORIGIN_ICMP6 => matches!(error.ee_type, V6_DESTINATION_UNREACHABLE | V6_PARAMETER_PROBLEM),
        _ => false,
    }
}

/// Asks for the error queue, and for the destination address of each datagram where the socket is
/// bound to all addresses.
pub(crate) fn prepare_udp(socket: BorrowedFd<'_>, v6: bool, wildcard: bool) -> io::Result<()> {
    if v6 {
        set_flag(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR)?;
        if wildcard {
            set_flag(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
        }
    } else {
        set_flag(socket, libc::IPPROTO_IP, libc::IP_RECVERR)?;
        if wildcard {
            set_flag(socket, libc::IPPROTO_IP, libc::IP_PKTINFO)?;
        }
    }
    Ok(())
}

/// Asks for socket buffers: beyond the system's limits if we may (`CAP_NET_ADMIN`), up to them if not.
pub(crate) fn set_buffers(socket: BorrowedFd<'_>, receive: usize, send: usize) -> io::Result<()> {
    for (forced, plain, size) in
        [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, receive), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, send)]
    {
        let size = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
        set_option(socket, libc::SOL_SOCKET, forced, size)
            .or_else(|_| set_option(socket, libc::SOL_SOCKET, plain, size))?;
    }
    Ok(())
}

fn set_flag(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<()> {
    set_option(socket, level, name, 1)
}

fn set_option(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a live c_int and its true size is given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A fresh eventfd(2), not blocking.
pub(crate) fn event_fd() -> io::Result<File> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just created and nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: a sockaddr_storage is large and aligned enough for every address, and its
            // family says which it is.
            let v4 = unsafe { (&raw const *name).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { (&raw const *name).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

fn set_address(name: &mut libc::sockaddr_storage, address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(v4) => {
            let value = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: a sockaddr_storage is large and aligned enough for every address.
            unsafe { (&raw mut *name).cast::<libc::sockaddr_in>().write(value) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(v6) => {
            let value = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut *name).cast::<libc::sockaddr_in6>().write(value) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

/// The address a received datagram was sent to (`IP_PKTINFO`, RFC 3542 section 6).
fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    if header.msg_control.is_null() {
        return None;
    }
    // SAFETY: the caller passes a header whose control buffer is alive (it belongs to the same
    // `Inbound`); the macros stay within the length the kernel set, and payloads are read
    // unaligned after their length was checked.
    unsafe {
        let mut entry = libc::CMSG_FIRSTHDR(header);
        while !entry.is_null() {
            let length = (*entry).cmsg_len as usize;
            match ((*entry).cmsg_level, (*entry).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO)
                    if length >= libc::CMSG_LEN(size_of::<libc::in_pktinfo>() as libc::c_uint) as usize =>
                {
                    let info = libc::CMSG_DATA(entry).cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                    if length >= libc::CMSG_LEN(size_of::<libc::in6_pktinfo>() as libc::c_uint) as usize =>
                {
                    let info = libc::CMSG_DATA(entry).cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                _ => entry = libc::CMSG_NXTHDR(header, entry),
            }
        }
    }
    None
}

/// Writes a pktinfo that sets the source address; returns the length of the control data.
fn set_source(header: &mut libc::msghdr, source: IpAddr) -> usize {
    // SAFETY: the caller set the control buffer to a `Control`, which has room for either entry;
    // payloads are written unaligned within it.
    unsafe {
        let entry = libc::CMSG_FIRSTHDR(header);
        if entry.is_null() {
            return 0;
        }
        match source {
            IpAddr::V4(ip) => {
                let size = size_of::<libc::in_pktinfo>() as libc::c_uint;
                (*entry).cmsg_level = libc::IPPROTO_IP;
                (*entry).cmsg_type = libc::IP_PKTINFO;
                (*entry).cmsg_len = libc::CMSG_LEN(size) as _;
                let own = libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
                let info =
                    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: own, ipi_addr: libc::in_addr { s_addr: 0 } };
                libc::CMSG_DATA(entry).cast::<libc::in_pktinfo>().write_unaligned(info);
                libc::CMSG_SPACE(size) as usize
            }
            IpAddr::V6(ip) => {
                let size = size_of::<libc::in6_pktinfo>() as libc::c_uint;
                (*entry).cmsg_level = libc::IPPROTO_IPV6;
                (*entry).cmsg_type = libc::IPV6_PKTINFO;
                (*entry).cmsg_len = libc::CMSG_LEN(size) as _;
                let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
                libc::CMSG_DATA(entry).cast::<libc::in6_pktinfo>().write_unaligned(info);
                libc::CMSG_SPACE(size) as usize
            }
        }
    }
}
