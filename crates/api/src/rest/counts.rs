//! `/api/v1/counts`: how often things happened, in spans of time.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use omma_store::CountQuery;
use omma_types::ClassName;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::accounts::Caller;
use crate::dto::{CountRowDto, CountRowsDto, ErrorBody};
use crate::error::ApiResult;
use crate::params::{self, Params};
use crate::server::App;

/// Which counts are wanted; each filter narrows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountParams {
    /// Of any of these cameras: `door,yard`.
    cameras: Option<String>,
    /// Of this line or zone.
    rule: Option<String>,
    /// Of objects of this class.
    class: Option<String>,
    /// Of this kind: `line_crossed`, `zone_entered`, `zone_left`, `zone_dwelled`.
    kind: Option<String>,
    /// Of crossings this way: `forward` or `backward`.
    direction: Option<String>,
    /// From this time on, rounded down to the minute: RFC 3339, or milliseconds since 1970.
    from: Option<String>,
    /// Before this time, rounded up to the minute: RFC 3339, or milliseconds since 1970.
    to: Option<String>,
    /// Divided into spans: `minute`, `hour`, `day`, `month`, or a number with `m`, `h` or `d` like
    /// `5m`. Spans begin at multiples of their length since 1970 in UTC. Without it: one sum.
    bucket: Option<String>,
    /// `json` or `csv`; without it, what `Accept` asks for.
    format: Option<String>,
}

/// Counts by line or zone, direction, class and time
///
/// Counts stay when the events behind them are forgotten. An answer of more than 50,000 rows
/// is refused.
#[utoipa::path(
    get, path = "/api/v1/counts", operation_id = "list_counts", tag = "events",
    params(CountParams),
    responses(
        (status = 200, description = "The counts", content(
            (CountRowsDto = "application/json"),
            (String = "text/csv"),
        )),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CountParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let is_csv = match params.format.as_deref() {
        Some(format) => params::word("format", format, &["json", "csv"])? == "csv",
        None => wants_csv(&headers),
    };
    let (from, to) = params::span(params.from.as_deref(), params.to.as_deref())?;
    let cameras = params::cameras(&app.handle, &caller, params.cameras.as_deref()).await?;
    let cameras = caller.among(cameras);
    let sees_none = cameras.is_none();
    let query = CountQuery {
        cameras: cameras.unwrap_or_default(),
        rule: params.rule,
        class: params.class.as_deref().map(ClassName::new),
        kind: params.kind.as_deref().map(params::kind).transpose()?,
        direction: params.direction.as_deref().map(params::direction).transpose()?,
        from,
        to,
        bucket: params.bucket.as_deref().map(params::bucket).transpose()?,
    };
    let rows = if sees_none { Vec::new() } else { app.handle.store().counts(&query).await? };
    let rows = CountRowsDto { counts: rows.into_iter().map(CountRowDto::from).collect() };
    if !is_csv {
        return Ok(Json(rows).into_response());
    }
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"counts.csv\"");
    Ok(([kind, name], rows.to_csv()).into_response())
}

/// Whether the first thing that the asker takes is a table.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("text/csv"))
}
