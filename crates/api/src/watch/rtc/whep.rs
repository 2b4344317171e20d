//! `/api/v1/cameras/{name}/whep`: live video by WebRTC, asked for as WHEP has it (a browser's
//! offer is posted, our answer comes back, and the session is ended by deleting it).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::FutureExt as _;
use omma_engine::{Handle, Parcel, Preroll, ViewerRefusal};
use omma_media::{Packet, StreamInfo};
use omma_types::{CameraId, ErrorKind};
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::Connection;
use super::signal::{answered, end, mids, no_offer, place, read_offer, webrtc};
use super::viewer::{Parts, Viewer};
use super::{Webrtc, offer};
use crate::dto::ErrorBody;
use crate::error::{ApiError, ApiResult};
use crate::leave::Leave;
use crate::params::Camera;
use crate::server::App;

/// How long a camera that has just been opened may take to say what it sends.
const CAMERA_WITHIN: Duration = Duration::from_secs(5);

/// Pictures that are looked at before the answer, at most, and how many are waited for and how
/// long: their order shows with the first few.
const LOOKED_AT: usize = 100;
const SEEN: usize = 6;
const SEEN_WITHIN: Duration = Duration::from_millis(500);

/// Live video by WebRTC
///
/// WHEP: the offer of a browser (or another player) that wants to receive video, and sound if it
/// likes; the answer is one, and is for this session. The camera's own pictures are sent, from
/// the newest keyframe on: where the player does not take their codec, or they come in another
/// order than they are shown (B-frames), the status is 415. Sound is sent where it is Opus. All
/// addresses are in the answer: there is no trickling.
///
/// A data channel `timing` that the player opens in its offer tells of each picture
/// `{"rtp", "media_ms", "wall_ms"}`: the `rtpTimestamp` of `requestVideoFrameCallback`, the time
/// in the stream (as in analyses), and when it was taken in milliseconds since 1970.
#[utoipa::path(
    post, path = "/api/v1/cameras/{name}/whep", operation_id = "watch_webrtc", tag = "live",
    params(("name" = String, Path, description = "The camera's name")),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer; `Location` is what ends the session",
            body = String, content_type = "application/sdp"),
        (status = 400, description = "That is no offer of somebody who receives video",
            body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 415, description = "The player does not take what the camera sends",
            body = ErrorBody),
        (status = 501, description = "WebRTC is off", body = ErrorBody),
        (status = 503, description = "Too many viewers, or the camera is paused or away",
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
    let metrics = &webrtc.viewers.metrics;
    let refuse = |reason: ViewerRefusal| {
        move |error: ApiError| {
            metrics.refuse(reason);
            error
        }
    };
    let wanted = read_offer(&headers, &body).map_err(refuse(ViewerRefusal::Invalid))?;
    let seat = webrtc.viewers.sit()?;
    let (info, group) = look(&app.handle, &camera.id).await?;
    if offer::reorders(group.iter()) {
        return Err(refuse(ViewerRefusal::Codec)(ApiError::unsupported(
            "the camera's pictures come in another order than they are shown (B-frames), which \
             WebRTC does not carry",
            "turn B-frames off in the camera (profile Baseline), or watch over `mse`",
        )));
    }
    let (config, line) = webrtc.connection()?;
    let codec = info.codec;
    let config = offer::with_codecs(config, &info)
        .ok_or_else(|| refuse(ViewerRefusal::Codec)(not_this_codec(codec)))?;
    let mut rtc = Webrtc::build(config, &line)?;
    let answer = rtc.sdp_api().accept_offer(wanted).map_err(|error| no_offer(&error));
    let answer = answer.map_err(refuse(ViewerRefusal::Invalid))?;
    let places = offer::places(&mut rtc, &mids(&body), &info);
    let places = places.ok_or_else(|| refuse(ViewerRefusal::Codec)(not_this_codec(codec)))?;
    let registered = webrtc.register(&place(&camera.id, "whep"))?;
    let response = answered(&registered, &answer);
    let share = webrtc.shares.of(&camera.id);
    let connection = Connection::new(rtc, line, registered, app.ending, leave);
    let (handle, camera) = (app.handle, camera.id);
    let viewer = Viewer::new(Parts { connection, places, info, share, handle, camera, seat });
    tokio::spawn(viewer.show());
    Ok(response)
}

/// End live video by WebRTC
///
/// What `Location` of the answer names.
#[utoipa::path(
    delete, path = "/api/v1/cameras/{name}/whep/{session}", operation_id = "end_webrtc",
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
    end(&app, &name, "whep", &session)
}

/// What the camera sends, and what it sent since its last keyframe.
async fn look(handle: &Handle, camera: &CameraId) -> ApiResult<(Arc<StreamInfo>, Vec<Packet>)> {
    let mut feed = handle.packets(camera, Preroll::Group)?;
    let info = loop {
        match timeout(CAMERA_WITHIN, feed.next()).await {
            Ok(Some(Parcel::Stream(info))) => break info,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                let message = format!("camera `{camera}` sends nothing at present");
                return Err(ApiError::unavailable(ErrorKind::Unreachable, message));
            }
        }
    };
    let mut group = Vec::new();
    let enough = Instant::now() + SEEN_WITHIN;
    while group.len() < LOOKED_AT {
        let next = match feed.next().now_or_never() {
            Some(next) => next,
            // A camera that was just opened has shown too little of itself.
            None if group.len() < SEEN => match timeout_at(enough, feed.next()).await {
                Ok(next) => next,
                Err(_elapsed) => break,
            },
            None => break,
        };
        match next {
            Some(Parcel::Packet(packet)) if packet.is_video() => group.push(packet),
            Some(Parcel::Packet(_)) => {}
            _ => break,
        }
    }
    Ok((info, group))
}

fn not_this_codec(codec: &str) -> ApiError {
    ApiError::unsupported(
        format!("the camera sends {codec}, which this player does not take by WebRTC"),
        "watch over `mse` or `live.mjpg`, or set the camera to H.264",
    )
}
