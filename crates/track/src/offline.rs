//! Finished trajectories for those who have the whole video.
//!
//! A tracker that answers at once must hold back a track until it believes it, and must guess
//! where an object is while it is hidden. With the whole video at hand both can be mended:
//! [`Trajectories`] collects the tracker's answers and at the end gives the frames of a
//! believed track from its very first detection on, with short gaps bridged by straight lines.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_types::{ClassName, MediaTime, Rect, Track, TrackId, TrackState};

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
