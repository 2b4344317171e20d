//! `/api/v1/cameras/{name}/mse`: fragmented MP4 over a WebSocket, for a browser's Media Source.

use std::pin::pin;

use axum::extract::ws::{Message, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::Response;
use omma_engine::{Parcel, ViewerDrop, ViewerRefusal};
use omma_media::MediaError;

use super::Seat;
use super::feed::ViewerFeed;
use super::film::{Films, Reel};
use crate::dto::{ErrorBody, ErrorDetail, FilmDto};
use crate::error::{ApiError, ApiResult};
use crate::guard::check_origin;
use crate::leave::Leave;
use crate::params::Camera;
use crate::server::App;
use crate::talk::{Talk, as_text, close};

/// Live video for a Media Source
///
/// A WebSocket (RFC 6455). A text message announces a film: the exact type for
/// `MediaSource.addSourceBuffer`, and when its time 0 was. Binary messages follow, to be
/// appended one by one: its head, then a fragment for every picture, beginning at the newest
/// keyframe. Where pictures do not follow each other (the viewer is slow and missed some, the
/// camera was opened anew) another film is announced; set `timestampOffset` to the end of what
/// is buffered, and `changeType` where its type is another one. A text message with `error`
/// says why there is no video, such as a codec that browsers do not play; `live.mjpg` shows
/// every camera.
#[utoipa::path(
    get, path = "/api/v1/cameras/{name}/mse", operation_id = "watch_film", tag = "live",
    params(("name" = String, Path, description = "The camera's name")),
    responses(
        (status = 101, description = "A WebSocket; its text messages look like this",
            body = FilmDto),
        (status = 400, description = "No WebSocket was asked for", body = ErrorBody),
        (status = 403, description = "Asked by a page of another site", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 503, description = "Too many viewers, or the camera is paused",
            body = ErrorBody),
    )
)]
pub(crate) async fn open(
    State(app): State<App>,
    Camera(camera): Camera,
    leave: Leave,
    request: Request,
) -> ApiResult<Response> {
    check_origin(request.headers())?;
    let mut parts = request.into_parts().0;
    let upgrade =
        WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|rejection| {
            app.films.metrics.refuse(ViewerRefusal::Invalid);
            ApiError::invalid(rejection.body_text(), "open this address with a WebSocket client")
        })?;
    let seat = app.films.sit()?;
    let feed = ViewerFeed::new(&app.handle, &camera.id, seat.metrics.clone())?;
    Ok(Talk::bounded(upgrade).on_upgrade(async move |socket| {
        Projector { talk: Talk::new(socket, app.ending), seat }.show(feed, leave).await;
    }))
}

/// One viewer's connection.
struct Projector {
    talk: Talk,
    seat: Seat,
}

impl Projector {
    /// Shows films until the viewer, the camera or the server goes, or the viewer may no longer
    /// look.
    async fn show(mut self, mut feed: ViewerFeed, leave: Leave) {
        let mut films = Films::default();
        let mut over = pin!(leave.over());
        loop {
            let messages = tokio::select! {
                message = self.talk.listen() => match message {
                    Some(message) => vec![message],
                    None => return,
                },
                parcel = feed.next() => match parcel {
                    Some(parcel) => self.messages(&mut films, &parcel),
                    None => vec![close(close_code::NORMAL, "the camera is gone")],
                },
                () = &mut over => vec![close(close_code::POLICY, "you may no longer see this")],
            };
            for message in messages {
                if !self.send(message).await {
                    return;
                }
            }
        }
    }

    /// What this parcel makes the viewer hear.
    fn messages(&self, films: &mut Films, parcel: &Parcel) -> Vec<Message> {
        match films.take(parcel) {
            Ok(reels) => {
                let is_picture = matches!(parcel, Parcel::Packet(packet) if packet.is_video());
                if is_picture && reels.is_empty() {
                    self.seat.metrics.drop_packets(ViewerDrop::Unusable, 1);
                }
                reels.into_iter().map(as_message).collect()
            }
            Err(error) => {
                self.seat.metrics.refuse(ViewerRefusal::Codec);
                refusal(&error)
            }
        }
    }

    /// Whether there is somebody to go on for.
    async fn send(&mut self, message: Message) -> bool {
        let bytes = if let Message::Binary(part) = &message { part.len() } else { 0 };
        let goes_on = self.talk.send(message).await;
        self.seat.metrics.sent(bytes);
        goes_on
    }
}

fn as_message(reel: Reel) -> Message {
    match reel {
        Reel::Begins(film) => as_text(&film),
        Reel::Part(bytes) => Message::Binary(bytes),
    }
}

/// Why there is no video, for a person and for the page, which can show something else.
fn refusal(error: &MediaError) -> Vec<Message> {
    let detail =
        ErrorDetail { kind: error.kind().as_str(), message: error.to_string(), hint: None };
    let body = ErrorBody { error: detail };
    vec![as_text(&body), close(close_code::UNSUPPORTED, "no video; the last message says why")]
}
