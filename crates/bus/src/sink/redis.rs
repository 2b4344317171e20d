//! Events to a stream of Redis.

use futures_util::future::BoxFuture;

use super::{EventPayload, EventTarget, Progress};
use crate::redis::{RedisConnection, connect};
use crate::{Broker, BusError};

/// Events that the stream holds, about: Redis keeps everything in memory.
const KEEP: usize = 1_000_000;

/// A stream that takes events, an entry each: `id`, `seq`, `camera`, `kind`, `event`.
pub struct RedisSink {
    broker: Broker,
    stream: String,
    connection: Option<RedisConnection>,
}

impl RedisSink {
    /// Events to `stream` at `broker`.
    pub fn new(broker: Broker, stream: String) -> Self {
        Self { broker, stream, connection: None }
    }

    async fn connected(&mut self) -> Result<RedisConnection, BusError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let connection = connect(&self.broker).await?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    async fn ping(&mut self) -> Result<(), BusError> {
        let mut connection = self.connected().await?;
        let answer = redis::cmd("PING").exec_async(&mut connection).await;
        answer.map_err(|error| connection.error(&self.stream, &error))
    }

    async fn add(&mut self, events: &[EventPayload]) -> Result<(), BusError> {
        let mut connection = self.connected().await?;
        // All or none: one that is refused must not be overtaken by those behind it.
        let mut transaction = redis::pipe();
        transaction.atomic();
        for event in events {
            transaction
                .cmd("XADD")
                .arg(&self.stream)
                .arg(&["MAXLEN", "~"])
                .arg(KEEP)
                .arg("*")
                .arg("id")
                .arg(&event.id)
                .arg("seq")
                .arg(event.seq)
                .arg("camera")
                .arg(&event.camera)
                .arg("kind")
                .arg(event.kind)
                .arg("event")
                .arg(event.body.as_ref())
                .ignore();
        }
        let answer = transaction.exec_async(&mut connection).await;
        answer.map_err(|error| connection.error(&self.stream, &error))
    }
}

impl EventTarget for RedisSink {
    fn shown(&self) -> String {
        format!("{}/{}", self.broker.shown(), self.stream)
    }

    fn connect(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(self.ping())
    }

    /// Redis refuses no single event: no memory, no rights and a key of another kind are the
    /// same for all, and somebody can put them right.
    fn send<'a>(&'a mut self, events: &'a [EventPayload]) -> BoxFuture<'a, Progress> {
        Box::pin(async move {
            match self.add(events).await {
                Ok(()) => Progress::all(events.len()),
                Err(error) => Progress::away(error),
            }
        })
    }
}
