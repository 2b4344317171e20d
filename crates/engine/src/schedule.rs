//! Whose picture a free worker takes next. Pure: time is an argument, the pool brings locks
//! and threads.
//!
//! Each camera has one waiting place in which the newest picture wins. The earliest deadline
//! goes first (Liu and Layland, JACM 1973): a picture is due when its camera's next one will
//! come. One camera is never worked on twice at a time, which keeps its pictures in order. A
//! picture that replaces a waiting one inherits its deadline, so that a camera whose pictures
//! come too fast to be served does not fall back behind the others with each of them.

use std::time::Instant;

/// What waits for workers: at most one item a key.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    waiting: Vec<Waiting<T>>,
    busy: Vec<u64>,
}

#[derive(Debug)]
struct Waiting<T> {
    key: u64,
    item: T,
    deadline: Instant,
}

impl<T> Schedule<T> {
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new(), busy: Vec::new() }
    }

    /// Puts `item` into the waiting place of `key`. Gives back the one that was there.
    pub(crate) fn offer(&mut self, key: u64, item: T, deadline: Instant) -> Option<T> {
        match self.waiting.iter_mut().find(|waiting| waiting.key == key) {
            Some(waiting) => Some(std::mem::replace(&mut waiting.item, item)),
            None => {
                self.waiting.push(Waiting { key, item, deadline });
                None
            }
        }
    }

    /// Takes the item to work on next; its key counts as busy until [`Schedule::done`].
    pub(crate) fn take(&mut self) -> Option<(u64, T)> {
        let free = |waiting: &&Waiting<T>| !self.busy.contains(&waiting.key);
        let next = self.waiting.iter().filter(free).min_by_key(|waiting| waiting.deadline)?.key;
        let index = self.waiting.iter().position(|waiting| waiting.key == next)?;
        let waiting = self.waiting.swap_remove(index);
        self.busy.push(next);
        Some((next, waiting.item))
    }

    /// The work on `key` has ended.
    pub(crate) fn done(&mut self, key: u64) {
        self.busy.retain(|busy| *busy != key);
    }

    /// Whether something of `key` waits or is worked on.
    pub(crate) fn is_busy(&self, key: u64) -> bool {
        self.busy.contains(&key) || self.waiting.iter().any(|waiting| waiting.key == key)
    }

    /// Takes back what waits for `key`.
    pub(crate) fn withdraw(&mut self, key: u64) -> Option<T> {
        let index = self.waiting.iter().position(|waiting| waiting.key == key)?;
        Some(self.waiting.swap_remove(index).item)
    }

    /// Takes back everything that waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_deadline_goes_first_and_no_key_twice_at_a_time() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut schedule = Schedule::new();
        assert_eq!(schedule.offer(1, "a", at(200)), None);
        assert_eq!(schedule.offer(2, "b", at(100)), None);
        assert_eq!(schedule.offer(2, "newer b", at(900)), Some("b"));
        assert_eq!(schedule.take(), Some((2, "newer b")), "it keeps the deadline of the older");
        assert_eq!(schedule.offer(2, "next b", at(0)), None);
        assert_eq!(schedule.take(), Some((1, "a")), "2 is being worked on");
        assert_eq!(schedule.take(), None);
        schedule.done(2);
        assert_eq!(schedule.take(), Some((2, "next b")));
        assert_eq!(schedule.len(), 0);
    }

    proptest! {
        /// Cameras of any rates on one worker that is too slow for them: each is served, and
        /// none waits longer than the worker needs for one picture of every camera, besides
        /// its own interval.
        #[test]
        fn nobody_starves(intervals in prop::collection::vec(10u64..500, 1..12), work in 5u64..60) {
            let start = Instant::now();
            let mut schedule = Schedule::new();
            let mut served = vec![0u64; intervals.len()];
            let mut last_served = vec![0u64; intervals.len()];
            let mut longest = 0;
            let mut free_at = 0;
            let mut current = None;
            for now in 0..20_000u64 {
                for (camera, interval) in intervals.iter().enumerate() {
                    if now % interval == 0 {
                        let deadline = start + Duration::from_millis(now + interval);
                        schedule.offer(camera as u64, now, deadline);
                    }
                }
                if now >= free_at {
                    if let Some(key) = current.take() {
                        schedule.done(key);
                    }
                    if let Some((key, _)) = schedule.take() {
                        let camera = key as usize;
                        longest = longest.max(now - last_served[camera]);
                        last_served[camera] = now;
                        served[camera] += 1;
                        current = Some(key);
                        free_at = now + work;
                    }
                }
            }
            prop_assert!(served.iter().all(|count| *count > 0), "{:?}", served);
            let slowest = intervals.iter().max().unwrap();
            let bound = 2 * slowest + work * (intervals.len() as u64 + 1) * 2;
            prop_assert!(longest <= bound, "{longest} > {bound}");
        }
    }
}
