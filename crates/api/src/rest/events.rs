//! `/api/v1/events`: what happened, filtered, page by page.

use axum::Json;
use axum::extract::{Path, State};
use omma_store::{EventQuery, MAX_PAGE, Order};
use omma_types::{ClassName, EventId, EventKind, TrackId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::dto::{ErrorBody, EventDto, EventPageDto};
use crate::error::{ApiError, ApiResult};
use crate::params::{self, Params, within};
use crate::server::App;

/// Which events are wanted; each filter narrows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Of any of these cameras: `door,yard`.
    cameras: Option<String>,
    /// Of any of these kinds: `line_crossed`, `zone_entered`, `zone_left`, `zone_dwelled`,
    /// `camera_state`.
    kinds: Option<String>,
    /// Of this line or zone.
    rule: Option<String>,
    /// About an object of this class.
    class: Option<String>,
    /// About this track. Its number is unique only within a camera and until the next start.
    track: Option<u64>,
    /// With at least this score, 0 to 1.
    min_score: Option<f32>,
    /// At this time or later: RFC 3339, or milliseconds since 1970.
    from: Option<String>,
    /// Before this time: RFC 3339, or milliseconds since 1970.
    to: Option<String>,
    /// With a higher sequence number.
    after_seq: Option<i64>,
    /// With a lower sequence number.
    before_seq: Option<i64>,
    /// At most so many: 1 to 1000, 100 if not given.
    limit: Option<u32>,
    /// `newest` first (the default) or `oldest` first.
    order: Option<String>,
}

/// Events
///
/// Page by page: newest first, pass the answer's `next` as `before_seq`; oldest first, pass it
/// as `after_seq`. To follow events without gaps, ask oldest first with the highest sequence
/// number seen so far as `after_seq`.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "list_events", tag = "events",
    params(EventParams),
    responses(
        (status = 200, description = "A page of events", body = EventPageDto),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<EventParams>,
) -> ApiResult<Json<EventPageDto>> {
    let order = match params.order.as_deref() {
        None => Order::Newest,
        Some(text) => match params::word("order", text, &["newest", "oldest"])? {
            "oldest" => Order::Oldest,
            _ => Order::Newest,
        },
    };
    let (from, to) = params::span(params.from.as_deref(), params.to.as_deref())?;
    let query = EventQuery {
        cameras: params::cameras(&app.handle, params.cameras.as_deref()).await?,
        kinds: params::words("kinds", params.kinds.as_deref(), &EventKind::WORDS)?,
        rule: params.rule,
        class: params.class.as_deref().map(ClassName::new),
        track: params.track.map(TrackId),
        min_score: params
            .min_score
            .map(|score| within("min_score", score, 0.0, 1.0))
            .transpose()?,
        from,
        to,
        after_seq: params.after_seq,
        before_seq: params.before_seq,
        limit: within("limit", params.limit.unwrap_or(100), 1, MAX_PAGE)?,
        order,
    };
    Ok(Json(app.handle.store().events(&query).await?.into()))
}

/// One event
#[utoipa::path(
    get, path = "/api/v1/events/{id}", operation_id = "get_event", tag = "events",
    params(("id" = String, Path, description = "The event's id, a ULID")),
    responses(
        (status = 200, description = "The event", body = EventDto),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 404, description = "No such event", body = ErrorBody),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> ApiResult<Json<EventDto>> {
    let id: EventId = id.parse().map_err(|_not_an_id| {
        ApiError::invalid("not an event's id", "an id has 26 letters and digits (a ULID)")
    })?;
    match app.handle.store().event(id).await? {
        Some(stored) => Ok(Json((&stored).into())),
        None => Err(ApiError::not_found(
            format!("there is no event {id}"),
            "it was never there, or is old and was forgotten",
        )),
    }
}
