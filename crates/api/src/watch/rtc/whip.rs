//! `/api/v1/cameras/{name}/whip`: a browser's or an encoder's picture into a camera, by WebRTC,
//! as WHIP has it (RFC 9725).

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use str0m::Rtc;
use str0m::media::Mid;

use super::Webrtc;
use super::connection::Connection;
use super::sender::Sender;
use super::signal::{answered, end, mids, no_offer, place, read_offer, webrtc};
use crate::dto::ErrorBody;
use crate::error::{ApiError, ApiResult};
use crate::leave::Leave;
use crate::params::Camera;
use crate::server::App;

/// Send a camera's pictures by WebRTC
///
/// WHIP (RFC 9725), for browsers and for encoders such as OBS: the offer of somebody who sends
/// H.264, into a camera whose address is `whip://`. Another sender takes the camera over. All
/// addresses are in the answer: there is no trickling. Sound is not taken.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/whip", operation_id = "send_webrtc", tag = "live",
    params(("name" = String, Path, description = "The camera's name")),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer; `Location` is what ends the session",
            body = String, content_type = "application/sdp"),
        (status = 400, description = "That is no offer of somebody who sends video",
            body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 409, description = "The camera is fetched from an address", body = ErrorBody),
        (status = 415, description = "It is not offered to send H.264", body = ErrorBody),
        (status = 501, description = "WebRTC is off", body = ErrorBody),
        (status = 503, description = "The camera is paused, or there are too many sessions",
            body = ErrorBody),
    )
)]
pub(crate) async fn open(
    State(app): State<App>,
    Camera(camera): Camera,
    leave: Leave,
    headers: HeaderMap,
    body: String,
) -> ApiResult<Response> {
    let webrtc = webrtc(&app)?;
    let offer = read_offer(&headers, &body)?;
    let (config, line) = webrtc.connection()?;
    let mut rtc = Webrtc::build(config.enable_h264(true), &line)?;
    let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| no_offer(&error))?;
    let video = received(&mut rtc, &mids(&body)).ok_or_else(|| {
        ApiError::unsupported(
            "only H.264 is taken, and it is not offered",
            "choose H.264 in the encoder; in a browser, one that can encode it",
        )
    })?;
    let registered = webrtc.register(&place(&camera.id, "whip"))?;
    // Last, because it cuts off whoever sends: from here on nothing fails.
    let packets = app.handle.sender(&camera.id)?;
    let response = answered(&registered, &answer);
    let connection = Connection::new(rtc, line, registered, app.ending, leave);
    tokio::spawn(Sender::new(connection, camera.id, packets, video).take_all());
    Ok(response)
}

/// End sending by WebRTC
///
/// What `Location` of the answer names.
#[utoipa::path(
    delete, path = "/api/v1/cameras/{name}/whip/{session}", operation_id = "end_sending",
    tag = "live",
    params(
        ("name" = String, Path, description = "The camera's name"),
        ("session" = String, Path, description = "The session, as `Location` has it"),
    ),
    responses(
        (status = 204, description = "It ends"),
        (status = 404, description = "There is no such session", body = ErrorBody),
    )
)]
pub(crate) async fn close(
    State(app): State<App>,
    Path((name, session)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    end(&app, &name, "whip", &session)
}

/// The video that a connection gets which has accepted an offer of these parts.
fn received(rtc: &mut Rtc, mids: &[Mid]) -> Option<Mid> {
    mids.iter().copied().find(|&mid| {
        let is_video = rtc
            .media(mid)
            .is_some_and(|media| media.kind().is_video() && media.direction().is_receiving());
        is_video && rtc.writer(mid).is_some_and(|writer| writer.payload_params().next().is_some())
    })
}
