//! Sequences of the data folder, and the tracker run over them.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use omma_track::mot::{self, Row};
use omma_track::offline::Trajectories;
use omma_track::{Tracker, TrackerConfig};
use omma_types::{ClassName, Detection, MediaTime, TrackState};

use crate::common::data;

/// A sequence of the data folder.
pub(crate) struct Sequence {
    pub(crate) name: &'static str,
    pub(crate) fps: f64,
    pub(crate) frames: u32,
    pub(crate) truth: Vec<Row>,
    pub(crate) detections: Vec<Row>,
}

/// Results of one run: as given at once, and completed offline.
pub(crate) struct Results {
    pub(crate) online: Vec<Row>,
    pub(crate) offline: Vec<Row>,
}

impl Sequence {
    /// A sequence with the detections of `detector`: `yolox-nano` or `public`.
    pub(crate) fn read(name: &'static str, detector: &str) -> Option<Self> {
        let (fps, frames) = match name {
            "PETS09-S2L1" => (7.0, 795),
            "TUD-Stadtmitte" => (25.0, 179),
            _ => panic!("unknown sequence {name}"),
        };
        let truth = mot::parse_truth(&data(&format!("mot/{name}/gt.txt"))?).unwrap();
        let text = data(&format!("mot/{name}/det-{detector}.txt"))?;
        let mut detections = mot::parse(&text).unwrap();
        mot::unify_scores(&mut detections);
        Some(Self { name, fps, frames, truth, detections })
    }

    /// Only every `step`-th frame of it.
    pub(crate) fn every(&self, step: u32) -> Self {
        let thin = |rows: &[Row]| -> Vec<Row> {
            let kept = rows.iter().filter(|row| (row.frame - 1).is_multiple_of(step));
            kept.map(|row| Row { frame: (row.frame - 1) / step + 1, ..*row }).collect()
        };
        Self {
            name: self.name,
            fps: self.fps / f64::from(step),
            frames: (self.frames - 1) / step + 1,
            truth: thin(&self.truth),
            detections: thin(&self.detections),
        }
    }

    /// Runs the tracker over it.
    pub(crate) fn track(&self, config: &TrackerConfig) -> Results {
        let class = ClassName::new("person");
        let mut frames: Vec<Vec<Detection>> = vec![Vec::new(); self.frames as usize + 1];
        for row in &self.detections {
            frames[row.frame as usize].push(row.detection(&class));
        }
        let mut tracker = Tracker::new(config.clone());
        let mut trajectories = Trajectories::default();
        let mut online = Vec::new();
        for frame in 1..=self.frames {
            let now = MediaTime::from_secs_f64(f64::from(frame) / self.fps);
            let tracks = tracker.update(now, &frames[frame as usize]);
            trajectories.record(u64::from(frame), now, tracks);
            for track in tracks.iter().filter(|track| track.state == TrackState::Confirmed) {
                online.push(Row::new(frame, track.id.0 as i64, track.rect, track.score));
            }
        }
        let mut offline = Vec::new();
        for trajectory in trajectories.finish() {
            for point in trajectory.points {
                let id = trajectory.id.0 as i64;
                offline.push(Row::new(point.frame as u32, id, point.rect, point.score));
            }
        }
        Results { online, offline }
    }
}
