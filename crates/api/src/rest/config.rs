//! `/api/v1/config`: the configuration in force, and the check of another one.

use axum::Json;

use crate::dto::{ConfigDto, ConfigQuestionDto, ConfigVerdictDto, ErrorBody};
use crate::error::{ApiError, ApiResult};
use crate::params::JsonBody;

/// The configuration that is in force
///
/// With where each value comes from. Without secrets.
#[utoipa::path(
    get, path = "/api/v1/config", operation_id = "get_config", tag = "system",
    responses((status = 200, description = "The configuration", body = ConfigDto))
)]
pub(crate) async fn show() -> ApiResult<Json<ConfigDto>> {
    Err(ApiError::internal("not built yet"))
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
    JsonBody(_question): JsonBody<ConfigQuestionDto>,
) -> ApiResult<Json<ConfigVerdictDto>> {
    Err(ApiError::internal("not built yet"))
}
