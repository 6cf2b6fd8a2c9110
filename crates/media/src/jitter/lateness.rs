//! How late packets come, compared with the fastest.

/// Width of a bucket of the histogram.
const BUCKET_MS: u32 = 5;
/// Share of packets that must come within the depth.
const SHARE: f32 = 0.99;
/// What each packet's weight is compared with the one before it: one in 500 is a hundredth of what is remembered.
const GROWTH: f32 = 1.002;
const HEAVY: f32 = 1e6;
/// The fastest is looked for in two stretches of this, the present one and the one before.
const STRETCH_MS: u32 = 5_000;

#[derive(Debug)]
pub(super) struct Lateness {
    bucket: u32,
    stretch: u32,
    /// More than this is another timebase.
    odd: u32,
    weights: Box<[f32]>,
    total: f32,
    weight: f32,
    /// The fastest transit in the present stretch and the one before.
    fastest: Option<(u32, u32)>,
    /// When the present stretch began.
    begun_at: u32,
    /// What [`Lateness::most`] gives.
    most: u32,
}

impl Lateness {
    pub(super) fn new(clock_rate: u32, max_ms: u32) -> Self {
        let ticks = |ms: u32| (u64::from(clock_rate) * u64::from(ms) / 1_000) as u32;
        Self {
            bucket: ticks(BUCKET_MS).max(1),
            stretch: ticks(STRETCH_MS),
            odd: ticks(2 * max_ms),
            weights: vec![0.0; (max_ms / BUCKET_MS) as usize + 1].into(),
            total: 0.0,
            weight: 1.0,
            fastest: None,
            begun_at: 0,
            most: 0,
        }
    }

    /// Forgets how the network behaves.
    pub(super) fn forget(&mut self) {
        self.weights.fill(0.0);
        (self.total, self.weight, self.fastest, self.most) = (0.0, 1.0, None, 0);
    }

    /// Forgets which packets were the fastest: another timebase begins.
    pub(super) fn rebase(&mut self) {
        self.fastest = None;
    }

    fn base(&self) -> Option<u32> {
        self.fastest.map(|(now, before)| if earlier(now, before) { now } else { before })
    }

    /// Whether a transit is so far from the others that it is of another timebase.
    pub(super) fn is_odd(&self, transit: u32) -> bool {
        self.base().is_some_and(|base| transit.wrapping_sub(base).cast_signed().unsigned_abs() > self.odd)
    }

    /// Takes in the transit (arrival less timestamp) of a packet.
    pub(super) fn packet(&mut self, transit: u32, arrival: u32) {
        match &mut self.fastest {
            None => {
                self.fastest = Some((transit, transit));
                self.begun_at = arrival;
            }
            Some(fastest) if arrival.wrapping_sub(self.begun_at) > self.stretch => {
                *fastest = (transit, fastest.0);
                self.begun_at = arrival;
            }
            Some((now, _)) => {
                if earlier(transit, *now) {
                    *now = transit;
                }
            }
        }
        let late = transit.wrapping_sub(self.base().unwrap_or(transit)).cast_signed().max(0).cast_unsigned();
        let place = ((late / self.bucket) as usize).min(self.weights.len() - 1);
        self.weight *= GROWTH;
        self.weights[place] += self.weight;
        self.total += self.weight;
        if self.weight > HEAVY {
            self.weights.iter_mut().for_each(|w| *w /= HEAVY);
            self.weight /= HEAVY;
            // Summed anew: rounding would add up for ever.
            self.total = self.weights.iter().sum();
        }
        self.most = self.within();
    }

    /// What [`SHARE`] of the packets come within, ticks.
    fn within(&self) -> u32 {
        let mut beyond = self.total * (1.0 - SHARE);
        for (place, weight) in self.weights.iter().enumerate().rev() {
            beyond -= weight;
            if beyond < 0.0 {
                return if place == 0 { 0 } else { (place as u32 + 1) * self.bucket };
            }
        }
        0
    }

    /// How late packets come at most, but for one in a hundred, ticks.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// The timestamp that is to be played now if the fastest packets wait for `depth`.
    pub(super) fn timestamp_due(&self, now: u32, depth: u32) -> u32 {
        now.wrapping_sub(self.base().unwrap_or(0)).wrapping_sub(depth)
    }
}

fn earlier(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() < 0
}
