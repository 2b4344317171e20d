//! The newest pictures of a camera, and which of them a client gets next. Pure: time is an
//! argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pictures kept. Each holds a buffer of the decoder's, and its pixels once somebody took it.
const KEPT: usize = 4;

/// A client that keeps up gets every picture in order as long as it is not older than this;
/// pictures of bursts are not lost.
const FRESH: Duration = Duration::from_secs(1);

/// A picture on the shelf.
pub(super) trait Shelved {
    /// Its place in the order of coming, rising by one.
    fn number(&self) -> u64;
    /// Whether decoding could start at it.
    fn is_keyframe(&self) -> bool;
    /// When it came.
    fn came(&self) -> Instant;
}

/// The newest pictures, oldest first, and the newest keyframe.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    recent: VecDeque<T>,
    keyframe: Option<T>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { recent: VecDeque::with_capacity(KEPT), keyframe: None }
    }
}

impl<T: Shelved + Clone> Shelf<T> {
    /// Adds the newest picture.
    pub(super) fn put(&mut self, picture: T) {
        if picture.is_keyframe() {
            self.keyframe = Some(picture.clone());
        }
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(picture);
    }

    /// Forgets all pictures.
    pub(super) fn clear(&mut self) {
        self.recent.clear();
        self.keyframe = None;
    }

    /// The next picture for a client that was given `last` before: the newest one; the one
    /// after `last` if the client keeps up. None where all were given to it.
    pub(super) fn next(&self, last: Option<u64>, keyframes_only: bool, now: Instant) -> Option<T> {
        let is_new = |picture: &&T| {
            last.is_none_or(|last| picture.number() > last)
                && (!keyframes_only || picture.is_keyframe())
        };
        let keeps_up = last.is_some_and(|last| {
            self.recent.front().is_some_and(|oldest| oldest.number() <= last + 1)
        });
        let fresh = |picture: &&T| now.saturating_duration_since(picture.came()) <= FRESH;
        let in_order = || self.recent.iter().filter(is_new).find(fresh);
        let newest = || self.recent.iter().rev().find(is_new);
        let keyframe = || self.keyframe.as_ref().filter(is_new);
        let next = if keeps_up { in_order().or_else(newest) } else { newest() };
        next.or_else(keyframe).cloned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Card(u64, bool, Instant);

    impl Shelved for Card {
        fn number(&self) -> u64 {
            self.0
        }
        fn is_keyframe(&self) -> bool {
            self.1
        }
        fn came(&self) -> Instant {
            self.2
        }
    }

    /// Pictures 1 to `count`, 40 ms apart, every fifth a keyframe from the first on.
    fn shelf(start: Instant, count: u64) -> Shelf<Card> {
        let mut shelf = Shelf::default();
        for number in 1..=count {
            let came = start + Duration::from_millis(40) * number as u32;
            shelf.put(Card(number, number % 5 == 1, came));
        }
        shelf
    }

    fn number(card: Option<Card>) -> Option<u64> {
        card.map(|card| card.0)
    }

    #[test]
    fn a_new_client_gets_the_newest_and_one_that_keeps_up_gets_all() {
        let start = Instant::now();
        let shelf = shelf(start, 8);
        let now = start + Duration::from_millis(40 * 8);
        assert_eq!(number(shelf.next(None, false, now)), Some(8));
        assert_eq!(number(shelf.next(Some(8), false, now)), None);
        assert_eq!(number(shelf.next(Some(4), false, now)), Some(5), "the one after the last");
        assert_eq!(number(shelf.next(Some(6), false, now)), Some(7));
        assert_eq!(number(shelf.next(Some(2), false, now)), Some(8), "too far behind");
        let later = now + FRESH - Duration::from_millis(60);
        assert_eq!(number(shelf.next(Some(5), false, later)), Some(7), "6 is no longer fresh");
        assert_eq!(number(shelf.next(Some(5), false, now + FRESH * 9)), Some(8));
    }

    #[test]
    fn keyframes_stay_until_the_next_one() {
        let start = Instant::now();
        let shelf = shelf(start, 10);
        let now = start + Duration::from_millis(400);
        assert_eq!(number(shelf.next(None, true, now)), Some(6));
        assert_eq!(number(shelf.next(Some(1), true, now)), Some(6));
        assert_eq!(number(shelf.next(Some(6), true, now)), None);
        assert_eq!(number(shelf.next(Some(6), false, now)), Some(7));
    }

    proptest! {
        /// However a client asks: it gets no picture twice, none out of order, and no other
        /// than it asked for; one that asks after every picture gets all.
        #[test]
        fn no_picture_comes_twice(steps in prop::collection::vec((0u64..7, any::<bool>()), 1..60)) {
            let start = Instant::now();
            let (mut shelf, mut last, mut came) = (Shelf::default(), None, 0);
            for (arrivals, keyframes_only) in steps {
                for _ in 0..arrivals {
                    came += 1;
                    shelf.put(Card(came, came % 3 == 1, start + Duration::from_millis(came)));
                }
                let now = start + Duration::from_millis(came);
                if let Some(card) = shelf.next(last, keyframes_only, now) {
                    prop_assert!(last.is_none_or(|last| card.0 > last));
                    prop_assert!(!keyframes_only || card.1);
                    if arrivals == 1 && !keyframes_only && last == Some(came - 1) {
                        prop_assert_eq!(card.0, came);
                    }
                    last = Some(card.0);
                } else if !keyframes_only {
                    prop_assert!(came == 0 || last == Some(came));
                }
            }
        }
    }
}
