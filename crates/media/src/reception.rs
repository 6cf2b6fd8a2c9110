//! What is known of a stream that is received: RFC 3550 6.4.1 and appendix A.

/// A jump forward of more is a restart.
const MAX_DROPOUT: u16 = 3_000;
/// A packet older than this is of another stream.
const MAX_MISORDER: u16 = 100;

/// A report on a stream, as RTCP carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Whom it is about.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the beginning; negative if packets came twice. 24 bits.
    pub lost: i32,
    /// The highest sequence number with its cycles.
    pub highest: u32,
    /// Interarrival jitter in ticks of the clock.
    pub jitter: u32,
    /// The middle of the NTP timestamp of the last sender report, 0 for none.
    pub last_report: u32,
    /// Since then, in 65,536ths of a second.
    pub delay: u32,
}

/// Tells streams on one leg apart: packets of one are numbered and timed in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    ssrc: u32,
    restarts: u32,
}

/// Counts one source's packets.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    ssrc: u32,
    begun: bool,
    base: u32,
    cycles: u32,
    highest: u16,
    /// The next sequence number if the source has restarted.
    restart: Option<u16>,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// Transit time of the packet before, ticks.
    transit: Option<u32>,
    /// Scaled by 16, as in A.8.
    jitter: u32,
    /// Of sources that came before this one on the same leg.
    lost_before: u64,
    total: u64,
    /// How often a source began anew under the name it had.
    restarts: u32,
}

/// What a packet is to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It continues the stream, or is late but of it.
    Of,
    /// It begins a stream: another source, or the old one anew.
    New,
    /// Too far from the stream; believed if the next one follows it.
    Strange,
}

impl Reception {
    /// Takes in a packet. `arrival` is the time of its arrival in ticks of its own clock.
    pub fn packet(&mut self, ssrc: u32, sequence: u16, timestamp: u32, arrival: u32) -> Place {
        let place = if !self.begun || ssrc != self.ssrc {
            self.begin(ssrc, sequence);
            Place::New
        } else {
            self.follow(sequence)
        };
        if place == Place::Strange {
            return place;
        }
        self.received += 1;
        self.total += 1;
        let transit = arrival.wrapping_sub(timestamp);
        if let (Some(before), Place::Of) = (self.transit, place) {
            let d = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of more than a few seconds is a new timebase, not jitter.
            if d < 500_000 {
                self.jitter = self.jitter.saturating_add(d).saturating_sub((self.jitter + 8) >> 4);
            }
        }
        self.transit = Some(transit);
        place
    }

    fn begin(&mut self, ssrc: u32, sequence: u16) {
        self.lost_before += u64::from(self.lost().unsigned_abs()) * u64::from(self.lost() > 0);
        let (lost_before, total, restarts) = (self.lost_before, self.total, self.restarts);
        *self = Self {
            ssrc,
            begun: true,
            base: u32::from(sequence),
            highest: sequence,
            lost_before,
            total,
            restarts,
            ..Self::default()
        };
    }

    fn follow(&mut self, sequence: u16) -> Place {
        let forward = sequence.wrapping_sub(self.highest);
        if forward < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
            self.restart = None;
        } else if forward <= 0u16.wrapping_sub(MAX_MISORDER) {
            if self.restart == Some(sequence) {
                self.restarts = self.restarts.wrapping_add(1);
                self.begin(self.ssrc, sequence);
                return Place::New;
            }
            self.restart = Some(sequence.wrapping_add(1));
            return Place::Strange;
        }
        Place::Of
    }

    /// Who sends it.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The stream that comes now.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream { ssrc: self.ssrc, restarts: self.restarts }
    }

    /// Whether anything came.
    #[must_use]
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// The sequence number that comes next if none is lost.
    #[must_use]
    pub fn next(&self) -> u16 {
        self.highest.wrapping_add(1)
    }

    fn expected(&self) -> u32 {
        if self.begun { (self.cycles + u32::from(self.highest)).wrapping_sub(self.base).wrapping_add(1) } else { 0 }
    }

    fn lost(&self) -> i32 {
        self.expected().wrapping_sub(self.received).cast_signed().clamp(-0x80_0000, 0x7f_ffff)
    }

    /// Packets lost of all sources since the beginning.
    #[must_use]
    pub fn lost_total(&self) -> u64 {
        self.lost_before + u64::try_from(self.lost()).unwrap_or(0)
    }

    /// Packets of all sources since the beginning.
    #[must_use]
    pub fn received_total(&self) -> u64 {
        self.total
    }

    /// Interarrival jitter in ticks.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.jitter >> 4
    }

    /// The report since the last one. Which sender report it answers is for the caller to add.
    pub fn report(&mut self) -> Block {
        let (expected, received) = (self.expected(), self.received);
        let expected_interval = expected.wrapping_sub(self.expected_before);
        let received_interval = received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, received);
        let lost = i64::from(expected_interval) - i64::from(received_interval);
        let fraction = if expected_interval == 0 || lost <= 0 { 0 } else { (lost << 8) / i64::from(expected_interval) };
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: self.lost(),
            highest: self.cycles + u32::from(self.highest),
            jitter: self.jitter(),
            last_report: 0,
            delay: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(reception: &mut Reception, sequence: u16) -> Place {
        let timestamp = u32::from(sequence) * 160;
        reception.packet(7, sequence, timestamp, timestamp + 1_000)
    }

    #[test]
    fn losses_are_counted_over_a_wrap() {
        let mut reception = Reception::default();
        for n in 65_500..65_700_u32 {
            if n % 10 != 3 {
                feed(&mut reception, n as u16);
            }
        }
        let block = reception.report();
        assert_eq!((block.lost, block.fraction_lost), (20, 25));
        assert_eq!(block.highest, 65_699);
        assert_eq!(reception.report().fraction_lost, 0);
    }

    #[test]
    fn late_packets_are_no_loss() {
        let mut reception = Reception::default();
        for sequence in [1, 2, 4, 3, 6, 5] {
            feed(&mut reception, sequence);
        }
        assert_eq!((reception.report().lost, reception.received_total()), (0, 6));
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_a_shaken_one_has_its_own() {
        let mut steady = Reception::default();
        let mut shaken = Reception::default();
        for n in 0..400_u32 {
            steady.packet(7, n as u16, n * 160, n * 160 + 50);
            shaken.packet(7, n as u16, n * 160, n * 160 + 80 * (n % 2));
        }
        assert_eq!(steady.jitter(), 0);
        assert!((70..=80).contains(&shaken.jitter()), "{}", shaken.jitter());
    }

    #[test]
    fn one_strange_number_is_not_believed_but_two_in_a_row_are() {
        let mut reception = Reception::default();
        for sequence in 10..20 {
            feed(&mut reception, sequence);
        }
        assert_eq!(feed(&mut reception, 30_000), Place::Strange);
        assert_eq!(feed(&mut reception, 20), Place::Of);
        assert_eq!(feed(&mut reception, 40_000), Place::Strange);
        let before = reception.stream();
        assert_eq!(feed(&mut reception, 40_001), Place::New);
        assert_ne!(reception.stream(), before);
        assert_eq!(reception.lost_total(), 0);
    }

    proptest! {
        #[test]
        fn no_row_of_packets_panics(rows in proptest::collection::vec((0..3_u32, any::<u16>(), any::<u32>(), any::<u32>()), 0..200)) {
            let mut reception = Reception::default();
            for (ssrc, sequence, timestamp, arrival) in rows {
                reception.packet(ssrc, sequence, timestamp, arrival);
            }
            reception.report();
        }
    }
}
