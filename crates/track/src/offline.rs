//! Finished trajectories for those who have the whole video.
//!
//! A tracker that answers at once must hold back a track until it believes it, and must guess
//! where an object is while it is hidden. With the whole video at hand both can be mended:
//! [`Trajectories`] collects the tracker's answers and at the end gives the frames of a
//! believed track from its very first detection on, with short gaps bridged by straight lines.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_types::{ClassName, Detection, MediaTime, Rect, Track, TrackId, TrackState};

use crate::mot::{self, Row};
use crate::{TrackError, Tracker, TrackerConfig};

/// One object in one picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrajectoryPoint {
    /// The picture's number as it was given to [`Trajectories::record`].
    pub frame: u64,
    /// The picture's time.
    pub time: MediaTime,
    /// The box, in the unit of the detections.
    pub rect: Rect,
    /// Score of the newest detection, 0 to 1.
    pub score: f32,
    /// Whether a detection stands behind it; false where a gap was bridged.
    pub detected: bool,
}

/// One believed object, from its first detection to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Its number.
    pub id: TrackId,
    /// What it is.
    pub class: ClassName,
    /// Its places, in the order of the pictures.
    pub points: Vec<TrajectoryPoint>,
}

/// How long a track may stay doubtful and unseen; far longer than any tracker waits.
const FORGET_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Open {
    class: ClassName,
    believed: bool,
    /// Where it was detected: place in the list of pictures, box, score.
    seen: Vec<(usize, Rect, f32)>,
}

/// Collects a tracker's answers. Memory grows with the number of boxes (32 bytes each);
/// objects that are never believed are forgotten as soon as the tracker drops them.
#[derive(Debug)]
pub struct Trajectories {
    max_gap: Duration,
    frames: Vec<(u64, MediaTime)>,
    open: BTreeMap<TrackId, Open>,
}

impl Default for Trajectories {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_GAP)
    }
}

impl Trajectories {
    /// Gaps up to this long are bridged by default.
    pub const DEFAULT_MAX_GAP: Duration = Duration::from_secs(2);

    /// A recorder that bridges gaps between two detections up to `max_gap`.
    pub fn new(max_gap: Duration) -> Self {
        Self { max_gap, frames: Vec::new(), open: BTreeMap::new() }
    }

    /// Takes in what [`crate::Tracker::update`] answered for the picture number `frame` at
    /// `time`. Pictures come in the order in which the tracker saw them, also those without
    /// any track: gaps are bridged picture by picture.
    pub fn record(&mut self, frame: u64, time: MediaTime, tracks: &[Track]) {
        let index = self.frames.len();
        self.frames.push((frame, time));
        // A doubtful track that was not seen for so long will never be believed.
        let frames = &self.frames;
        self.open.retain(|_, open| {
            let last = open.seen.last().and_then(|(last, ..)| frames.get(*last));
            open.believed || last.is_some_and(|(_, last)| time.since(*last) <= FORGET_AFTER)
        });
        for track in tracks {
            let open = self.open.entry(track.id).or_insert_with(|| Open {
                class: track.class.clone(),
                believed: false,
                seen: Vec::new(),
            });
            open.believed |= track.state == TrackState::Confirmed;
            if track.state != TrackState::Coasting {
                open.seen.push((index, track.rect, track.score));
            }
        }
    }

    /// The believed objects, by id.
    pub fn finish(self) -> Vec<Trajectory> {
        let Self { max_gap, frames, open } = self;
        let believed = open.into_iter().filter(|(_, open)| open.believed);
        believed
            .map(|(id, open)| {
                let points = bridged(&open.seen, &frames, max_gap);
                Trajectory { id, class: open.class, points }
            })
            .collect()
    }
}

/// Tracks all detections of a video offline: rows of detections in, rows of results out, by
/// frame and id. Scores of any scale will do ([`mot::unify_scores`]). Ids of the result are
/// those of the tracker; rows of bridged gaps carry the score of the detection after the gap.
///
/// # Errors
/// [`TrackError::FrameRate`] where `fps` is not above 0 and at most 1000.
pub fn track_rows(
    detections: &[Row],
    fps: f64,
    config: &TrackerConfig,
) -> Result<Vec<Row>, TrackError> {
    if !(fps > 0.0 && fps <= 1000.0) {
        return Err(TrackError::FrameRate { fps });
    }
    let class = ClassName::new("object");
    let mut rows = detections.to_vec();
    mot::unify_scores(&mut rows);
    rows.sort_by_key(|row| row.frame);

    let mut tracker = Tracker::new(config.clone());
    let mut trajectories = Trajectories::default();
    let mut see = |frame: u32, seen: &[Detection]| {
        let time = MediaTime::from_secs_f64(f64::from(frame - 1) / fps);
        trajectories.record(u64::from(frame), time, tracker.update(time, seen));
    };
    // After so many empty frames every track has ended; the rest of a longer hole is left out.
    let patience = config.max_lost.max(Trajectories::DEFAULT_MAX_GAP).as_secs_f64() + 1.0;
    let empty_frames = (patience * fps).ceil() as u32;
    let mut next = 1;
    for frame_rows in rows.chunk_by(|a, b| a.frame == b.frame) {
        let Some(frame) = frame_rows.first().map(|row| row.frame) else { continue };
        for empty in (next..frame).take(empty_frames as usize) {
            see(empty, &[]);
        }
        let seen: Vec<Detection> = frame_rows.iter().map(|row| row.detection(&class)).collect();
        see(frame, &seen);
        next = frame.saturating_add(1);
    }

    let mut results = Vec::new();
    for trajectory in trajectories.finish() {
        let id = i64::try_from(trajectory.id.0).unwrap_or(i64::MAX);
        results.extend(trajectory.points.iter().map(|point| {
            let frame = u32::try_from(point.frame).unwrap_or(u32::MAX);
            Row::new(frame, id, point.rect, point.score)
        }));
    }
    results.sort_by_key(|row| (row.frame, row.id));
    Ok(results)
}

/// The points of one object with its gaps up to `max_gap` filled in.
fn bridged(
    seen: &[(usize, Rect, f32)],
    frames: &[(u64, MediaTime)],
    max_gap: Duration,
) -> Vec<TrajectoryPoint> {
    let mut points: Vec<TrajectoryPoint> = Vec::with_capacity(seen.len());
    let mut before: Option<(usize, Rect)> = None;
    for &(index, rect, score) in seen {
        let Some(&(frame, time)) = frames.get(index) else { continue };
        if let Some((from, rect_before)) = before
            && let Some(&(_, start)) = frames.get(from)
            && time.since(start) <= max_gap
        {
            let whole = time.since(start).as_secs_f64();
            for &(frame, time) in frames.get(from + 1..index).unwrap_or_default() {
                // Where time stands still, halfway is as good as anywhere.
                let passed = time.since(start).as_secs_f64();
                let share = if whole > 0.0 { (passed / whole).clamp(0.0, 1.0) } else { 0.5 };
                let rect = between(&rect_before, &rect, share as f32);
                points.push(TrajectoryPoint { frame, time, rect, score, detected: false });
            }
        }
        points.push(TrajectoryPoint { frame, time, rect, score, detected: true });
        before = Some((index, rect));
    }
    points
}

fn between(a: &Rect, b: &Rect, share: f32) -> Rect {
    let mix = |a: f32, b: f32| a + (b - a) * share;
    Rect::new(
        mix(a.left, b.left),
        mix(a.top, b.top),
        mix(a.width, b.width),
        mix(a.height, b.height),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: u64, left: f32, state: TrackState) -> Track {
        let rect = Rect::new(left, 0.0, 1.0, 2.0);
        Track { id: TrackId(id), class: ClassName::new("person"), rect, score: 0.5, state }
    }

    fn at(secs: f64) -> MediaTime {
        MediaTime::from_secs_f64(secs)
    }

    #[test]
    fn a_believed_track_gets_its_doubtful_start_and_its_gaps_back() {
        use TrackState::{Coasting, Confirmed, Tentative};
        let mut trajectories = Trajectories::new(Duration::from_secs(1));
        let answers: [&[Track]; 6] = [
            &[track(1, 0.0, Tentative), track(2, 9.0, Tentative)],
            &[track(1, 1.0, Confirmed)],
            &[track(1, 7.0, Coasting)],
            &[],
            &[track(1, 4.0, Confirmed)],
            &[track(1, 5.0, Coasting)],
        ];
        for (index, tracks) in answers.iter().enumerate() {
            trajectories.record(10 + index as u64, at(0.1 * index as f64), tracks);
        }
        let finished = trajectories.finish();
        assert_eq!(finished.len(), 1, "track 2 was never believed");
        let places: Vec<_> = finished[0]
            .points
            .iter()
            .map(|p| (p.frame, (p.rect.left * 100.0).round() / 100.0, p.detected))
            .collect();
        let expected =
            [(10, 0.0, true), (11, 1.0, true), (12, 2.0, false), (13, 3.0, false), (14, 4.0, true)];
        assert_eq!(places, expected);
    }

    #[test]
    fn long_gaps_stay_open() {
        let mut trajectories = Trajectories::new(Duration::from_millis(500));
        for (frame, secs) in [(0, 0.0), (1, 0.4), (2, 0.8), (3, 1.2)] {
            let seen = [track(1, 0.0, TrackState::Confirmed)];
            let tracks: &[Track] = if frame == 0 || frame == 3 { &seen } else { &[] };
            trajectories.record(frame, at(secs), tracks);
        }
        let frames: Vec<_> = trajectories.finish()[0].points.iter().map(|p| p.frame).collect();
        assert_eq!(frames, [0, 3]);
    }

    #[test]
    fn a_hole_of_a_billion_frames_takes_no_time() {
        let row = |frame| Row::new(frame, -1, Rect::new(5.0, 5.0, 20.0, 50.0), 0.9);
        let mut rows: Vec<Row> = (1..=10).map(row).collect();
        rows.extend((u32::MAX - 9..=u32::MAX).map(row));
        let results = track_rows(&rows, 25.0, &TrackerConfig::default()).unwrap();
        let ids: Vec<_> = results.iter().map(|row| row.id).collect();
        assert_eq!(ids, [[1; 10], [2; 10]].concat());
    }

    #[test]
    fn frame_rates_are_checked() {
        for fps in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e6] {
            assert!(track_rows(&[], fps, &TrackerConfig::default()).is_err(), "{fps}");
        }
    }
}
