//! Where events go: finished bytes to a webhook, a stream, a topic.
//!
//! A target says what became of events and decides nothing: what to do with those that were
//! not taken, and when to try again, is the engine's.

mod kafka;
mod mqtt;
mod redis;
mod topic;
mod webhook;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::BusError;

pub use kafka::KafkaSink;
pub use mqtt::{MqttLink, MqttSink};
pub use redis::RedisSink;
pub use topic::TopicSink;
pub use webhook::WebhookSink;

/// An event on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPayload {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// Its identity: an event that is sent twice has the same.
    pub id: String,
    /// Where it happened. Events of one camera keep their order.
    pub camera: String,
    /// What happened, in one word.
    pub kind: &'static str,
    /// The event as it is to be written.
    pub body: Bytes,
}

/// What became of events: the first `delivered` are there, in order and confirmed.
#[derive(Debug)]
pub struct Progress {
    /// How many are there.
    pub delivered: usize,
    /// Why the others are not; none where all are there.
    pub stopped: Option<Stop>,
}

/// Why events were not taken.
#[derive(Debug)]
pub enum Stop {
    /// The target is away, lets nobody in, or has no room: the same may work later.
    Away(BusError),
    /// Something is wrong with one of the next `among` events; with 1 it is the next one.
    Refused {
        /// Among how many it is.
        among: usize,
        /// What was said, without secrets.
        reason: String,
    },
}

impl Progress {
    /// All `count` are there.
    pub const fn all(count: usize) -> Self {
        Self { delivered: count, stopped: None }
    }

    /// None is there: the target is away.
    pub const fn away(error: BusError) -> Self {
        Self { delivered: 0, stopped: Some(Stop::Away(error)) }
    }
}

/// Takes events.
pub trait EventTarget: Send {
    /// Where it is, without secrets.
    fn shown(&self) -> String;

    /// Finds out whether the target is there and lets us in. Called before the first events
    /// and after each failure, so that trouble is known before there is an event.
    fn connect(&mut self) -> BoxFuture<'_, Result<(), BusError>>;

    /// Sends events, oldest first, and waits until the other side has them. Dropping the
    /// future may leave some delivered that nobody knows of.
    fn send<'a>(&'a mut self, events: &'a [EventPayload]) -> BoxFuture<'a, Progress>;

    /// Says goodbye; nothing is sent after it.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
