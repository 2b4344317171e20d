//! How long to wait before a camera is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// What held this long worked. Less is a camera that comes and goes: each return must not be
/// followed by an attempt at once, or it would be opened without pause.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// What held this long gave at least some footage, and is tried again after the first wait.
const USEFUL_AFTER: Duration = Duration::from_secs(2);

/// Exponential backoff with jitter: at once, then about 0.5 s, 1 s, 2 s … 30 s. The jitter
/// (a quarter up or down) keeps a hundred cameras behind one switch from coming back in one
/// burst.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    attempts: u32,
    random: u64,
}

impl Backoff {
    /// A backoff whose jitter follows from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { attempts: 0, random: seed | 1 }
    }

    /// Attempts since it last worked for a while.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// It worked for `held`: after a while, the next failure is retried at once, and after a
    /// shorter while at least soon.
    pub(crate) fn worked(&mut self, held: Duration) {
        if held >= STABLE_AFTER {
            self.attempts = 0;
        } else if held >= USEFUL_AFTER {
            self.attempts = self.attempts.min(1);
        }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn next_delay(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts == 1 {
            return Duration::ZERO;
        }
        let doublings = (self.attempts - 2).min(16);
        let base = (FIRST * 2u32.pow(doublings)).min(LONGEST);
        base.mul_f64(0.75 + 0.5 * self.unit_random()).min(LONGEST)
    }

    /// The longest wait, for cameras that can't work as configured.
    pub(crate) fn longest(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        LONGEST
    }

    /// Xorshift64 (Marsaglia, 2003), to 0..1.
    fn unit_random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn delays_grow_within_bounds(seed in any::<u64>()) {
            let mut backoff = Backoff::new(seed);
            prop_assert_eq!(backoff.next_delay(), Duration::ZERO);
            for doubling in 0..20u32 {
                let base = (FIRST * 2u32.pow(doubling.min(16))).min(LONGEST);
                let delay = backoff.next_delay();
                prop_assert!(delay >= base.mul_f64(0.74) && delay <= LONGEST);
            }
            backoff.worked(USEFUL_AFTER / 2);
            prop_assert!(backoff.next_delay() > LONGEST / 2, "it never came");
            backoff.worked(USEFUL_AFTER);
            prop_assert!(backoff.next_delay() <= FIRST.mul_f64(1.25), "it came and went");
            backoff.worked(STABLE_AFTER);
            prop_assert_eq!(backoff.next_delay(), Duration::ZERO);
        }
    }
}
