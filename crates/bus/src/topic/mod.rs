//! Topics: frames, analyses and events between processes, over this process's memory, Redis or
//! Kafka with the same behaviour.
//!
//! - [`Topics::publish`] is for what must not be lost: it returns when the broker has the
//!   message on its way to its disk, tries again while the broker is away, and keeps the order
//!   of each key. A message that was written twice, because an answer was lost, carries the
//!   same writer and number, and readers leave it out.
//! - [`Topics::offer`] is for pictures and analyses: it never waits. What does not fit into its
//!   bytes pushes out the oldest, and each loss is counted with its reason.
//! - [`Topics::subscribe`] reads everything from a place on, and says where something was
//!   cleared away before it was read.
//! - [`Topics::join`] shares work: each message goes to one member of a group.

mod group;
mod kafka;
mod lazy;
mod memory;
mod offer;
mod once;
mod options;
mod record;
mod redis;
mod retry;
mod stats;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use group::Member;
pub use lazy::LazyTopics;
pub use options::{Start, Topic, TopicOptions};
pub use record::{Delivery, Position, Record};
pub use stats::{DropReason, TopicStats};

use crate::{Broker, BrokerKind, BusError};
use offer::Offers;
use stats::Counters;

/// The topics at one broker. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Topics(Arc<Inner>);

struct Inner {
    broker: Broker,
    options: TopicOptions,
    backend: Arc<dyn Backend>,
    offers: Offers,
    counters: Arc<Counters>,
}

/// What a message is, on its way out.
type Message = (Arc<str>, Bytes);

/// How hard a message is tried to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Until it is confirmed, for this long.
    Confirmed(Duration),
    /// Once.
    Once,
}

/// What each broker has to do. The messages of one call belong to one place (see
/// [`Topic::place`]), and calls of one place come one after the other.
trait Backend: Send + Sync {
    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        messages: &'a [Message],
        care: Care,
    ) -> BoxFuture<'a, Result<Vec<Position>, BusError>>;

    fn subscribe<'a>(
        &'a self,
        topic: &'a Topic,
        key: Option<&'a str>,
        start: Start,
    ) -> BoxFuture<'a, Result<Box<dyn Reader>, BusError>>;

    fn join<'a>(
        &'a self,
        topic: &'a Topic,
        group: &'a str,
        member: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Sharer>, BusError>>;
}

/// Reads one after the other; a dropped future loses nothing.
trait Reader: Send {
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, BusError>>;
}

/// A member of a group; a dropped future loses nothing.
trait Sharer: Send {
    fn next(&mut self) -> BoxFuture<'_, Result<Record, BusError>>;
    fn ack(&mut self, position: Position) -> BoxFuture<'_, Result<(), BusError>>;
}

impl Topics {
    /// Gets to `broker` and makes sure that it lets these credentials write there; Kafka tells
    /// about a right that is missing only when something is written. Topics of Kafka that are
    /// not there are created.
    ///
    /// # Errors
    /// The broker is away, lets nobody in, or can't keep topics.
    pub async fn open(broker: &Broker, options: TopicOptions) -> Result<Self, BusError> {
        let counters = Arc::new(Counters::default());
        let backend: Arc<dyn Backend> = match broker.kind {
            BrokerKind::Memory => Arc::new(memory::Memory::new(&options)),
            BrokerKind::Redis => {
                Arc::new(redis::Redis::open(broker, &options, counters.clone()).await?)
            }
            BrokerKind::Kafka => {
                Arc::new(kafka::Kafka::open(broker, &options, counters.clone()).await?)
            }
            BrokerKind::Mqtt => {
                let reason = "MQTT keeps no topics; use Redis or Kafka for the bus".to_owned();
                return Err(BusError::Broker { url: broker.shown(), reason });
            }
        };
        let offers = Offers::new(backend.clone(), counters.clone(), options.pending_bytes);
        let broker = broker.clone();
        Ok(Self(Arc::new(Inner { broker, options, backend, offers, counters })))
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.0.broker
    }

    /// Writes a message and waits until the broker has it; tries again while the broker is
    /// away, for [`TopicOptions::patience`]. Messages of one key must be published one after
    /// the other; then they keep their order.
    ///
    /// # Errors
    /// The broker refuses, or was away all the time: it may have the message all the same.
    pub async fn publish(
        &self,
        topic: &Topic,
        key: &str,
        payload: Bytes,
    ) -> Result<Position, BusError> {
        let written = self.publish_all(topic, vec![(key.to_owned(), payload)]).await?;
        written.into_iter().next().ok_or_else(|| BusError::Unreachable {
            broker: self.0.broker.shown(),
            reason: "it confirmed nothing".to_owned(),
        })
    }

    /// As [`Self::publish`], for many at once: a round trip for all of them.
    ///
    /// # Errors
    /// As [`Self::publish`]; some of the messages may have been written.
    pub async fn publish_all(
        &self,
        topic: &Topic,
        messages: Vec<(String, Bytes)>,
    ) -> Result<Vec<Position>, BusError> {
        for (key, payload) in &messages {
            self.check(topic, key, payload)?;
        }
        let care = Care::Confirmed(self.0.options.patience);
        let messages: Vec<Message> = messages.into_iter().map(|(k, p)| (k.into(), p)).collect();
        let mut positions = Vec::with_capacity(messages.len());
        // Neighbours that belong to one place go together.
        for run in messages.chunk_by(|a, b| !topic.by_key || a.0 == b.0) {
            let written = self.0.backend.publish(topic, run, care).await?;
            self.0.counters.published(topic, written.len());
            positions.extend(written);
        }
        Ok(positions)
    }

    /// Hands a message over without waiting. How many messages of this key were lost for it:
    /// older ones that had to make room, or this one, where it is too large.
    pub fn offer(&self, topic: &Topic, key: &str, payload: Bytes) -> usize {
        if self.check(topic, key, &payload).is_err() {
            self.0.counters.dropped(topic, DropReason::TooLarge, 1);
            return 1;
        }
        self.0.offers.offer(topic, key, payload)
    }

    fn check(&self, topic: &Topic, key: &str, payload: &Bytes) -> Result<(), BusError> {
        let largest = self.0.options.largest;
        if payload.len() <= largest {
            return Ok(());
        }
        Err(BusError::Refused {
            broker: self.0.broker.shown(),
            topic: format!("{} of {key}", topic.name),
            reason: format!("a message of {} bytes; at most {largest} are sent", payload.len()),
        })
    }

    /// Reads a topic from `start` on. A topic that is kept by key (frames, analyses) is read
    /// for one `key`; of others, `None` reads all keys.
    ///
    /// # Errors
    /// The broker is away or refuses.
    pub async fn subscribe(
        &self,
        topic: &Topic,
        key: Option<&str>,
        start: Start,
    ) -> Result<Subscription, BusError> {
        if topic.by_key && key.is_none() {
            return Err(self.refused(topic, "it is kept by key; name one"));
        }
        let reader = self.0.backend.subscribe(topic, key, start).await?;
        Ok(Subscription { reader, topic: topic.clone(), counters: self.0.counters.clone() })
    }

    /// Joins those who share the work on a topic that is not kept by key: each message goes to
    /// one of them. What a member took and did not acknowledge for [`TopicOptions::idle`] goes
    /// to another one. A group begins with what is written after its first member joined.
    ///
    /// # Errors
    /// The broker is away or refuses.
    pub async fn join(&self, topic: &Topic, group: &str, member: &str) -> Result<Member, BusError> {
        if topic.by_key {
            return Err(self.refused(topic, "it is kept by key and can't be shared"));
        }
        let sharer = self.0.backend.join(topic, group, member).await?;
        Ok(Member::new(sharer, topic.clone(), self.0.counters.clone()))
    }

    fn refused(&self, topic: &Topic, reason: &str) -> BusError {
        BusError::Refused {
            broker: self.0.broker.shown(),
            topic: topic.name.clone().into_owned(),
            reason: reason.to_owned(),
        }
    }

    /// What was written, read and lost so far, by the topic's name.
    pub fn stats_by_topic(&self) -> BTreeMap<String, TopicStats> {
        self.0.counters.by_topic()
    }

    /// What was written, read and lost so far, of all topics.
    pub fn stats(&self) -> TopicStats {
        self.0.counters.stats()
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topics({})", self.0.broker.shown())
    }
}

/// A topic being read.
pub struct Subscription {
    reader: Box<dyn Reader>,
    topic: Topic,
    counters: Arc<Counters>,
}

impl Subscription {
    /// The next message, however long it takes: while the broker is away it is looked for
    /// again and again, and reading goes on where it was. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The broker refuses; may be called again.
    pub async fn next(&mut self) -> Result<Delivery, BusError> {
        let delivery = self.reader.next().await?;
        self.counters.delivered(&self.topic, &delivery);
        Ok(delivery)
    }

    /// The next message that can be had; what was cleared away before is left out.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn next_record(&mut self) -> Result<Record, BusError> {
        loop {
            if let Delivery::Record(record) = self.next().await? {
                return Ok(record);
            }
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({})", self.topic.name)
    }
}
