//! How much a sink sends at once, and what follows from an answer. Time is an argument.
//!
//! - After a failure it waits, longer each time: about 0.5 s to 30 s.
//! - Events among which one is refused are halved until the refused one stands alone. That one
//!   is tried as often as the configuration says, and then put aside.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// What to do about events that were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send fewer, to find out which one it is.
    Halve,
    /// Try this one again, after a pause.
    Again,
    /// Put this one aside.
    Bury,
}

/// The pace of one sink.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    batch: usize,
    attempts: u32,
    seed: u64,
    backoff: Backoff,
    not_before: Option<Instant>,
    /// So many at the head hold one that is refused.
    suspects: usize,
    /// How often the event at the head was refused alone.
    refused: u32,
}

impl Pace {
    /// `seed` is for the jitter.
    pub(crate) fn new(batch: usize, attempts: u32, seed: u64) -> Self {
        Self {
            batch: batch.max(1),
            attempts: attempts.max(1),
            seed,
            backoff: Backoff::new(seed),
            not_before: None,
            suspects: 0,
            refused: 0,
        }
    }

    /// How many to send at most.
    pub(crate) fn size(&self) -> usize {
        if self.refused > 0 {
            return 1;
        }
        if self.suspects > 0 { (self.suspects / 2).max(1) } else { self.batch }
    }

    /// Nothing is to be sent for so long.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |moment| moment.saturating_duration_since(now))
    }

    /// How often the event at the head was refused.
    pub(crate) fn tries(&self) -> u32 {
        self.refused
    }

    /// The first `count` are there.
    pub(crate) fn delivered(&mut self, count: usize) {
        if count > 0 {
            self.suspects = self.suspects.saturating_sub(count);
            self.answered();
        }
    }

    /// One of the first `among` is refused.
    pub(crate) fn refused(&mut self, among: usize, now: Instant) -> Verdict {
        if among > 1 {
            self.suspects = among;
            self.answered();
            return Verdict::Halve;
        }
        self.refused += 1;
        if self.refused >= self.attempts {
            // The others among those suspected may be wrong too; that will be seen.
            self.suspects = 0;
            self.answered();
            return Verdict::Bury;
        }
        self.pause(now);
        Verdict::Again
    }

    /// Nobody took anything.
    pub(crate) fn away(&mut self, now: Instant) {
        self.pause(now);
    }

    /// Other events stand at the head now.
    pub(crate) fn moved(&mut self) {
        self.suspects = 0;
        self.answered();
    }

    fn pause(&mut self, now: Instant) {
        // The first of these is none: a connection that had been closed meanwhile.
        self.not_before = Some(now + self.backoff.next_delay());
    }

    fn answered(&mut self) {
        self.seed = self.seed.rotate_left(7).wrapping_add(1);
        self.backoff = Backoff::new(self.seed);
        self.not_before = None;
        self.refused = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_grow_and_end_with_an_answer() {
        let mut now = Instant::now();
        let mut pace = Pace::new(10, 3, 5);
        pace.away(now);
        assert_eq!(pace.wait(now), Duration::ZERO, "at once for the first time");
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            pace.away(now);
            last = pace.wait(now);
            assert!((Duration::from_millis(375)..=Duration::from_secs(30)).contains(&last));
            now += last;
        }
        assert!(last > Duration::from_secs(20), "{last:?}");
        pace.delivered(1);
        assert_eq!(pace.wait(now), Duration::ZERO);
    }

    #[test]
    fn one_alone_is_tried_as_often_as_said() {
        let now = Instant::now();
        let mut pace = Pace::new(10, 3, 5);
        assert_eq!(pace.refused(1, now), Verdict::Again);
        assert_eq!(pace.size(), 1);
        pace.away(now);
        assert_eq!(pace.tries(), 1, "being away is no refusal");
        assert_eq!(pace.refused(1, now), Verdict::Again);
        assert_eq!(pace.refused(1, now), Verdict::Bury);
        assert_eq!((pace.tries(), pace.size(), pace.wait(now)), (0, 10, Duration::ZERO));
    }

    proptest! {
        /// Whichever are refused, whether a target says which (`precise`) or not: these and
        /// only these are put aside, the others arrive once and in order.
        #[test]
        fn the_refused_ones_are_found(
            items in 0usize..150,
            batch in 1usize..60,
            attempts in 1u32..4,
            precise in any::<bool>(),
            bad in proptest::collection::btree_set(0usize..150, 0..10),
        ) {
            let now = Instant::now();
            let mut pace = Pace::new(batch, attempts, 9);
            let mut queue: Vec<usize> = (0..items).collect();
            let (mut got, mut buried) = (Vec::new(), Vec::new());
            for _ in 0..10_000 {
                if queue.is_empty() {
                    break;
                }
                let size = pace.size().min(queue.len());
                let wrong = queue[..size].iter().position(|item| bad.contains(item));
                let (done, among) = match wrong {
                    None => (size, None),
                    Some(at) if precise => (at, Some(1)),
                    Some(_) => (0, Some(size)),
                };
                got.extend(queue.drain(..done));
                pace.delivered(done);
                if among.is_some_and(|among| pace.refused(among, now) == Verdict::Bury) {
                    buried.push(queue.remove(0));
                }
            }
            let bad: Vec<usize> = bad.into_iter().filter(|at| *at < items).collect();
            prop_assert_eq!(&buried, &bad);
            let good: Vec<usize> = (0..items).filter(|at| !bad.contains(at)).collect();
            prop_assert_eq!(got, good);
        }
    }
}
