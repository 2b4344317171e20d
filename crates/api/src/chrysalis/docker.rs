//! Routes that need Docker in video-edge-ai-proxy. Omma runs no containers: it says so, in
//! shapes that the original's portal shows without tripping. What there is of images is one
//! that is always there and always new, so that the portal does not ask to fetch it.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{AppProcessDto, FailureDto, ImageDto, ImageUpgradeDto};
use super::error::{Answer, Body, Failure};

/// Which image is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImageParams {
    /// The image's name, e.g. `chryscloud/chrysedgeproxy`.
    tag: Option<String>,
}

/// Which image is meant, and which version of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PullParams {
    /// The image's name.
    tag: Option<String>,
    /// Its version.
    version: Option<String>,
}

/// Whether the image that reads cameras is there
///
/// Always: it is Omma itself.
#[utoipa::path(
    get, path = "/api/v1/devicedockerimages", operation_id = "device_images", tag = "docker",
    params(ImageParams),
    responses(
        (status = 200, description = "It is there", body = ImageUpgradeDto),
        (status = 404, description = "No image was named", body = FailureDto),
    )
)]
pub(super) async fn device_images(
    Query(params): Query<ImageParams>,
) -> Answer<Json<ImageUpgradeDto>> {
    let Some(name) = params.tag.filter(|tag| !tag.is_empty()) else {
        return Err(no_tag());
    };
    let version = env!("CARGO_PKG_VERSION");
    Ok(Json(ImageUpgradeDto {
        has_upgrade: false,
        has_image: true,
        name,
        current_version: version.to_owned(),
        highest_remote_version: version.to_owned(),
        camera_type: "rtsp",
    }))
}

/// All images
///
/// Never any.
#[utoipa::path(
    get, path = "/api/v1/alldockerimages", operation_id = "all_images", tag = "docker",
    responses((status = 200, description = "None", body = [ImageDto]))
)]
pub(super) async fn all_images() -> Json<Vec<ImageDto>> {
    Json(Vec::new())
}

/// Fetch an image
///
/// Not offered.
#[utoipa::path(
    get, path = "/api/v1/dockerpull", operation_id = "pull_image", tag = "docker",
    params(PullParams),
    responses(
        (status = 400, description = "Not offered", body = FailureDto),
        (status = 404, description = "No image was named", body = FailureDto),
    )
)]
pub(super) async fn pull(Query(params): Query<PullParams>) -> Failure {
    match (params.tag.as_deref(), params.version.as_deref()) {
        (None | Some(""), _) | (_, None | Some("")) => no_tag(),
        _ => Failure::no_containers(StatusCode::BAD_REQUEST, "fetching images"),
    }
}

fn no_tag() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "no image was named: `tag` is missing")
}

/// Install an application
///
/// Not offered.
#[utoipa::path(
    post, path = "/api/v1/appprocess", operation_id = "install_app", tag = "docker",
    request_body = Object,
    responses(
        (status = 400, description = "Not JSON", body = FailureDto),
        (status = 501, description = "Not offered", body = FailureDto),
    )
)]
pub(super) async fn install_app(
    Body(_app): Body<serde_json::Map<String, serde_json::Value>>,
) -> Failure {
    Failure::no_containers(StatusCode::NOT_IMPLEMENTED, "installing applications")
}

/// Remove an application
///
/// There is never one.
#[utoipa::path(
    delete, path = "/api/v1/appprocess/{name}", operation_id = "remove_app", tag = "docker",
    params(("name" = String, Path, description = "The application's name")),
    responses((status = 409, description = "No such application", body = FailureDto))
)]
pub(super) async fn remove_app(Path(name): Path<String>) -> Failure {
    no_app(StatusCode::CONFLICT, &name)
}

/// One application
///
/// There is never one.
#[utoipa::path(
    get, path = "/api/v1/appprocess/{name}", operation_id = "get_app", tag = "docker",
    params(("name" = String, Path, description = "The application's name")),
    responses((status = 400, description = "No such application", body = FailureDto))
)]
pub(super) async fn app(Path(name): Path<String>) -> Failure {
    no_app(StatusCode::BAD_REQUEST, &name)
}

fn no_app(status: StatusCode, name: &str) -> Failure {
    let shown: String = name.chars().take(64).collect();
    Failure::new(status, format!("no application is called `{shown}`: Omma runs no containers"))
}

/// All applications
///
/// Never any.
#[utoipa::path(
    get, path = "/api/v1/appprocesslist", operation_id = "list_apps", tag = "docker",
    responses((status = 200, description = "None", body = [AppProcessDto]))
)]
pub(super) async fn apps() -> Json<Vec<AppProcessDto>> {
    Json(Vec::new())
}

/// Which device an MQTT broker is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeviceParams {
    /// The camera's name.
    #[serde(rename = "deviceId")]
    #[param(rename = "deviceId")]
    device: Option<String>,
}

/// Send a camera's state to an MQTT broker
///
/// Not offered: the broker that the original sends to is gone.
#[utoipa::path(
    get, path = "/testmqtt/api/v1/devicestatus", operation_id = "test_mqtt", tag = "docker",
    params(DeviceParams),
    responses((status = 417, description = "Not offered", body = FailureDto))
)]
pub(super) async fn test_mqtt(Query(params): Query<DeviceParams>) -> Failure {
    let device: String = params.device.unwrap_or_default().chars().take(64).collect();
    Failure::new(
        StatusCode::EXPECTATION_FAILED,
        format!("nothing was sent about `{device}`: there is no MQTT broker behind this interface"),
    )
}
