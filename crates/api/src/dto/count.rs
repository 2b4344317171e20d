//! Counts in spans of time.

use omma_store::CountRow;
use omma_types::Direction;
use serde::Serialize;
use utoipa::ToSchema;

use super::millis;

/// Counts in spans of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CountRows)]
pub struct CountRowsDto {
    /// Ordered by time, camera, line or zone, kind, direction and class. Where nothing
    /// happened, there is no row.
    pub counts: Vec<CountRowDto>,
}

/// How often one thing happened in one span of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CountRow)]
pub struct CountRowDto {
    /// When the span begins; absent when no bucket was asked for.
    #[schema(example = "2026-11-20T09:00:00.000Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The same in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<i64>,
    /// The camera.
    pub camera: String,
    /// The line or zone.
    pub rule: String,
    /// `line_crossed`, `zone_entered`, `zone_left` or `zone_dwelled`.
    #[schema(example = "line_crossed")]
    pub kind: &'static str,
    /// `forward` or `backward`; for `line_crossed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<&'static str>,
    /// What the objects are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How often.
    pub count: u64,
    /// Sum of the visits' lengths in milliseconds; for `zone_left`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_total_ms: Option<f64>,
}

impl From<CountRow> for CountRowDto {
    fn from(row: CountRow) -> Self {
        Self {
            start: row.bucket_start.map(|start| start.to_string()),
            start_ms: row.bucket_start.map(|start| start.as_millis()),
            camera: row.camera.as_str().to_owned(),
            rule: row.rule,
            kind: row.kind,
            direction: row.direction.map(Direction::as_str),
            class: row.class.map(|class| class.as_str().to_owned()),
            count: row.count,
            dwell_total_ms: (row.kind == "zone_left").then(|| millis(row.dwell_total)),
        }
    }
}
