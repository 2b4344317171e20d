//! `/api/v1/events`: what happened, filtered, page by page.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use omma_engine::Handle;
use omma_store::{EventPage, EventQuery, MAX_PAGE, Order, StoredEvent};
use omma_types::{CameraId, ClassName, EventId, EventKind, TrackId, WallTime};
use serde::Deserialize;
use utoipa::IntoParams;

use super::recordings;
use crate::accounts::Caller;
use crate::dto::{ErrorBody, EventDto, EventPageDto};
use crate::error::{ApiError, ApiResult};
use crate::footage::{self, Film};
use crate::params::{self, Params, within};
use crate::server::App;

/// Footage before an event that is shown where the camera's settings say nothing.
const BEFORE: Duration = Duration::from_secs(5);

/// The same after it.
const AFTER: Duration = Duration::from_secs(10);

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
    /// `true`: that somebody has looked at. `false`: that nobody has.
    reviewed: Option<bool>,
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
    caller: Caller,
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
    let cameras = params::cameras(&app.handle, &caller, params.cameras.as_deref()).await?;
    let Some(cameras) = caller.among(cameras) else {
        return Ok(Json(EventPageDto { events: Vec::new(), next: None }));
    };
    let query = EventQuery {
        cameras,
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
        reviewed: params.reviewed,
        live_only: false,
        limit: within("limit", params.limit.unwrap_or(100), 1, MAX_PAGE)?,
        order,
    };
    let EventPage { events, next } = app.handle.store().events(&query).await?;
    Ok(Json(EventPageDto { events: with_links(&app.handle, events).await?, next }))
}

/// Events with the addresses of their pictures and footage.
async fn with_links(handle: &Handle, events: Vec<StoredEvent>) -> ApiResult<Vec<EventDto>> {
    let times: Vec<(CameraId, WallTime)> =
        events.iter().map(|stored| (stored.event.camera.clone(), stored.event.wall)).collect();
    let clips = handle.recordings().cover(&times).await?;
    let ids: Vec<EventId> = events.iter().map(|stored| stored.event.id).collect();
    let marks = handle.store().event_marks(&ids).await?;
    let handle = handle.clone();
    // Whether there are pictures, the disk is asked.
    let linked = tokio::task::spawn_blocking(move || {
        let linked = events.iter().zip(clips).map(|(stored, clip)| {
            let snapshot = handle.has_snapshot(&stored.event);
            let mark = marks.get(&stored.event.id).copied().unwrap_or_default();
            EventDto::from(stored).with_snapshot(snapshot).with_clip(clip).with_mark(mark)
        });
        linked.collect()
    });
    linked.await.map_err(|_panic| ApiError::internal("looking for pictures panicked; see the log"))
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
    KnownEvent(stored): KnownEvent,
) -> ApiResult<Json<EventDto>> {
    let mut linked = with_links(&app.handle, vec![stored]).await?;
    linked.pop().map(Json).ok_or_else(|| ApiError::internal("an event was lost on its way"))
}

/// The event that the path names, if the caller may see its camera.
pub(crate) struct KnownEvent(pub(crate) StoredEvent);

impl FromRequestParts<App> for KnownEvent {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let Path(id) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|rejection| ApiError::invalid(rejection.body_text(), AN_ID))?;
        let (id, caller) = (event_id(&id)?, Caller::from_request_parts(parts, app).await?);
        let none = || {
            let hint = "it was never there, or is old and was forgotten";
            ApiError::not_found(format!("there is no event {id}"), hint)
        };
        let found = app.handle.store().event(id).await?;
        found.filter(|stored| caller.may_see(&stored.event.camera)).map(Self).ok_or_else(none)
    }
}

const AN_ID: &str = "an id has 26 letters and digits (a ULID)";

/// An event's id.
pub(crate) fn event_id(text: &str) -> ApiResult<EventId> {
    text.parse().map_err(|_not_an_id| ApiError::invalid("not an event's id", AN_ID))
}

/// How footage is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClipParams {
    /// `people`: hide people in it, and encode it anew.
    redact: Option<String>,
}

/// The footage around an event
///
/// As `recording.mp4` gives it, from some seconds before the event to some seconds after it: as
/// the camera's `record` says (`before`, `after`), or else 5 s and 10 s. `redact=people` as
/// there.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/clip.mp4", operation_id = "get_event_clip", tag = "events",
    params(("id" = String, Path, description = "The event's id, a ULID"), ClipParams),
    responses(
        (status = 200, description = "The footage", content_type = "video/mp4", body = Film),
        (status = 206, description = "The part of it that was asked for",
            content_type = "video/mp4", body = Film),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 404, description = "No such event, or nothing was recorded", body = ErrorBody),
        (status = 409, description = "The camera's stream changed within this time, or there is \
            no model that finds people", body = ErrorBody),
        (status = 416, description = "The part lies behind the end", body = ErrorBody),
        (status = 503, description = "As many redacted films as may are being made",
            body = ErrorBody),
    )
)]
pub(crate) async fn clip(
    State(app): State<App>,
    KnownEvent(stored): KnownEvent,
    Params(params): Params<ClipParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let event = stored.event;
    let config = app.handle.config().await;
    let record = config.camera(&event.camera).and_then(|camera| camera.record.clone());
    let (before, after) = record.map_or((BEFORE, AFTER), |record| (record.before, record.after));
    let recordings = app.handle.recordings();
    let (from, to) = (event.wall - before, event.wall + after);
    let footage = recordings.export(&event.camera, from, to).await?;
    recordings::answer(&app, footage, params.redact.as_deref(), &headers).await
}

/// The picture of an event
///
/// The moment at which the event's object was seen best until then, with its box.
#[utoipa::path(
    get, path = "/api/v1/events/{id}/snapshot.jpg", operation_id = "get_event_snapshot",
    tag = "events",
    params(("id" = String, Path, description = "The event's id, a ULID")),
    responses(
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Film),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 404, description = "No such event, or there is no picture of it",
            body = ErrorBody),
    )
)]
pub(crate) async fn snapshot(
    State(app): State<App>,
    KnownEvent(stored): KnownEvent,
) -> ApiResult<Response> {
    let event = stored.event;
    match app.handle.event_snapshot(&event).await? {
        Some(bytes) => Ok(footage::picture(bytes, None)),
        None => Err(ApiError::not_found(
            format!("there is no picture of event {}", event.id),
            "it is about no object, or is old and its picture was removed",
        )),
    }
}
