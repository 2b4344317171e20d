//! Cameras, which video-edge-ai-proxy calls processes: each is a container of its own there.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use omma_engine::{CameraState, CameraStatus};
use omma_store::{EventQuery, Order};
use omma_types::{CameraId, Event, EventKind};
use serde_json::{Value, json};

use super::Proxy;
use super::dto::{
    FailureDto, LogsDto, NewProcessDto, RtmpStreamStatusDto, StateDto, StreamProcessDto,
};
use super::error::{Answer, Body, Failure};
use super::state::DockerState;
use crate::params::all_cameras;

/// So many changes of state are told as a camera's log.
const LOG_LINES: u32 = 100;

/// Docker's word for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Add a camera
///
/// It is kept across restarts. A camera with an `rtmp_endpoint` is passed on from the start.
#[utoipa::path(
    post, path = "/api/v1/process", operation_id = "start_process", tag = "cameras",
    request_body = NewProcessDto,
    responses(
        (status = 200, description = "It was added"),
        (status = 400, description = "No address, or not JSON", body = FailureDto),
        (status = 409, description = "There is one of this name, or the name or an address \
            can't be used", body = FailureDto),
    )
)]
pub(super) async fn start(
    State(proxy): State<Proxy>,
    Body(new): Body<NewProcessDto>,
) -> Answer<StatusCode> {
    let url = new.rtsp_endpoint.trim();
    if url.is_empty() {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "`rtsp_endpoint` is missing"));
    }
    let refused = StatusCode::CONFLICT;
    let id = CameraId::new(&new.name).map_err(|error| Failure::new(refused, error.to_string()))?;
    let mut settings = proxy.defaults.0.clone();
    settings.insert("url".to_owned(), url.into());
    if let Some(rtmp) = new.rtmp_endpoint.as_deref().map(str::trim).filter(|url| !url.is_empty()) {
        settings.insert("pass_through".to_owned(), json!({ "url": rtmp, "start": true }));
    }
    let settings = Value::Object(settings).to_string();
    let added = proxy.handle.add_camera(&id, &settings).await;
    added.map_err(|error| Failure::of_engine(&error, refused))?;
    Ok(StatusCode::OK)
}

/// Remove a camera
#[utoipa::path(
    delete, path = "/api/v1/process/{name}", operation_id = "stop_process", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "It was removed"),
        (status = 409, description = "No such camera", body = FailureDto),
    )
)]
pub(super) async fn stop(
    State(proxy): State<Proxy>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    let camera = known(&proxy, &name, StatusCode::CONFLICT)?;
    let removed = proxy.handle.remove_camera(&camera.id).await;
    removed.map_err(|error| Failure::of_engine(&error, StatusCode::CONFLICT))?;
    Ok(StatusCode::OK)
}

/// One camera, with its log
#[utoipa::path(
    get, path = "/api/v1/process/{name}", operation_id = "get_process", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The camera", body = StreamProcessDto),
        (status = 400, description = "No such camera", body = FailureDto),
    )
)]
pub(super) async fn info(
    State(proxy): State<Proxy>,
    Path(name): Path<String>,
) -> Answer<Json<StreamProcessDto>> {
    let camera = known(&proxy, &name, StatusCode::BAD_REQUEST)?;
    let logs = logs(&proxy, &camera.id).await?;
    let process = process(&proxy, camera).await?;
    Ok(Json(StreamProcessDto { logs: Some(logs), ..process }))
}

/// All cameras
#[utoipa::path(
    get, path = "/api/v1/processlist", operation_id = "list_processes", tag = "cameras",
    responses((status = 200, description = "All cameras by name", body = [StreamProcessDto]))
)]
pub(super) async fn list(State(proxy): State<Proxy>) -> Answer<Json<Vec<StreamProcessDto>>> {
    let mut processes = Vec::new();
    for camera in proxy.handle.cameras() {
        processes.push(process(&proxy, camera).await?);
    }
    Ok(Json(processes))
}

/// All cameras, those with a newer image marked
///
/// Never one: there are no images.
#[utoipa::path(
    get, path = "/api/v1/processupgrades", operation_id = "list_upgrades", tag = "docker",
    responses((status = 200, description = "All cameras by name", body = [StreamProcessDto]))
)]
pub(super) async fn upgrades(proxy: State<Proxy>) -> Answer<Json<Vec<StreamProcessDto>>> {
    list(proxy).await
}

/// Run a camera with a newer image
///
/// Not offered.
#[utoipa::path(
    post, path = "/api/v1/processupgrades", operation_id = "upgrade_process", tag = "docker",
    request_body = Object,
    responses(
        (status = 400, description = "Not JSON", body = FailureDto),
        (status = 409, description = "Not offered", body = FailureDto),
    )
)]
pub(super) async fn upgrade(Body(_process): Body<serde_json::Map<String, Value>>) -> Failure {
    Failure::no_containers(StatusCode::CONFLICT, "running a camera with another image")
}

fn known(proxy: &Proxy, name: &str, unknown: StatusCode) -> Answer<CameraStatus> {
    let camera = CameraId::new(name).ok().and_then(|id| proxy.handle.camera(&id));
    camera.ok_or_else(|| Failure::no_camera(unknown, name, &all_cameras(&proxy.handle)))
}

async fn process(proxy: &Proxy, camera: CameraStatus) -> Answer<StreamProcessDto> {
    let handle = &proxy.handle;
    let docker = DockerState::of(&camera);
    let since = camera.since.to_string();
    let (started_at, finished_at) =
        if docker.running { (since, NEVER.to_owned()) } else { (NEVER.to_owned(), since) };
    let settings = handle.camera_settings(&camera.id).await.unwrap_or_default();
    let reads = matches!(camera.state, CameraState::Online | CameraState::Stalled);
    Ok(StreamProcessDto {
        image_tag: concat!("omma:", env!("CARGO_PKG_VERSION")).to_owned(),
        rtsp_endpoint: camera.source,
        rtmp_endpoint: settings["pass_through"]["url"].as_str().map(str::to_owned),
        status: docker.status,
        state: StateDto {
            status: docker.status,
            running: docker.running,
            paused: docker.paused,
            restarting: docker.restarting,
            oom_killed: false,
            dead: false,
            pid: if reads { std::process::id() } else { 0 },
            exit_code: docker.exit_code,
            error: camera.reason,
            started_at,
            finished_at,
        },
        logs: None,
        created: remembered_since(proxy, &camera.id).await?.unwrap_or(camera.since.as_millis()),
        modified: camera.since.as_millis(),
        rtmp_stream_status: RtmpStreamStatusDto {
            streaming: settings["pass_through"]["start"] == true,
            storing: settings["record"].is_object(),
        },
        upgrade_available: false,
        name: camera.id.as_str().to_owned(),
    })
}

/// When the first thing happened to a camera that is not forgotten.
async fn remembered_since(proxy: &Proxy, id: &CameraId) -> Answer<Option<i64>> {
    let first = EventQuery {
        cameras: vec![id.clone()],
        limit: 1,
        order: Order::Oldest,
        ..EventQuery::default()
    };
    let page =
        proxy.handle.store().events(&first).await.map_err(|error| {
            Failure::of_engine(&error.into(), StatusCode::INTERNAL_SERVER_ERROR)
        })?;
    Ok(page.events.first().map(|stored| stored.event.wall.as_millis()))
}

async fn logs(proxy: &Proxy, id: &CameraId) -> Answer<LogsDto> {
    let newest = EventQuery {
        cameras: vec![id.clone()],
        kinds: vec!["camera_state".to_owned(), "recording_state".to_owned()],
        limit: LOG_LINES,
        ..EventQuery::default()
    };
    let page =
        proxy.handle.store().events(&newest).await.map_err(|error| {
            Failure::of_engine(&error.into(), StatusCode::INTERNAL_SERVER_ERROR)
        })?;
    let events = page.events.iter().rev().map(|stored| &stored.event);
    Ok(written(events))
}

/// Changes of state as a log, oldest first.
fn written<'a>(events: impl Iterator<Item = &'a Event>) -> LogsDto {
    let (mut good, mut bad) = (String::new(), String::new());
    for event in events {
        let (what, state, reason) = match &event.kind {
            EventKind::CameraState { state, reason } => ("camera", *state, reason),
            EventKind::RecordingState { state, reason } => ("recording", *state, reason),
            _ => continue,
        };
        let log =
            if matches!(state, "stalled" | "offline" | "failed") { &mut bad } else { &mut good };
        let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        log.push_str(&format!("{} {what} {state}{because}\n", event.wall));
    }
    LogsDto { stdout: BASE64_STANDARD.encode(good), stderr: BASE64_STANDARD.encode(bad) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_types::{EventIds, MediaTime, WallTime};
    use std::collections::BTreeMap;

    #[test]
    fn changes_of_state_are_a_log() {
        let mut ids = EventIds::new(1);
        let mut event = |secs: i64, state, reason: &str| {
            let wall = WallTime::from_millis(secs * 1000);
            Event {
                id: ids.next(wall),
                camera: CameraId::new("a").unwrap(),
                kind: EventKind::CameraState { state, reason: reason.to_owned() },
                rule: None,
                track: None,
                class: None,
                score: None,
                rect: None,
                media: MediaTime::ZERO,
                wall,
                path: Vec::new(),
                attributes: BTreeMap::new(),
            }
        };
        let events =
            [event(0, "connecting", ""), event(1, "online", ""), event(2, "offline", "refused")];
        let logs = written(events.iter());
        let text = |log: &str| String::from_utf8(BASE64_STANDARD.decode(log).unwrap()).unwrap();
        assert_eq!(
            text(&logs.stdout),
            "1970-01-01T00:00:00.000Z camera connecting\n1970-01-01T00:00:01.000Z camera online\n"
        );
        assert_eq!(text(&logs.stderr), "1970-01-01T00:00:02.000Z camera offline: refused\n");
    }
}
