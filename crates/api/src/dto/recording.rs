//! When there is footage.

use omma_engine::{FootageList, RingReport};
use omma_types::{CameraId, WallTime};
use serde::Serialize;
use utoipa::ToSchema;

/// When a camera has footage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recordings)]
pub struct RecordingsDto {
    /// The camera.
    pub camera: String,
    /// Footage without gaps, in the order of time, cut to the time that was asked for.
    pub ranges: Vec<FootageRangeDto>,
    /// When there is none, between the ranges and at the ends of the time that was asked for.
    pub gaps: Vec<SpanDto>,
    /// Length of all files of this time.
    pub bytes: u64,
    /// Where all footage of the camera begins; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// The same in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<i64>,
    /// Where the footage of this time ends; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// The same in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_ms: Option<i64>,
}

/// Footage without a gap.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FootageRange)]
pub struct FootageRangeDto {
    /// Its beginning and end.
    #[serde(flatten)]
    pub span: SpanDto,
    /// Length of its files.
    pub bytes: u64,
    /// Number of its files.
    pub segments: u64,
}

/// A span of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Span)]
pub struct SpanDto {
    /// Where it begins.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub from: String,
    /// Where it ends.
    #[schema(example = "2026-11-20T09:31:00.250Z")]
    pub to: String,
    /// Where it begins, in milliseconds since 1970.
    pub from_ms: i64,
    /// Where it ends, in milliseconds since 1970.
    pub to_ms: i64,
}

/// What is still in a camera's memory.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub struct HistoryDto {
    /// The camera.
    pub camera: String,
    /// From its oldest to its newest picture; absent where there is none.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub span: Option<SpanDto>,
    /// Number of pictures.
    pub pictures: usize,
    /// How many of them are keyframes.
    pub keyframes: usize,
    /// Length of their data.
    pub bytes: usize,
}

impl SpanDto {
    fn new(from: WallTime, to: WallTime) -> Self {
        Self {
            from: from.to_string(),
            to: to.to_string(),
            from_ms: from.as_millis(),
            to_ms: to.as_millis(),
        }
    }
}

impl RecordingsDto {
    pub(crate) fn new(camera: &CameraId, list: &FootageList) -> Self {
        let ranges = list.timeline.ranges.iter().map(|range| FootageRangeDto {
            span: SpanDto::new(range.from, range.to),
            bytes: range.bytes,
            segments: range.segments,
        });
        let gaps = list.timeline.gaps.iter().map(|(from, to)| SpanDto::new(*from, *to));
        let text = |time: Option<WallTime>| time.map(|time| time.to_string());
        Self {
            camera: camera.to_string(),
            ranges: ranges.collect(),
            gaps: gaps.collect(),
            bytes: list.timeline.bytes,
            oldest: text(list.oldest),
            oldest_ms: list.oldest.map(WallTime::as_millis),
            newest: text(list.newest),
            newest_ms: list.newest.map(WallTime::as_millis),
        }
    }
}

impl HistoryDto {
    pub(crate) fn new(camera: &CameraId, ring: &RingReport) -> Self {
        Self {
            camera: camera.to_string(),
            span: ring.start.zip(ring.end).map(|(start, end)| SpanDto::new(start, end)),
            pictures: ring.pictures,
            keyframes: ring.keyframes,
            bytes: ring.bytes,
        }
    }
}
