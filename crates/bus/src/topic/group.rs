//! A member of a group that shares work.

use std::fmt;
use std::sync::Arc;

use super::stats::Counters;
use super::{Position, Record, Sharer, Topic};
use crate::BusError;

/// A member of a group: gets messages that no other member gets, unless it dies before it has
/// acknowledged them.
pub struct Member {
    sharer: Box<dyn Sharer>,
    topic: Topic,
    counters: Arc<Counters>,
}

impl Member {
    pub(super) fn new(sharer: Box<dyn Sharer>, topic: Topic, counters: Arc<Counters>) -> Self {
        Self { sharer, topic, counters }
    }

    /// The next message for this member, however long it takes. Dropping the future loses
    /// nothing.
    ///
    /// # Errors
    /// The broker refuses; may be called again.
    pub async fn next(&mut self) -> Result<Record, BusError> {
        let record = self.sharer.next().await?;
        self.counters.received(&self.topic);
        Ok(record)
    }

    /// The work on the message at `position` is done, and nobody else shall do it. With Kafka
    /// this also speaks for all messages before it in the same part.
    ///
    /// # Errors
    /// The broker is away or refuses; the message may come again then.
    pub async fn ack(&mut self, position: Position) -> Result<(), BusError> {
        self.sharer.ack(position).await
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.topic.name)
    }
}
