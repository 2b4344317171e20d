//! Which pictures are left out so that results keep up, and the mean values that this needs.

use std::collections::VecDeque;

/// Values that a moving average goes over.
const WINDOW: usize = 7;

/// The milliseconds between two pictures before anything was measured.
const FIRST_SPACING: f64 = 100.0;

/// Pictures come a little slower than results, so that a backlog dissolves.
const HEADROOM: f64 = 1.05;

/// The mean of the last seven values. The first one counts as if it had come seven times, so
/// that the mean begins where the values are.
#[derive(Clone, Debug, Default)]
pub(super) struct MovingAverage {
    values: VecDeque<f64>,
}

impl MovingAverage {
    pub(super) fn add(&mut self, value: f64) {
        if self.values.is_empty() {
            self.values.resize(WINDOW, value);
            return;
        }
        self.values.pop_front();
        self.values.push_back(value);
    }

    pub(super) fn get(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| self.values.iter().sum::<f64>() / WINDOW as f64)
    }
}

/// The rule: a picture is taken if it is due, and the next one is due as much later as results
/// took lately.
#[derive(Clone, Debug)]
pub(super) struct Adaptive {
    due: f64,
    spacing: f64,
    totals: MovingAverage,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self { due: 0.0, spacing: FIRST_SPACING, totals: MovingAverage::default() }
    }
}

impl Adaptive {
    /// Whether the picture of this moment is taken.
    pub(super) fn keeps(&mut self, millis: i64) -> bool {
        let at = millis as f64;
        // A clock that was set back must not stop everything until it has caught up.
        let set_back = at + self.spacing < self.due;
        if at < self.due && !set_back {
            return false;
        }
        self.due = at + self.spacing;
        true
    }

    /// A result came this many milliseconds after its picture.
    pub(super) fn took(&mut self, millis: f64) {
        self.totals.add(millis);
        self.spacing = HEADROOM * self.totals.get().unwrap_or(FIRST_SPACING);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_a_second_until_something_was_measured() {
        let mut adaptive = Adaptive::default();
        let kept: Vec<i64> =
            (0..10).map(|n| 1000 + n * 40).filter(|t| adaptive.keeps(*t)).collect();
        assert_eq!(kept, [1000, 1120, 1240, 1360]);
    }

    #[test]
    fn the_spacing_follows_the_last_seven_results() {
        let mut adaptive = Adaptive::default();
        adaptive.took(200.0);
        assert!((adaptive.spacing - 210.0).abs() < 1e-9, "the first fills the window");
        adaptive.took(900.0);
        assert!((adaptive.spacing - 1.05 * (6.0 * 200.0 + 900.0) / 7.0).abs() < 1e-9);
        for _ in 0..7 {
            adaptive.took(40.0);
        }
        assert!((adaptive.spacing - 42.0).abs() < 1e-9);
        assert!(adaptive.keeps(5000));
        assert!(!adaptive.keeps(5041));
        assert!(adaptive.keeps(5042), "due to the millisecond");
    }

    proptest! {
        #[test]
        fn kept_pictures_are_never_closer_than_the_spacing(
            steps in proptest::collection::vec(0i64..200, 1..100),
            totals in proptest::collection::vec(0.0f64..500.0, 0..20),
        ) {
            let mut adaptive = Adaptive::default();
            totals.iter().for_each(|total| adaptive.took(*total));
            let (mut at, mut last) = (1_000_000, None);
            for step in steps {
                at += step;
                if adaptive.keeps(at) {
                    if let Some(last) = last {
                        prop_assert!((at - last) as f64 >= adaptive.spacing);
                    }
                    last = Some(at);
                } else {
                    prop_assert!(last.is_some(), "the first is always kept");
                }
            }
            prop_assert!(adaptive.keeps(at - 1_000_000), "a clock that was set back");
        }
    }
}
