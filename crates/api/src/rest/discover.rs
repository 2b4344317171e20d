//! `/api/v1/discover`: cameras that are around and not yet known.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use omma_engine::discover::{Device, DeviceKind, Network, Search, discover as look};
use omma_types::ErrorKind;

use crate::accounts::Caller;
use crate::dto::{DeviceDto, DevicesDto, DiscoverParams, ErrorBody};
use crate::error::{ApiError, ApiResult, message_and_hint};
use crate::params::Params;
use crate::server::App;

/// Seconds that are listened unless something else is said.
const USUAL: f64 = 3.0;

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
    State(app): State<App>,
    caller: Caller,
    Params(asked): Params<DiscoverParams>,
) -> ApiResult<Json<DevicesDto>> {
    let seconds = asked.seconds.unwrap_or(USUAL);
    if !(1.0..=10.0).contains(&seconds) {
        return Err(ApiError::invalid("`seconds` is not within 1 to 10", "3 if left out"));
    }
    let network = asked.network.as_deref().map(str::parse::<Network>).transpose();
    let search = network.and_then(|network| Search::new(Duration::from_secs_f64(seconds), network));
    let search = search.map_err(|text| {
        let (message, hint) = message_and_hint(&text);
        ApiError::invalid(message, hint.unwrap_or_else(|| "leave `network` out".to_owned()))
    })?;
    let Ok(_alone) = app.search.try_acquire() else {
        let hint = "try again when that is done";
        let error = ApiError::conflict("somebody is looking for cameras already", hint);
        return Err(error.with_kind(ErrorKind::Busy));
    };
    let cameras = app.handle.config().await.cameras;
    let found = look(&search, &cameras).await;
    let devices = found.into_iter().map(|found| device(found, &caller)).collect();
    Ok(Json(DevicesDto { devices, notes: search.notes }))
}

fn device(found: Device, caller: &Caller) -> DeviceDto {
    let address = match (found.kind, &found.ports[..]) {
        (DeviceKind::Rtsp, [port]) if *port != 554 => format!("{}:{port}", found.address),
        _ => found.address.to_string(),
    };
    let known = found.known.filter(|camera| caller.may_see(camera));
    DeviceDto {
        address,
        name: found.name,
        kind: found.kind.as_str(),
        sources: found.sources,
        known: known.map(|camera| camera.as_str().to_owned()),
    }
}
