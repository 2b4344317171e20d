//! `/api/v1/models`: which models there are, fetching and timing them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;

use crate::dto::{BenchDto, BenchQuestionDto, ErrorBody, ModelDto, ModelsDto};
use crate::error::{ApiError, ApiResult};

/// All models
///
/// Those that Omma knows by their cards, and those that the configuration names.
#[utoipa::path(
    get, path = "/api/v1/models", operation_id = "list_models", tag = "models",
    responses((status = 200, description = "All models by name", body = ModelsDto))
)]
pub(crate) async fn list() -> ApiResult<Json<ModelsDto>> {
    Err(ApiError::internal("not built yet"))
}

/// Fetch a model's file
///
/// How far it is, `GET /api/v1/models` says. Cameras that wait for the model begin to use it.
#[utoipa::path(
    post, path = "/api/v1/models/{name}/pull", operation_id = "pull_model", tag = "models",
    params(("name" = String, Path, description = "The name of the model's card")),
    responses(
        (status = 202, description = "It is being fetched", body = ModelDto),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 409, description = "It is being fetched already, is here already, or its card \
            names no source", body = ErrorBody),
    )
)]
pub(crate) async fn pull(Path(_name): Path<String>) -> ApiResult<(StatusCode, Json<ModelDto>)> {
    Err(ApiError::internal("not built yet"))
}

/// Time a model
///
/// On one core, one picture at a time. Cameras that are looked at meanwhile make it slower, and
/// it them.
#[utoipa::path(
    post, path = "/api/v1/models/{name}/bench", operation_id = "bench_model", tag = "models",
    params(("name" = String, Path, description = "The model's name")),
    request_body = Option<BenchQuestionDto>,
    responses(
        (status = 200, description = "How fast it is", body = BenchDto),
        (status = 400, description = "It can't be timed so, or not at all", body = ErrorBody),
        (status = 404, description = "No such model, or its file is not here", body = ErrorBody),
        (status = 409, description = "A model is being timed already", body = ErrorBody),
    )
)]
pub(crate) async fn bench(Path(_name): Path<String>, _body: Bytes) -> ApiResult<Json<BenchDto>> {
    Err(ApiError::internal("not built yet"))
}
