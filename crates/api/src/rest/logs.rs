//! `/api/v1/logs`: what Omma says of itself.

use axum::Json;

use crate::dto::{ErrorBody, LogParams, LogsDto};
use crate::error::{ApiError, ApiResult};
use crate::params::Params;

/// The newest of the log
///
/// As much as is kept in memory: some thousand entries since the start.
#[utoipa::path(
    get, path = "/api/v1/logs", operation_id = "list_logs", tag = "system", params(LogParams),
    responses(
        (status = 200, description = "The entries", body = LogsDto),
        (status = 400, description = "A filter makes no sense", body = ErrorBody),
    )
)]
pub(crate) async fn list(Params(_params): Params<LogParams>) -> ApiResult<Json<LogsDto>> {
    Err(ApiError::internal("not built yet"))
}
