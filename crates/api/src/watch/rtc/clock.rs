//! The clock of what one viewer is sent. It only goes on, whatever the camera's does, and makes
//! nothing of the group of pictures that a viewer begins with: those are over, and are there to
//! be decoded, not to be watched. Pure: no clock of its own.

use omma_types::MediaTime;

/// Ticks a second (RFC 6184, 8.2.1, and all other forms of video).
const TICKS: i64 = 90_000;

/// Between pictures that are over already: browsers show at most the last of them.
const SHORT: i64 = TICKS / 1000;

/// A step of the camera's clock that is none of its pictures' distance, in ticks: back, ahead.
const JUMP: (i64, i64) = (-TICKS, 10 * TICKS);

/// Between pictures of which it is not known: of a camera that was opened anew.
const USUAL: i64 = TICKS / 25;

/// Follows one viewer.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// What is added to the camera's time; none in front of the first packet.
    offset: Option<i64>,
    /// The camera's time of the last packet, and what was made of it.
    last: Option<(i64, i64)>,
    /// Whether the last one was over.
    was_over: bool,
}

impl Clock {
    /// The camera was opened anew: its time has nothing to do with that before.
    pub(super) fn begin_anew(&mut self) {
        self.offset = None;
    }

    /// The time of a picture of the camera's time `pts`, which is over already or is live, in
    /// ticks. Rises where `pts` does.
    pub(super) fn picture(&mut self, pts: MediaTime, is_over: bool) -> u64 {
        let camera = ticks(pts);
        let offset = match (self.offset, self.last) {
            (_, None) => -camera,
            (None, Some((_, sent))) => sent + USUAL - camera,
            (Some(offset), Some((last, sent))) => {
                let step = camera - last;
                let jumps = !(JUMP.0..=JUMP.1).contains(&step);
                if is_over || self.was_over {
                    sent + SHORT - camera
                } else if jumps {
                    sent + USUAL - camera
                } else {
                    offset
                }
            }
        };
        let sent = (camera + offset).max(0);
        (self.offset, self.last, self.was_over) = (Some(offset), Some((camera, sent)), is_over);
        u64::try_from(sent).unwrap_or(0)
    }

    /// The time of sound of the camera's time `pts` in so many ticks a second; none in front of
    /// the first picture, whose clock it shares.
    pub(super) fn sound(&self, pts: MediaTime, rate: i64) -> Option<u64> {
        let offset = self.offset.filter(|_| !self.was_over)?;
        let nanos = i128::from(pts.as_nanos()) + i128::from(offset) * 1_000_000_000 / 90_000;
        u64::try_from(nanos * i128::from(rate) / 1_000_000_000).ok()
    }
}

fn ticks(time: MediaTime) -> i64 {
    i64::try_from(i128::from(time.as_nanos()) * i128::from(TICKS) / 1_000_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: i64) -> MediaTime {
        MediaTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn live_pictures_keep_their_distance() {
        let mut clock = Clock::default();
        let times: Vec<_> = [5_000, 5_040, 5_120].map(|at| clock.picture(ms(at), false)).into();
        assert_eq!(times, [0, 3_600, 10_800]);
        assert_eq!(clock.sound(ms(5_120), 48_000), Some(5_760));
    }

    #[test]
    fn what_is_over_takes_no_time() {
        let mut clock = Clock::default();
        let over: Vec<_> = (0..50).map(|n| clock.picture(ms(n * 40), true)).collect();
        assert_eq!(over[49], 49 * 90);
        assert_eq!(clock.sound(ms(1_960), 48_000), None);
        assert_eq!(clock.picture(ms(2_000), false), 50 * 90);
        assert_eq!(clock.picture(ms(2_040), false), 50 * 90 + 3_600);
    }

    #[test]
    fn a_camera_whose_clock_begins_anew_goes_on_for_the_viewer() {
        let mut clock = Clock::default();
        assert_eq!(clock.picture(ms(90_000), false), 0);
        clock.begin_anew();
        assert_eq!(clock.picture(ms(0), false), 3_600);
        assert_eq!(clock.picture(ms(40), false), 7_200);
        assert_eq!(clock.picture(ms(60_000), false), 10_800, "it jumps without a word");
    }

    proptest! {
        /// Whatever a camera's clock does, no picture is older than the one before it unless the
        /// camera itself says so.
        #[test]
        fn the_clock_goes_on(
            steps in prop::collection::vec((0i64..100_000, any::<bool>(), any::<bool>()), 1..60)
        ) {
            let (mut clock, mut at, mut last) = (Clock::default(), 0, None);
            for (step, is_over, anew) in steps {
                at = if anew { step } else { at + step + 1 };
                if anew {
                    clock.begin_anew();
                }
                let sent = clock.picture(ms(at), is_over);
                prop_assert!(last.is_none_or(|last| sent > last), "{last:?} {sent}");
                last = Some(sent);
            }
        }
    }
}
