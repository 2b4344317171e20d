//! Pictures that somebody else looks at: they wait here for their answers, which may come in
//! any order, late or never, and leave in the order in which they were taken. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use omma_types::Detection;

/// Pictures of one camera that wait, at most: a decoder's buffers are not without end.
const MOST: usize = 16;

/// An answer is waited for so long; then the picture is left out, and those behind it go on.
const PATIENCE: Duration = Duration::from_secs(2);

/// What of one camera waits for answers.
pub(crate) struct Waiting<T> {
    last: u64,
    items: VecDeque<Item<T>>,
}

struct Item<T> {
    request: u64,
    asked: Instant,
    what: T,
    answer: Option<Vec<Detection>>,
    /// No answer will come.
    given_up: bool,
}

impl<T> Waiting<T> {
    pub(crate) fn new() -> Self {
        Self { last: 0, items: VecDeque::new() }
    }

    /// Lets `what` wait. Answers the number of the request, and what had to leave for it
    /// without an answer.
    pub(crate) fn ask(&mut self, what: T, now: Instant) -> (u64, Option<T>) {
        self.last += 1;
        let left_out = if self.items.len() >= MOST { self.items.pop_front() } else { None };
        let request = self.last;
        self.items.push_back(Item { request, asked: now, what, answer: None, given_up: false });
        (self.last, left_out.map(|item| item.what))
    }

    /// Notes an answer; false where nothing waits for it (any more).
    pub(crate) fn answer(&mut self, request: u64, detections: Vec<Detection>) -> bool {
        let item = self.items.iter_mut().find(|item| item.request == request);
        match item {
            Some(item) if item.answer.is_none() => {
                item.answer = Some(detections);
                true
            }
            _ => false,
        }
    }

    /// Notes that whoever was asked can't say what is there, which is not the same as that there
    /// is nothing.
    pub(crate) fn give_up(&mut self, request: u64) {
        if let Some(item) = self.items.iter_mut().find(|item| item.request == request) {
            item.given_up = true;
        }
    }

    /// The next one in order whose turn it is: with its answer, or without one where that was
    /// waited for too long or will not come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<(T, Option<Vec<Detection>>)> {
        let first = self.items.front()?;
        let too_late = now.saturating_duration_since(first.asked) >= PATIENCE;
        if first.answer.is_none() && !first.given_up && !too_late {
            return None;
        }
        self.items.pop_front().map(|item| (item.what, item.answer))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Forgets all: their camera's stream began anew.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_leave_in_the_order_of_the_questions() {
        let (mut waiting, now) = (Waiting::new(), Instant::now());
        let (first, _) = waiting.ask('a', now);
        let (second, _) = waiting.ask('b', now);
        assert!(waiting.answer(second, Vec::new()));
        assert!(waiting.pop(now).is_none());
        assert!(waiting.answer(first, Vec::new()));
        assert!(!waiting.answer(first, Vec::new()), "answered before");
        assert_eq!(waiting.pop(now).map(|(what, _)| what), Some('a'));
        assert_eq!(waiting.pop(now).map(|(what, _)| what), Some('b'));
        assert!(waiting.pop(now).is_none());
    }

    #[test]
    fn a_program_that_could_not_look_has_not_found_nothing() {
        let (mut waiting, now) = (Waiting::new(), Instant::now());
        let (first, _) = waiting.ask('a', now);
        waiting.give_up(first);
        waiting.give_up(first + 1);
        assert_eq!(waiting.pop(now), Some(('a', None)));
    }

    #[test]
    fn a_program_that_died_holds_up_nobody() {
        let (mut waiting, now) = (Waiting::new(), Instant::now());
        waiting.ask('a', now);
        let (second, _) = waiting.ask('b', now + PATIENCE / 2);
        waiting.answer(second, Vec::new());
        assert!(waiting.pop(now + PATIENCE / 2).is_none());
        assert!(matches!(waiting.pop(now + PATIENCE), Some(('a', None))));
        assert!(matches!(waiting.pop(now + PATIENCE), Some(('b', Some(_)))));
    }

    proptest! {
        #[test]
        fn everything_leaves_once_and_in_order(
            steps in proptest::collection::vec((0u8..3, 0u64..40, 0u64..800), 1..200),
        ) {
            let start = Instant::now();
            let (mut waiting, mut now) = (Waiting::new(), start);
            let (mut asked, mut left, mut last) = (0u64, 0u64, 0u64);
            for (step, request, millis) in steps {
                now += Duration::from_millis(millis);
                match step {
                    0 => {
                        asked += 1;
                        let (number, dropped) = waiting.ask(asked, now);
                        prop_assert_eq!(number, asked);
                        if let Some(dropped) = dropped {
                            prop_assert!(dropped > last);
                            (last, left) = (dropped, left + 1);
                        }
                    }
                    1 => drop(waiting.answer(request, Vec::new())),
                    _ => while let Some((what, _)) = waiting.pop(now) {
                        prop_assert!(what > last);
                        (last, left) = (what, left + 1);
                    },
                }
                prop_assert!(waiting.items.len() <= MOST);
            }
            now += PATIENCE;
            while waiting.pop(now).is_some() {
                left += 1;
            }
            prop_assert_eq!(asked, left);
        }
    }
}
