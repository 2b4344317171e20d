//! One side of a WebSocket that only tells: asks now and then whether somebody is there, and lets
//! go of who is not, or takes nothing.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::server::Ending;

/// How often a client is asked whether it is there. Also keeps proxies from closing.
const PING_EVERY: Duration = Duration::from_secs(20);

/// A client that takes no data for this long is gone.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Clients have nothing to say but answers to pings.
const MAX_CLIENT_MESSAGE_BYTES: usize = 4096;

/// A connection on which we tell.
pub(crate) struct Talk {
    socket: WebSocket,
    ping: Interval,
    answered: bool,
    ending: Ending,
}

impl Talk {
    /// An upgrade to one, which takes no long messages.
    pub(crate) fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
        upgrade.max_message_size(MAX_CLIENT_MESSAGE_BYTES)
    }

    /// Until `ending`.
    pub(crate) fn new(socket: WebSocket, ending: Ending) -> Self {
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset(); // the first tick would come at once
        Self { socket, ping, answered: true, ending }
    }

    /// What there is to be sent for the connection's own sake; none when the client is gone.
    /// Nothing is lost with the future.
    pub(crate) async fn listen(&mut self) -> Option<Message> {
        loop {
            tokio::select! {
                heard = self.socket.recv() => match heard {
                    // Pings are answered by the library; whatever a client says, it is there.
                    Some(Ok(_)) => self.answered = true,
                    Some(Err(_)) | None => return None,
                },
                _ = self.ping.tick() => {
                    if !std::mem::take(&mut self.answered) {
                        return None;
                    }
                    return Some(Message::Ping(Bytes::new()));
                }
                () = self.ending.wait() => return Some(stopping()),
            }
        }
    }

    /// Sends a message; whether there is somebody to go on for.
    pub(crate) async fn send(&mut self, message: Message) -> bool {
        let is_last = matches!(message, Message::Close(_));
        let sent = tokio::select! {
            biased;
            sent = timeout(STALLED_AFTER, self.socket.send(message)) => sent,
            () = self.ending.wait() => return false,
        };
        !is_last && matches!(sent, Ok(Ok(())))
    }
}

/// The last message of a server that stops.
pub(crate) fn stopping() -> Message {
    close(close_code::AWAY, "the server stops")
}

/// The last message.
pub(crate) fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

/// `value` as JSON.
pub(crate) fn as_text(value: &impl Serialize) -> Message {
    match serde_json::to_string(value) {
        Ok(text) => Message::text(text),
        Err(error) => {
            tracing::error!(%error, "a message can't be written as JSON");
            Message::Ping(Bytes::new())
        }
    }
}
