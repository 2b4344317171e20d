//! From detections to facts: the tracker and the rules of one camera, in order of capture.
//!
//! Live cameras and `analyze` share this piece, so that a clip gives the same counts in both.

mod state;

use std::collections::HashMap;
use std::time::Duration;

use omma_rules::{Counts, Line, RuleError, Rules, Zone};
use omma_track::{Tracker, TrackerConfig};
use omma_types::{
    CameraId, Detection, Event, EventIds, FrameStamp, MediaTime, Point, Stage, StageTimings, Track,
    TrackId, TrackState,
};

pub use state::SavedError;

/// How long a tail hangs behind an object.
const TAIL_TIME: Duration = Duration::from_secs(3);

/// Points in one tail, at most.
const TAIL_POINTS: usize = 48;

/// The stateful end of a camera's way.
pub struct Pipeline {
    camera: CameraId,
    tracker: Tracker,
    rules: Rules,
    tails: HashMap<TrackId, Vec<(MediaTime, Point)>>,
    last_frame: Option<FrameStamp>,
}

impl Pipeline {
    /// A pipeline that starts tracks at detections of `start_score` and more, and keeps them
    /// with weaker ones.
    ///
    /// # Errors
    /// Two rules have the same name.
    pub fn new(
        camera: CameraId,
        start_score: f32,
        lines: Vec<Line>,
        zones: Vec<Zone>,
        ids: EventIds,
    ) -> Result<Self, RuleError> {
        let tracker = TrackerConfig { high_score: start_score, ..TrackerConfig::default() };
        Ok(Self {
            tracker: Tracker::new(tracker),
            rules: Rules::new(camera.clone(), lines, zones, ids)?,
            camera,
            tails: HashMap::new(),
            last_frame: None,
        })
    }

    /// Takes the detections of the next picture. Returns the tracks as of this picture, and
    /// what happened.
    pub fn digest(
        &mut self,
        frame: &FrameStamp,
        detections: &[Detection],
        timings: &mut StageTimings,
    ) -> (Vec<Track>, Vec<Event>) {
        let started = std::time::Instant::now();
        let tracks = self.tracker.update(frame.media, detections).to_vec();
        let mut events = Vec::new();
        self.rules.update(frame, &tracks, &mut events);
        self.follow(frame.media, &tracks);
        self.last_frame = Some(*frame);
        timings.add(Stage::Track, started.elapsed());
        (tracks, events)
    }

    /// The stream has ended: visits end, undecided crossings are settled.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(frame) = self.last_frame {
            self.rules.finish(&frame, &mut events);
        }
        events
    }

    /// Makes these the lines and zones; the ones that stay the same keep their state.
    ///
    /// # Errors
    /// Two rules have the same name.
    pub fn replace_rules(&mut self, lines: Vec<Line>, zones: Vec<Zone>) -> Result<(), RuleError> {
        self.rules.replace(lines, zones)
    }

    /// What the rules have counted since this pipeline was made.
    pub fn counts(&self) -> Counts {
        self.rules.counts()
    }

    /// The picture that was taken in last.
    pub fn last_frame(&self) -> Option<&FrameStamp> {
        self.last_frame.as_ref()
    }

    /// All tails by track, oldest point first.
    pub fn tails(&self) -> HashMap<TrackId, Vec<Point>> {
        let points = |tail: &Vec<(MediaTime, Point)>| tail.iter().map(|(_, p)| *p).collect();
        self.tails.iter().map(|(id, tail)| (*id, points(tail))).collect()
    }

    fn follow(&mut self, now: MediaTime, tracks: &[Track]) {
        for track in tracks.iter().filter(|t| t.state == TrackState::Confirmed) {
            let tail = self.tails.entry(track.id).or_default();
            tail.push((now, track.rect.foot()));
            if tail.len() > TAIL_POINTS {
                tail.remove(0);
            }
        }
        let oldest = now - TAIL_TIME;
        self.tails.retain(|_, tail| {
            tail.retain(|(at, _)| *at >= oldest && *at <= now);
            !tail.is_empty()
        });
    }
}
