//! How long to wait before the next attempt.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The first wait, and the longest.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Longer and longer, with jitter, so that many who lost the same broker do not come back at
/// the same moment.
#[derive(Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    /// The next wait: between half and all of 50 ms, 100 ms, … 2 s.
    pub(super) fn next(&mut self) -> Duration {
        let whole = (FIRST * 2u32.pow(self.0.min(6))).min(LONGEST);
        self.0 = self.0.saturating_add(1);
        let random = RandomState::new().hash_one(self.0) % 1000;
        whole / 2 + (whole / 2).mul_f64(random as f64 / 1000.0)
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }

    /// Whether something has failed since the last [`Self::reset`].
    pub(super) fn is_away(&self) -> bool {
        self.0 > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        for i in 0..100 {
            let wait = backoff.next();
            let whole = (FIRST * 2u32.pow(i.min(6))).min(LONGEST);
            assert!(wait >= whole / 2 && wait <= whole, "{i}: {wait:?}");
        }
        assert!(backoff.is_away());
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
