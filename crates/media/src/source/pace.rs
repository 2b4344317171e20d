//! Letting a file's packets come when a camera would have sent them.

use std::time::{Duration, Instant};

use omma_types::MediaTime;

/// When to stop catching up: behind by more than this, the present becomes the new zero.
const LATE: Duration = Duration::from_secs(1);
/// A gap in the time stamps longer than this is not waited out: it is a cut, not a pause.
const GAP: Duration = Duration::from_secs(10);

/// Maps the stream's clock to ours. Pure: time is an argument.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    anchor: Option<(Instant, MediaTime)>,
}

impl Pacer {
    /// When the packet with this time is due; never before `now` by more than [`LATE`], never
    /// after it by more than [`GAP`].
    pub(super) fn due(&mut self, at: MediaTime, now: Instant) -> Instant {
        if let Some((start, zero)) = self.anchor {
            let due = start + at.since(zero);
            let in_range = at >= zero
                && due.saturating_duration_since(now) <= GAP
                && now.saturating_duration_since(due) <= LATE;
            if in_range {
                return due;
            }
        }
        self.anchor = Some((now, at));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> MediaTime {
        MediaTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn packets_are_due_at_their_distance_from_the_first() {
        let (mut pacer, start) = (Pacer::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(pacer.due(at(500), start), start);
        assert_eq!(pacer.due(at(540), after(3)), after(40));
        assert_eq!(pacer.due(at(580), after(100)), after(80), "a little late: catch up");
        assert_eq!(pacer.due(at(620), after(5000)), after(5000), "very late: start again");
        assert_eq!(pacer.due(at(660), after(5001)), after(5040));
        assert_eq!(pacer.due(at(0), after(5050)), after(5050), "time went back");
        assert_eq!(pacer.due(at(60_000), after(5060)), after(5060), "a cut");
    }

    proptest! {
        #[test]
        fn nothing_waits_longer_than_the_gap(times in prop::collection::vec(any::<i32>(), 1..50)) {
            let (mut pacer, now) = (Pacer::default(), Instant::now());
            for time in times {
                let due = pacer.due(at(i64::from(time)), now);
                prop_assert!(due.saturating_duration_since(now) <= GAP);
            }
        }
    }
}
