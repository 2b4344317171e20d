//! What stored tracks tell: what a line would have counted before it was drawn, and where people
//! walked.

use axum::Json;
use axum::extract::State;
use omma_types::ClassName;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::dto::{
    BackfillQuestionDto, BackfilledDto, ErrorBody, HeatMapDto, PreviewDto, PreviewQuestionDto,
};
use crate::error::{ApiError, ApiResult};
use crate::params::{self, JsonBody, Name, Params, within};
use crate::server::App;

/// Events in a preview, at most.
const MOST_EVENTS: u32 = 1000;

/// Fields in a row of a heat map, and rows, at most.
const MOST_FIELDS: usize = 256;

/// Try lines and zones on the past
///
/// What they would have counted, before they are saved: over the stored tracks of this time, by
/// the code that counts live. Nothing is kept.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/preview", operation_id = "preview_rules",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    request_body = PreviewQuestionDto,
    responses(
        (status = 200, description = "What they would have counted", body = PreviewDto),
        (status = 400, description = "A line, a zone or the time makes no sense",
            body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 409, description = "Tracks are not kept", body = ErrorBody),
    )
)]
pub(crate) async fn preview(
    State(app): State<App>,
    Name(camera): Name,
    JsonBody(question): JsonBody<PreviewQuestionDto>,
) -> ApiResult<Json<PreviewDto>> {
    let limit = within("limit", question.limit.unwrap_or(100), 0, MOST_EVENTS)?;
    let span = (params::time("from", &question.from)?, params::time("to", &question.to)?);
    let rules = (Value::Object(question.lines), Value::Object(question.zones));
    let preview = app.handle.preview(&camera, rules, span, limit as usize).await?;
    Ok(Json(preview.into()))
}

/// Have a line or zone count the past
///
/// Over the stored tracks of this time, by the code that counts live. The events are marked
/// (`counted: "later"`), counts tell how many of them are such (`later`), and sinks are not told.
/// Counting a time again replaces what was counted of it so before.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/backfill", operation_id = "backfill_counts",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    request_body = BackfillQuestionDto,
    responses(
        (status = 200, description = "It has counted", body = BackfilledDto),
        (status = 400, description = "The time makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera, line or zone", body = ErrorBody),
        (status = 409, description = "It has counted live in this time, or tracks are not kept",
            body = ErrorBody),
    )
)]
pub(crate) async fn backfill(
    State(app): State<App>,
    Name(camera): Name,
    JsonBody(question): JsonBody<BackfillQuestionDto>,
) -> ApiResult<Json<BackfilledDto>> {
    let from = params::time("from", &question.from)?;
    let to = question.to.as_deref().map(|to| params::time("to", to)).transpose()?;
    let done = app.handle.backfill(&camera, &question.rule, from, to).await?;
    Ok(Json(done.into()))
}

/// Where, and when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeatParams {
    /// From this time on: RFC 3339, or milliseconds since 1970.
    from: String,
    /// Before this time; at most 31 days later.
    to: String,
    /// Of objects of this class; of all if not given.
    class: Option<String>,
    /// Fields in a row: 1 to 256, 32 if not given.
    columns: Option<usize>,
    /// Rows: 1 to 256, 18 if not given.
    rows: Option<usize>,
}

/// Where people walked
///
/// For how long feet were in each field of a grid over the picture.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/heatmap", operation_id = "get_heat_map", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name"), HeatParams),
    responses(
        (status = 200, description = "The grid", body = HeatMapDto),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 409, description = "Tracks are not kept", body = ErrorBody),
    )
)]
pub(crate) async fn heat(
    State(app): State<App>,
    Name(camera): Name,
    Params(params): Params<HeatParams>,
) -> ApiResult<Json<HeatMapDto>> {
    let columns = within("columns", params.columns.unwrap_or(32), 1, MOST_FIELDS)?;
    let rows = within("rows", params.rows.unwrap_or(18), 1, MOST_FIELDS)?;
    let span = params::span(Some(&params.from), Some(&params.to))?;
    let (Some(from), Some(to)) = span else {
        return Err(ApiError::internal("a span of time was lost on its way"));
    };
    let classes = params.class.as_deref().map(ClassName::new).into_iter().collect();
    let heat = app.handle.heat(&camera, (columns, rows), classes, (from, to)).await?;
    Ok(Json(HeatMapDto::new(&heat, from, to)))
}
