//! `/api/v1/logs`: what Omma says of itself.

use axum::Json;
use axum::extract::State;
use tracing::Level;

use crate::dto::{ErrorBody, LogEntryDto, LogParams, LogsDto};
use crate::error::{ApiError, ApiResult};
use crate::journal::{Entry, Filter};
use crate::params::{self, Params};
use crate::server::App;

const USUAL_LIMIT: usize = 200;
const MAX_LIMIT: usize = 1000;

const LEVELS: [(&str, Level); 5] = [
    ("trace", Level::TRACE),
    ("debug", Level::DEBUG),
    ("info", Level::INFO),
    ("warn", Level::WARN),
    ("error", Level::ERROR),
];

/// The newest of the log
///
/// As much as is kept in memory: some thousand entries since the start.
#[utoipa::path(
    get, path = "/api/v1/logs", operation_id = "list_logs", tag = "system", params(LogParams),
    responses(
        (status = 200, description = "The entries", body = LogsDto),
        (status = 400, description = "A filter makes no sense", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(asked): Params<LogParams>,
) -> ApiResult<Json<LogsDto>> {
    let word =
        params::word("level", asked.level.as_deref().unwrap_or("info"), &LEVELS.map(|l| l.0))?;
    let level = LEVELS.iter().find(|(name, _)| *name == word).map_or(Level::INFO, |(_, l)| *l);
    let limit = asked.limit.unwrap_or(USUAL_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid("`limit` is not within 1 to 1000", "200 if left out"));
    }
    let filter = Filter {
        level,
        part: asked.part,
        camera: asked.camera,
        text: asked.text.map(|text| text.to_lowercase()),
        before: asked.before,
        after: asked.after,
        limit,
    };
    let (entries, dropped) = app.journal.read(&filter);
    Ok(Json(LogsDto { entries: entries.iter().map(|kept| entry(kept)).collect(), dropped }))
}

fn entry(entry: &Entry) -> LogEntryDto {
    let level = LEVELS.iter().find(|(_, level)| *level == entry.level).map_or("info", |l| l.0);
    LogEntryDto {
        seq: entry.seq,
        time_ms: entry.at.as_millis(),
        time: entry.at.to_string(),
        level,
        part: entry.part.clone(),
        message: entry.message.clone(),
        fields: entry.fields.clone(),
    }
}
