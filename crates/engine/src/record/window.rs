//! When footage is kept in mode `events`. Pure; the times are those at which events and
//! packets arrived here, so that a clock that is set changes nothing.
//!
//! A window opens with an event and reaches `before` into the past, which the ring still
//! holds. It closes `after` the last event, but what comes then is held back for a while: the
//! past of the next event may reach into it, and then the same file goes on without a gap.

use std::time::{Duration, Instant};

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It belongs to an event.
    Keep,
    /// Perhaps the past of an event to come.
    Hold,
    /// No event to come can reach back to what is held: the window is over.
    Over,
}

/// The windows of one camera's events.
#[derive(Debug)]
pub(super) struct EventWindow {
    before: Duration,
    after: Duration,
    until: Option<Instant>,
}

impl EventWindow {
    pub(super) fn new(before: Duration, after: Duration) -> Self {
        Self { before, after, until: None }
    }

    /// Something happened at `at`. True where this opens a window.
    pub(super) fn event(&mut self, at: Instant) -> bool {
        let opens = self.until.is_none();
        let until = at + self.after;
        self.until = Some(self.until.map_or(until, |old| old.max(until)));
        opens
    }

    /// Whether a window is open.
    pub(super) fn is_open(&self) -> bool {
        self.until.is_some()
    }

    /// What to do with a packet that arrived at `arrival`. `group` is the length of the
    /// camera's groups of pictures: the past begins at a keyframe, so it reaches so much
    /// further.
    pub(super) fn wants(&self, arrival: Instant, group: Duration) -> Wanted {
        match self.until {
            None => Wanted::Over,
            Some(until) if arrival <= until => Wanted::Keep,
            Some(until) if arrival <= until + self.before + group => Wanted::Hold,
            Some(_) => Wanted::Over,
        }
    }

    /// Closes the window.
    pub(super) fn close(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn overlapping_events_make_one_window() {
        let t0 = Instant::now();
        let at = |secs: u32| t0 + SECOND * secs;
        let mut window = EventWindow::new(SECOND * 5, SECOND * 10);
        assert_eq!(window.wants(at(0), SECOND), Wanted::Over);
        assert!(window.event(at(10)));
        assert!(!window.event(at(15)));
        assert_eq!(window.wants(at(5), SECOND), Wanted::Keep);
        assert_eq!(window.wants(at(25), SECOND), Wanted::Keep);
        assert_eq!(window.wants(at(26), SECOND), Wanted::Hold);
        assert_eq!(window.wants(at(31), SECOND), Wanted::Hold);
        // Its past reaches into what is held.
        assert!(!window.event(at(30)));
        assert_eq!(window.wants(at(31), SECOND), Wanted::Keep);
        assert_eq!(window.wants(at(47), SECOND), Wanted::Over);
        window.close();
        assert!(window.event(at(60)));
    }

    proptest! {
        #[test]
        fn every_event_has_its_before_and_after(
            events in prop::collection::vec(0u64..300, 1..12),
            before in 0u64..10,
            after in 0u64..10,
        ) {
            let t0 = Instant::now() + SECOND * 100;
            let mut events = events;
            events.sort_unstable();
            let mut window = EventWindow::new(SECOND * before as u32, SECOND * after as u32);
            let (mut kept, mut held, mut next) = (vec![false; 400], Vec::new(), 0);
            for second in 0..400u64 {
                let arrival = t0 + Duration::from_secs(second);
                while events.get(next).is_some_and(|&event| event == second) {
                    if window.event(arrival) {
                        // From the ring.
                        for past in second.saturating_sub(before)..second {
                            kept[past as usize] = true;
                        }
                    }
                    next += 1;
                }
                match window.wants(arrival, Duration::ZERO) {
                    Wanted::Keep => {
                        for past in held.drain(..) {
                            kept[past] = true;
                        }
                        kept[second as usize] = true;
                    }
                    Wanted::Hold => held.push(second as usize),
                    Wanted::Over => {
                        held.clear();
                        window.close();
                    }
                }
            }
            for &event in &events {
                for second in event.saturating_sub(before)..=event + after {
                    prop_assert!(kept[second as usize], "{second} of event {event}");
                }
            }
        }
    }
}
