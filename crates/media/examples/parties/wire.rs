//! Sockets and the beat of 20 ms.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use cordboard_media::rtp;
use cordboard_media::srtp::ROOM;

/// Octets of a payload: 20 ms of G.711.
pub(crate) const PAYLOAD: usize = 160;
/// Octets of a packet.
pub(crate) const PACKET: usize = rtp::HEADER + PAYLOAD;
/// Beats a second.
pub(crate) const BEATS: u64 = 50;
const BEAT: Duration = Duration::from_millis(1_000 / BEATS);
/// Parts of a beat: who sends in which.
pub(crate) const SLOTS: usize = 20;
/// Octets that may wait for a side, as far as the system allows.
const WAITING: usize = 32 << 20;
/// How long what is under way is waited for at the end.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a party with nothing to do sleeps.
const NAP: Duration = Duration::from_micros(100);

/// Where a server's port is.
pub(crate) fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Sockets for RTP, and for RTCP that is not looked at.
pub(crate) struct Place {
    rtp: UdpSocket,
    _rtcp: Option<UdpSocket>,
}

impl Place {
    pub(crate) fn bind(port: u16) -> Result<Self, String> {
        let bound = |port| UdpSocket::bind(at(port)).map_err(|error| format!("port {port}: {error}"));
        let rtp = bound(port)?;
        rtp.set_nonblocking(true).map_err(|error| error.to_string())?;
        // A party that is held up for a moment must not take it for a loss.
        socket2::SockRef::from(&rtp).set_recv_buffer_size(WAITING).map_err(|error| error.to_string())?;
        Ok(Self { rtp, _rtcp: port.checked_add(1).and_then(|port| bound(port).ok()) })
    }

    /// Sends; whether the system took it.
    pub(crate) fn send(&self, packet: &[u8], port: u16) -> bool {
        self.rtp.send_to(packet, at(port)).is_ok()
    }

    /// Takes all RTP that waits; whether there was any.
    pub(crate) fn drain(&self, mut take: impl FnMut(&mut [u8], u16)) -> bool {
        let mut buffer = [0; 2_048];
        let mut any = false;
        // An error is that nothing waits, or tells of an earlier packet.
        while let Ok((length, source)) = self.rtp.recv_from(&mut buffer) {
            any = true;
            if !rtp::is_rtcp(&buffer[..length]) {
                take(&mut buffer[..length], source.port());
            }
        }
        any
    }
}

/// A stream that is sent.
pub(crate) struct Stream {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Stream {
    pub(crate) fn new(ssrc: u32) -> Self {
        Self { sequence: (ssrc as u16).wrapping_mul(31) & 0x7fff, timestamp: ssrc.wrapping_mul(977), ssrc }
    }

    /// Writes the header of the next packet.
    pub(crate) fn next(&mut self, packet: &mut [u8; PACKET + ROOM]) {
        rtp::write(packet, 8, false, self.sequence, self.timestamp, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(PAYLOAD as u32);
    }
}

/// Goes through the beats of so many seconds: `say` a slot of a beat, `hear` whatever waits. `hear` says whether there
/// was anything. How late a slot was at most, in microseconds.
pub(crate) fn beats<T>(
    seconds: f64,
    state: &mut T,
    mut say: impl FnMut(&mut T, u64, usize),
    mut hear: impl FnMut(&mut T) -> bool,
) -> u64 {
    let start = Instant::now();
    let count = (seconds * BEATS as f64) as u64;
    let mut late = Duration::ZERO;
    for slot in 0..count * SLOTS as u64 {
        let due = start + BEAT / SLOTS as u32 * slot as u32;
        while Instant::now() < due {
            if !hear(state) {
                std::thread::sleep(NAP.min(due.saturating_duration_since(Instant::now())));
            }
        }
        late = late.max(due.elapsed());
        say(state, slot / SLOTS as u64, (slot % SLOTS as u64) as usize);
        hear(state);
    }
    let end = Instant::now() + DRAIN;
    while Instant::now() < end {
        if !hear(state) {
            std::thread::sleep(NAP);
        }
    }
    late.as_micros() as u64
}
