//! What people say of events, and how far counts can be trusted by that.

use axum::Json;
use axum::extract::State;
use omma_store::Verdict;
use omma_types::{Clock as _, SystemClock};

use super::events::KnownEvent;
use crate::dto::{ErrorBody, PrecisionDto, PrecisionsDto, VerdictDto, VerdictQuestionDto};
use crate::error::{ApiError, ApiResult};
use crate::params::{self, JsonBody, Name};
use crate::server::App;

/// Say whether an event happened
///
/// Only of events of lines and zones. What was said stays when the event is forgotten.
#[utoipa::path(
    put, path = "/api/v1/events/{id}/verdict", operation_id = "put_verdict", tag = "events",
    params(("id" = String, Path, description = "The event's id, a ULID")),
    request_body = VerdictQuestionDto,
    responses(
        (status = 200, description = "It is kept", body = VerdictDto),
        (status = 400, description = "Not an id, no such verdict, or an event of the camera itself",
            body = ErrorBody),
        (status = 404, description = "No such event", body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    KnownEvent(stored): KnownEvent,
    JsonBody(question): JsonBody<VerdictQuestionDto>,
) -> ApiResult<Json<VerdictDto>> {
    let verdict = match params::word("verdict", &question.verdict, &["right", "wrong", "none"])? {
        "right" => Some(Verdict::Right),
        "wrong" => Some(Verdict::Wrong),
        _ => None,
    };
    if !app.handle.store().set_verdict(stored.event.id, verdict, SystemClock.wall()).await? {
        let hint = "only events of lines and zones can be right or wrong";
        return Err(ApiError::invalid("this event is of the camera itself", hint));
    }
    Ok(Json(VerdictDto { verdict: verdict.map(Verdict::as_str) }))
}

/// What was said of an event
#[utoipa::path(
    get, path = "/api/v1/events/{id}/verdict", operation_id = "get_verdict", tag = "events",
    params(("id" = String, Path, description = "The event's id, a ULID")),
    responses(
        (status = 200, description = "What was said", body = VerdictDto),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 404, description = "No such event", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    KnownEvent(stored): KnownEvent,
) -> ApiResult<Json<VerdictDto>> {
    let verdict = app.handle.store().verdict(stored.event.id).await?;
    Ok(Json(VerdictDto { verdict: verdict.map(Verdict::as_str) }))
}

/// How far a camera's counts can be trusted
///
/// By what people said of its events: the part of them that happened, and how many that makes,
/// each with the interval in which it lies with a probability of 95 %.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/precision", operation_id = "get_precision",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    responses((status = 200, description = "By line or zone, and kind", body = PrecisionsDto))
)]
pub(crate) async fn precision(
    State(app): State<App>,
    Name(camera): Name,
) -> ApiResult<Json<PrecisionsDto>> {
    let said = app.handle.store().precision(&camera).await?;
    Ok(Json(PrecisionsDto { precision: said.into_iter().map(PrecisionDto::from).collect() }))
}
