//! Where packets come to lie in a file. Cameras' time stamps jump, repeat and run backwards;
//! a file's may not. Pure: no clock, no FFmpeg.

use std::time::Duration;

use omma_types::MediaTime;

/// Ticks a second of pictures: what RTP, MPEG and the usual frame rates share.
pub(crate) const VIDEO_SCALE: u32 = 90_000;

const SECOND: i64 = 1_000_000_000;
/// Time stamps that go back further than this were set anew; less may be pictures that are
/// decoded in another order than shown.
const BACK: i64 = SECOND;
/// A longer step forward was set anew too: a camera silent for so long counts as stalled.
const AHEAD: i64 = 10 * SECOND;
/// More than any decoder holds back.
const MAX_REORDERED: u32 = 16;
/// Where the stream does not tell how long a picture lasts.
const USUAL: i64 = SECOND / 25;

/// A picture's place in the file, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Not negative, and greater than the one before it.
    pub(crate) dts: i64,
    /// From decoding to showing.
    pub(crate) cts: i32,
    /// How long it lasts, as far as known.
    pub(crate) duration: u32,
}

/// The pictures' clock. The first one is shown at 0; steps in the time stamps are taken out.
///
/// Times of decoding are made anew from the times of showing, since many streams (RTP,
/// Matroska) carry none: with pictures held back for reordering, the n-th picture is decoded
/// when the n-th picture is shown, less the delay.
#[derive(Debug)]
pub(crate) struct VideoTimes {
    /// What is subtracted from time stamps, in nanoseconds: at first, and now.
    first_base: i64,
    base: Option<i64>,
    /// Added to all times so that none is negative; the file's edit list takes it away.
    delay: i64,
    /// Times of showing not given to a picture as its time of decoding yet, ascending.
    waiting: Vec<i64>,
    /// Greatest time of showing so far.
    newest: i64,
    /// From one picture to the next.
    step: i64,
    last_decode: Option<i64>,
    last_ticks: Option<i64>,
    end: i64,
}

impl VideoTimes {
    /// `reordered`: how many pictures a decoder holds back to show them in order.
    pub(crate) fn new(reordered: u32, frame_rate: Option<f64>) -> Self {
        let step = frame_rate.map_or(USUAL, |rate| (SECOND as f64 / rate).round() as i64);
        let step = step.clamp(1, SECOND);
        let reordered = i64::from(reordered.min(MAX_REORDERED));
        Self {
            first_base: 0,
            base: None,
            delay: reordered * step,
            waiting: (0..reordered).map(|at| (at - reordered) * step).collect(),
            newest: 0,
            step,
            last_decode: None,
            last_ticks: None,
            end: 0,
        }
    }

    /// What the file's edit list takes away from all times of showing, in ticks.
    pub(crate) fn delay(&self) -> u32 {
        u32::try_from(ticks(self.delay, VIDEO_SCALE)).unwrap_or(0)
    }

    /// None for a picture shown before the first one: what it is built on is missing.
    pub(crate) fn place(&mut self, pts: MediaTime) -> Option<Placed> {
        let pts = pts.as_nanos();
        let mut shown = match self.base {
            Some(base) => pts.saturating_sub(base),
            None => {
                (self.first_base, self.base) = (pts, Some(pts));
                0
            }
        };
        let back = self.newest - BACK - self.delay;
        if shown < back || shown > self.newest + AHEAD {
            shown = self.newest + self.step;
            self.base = Some(pts.saturating_sub(shown));
        }
        if shown < 0 {
            return None;
        }
        self.newest = self.newest.max(shown);
        let at = self.waiting.partition_point(|&time| time <= shown);
        self.waiting.insert(at, shown);
        let decode = self.waiting.remove(0);
        if let Some(last) = self.last_decode
            && decode > last
        {
            self.step = decode - last;
        }
        self.last_decode = Some(decode);
        let wanted = ticks(decode + self.delay, VIDEO_SCALE);
        let place = self.last_ticks.map_or(wanted.max(0), |last| wanted.max(last + 1));
        self.last_ticks = Some(place);
        self.end = self.end.max(shown + self.step);
        let cts = ticks(shown + self.delay, VIDEO_SCALE) - place;
        Some(Placed {
            dts: place,
            cts: cts.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            // How long pictures have lasted says more than the rate that a camera claims.
            duration: u32::try_from(ticks(self.step, VIDEO_SCALE)).unwrap_or(0).max(1),
        })
    }

    /// Whether a picture was placed.
    pub(crate) fn has_begun(&self) -> bool {
        self.base.is_some()
    }

    /// Where the last picture ends, from the start of the file.
    pub(crate) fn end(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.end).unwrap_or(0))
    }
}

/// The clock of the sound beside those pictures.
#[derive(Debug)]
pub(crate) struct SoundTimes {
    scale: u32,
    /// Added to time stamps, beside what the pictures' clock began with.
    correction: i64,
    /// Where the last piece ends.
    end: i64,
    last_ticks: Option<i64>,
}

impl SoundTimes {
    pub(crate) fn new(scale: u32) -> Self {
        Self { scale, correction: 0, end: 0, last_ticks: None }
    }

    /// The piece's place in ticks, greater than that of the one before it; None where it lies
    /// before the first picture or on what was heard already.
    pub(crate) fn place(
        &mut self,
        pts: MediaTime,
        duration: Duration,
        video: &VideoTimes,
    ) -> Option<i64> {
        let now = video.newest;
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

    /// Times of showing in milliseconds.
    fn shown(times: &mut VideoTimes, stamps: &[i64]) -> Vec<Option<i64>> {
        let (mut last, delay) = (-1, i64::from(times.delay()));
        let mut shown = |placed: Placed| {
            assert!(placed.dts > last, "{} {last}", placed.dts);
            last = placed.dts;
            (placed.dts + i64::from(placed.cts) - delay) / 90
        };
        let mut all = Vec::new();
        for &stamp in stamps {
            let placed = times.place(at(stamp));
            all.push(placed.map(&mut shown));
        }
        all
    }

    #[test]
    fn the_first_picture_is_at_zero_and_b_frames_keep_their_order() {
        let mut times = VideoTimes::new(2, Some(25.0));
        assert_eq!(times.delay(), 80 * 90);
        let decoded: Vec<(i64, i32)> = [5000, 5160, 5080, 5040, 5120, 5320]
            .map(|stamp| times.place(at(stamp)).unwrap())
            .map(|placed| (placed.dts / 90, placed.cts / 90))
            .into();
        assert_eq!(decoded, [(0, 80), (40, 200), (80, 80), (120, 0), (160, 40), (200, 200)]);
        assert_eq!(times.end(), Duration::from_millis(360));
    }

    #[test]
    fn b_frames_of_which_nobody_told_are_still_shown_when_they_should() {
        let mut times = VideoTimes::new(0, None);
        let shown = shown(&mut times, &[0, 120, 40, 80, 240, 160]);
        assert_eq!(shown, [0, 120, 40, 80, 240, 160].map(Some));
    }

    #[test]
    fn pictures_before_the_first_keyframe_are_left_out() {
        let mut times = VideoTimes::new(1, None);
        let shown = shown(&mut times, &[1080, 1000, 1040, 1120]);
        assert_eq!(shown, [Some(0), None, None, Some(40)]);
    }

    #[test]
    fn steps_of_the_cameras_clock_are_taken_out() {
        for reordered in [0, 2] {
            let mut times = VideoTimes::new(reordered, Some(25.0));
            let stamps = [0, 40, 80, 3_600_000, 3_600_040, 10, 50];
            let expected = [0, 40, 80, 120, 160, 200, 240];
            assert_eq!(shown(&mut times, &stamps), expected.map(Some));
            // A pause that is no step stays.
            let placed = times.place(at(4050)).unwrap();
            let shown = placed.dts + i64::from(placed.cts) - i64::from(times.delay());
            assert_eq!(shown / 90, 4240);
        }
    }

    #[test]
    fn sound_stays_with_the_pictures_and_never_overlaps() {
        let (mut video, mut sound) = (VideoTimes::new(0, None), SoundTimes::new(1000));
        video.place(at(500));
        let mut place =
            |millis, video: &VideoTimes| sound.place(at(millis), Duration::from_millis(20), video);
        assert_eq!(place(480, &video), None, "before the first picture");
        assert_eq!(place(510, &video), Some(10));
        assert_eq!(place(530, &video), Some(30));
        assert_eq!(place(515, &video), None, "heard already");
        assert_eq!(place(549, &video), Some(49), "a little early");
        assert_eq!(place(2000, &video), Some(1500), "a pause");
        // The camera's clock jumps, first for the pictures, then for the sound.
        video.place(at(2000));
        video.place(at(90_000));
        assert_eq!(place(90_010, &video), Some(3000), "goes on with the pictures");
        assert_eq!(place(90_030, &video), Some(3020));
    }

    proptest! {
        #[test]
        fn whatever_a_camera_says_decoding_times_rise(
            stamps in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 1..60),
            small in any::<bool>(),
            reordered in 0u32..20,
        ) {
            let mut times = VideoTimes::new(reordered, None);
            let mut sound = SoundTimes::new(8000);
            let (mut last, mut last_sound) = (-1, -1);
            let limit = if small { 100_000_000 } else { i64::MAX };
            for (video, heard, duration) in stamps {
                if let Some(placed) = times.place(MediaTime::from_nanos(video % limit)) {
                    prop_assert!(placed.dts > last);
                    prop_assert!(placed.dts + i64::from(placed.cts) >= 0);
                    // No sample lasts longer than a 32-bit number can tell.
                    prop_assert!(last < 0 || placed.dts - last <= i64::from(u32::MAX / 2));
                    last = placed.dts;
                }
                let heard = MediaTime::from_nanos(heard % limit);
                if let Some(place) = sound.place(heard, Duration::from_nanos(duration), &times) {
                    prop_assert!(place > last_sound);
                    last_sound = place;
                }
            }
        }
    }
}
