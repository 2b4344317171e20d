//! A way to a Redis that is made when it is first needed: outlets are opened before anybody
//! knows whether the server is there.

use std::time::Duration;

use redis::{Pipeline, Value};

use crate::redis::{RedisConnection, connect, connect_blocking};
use crate::{Broker, BrokerKind, BusError};

/// A way to a Redis. Whoever gets an error may try again at once or later.
pub(crate) struct Link {
    broker: Broker,
    /// How long commands may wait in the server.
    block: Option<Duration>,
    connection: Option<RedisConnection>,
}

impl Link {
    /// A way to `broker`, not connected.
    pub(crate) fn new(broker: Broker) -> Result<Self, BusError> {
        if broker.kind == BrokerKind::Redis {
            return Ok(Self { broker, block: None, connection: None });
        }
        let reason = "this dialect is spoken on Redis only".to_owned();
        Err(BusError::Broker { url: broker.shown(), reason })
    }

    /// For commands that wait in the server up to `block`.
    pub(crate) fn blocking(self, block: Duration) -> Self {
        Self { block: Some(block), ..self }
    }

    /// Carries out all commands; the first error of one is the error of all. `key` is named in
    /// errors.
    pub(crate) async fn all(&mut self, key: &str, pipe: &Pipeline) -> Result<Vec<Value>, BusError> {
        let outcomes = self.each(key, pipe).await?;
        let broker = &self.broker;
        let told = |error: redis::RedisError| crate::redis::error(broker, key, &error);
        outcomes.into_iter().map(|one| one.extract_error().map_err(told)).collect()
    }

    /// Carries out all commands and gives the outcome of each: a command's own error is a
    /// value among them.
    pub(crate) async fn each(
        &mut self,
        key: &str,
        pipe: &Pipeline,
    ) -> Result<Vec<Value>, BusError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            unconnected @ None => unconnected.insert(match self.block {
                Some(block) => connect_blocking(&self.broker, block).await?,
                None => connect(&self.broker).await?,
            }),
        };
        let mut pipe = pipe.clone();
        pipe.ignore_errors();
        let outcome = pipe.query_async::<Vec<Value>>(connection).await;
        outcome.map_err(|error| crate::redis::error(&self.broker, key, &error))
    }
}

/// The text of an answer that is one.
pub(crate) fn text(value: &Value) -> Option<String> {
    redis::from_redis_value_ref(value).ok()
}

/// What a server complained about, if it did.
pub(crate) fn complaint(value: &Value) -> Option<String> {
    match value {
        Value::ServerError(error) => Some(match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_owned(),
        }),
        _ => None,
    }
}
