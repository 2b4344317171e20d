//! Events onto the topic `events` of a bus.

use futures_util::future::BoxFuture;

use super::{EventPayload, EventTarget, Progress};
use crate::BusError;
use crate::topic::{LazyTopics, Topic};

/// Puts events onto a bus, each confirmed by its broker.
pub struct TopicSink {
    topics: LazyTopics,
}

impl TopicSink {
    /// A way to the bus, not connected.
    pub fn new(topics: LazyTopics) -> Self {
        Self { topics }
    }

    async fn publish(&self, events: &[EventPayload]) -> Result<(), BusError> {
        let messages = events.iter().map(|event| (event.camera.clone(), event.body.clone()));
        let topics = self.topics.get().await?;
        topics.publish_all(&Topic::EVENTS, messages.collect()).await.map(drop)
    }
}

impl EventTarget for TopicSink {
    fn shown(&self) -> String {
        format!("{}/{}", self.topics.broker().shown(), Topic::EVENTS.name())
    }

    fn connect(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async { self.topics.get().await.map(drop) })
    }

    /// What a broker refuses it refuses of all: no memory, no rights. Somebody can put that
    /// right.
    fn send<'a>(&'a mut self, events: &'a [EventPayload]) -> BoxFuture<'a, Progress> {
        Box::pin(async move {
            match self.publish(events).await {
                Ok(()) => Progress::all(events.len()),
                Err(error) => Progress::away(error),
            }
        })
    }
}
