//! Which pictures of a stream a consumer gets that wants N a second.

use std::time::Duration;

use omma_types::MediaTime;

/// Picks pictures on a grid of the stream's own time, so that the mean rate is right also
/// where the stream's rate is no multiple of it (5 of 7 a second, say).
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    interval: Duration,
    due: Option<MediaTime>,
}

/// Time stamps are rounded by cameras and containers: a picture this much early is on time.
const TOLERANCE: Duration = Duration::from_millis(2);

impl Pacer {
    /// A pacer that lets a picture through every `interval`; zero lets all through.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, due: None }
    }

    /// A pacer that goes on where another one was, whose next picture was `due`.
    pub(crate) fn resumed(interval: Duration, due: Option<MediaTime>) -> Self {
        Self { interval, due }
    }

    /// When the next picture is due; none before the first one.
    pub(crate) fn due(&self) -> Option<MediaTime> {
        self.due
    }

    /// Whether the picture at `media` is wanted.
    pub(crate) fn is_due(&mut self, media: MediaTime) -> bool {
        let Some(due) = self.due else {
            self.due = Some(media + self.interval);
            return true;
        };
        // A stream that starts anew runs backwards; a grid far in the future would blind us.
        let restarted = media + self.interval + self.interval < due;
        if media + TOLERANCE < due && !restarted {
            return false;
        }
        let next = due + self.interval;
        let behind = restarted || next <= media;
        self.due = Some(if behind { media + self.interval } else { next });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picked(fps_in: f64, fps_wanted: f64, secs: f64) -> usize {
        let mut pacer = Pacer::new(Duration::from_secs_f64(1.0 / fps_wanted));
        let frames = (fps_in * secs) as usize;
        let times = (0..frames).map(|i| MediaTime::from_secs_f64(i as f64 / fps_in));
        times.filter(|t| pacer.is_due(*t)).count()
    }

    #[test]
    fn the_first_picture_is_always_wanted() {
        let mut pacer = Pacer::new(Duration::from_secs(1));
        assert!(pacer.is_due(MediaTime::from_secs_f64(17.0)));
        assert!(!pacer.is_due(MediaTime::from_secs_f64(17.5)));
        assert!(pacer.is_due(MediaTime::from_secs_f64(18.0)));
    }

    #[test]
    fn a_stream_that_starts_anew_is_not_lost() {
        let mut pacer = Pacer::new(Duration::from_secs(1));
        assert!(pacer.is_due(MediaTime::from_secs_f64(1000.0)));
        assert!(pacer.is_due(MediaTime::from_secs_f64(0.0)));
        assert!(!pacer.is_due(MediaTime::from_secs_f64(0.5)));
    }

    proptest! {
        #[test]
        fn the_mean_rate_is_the_wanted_or_the_streams(
            fps_in in 2.0f64..60.0,
            fps_wanted in 1.0f64..60.0,
        ) {
            let secs = 30.0;
            let expected = fps_in.min(fps_wanted) * secs;
            let count = picked(fps_in, fps_wanted, secs) as f64;
            prop_assert!((count - expected).abs() <= 0.08 * expected + 2.0, "{count} {expected}");
        }
    }
}
