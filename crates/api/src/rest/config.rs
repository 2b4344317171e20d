//! `/api/v1/config`: the configuration in force, and the check of another one.

use axum::Json;
use axum::extract::State;
use omma_engine::config::Remark;

use crate::dto::{
    ConfigDto, ConfigQuestionDto, ConfigRemarkDto, ConfigValueDto, ConfigVerdictDto, ErrorBody,
};
use crate::error::{ApiError, ApiResult, message_and_hint};
use crate::params::JsonBody;
use crate::port;
use crate::server::App;

/// What a configuration is called that was read from no file.
const NO_FILE: &str = "defaults";

/// The configuration that is in force
///
/// With where each value comes from. Without secrets.
#[utoipa::path(
    get, path = "/api/v1/config", operation_id = "get_config", tag = "system",
    responses((status = 200, description = "The configuration", body = ConfigDto))
)]
pub(crate) async fn show(State(app): State<App>) -> ApiResult<Json<ConfigDto>> {
    let (text, values) = app.handle.config_shown().await?;
    let name = app.handle.config_file().origin.name().to_owned();
    let values = values.into_iter().map(|shown| ConfigValueDto {
        key: shown.key,
        value: shown.value,
        from: shown.from.as_str(),
    });
    let file = (name != NO_FILE).then_some(name);
    Ok(Json(ConfigDto { file, text, values: values.collect() }))
}

/// Check a configuration
///
/// Nothing is changed by it: Omma does not write to its file.
#[utoipa::path(
    post, path = "/api/v1/config/check", operation_id = "check_config", tag = "system",
    request_body = ConfigQuestionDto,
    responses(
        (status = 200, description = "What is to be said of it", body = ConfigVerdictDto),
        (status = 400, description = "There is no text", body = ErrorBody),
    )
)]
pub(crate) async fn check(
    State(app): State<App>,
    JsonBody(question): JsonBody<ConfigQuestionDto>,
) -> ApiResult<Json<ConfigVerdictDto>> {
    if question.text.trim().is_empty() {
        return Err(ApiError::invalid("`text` is empty", "send the whole file"));
    }
    let verdict = app.handle.check_config(question.text).await;
    let exposed = verdict.config.as_ref().map(port::exposed).unwrap_or_default();
    let exposed =
        exposed.iter().map(|error| Remark { place: None, key: None, message: error.to_string() });
    let problems: Vec<_> = verdict.problems.into_iter().chain(exposed).map(remark).collect();
    Ok(Json(ConfigVerdictDto {
        valid: problems.is_empty(),
        problems,
        warnings: verdict.warnings.into_iter().map(remark).collect(),
    }))
}

fn remark(remark: Remark) -> ConfigRemarkDto {
    let (message, hint) = message_and_hint(&remark.message);
    let (line, column) = remark.place.unzip();
    ConfigRemarkDto { line, column, key: remark.key, message, hint }
}
