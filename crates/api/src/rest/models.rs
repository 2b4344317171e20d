//! `/api/v1/models`: which models there are, fetching and timing them.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use omma_engine::{CatalogError, ModelState, ModelStatus};
use omma_types::ErrorKind;

use crate::accounts::Caller;
use crate::dto::{BenchDto, BenchQuestionDto, ErrorBody, ModelDto, ModelsDto};
use crate::error::{ApiError, ApiResult, message_and_hint};
use crate::server::App;

/// Seconds that are measured unless something else is said.
const USUAL: f64 = 3.0;

/// All models
///
/// Those that Omma knows by their cards, and those that the configuration names.
#[utoipa::path(
    get, path = "/api/v1/models", operation_id = "list_models", tag = "models",
    responses((status = 200, description = "All models by name", body = ModelsDto))
)]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Json<ModelsDto> {
    let models = app.handle.models().await.into_iter();
    Json(ModelsDto { models: models.map(|status| model(status, &caller)).collect() })
}

/// Fetch a model's file
///
/// How far it is, `GET /api/v1/models` says. Cameras that wait for the model begin to use it.
#[utoipa::path(
    post, path = "/api/v1/models/{name}/pull", operation_id = "pull_model", tag = "models",
    params(("name" = String, Path, description = "The name of the model's card")),
    responses(
        (status = 202, description = "It is being fetched", body = ModelDto),
        (status = 400, description = "It has no file", body = ErrorBody),
        (status = 404, description = "No such model", body = ErrorBody),
        (status = 409, description = "It is being fetched already, is here already, or its card \
            names no source", body = ErrorBody),
    )
)]
pub(crate) async fn pull(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<(StatusCode, Json<ModelDto>)> {
    app.handle.pull_model(&name)?;
    let status = app.handle.models().await.into_iter().find(|status| status.name == name);
    match status {
        Some(status) => Ok((StatusCode::ACCEPTED, Json(model(status, &caller)))),
        None => Err(ApiError::internal("the model is gone")),
    }
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
pub(crate) async fn bench(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Bytes,
) -> ApiResult<Json<BenchDto>> {
    let hint = "leave the body out, or send `engine` and `seconds` as JSON";
    let question: BenchQuestionDto = match body.as_ref() {
        [] => BenchQuestionDto::default(),
        body => serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid(error.to_string(), hint))?,
    };
    let engine = question.engine.as_deref().unwrap_or("auto");
    let engine = engine.parse().map_err(|error: String| ApiError::invalid(error, hint))?;
    let seconds = question.seconds.unwrap_or(USUAL);
    if !(0.1..=20.0).contains(&seconds) {
        return Err(ApiError::invalid("`seconds` is not within 0.1 to 20", "3 if left out"));
    }
    let handle = app.handle.clone();
    let span = Duration::from_secs_f64(seconds);
    let measured = tokio::task::spawn_blocking(move || handle.bench_model(&name, engine, span));
    let report = match measured.await {
        Ok(report) => report?,
        Err(_panicked) => return Err(ApiError::internal("timing it panicked; see the log")),
    };
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    Ok(Json(BenchDto {
        engine: report.engine.as_str(),
        per_second: 1.0 / report.mean.as_secs_f64().max(f64::EPSILON),
        p50_ms: millis(report.median),
        p95_ms: millis(report.p95),
        min_ms: millis(report.min),
        runs: report.runs,
    }))
}

fn model(status: ModelStatus, caller: &Caller) -> ModelDto {
    let (state, progress, error) = match &status.state {
        ModelState::Ready => ("ready", None, None),
        ModelState::Missing => ("missing", None, None),
        ModelState::Pulling(progress) => ("pulling", *progress, None),
        ModelState::Failed(reason) => ("failed", None, Some(reason.clone())),
        ModelState::Invalid(reason) => ("invalid", None, Some(reason.clone())),
    };
    let card = status.card.as_deref();
    let class_names = card.map(|card| card.classes.clone()).unwrap_or_default();
    let seen = status.cameras.iter().filter(|camera| caller.may_see(camera));
    ModelDto {
        family: status.family,
        title: card.map(|card| card.description.clone()),
        licence: card.map(|card| card.licence.clone()),
        classes: card.map(|card| card.classes.len()),
        class_names,
        input: status.size().map(|size| [size.width, size.height]),
        bytes: status.bytes,
        state,
        progress,
        error,
        cameras: seen.map(|camera| camera.as_str().to_owned()).collect(),
        source: status.source(),
        can_pull: status.can_pull(),
        can_bench: status.can_bench(),
        names: status.names,
        name: status.name,
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let text = error.to_string();
        let (message, hint) = message_and_hint(&text);
        let hint = hint.unwrap_or_else(|| "see `omma models list`".to_owned());
        match (&error, error.kind()) {
            (CatalogError::Infer(_), ErrorKind::Internal) => Self::internal(text),
            (CatalogError::Infer(_), ErrorKind::NotFound) | (CatalogError::Unknown { .. }, _) => {
                Self::not_found(message, hint)
            }
            (CatalogError::Infer(_) | CatalogError::NoFile { .. }, kind) => {
                Self::invalid(message, hint).with_kind(kind)
            }
            (_, kind) => Self::conflict(message, hint).with_kind(kind),
        }
    }
}
