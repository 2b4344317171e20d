//! What can be set about tracking, and why the defaults are what they are.
//!
//! There is one set of defaults. It was chosen on pedestrians from two cameras (PETS09-S2L1 at
//! 7 fps, TUD-Stadtmitte at 25 fps), two detectors, full and reduced frame rates, moving
//! cameras simulated by shifting all boxes, and jitter and gaps added to the detections: where
//! the mean over all of these is flat, not where one sequence peaks. `tests/data.rs` checks
//! that the neighbours of each value do about as well.

use std::time::Duration;

/// Settings of a [`crate::Tracker`].
#[derive(Clone, Debug, PartialEq)]
pub struct TrackerConfig {
    /// Detections from this score on (0 to 1) start tracks and join any track. Default 0.6.
    pub high_score: f32,
    /// Detections from this score up to `high_score` only prolong tracks that are believed
    /// already; lower ones are ignored. Default 0.1. (The two bands of ByteTrack, Zhang et al.
    /// 2022.)
    pub low_score: f32,
    /// A track is believed when it has been seen for so long, and at least twice. Default
    /// 0.2 s.
    pub confirm_after: Duration,
    /// A track that is not believed yet ends when it was not seen for longer than this; one
    /// chance it gets at any frame rate. Default 0.2 s.
    pub tentative_lost: Duration,
    /// A believed track ends when it was not seen for longer than this. Default 2 s.
    pub max_lost: Duration,
    /// Overlaps are computed with each box grown by this share of its own extent on every
    /// side, so that thin, fast or rarely seen objects still touch their prediction (C-BIoU,
    /// Yang et al. 2023). Default 0.35.
    pub buffer: f64,
    /// Least buffered overlap between a prediction and a high detection. Default 0.2.
    pub min_overlap: f64,
    /// Least buffered overlap between a prediction and a low detection; these are often parts
    /// of somebody else, so more is asked. Default 0.45.
    pub min_overlap_low: f64,
    /// A detection that overlaps an object of its class seen in the same picture by more than
    /// this (plain overlap) is its double and starts no track. Default 0.4.
    pub duplicate_overlap: f64,
    /// A detection from this score on is nobody's double: two people who walk side by side
    /// from the edge of the picture on are two. Counts and HOTA on PETS09-S2L1 are the same
    /// from 0.75 to 0.85. Default 0.8.
    pub sure_score: f32,
    /// Share of the filter in a reported box; the rest is the detection itself. The filter
    /// removes jitter, the detection lag. 0 to 1, default 0.5.
    pub smoothing: f64,
    /// Most detections of one picture that are looked at, best score first. Default 1000.
    pub max_detections: usize,
    /// How objects move and how well they are measured.
    pub motion: MotionConfig,
}

/// How objects move and how well detectors measure them. All lengths are in extents of the
/// object itself: widths along x, heights along y.
#[derive(Clone, Debug, PartialEq)]
pub struct MotionConfig {
    /// Scatter of speeds along x, in widths per second. Default 1.
    pub speed_x: f64,
    /// Scatter of speeds along y, in heights per second. Default 0.4.
    pub speed_y: f64,
    /// Time over which a velocity is forgotten. Default 10 s.
    pub memory: Duration,
    /// Scatter of a sure detection's centre. Default 0.055.
    pub jitter: f64,
    /// Scatter of a sure detection's extent. Default 0.2.
    pub extent_jitter: f64,
    /// How much an extent wanders in a second. Default 0.1.
    pub extent_drift: f64,
    /// How much more an unsure detection scatters: its scatter is multiplied by
    /// `1 + score_doubt * (1 - score)`. Default 4.
    pub score_doubt: f64,
    /// Scatter added to the centre for each unit by which the extent differs from what was
    /// expected: half a person seen behind a car has its centre elsewhere. Default 0.25.
    pub extent_doubt: f64,
    /// Time over which the tracker learns how much livelier than expected a scene is (a moving
    /// camera, vehicles): the scatter of speeds is raised to fit. Default 2 s.
    pub adaptation: Duration,
    /// Most that the scatter of speeds is raised. 1 switches adaptation off. Default 4.
    pub max_liveliness: f64,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            high_score: 0.6,
            low_score: 0.1,
            confirm_after: Duration::from_millis(200),
            tentative_lost: Duration::from_millis(200),
            max_lost: Duration::from_secs(2),
            buffer: 0.35,
            min_overlap: 0.2,
            min_overlap_low: 0.45,
            duplicate_overlap: 0.4,
            sure_score: 0.8,
            smoothing: 0.5,
            max_detections: 1000,
            motion: MotionConfig::default(),
        }
    }
}

impl Default for MotionConfig {
    fn default() -> Self {
        Self {
            speed_x: 1.0,
            speed_y: 0.4,
            memory: Duration::from_secs(10),
            jitter: 0.055,
            extent_jitter: 0.2,
            extent_drift: 0.1,
            score_doubt: 4.0,
            extent_doubt: 0.25,
            adaptation: Duration::from_secs(2),
            max_liveliness: 4.0,
        }
    }
}
