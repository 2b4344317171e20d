//! `/api/v1/probe`: what a camera sends, looked at before it is added.

use axum::Json;

use crate::dto::{ErrorBody, ProbeDto, ProbeQuestionDto};
use crate::error::{ApiError, ApiResult};
use crate::params::JsonBody;

/// Look at what a camera sends
///
/// Opens the address for some seconds and says what comes, what to change about it, and shows
/// the first picture. Nothing is kept. An address that can't be opened is an answer, too:
/// `online` is false, and `error` says why.
#[utoipa::path(
    post, path = "/api/v1/probe", operation_id = "probe", tag = "cameras",
    request_body = ProbeQuestionDto,
    responses(
        (status = 200, description = "What was seen", body = ProbeDto),
        (status = 400, description = "A setting is wrong; the message names it", body = ErrorBody),
        (status = 503, description = "Too many are looked at already", body = ErrorBody),
    )
)]
pub(crate) async fn probe(
    JsonBody(_question): JsonBody<ProbeQuestionDto>,
) -> ApiResult<Json<ProbeDto>> {
    Err(ApiError::internal("not built yet"))
}
