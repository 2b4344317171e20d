//! Telling messages that were written twice, because an answer was lost on its way.
//!
//! Every writer has a name and numbers what it writes into one place. A writer that is not
//! sure repeats everything from the first doubtful message on, with the same numbers: whatever
//! is not above the highest number seen of this writer was there before.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writers that are remembered.
const WRITERS: usize = 64;

/// Names a writer, so that no two of them have the same name.
pub(super) fn writer() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(NEXT.fetch_add(1, Ordering::Relaxed));
    hasher.write_u32(std::process::id());
    let random = hasher.finish();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{random:016x}{:x}", now.unwrap_or_default().as_micros())
}

/// The highest number of each of the newest writers.
#[derive(Default)]
pub(super) struct Once(VecDeque<(Box<str>, u64)>);

impl Once {
    /// Whether the message with this mark (`writer:number`) is new. Messages without a mark,
    /// or with a foreign one, are.
    pub(super) fn is_new(&mut self, mark: &[u8]) -> bool {
        let Some((writer, number)) =
            std::str::from_utf8(mark).ok().and_then(|mark| mark.rsplit_once(':'))
        else {
            return true;
        };
        let Ok(number) = number.parse::<u64>() else { return true };
        if let Some((_, highest)) = self.0.iter_mut().find(|(known, _)| **known == *writer) {
            let new = number > *highest;
            *highest = number.max(*highest);
            return new;
        }
        if self.0.len() >= WRITERS {
            self.0.pop_front();
        }
        self.0.push_back((writer.into(), number));
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However often a tail is repeated, each number comes out once and in order.
        #[test]
        fn repeated_tails_are_left_out(
            total in 1u64..40,
            repeats in proptest::collection::vec((1u64..40, 0u64..40), 0..8),
        ) {
            let mut written: Vec<u64> = (1..=total).collect();
            for (at, back) in repeats {
                // After number `at` the writer is unsure and begins again `back` before it.
                if let Some(place) = written.iter().position(|n| *n == at) {
                    let from = at.saturating_sub(back).max(1);
                    let again: Vec<u64> = (from..=at).collect();
                    written.splice(place + 1..place + 1, again);
                }
            }
            let mut once = Once::default();
            let read: Vec<u64> =
                written.into_iter().filter(|n| once.is_new(format!("w:{n}").as_bytes())).collect();
            prop_assert_eq!(read, (1..=total).collect::<Vec<_>>());
        }

        #[test]
        fn foreign_marks_are_new(mark in proptest::collection::vec(any::<u8>(), 0..30)) {
            let mut once = Once::default();
            prop_assert!(once.is_new(&mark));
        }
    }

    #[test]
    fn writers_differ_and_few_are_remembered() {
        assert_ne!(writer(), writer());
        let mut once = Once::default();
        for i in 0..1000 {
            assert!(once.is_new(format!("{i}:1").as_bytes()));
        }
        assert!(once.0.len() <= WRITERS);
    }
}
