//! What machines ask of a server: metrics, health, readiness, its own description.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use omma_types::ErrorKind;

use crate::dto::{ErrorBody, HealthDto};
use crate::error::{ApiError, ApiResult};
use crate::server::App;

const HEALTHY: HealthDto = HealthDto { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Metrics
#[utoipa::path(
    get, path = "/metrics", operation_id = "get_metrics", tag = "system",
    responses((status = 200, description = "Prometheus' text format, version 0.0.4",
        content_type = "text/plain", body = String))
)]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], app.handle.render_metrics()).into_response()
}

/// Whether the process lives
///
/// Cameras that are away do not make it unhealthy.
#[utoipa::path(
    get, path = "/healthz", operation_id = "get_health", tag = "system",
    responses((status = 200, description = "It lives", body = HealthDto))
)]
pub(crate) async fn healthz() -> Json<HealthDto> {
    Json(HEALTHY)
}

/// Whether the server can do its work
#[utoipa::path(
    get, path = "/readyz", operation_id = "get_readiness", tag = "system",
    responses(
        (status = 200, description = "It can", body = HealthDto),
        (status = 503, description = "It can't now; the message says why", body = ErrorBody),
    )
)]
pub(crate) async fn readyz(State(app): State<App>) -> ApiResult<Json<HealthDto>> {
    match app.handle.ready() {
        Ok(()) => Ok(Json(HEALTHY)),
        Err(reason) => Err(ApiError::unavailable(ErrorKind::Busy, reason)),
    }
}

/// This description
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "get_openapi", tag = "system",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], app.openapi).into_response()
}

/// Anything else.
pub(crate) async fn nothing_here(uri: axum::http::Uri) -> ApiError {
    let shown: String = uri.path().chars().take(100).collect();
    ApiError::not_found(format!("nothing is at {shown}"), "see /api/v1/openapi.json, or /")
}

/// The right place, asked in the wrong way.
pub(crate) async fn not_this_way(method: axum::http::Method) -> ApiError {
    ApiError::invalid(format!("{method} is not possible here"), "see /api/v1/openapi.json")
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}
