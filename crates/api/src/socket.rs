//! `/api/v1/ws`: analyses and events as they come, for browsers and programs.
//!
//! The engine's backlog is bounded. A client that reads too slowly loses the oldest messages
//! and is told how many; what it lost of the events it can read from the store. A client that
//! reads nothing at all is let go.

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::Response;
use omma_engine::Message as News;
use omma_types::{CameraId, ErrorKind};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::IntoParams;

use crate::dto::{AnalysisDto, ErrorBody, EventDto, MessageDto};
use crate::error::{ApiError, ApiResult};
use crate::guard::check_origin;
use crate::params::{self, Params};
use crate::server::{App, Ending};

/// How often a client is asked whether it is there. Also keeps proxies from closing.
const PING_EVERY: Duration = Duration::from_secs(20);

/// A client that takes no data for this long is gone.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Clients have nothing to say but answers to pings.
const MAX_CLIENT_MESSAGE_BYTES: usize = 4096;

/// What a client wants to hear.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SocketParams {
    /// Of any of these cameras: `door,yard`. All, if not given.
    cameras: Option<String>,
    /// `analysis`, `event`, or both, which is the default: `analysis,event`.
    kinds: Option<String>,
}

/// What a client wants to hear, checked.
struct Wishes {
    /// Empty: all.
    cameras: HashSet<CameraId>,
    analyses: bool,
    events: bool,
}

impl Wishes {
    /// The message for this client; none when it is not interested.
    fn message(&self, news: &News) -> Option<MessageDto> {
        let wants = |camera| self.cameras.is_empty() || self.cameras.contains(camera);
        match news {
            News::Analysis(analysis) if self.analyses && wants(&analysis.camera) => {
                Some(MessageDto::Analysis { analysis: AnalysisDto::from(&**analysis) })
            }
            News::Event(seq, event) if self.events && wants(&event.camera) => {
                Some(MessageDto::Event { event: EventDto::new(*seq, event) })
            }
            News::Analysis(_) | News::Event(..) => None,
        }
    }
}

/// Analyses and events as they come
///
/// A WebSocket (RFC 6455). Each text message is a JSON object with a `type`: `analysis`,
/// `event`, or `lagged` with the number of messages left out because this client reads too
/// slowly. The server pings every 20 s.
#[utoipa::path(
    get, path = "/api/v1/ws", tag = "events",
    params(SocketParams),
    responses(
        (status = 101, description = "A WebSocket; its messages look like this", body = MessageDto),
        (status = 400, description = "A parameter makes no sense, or no WebSocket was asked for",
            body = ErrorBody),
        (status = 403, description = "Asked by a page of another site", body = ErrorBody),
        (status = 404, description = "No such camera", body = ErrorBody),
        (status = 503, description = "Too many clients", body = ErrorBody),
    )
)]
pub(crate) async fn open(
    State(app): State<App>,
    Params(params): Params<SocketParams>,
    request: Request,
) -> ApiResult<Response> {
    check_origin(request.headers())?;
    let kinds = params::words("kinds", params.kinds.as_deref(), &["analysis", "event"])?;
    let wants = |kind: &str| kinds.is_empty() || kinds.iter().any(|k| k == kind);
    let cameras = params::cameras(&app.handle, params.cameras.as_deref()).await?;
    let wishes = Wishes {
        cameras: cameras.into_iter().collect(),
        analyses: wants("analysis"),
        events: wants("event"),
    };
    let mut parts = request.into_parts().0;
    let upgrade =
        WebSocketUpgrade::from_request_parts(&mut parts, &app).await.map_err(|rejection| {
            ApiError::invalid(rejection.body_text(), "open this address with a WebSocket client")
        })?;
    let Ok(permit) = app.sockets.try_acquire_owned() else {
        return Err(ApiError::unavailable(ErrorKind::Full, "too many WebSocket clients"));
    };
    let news = app.handle.subscribe();
    let upgrade = upgrade.max_message_size(MAX_CLIENT_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        tell(socket, news, &wishes, app.ending).await;
        drop(permit);
    }))
}

/// Talks to one client until it, or the server, goes.
async fn tell(
    mut socket: WebSocket,
    mut news: Receiver<News>,
    wishes: &Wishes,
    mut ending: Ending,
) {
    let mut ping = interval(PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset(); // the first tick would come at once
    let mut answered = true;
    loop {
        let message = tokio::select! {
            heard = socket.recv() => match heard {
                // Pings are answered by the library; whatever a client says, it is there.
                Some(Ok(_)) => {
                    answered = true;
                    continue;
                }
                Some(Err(_)) | None => return,
            },
            next = news.recv() => match next {
                Ok(next) => match wishes.message(&next) {
                    Some(message) => as_text(&message),
                    None => continue,
                },
                Err(RecvError::Lagged(missed)) => as_text(&MessageDto::Lagged { missed }),
                Err(RecvError::Closed) => going_away(),
            },
            _ = ping.tick() => {
                if !answered {
                    return;
                }
                answered = false;
                Message::Ping(bytes::Bytes::new())
            },
            () = ending.wait() => going_away(),
        };
        let last = matches!(message, Message::Close(_));
        let sent = tokio::select! {
            biased;
            sent = timeout(STALLED_AFTER, socket.send(message)) => sent,
            () = ending.wait() => return,
        };
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

fn as_text(message: &MessageDto) -> Message {
    match serde_json::to_string(message) {
        Ok(text) => Message::text(text),
        Err(error) => {
            tracing::error!(%error, "a message can't be written as JSON");
            Message::Ping(bytes::Bytes::new())
        }
    }
}

fn going_away() -> Message {
    let reason = "the server stops".into();
    Message::Close(Some(CloseFrame { code: close_code::AWAY, reason }))
}
