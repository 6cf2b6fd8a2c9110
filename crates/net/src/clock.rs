//! The two clocks of a live server.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cordboard_sip::Time;

/// The monotonic clock the core's [`Time`] is read from. Copies agree with one another.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

/// The epoch lies this far back at the start, so that no live moment is `Time(0)`.
const HEAD_START_MICROS: u64 = 1_000_000;

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// This moment.
    #[must_use]
    pub fn now(&self) -> Time {
        let micros = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
        Time(micros.saturating_add(HEAD_START_MICROS))
    }
}

/// The wall clock: whole seconds since 1970 (UTC). 0 if the machine's clock is before that.
#[must_use]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_reads_zero_and_never_goes_back() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(first.0 >= HEAD_START_MICROS);
        assert!(clock.now() >= first);
    }

    #[test]
    fn the_wall_clock_is_past_2020() {
        assert!(unix_seconds() > 1_577_836_800);
    }
}
