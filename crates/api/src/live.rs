//! Pictures for people: moving ones as multipart MJPEG, which every browser shows in an `img`
//! element, and single ones.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use omma_engine::{JpegFrame, LiveView, ViewOptions};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use crate::dto::ErrorBody;
use crate::error::ApiResult;
use crate::footage::TIME_HEADER;
use crate::params::{Camera, Params, within};
use crate::server::{App, Ending};
use crate::watch::away::Away;

/// Stands between the pictures (RFC 2046, section 5.1.1).
const BOUNDARY: &str = "omma-picture";

/// A viewer that takes no data for this long is gone; its camera need not decode for it.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// The bytes of a JPEG file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only there to describe the answer")]
struct Picture(Bytes);

/// How a picture is shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ViewParams {
    /// Whether boxes, tails, lines, zones and counts are drawn; yes unless `false`.
    annotated: Option<bool>,
    /// Wider pictures are made smaller, in pixels: 16 to 3840, 1280 if not given.
    width: Option<u32>,
    /// At most so many pictures a second: 1 to 60, 15 if not given.
    fps: Option<u32>,
    /// Quality of the JPEG, 1 to 100, 75 if not given.
    quality: Option<u8>,
    /// Ignored: makes an address new, for browsers that would show an old picture.
    #[expect(dead_code, reason = "only there to be accepted")]
    t: Option<String>,
}

impl ViewParams {
    fn options(&self) -> ApiResult<ViewOptions> {
        let default = ViewOptions::default();
        Ok(ViewOptions {
            annotated: self.annotated.unwrap_or(default.annotated),
            max_width: within("width", self.width.unwrap_or(default.max_width), 16, 3840)?,
            fps: within("fps", self.fps.unwrap_or(default.fps), 1, 60)?,
            quality: within("quality", self.quality.unwrap_or(default.quality), 1, 100)?,
        })
    }
}

/// Moving pictures of a camera
///
/// An endless `multipart/x-mixed-replace` answer of JPEG pictures, for an `img` element. A
/// viewer that is slower than the camera misses pictures. While somebody looks, the camera is
/// decoded; when the last viewer is gone, it no longer is.
#[utoipa::path(
    get, path = "/cameras/{name}/live.mjpg", operation_id = "watch_camera", tag = "live",
    params(("name" = String, Path, description = "The camera's name"), ViewParams),
    responses(
        (status = 200, description = "Pictures, one after the other",
            content_type = "multipart/x-mixed-replace", body = Picture),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
    )
)]
pub(crate) async fn live(
    State(app): State<App>,
    Camera(camera): Camera,
    Params(params): Params<ViewParams>,
) -> ApiResult<Response> {
    let options = params.options()?;
    let view = app.handle.live(&camera.id, options)?;
    // One picture under way, one waiting: a slow viewer gets new ones, not all.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let again = || app.handle.live(&camera.id, options).ok();
        show(view, again, sender, app.ending).await;
    });
    let parts = futures_util::stream::unfold(receiver, async |mut receiver| {
        Some((Ok::<Bytes, Infallible>(receiver.recv().await?), receiver))
    });
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response())
}

/// Hands pictures to the connection until the viewer, the camera or the server goes. A camera
/// whose configuration changed goes and comes back under the same name: `again` looks for it,
/// because browsers do not ask anew when such an answer ends.
async fn show(
    mut view: LiveView,
    again: impl Fn() -> Option<LiveView>,
    sender: mpsc::Sender<Bytes>,
    mut ending: Ending,
) {
    let (mut first, mut away) = (true, Away::default());
    loop {
        let next = async {
            loop {
                match view.next().await {
                    Some(frame) => return Some(frame),
                    None => view = away.come_back(&again).await?,
                }
            }
        };
        let frame = tokio::select! {
            frame = next => frame,
            () = sender.closed() => None,
            () = ending.wait() => None,
        };
        let Some(frame) = frame else { return };
        let sent = tokio::select! {
            sent = tokio::time::timeout(STALLED_AFTER, sender.send(part(&frame, first))) => sent,
            () = ending.wait() => return,
        };
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
        first = false;
    }
}

/// One picture with what stands around it. The boundary follows at once: browsers show a
/// picture when they see the next boundary, not when its length is reached.
fn part(frame: &JpegFrame, first: bool) -> Bytes {
    let opening = if first { format!("--{BOUNDARY}\r\n") } else { String::new() };
    let head = format!(
        "{opening}Content-Type: image/jpeg\r\nContent-Length: {}\r\n{TIME_HEADER}: {}\r\n\r\n",
        frame.bytes.len(),
        frame.stamp.wall.as_millis(),
    );
    let close = format!("\r\n--{BOUNDARY}\r\n");
    [head.as_bytes(), &frame.bytes, close.as_bytes()].concat().into()
}

/// One picture of a camera
///
/// The next picture that the camera gives, as JPEG. The header `x-omma-time-ms` says when it
/// was captured.
#[utoipa::path(
    get, path = "/cameras/{name}/snapshot.jpg", operation_id = "get_snapshot", tag = "live",
    params(("name" = String, Path, description = "The camera's name"), ViewParams),
    responses(
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Picture),
        (status = 400, description = "A parameter makes no sense", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 503, description = "The camera gives no picture at the moment", body = ErrorBody),
    )
)]
pub(crate) async fn snapshot(
    State(app): State<App>,
    Camera(camera): Camera,
    Params(params): Params<ViewParams>,
) -> ApiResult<Response> {
    let frame = app.handle.snapshot(&camera.id, params.options()?).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(TIME_HEADER, HeaderValue::from(frame.stamp.wall.as_millis()));
    Ok((headers, frame.bytes.clone()).into_response())
}
