//! Sockets and the beat of 20 ms.

use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use cordboard_media::engine::Batch;
use cordboard_media::rtp;
use cordboard_media::srtp::ROOM;

/// Octets of a payload: 20 ms of G.711.
pub(crate) const PAYLOAD: usize = 160;
/// Octets of a packet.
pub(crate) const PACKET: usize = rtp::HEADER + PAYLOAD;
/// Beats a second.
pub(crate) const BEATS: u64 = 50;
const BEAT: Duration = Duration::from_millis(1_000 / BEATS);
/// Parts of a beat: who sends in which. So many that few send at once, as phones that know nothing of each other.
pub(crate) const SLOTS: usize = 200;
/// Who was held up makes up for it so many times as fast as is due, but for what is due in the first millisecond: at
/// once, it would be a load of its own.
const HASTE: u32 = 2;
const BURST: Duration = Duration::from_millis(1);
/// Octets that may wait for a side, as far as the system allows.
const WAITING: usize = 32 << 20;
/// Datagrams taken at once, and the octets of the longest.
const AT_ONCE: usize = 32;
const LONGEST: usize = 2_048;
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
    batch: Batch<AT_ONCE>,
    _rtcp: Option<UdpSocket>,
}

impl Place {
    pub(crate) fn bind(port: u16) -> Result<Self, String> {
        let bound = |port| UdpSocket::bind(at(port)).map_err(|error| format!("port {port}: {error}"));
        let rtp = bound(port)?;
        rtp.set_nonblocking(true).map_err(|error| error.to_string())?;
        // A party that is held up for a moment must not take it for a loss.
        socket2::SockRef::from(&rtp).set_recv_buffer_size(WAITING).map_err(|error| error.to_string())?;
        Batch::<AT_ONCE>::note_arrivals(&rtp).map_err(|error| error.to_string())?;
        let batch = Batch::new(LONGEST);
        Ok(Self { rtp, batch, _rtcp: port.checked_add(1).and_then(|port| bound(port).ok()) })
    }

    /// Sends; whether the system took it.
    pub(crate) fn send(&self, packet: &[u8], port: u16) -> bool {
        self.rtp.send_to(packet, at(port)).is_ok()
    }

    /// Takes all RTP that waits, and when the kernel had it; whether there was any.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&mut [u8], u16, SystemTime)) -> bool {
        let Self { rtp, batch, .. } = self;
        let (mut any, mut more) = (false, true);
        while more {
            more = batch.take(rtp);
            batch.each(|room, length, source, at| {
                any = true;
                if !rtp::is_rtcp(&room[..length]) {
                    take(&mut room[..length], source.port(), at.unwrap_or_else(SystemTime::now));
                }
            });
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

/// How late a slot was at most, and how long all took.
pub(crate) struct Times {
    late_us: u128,
    took_us: u128,
}

impl Display for Times {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"late_us\": {}, \"took_us\": {}", self.late_us, self.took_us)
    }
}

/// Goes through the beats of so many seconds: `say` a slot of a beat, `hear` whatever waits. `hear` says whether there
/// was anything.
pub(crate) fn beats<T>(
    seconds: f64,
    state: &mut T,
    mut say: impl FnMut(&mut T, u64, usize),
    mut hear: impl FnMut(&mut T) -> bool,
) -> Times {
    let start = Instant::now();
    let count = (seconds * BEATS as f64) as u64;
    let apart = BEAT / SLOTS as u32;
    let (mut late, mut soonest) = (Duration::ZERO, start);
    for slot in 0..count * SLOTS as u64 {
        let planned = start + apart * slot as u32;
        let due = planned.max(soonest);
        while Instant::now() < due {
            if !hear(state) {
                std::thread::sleep(NAP.min(due.saturating_duration_since(Instant::now())));
            }
        }
        late = late.max(planned.elapsed());
        soonest = (soonest + apart / HASTE).max(Instant::now() - BURST);
        say(state, slot / SLOTS as u64, (slot % SLOTS as u64) as usize);
        hear(state);
    }
    let took = start.elapsed();
    let end = Instant::now() + DRAIN;
    while Instant::now() < end {
        if !hear(state) {
            std::thread::sleep(NAP);
        }
    }
    Times { late_us: late.as_micros(), took_us: took.as_micros() }
}
