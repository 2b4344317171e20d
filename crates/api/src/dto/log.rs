//! What Omma says of itself while it runs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// The least level: `trace`, `debug`, `info` (the default), `warn` or `error`. What was not
    /// logged (`--log`) is not here either.
    pub level: Option<String>,
    /// Only of this part of Omma and what is within it, like `omma_media` or `omma_engine::sinks`.
    pub part: Option<String>,
    /// Only of this camera.
    pub camera: Option<String>,
    /// Only what holds this text, upper and lower case being the same.
    pub text: Option<String>,
    /// At most so many: 1 to 1000; 200 if left out.
    pub limit: Option<usize>,
    /// Only before this entry: the newest of those.
    pub before: Option<u64>,
    /// Only after this entry: the oldest of those, so that none is left out when it is asked
    /// again with the last one's number.
    pub after: Option<u64>,
}

/// Some entries of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Logs)]
pub struct LogsDto {
    /// Oldest first.
    pub entries: Vec<LogEntryDto>,
    /// How many went since the start, to make room for newer ones.
    pub dropped: u64,
}

/// One entry of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub struct LogEntryDto {
    /// Its number: one higher than that of the one before.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// The same for people.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub time: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    #[schema(example = "warn")]
    pub level: &'static str,
    /// Which part of Omma says it.
    #[schema(example = "omma_engine::stream::supervisor")]
    pub part: String,
    /// What happened.
    #[schema(example = "the camera is offline")]
    pub message: String,
    /// What it is about, like `camera` and `error`.
    #[schema(value_type = Object, example = json!({ "camera": "entrance" }))]
    pub fields: Map<String, Value>,
}
