//! Refusing a part of what comes, evenly.

/// Says of one after another whether it is refused: a part of 0.25 refuses every fourth.
#[derive(Debug, Default)]
pub(super) struct Thinning {
    part: f64,
    owed: f64,
}

impl Thinning {
    /// The part to refuse from now on, 0 to 1.
    pub(super) fn set(&mut self, part: f64) {
        self.part = part;
        if part == 0.0 {
            self.owed = 0.0;
        }
    }

    /// Whether more are refused than not.
    pub(super) fn refuses_most(&self) -> bool {
        self.part > 0.5
    }

    /// Whether the next one is refused.
    pub(super) fn refuses_next(&mut self) -> bool {
        self.owed += self.part;
        if self.owed < 1.0 {
            return false;
        }
        self.owed -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Thinning;

    fn refused_of(part: f64, count: usize) -> usize {
        let mut thinning = Thinning::default();
        thinning.set(part);
        (0..count).filter(|_| thinning.refuses_next()).count()
    }

    #[test]
    fn the_part_that_is_asked_for_is_refused_and_evenly() {
        assert_eq!(refused_of(0.0, 1000), 0);
        assert_eq!(refused_of(1.0, 1000), 1000);
        assert_eq!(refused_of(0.25, 1000), 250);
        assert!((99..=100).contains(&refused_of(0.1, 1000)));
        let mut thinning = Thinning::default();
        thinning.set(0.5);
        let turns: Vec<_> = (0..6).map(|_| thinning.refuses_next()).collect();
        assert_eq!(turns, [false, true, false, true, false, true]);
    }

    #[test]
    fn what_is_owed_outlives_a_new_part_but_not_the_end_of_all() {
        let mut thinning = Thinning::default();
        thinning.set(0.9);
        assert!(!thinning.refuses_next());
        thinning.set(0.2);
        assert!(thinning.refuses_next());
        assert!(!thinning.refuses_most());
        thinning.set(0.9);
        thinning.refuses_next();
        assert!(thinning.refuses_most());
        thinning.set(0.0);
        thinning.set(0.2);
        assert!(!thinning.refuses_next());
    }
}
