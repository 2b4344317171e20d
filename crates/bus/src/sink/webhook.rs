//! Events to a webhook: `{"data": [...]}`, as many as one request may hold.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;

use super::{EventPayload, EventTarget, Progress, Stop};
use crate::{BusError, Outcome, Webhook};

/// A webhook that takes events. Their payloads are JSON.
pub struct WebhookSink {
    webhook: Arc<Webhook>,
}

impl WebhookSink {
    /// Events to `webhook`.
    pub fn new(webhook: Webhook) -> Self {
        Self { webhook: Arc::new(webhook) }
    }

    fn away(&self, reason: String) -> Progress {
        Progress::away(BusError::Unreachable { broker: self.webhook.address(), reason })
    }
}

impl EventTarget for WebhookSink {
    fn shown(&self) -> String {
        self.webhook.address()
    }

    /// Nothing can be asked of a webhook without giving it something.
    fn connect(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn send<'a>(&'a mut self, events: &'a [EventPayload]) -> BoxFuture<'a, Progress> {
        Box::pin(async move {
            let body = body(events);
            let webhook = Arc::clone(&self.webhook);
            // It has deadlines of its own.
            let posting =
                tokio::task::spawn_blocking(move || webhook.post(&body, SystemTime::now().into()));
            match posting.await {
                Ok(Outcome::Accepted) => Progress::all(events.len()),
                Ok(Outcome::Rejected { later: false, reason, .. }) => Progress {
                    delivered: 0,
                    stopped: Some(Stop::Refused { among: events.len(), reason }),
                },
                Ok(Outcome::Rejected { reason, .. } | Outcome::Unreachable { reason }) => {
                    self.away(reason)
                }
                Err(_panicked) => self.away("posting panicked".to_owned()),
            }
        })
    }
}

fn body(events: &[EventPayload]) -> Vec<u8> {
    let size: usize = events.iter().map(|event| event.body.len() + 1).sum();
    let mut body = Vec::with_capacity(size + 12);
    body.extend_from_slice(b"{\"data\":[");
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&event.body);
    }
    body.extend_from_slice(b"]}");
    body
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_batch_is_one_list() {
        let event = |text: &'static str| EventPayload {
            seq: 1,
            id: String::new(),
            camera: String::new(),
            kind: "zone_entered",
            body: Bytes::from_static(text.as_bytes()),
        };
        assert_eq!(body(&[]), b"{\"data\":[]}");
        assert_eq!(body(&[event("1"), event("{}")]), b"{\"data\":[1,{}]}");
    }
}
