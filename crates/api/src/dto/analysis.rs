//! What is known about one picture.

use std::collections::BTreeMap;

use omma_types::{Analysis, Detection, FrameStamp, Rect, Stage, Track, TrackState, WallSource};
use serde::Serialize;
use utoipa::ToSchema;

use super::millis;

/// What is known about one picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Analysis)]
pub struct AnalysisDto {
    /// The camera.
    pub camera: String,
    /// The picture.
    pub frame: FrameDto,
    /// What the detector saw, best score first.
    pub detections: Vec<DetectionDto>,
    /// Objects that are being followed.
    pub tracks: Vec<TrackDto>,
    /// Milliseconds spent on this picture, by stage; stages that took none are absent.
    #[schema(example = json!({ "decode": 2.1, "infer": 6.8 }))]
    pub timings_ms: BTreeMap<&'static str, f64>,
}

/// Which picture, and when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Frame)]
pub struct FrameDto {
    /// Its number in its stream, from 0.
    pub seq: u64,
    /// When it was captured.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub time: String,
    /// The same in milliseconds since 1970.
    pub time_ms: i64,
    /// How the time is known: `arrival` of its packet here, or `sender_report` of the camera.
    pub time_source: &'static str,
    /// Its place on the stream's own clock, in milliseconds.
    pub media_ms: f64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// A box, in fractions of the picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Box)]
pub struct BoxDto {
    /// Left edge, from 0 (left) to 1 (right).
    pub left: f32,
    /// Top edge, from 0 (top) to 1 (bottom).
    pub top: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// One object in one picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Detection)]
pub struct DetectionDto {
    /// What.
    #[schema(example = "person")]
    pub class: String,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
    /// Where.
    #[serde(rename = "box")]
    pub rect: BoxDto,
}

/// An object that is being followed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Track)]
pub struct TrackDto {
    /// Its number, unique within its camera while the process runs.
    #[schema(example = "17")]
    pub id: String,
    /// What it is.
    #[schema(example = "person")]
    pub class: String,
    /// `tentative` (too new to count), `confirmed`, or `coasting` (not seen in this picture:
    /// its box is a prediction).
    pub state: &'static str,
    /// Score of its newest detection, 0 to 1.
    pub score: f32,
    /// Where.
    #[serde(rename = "box")]
    pub rect: BoxDto,
}

impl From<&Analysis> for AnalysisDto {
    fn from(analysis: &Analysis) -> Self {
        let spent = |stage: Stage| analysis.timings.get(stage);
        Self {
            camera: analysis.camera.as_str().to_owned(),
            frame: (&analysis.frame).into(),
            detections: analysis.detections.iter().map(DetectionDto::from).collect(),
            tracks: analysis.tracks.iter().map(TrackDto::from).collect(),
            timings_ms: Stage::ALL
                .into_iter()
                .filter(|stage| !spent(*stage).is_zero())
                .map(|stage| (stage.as_str(), millis(spent(stage))))
                .collect(),
        }
    }
}

impl From<&FrameStamp> for FrameDto {
    fn from(frame: &FrameStamp) -> Self {
        Self {
            seq: frame.seq,
            time: frame.wall.to_string(),
            time_ms: frame.wall.as_millis(),
            time_source: match frame.wall_source {
                WallSource::Arrival => "arrival",
                WallSource::SenderReport => "sender_report",
            },
            media_ms: frame.media.as_nanos() as f64 / 1e6,
            width: frame.size.width,
            height: frame.size.height,
        }
    }
}

impl From<&Rect> for BoxDto {
    fn from(rect: &Rect) -> Self {
        Self { left: rect.left, top: rect.top, width: rect.width, height: rect.height }
    }
}

impl From<&Detection> for DetectionDto {
    fn from(detection: &Detection) -> Self {
        Self {
            class: detection.class.as_str().to_owned(),
            score: detection.score,
            rect: (&detection.rect).into(),
        }
    }
}

impl From<&Track> for TrackDto {
    fn from(track: &Track) -> Self {
        Self {
            id: track.id.to_string(),
            class: track.class.as_str().to_owned(),
            state: match track.state {
                TrackState::Tentative => "tentative",
                TrackState::Confirmed => "confirmed",
                TrackState::Coasting => "coasting",
            },
            score: track.score,
            rect: (&track.rect).into(),
        }
    }
}
