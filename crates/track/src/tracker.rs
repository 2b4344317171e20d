//! The tracker: which detections of successive pictures are the same object.
//!
//! Tracking by detection. For each picture every object's place is foreseen by a Kalman filter
//! ([`crate::motion`]); then one optimal assignment between objects and detections of the same
//! class decides who is who, by the overlap of buffered boxes (C-BIoU, Yang et al. 2023, "Hard
//! to Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering
//! the Matching Space"). Unsure detections take part, as in ByteTrack (Zhang et al. 2022), but
//! in the same assignment, with a higher bar: when two people merge into one detection, the
//! remains of the hidden one can then go to the right track, where a second round would have
//! only what the first one left over. A filter that is corrected over the whole gap in one
//! exact step gives what OC-SORT's re-update after occlusion is for (Cao et al. 2023).

use omma_types::{ClassName, Detection, MediaTime, Track, TrackId, TrackState};

use crate::assignment::{Assigner, Edge};
use crate::config::TrackerConfig;
use crate::motion::Step;
use crate::object::{Candidate, Liveliness, Object, Shape, Surprise};

/// Boxes further out than this are nonsense in any unit, and would not survive arithmetic.
const LARGEST_COORDINATE: f32 = 1e9;
/// No more objects than this are followed at a time; further detections start no track.
pub(crate) const MAX_OBJECTS: usize = 2000;
/// A surprise above this is an outlier (4 standard deviations) and counts as this much.
const LARGEST_SURPRISE: f64 = 16.0;
/// With so many objects in a picture, the scene's liveliness is learnt at full speed.
const OBJECTS_FOR_FULL_SPEED: f64 = 4.0;

/// Follows the objects of one camera.
///
/// Ids rise from 1 and are never given twice, also not after a jump in time. An object has one
/// class for life; detections of another class never join it.
///
/// The unit of the boxes does not matter, nor whether x and y share one: pixels and fractions
/// of the picture give the same answers.
///
/// ```
/// use omma_track::{Tracker, TrackerConfig};
/// use omma_types::{ClassName, Detection, MediaTime, Rect, TrackState};
///
/// let mut tracker = Tracker::new(TrackerConfig::default());
/// let class = ClassName::new("person");
/// let mut states = Vec::new();
/// for frame in 0..4 {
///     let rect = Rect::new(0.1 + 0.01 * frame as f32, 0.2, 0.05, 0.2);
///     let seen = [Detection { rect, class: class.clone(), score: 0.8 }];
///     let tracks = tracker.update(MediaTime::from_secs_f64(0.1 * frame as f64), &seen);
///     states.push((tracks[0].id.0, tracks[0].state));
/// }
/// use TrackState::*;
/// assert_eq!(states, [(1, Tentative), (1, Tentative), (1, Confirmed), (1, Confirmed)]);
/// ```
#[derive(Clone, Debug)]
pub struct Tracker {
    config: TrackerConfig,
    pub(crate) last_id: u64,
    /// Time of the newest picture.
    pub(crate) newest: Option<MediaTime>,
    /// Seconds that have passed for the tracker; stands still when time stamps step back.
    pub(crate) clock: f64,
    pub(crate) classes: Vec<ClassName>,
    pub(crate) objects: Vec<Object>,
    pub(crate) liveliness: Liveliness,
    tracks: Vec<Track>,
    // Kept between pictures for their memory only.
    candidates: Vec<Candidate>,
    edges: Vec<Edge>,
    surprises: Vec<Surprise>,
    assigner: Assigner,
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new(config: TrackerConfig) -> Self {
        Self {
            config,
            last_id: 0,
            newest: None,
            clock: 0.0,
            classes: Vec::new(),
            objects: Vec::new(),
            liveliness: Liveliness { x: 1.0, y: 1.0 },
            tracks: Vec::new(),
            candidates: Vec::new(),
            edges: Vec::new(),
            surprises: Vec::new(),
            assigner: Assigner::default(),
        }
    }

    /// Takes in the detections of the picture at `now` and answers with the tracks as of this
    /// picture: `Confirmed` ones were detected in it, `Coasting` ones were not (their box is a
    /// prediction) but still may return, `Tentative` ones were detected but are not believed
    /// yet. Pictures come in order of capture, also those without detections.
    ///
    /// Where boxes are scored or stored, take the `Confirmed` ones only: predictions of people
    /// who have left cost more accuracy than those of hidden ones gain (TUD-Stadtmitte: HOTA
    /// 0.56 instead of 0.61). [`crate::offline::Trajectories`] fills gaps once their end is
    /// known.
    ///
    /// Invalid boxes (not finite, without area, beyond 1e9) and scores that are no number are
    /// ignored. A time stamp that is not later than the one before counts as no time passed;
    /// one that lies more than [`TrackerConfig::max_lost`] before it is a new beginning of the
    /// stream, and ends all tracks. The order of `detections` does not matter.
    pub fn update(&mut self, now: MediaTime, detections: &[Detection]) -> &[Track] {
        let passed = self.advance(now);
        self.gather(detections);
        self.predict();
        self.associate();
        self.learn_liveliness(passed);
        self.end_tentative();
        self.start_tracks();
        self.report();
        &self.tracks
    }

    /// Moves the clock to `now`, ends what is out of date, and returns the seconds passed.
    fn advance(&mut self, now: MediaTime) -> f64 {
        let before = self.newest.replace(now).unwrap_or(now);
        if before.since(now) > self.config.max_lost {
            self.objects.clear();
        }
        let passed = now.since(before).as_secs_f64();
        self.clock += passed;
        let oldest = self.clock - self.config.max_lost.as_secs_f64();
        self.objects.retain(|object| object.last_seen >= oldest);
        passed
    }

    /// Turns usable detections into candidates, in an order of their own: best score first,
    /// then by place, so that neither ids nor ties depend on the order of the detector.
    fn gather(&mut self, detections: &[Detection]) {
        self.candidates.clear();
        for detection in detections {
            let rect = &detection.rect;
            let far = [rect.left, rect.top, rect.width, rect.height]
                .iter()
                .any(|number| number.abs() > LARGEST_COORDINATE);
            let usable = rect.is_valid() && rect.width > 0.0 && rect.height > 0.0 && !far;
            if !usable || detection.score.is_nan() || detection.score < self.config.low_score {
                continue;
            }
            let known = self.classes.iter().position(|class| *class == detection.class);
            let class = known.unwrap_or_else(|| {
                self.classes.push(detection.class.clone());
                self.classes.len() - 1
            });
            self.candidates.push(Candidate {
                shape: Shape::from_rect(rect),
                score: detection.score,
                class,
                taken: false,
            });
        }
        let classes = &self.classes;
        self.candidates.sort_unstable_by(|a, b| {
            let (p, q) = (&a.shape, &b.shape);
            b.score
                .total_cmp(&a.score)
                .then_with(|| p.x.total_cmp(&q.x))
                .then_with(|| p.y.total_cmp(&q.y))
                .then_with(|| p.width.total_cmp(&q.width))
                .then_with(|| p.height.total_cmp(&q.height))
                .then_with(|| classes.get(a.class).cmp(&classes.get(b.class)))
        });
        self.candidates.truncate(self.config.max_detections);
    }

    fn predict(&mut self) {
        let motion = &self.config.motion;
        let memory = motion.memory.as_secs_f64().max(1e-3);
        // Nearly all objects were seen in the same picture and share a step.
        let mut shared: Option<(f64, Step)> = None;
        for object in &mut self.objects {
            let step = match shared {
                Some((last_seen, step)) if last_seen == object.last_seen => step,
                _ => Step::new(self.clock - object.last_seen, memory),
            };
            shared = Some((object.last_seen, step));
            object.predict(&step, motion, self.liveliness);
        }
    }

    /// Gives detections to objects such that the total of their overlaps, each counted from
    /// its bar on, is greatest.
    fn associate(&mut self) {
        let config = &self.config;
        self.edges.clear();
        for (row, object) in self.objects.iter().enumerate() {
            for (col, candidate) in self.candidates.iter().enumerate() {
                if candidate.class != object.class {
                    continue;
                }
                let bar = if candidate.score >= config.high_score {
                    config.min_overlap
                } else if object.confirmed {
                    config.min_overlap_low
                } else {
                    continue;
                };
                let overlap = object.predicted.overlap(&candidate.shape, config.buffer);
                if overlap > bar {
                    self.edges.push(Edge { row, col, gain: overlap - bar });
                }
            }
        }
        self.surprises.clear();
        let pairs = self.assigner.solve(self.objects.len(), self.candidates.len(), &self.edges);
        for (object, col) in self.objects.iter_mut().zip(pairs) {
            let Some(candidate) = col.and_then(|col| self.candidates.get_mut(col)) else {
                continue;
            };
            candidate.taken = true;
            let known_well = object.confirmed && candidate.score >= config.high_score;
            let surprise = object.correct(candidate, self.clock, config);
            if known_well {
                self.surprises.push(surprise);
            }
        }
    }

    /// Compares how surprising this picture was with what the filters expected, and raises or
    /// lowers the scatter of speeds for the whole scene. A shaking camera surprises all tracks
    /// alike, so together they learn what each alone would learn too late.
    fn learn_liveliness(&mut self, passed: f64) {
        let motion = &self.config.motion;
        let adaptation = motion.adaptation.as_secs_f64();
        if self.surprises.is_empty() || motion.max_liveliness <= 1.0 || adaptation <= 0.0 {
            return;
        }
        let count = self.surprises.len() as f64;
        let weight = (count / OBJECTS_FOR_FULL_SPEED).min(1.0);
        let share = 1.0 - (-passed / adaptation * weight).exp();
        let (mut x, mut y) = (0.0, 0.0);
        for surprise in &self.surprises {
            x += surprise.0.min(LARGEST_SURPRISE) / count;
            y += surprise.1.min(LARGEST_SURPRISE) / count;
        }
        let learnt = |factor: f64, mean: f64| {
            (factor * mean.max(1e-3).powf(share)).clamp(1.0, motion.max_liveliness)
        };
        self.liveliness =
            Liveliness { x: learnt(self.liveliness.x, x), y: learnt(self.liveliness.y, y) };
    }

    fn end_tentative(&mut self) {
        let oldest = self.clock - self.config.tentative_lost.as_secs_f64();
        self.objects.retain(|object| object.confirmed || object.seen || object.last_seen >= oldest);
    }

    /// Starts a track at each high detection that belongs to nobody and is nobody's double.
    fn start_tracks(&mut self) {
        for candidate in self.candidates.iter().filter(|candidate| !candidate.taken) {
            if candidate.score < self.config.high_score || self.objects.len() >= MAX_OBJECTS {
                break; // candidates are sorted: all further ones are lower still
            }
            let unsure = candidate.score < self.config.sure_score;
            let is_double = self.objects.iter().any(|object| {
                unsure
                    && object.seen
                    && object.class == candidate.class
                    && object.detection.overlap(&candidate.shape, 0.0)
                        > self.config.duplicate_overlap
            });
            if !is_double {
                self.last_id += 1;
                let id = TrackId(self.last_id);
                let motion = &self.config.motion;
                self.objects.push(Object::new(id, candidate, self.clock, motion));
            }
        }
    }

    fn report(&mut self) {
        self.tracks.clear();
        for object in &self.objects {
            let state = match (object.confirmed, object.seen) {
                (true, true) => TrackState::Confirmed,
                (true, false) => TrackState::Coasting,
                (false, true) => TrackState::Tentative,
                // Doubtful and not there: nothing to say about this picture.
                (false, false) => continue,
            };
            let Some(class) = self.classes.get(object.class) else { continue };
            self.tracks.push(Track {
                id: object.id,
                class: class.clone(),
                rect: object.rect(),
                score: object.score,
                state,
            });
        }
    }
}
