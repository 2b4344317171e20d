//! Whether a packet is still news to a viewer. Live video is worth nothing late: who falls
//! behind goes on at a newer keyframe. Pure: no clock.

use std::time::{Duration, Instant};

/// What a viewer may be behind.
const LATE: Duration = Duration::from_secs(2);

/// Follows one viewer.
#[derive(Debug)]
pub(super) struct Freshness {
    /// Packets from before were given to begin with; they are not late because of that.
    begun: Instant,
    waits_for_keyframe: bool,
}

impl Freshness {
    pub(super) fn new(begun: Instant) -> Self {
        Self { begun, waits_for_keyframe: false }
    }

    /// Whether a packet that arrived at `arrival` goes to the viewer at `now`.
    pub(super) fn takes(&mut self, keyframe: bool, arrival: Instant, now: Instant) -> bool {
        let is_late = now.saturating_duration_since(arrival.max(self.begun)) > LATE;
        self.waits_for_keyframe = is_late || (self.waits_for_keyframe && !keyframe);
        !self.waits_for_keyframe
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_a_viewer_begins_with_is_not_late() {
        let begun = Instant::now() + ms(60_000);
        let mut fresh = Freshness::new(begun);
        let long_ago = begun - ms(30_000);
        assert!(fresh.takes(true, long_ago, begun + ms(100)));
        assert!(fresh.takes(false, long_ago + ms(40), begun + ms(1_900)));
        assert!(!fresh.takes(false, long_ago + ms(80), begun + ms(2_100)), "two seconds are over");
    }

    #[test]
    fn who_is_late_goes_on_at_a_keyframe_in_time() {
        let begun = Instant::now();
        let mut fresh = Freshness::new(begun);
        let at = |millis| begun + ms(millis);
        assert!(fresh.takes(false, at(1_000), at(3_000)));
        assert!(!fresh.takes(false, at(1_000), at(3_001)));
        assert!(!fresh.takes(false, at(3_000), at(3_001)), "builds on what was left out");
        assert!(!fresh.takes(true, at(1_000), at(3_002)), "a keyframe, but late as well");
        assert!(fresh.takes(true, at(3_000), at(3_002)));
        assert!(fresh.takes(false, at(3_040), at(3_050)));
    }

    proptest! {
        /// Nothing that is taken is late, and nothing follows a gap but a keyframe.
        #[test]
        fn pictures_are_fresh_and_whole(
            packets in prop::collection::vec((any::<bool>(), 0u64..200, 0u64..3_000), 1..60)
        ) {
            let begun = Instant::now();
            let mut fresh = Freshness::new(begun);
            let (mut arrival, mut now, mut gap) = (begun, begun, false);
            for (keyframe, step, delay) in packets {
                arrival += ms(step);
                now = now.max(arrival + ms(delay));
                let taken = fresh.takes(keyframe, arrival, now);
                prop_assert!(!taken || now - arrival <= LATE);
                prop_assert!(!(taken && gap && !keyframe));
                gap = !taken;
            }
        }
    }
}
