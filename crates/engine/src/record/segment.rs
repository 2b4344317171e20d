//! Which file and which fragment a packet goes into. Pure: it sees times and keyframes, no
//! data and no disk.
//!
//! A segment's start is the wall time of its first picture; inside it media time counts.
//! Wherever the two no longer go together (the clock was set, packets are missing), the next
//! keyframe begins a new segment, so that no moment of a segment is off by more than half a
//! second.

use std::time::Duration;

use omma_types::{MediaTime, WallTime};

/// A fragment is written at the latest when it is this long: what a sudden end can cost.
pub(super) const FRAGMENT: Duration = Duration::from_millis(500);

/// How far wall time and media time may drift apart inside a segment.
const DRIFT: Duration = Duration::from_millis(500);

/// A drift as large as this is no jitter of the network: streams that stall for so long are
/// opened anew.
const CLEAR_DRIFT: Duration = Duration::from_secs(10);

/// Between pictures: where more is missing, something was lost, unless the camera is slow.
const GAP: Duration = Duration::from_secs(2);

/// A keyframe that comes this much early still ends a segment: time stamps are rounded.
const TOLERANCE: Duration = Duration::from_millis(50);

/// When a segment has been long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// At the first keyframe after this time.
    Time(Duration),
    /// At each keyframe.
    Group,
}

/// What the plan must know of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) is_video: bool,
    pub(super) keyframe: bool,
    pub(super) pts: MediaTime,
    pub(super) wall: WallTime,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes into no file: a keyframe must come first.
    Skip,
    /// It goes into the running file.
    Append {
        /// What came before it becomes a fragment first.
        cut: bool,
    },
    /// The running file, if there is one, ends before it, and a new one begins with it.
    Begin {
        /// The new file's wall time.
        start: WallTime,
        /// Whether it goes on where the file before it ended.
        follows: bool,
    },
}

/// The plan of one camera's files.
#[derive(Debug)]
pub(super) struct SegmentPlan {
    length: Length,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    start: WallTime,
    first: MediaTime,
    /// The first time of the fragment that is being gathered.
    fragment: MediaTime,
    /// The newest picture, in order of showing.
    newest: MediaTime,
    /// Time between the two pictures before it.
    interval: Duration,
    /// The smallest drift since the last keyframe, signed: jitter only ever delays.
    drift_micros: Option<i64>,
    /// Nothing may be added: the file ends at the next keyframe.
    broken: bool,
}

impl SegmentPlan {
    pub(super) fn new(length: Length) -> Self {
        Self { length, running: None }
    }

    /// The stream was opened anew, packets are missing, or the file failed: nothing that comes
    /// goes on from what was.
    pub(super) fn interrupt(&mut self) {
        self.running = None;
    }

    /// What to do with a packet. Of [`Step::Begin`] and [`Step::Append`] the plan takes for
    /// granted that they are done.
    pub(super) fn step(&mut self, moment: &Moment) -> Step {
        let Some(running) = &mut self.running else {
            return self.begin(moment, false);
        };
        if !moment.is_video {
            let cut = moment.pts.since(running.fragment) >= FRAGMENT;
            if cut {
                running.fragment = moment.pts;
            }
            return if running.broken { Step::Skip } else { Step::Append { cut } };
        }
        let ahead = moment.pts.since(running.newest);
        let is_gap = ahead > GAP && ahead > running.interval.saturating_mul(4);
        // Time that runs backwards can't go into the same file; pictures out of order can.
        running.broken |= is_gap || running.newest.since(moment.pts) > GAP;
        if is_gap {
            // Perhaps the camera is slow: then the next one is none.
            running.interval = ahead;
        }
        let drift = running.drift_micros(moment);
        let least = match running.drift_micros {
            Some(least) if least.abs() <= drift.abs() => least,
            _ => drift,
        };
        if !moment.keyframe {
            if running.broken {
                return Step::Skip;
            }
            running.drift_micros = Some(least);
            running.note(moment);
            let cut = moment.pts.since(running.fragment) >= FRAGMENT;
            if cut {
                running.fragment = moment.pts;
            }
            return Step::Append { cut };
        }
        let drifted = micros(DRIFT) < least.abs() || micros(CLEAR_DRIFT) < drift.abs();
        if running.broken || drifted {
            return self.begin(moment, false);
        }
        let length = moment.pts.since(running.first) + TOLERANCE;
        let is_long = match self.length {
            Length::Time(wanted) => length >= wanted,
            Length::Group => true,
        };
        if is_long {
            return self.begin(moment, true);
        }
        running.drift_micros = None;
        running.note(moment);
        running.fragment = moment.pts;
        Step::Append { cut: true }
    }

    /// The gathered fragment was written, for the clock's sake and not the stream's.
    pub(super) fn was_cut(&mut self) {
        if let Some(running) = &mut self.running {
            running.fragment = running.newest;
        }
    }

    fn begin(&mut self, moment: &Moment, follows: bool) -> Step {
        if !(moment.is_video && moment.keyframe) {
            return Step::Skip;
        }
        let interval = self.running.take().map_or(Duration::ZERO, |running| running.interval);
        self.running = Some(Running {
            start: moment.wall,
            first: moment.pts,
            fragment: moment.pts,
            newest: moment.pts,
            interval,
            drift_micros: None,
            broken: false,
        });
        Step::Begin { start: moment.wall, follows }
    }
}

impl Running {
    /// How far the packet's wall time is after the one that its media time means.
    fn drift_micros(&self, moment: &Moment) -> i64 {
        let media = (moment.pts.as_nanos().saturating_sub(self.first.as_nanos())) / 1000;
        let wall = moment.wall.as_micros().saturating_sub(self.start.as_micros());
        wall.saturating_sub(media)
    }

    fn note(&mut self, moment: &Moment) {
        if moment.pts > self.newest {
            self.interval = moment.pts.since(self.newest);
            self.newest = moment.pts;
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T0: i64 = 1_795_167_000_000;

    fn picture(keyframe: bool, media_ms: i64, wall_ms: i64) -> Moment {
        Moment {
            is_video: true,
            keyframe,
            pts: MediaTime::from_nanos(media_ms * 1_000_000),
            wall: WallTime::from_millis(T0 + wall_ms),
        }
    }

    fn begin(wall_ms: i64, follows: bool) -> Step {
        Step::Begin { start: WallTime::from_millis(T0 + wall_ms), follows }
    }

    fn plan(length_secs: u64) -> SegmentPlan {
        SegmentPlan::new(Length::Time(Duration::from_secs(length_secs)))
    }

    /// A camera of 10 pictures a second with a keyframe a second, whose wall time is `wall_of`
    /// its media time; what begins, with the media time in ms.
    fn begins(
        plan: &mut SegmentPlan,
        media_ms: std::ops::Range<i64>,
        wall_of: impl Fn(i64) -> i64,
    ) -> Vec<(i64, Step)> {
        let mut begins = Vec::new();
        for media in media_ms.step_by(100) {
            let step = plan.step(&picture(media % 1000 == 0, media, wall_of(media)));
            if matches!(step, Step::Begin { .. }) {
                begins.push((media, step));
            }
        }
        begins
    }

    #[test]
    fn it_begins_at_keyframes_when_the_segment_is_long_enough() {
        let mut plan = plan(3);
        assert_eq!(plan.step(&picture(false, 900, 900)), Step::Skip);
        let begins = begins(&mut plan, 1000..8000, |media| media);
        assert_eq!(
            begins,
            [(1000, begin(1000, false)), (4000, begin(4000, true)), (7000, begin(7000, true))]
        );
    }

    #[test]
    fn each_group_can_have_its_file() {
        let mut plan = SegmentPlan::new(Length::Group);
        let begins = begins(&mut plan, 0..3000, |media| media);
        assert_eq!(
            begins,
            [(0, begin(0, false)), (1000, begin(1000, true)), (2000, begin(2000, true))]
        );
    }

    #[test]
    fn fragments_are_cut_at_keyframes_and_each_half_second() {
        let mut plan = plan(60);
        let cuts: Vec<i64> = (0..30)
            .map(|n| n * 100)
            .filter(|&media| {
                let step = plan.step(&picture(media % 1300 == 0, media, media));
                step == Step::Append { cut: true }
            })
            .collect();
        assert_eq!(cuts, [500, 1000, 1300, 1800, 2300, 2600]);
    }

    #[test]
    fn a_clock_that_is_set_begins_a_segment_at_the_next_keyframe() {
        for hour in [3_600_000, -3_600_000] {
            let mut plan = plan(60);
            let there_and_back = |media: i64| match media {
                2500..5500 => media + hour,
                _ => media,
            };
            let begins = begins(&mut plan, 0..8000, there_and_back);
            assert_eq!(
                begins,
                [
                    (0, begin(0, false)),
                    (3000, begin(3000 + hour, false)),
                    (6000, begin(6000, false))
                ]
            );
        }
        // Two seconds may be jitter: seen when a whole group has it.
        let mut plan = plan(60);
        let begins = begins(&mut plan, 0..8000, |media| media + 2000 * i64::from(media >= 2500));
        assert_eq!(begins, [(0, begin(0, false)), (4000, begin(6000, false))]);
    }

    #[test]
    fn a_camera_whose_clock_is_slow_never_drifts_far() {
        let mut plan = plan(3600);
        let wall_of = |media: i64| media + media / 100;
        let begins = begins(&mut plan, 0..200_000, wall_of);
        assert_eq!(begins.len(), 4, "{begins:?}");
        for pair in begins.windows(2) {
            let drift = (pair[1].0 - pair[0].0) / 100;
            assert!((500..=520).contains(&drift), "{drift}");
        }
    }

    #[test]
    fn packets_that_come_late_are_no_drift() {
        let mut plan = plan(60);
        // The network holds everything back from 2.5 s to 4.2 s.
        let wall_of = |media: i64| if (2500..4200).contains(&media) { 4200 } else { media };
        assert_eq!(begins(&mut plan, 0..9000, wall_of), [(0, begin(0, false))]);
    }

    #[test]
    fn after_a_gap_a_new_segment_begins() {
        let mut plan = plan(60);
        assert_eq!(begins(&mut plan, 0..2500, |media| media).len(), 1);
        assert_eq!(plan.step(&picture(false, 6500, 6500)), Step::Skip);
        assert_eq!(plan.step(&picture(false, 6600, 6600)), Step::Skip);
        assert_eq!(plan.step(&picture(true, 7000, 7000)), begin(7000, false));
        // Time that runs backwards is one as well.
        assert_eq!(plan.step(&picture(false, 1000, 7100)), Step::Skip);
        assert_eq!(plan.step(&picture(true, 1100, 7200)), begin(7200, false));
        plan.interrupt();
        assert_eq!(plan.step(&picture(false, 1200, 7300)), Step::Skip);
        assert_eq!(plan.step(&picture(true, 1300, 7400)), begin(7400, false));
    }

    #[test]
    fn a_slow_camera_has_no_gaps() {
        let mut plan = plan(60);
        let mut steps = (0..12).map(|n| plan.step(&picture(true, n * 5000, n * 5000)));
        assert_eq!(steps.next(), Some(begin(0, false)));
        // The first interval is not known to be usual.
        assert_eq!(steps.next(), Some(begin(5000, false)));
        assert!(steps.by_ref().all(|step| step == Step::Append { cut: true }));
    }

    proptest! {
        #[test]
        fn whatever_comes_files_begin_at_keyframes_and_fragments_stay_short(
            packets in prop::collection::vec(
                (any::<bool>(), any::<bool>(), -3000i64..6000, -10_000i64..10_000), 1..200),
        ) {
            let mut plan = plan(5);
            let (mut media, mut open) = (0i64, None);
            for (is_video, keyframe, step_ms, jitter) in packets {
                media += step_ms / 20;
                let moment = Moment { is_video, ..picture(keyframe, media, media + jitter) };
                match plan.step(&moment) {
                    Step::Begin { start, .. } => {
                        prop_assert!(is_video && keyframe);
                        prop_assert_eq!(start, moment.wall);
                        open = Some(moment.pts);
                    }
                    Step::Append { cut } => {
                        let fragment = open.expect("nothing goes into no file");
                        if cut {
                            open = Some(moment.pts);
                        } else {
                            prop_assert!(moment.pts.since(fragment) < FRAGMENT);
                        }
                    }
                    Step::Skip => {}
                }
            }
        }
    }
}
