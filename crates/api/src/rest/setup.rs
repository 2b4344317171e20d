//! `/api/v1/cameras`, changed: cameras added, set up, paused, removed and passed on while
//! everything runs. What is changed here is kept in the store and holds over the
//! configuration file, which nobody writes to.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use omma_engine::EngineError;
use omma_engine::config::CameraConfig;
use omma_store::Role;
use omma_types::{CameraId, ErrorKind};
use serde_json::{Map, Value};

use crate::accounts::Caller;
use crate::dto::{
    CameraDto, CameraSettingsDto, ErrorBody, NewCameraDto, PassThroughChangeDto, PassThroughDto,
};
use crate::error::{ApiError, ApiResult};
use crate::etag::{self, IfMatch};
use crate::params::{JsonBody, Name};
use crate::server::App;

/// Add a camera
///
/// The settings are those of a camera in the configuration file.
#[utoipa::path(
    post, path = "/api/v1/cameras", operation_id = "add_camera", tag = "cameras",
    request_body = NewCameraDto,
    responses(
        (status = 201, description = "It was added", body = CameraDto),
        (status = 400, description = "A setting is wrong; the message names it",
            body = ErrorBody),
        (status = 409, description = "There is one of this name", body = ErrorBody),
    )
)]
pub(crate) async fn add(
    State(app): State<App>,
    JsonBody(mut settings): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let name = match settings.remove("name") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(ApiError::invalid("`name` must be a text", NAMES)),
        None => return Err(ApiError::invalid("`name` is missing", NAMES)),
    };
    let id = CameraId::new(&name).map_err(|error| ApiError::invalid(error.to_string(), NAMES))?;
    no_stars(&settings, None)?;
    app.handle.add_camera(&id, &Value::Object(settings).to_string()).await?;
    let camera = Json(running(&app, &id)?);
    Ok((StatusCode::CREATED, place(&id), camera).into_response())
}

/// A camera's settings
///
/// As they are in force: the configuration file's, or those given here. Passwords are `***`;
/// sent back with the same address, `***` keeps the password that is there.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/settings", operation_id = "get_settings",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The settings", body = CameraSettingsDto,
            headers(("etag" = String, description = "Which settings these are, for `If-Match`"))),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn settings(
    State(app): State<App>,
    caller: Caller,
    Name(id): Name,
) -> ApiResult<Response> {
    let Some(camera) = app.handle.camera_config(&id).await else {
        return Err(ApiError::no_camera(id.as_str(), Some(&caller.known(&app.handle))));
    };
    let tag = app.tags.of_camera(&camera);
    Ok((etag::header(&tag), Json(camera.to_json(true))).into_response())
}

/// Give a camera other settings, or add it
///
/// All settings: what is left out goes back to its default.
#[utoipa::path(
    put, path = "/api/v1/cameras/{name}", operation_id = "put_camera", tag = "cameras",
    params(
        ("name" = String, Path, description = "The camera's name"),
        ("if-match" = Option<String>, Header, description = "The `ETag` of the settings that \
            these are made from: where others hold meanwhile, nothing is changed"),
    ),
    request_body = CameraSettingsDto,
    responses(
        (status = 200, description = "It was changed", body = CameraDto),
        (status = 201, description = "It was added", body = CameraDto),
        (status = 400, description = "A setting is wrong; the message names it",
            body = ErrorBody),
        (status = 412, description = "The settings were changed meanwhile", body = ErrorBody),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Caller,
    Name(id): Name,
    wanted: IfMatch,
    JsonBody(settings): JsonBody<Map<String, Value>>,
) -> ApiResult<Response> {
    let text = Value::Object(settings.clone()).to_string();
    let mut is_new = false;
    let put = app.handle.put_camera_if(&id, &text, |before| {
        unchanged(&app, &wanted, &id, before)?;
        is_new = before.is_none();
        let before = before.map(|before| before.to_json(true));
        if caller.role < Role::Admin {
            only_operators_settings(&settings, before.as_ref())?;
        }
        no_stars(&settings, before.as_ref())
    });
    // For the next change from the same page.
    let tag = etag::header(&app.tags.of_camera(&put.await?));
    let camera = Json(running(&app, &id)?);
    Ok(if is_new {
        (StatusCode::CREATED, place(&id), tag, camera).into_response()
    } else {
        (tag, camera).into_response()
    })
}

/// Whether a camera's settings are the ones that the asker has seen.
fn unchanged(
    app: &App,
    wanted: &IfMatch,
    id: &CameraId,
    now: Option<&CameraConfig>,
) -> ApiResult<()> {
    let tag = now.map(|now| app.tags.of_camera(now));
    if wanted.is_met(tag.as_deref()) {
        return Ok(());
    }
    Err(EngineError::Changed { name: id.to_string() }.into())
}

/// Take back what was changed of a camera
///
/// What the configuration file says of it holds again.
#[utoipa::path(
    delete, path = "/api/v1/cameras/{name}/settings", operation_id = "revert_camera",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The camera as the file has it", body = CameraDto),
        (status = 404, description = "The file has no such camera", body = ErrorBody),
    )
)]
pub(crate) async fn revert(State(app): State<App>, Name(id): Name) -> ApiResult<Json<CameraDto>> {
    if app.handle.config_file().camera(&id).is_none() {
        return Err(ApiError::not_found(
            format!("the configuration file has no camera called `{id}`"),
            "a camera that was added here can only be changed or removed",
        ));
    }
    app.handle.revert_camera(&id).await?;
    Ok(Json(running(&app, &id)?))
}

/// Remove a camera
///
/// What it has recorded and counted stays. A camera of the configuration file stays away
/// until what was changed of it is taken back.
#[utoipa::path(
    delete, path = "/api/v1/cameras/{name}", operation_id = "remove_camera", tag = "cameras",
    params(
        ("name" = String, Path, description = "The camera's name"),
        ("if-match" = Option<String>, Header, description = "The `ETag` of its settings: where \
            others hold meanwhile, it stays"),
    ),
    responses(
        (status = 204, description = "It was removed"),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 412, description = "The settings were changed meanwhile", body = ErrorBody),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Name(id): Name,
    wanted: IfMatch,
) -> ApiResult<StatusCode> {
    app.handle.remove_camera_if(&id, |now| unchanged(&app, &wanted, &id, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stop reading a camera
///
/// Until it is resumed, restarts included.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/pause", operation_id = "pause_camera", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The camera", body = CameraDto),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn pause(State(app): State<App>, Name(id): Name) -> ApiResult<Json<CameraDto>> {
    app.handle.pause_camera(&id, true).await?;
    Ok(Json(running(&app, &id)?))
}

/// Go on reading a camera
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/resume", operation_id = "resume_camera",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The camera", body = CameraDto),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn resume(State(app): State<App>, Name(id): Name) -> ApiResult<Json<CameraDto>> {
    app.handle.pause_camera(&id, false).await?;
    Ok(Json(running(&app, &id)?))
}

/// How passing on a camera's stream does
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/pass-through", operation_id = "get_pass_through",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "How it does", body = PassThroughDto),
        (status = 404, description = "No such camera, or it has no address to pass its stream \
            on to", body = ErrorBody),
    )
)]
pub(crate) async fn pass_through(
    State(app): State<App>,
    Name(id): Name,
) -> ApiResult<Json<PassThroughDto>> {
    let Some(status) = app.handle.pass_through(&id)? else {
        return Err(ApiError::not_found(
            format!("camera `{id}` has no address to pass its stream on to"),
            "post one here as `url`",
        ));
    };
    let settings = app.handle.camera_settings(&id).await.unwrap_or_default();
    Ok(Json(PassThroughDto {
        url: status.url,
        on: settings["pass_through"]["start"] == true,
        state: status.state.as_str(),
        reason: status.reason,
        since: status.since.to_string(),
        since_ms: status.since.as_millis(),
        packets: status.packets,
        dropped: status.dropped,
    }))
}

/// Pass on a camera's stream, or stop it
///
/// It begins with the group of pictures in the ring, connects again by itself, and never
/// slows the camera down. Kept across restarts.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/pass-through", operation_id = "set_pass_through",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    request_body = PassThroughChangeDto,
    responses(
        (status = 200, description = "How it does", body = PassThroughDto),
        (status = 400, description = "The address can't be used", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 409, description = "There is no address to pass it on to", body = ErrorBody),
    )
)]
pub(crate) async fn set_pass_through(
    State(app): State<App>,
    caller: Caller,
    Name(id): Name,
    JsonBody(change): JsonBody<PassThroughChangeDto>,
) -> ApiResult<Json<PassThroughDto>> {
    if let Some(url) = change.url {
        // The address as it is shown, without its key, means the one that is there.
        let same = app.handle.pass_through(&id)?.is_some_and(|status| status.url == url);
        if !same && caller.role < Role::Admin {
            return Err(ApiError::denied(
                "where a camera's stream goes takes the role `admin`",
                "leave `url` out to pass it on to where it went before",
            ));
        }
        if !same {
            app.handle.set_pass_through_url(&id, Some(url)).await?;
        }
    }
    app.handle.set_pass_through(&id, change.on.unwrap_or(true)).await?;
    pass_through(State(app), Name(id)).await
}

/// Forget where a camera's stream is passed on to
#[utoipa::path(
    delete, path = "/api/v1/cameras/{name}/pass-through", operation_id = "remove_pass_through",
    tag = "cameras", params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 204, description = "It is no longer passed on"),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn remove_pass_through(
    State(app): State<App>,
    Name(id): Name,
) -> ApiResult<StatusCode> {
    app.handle.set_pass_through_url(&id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

const NAMES: &str = "a camera's name is 1 to 64 of A-Z a-z 0-9 _ -";

/// The camera after a change.
fn running(app: &App, id: &CameraId) -> ApiResult<CameraDto> {
    match app.handle.camera(id) {
        Some(status) => Ok(CameraDto::new(status, &app.handle)),
        None => Err(ApiError::unavailable(
            ErrorKind::Internal,
            format!(
                "the change to camera `{id}` is kept, but it could not be started; see the log"
            ),
        )),
    }
}

/// What of a camera's settings an operator may change; the rest says where its pictures come
/// from and go to.
const OPERATORS: [&str; 4] = ["lines", "zones", "record", "paused"];

/// Refuses settings that differ from those `before` in what takes an administrator.
fn only_operators_settings(after: &Map<String, Value>, before: Option<&Value>) -> ApiResult<()> {
    let Some(before) = before.and_then(Value::as_object) else {
        return Err(ApiError::denied(
            "adding a camera takes the role `admin`",
            "an operator can change the lines, zones and recording of one that there is",
        ));
    };
    let mut keys = before.keys().chain(after.keys());
    let other = keys.find(|key| {
        !OPERATORS.contains(&key.as_str())
            && !is_same(
                before.get(*key).unwrap_or(&Value::Null),
                after.get(*key).unwrap_or(&Value::Null),
            )
    });
    match other {
        None => Ok(()),
        Some(key) => Err(ApiError::denied(
            format!(
                "changing `{}` takes the role `admin`",
                key.chars().take(64).collect::<String>()
            ),
            format!("an operator can change {}; send the rest as it is", OPERATORS.join(", ")),
        )),
    }
}

/// Whether two settings mean the same: JavaScript sends the `6.0` that it was given back as `6`.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

/// Where a camera is found.
fn place(id: &CameraId) -> [(header::HeaderName, HeaderValue); 1] {
    let path = format!("/api/v1/cameras/{id}");
    // A camera's name needs no escaping.
    [(header::LOCATION, HeaderValue::from_str(&path).unwrap_or(HeaderValue::from_static("/")))]
}

/// Refuses `***` in an address where it does not stand for the secret that is there: the
/// camera would only refuse it later.
pub(super) fn no_stars(settings: &Map<String, Value>, before: Option<&Value>) -> ApiResult<()> {
    for place in ["/url", "/detect_url", "/pass_through/url"] {
        let mut keys = place.split('/').skip(1);
        let first = keys.next().and_then(|key| settings.get(key));
        let value = keys.fold(first, |value, key| value?.get(key)).and_then(Value::as_str);
        let Some(value) = value.filter(|value| value.contains("***")) else { continue };
        if before.and_then(|before| before.pointer(place)).and_then(Value::as_str) != Some(value) {
            let key = place.trim_start_matches('/').replace('/', ".");
            return Err(ApiError::invalid(
                format!("`{key}` holds `***` in place of a secret"),
                "`***` keeps a secret only where the address is the one that is shown; give \
                 the secret itself",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operator_changes_what_is_counted_and_recorded_and_nothing_else() {
        let before = json!({ "url": "rtsp://h/1", "audio": true, "lines": { "a": 1 } });
        let may = |after: Value| {
            only_operators_settings(after.as_object().unwrap(), Some(&before)).is_ok()
        };
        assert!(may(before.clone()));
        assert!(may(json!({ "url": "rtsp://h/1", "audio": true, "zones": {}, "record": {} })));
        assert!(!may(json!({ "url": "rtsp://h/2", "audio": true })));
        let paces = |fps: Value| json!({ "detect": [{ "fps": fps }] });
        assert!(is_same(&paces(json!(6.0)), &paces(json!(6))), "as JavaScript sends it back");
        assert!(!is_same(&paces(json!(6.0)), &paces(json!(6.5))));
        assert!(!is_same(&paces(json!(6)), &paces(json!("6"))));
        assert!(!may(json!({ "audio": true })), "left out means changed");
        assert!(!may(json!({ "url": "rtsp://h/1", "audio": true, "pass_through": {} })));
        assert!(only_operators_settings(&Map::new(), None).is_err(), "a new camera");
    }

    #[test]
    fn stars_stand_only_for_what_is_there() {
        let settings =
            |url: &str| json!({ "url": url, "pass_through": { "url": "rtmp://h/a/***" } });
        let stars = |new: &Value, before: Option<&Value>| {
            no_stars(new.as_object().unwrap(), before).is_err()
        };
        let before = settings("rtsp://u:***@h/1");
        assert!(!stars(&settings("rtsp://u:***@h/1"), Some(&before)));
        assert!(!stars(&settings("rtsp://u:new@h/2"), Some(&before)));
        assert!(stars(&settings("rtsp://u:***@other/1"), Some(&before)));
        assert!(stars(&settings("rtsp://u:new@h/2"), None));
        assert!(!stars(&json!({ "url": "rtsp://h/1" }), None));
    }
}
