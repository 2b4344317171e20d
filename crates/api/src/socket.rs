//! `/api/v1/ws`: analyses and events as they come, for browsers and programs.
//!
//! The engine's backlog is bounded. A client that reads too slowly loses the oldest messages
//! and is told how many; what it lost of the events it can read from the store. A client that
//! reads nothing at all is let go.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;

use axum::extract::ws::{WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::Response;
use omma_engine::Message as News;
use omma_types::{CameraId, ErrorKind, Event};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use crate::accounts::Caller;
use crate::dto::{AnalysisDto, ErrorBody, EventDto, MessageDto};
use crate::error::{ApiError, ApiResult};
use crate::guard::check_origin;
use crate::leave::Leave;
use crate::params::{self, Params};
use crate::server::{App, Ending};
use crate::talk::{Talk, as_text, close, stopping};

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

/// Says which events have pictures, and looks at the disk for that.
type Pictured = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// What a client wants to hear, checked.
struct Wishes {
    /// Empty: all that the client may see.
    cameras: HashSet<CameraId>,
    caller: Caller,
    analyses: bool,
    events: bool,
    /// Knows which events have pictures.
    pictured: Pictured,
}

impl Wishes {
    /// The message for this client; none when it is not interested.
    fn message(&self, news: &News) -> Option<MessageDto> {
        let wants = |camera| {
            self.caller.may_see(camera)
                && (self.cameras.is_empty() || self.cameras.contains(camera))
        };
        match news {
            News::Analysis(analysis) if self.analyses && wants(&analysis.camera) => {
                Some(MessageDto::Analysis { analysis: AnalysisDto::from(&**analysis) })
            }
            News::Event(seq, event) if self.events && wants(&event.camera) => {
                Some(MessageDto::Event { event: Box::new(EventDto::new(*seq, event)) })
            }
            News::Analysis(_) | News::Event(..) => None,
        }
    }

    /// The same, with whether there is a picture of an event.
    async fn whole(&self, news: &News) -> Option<MessageDto> {
        match (self.message(news)?, news) {
            (MessageDto::Event { event }, News::Event(_, of)) => {
                let (pictured, of) = (Arc::clone(&self.pictured), Arc::clone(of));
                let looking = tokio::task::spawn_blocking(move || pictured(&of));
                // What can't be looked for is not there.
                let snapshot = looking.await.unwrap_or(false);
                Some(MessageDto::Event { event: Box::new(event.with_snapshot(snapshot)) })
            }
            (message, _) => Some(message),
        }
    }
}

/// Analyses and events as they come
///
/// A WebSocket (RFC 6455). Each text message is a JSON object with a `type`: `analysis`,
/// `event`, or `lagged` with the number of messages left out because this client reads too
/// slowly. The server pings every 20 s.
#[utoipa::path(
    get, path = "/api/v1/ws", operation_id = "listen", tag = "events",
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
    caller: Caller,
    leave: Leave,
    Params(params): Params<SocketParams>,
    request: Request,
) -> ApiResult<Response> {
    check_origin(request.headers())?;
    let kinds = params::words("kinds", params.kinds.as_deref(), &["analysis", "event"])?;
    let wants = |kind: &str| kinds.is_empty() || kinds.iter().any(|k| k == kind);
    let cameras = params::cameras(&app.handle, &caller, params.cameras.as_deref()).await?;
    let wishes = Wishes {
        cameras: cameras.into_iter().collect(),
        caller,
        analyses: wants("analysis"),
        events: wants("event"),
        pictured: {
            let handle = app.handle.clone();
            Arc::new(move |event: &Event| handle.has_snapshot(event))
        },
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
    Ok(Talk::bounded(upgrade).on_upgrade(async move |socket| {
        tell(socket, news, &wishes, app.ending, leave.over()).await;
        drop(permit);
    }))
}

/// Talks to one client until it, or the server, goes, or its leave is `over`.
async fn tell(
    socket: WebSocket,
    mut news: Receiver<News>,
    wishes: &Wishes,
    ending: Ending,
    over: impl Future<Output = ()>,
) {
    let mut over = pin!(over);
    let mut talk = Talk::new(socket, ending);
    loop {
        let message = tokio::select! {
            message = talk.listen() => match message {
                Some(message) => message,
                None => return,
            },
            next = news.recv() => match next {
                Ok(next) => match wishes.whole(&next).await {
                    Some(message) => as_text(&message),
                    None => continue,
                },
                Err(RecvError::Lagged(missed)) => as_text(&MessageDto::Lagged { missed }),
                Err(RecvError::Closed) => stopping(),
            },
            () = &mut over => close(close_code::POLICY, "you may no longer hear this"),
        };
        if !talk.send(message).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use futures_util::StreamExt as _;
    use omma_types::{
        Analysis, Event, EventId, EventKind, FrameStamp, MediaTime, Size, StageTimings, WallSource,
        WallTime,
    };
    use serde_json::Value;
    use tokio::net::TcpListener;
    use tokio::sync::{broadcast, watch};

    use super::*;

    fn camera() -> CameraId {
        CameraId::new("door").unwrap()
    }

    fn event(seq: i64) -> News {
        let event = Event {
            id: EventId(1),
            camera: camera(),
            kind: EventKind::ZoneEntered,
            rule: Some("till".to_owned()),
            track: None,
            class: None,
            score: None,
            rect: None,
            media: MediaTime::ZERO,
            wall: WallTime::from_millis(0),
            path: Vec::new(),
            attributes: std::collections::BTreeMap::default(),
        };
        News::Event(seq, Arc::new(event))
    }

    fn analysis() -> News {
        let frame = FrameStamp {
            seq: 1,
            media: MediaTime::ZERO,
            wall: WallTime::from_millis(0),
            wall_source: WallSource::Arrival,
            size: Size::new(64, 48),
        };
        let (detections, tracks) = (Vec::new(), Vec::new());
        let timings = StageTimings::default();
        News::Analysis(Arc::new(Analysis { camera: camera(), frame, detections, tracks, timings }))
    }

    #[test]
    fn clients_hear_what_they_asked_for() {
        let wishes = |names: &[&str], analyses, events| Wishes {
            cameras: names.iter().map(|name| CameraId::new(name).unwrap()).collect(),
            caller: Caller::anybody(),
            analyses,
            events,
            pictured: Arc::new(|_| false),
        };
        assert!(wishes(&[], true, true).message(&event(1)).is_some());
        assert!(wishes(&["door", "yard"], true, true).message(&analysis()).is_some());
        assert!(wishes(&["yard"], true, true).message(&event(1)).is_none());
        assert!(wishes(&[], false, true).message(&analysis()).is_none());
        assert!(wishes(&[], true, false).message(&event(1)).is_none());
        // Whatever is wished for, what may not be seen is not told.
        for names in [&[][..], &["door"]] {
            let limited = Caller::anybody().only(Some(&[CameraId::new("yard").unwrap()]));
            let wishes = Wishes { caller: limited, ..wishes(names, true, true) };
            assert!(wishes.message(&event(1)).is_none() && wishes.message(&analysis()).is_none());
        }
    }

    /// The backlog holds 4, 10 are sent before the client is listened to: 6 are lost, and
    /// that is the first thing it hears.
    #[tokio::test]
    async fn a_slow_client_is_told_what_it_missed() {
        let (news, receiver) = broadcast::channel(4);
        for seq in 1..=10 {
            assert!(news.send(event(seq)).is_ok());
        }
        let (_running, ending) = watch::channel(false);
        let ending = Ending::new(ending);
        let receiver = Arc::new(std::sync::Mutex::new(Some(receiver)));
        let route = get(async move |upgrade: WebSocketUpgrade| {
            let receiver = receiver.lock().unwrap().take().unwrap();
            upgrade.on_upgrade(async move |socket| {
                let wishes = Wishes {
                    cameras: HashSet::new(),
                    caller: Caller::anybody(),
                    analyses: true,
                    events: true,
                    pictured: Arc::new(|_| false),
                };
                tell(socket, receiver, &wishes, ending, std::future::pending()).await;
            })
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router: Router = Router::new().route("/", route);
        tokio::spawn(axum::serve(listener, router).into_future());
        let (mut socket, _) =
            tokio_tungstenite::connect_async(format!("ws://{address}/")).await.unwrap();
        let mut heard = Vec::new();
        for _ in 0..5 {
            let message = socket.next().await.unwrap().unwrap();
            heard.push(serde_json::from_str::<Value>(message.to_text().unwrap()).unwrap());
        }
        assert_eq!(heard[0], serde_json::json!({ "type": "lagged", "missed": 6 }));
        let numbers: Vec<_> = heard[1..].iter().map(|m| m["event"]["seq"].as_i64()).collect();
        assert_eq!(numbers, [Some(7), Some(8), Some(9), Some(10)]);
        assert_eq!(heard[1]["event"]["rule"], "till");
    }
}
