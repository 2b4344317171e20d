//! One object that is being followed: its filters, and how well a detection fits it.

use omma_types::{Rect, TrackId};
use serde::{Deserialize, Serialize};

use crate::config::{MotionConfig, TrackerConfig};
use crate::motion::{Axis, Extent, Step};

/// How much more the speeds of newcomers scatter: who comes into view is usually on the move,
/// and its second detection should say how fast.
const NEWCOMER: f64 = 2.0;

/// A box as centre and extent, in double precision.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Shape {
    pub(crate) fn from_rect(rect: &Rect) -> Self {
        let (width, height) = (f64::from(rect.width), f64::from(rect.height));
        Self {
            x: f64::from(rect.left) + width / 2.0,
            y: f64::from(rect.top) + height / 2.0,
            width,
            height,
        }
    }

    pub(crate) fn to_rect(self) -> Rect {
        Rect::new(
            (self.x - self.width / 2.0) as f32,
            (self.y - self.height / 2.0) as f32,
            self.width as f32,
            self.height as f32,
        )
    }

    /// Intersection over union after both boxes have grown by `buffer` of their own extents on
    /// every side.
    pub(crate) fn overlap(&self, other: &Self, buffer: f64) -> f64 {
        let grow = 1.0 + 2.0 * buffer;
        let (w1, w2) = (self.width * grow, other.width * grow);
        let width = shared(self.x, w1, other.x, w2);
        if width <= 0.0 {
            return 0.0;
        }
        let (h1, h2) = (self.height * grow, other.height * grow);
        let height = shared(self.y, h1, other.y, h2);
        if height <= 0.0 {
            return 0.0;
        }
        let intersection = width * height;
        intersection / (w1 * h1 + w2 * h2 - intersection)
    }

    fn mixed(&self, other: &Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Self {
            x: mix(self.x, other.x),
            y: mix(self.y, other.y),
            width: mix(self.width, other.width),
            height: mix(self.height, other.height),
        }
    }
}

/// Length that two stretches around `a` and `b` share; negative when they are apart.
fn shared(a: f64, extent_a: f64, b: f64, extent_b: f64) -> f64 {
    let (half_a, half_b) = (extent_a / 2.0, extent_b / 2.0);
    (a + half_a).min(b + half_b) - (a - half_a).max(b - half_b)
}

/// A detection, ready for matching.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) shape: Shape,
    pub(crate) score: f32,
    /// Number of the class in the tracker's list.
    pub(crate) class: usize,
    /// Whether it belongs to a track already.
    pub(crate) taken: bool,
}

/// What is known of an object.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Belief {
    x: Axis,
    y: Axis,
    width: Extent,
    height: Extent,
}

impl Belief {
    fn new(at: &Shape, motion: &MotionConfig) -> Self {
        let Shape { x, y, width, height } = *at;
        Self {
            x: Axis::new(x, motion.jitter * width, NEWCOMER * motion.speed_x * width),
            y: Axis::new(y, motion.jitter * height, NEWCOMER * motion.speed_y * height),
            width: Extent::new(width, motion.extent_jitter * width),
            height: Extent::new(height, motion.extent_jitter * height),
        }
    }

    fn after(&self, step: &Step, motion: &MotionConfig, lively: Liveliness) -> Self {
        let (width, height) = (self.width.value, self.height.value);
        Self {
            x: self.x.after(step, motion.speed_x * lively.x * width),
            y: self.y.after(step, motion.speed_y * lively.y * height),
            width: self.width.after(step, motion.extent_drift * width),
            height: self.height.after(step, motion.extent_drift * height),
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            x: self.x.position,
            y: self.y.position,
            width: self.width.value,
            height: self.height.value,
        }
    }
}

/// How much livelier than expected the scene is, along each axis (factor, at least 1).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Liveliness {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// How far a measurement was from its prediction: squared, in variances, along x and y. One
/// on average where the filter's assumptions hold.
pub(crate) type Surprise = (f64, f64);

/// One object. What each picture makes anew is not saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    #[serde(with = "crate::state::id")]
    pub(crate) id: TrackId,
    /// Number of the class in the tracker's list.
    pub(crate) class: usize,
    /// Whether it is believed.
    pub(crate) confirmed: bool,
    /// Whether it was detected in the newest picture.
    #[serde(skip)]
    pub(crate) seen: bool,
    /// When it was detected last, on the tracker's own clock in seconds.
    pub(crate) last_seen: f64,
    /// Score of its newest detection.
    pub(crate) score: f32,
    /// Its newest detection.
    #[serde(skip)]
    pub(crate) detection: Shape,
    /// Its place in the newest picture where it was not detected there.
    #[serde(skip)]
    pub(crate) predicted: Shape,
    first_seen: f64,
    detections: u32,
    #[serde(skip)]
    reported: Shape,
    /// As of `last_seen`.
    belief: Belief,
    /// As of the newest picture, before its detections.
    #[serde(skip)]
    prediction: Belief,
}

impl Object {
    pub(crate) fn new(id: TrackId, seen: &Candidate, now: f64, motion: &MotionConfig) -> Self {
        let belief = Belief::new(&seen.shape, motion);
        Self {
            id,
            class: seen.class,
            confirmed: false,
            seen: true,
            last_seen: now,
            score: seen.score,
            detection: seen.shape,
            predicted: seen.shape,
            first_seen: now,
            detections: 1,
            reported: seen.shape,
            belief,
            prediction: belief,
        }
    }

    /// Foresees the object's place `step` after it was last seen.
    pub(crate) fn predict(&mut self, step: &Step, motion: &MotionConfig, lively: Liveliness) {
        self.prediction = self.belief.after(step, motion, lively);
        self.predicted = self.prediction.shape();
        self.seen = false;
    }

    /// Takes in its detection of this picture, and says how surprising it was.
    pub(crate) fn correct(
        &mut self,
        seen: &Candidate,
        now: f64,
        config: &TrackerConfig,
    ) -> Surprise {
        let motion = &config.motion;
        let doubt = 1.0 + motion.score_doubt * (1.0 - f64::from(seen.score)).max(0.0);
        let (width, height) = (self.predicted.width, self.predicted.height);
        let scatter = |extent: f64, measured: f64| {
            motion.jitter * extent * doubt + motion.extent_doubt * (measured - extent).abs()
        };
        let mut belief = self.prediction;
        let surprise = (
            belief.x.correct(seen.shape.x, scatter(width, seen.shape.width)),
            belief.y.correct(seen.shape.y, scatter(height, seen.shape.height)),
        );
        belief.width.correct(seen.shape.width, motion.extent_jitter * width * doubt);
        belief.height.correct(seen.shape.height, motion.extent_jitter * height * doubt);
        self.belief = belief;
        self.reported = seen.shape.mixed(&belief.shape(), config.smoothing);
        self.detection = seen.shape;
        self.score = seen.score;
        self.seen = true;
        self.last_seen = now;
        self.detections = self.detections.saturating_add(1);
        // A frame's share of slack: time stamps of a camera are rounded to its clock's ticks.
        let watched = now - self.first_seen + 1e-3;
        self.confirmed |= self.detections >= 2 && watched >= config.confirm_after.as_secs_f64();
        surprise
    }

    /// Whether all that is known of it are numbers.
    pub(crate) fn is_finite(&self) -> bool {
        let Belief { x, y, width, height } = &self.belief;
        let beliefs = x.is_finite() && y.is_finite() && width.is_finite() && height.is_finite();
        beliefs && self.first_seen.is_finite() && self.last_seen.is_finite() && !self.score.is_nan()
    }

    /// Where the object is in the newest picture.
    pub(crate) fn rect(&self) -> Rect {
        if self.seen { self.reported.to_rect() } else { self.predicted.to_rect() }
    }
}
