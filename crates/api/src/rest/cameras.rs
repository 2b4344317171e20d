//! `/api/v1/cameras`: how each camera does, what it sees, what it has counted.

use axum::Json;
use axum::extract::State;

use crate::accounts::Caller;
use crate::dto::{AnalysisDto, CameraDto, CamerasDto, CountsDto, ErrorBody};
use crate::error::{ApiError, ApiResult};
use crate::params::Camera;
use crate::server::App;

/// All cameras
#[utoipa::path(
    get, path = "/api/v1/cameras", operation_id = "list_cameras", tag = "cameras",
    responses((status = 200, description = "All cameras by name", body = CamerasDto))
)]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Json<CamerasDto> {
    let cameras = app.handle.cameras().into_iter().filter(|camera| caller.may_see(&camera.id));
    Json(CamerasDto { cameras: cameras.map(|c| CameraDto::new(c, &app.handle)).collect() })
}

/// One camera
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}", operation_id = "get_camera", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The camera", body = CameraDto),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn get(State(app): State<App>, Camera(camera): Camera) -> Json<CameraDto> {
    Json(CameraDto::new(camera, &app.handle))
}

/// The newest analysis of a camera
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/analysis", operation_id = "get_analysis", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "What the newest analysed picture shows", body = AnalysisDto),
        (status = 404, description = "No such camera, or nothing analysed yet", body = ErrorBody),
    )
)]
pub(crate) async fn analysis(
    State(app): State<App>,
    Camera(camera): Camera,
) -> ApiResult<Json<AnalysisDto>> {
    match app.handle.latest(&camera.id) {
        Some(analysis) => Ok(Json((&*analysis).into())),
        None => {
            let because = match (&camera.detector, camera.reason.as_str()) {
                (None, _) => "it has no `detect` in the configuration".to_owned(),
                (Some(_), "") => format!("it is {}", camera.state.as_str()),
                (Some(_), reason) => format!("it is {}: {reason}", camera.state.as_str()),
            };
            let message = format!("no picture of camera `{}` was analysed yet", camera.id);
            Err(ApiError::not_found(message, because))
        }
    }
}

/// What a camera's lines and zones have counted
///
/// Totals for all time, restarts included. Counts in spans of time are at `/api/v1/counts`.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/counts", operation_id = "get_totals", tag = "cameras",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 200, description = "The totals", body = CountsDto),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn counts(State(app): State<App>, Camera(camera): Camera) -> Json<CountsDto> {
    Json(app.handle.totals(&camera.id).unwrap_or_default().into())
}
