//! One party's media on its thread: sockets, who is believed to be the peer, what comes and what goes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use super::digits::Digits;
use super::ear::Ear;
use super::keys::Key;
use super::mouth::Mouth;
use super::overheard::Overheard;
use super::player::Player;
use super::ports::Pair;
use super::queue::{Outbox, lock};
use super::recorder::Recorder;
use super::report::{Report, Stats};
use super::thread::play_into;
use super::{Event, FRAME_MS, Id, Role};
use crate::cng::{self, Comfort};
use crate::codec::Codec;
use crate::description::Agreed;
use crate::dsp::resample::Resampler;
use crate::latch::{Latch, Verdict};
use crate::reception::{Place, Reception};
use crate::rtp::{self, HEADER, Outgoing, Packet, Passing};
use crate::srtp::{Receive, Transmit};

/// Where a leg is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    /// Nowhere: it hears its own players alone.
    None,
    /// Joined with the leg of a slot; what this one does towards it.
    Leg { slot: usize, role: Role },
    /// In the room of a slot.
    Room { slot: usize },
}

/// A leg.
pub(super) struct Leg {
    pub(super) id: Id,
    pub(super) pair: Pair,
    name: Arc<str>,
    pub(super) agreed: Option<Box<Agreed>>,
    secure: Option<Box<(Transmit, Receive)>>,
    latch: Latch,
    rtcp_remote: Option<SocketAddr>,
    pub(super) reception: Reception,
    pub(super) outgoing: Outgoing,
    pub(super) passing: Option<Passing>,
    /// The key of the leg it is joined with that is passed on, or was last.
    pub(super) key: Option<Key>,
    pub(super) link: Link,
    /// Whether its packets wake the thread; if not, they are taken when a frame is due.
    pub(super) prompt: bool,
    pub(super) ear: Option<Box<Ear>>,
    pub(super) mouth: Option<Box<Mouth>>,
    /// From the rate of a room to its own.
    to_own: Option<(u32, u32, Box<Resampler>)>,
    pub(super) players: Vec<Player>,
    pub(super) recorders: Vec<Recorder>,
    overheard: Overheard,
    pub(super) digits: Digits,
    /// Whether keys in its sound are looked for also where it is joined with another.
    pub(super) searched_joined: bool,
    pub(super) report: Report,
    /// Packets that were too late for ears it had before.
    late: u64,
    shared: Arc<Mutex<Stats>>,
}

/// What a leg begins with: where its peer's signalling comes from, how it is meant, and random numbers.
pub(super) struct Beginning {
    pub(super) source: Option<IpAddr>,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) searched_joined: bool,
}

impl Leg {
    pub(super) fn new(id: Id, pair: Pair, name: Arc<str>, beginning: &Beginning, shared: Arc<Mutex<Stats>>) -> Self {
        Self {
            id,
            pair,
            name,
            agreed: None,
            secure: None,
            latch: Latch::new(beginning.source),
            rtcp_remote: None,
            reception: Reception::default(),
            outgoing: Outgoing::new(beginning.ssrc, beginning.sequence, beginning.timestamp),
            passing: None,
            key: None,
            link: Link::None,
            prompt: false,
            ear: None,
            mouth: None,
            to_own: None,
            players: Vec::new(),
            recorders: Vec::new(),
            overheard: Overheard::default(),
            digits: Digits::default(),
            searched_joined: beginning.searched_joined,
            report: Report::default(),
            late: 0,
            shared,
        }
    }

    /// Takes what its descriptions came to.
    pub(super) fn agree(&mut self, agreed: Option<Box<Agreed>>) {
        let (remote, rtcp) = agreed.as_ref().map_or((None, None), |agreed| (agreed.remote, agreed.remote_rtcp));
        // On hold by 0.0.0.0 the peer is where it was: what it sends is still its own.
        if remote.is_some() || agreed.is_none() {
            self.latch.signal(remote);
            self.rtcp_remote = rtcp;
        }
        self.secure = agreed.as_ref().and_then(|agreed| agreed.srtp.as_ref()).map(|keys| {
            let (transmit, receive) = self.secure.take().map_or((None, None), |both| (Some(both.0), Some(both.1)));
            // The same key goes on where it is: it must never encrypt from the beginning again.
            let transmit = transmit.filter(|before| *before.keys() == keys.local);
            let receive = receive.filter(|before| *before.keys() == keys.remote);
            Box::new((
                transmit.unwrap_or_else(|| Transmit::new(keys.local.clone())),
                receive.unwrap_or_else(|| Receive::new(keys.remote.clone())),
            ))
        });
        self.agreed = agreed;
        // Whether somebody is heard is judged anew from here on.
        self.report.sent_at = None;
        self.report.one_way_told = false;
    }

    /// The rate it hears at: that of the codec it is sent.
    pub(super) fn rate(&self) -> u32 {
        self.agreed.as_ref().map_or(8_000, |agreed| agreed.codec.sample_rate())
    }

    /// Whether anything may be sent to it now.
    pub(super) fn may_send(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| agreed.send) && self.latch.remote().is_some()
    }

    /// Whether what it says is wanted by more than a leg its packets are passed on to.
    pub(super) fn is_heard(&self) -> bool {
        matches!(self.link, Link::Room { .. }) || !self.recorders.is_empty() || self.is_searched()
    }

    /// Whether it is sent what is passed on to it as it comes, and nothing is made for it or kept of it.
    pub(super) fn is_only_relayed(&self) -> bool {
        self.passing.is_some() && self.players.is_empty() && self.recorders.is_empty() && !self.digits.are_sent()
    }

    /// Whether what it hears is wanted too: by a recorder of its own that has two channels.
    pub(super) fn is_followed(&self) -> bool {
        self.recorders.iter().any(Recorder::is_stereo)
    }

    /// Takes a datagram that came to RTP's socket and says what it is; `None` for nothing to be taken further.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        mut length: usize,
        source: SocketAddr,
        now: u64,
    ) -> Option<(usize, Packet)> {
        if rtp::is_media(&buffer[..length]) && rtp::is_rtcp(&buffer[..length]) {
            self.take_report(&mut buffer[..length], source, now);
            return None;
        }
        if let Some(secure) = &mut self.secure {
            match secure.1.unprotect(&mut buffer[..length]) {
                Ok(plain) => length = plain,
                Err(_) => {
                    self.report.refused += 1;
                    return None;
                }
            }
        }
        let data = &buffer[..length];
        let Ok(packet) = Packet::parse(data) else {
            self.report.refused += 1;
            return None;
        };
        let Some(agreed) = &self.agreed else {
            self.report.refused += 1;
            return None;
        };
        if self.latch.judge(source, &packet, now, self.secure.is_some()) == Verdict::Refuse {
            self.report.refused += 1;
            return None;
        }
        let clock = u64::from(agreed.codec.clock_rate());
        let arrival = (now * clock / 1_000_000) as u32;
        if self.reception.packet(packet.ssrc, packet.sequence, packet.timestamp, arrival) == Place::Strange {
            return None;
        }
        self.report.bytes_received += packet.payload.len() as u64;
        self.report.comfort_received += u64::from(self.is_comfort(packet.payload_type));
        self.report.heard_at = Some(now);
        agreed.receive_on.then_some((length, packet))
    }

    /// Reads a datagram of RTCP's socket.
    pub(super) fn receive_report(&mut self, buffer: &mut [u8], now: u64) -> io::Result<()> {
        let (length, source) = self.pair.rtcp.recv_from(buffer)?;
        self.take_report(&mut buffer[..length], source, now);
        Ok(())
    }

    fn take_report(&mut self, data: &mut [u8], source: SocketAddr, now: u64) {
        // Reports go where the peer's packets come from, or where it said it sends reports from.
        let known = self.rtcp_remote == Some(source) || self.latch.remote().is_some_and(|at| at.ip() == source.ip());
        let elsewhere = !known && self.secure.is_none() && self.report.shows_hearing(data, &self.outgoing);
        if elsewhere {
            self.latch.vouch(source.ip());
        }
        let length = match &mut self.secure {
            None => Ok(data.len()),
            Some(secure) => secure.1.unprotect_rtcp(data),
        };
        if let (true, Ok(length)) = (known || elsewhere, length)
            && self.report.take(&data[..length], self.outgoing.ssrc, now)
        {
            if known {
                self.rtcp_remote = Some(source);
            }
            if let Some(mouth) = &mut self.mouth {
                mouth.expect_loss(self.report.percent_lost_there());
            }
            if self.report.heard_at.is_some() {
                self.report.heard_at = Some(now);
            }
        } else {
            self.report.refused += 1;
        }
    }

    /// The codec of a payload type it may send us.
    pub(super) fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        let agreed = self.agreed.as_ref()?;
        agreed.receive.iter().find(|(number, _)| *number == payload_type).map(|(_, codec)| *codec)
    }

    /// Whether its peer is told of keys by events.
    pub(super) fn knows_events(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| agreed.dtmf_send.is_some())
    }

    /// Whether a payload type is comfort noise: one that was agreed to, or the one RFC 3551 gives it, which some send
    /// without a word.
    pub(super) fn is_comfort(&self, payload_type: u8) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| {
            let usual = payload_type == cng::PAYLOAD_TYPE && agreed.codec.clock_rate() == 8_000;
            agreed.cn_receive.contains(&payload_type) || (usual && self.codec_of(payload_type).is_none())
        })
    }

    /// What a packet says of a pause, and the codec that pauses.
    fn comfort(&self, packet: &Packet, data: &[u8]) -> Option<(Codec, Comfort)> {
        let agreed = self.agreed.as_ref().filter(|_| self.is_comfort(packet.payload_type))?;
        let comfort = Comfort::parse(&data[packet.payload.clone()])?;
        Some((agreed.receive.first().map_or(agreed.codec, |(_, codec)| *codec), comfort))
    }

    /// Lets it be heard.
    pub(super) fn hear(&mut self, packet: &Packet, data: &[u8], now: u64) {
        if let Some(codec) = self.codec_of(packet.payload_type) {
            let ear = self.ear.get_or_insert_with(|| Box::new(Ear::new(codec)));
            let taken = ear.put(packet, codec, &data[packet.payload.clone()], now);
            self.report.refused += u64::from(!taken);
        } else if let Some((codec, comfort)) = self.comfort(packet, data) {
            self.ear.get_or_insert_with(|| Box::new(Ear::new(codec))).pause(packet, comfort);
        } else if let Some(ear) = &mut self.ear {
            // Something nobody agreed to.
            ear.pass(packet);
        }
    }

    /// Says a frame at [`Leg::rate`] to it. `scratch` is for the packet.
    pub(super) fn say(&mut self, frame: &[i16], scratch: &mut [u8], now: u64) {
        let Some(agreed) = &self.agreed else { return };
        let (codec, payload_type, ptime_ms) = (agreed.codec, agreed.payload_type, agreed.ptime_ms);
        let fits = |mouth: &Mouth| mouth.codec() == codec && mouth.has_ptime(ptime_ms);
        let mut mouth = match self.mouth.take().filter(|mouth| fits(mouth)) {
            Some(mouth) => mouth,
            None => {
                let mut mouth = Box::new(Mouth::new(codec, ptime_ms));
                mouth.expect_loss(self.report.percent_lost_there());
                mouth
            }
        };
        self.passing = None;
        let quiet = self.key.is_some_and(|key| key.is_on(now));
        if quiet {
            self.outgoing.skip(codec.ticks(frame.len()));
        }
        if quiet || self.say_digit(scratch, now) {
            mouth.stop();
            self.mouth = Some(mouth);
            return;
        }
        mouth.say(frame, scratch, |data, count, ticks| {
            self.outgoing.header(payload_type, ticks, data);
            self.send(data, HEADER + count, now);
        });
        self.mouth = Some(mouth);
    }

    /// Nothing is said to it in this frame.
    pub(super) fn say_nothing(&mut self) {
        self.pass_over(1);
    }

    /// Nothing is said to it in so many frames.
    pub(super) fn pass_over(&mut self, frames: u32) {
        if self.passing.is_none()
            && let Some(agreed) = &self.agreed
        {
            let codec = agreed.codec;
            let ticks = codec.ticks((codec.sample_rate() * FRAME_MS / 1000) as usize);
            self.outgoing.skip(ticks.wrapping_mul(frames));
            if let Some(mouth) = &mut self.mouth {
                mouth.stop();
            }
        }
    }

    /// Sends the packet in the first octets of `data`, behind which there is room.
    pub(super) fn send(&mut self, data: &mut [u8], length: usize, now: u64) {
        let Some(remote) = self.latch.remote() else { return };
        let payload = length - HEADER;
        let length = match &mut self.secure {
            None => length,
            Some(secure) => match secure.0.protect(data, length) {
                Ok(length) => length,
                // It was sent before.
                Err(_) => return,
            },
        };
        // What a full socket or an unreachable peer loses is lost, as anywhere on the way.
        if self.pair.rtp.send_to(&data[..length], remote).is_ok() {
            self.report.packets_sent += 1;
            self.report.bytes_sent += payload as u64;
            self.report.sent_at.get_or_insert(now);
        }
    }

    /// Reports to the peer, with a farewell when it ends.
    pub(super) fn send_report(&mut self, scratch: &mut [u8], now: u64, bye: bool) {
        let Some(agreed) = &self.agreed else { return };
        if self.report.packets_sent == 0 && !self.reception.begun() {
            return;
        }
        let (mux, remote) = (agreed.rtcp_mux, if agreed.rtcp_mux { self.latch.remote() } else { self.rtcp_remote });
        let Some(remote) = remote else { return };
        let mut length = self.report.write(scratch, &self.outgoing, &mut self.reception, &self.name, now, bye);
        if let Some(secure) = &mut self.secure {
            let Ok(protected) = secure.0.protect_rtcp(scratch, length) else { return };
            length = protected;
        }
        let socket = if mux { &self.pair.rtp } else { &self.pair.rtcp };
        // A report that is lost is followed by the next.
        let _ = socket.send_to(&scratch[..length], remote);
    }

    /// Makes its statistics those of this moment.
    pub(super) fn publish(&mut self, judged: bool) {
        let late = self.late();
        let agreed = self.agreed.as_ref();
        let clock = agreed.map_or(8_000, |agreed| agreed.codec.clock_rate());
        if let Some(agreed) = agreed.filter(|_| judged) {
            self.report.judge(&self.reception, late, agreed.codec, agreed.ptime_ms);
        }
        let remote = self.latch.remote();
        let codec = agreed.map(|agreed| agreed.codec);
        *lock(&self.shared) = Stats { remote, codec, ..self.report.stats(&self.reception, late, (clock, clock)) };
    }
}

/// What it does in each frame.
impl Leg {
    /// Records what it said in this frame, or silence, at the rate it is wanted at, and beside it what it heard.
    pub(super) fn record(&mut self, rate: u32) {
        let silence = [0; 960];
        let said = self.ear.as_ref().and_then(|ear| ear.frame());
        let said = said.unwrap_or(&silence[..(rate * FRAME_MS / 1000) as usize]);
        let heard = self.overheard.frame();
        self.recorders.retain_mut(|recorder| recorder.frame((said, rate), heard));
        self.overheard.clear();
    }

    /// Keeps a frame that it hears at its own rate, if anybody wants it.
    pub(super) fn overhear(&mut self, frame: &[i16]) {
        if self.is_followed() {
            self.overheard.put(frame, self.rate());
        }
    }

    /// Lets its players play on though nobody hears them.
    pub(super) fn play_on(&mut self, outbox: &Outbox) {
        let frame = (self.rate() * FRAME_MS / 1000) as usize;
        play_into(&mut self.players, &mut [0; 960][..frame], outbox);
    }

    /// It has left where it was: what waits to be heard is of no use elsewhere.
    pub(super) fn silence(&mut self) {
        self.passing = None;
        self.key = None;
        if self.recorders.is_empty() {
            self.stop_listening();
        }
    }

    /// Nobody listens to what it says any more.
    pub(super) fn stop_listening(&mut self) {
        if let Some(ear) = self.ear.take() {
            self.late += ear.late();
        }
    }

    /// Packets that came too late to be heard, ever.
    fn late(&self) -> u64 {
        self.late + self.ear.as_ref().map_or(0, |ear| ear.late())
    }

    /// Looks whether anything comes of its peer, and tells when that has changed.
    pub(super) fn watch(&mut self, now: u64, lost_us: u64, one_way_us: u64, outbox: &Outbox) {
        let receives = self.agreed.as_ref().is_some_and(|agreed| agreed.receive_on);
        let for_long = |since: u64, limit: u64| now.saturating_sub(since) >= limit;
        let Report { heard_at, sent_at, lost_told, one_way_told, .. } = &mut self.report;
        let lost = receives && heard_at.is_some_and(|at| for_long(at, lost_us));
        // On hold nothing is expected, and nothing said of it.
        if *lost_told != lost && (lost || heard_at.is_some_and(|at| !for_long(at, lost_us))) {
            *lost_told = lost;
            outbox.tell(Event::Lost { leg: self.id, back: !lost });
        }
        if receives && !*one_way_told && heard_at.is_none() && sent_at.is_some_and(|at| for_long(at, one_way_us)) {
            *one_way_told = true;
            outbox.tell(Event::OneWay { leg: self.id });
        }
    }

    /// The codec it is sent, if any frame of it encodes by itself into one packet.
    pub(super) fn stateless(&self) -> Option<Codec> {
        let agreed = self.agreed.as_ref().filter(|_| !self.digits.are_sent())?;
        let plain = matches!(agreed.codec, Codec::Pcmu | Codec::Pcma | Codec::L16(_));
        (plain && agreed.ptime_ms == FRAME_MS).then_some(agreed.codec)
    }

    /// Says a payload of so many samples that is encoded already.
    pub(super) fn say_encoded(&mut self, payload: &[u8], samples: usize, scratch: &mut [u8], now: u64) {
        let Some(agreed) = &self.agreed else { return };
        let (payload_type, ticks) = (agreed.payload_type, agreed.codec.ticks(samples));
        self.passing = None;
        self.outgoing.header(payload_type, ticks, scratch);
        scratch[HEADER..HEADER + payload.len()].copy_from_slice(payload);
        self.send(scratch, HEADER + payload.len(), now);
    }

    /// Says a frame at any rate, its own players with it. `frame` has room for one at the highest rate.
    pub(super) fn say_at(&mut self, frame: &mut [i16], rate: u32, scratch: &mut [u8], now: u64, outbox: &Outbox) {
        let own = self.rate();
        let length = (own * FRAME_MS / 1000) as usize;
        if own != rate {
            let count = (rate * FRAME_MS / 1000) as usize;
            if self.to_own.as_ref().is_none_or(|(from, to, _)| (*from, *to) != (rate, own)) {
                self.to_own = Resampler::new(rate, own).ok().map(|made| (rate, own, Box::new(made)));
            }
            let mut converted = [0; 960];
            if let Some((_, _, resampler)) = &mut self.to_own {
                resampler.process(&frame[..count], &mut converted);
            }
            frame[..length].copy_from_slice(&converted[..length]);
        }
        play_into(&mut self.players, &mut frame[..length], outbox);
        self.overhear(&frame[..length]);
        self.say(&frame[..length], scratch, now);
    }
}
