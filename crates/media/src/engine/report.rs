//! What is known of a leg's streams, and what is said of them to the peer (RFC 3550 6).

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::codec::Codec;
use crate::quality::{Basis, Impairment, Transmission, mos, rating};
use crate::reception::{Block, Reception};
use crate::rtcp::{self, Item, SenderInfo};
use crate::rtp::Outgoing;

/// What came and went on a leg.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Packets of the peer.
    pub packets_received: u64,
    /// Octets of their payloads.
    pub bytes_received: u64,
    /// Of them, those that describe a pause (RFC 3389).
    pub comfort_received: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Packets that came when it was too late.
    pub packets_late: u64,
    /// Packets of others, not authentic, or not RTP.
    pub packets_refused: u64,
    /// Interarrival jitter.
    pub jitter_ms: f64,
    /// Packets to the peer.
    pub packets_sent: u64,
    /// Octets of their payloads.
    pub bytes_sent: u64,
    /// Fraction of our packets the peer says it lost.
    pub lost_there: f64,
    /// Interarrival jitter the peer sees.
    pub jitter_there_ms: f64,
    /// To the peer and back.
    pub round_trip_ms: Option<f64>,
    /// Listening quality estimated for what comes, 1.0 to 4.5, on the narrowband scale.
    pub mos: Option<f64>,
    /// Whether the codec's share of it is assumed, nothing being published.
    pub mos_assumed: bool,
    /// Where packets go.
    pub remote: Option<SocketAddr>,
    /// As what they go.
    pub codec: Option<Codec>,
}

/// What is counted and remembered between two reports.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) bytes_received: u64,
    pub(super) comfort_received: u64,
    pub(super) refused: u64,
    pub(super) packets_sent: u64,
    pub(super) bytes_sent: u64,
    /// Packets sent before the last report.
    sent_before: u64,
    /// Packets received and lost before the last interval.
    received_before: u64,
    lost_before: u64,
    /// The peer's last report on itself, and when it came.
    last_sender: Option<(u32, u64)>,
    there: Block,
    round_trip: Option<u32>,
    mos: Option<f64>,
    mos_assumed: bool,
    /// When anything came last, microseconds; `None` before.
    pub(super) heard_at: Option<u64>,
    /// When the first packet was sent.
    pub(super) sent_at: Option<u64>,
    pub(super) lost_told: bool,
    pub(super) one_way_told: bool,
}

/// Now, as NTP has it.
fn ntp_now() -> u64 {
    rtcp::ntp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64))
}

impl Report {
    /// Takes what the peer reports. `ours` is the source it may report on.
    pub(super) fn take(&mut self, data: &[u8], ours: u32, now: u64) -> bool {
        let arrived = (ntp_now() >> 16) as u32;
        let read = rtcp::parse(data, |item| match item {
            Item::Sender { info, .. } => self.last_sender = Some((info.short_ntp(), now)),
            Item::Block { block, .. } if block.ssrc == ours => {
                self.round_trip = rtcp::round_trip(arrived, &block).or(self.round_trip);
                self.there = block;
            }
            Item::Block { .. } | Item::Bye { .. } => {}
        });
        read.is_ok()
    }

    /// Whether a report shows that who sends it hears what is sent by `out`: it names its source, and a number of those
    /// that were sent.
    pub(super) fn shows_hearing(&self, data: &[u8], out: &Outgoing) -> bool {
        let mut shows = false;
        let read = rtcp::parse(data, |item| {
            if let Item::Block { block, .. } = item {
                let before = out.sequence.wrapping_sub(1).wrapping_sub(block.highest as u16);
                shows |= block.ssrc == out.ssrc && u64::from(before) < self.packets_sent;
            }
        });
        read.is_ok() && shows
    }

    /// What the peer loses of ours by its last report, per cent.
    pub(super) fn percent_lost_there(&self) -> u8 {
        (u32::from(self.there.fraction_lost) * 100).div_ceil(256) as u8
    }

    /// Writes the report that is due; gives its length.
    pub(super) fn write(
        &mut self,
        out: &mut [u8],
        outgoing: &Outgoing,
        reception: &mut Reception,
        name: &str,
        now: u64,
        bye: bool,
    ) -> usize {
        let sends = self.packets_sent > self.sent_before;
        self.sent_before = self.packets_sent;
        let info = SenderInfo {
            ntp: ntp_now(),
            timestamp: outgoing.timestamp,
            packets: self.packets_sent as u32,
            octets: self.bytes_sent as u32,
        };
        let block = reception.begun().then(|| {
            let (last_report, since) = self.last_sender.unwrap_or_default();
            let delay = if last_report == 0 { 0 } else { (now.saturating_sub(since) << 16) / 1_000_000 };
            Block { last_report, delay: delay as u32, ..reception.report() }
        });
        rtcp::write(out, outgoing.ssrc, sends.then_some(&info), block.as_ref(), name, bye)
    }

    /// Estimates how the last interval was heard.
    pub(super) fn judge(&mut self, reception: &Reception, late: u64, codec: Codec, packet_ms: u32) {
        let (received, lost) = (reception.received_total(), reception.lost_total() + late);
        let came = received.saturating_sub(self.received_before);
        let missed = lost.saturating_sub(self.lost_before);
        (self.received_before, self.lost_before) = (received, lost);
        if came + missed == 0 {
            return;
        }
        let jitter_ms = f64::from(reception.jitter()) * 1000.0 / f64::from(codec.clock_rate());
        let one_way = self.round_trip.map_or(0.0, |trip| f64::from(trip) / 65.536 / 2.0);
        let path = Transmission {
            delay_ms: one_way + 2.0 * jitter_ms + f64::from(packet_ms),
            loss: missed as f64 / (came + missed) as f64,
            burst: 1.0,
        };
        let impairment = Impairment::of(codec);
        self.mos = Some(mos(rating(impairment, path)));
        self.mos_assumed = impairment.basis == Basis::Assumed;
    }

    /// All of it. `clock_rates` are those of what comes and of what goes.
    pub(super) fn stats(&self, reception: &Reception, late: u64, clock_rates: (u32, u32)) -> Stats {
        let ms = |ticks: u32, rate: u32| f64::from(ticks) * 1000.0 / f64::from(rate.max(1));
        Stats {
            packets_received: reception.received_total(),
            bytes_received: self.bytes_received,
            comfort_received: self.comfort_received,
            packets_lost: reception.lost_total(),
            packets_late: late,
            packets_refused: self.refused,
            jitter_ms: ms(reception.jitter(), clock_rates.0),
            packets_sent: self.packets_sent,
            bytes_sent: self.bytes_sent,
            lost_there: f64::from(self.there.fraction_lost) / 256.0,
            jitter_there_ms: ms(self.there.jitter, clock_rates.1),
            round_trip_ms: self.round_trip.map(|trip| f64::from(trip) / 65.536),
            mos: self.mos,
            mos_assumed: self.mos_assumed,
            remote: None,
            codec: None,
        }
    }
}
