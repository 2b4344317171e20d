//! `/api/v1/cameras/{name}/recordings` and what hangs on it: when there is footage, and the
//! footage itself, as a file, as a playlist, and the last seconds as pictures.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use omma_engine::Footage;
use omma_types::{CameraId, Clock as _, SystemClock, WallTime};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::accounts::Caller;
use crate::dto::{ErrorBody, HistoryDto, RecordingsDto};
use crate::error::{ApiError, ApiResult};
use crate::footage::{self, Film};
use crate::params::{self, Camera, Params, within};
use crate::server::App;

/// How long a picture of the past is waited for.
const PICTURE_WITHIN: Duration = Duration::from_secs(10);

/// Quality of a picture of the past where none is asked for.
const QUALITY: u8 = 80;

/// A camera that is configured, or of which there is footage.
pub(crate) struct Recorded(pub(crate) CameraId);

impl FromRequestParts<App> for Recorded {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        // The path may hold more than the name.
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, app).await.map_err(
            |rejection| {
                let hint = "a camera's name is made of A-Z a-z 0-9 _ -";
                ApiError::invalid(rejection.body_text(), hint)
            },
        )?;
        let name = path.get("name").map(String::as_str).unwrap_or_default();
        let caller = Caller::from_request_parts(parts, app).await?;
        let known = caller.known(&app.handle);
        let id = CameraId::new(name).ok().filter(|id| caller.may_see(id));
        let Some(id) = id else { return Err(ApiError::no_camera(name, Some(&known))) };
        let is_known =
            known.contains(&id) || app.handle.recordings().cameras().await?.contains(&id);
        if is_known { Ok(Self(id)) } else { Err(ApiError::no_camera(name, Some(&known))) }
    }
}

/// A span of time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SpanParams {
    /// From this time on: RFC 3339, or milliseconds since 1970.
    from: Option<String>,
    /// Before this time: RFC 3339, or milliseconds since 1970. Not given: up to now.
    to: Option<String>,
}

impl SpanParams {
    /// Both ends, of which the first must be given.
    fn closed(&self) -> ApiResult<(WallTime, WallTime)> {
        let (from, to) = params::span(self.from.as_deref(), self.to.as_deref())?;
        let Some(from) = from else {
            let hint = "add `from` and `to`: RFC 3339, or milliseconds since 1970";
            return Err(ApiError::invalid("`from` is missing", hint));
        };
        let to = to.unwrap_or_else(|| SystemClock.wall());
        if from >= to {
            return Err(ApiError::invalid("`to` is not after `from`", "ask for a longer time"));
        }
        Ok((from, to))
    }
}

/// A span of time, and whether people are hidden.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilmParams {
    /// From this time on: RFC 3339, or milliseconds since 1970.
    from: Option<String>,
    /// Before this time: RFC 3339, or milliseconds since 1970. Not given: up to now.
    to: Option<String>,
    /// `people`: hide people in it, and encode it anew.
    redact: Option<String>,
}

/// Footage as it was recorded, or with people hidden where `redact` says so.
pub(crate) async fn answer(
    app: &App,
    footage: Footage,
    redact: Option<&str>,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    match redact {
        None => footage::answer(footage, headers),
        Some(word) => {
            params::word("redact", word, &["people"])?;
            footage::redacted(app.handle.redact(footage).await?).await
        }
    }
}

/// When a camera has footage
///
/// Also of cameras that are no longer configured. Without `from` and `to`: all footage. Less
/// than 0.2 s is no gap.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/recordings", operation_id = "list_recordings",
    tag = "recordings",
    params(("name" = String, Path, description = "The camera's name"), SpanParams),
    responses(
        (status = 200, description = "Ranges with footage and gaps", body = RecordingsDto),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Recorded(camera): Recorded,
    Params(params): Params<SpanParams>,
) -> ApiResult<Json<RecordingsDto>> {
    let span = params::span(params.from.as_deref(), params.to.as_deref())?;
    let list = app.handle.recordings().list(&camera, span, SystemClock.wall()).await?;
    Ok(Json(RecordingsDto::new(&camera, &list)))
}

/// Footage as one file
///
/// Fragmented MP4 from the keyframe at or before `from` up to `to`, with sound, copied and not
/// encoded anew. Time zero of the file is its creation time (also in
/// `com.apple.quicktime.creationdate`, to the millisecond, and in the header `x-omma-time-ms`);
/// gaps in the footage are gaps in its time stamps. What is still being written is given as far
/// as it is whole. Parts can be asked for with `Range`.
///
/// With `redact=people` everybody in it is hidden under black: it is decoded, people are looked
/// for with the camera's model or the usual one (number plates and faces too, where that knows
/// them), and it is encoded anew, without sound, while it is read. At most 10 minutes of footage,
/// two such films at once, no `Range`.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/recording.mp4", operation_id = "get_recording",
    tag = "recordings",
    params(("name" = String, Path, description = "The camera's name"), FilmParams),
    responses(
        (status = 200, description = "The footage", content_type = "video/mp4", body = Film),
        (status = 206, description = "The part of it that was asked for",
            content_type = "video/mp4", body = Film),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera, or no footage of this time; the message \
            says where the nearest is", body = ErrorBody),
        (status = 409, description = "The camera's stream changed within this time; the message \
            says when; or there is no model that finds people", body = ErrorBody),
        (status = 416, description = "The part lies behind the end", body = ErrorBody),
        (status = 503, description = "As many redacted films as may are being made",
            body = ErrorBody),
    )
)]
pub(crate) async fn film(
    State(app): State<App>,
    Recorded(camera): Recorded,
    Params(params): Params<FilmParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let FilmParams { from, to, redact } = params;
    let (from, to) = SpanParams { from, to }.closed()?;
    let footage = app.handle.recordings().export(&camera, from, to).await?;
    answer(&app, footage, redact.as_deref(), &headers).await
}

/// Footage as a playlist
///
/// HLS (RFC 8216) whose segments are the recorded files. A player can go anywhere in it.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/recording.m3u8", operation_id = "get_playlist",
    tag = "recordings",
    params(("name" = String, Path, description = "The camera's name"), SpanParams),
    responses(
        (status = 200, description = "The playlist",
            content_type = "application/vnd.apple.mpegurl", body = String),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera, or no footage of this time",
            body = ErrorBody),
    )
)]
pub(crate) async fn playlist(
    State(app): State<App>,
    Recorded(camera): Recorded,
    Params(params): Params<SpanParams>,
) -> ApiResult<Response> {
    let (from, to) = params.closed()?;
    let text = app.handle.recordings().playlist(&camera, from, to).await?;
    let kind = HeaderValue::from_static("application/vnd.apple.mpegurl");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// A recorded file
///
/// `ID.mp4` as it was recorded, or `ID_MICROSECONDS.mp4` with all its times that much later, as
/// playlists name it. Parts can be asked for with `Range`.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/recordings/{file}", operation_id = "get_recorded_file",
    tag = "recordings",
    params(
        ("name" = String, Path, description = "The camera's name"),
        ("file" = String, Path, description = "`ID.mp4` or `ID_MICROSECONDS.mp4`"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "video/mp4", body = Film),
        (status = 206, description = "The part of it that was asked for",
            content_type = "video/mp4", body = Film),
        (status = 404, description = "No such camera or file", body = ErrorBody),
        (status = 416, description = "The part lies behind the end", body = ErrorBody),
    )
)]
pub(crate) async fn file(
    State(app): State<App>,
    Recorded(camera): Recorded,
    Path((_, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let none = || {
        let shown: String = file.chars().take(64).collect();
        let hint = "it was never there, or is old and was removed; playlists name what is there";
        ApiError::not_found(format!("camera `{camera}` has no recorded file `{shown}`"), hint)
    };
    let (id, later) = recorded_name(&file).ok_or_else(none)?;
    let footage = app.handle.recordings().recorded_file(&camera, id, later).await?;
    footage::answer(footage.ok_or_else(none)?, &headers)
}

/// The id and the shift in a name like `17.mp4` or `17_60040000.mp4`.
fn recorded_name(name: &str) -> Option<(i64, Duration)> {
    let stem = name.strip_suffix(".mp4")?;
    let (id, later) = stem.split_once('_').unwrap_or((stem, "0"));
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok());
    Some((number(id)??, Duration::from_micros(number(later)??.try_into().ok()?)))
}

/// What is still in a camera's memory
///
/// The last seconds of every camera are kept in memory, recorded or not.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/history", operation_id = "get_history",
    tag = "recordings",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "From when to when, and how much", body = HistoryDto),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn history(
    State(app): State<App>,
    Camera(camera): Camera,
) -> ApiResult<Json<HistoryDto>> {
    let (_, ring) = app.handle.stream(&camera.id)?;
    Ok(Json(HistoryDto::new(&camera.id, &ring)))
}

/// A moment, and how it is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MomentParams {
    /// The moment: RFC 3339, or milliseconds since 1970.
    at: String,
    /// Wider pictures are made smaller, in pixels: 16 to 3840. Not given: as the camera's.
    width: Option<u32>,
    /// Quality of the JPEG, 1 to 100, 80 if not given.
    quality: Option<u8>,
}

/// A picture of a past moment
///
/// Out of the camera's memory: the first picture taken at `at` or later. The header
/// `x-omma-time-ms` says when it was taken.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/history.jpg", operation_id = "get_past_picture",
    tag = "recordings",
    params(("name" = String, Path, description = "The camera's name"), MomentParams),
    responses(
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Film),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera, or a moment that is not in its memory; the \
            hint says what is", body = ErrorBody),
    )
)]
pub(crate) async fn picture(
    State(app): State<App>,
    Camera(camera): Camera,
    Params(params): Params<MomentParams>,
) -> ApiResult<Response> {
    let at = params::time("at", &params.at)?;
    let width = params.width.map(|width| within("width", width, 16, 3840)).transpose()?;
    let quality = within("quality", params.quality.unwrap_or(QUALITY), 1, 100)?;
    let (_, ring) = app.handle.stream(&camera.id)?;
    let none = || {
        let hint = match (ring.start, ring.end) {
            (Some(start), Some(end)) => format!("it holds {start} to {end}"),
            _ => "it holds nothing at the moment".to_owned(),
        };
        let message = format!("camera `{}` has no picture of {at} in its memory", camera.id);
        ApiError::not_found(message, hint)
    };
    let (Some(start), Some(end)) = (ring.start, ring.end) else { return Err(none()) };
    if at < start || at > end {
        return Err(none());
    }
    let mut past = app.handle.history(&camera.id, at, end)?;
    let picture = match tokio::time::timeout(PICTURE_WITHIN, past.next()).await {
        Ok(Some(picture)) => picture?,
        Ok(None) | Err(_) => return Err(none()),
    };
    drop(past);
    let taken = picture.stamp().wall;
    let bytes = tokio::task::spawn_blocking(move || omma_engine::jpeg(&picture, width, quality));
    let bytes = bytes
        .await
        .map_err(|_panic| ApiError::internal("drawing the picture panicked; see the log"))??;
    Ok(footage::picture(bytes, Some(taken)))
}
