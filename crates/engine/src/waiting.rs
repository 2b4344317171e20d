//! Pictures that somebody else looks at: they wait here for their answers, which may come in
//! any order, late or never, and leave in the order in which they were taken. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use omma_types::Detection;

/// Pictures of one camera that wait, at most: a decoder's buffers are not without end.
const MOST: usize = 16;

/// So many may wait before it is known how fast the programs are.
const AT_FIRST: usize = 4;

/// An answer is waited for so long; then the picture is left out, and those behind it go on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever answers faster may be asked more at the same time.
const FAST: Duration = Duration::from_millis(500);

/// Whoever is slower is asked less. Else a program that is a little too slow would fall behind
/// until all its answers came too late, and nothing at all would be found.
const SLOW: Duration = Duration::from_secs(1);

/// What of one camera waits for answers.
pub(crate) struct Waiting<T> {
    last: u64,
    /// So many may wait now.
    room: usize,
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
        Self { last: 0, room: AT_FIRST, items: VecDeque::new() }
    }

    /// Lets `what` wait and answers the number of the request; none where the programs have
    /// enough to do.
    pub(crate) fn ask(&mut self, what: T, now: Instant) -> Option<u64> {
        if !self.has_room() {
            return None;
        }
        self.last += 1;
        let request = self.last;
        self.items.push_back(Item { request, asked: now, what, answer: None, given_up: false });
        Some(request)
    }

    /// Notes an answer; false where nothing waits for it (any more).
    pub(crate) fn answer(
        &mut self,
        request: u64,
        detections: Vec<Detection>,
        now: Instant,
    ) -> bool {
        let item = self.items.iter_mut().find(|item| item.request == request);
        let Some(item) = item.filter(|item| item.answer.is_none()) else { return false };
        item.answer = Some(detections);
        let took = now.saturating_duration_since(item.asked);
        if took < FAST {
            self.room = MOST.min(self.room + 1);
        } else if took > SLOW {
            self.room = 1.max(self.room - 1);
        }
        true
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
        if first.answer.is_none() && !first.given_up {
            if !too_late {
                return None;
            }
            self.room = 1.max(self.room / 2);
        }
        self.items.pop_front().map(|item| (item.what, item.answer))
    }

    /// Whether one more may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.items.len() < self.room
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
        let first = waiting.ask('a', now).expect("room");
        let second = waiting.ask('b', now).expect("room");
        assert!(waiting.answer(second, Vec::new(), now));
        assert!(waiting.pop(now).is_none());
        assert!(waiting.answer(first, Vec::new(), now));
        assert!(!waiting.answer(first, Vec::new(), now), "answered before");
        assert_eq!(waiting.pop(now).map(|(what, _)| what), Some('a'));
        assert_eq!(waiting.pop(now).map(|(what, _)| what), Some('b'));
        assert!(waiting.pop(now).is_none());
    }

    #[test]
    fn a_program_that_could_not_look_has_not_found_nothing() {
        let (mut waiting, now) = (Waiting::new(), Instant::now());
        let first = waiting.ask('a', now).expect("room");
        waiting.give_up(first);
        waiting.give_up(first + 1);
        assert!(matches!(waiting.pop(now), Some(('a', None))));
        assert!(waiting.pop(now).is_none());
    }

    #[test]
    fn a_program_that_died_holds_up_nobody() {
        let (mut waiting, now) = (Waiting::new(), Instant::now());
        waiting.ask('a', now);
        let second = waiting.ask('b', now + PATIENCE / 2).expect("room");
        waiting.answer(second, Vec::new(), now + PATIENCE / 2);
        assert!(waiting.pop(now + PATIENCE / 2).is_none());
        assert!(matches!(waiting.pop(now + PATIENCE), Some(('a', None))));
        assert!(matches!(waiting.pop(now + PATIENCE), Some(('b', Some(_)))));
    }

    /// Asks `fps` times a second for a minute; a program answers one question after the other,
    /// in `takes` each. Answers how many it was asked, and how many of its answers were in time.
    fn with_a_program(fps: u32, takes: Duration) -> (u64, u64) {
        let (mut waiting, start) = (Waiting::new(), Instant::now());
        let (mut queue, mut busy) = (VecDeque::new(), None);
        let (mut asked, mut in_time) = (0, 0);
        for n in 0..60 * fps {
            let now = start + Duration::from_secs(1) / fps * n;
            while let Some((request, done)) = busy
                && done <= now
            {
                in_time += u64::from(waiting.answer(request, Vec::new(), done));
                busy = queue.pop_front().map(|request| (request, done + takes));
            }
            while waiting.pop(now).is_some() {}
            if let Some(request) = waiting.ask((), now) {
                queue.push_back(request);
                asked += 1;
            }
            busy = busy.or_else(|| queue.pop_front().map(|request| (request, now + takes)));
        }
        (asked, in_time)
    }

    #[test]
    fn a_program_that_is_too_slow_is_asked_what_it_can_do() {
        let (asked, in_time) = with_a_program(10, Duration::from_millis(400));
        assert!(in_time > 130 && asked - in_time < 10, "{in_time} of {asked}, at most 150");
        let (asked, in_time) = with_a_program(10, Duration::from_millis(50));
        assert!(in_time > 590, "{in_time} of {asked}: it is fast enough");
        let (asked, in_time) = with_a_program(10, Duration::from_secs(300));
        assert!(in_time == 0 && asked < 40, "{asked} pictures for a program that sleeps");
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
                    0 => if let Some(number) = waiting.ask(asked + 1, now) {
                        asked += 1;
                        prop_assert_eq!(number, asked);
                    },
                    1 => drop(waiting.answer(request, Vec::new(), now)),
                    _ => while let Some((what, _)) = waiting.pop(now) {
                        prop_assert!(what > last);
                        (last, left) = (what, left + 1);
                    },
                }
                prop_assert!(waiting.items.len() <= MOST);
                prop_assert!((1..=MOST).contains(&waiting.room));
            }
            now += PATIENCE;
            while waiting.pop(now).is_some() {
                left += 1;
            }
            prop_assert_eq!(asked, left);
        }
    }
}
