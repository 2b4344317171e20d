//! When what is sent, and what follows from an answer. Time is an argument.
//!
//! - A batch goes when it is full, or an interval after its first annotation came.
//! - After a failure the courier waits, longer each time, and begins with the oldest again.
//! - A batch that the receiver calls wrong is halved until the wrong one stands alone and is
//!   buried; with one wrong among `n` that takes about log2 `n` requests.

use std::time::{Duration, Instant};

/// Before the jitter, which adds up to a quarter: pauses are 1 s to 60 s.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(48);

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing waits.
    Rest,
    /// Nothing before this moment.
    At(Instant),
    /// Send the first so many of the queue.
    Send(usize),
}

/// What to do about annotations that the receiver called wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Set this one aside.
    Bury,
    /// Send fewer, to find out which one it is.
    Halve,
}

/// The courier of one queue.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    batch: usize,
    interval: Duration,
    /// How many wait; too high at times, never too low for long: see [`Self::emptied`].
    waiting: u64,
    /// When the oldest of them came; none where it has waited long enough already.
    first: Option<Instant>,
    /// How many came since the batch under way was taken, and when the first of them did.
    newcomers: u64,
    first_newcomer: Option<Instant>,
    /// So many at the head of the queue hold a wrong one.
    suspects: usize,
    /// Failures in a row.
    failures: u32,
    not_before: Option<Instant>,
}

impl Courier {
    /// A courier with a queue in which `waiting` were left by an earlier run.
    pub(crate) fn new(batch: usize, interval: Duration, waiting: u64) -> Self {
        Self {
            batch: batch.max(1),
            interval,
            waiting,
            first: None,
            newcomers: 0,
            first_newcomer: None,
            suspects: 0,
            failures: 0,
            not_before: None,
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// More came to the end of the queue.
    pub(crate) fn added(&mut self, count: u64, now: Instant) {
        if self.waiting == 0 {
            self.first = Some(now);
        }
        self.waiting += count;
        self.newcomers += count;
        self.first_newcomer.get_or_insert(now);
    }

    /// Old ones came back to their places in the queue: they have waited long enough.
    pub(crate) fn revived(&mut self, count: u64) {
        self.waiting += count;
        self.newcomers += count;
        self.first = None;
        // What is known of the head of the queue may be of others now.
        self.suspects = 0;
        self.not_before = None;
    }

    /// What to do at `now`.
    pub(crate) fn next(&self, now: Instant) -> Next {
        if self.waiting == 0 {
            return Next::Rest;
        }
        if let Some(moment) = self.not_before.filter(|moment| now < *moment) {
            return Next::At(moment);
        }
        if self.suspects > 0 {
            return Next::Send((self.suspects / 2).max(1));
        }
        match self.first.map(|first| first + self.interval) {
            Some(due) if now < due && self.waiting < self.batch as u64 => Next::At(due),
            _ => Next::Send(self.batch),
        }
    }

    /// A batch is about to be read from the queue.
    pub(crate) fn taken(&mut self) {
        self.newcomers = 0;
        self.first_newcomer = None;
    }

    /// The queue turned out to be empty.
    pub(crate) fn emptied(&mut self) {
        // Those who came meanwhile may not have been seen.
        self.waiting = self.newcomers;
        self.first = self.first_newcomer;
        self.suspects = 0;
    }

    /// The receiver has the first `count`, and they are gone from the queue.
    pub(crate) fn accepted(&mut self, count: usize) {
        self.suspects = self.suspects.saturating_sub(count);
        self.answered();
        self.gone(count as u64);
    }

    /// The receiver says that something is wrong with the first `count`. Where it is to be
    /// buried, it is taken as gone from the queue.
    pub(crate) fn wrong(&mut self, count: usize) -> Verdict {
        self.answered();
        if count > 1 {
            self.suspects = count;
            return Verdict::Halve;
        }
        self.suspects = 0;
        self.gone(1);
        Verdict::Bury
    }

    /// It did not work: the time to try again. `jitter` from 0 to 1 keeps many sites from
    /// coming back in one burst.
    pub(crate) fn failed(&mut self, now: Instant, jitter: f64) -> Instant {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let pause = (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE);
        let moment = now + pause.mul_f64(1.0 + 0.25 * jitter.clamp(0.0, 1.0));
        self.not_before = Some(moment);
        moment
    }

    fn answered(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    fn gone(&mut self, count: u64) {
        self.waiting = self.waiting.saturating_sub(count);
        // Only newcomers are left: they may wait for company. Others have done so.
        self.first = if self.waiting <= self.newcomers { self.first_newcomer } else { None };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(300);

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_batch_goes_when_it_is_full_or_its_first_has_waited() {
        let start = Instant::now();
        let mut courier = Courier::new(10, INTERVAL, 0);
        assert_eq!(courier.next(start), Next::Rest);
        courier.added(1, start);
        courier.added(3, after(start, 200));
        assert_eq!(courier.next(after(start, 299)), Next::At(after(start, 300)));
        assert_eq!(courier.next(after(start, 300)), Next::Send(10));
        courier.taken();
        courier.added(2, after(start, 350));
        courier.accepted(4);
        // The two who came meanwhile have an interval of their own.
        assert_eq!(courier.next(after(start, 400)), Next::At(after(start, 650)));
        courier.added(8, after(start, 401));
        assert_eq!(courier.next(after(start, 401)), Next::Send(10), "full");
        courier.taken();
        courier.accepted(10);
        assert_eq!(courier.next(after(start, 9000)), Next::Rest);
    }

    #[test]
    fn what_an_earlier_run_left_goes_at_once_batch_after_batch() {
        let start = Instant::now();
        let mut courier = Courier::new(10, INTERVAL, 25);
        for sent in [10, 10, 5] {
            assert_eq!(courier.next(start), Next::Send(10));
            courier.taken();
            courier.accepted(sent);
        }
        assert_eq!(courier.next(start), Next::Rest);
        // The store holds none of them any more: no endless asking.
        let mut courier = Courier::new(10, INTERVAL, 25);
        courier.taken();
        courier.added(1, start);
        courier.emptied();
        assert_eq!(courier.next(start), Next::At(after(start, 300)));
        courier.taken();
        courier.emptied();
        assert_eq!(courier.next(start), Next::Rest);
    }

    #[test]
    fn pauses_grow_to_a_minute_and_end_with_an_answer() {
        let mut now = Instant::now();
        let mut courier = Courier::new(10, INTERVAL, 1);
        for seconds in [1, 2, 4, 8, 16, 32, 48, 48, 48] {
            let moment = courier.failed(now, 0.0);
            assert_eq!(moment - now, Duration::from_secs(seconds));
            assert_eq!(courier.next(now), Next::At(moment));
            now = moment;
            assert_eq!(courier.next(now), Next::Send(10));
        }
        assert_eq!(courier.clone().failed(now, 1.0) - now, Duration::from_secs(60));
        courier.accepted(1);
        courier.added(1, now);
        assert_eq!(courier.failed(now, 0.0) - now, Duration::from_secs(1));
    }

    /// A queue, and a receiver that calls batches wrong that hold one of `bad`. Returns what
    /// it got, what was buried, and how many requests that took.
    fn drive(items: usize, batch: usize, bad: &[usize]) -> (Vec<usize>, Vec<usize>, usize) {
        let now = Instant::now();
        let mut courier = Courier::new(batch, INTERVAL, items as u64);
        let mut queue: Vec<usize> = (0..items).collect();
        let (mut got, mut buried, mut requests) = (Vec::new(), Vec::new(), 0);
        while let Next::Send(size) = courier.next(now) {
            courier.taken();
            let size = size.min(queue.len());
            requests += 1;
            if queue[..size].iter().any(|item| bad.contains(item)) {
                if courier.wrong(size) == Verdict::Bury {
                    buried.push(queue.remove(0));
                }
            } else {
                got.extend(queue.drain(..size));
                courier.accepted(size);
            }
        }
        assert_eq!(queue, [0usize; 0], "all have left the queue");
        (got, buried, requests)
    }

    #[test]
    fn one_wrong_among_many_costs_few_requests() {
        for at in [0, 1, 149, 150, 298] {
            let (got, buried, requests) = drive(299, 299, &[at]);
            assert_eq!((got.len(), buried), (298, vec![at]));
            // The whole, then about log2(299) ≈ 8.2 halves, then what is behind it.
            assert!(requests <= 12, "{requests} for the one at {at}");
        }
    }

    proptest! {
        /// Whichever are wrong: these and only these are buried, and the others arrive once
        /// and in order.
        #[test]
        fn the_wrong_ones_are_found(
            items in 0usize..200,
            batch in 1usize..80,
            bad in proptest::collection::btree_set(0usize..200, 0..12),
        ) {
            let bad: Vec<usize> = bad.into_iter().filter(|at| *at < items).collect();
            let (got, buried, _) = drive(items, batch, &bad);
            prop_assert_eq!(&buried, &bad);
            let good: Vec<usize> = (0..items).filter(|at| !bad.contains(at)).collect();
            prop_assert_eq!(got, good);
        }

        /// Whatever happens in whatever order: while something waits there is a moment at
        /// which it will be sent, never later than the longest pause.
        #[test]
        fn nothing_waits_for_ever(steps in proptest::collection::vec((0u8..7, 1usize..20), 0..60)) {
            let mut now = Instant::now();
            let mut courier = Courier::new(10, INTERVAL, 3);
            for (step, count) in steps {
                match step {
                    0 => courier.added(count as u64, now),
                    1 => courier.taken(),
                    2 => courier.accepted(count),
                    3 => _ = courier.wrong(count),
                    4 => _ = courier.failed(now, 0.5),
                    5 => courier.emptied(),
                    _ => courier.revived(count as u64),
                }
                match courier.next(now) {
                    Next::Rest => prop_assert_eq!(courier.waiting(), 0),
                    Next::At(moment) => {
                        prop_assert!(moment > now && moment - now <= Duration::from_secs(60));
                        let sends = matches!(courier.next(moment), Next::Send(_) | Next::At(_));
                        prop_assert!(sends);
                    }
                    Next::Send(size) => prop_assert!((1..=19).contains(&size)),
                }
                now += Duration::from_millis(100);
            }
        }
    }
}
