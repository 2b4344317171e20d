//! Where packets come to lie in a file. Cameras' time stamps jump, repeat and run backwards;
//! a file's may not. Pure: no clock, no FFmpeg.

use std::time::Duration;

use omma_types::MediaTime;

/// Ticks a second of pictures: what RTP, MPEG and the usual frame rates share.
pub(super) const VIDEO_SCALE: u32 = 90_000;

const SECOND: i64 = 1_000_000_000;
/// Time stamps that go back further than this were set anew; less may be pictures that are
/// decoded in another order than shown.
const BACK: i64 = SECOND;
/// A longer step forward was set anew too: a camera silent for so long counts as stalled.
const AHEAD: i64 = 10 * SECOND;
/// Where neither the stream nor what came before tells how long a picture lasts.
const USUAL: i64 = SECOND / 25;

/// A picture's place in the file, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Not negative, and greater than the one before it.
    pub(super) dts: i64,
    /// From decoding to showing.
    pub(super) cts: i32,
    /// How long it lasts, as far as known.
    pub(super) duration: u32,
}

/// The pictures' clock. The first one is shown at 0; steps in the time stamps are taken out.
#[derive(Debug, Default)]
pub(super) struct VideoTimes {
    /// What is subtracted from time stamps, in nanoseconds: at first, and now.
    first_base: i64,
    base: Option<i64>,
    /// Added to decoding times so that the first one is 0.
    shift: i64,
    /// Greatest decoding time so far, and the length of the picture after it.
    last: i64,
    step: i64,
    last_ticks: Option<i64>,
    end: i64,
}

impl VideoTimes {
    /// None for a picture shown before the first one: what it is built on is missing.
    pub(super) fn place(
        &mut self,
        pts: MediaTime,
        dts: MediaTime,
        duration: Duration,
    ) -> Option<Placed> {
        let pts = pts.as_nanos();
        let dts = dts.as_nanos();
        let is_sane = (-AHEAD..=AHEAD).contains(&pts.saturating_sub(dts));
        let dts = if is_sane { dts } else { pts };
        let given = i64::try_from(duration.as_nanos()).unwrap_or(0).min(AHEAD);
        let mut decode;
        match self.base {
            Some(base) => {
                decode = dts.saturating_sub(base);
                if decode < self.last - BACK || decode > self.last + AHEAD {
                    let goes_on = self.last + self.step.max(1);
                    self.base = Some(dts.saturating_sub(goes_on));
                    decode = goes_on;
                } else if decode > self.last {
                    self.step = decode - self.last;
                }
            }
            None => {
                (self.first_base, self.base) = (pts, Some(pts));
                decode = dts.saturating_sub(pts);
                self.shift = -decode;
                self.last = decode;
                self.step = if given > 0 { given } else { USUAL };
            }
        }
        self.last = self.last.max(decode);
        let shown = pts.saturating_sub(self.base.unwrap_or(0));
        if shown < 0 {
            return None;
        }
        let wanted = ticks(decode + self.shift, VIDEO_SCALE);
        let place = self.last_ticks.map_or(wanted.max(0), |last| wanted.max(last + 1));
        self.last_ticks = Some(place);
        // How long pictures have lasted says more than the frame rate that a camera claims.
        let lasts = if self.step > 0 { self.step } else { given };
        self.end = self.end.max(shown.saturating_add(lasts));
        let cts = ticks(shown, VIDEO_SCALE) - place;
        Some(Placed {
            dts: place,
            cts: cts.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            duration: u32::try_from(ticks(lasts, VIDEO_SCALE)).unwrap_or(0).max(1),
        })
    }

    /// Whether a picture was placed.
    pub(super) fn has_begun(&self) -> bool {
        self.base.is_some()
    }

    /// Where the last picture ends, from the start of the file.
    pub(super) fn end(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.end).unwrap_or(0))
    }
}

/// The clock of the sound beside those pictures.
#[derive(Debug)]
pub(super) struct SoundTimes {
    scale: u32,
    /// Added to time stamps, beside what the pictures' clock began with.
    correction: i64,
    /// Where the last piece ends.
    end: i64,
    last_ticks: Option<i64>,
}

impl SoundTimes {
    pub(super) fn new(scale: u32) -> Self {
        Self { scale, correction: 0, end: 0, last_ticks: None }
    }

    /// The piece's place in ticks, greater than that of the one before it; None where it lies
    /// before the first picture or on what was heard already.
    pub(super) fn place(
        &mut self,
        pts: MediaTime,
        duration: Duration,
        video: &VideoTimes,
    ) -> Option<i64> {
        let now = video.last + video.shift;
        let given = i64::try_from(duration.as_nanos()).unwrap_or(0).min(AHEAD);
        let moved = pts.as_nanos().saturating_sub(video.first_base);
        let mut at = moved.saturating_add(self.correction);
        if !(-AHEAD..=AHEAD).contains(&at.saturating_sub(now)) {
            at = self.end.max(now);
            self.correction = at.saturating_sub(moved);
        }
        if at < 0 || (self.last_ticks.is_some() && at < self.end - given / 2) {
            return None;
        }
        self.end = self.end.max(at + given);
        let wanted = ticks(at, self.scale);
        let place = self.last_ticks.map_or(wanted, |last| wanted.max(last + 1));
        self.last_ticks = Some(place);
        Some(place)
    }
}

/// Nanoseconds in ticks, to the nearest.
fn ticks(nanos: i64, scale: u32) -> i64 {
    let second = i128::from(SECOND);
    let scaled = i128::from(nanos) * i128::from(scale) + second / 2;
    i64::try_from(scaled.div_euclid(second)).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> MediaTime {
        MediaTime::from_nanos(millis * 1_000_000)
    }

    const FRAME: Duration = Duration::from_millis(40);

    /// Shown times in milliseconds.
    fn shown(times: &mut VideoTimes, stamps: &[(i64, i64)]) -> Vec<Option<i64>> {
        let mut place = |&(pts, dts): &(i64, i64)| times.place(at(pts), at(dts), FRAME);
        let shown = |placed: Placed| (placed.dts + i64::from(placed.cts)) / 90;
        stamps.iter().map(|stamp| place(stamp).map(shown)).collect()
    }

    #[test]
    fn the_first_picture_is_at_zero_and_b_frames_keep_their_order() {
        let mut times = VideoTimes::default();
        let stamps = [(5080, 5000), (5200, 5040), (5120, 5080), (5160, 5120), (5240, 5160)];
        let shown = shown(&mut times, &stamps);
        assert_eq!(shown, [Some(0), Some(120), Some(40), Some(80), Some(160)]);
        assert_eq!(times.end(), Duration::from_millis(200));
        assert_eq!(times.last_ticks, Some(160 * 90));
    }

    #[test]
    fn b_frames_without_times_of_decoding_are_still_shown_when_they_should() {
        let mut times = VideoTimes::default();
        let stamps = [(0, 0), (120, 120), (40, 40), (80, 80), (240, 240), (160, 160)];
        let shown = shown(&mut times, &stamps);
        let expected = [0, 120, 40, 80, 240, 160];
        assert_eq!(shown, expected.map(Some));
    }

    #[test]
    fn pictures_before_the_first_keyframe_are_left_out() {
        let mut times = VideoTimes::default();
        let stamps = [(1080, 1000), (1000, 1040), (1040, 1080), (1120, 1120)];
        assert_eq!(shown(&mut times, &stamps), [Some(0), None, None, Some(40)]);
    }

    #[test]
    fn steps_of_the_cameras_clock_are_taken_out() {
        let mut times = VideoTimes::default();
        let same = |millis| (millis, millis);
        let stamps = [0, 40, 80, 3_600_000, 3_600_040, 10, 50].map(same);
        let expected = [0, 40, 80, 120, 160, 200, 240];
        assert_eq!(shown(&mut times, &stamps), expected.map(Some));
        // A pause that is no step stays.
        assert_eq!(shown(&mut times, &[same(4050)]), [Some(4240)]);
    }

    #[test]
    fn sound_stays_with_the_pictures_and_never_overlaps() {
        let (mut video, mut sound) = (VideoTimes::default(), SoundTimes::new(1000));
        video.place(at(500), at(500), FRAME);
        let mut place =
            |millis, video: &VideoTimes| sound.place(at(millis), Duration::from_millis(20), video);
        assert_eq!(place(480, &video), None, "before the first picture");
        assert_eq!(place(510, &video), Some(10));
        assert_eq!(place(530, &video), Some(30));
        assert_eq!(place(515, &video), None, "heard already");
        assert_eq!(place(549, &video), Some(49), "a little early");
        assert_eq!(place(2000, &video), Some(1500), "a pause");
        // The camera's clock jumps, first for the pictures, then for the sound.
        video.place(at(2000), at(2000), FRAME);
        video.place(at(90_000), at(90_000), FRAME);
        assert_eq!(place(90_010, &video), Some(3000), "goes on with the pictures");
        assert_eq!(place(90_030, &video), Some(3020));
    }

    proptest! {
        #[test]
        fn whatever_a_camera_says_decoding_times_rise(
            stamps in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 1..60),
            small in any::<bool>(),
        ) {
            let (mut times, mut sound) = (VideoTimes::default(), SoundTimes::new(8000));
            let (mut last, mut last_sound) = (-1, -1);
            let limit = if small { 100_000_000 } else { i64::MAX };
            for (pts, dts, duration) in stamps {
                let (pts, dts) = (MediaTime::from_nanos(pts % limit), MediaTime::from_nanos(dts % limit));
                let duration = Duration::from_nanos(duration);
                if let Some(placed) = times.place(pts, dts, duration) {
                    prop_assert!(placed.dts > last);
                    prop_assert!(placed.dts + i64::from(placed.cts) >= 0);
                    // No sample lasts longer than a 32-bit number can tell.
                    prop_assert!(last < 0 || placed.dts - last <= i64::from(u32::MAX / 2));
                    last = placed.dts;
                }
                if let Some(place) = sound.place(dts, duration, &times) {
                    prop_assert!(place > last_sound);
                    last_sound = place;
                }
            }
        }
    }
}
