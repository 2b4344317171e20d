//! `/api/v1/discover`: cameras that are around and not yet known.

use axum::Json;

use crate::dto::{DevicesDto, DiscoverParams, ErrorBody};
use crate::error::{ApiError, ApiResult};
use crate::params::Params;

/// Look for cameras in the network
///
/// Asks by ONVIF's WS-Discovery who is there, and looks which machines of the local IPv4
/// networks answer RTSP. Never runs unless it is asked for, and once at a time.
#[utoipa::path(
    get, path = "/api/v1/discover", operation_id = "discover", tag = "cameras",
    params(DiscoverParams),
    responses(
        (status = 200, description = "What was found", body = DevicesDto),
        (status = 400, description = "No such network, or it is too large", body = ErrorBody),
        (status = 409, description = "Somebody is looking already", body = ErrorBody),
    )
)]
pub(crate) async fn discover(
    Params(_params): Params<DiscoverParams>,
) -> ApiResult<Json<DevicesDto>> {
    Err(ApiError::internal("not built yet"))
}
