//! What people have looked at: events, and spans of time in which they counted what was missed.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use omma_store::{MAX_PAGE, MAX_REVIEWS, NewReview, Reviewing};
use omma_types::{CameraId, Clock as _, SystemClock};

use super::events::{KnownEvent, event_id};
use crate::accounts::Caller;
use crate::dto::{
    ErrorBody, NewReviewDto, ReviewDto, ReviewedDto, ReviewedEventsDto, ReviewedEventsQuestionDto,
    ReviewedQuestionDto, ReviewsDto,
};
use crate::error::{ApiError, ApiResult};
use crate::params::{self, JsonBody, Name, within};
use crate::server::App;

/// Kinds of events that can be missed.
const KINDS: [&str; 4] = ["line_crossed", "zone_entered", "zone_left", "zone_dwelled"];

/// Nobody looks through more at once.
const LONGEST: Duration = Duration::from_hours(24);

/// More than anybody counts in a day.
const MOST_MISSED: u32 = 1_000_000;

/// Say that somebody has looked at an event
///
/// Whoever says whether it happened has looked at it.
#[utoipa::path(
    put, path = "/api/v1/events/{id}/review", operation_id = "put_reviewed", tag = "events",
    params(("id" = String, Path, description = "The event's id, a ULID")),
    request_body = ReviewedQuestionDto,
    responses(
        (status = 200, description = "It is noted", body = ReviewedDto),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 404, description = "No such event", body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    KnownEvent(stored): KnownEvent,
    JsonBody(question): JsonBody<ReviewedQuestionDto>,
) -> ApiResult<Json<ReviewedDto>> {
    let ReviewedQuestionDto { reviewed } = question;
    let now = SystemClock.wall();
    app.handle.store().set_reviewed(&[stored.event.id], &[], reviewed, now).await?;
    Ok(Json(ReviewedDto { reviewed }))
}

/// Say that somebody has looked at several events
///
/// Those that there are not (any more) are passed over.
#[utoipa::path(
    post, path = "/api/v1/events/review", operation_id = "review_events", tag = "events",
    request_body = ReviewedEventsQuestionDto,
    responses(
        (status = 200, description = "It is noted", body = ReviewedEventsDto),
        (status = 400, description = "Not an id, or too many", body = ErrorBody),
    )
)]
pub(crate) async fn put_many(
    State(app): State<App>,
    caller: Caller,
    JsonBody(question): JsonBody<ReviewedEventsQuestionDto>,
) -> ApiResult<Json<ReviewedEventsDto>> {
    let ReviewedEventsQuestionDto { ids, reviewed } = question;
    if ids.len() > MAX_PAGE as usize {
        let message = format!("{} events at once are too many", ids.len());
        return Err(ApiError::invalid(message, format!("send at most {MAX_PAGE}")));
    }
    let ids = ids.iter().map(|id| event_id(id)).collect::<ApiResult<Vec<_>>>()?;
    let events = match caller.among(Vec::new()) {
        Some(cameras) => {
            let (store, now) = (app.handle.store(), SystemClock.wall());
            store.set_reviewed(&ids, &cameras, reviewed, now).await?
        }
        None => 0,
    };
    Ok(Json(ReviewedEventsDto { events, reviewed }))
}

/// Say what was missed in a span of time
///
/// Somebody has looked through all of it, called wrong what was wrong, and counted what
/// happened and was not counted. From that come `recall` and `corrected` of the camera's
/// `precision`.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/reviews", operation_id = "add_review", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    request_body = NewReviewDto,
    responses(
        (status = 201, description = "It is kept", body = ReviewDto),
        (status = 400, description = "A field makes no sense, or events of this time are \
            forgotten", body = ErrorBody),
        (status = 404, description = "No such camera, line or zone", body = ErrorBody),
        (status = 409, description = "Some of this time was looked through already, or there \
            are too many reviews", body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(app): State<App>,
    Name(camera): Name,
    JsonBody(new): JsonBody<NewReviewDto>,
) -> ApiResult<(StatusCode, Json<ReviewDto>)> {
    let kind = params::word("kind", &new.kind, &KINDS)?;
    let direction = match new.direction.as_deref() {
        None => None,
        Some(_) if kind != "line_crossed" => {
            let hint = "leave `direction` away: only crossings of lines have one";
            return Err(ApiError::invalid(format!("`{kind}` has no direction"), hint));
        }
        Some(word) => Some(params::direction(word)?),
    };
    let (from, to) = (params::time("from", &new.from)?, params::time("to", &new.to)?);
    let now = SystemClock.wall();
    if from >= to || to > now || to.since(from) > LONGEST {
        return Err(ApiError::invalid(
            "`from` and `to` are no time that somebody can have looked through",
            "`to` comes after `from`, at most a day, and not after now",
        ));
    }
    let missed = within("missed", new.missed, 0, MOST_MISSED)?;
    check_rule(&app, &camera, &new.rule).await?;
    let review = NewReview { camera: &camera, rule: &new.rule, kind, direction, from, to, missed };
    match app.handle.store().add_review(&review, now).await? {
        Reviewing::Kept(review) => Ok((StatusCode::CREATED, Json(review.into()))),
        Reviewing::Overlaps(other) => Err(ApiError::conflict(
            format!("{} to {} was looked through already", other.from, other.to),
            format!("remove review {} first, or choose another time", other.id),
        )),
        Reviewing::Forgotten { until } => Err(ApiError::invalid(
            format!("events before {until} are forgotten, so nobody can say which were right"),
            "look through a later time; `events.keep` in the configuration says how long events \
             are kept",
        )),
        Reviewing::Full => Err(ApiError::conflict(
            format!("there are {MAX_REVIEWS} reviews of camera `{camera}` already"),
            "remove old ones first",
        )),
    }
}

/// Whether the camera has, or had, this line or zone.
async fn check_rule(app: &App, camera: &CameraId, rule: &str) -> ApiResult<()> {
    let config = app.handle.config().await;
    let Some(configured) = config.camera(camera) else {
        return Err(ApiError::no_camera(camera.as_str(), None));
    };
    let lines = configured.lines.iter().map(|line| line.name().to_owned());
    let zones = configured.zones.iter().map(|zone| zone.name().to_owned());
    let names: Vec<String> = lines.chain(zones).collect();
    if names.iter().any(|name| name == rule) {
        return Ok(());
    }
    let message = format!("camera `{camera}` has no line or zone `{rule}`");
    Err(ApiError::not_found(message, format!("there are: {}", names.join(", "))))
}

/// What was looked through of a camera
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/reviews", operation_id = "list_reviews", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses((status = 200, description = "The newest span first", body = ReviewsDto))
)]
pub(crate) async fn list(
    State(app): State<App>,
    Name(camera): Name,
) -> ApiResult<Json<ReviewsDto>> {
    let reviews = app.handle.store().reviews(&camera).await?;
    Ok(Json(ReviewsDto { reviews: reviews.into_iter().map(ReviewDto::from).collect() }))
}

/// Take a review back
#[utoipa::path(
    delete, path = "/api/v1/cameras/{name}/reviews/{id}", operation_id = "remove_review",
    tag = "cameras",
    params(
        ("name" = String, Path, description = "The camera's name"),
        ("id" = i64, Path, description = "The review's number"),
    ),
    responses(
        (status = 204, description = "Taken back"),
        (status = 400, description = "Not a number", body = ErrorBody),
        (status = 404, description = "No such review", body = ErrorBody),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Path((camera, id)): Path<(String, i64)>,
) -> ApiResult<StatusCode> {
    let none = || {
        let message = format!("there is no review {id} of this camera");
        ApiError::not_found(message, format!("see /api/v1/cameras/{camera}/reviews"))
    };
    let name = CameraId::new(&camera).map_err(|_no_name| none())?;
    if !app.handle.store().remove_review(&name, id).await? {
        return Err(none());
    }
    Ok(StatusCode::NO_CONTENT)
}
