//! What topics there are and how they are kept.

use std::borrow::Cow;
use std::time::Duration;

use omma_types::WallTime;

use super::Position;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    pub(super) name: Cow<'static, str>,
    /// Whether Redis has a stream for each key.
    pub(super) by_key: bool,
    /// Whether it is kept as long as events are.
    pub(super) lasting: bool,
}

impl Topic {
    /// Pictures and packets; the key is the camera.
    pub const FRAMES: Self = Self { name: Cow::Borrowed("frames"), by_key: true, lasting: false };

    /// What is known about pictures; the key is the camera.
    pub const ANALYSIS: Self =
        Self { name: Cow::Borrowed("analysis"), by_key: true, lasting: false };

    /// What happened; the key is the camera.
    pub const EVENTS: Self = Self { name: Cow::Borrowed("events"), by_key: false, lasting: true };

    /// A topic for work that is shared, see [`super::Topics::join`]. Letters, digits, `-`, `_`
    /// and `.` make a name.
    pub fn work(name: &str) -> Self {
        Self { name: Cow::Owned(name.to_owned()), by_key: false, lasting: false }
    }

    /// A topic that is read by key, kept as long as frames.
    pub fn keyed(name: &str) -> Self {
        Self { name: Cow::Owned(name.to_owned()), by_key: true, lasting: false }
    }

    /// Its name without the prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the stream in which messages of `key` are, joined by `separator`.
    pub(super) fn place(&self, prefix: &str, key: &str) -> String {
        if self.by_key {
            format!("{prefix}:{}:{key}", self.name)
        } else {
            format!("{prefix}:{}", self.name)
        }
    }
}

/// How topics are kept, and what may be in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicOptions {
    /// Begins the names of all topics.
    pub prefix: String,
    /// How long frames, analyses and work are kept.
    pub keep: Duration,
    /// How long events are kept.
    pub keep_events: Duration,
    /// Most messages that are kept of one stream, in Redis and in memory.
    pub keep_messages: u64,
    /// Most bytes that are kept of one stream, in memory.
    pub keep_bytes: usize,
    /// Parts of topics that are created; only for Kafka.
    pub partitions: u32,
    /// A larger message is refused.
    pub largest: usize,
    /// Bytes of offered messages that wait for the broker, for each topic and key.
    pub pending_bytes: usize,
    /// How long [`super::Topics::publish`] tries.
    pub patience: Duration,
    /// After which silence the work of a member of a group goes to others.
    pub idle: Duration,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self {
            prefix: "omma".to_owned(),
            keep: Duration::from_secs(60),
            keep_events: Duration::from_secs(7 * 24 * 3600),
            keep_messages: 100_000,
            keep_bytes: 64 << 20,
            partitions: 12,
            largest: 16 << 20,
            pending_bytes: 16 << 20,
            patience: Duration::from_secs(30),
            idle: Duration::from_secs(5),
        }
    }
}

impl TopicOptions {
    pub(super) fn keep_of(&self, topic: &Topic) -> Duration {
        if topic.lasting { self.keep_events } else { self.keep }
    }
}

/// From where on a topic is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Only what is written from now on.
    Newest,
    /// Everything that is kept.
    Oldest,
    /// What was written at this time or later, by the broker's clock.
    Since(WallTime),
    /// Behind these messages. Kafka has one place for each part of a topic; parts that are not
    /// named are read from the oldest message on.
    After(Vec<Position>),
}
