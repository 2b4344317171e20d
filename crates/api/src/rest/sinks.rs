//! `/api/v1/sinks`: how events reach other systems, and having them delivered once more.

use axum::Json;
use axum::extract::{Path, State};

use crate::dto::{
    DeadEventDto, DeadQuery, ErrorBody, ReplayDto, ReplayedDto, RevivedEventsDto, SinkDto,
};
use crate::error::{ApiError, ApiResult};
use crate::params::{JsonBody, Params};
use crate::server::App;

/// What is listed where nothing is said.
const USUAL: u32 = 100;

/// The most that one answer lists.
const MOST: u32 = 1000;

/// All sinks of events
#[utoipa::path(
    get, path = "/api/v1/sinks", operation_id = "list_sinks", tag = "sinks",
    responses((status = 200, description = "Each sink and how it does", body = Vec<SinkDto>))
)]
pub(crate) async fn list(State(app): State<App>) -> ApiResult<Json<Vec<SinkDto>>> {
    Ok(Json(app.handle.sinks().await?.into_iter().map(Into::into).collect()))
}

/// Deliver events once more
///
/// All from the given sequence number on, in order. Readers know repeated ones by their `id`.
#[utoipa::path(
    post, path = "/api/v1/sinks/{name}/replay", operation_id = "replay_sink", tag = "sinks",
    params(("name" = String, Path, description = "The sink's name")),
    request_body = ReplayDto,
    responses(
        (status = 200, description = "From where on it delivers now", body = ReplayedDto),
        (status = 400, description = "No sequence number", body = ErrorBody),
        (status = 404, description = "No such sink", body = ErrorBody),
    )
)]
pub(crate) async fn replay(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(replay): JsonBody<ReplayDto>,
) -> ApiResult<Json<ReplayedDto>> {
    if replay.from < 0 {
        return Err(ApiError::invalid(
            format!("`from` is {}, and sequence numbers begin at 1", replay.from),
            "give the sequence number (`seq`) of the first event to be delivered once more",
        ));
    }
    let cursor = app.handle.replay_sink(&name, replay.from).await?;
    Ok(Json(ReplayedDto { cursor, newest: app.handle.store().last_seq().await? }))
}

/// Events that a sink's target refused
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/sinks/{name}/dead", operation_id = "list_dead_events", tag = "sinks",
    params(("name" = String, Path, description = "The sink's name"), DeadQuery),
    responses(
        (status = 200, description = "What was put aside, and why", body = Vec<DeadEventDto>),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such sink", body = ErrorBody),
    )
)]
pub(crate) async fn dead(
    State(app): State<App>,
    Path(name): Path<String>,
    Params(query): Params<DeadQuery>,
) -> ApiResult<Json<Vec<DeadEventDto>>> {
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::invalid(format!("limit {limit}"), format!("give 1 to {MOST}")));
    }
    let dead = app.handle.sink_dead(&name, limit).await?;
    Ok(Json(dead.into_iter().map(Into::into).collect()))
}

/// Deliver refused events once more
///
/// In front of those that wait.
#[utoipa::path(
    post, path = "/api/v1/sinks/{name}/dead/revive", operation_id = "revive_dead_events",
    tag = "sinks", params(("name" = String, Path, description = "The sink's name")),
    responses(
        (status = 200, description = "How many there are", body = RevivedEventsDto),
        (status = 404, description = "No such sink", body = ErrorBody),
    )
)]
pub(crate) async fn revive(
    State(app): State<App>,
    Path(name): Path<String>,
) -> ApiResult<Json<RevivedEventsDto>> {
    Ok(Json(RevivedEventsDto { revived: app.handle.revive_sink(&name).await? }))
}
