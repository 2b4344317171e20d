//! The page of `EdgeRealtimeVideoAnalytics`: `GET /video` and nothing else, which its dashboards
//! show in an `img` element.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use omma_engine::{Handle, JpegFrame, PageView};
use tokio::sync::mpsc;

use crate::server::Ending;

/// A viewer that takes no data for this long is gone.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// What stands before each picture, in the order that its users know.
const PART_HEAD: &str = "--frame\r\n\
                         Pragma-directive: no-cache\r\n\
                         Cache-directive: no-cache\r\n\
                         Cache-control: no-cache\r\n\
                         Pragma: no-cache\r\n\
                         Expires: 0\r\n\
                         Content-Type: image/jpeg\r\n\r\n";

/// Whose pictures are shown.
#[derive(Clone)]
struct Shown {
    handle: Handle,
    /// Which entry of the configuration's `publish`.
    at: usize,
    ending: Ending,
}

/// The page of the entry that stands at `at` in the configuration's `publish`.
pub(crate) fn routes(handle: Handle, at: usize, ending: Ending) -> Router {
    Router::new().route("/video", get(video)).with_state(Shown { handle, at, ending })
}

async fn video(State(shown): State<Shown>) -> Response {
    let Some(view) = shown.handle.publication_page(shown.at) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // One picture under way, one waiting: a slow viewer gets new ones, not all.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(show(view, sender, shown.ending));
    let parts = futures_util::stream::unfold(receiver, async |mut receiver| {
        Some((Ok::<Bytes, Infallible>(receiver.recv().await?), receiver))
    });
    let kind = "multipart/x-mixed-replace; boundary=frame";
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response()
}

/// Hands pictures to the connection until the viewer or the server goes.
async fn show(mut view: PageView, sender: mpsc::Sender<Bytes>, mut ending: Ending) {
    loop {
        let frame = tokio::select! {
            frame = view.next() => frame,
            () = sender.closed() => None,
            () = ending.wait() => None,
        };
        let Some(frame) = frame else { return };
        let sent = tokio::select! {
            sent = tokio::time::timeout(STALLED_AFTER, sender.send(part(&frame))) => sent,
            () = ending.wait() => return,
        };
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// One picture with what stands around it.
fn part(frame: &JpegFrame) -> Bytes {
    [PART_HEAD.as_bytes(), &frame.bytes, b"\r\n\r\n"].concat().into()
}
