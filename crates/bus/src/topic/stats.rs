//! What was written, read and lost, for people and for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Delivery, Topic};

/// Why a message that was offered is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The broker takes less than is offered.
    Busy,
    /// The broker is away.
    Away,
    /// The message is larger than messages may be.
    TooLarge,
    /// The broker does not take it: no memory, no rights, no such topic.
    Refused,
}

impl DropReason {
    const ALL: [Self; 4] = [Self::Busy, Self::Away, Self::TooLarge, Self::Refused];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Away => "away",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
        }
    }
}

/// Messages since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicStats {
    /// That the broker has confirmed.
    pub published: u64,
    /// That were read.
    pub received: u64,
    /// Offered and lost: busy, away, too large, refused.
    pub dropped: [u64; 4],
    /// Times at which something was cleared away before it was read.
    pub missed: u64,
    /// Left out since they were written twice.
    pub duplicates: u64,
    /// Times at which the broker was away.
    pub interruptions: u64,
}

impl TopicStats {
    /// Offered and lost for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        DropReason::ALL
            .iter()
            .zip(self.dropped)
            .filter(|(r, _)| **r == reason)
            .map(|(_, n)| n)
            .sum()
    }
}

/// Counts for [`TopicStats`] and for the metrics `omma_bus_*`.
#[derive(Default)]
pub(super) struct Counters {
    published: AtomicU64,
    received: AtomicU64,
    dropped: [AtomicU64; 4],
    missed: AtomicU64,
    duplicates: AtomicU64,
    interruptions: AtomicU64,
}

impl Counters {
    pub(super) fn published(&self, topic: &Topic, count: usize) {
        let topic = topic.name.to_string();
        metrics::counter!("omma_bus_published_total", "topic" => topic).increment(count as u64);
        self.published.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, topic: &Topic, reason: DropReason, count: usize) {
        let (topic, word) = (topic.name.to_string(), reason.as_str());
        metrics::counter!("omma_bus_dropped_total", "topic" => topic, "reason" => word)
            .increment(count as u64);
        self.dropped[reason as usize].fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, topic: &Topic) {
        let topic = topic.name.to_string();
        metrics::counter!("omma_bus_received_total", "topic" => topic).increment(1);
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, topic: &Topic, delivery: &Delivery) {
        match delivery {
            Delivery::Record(_) => self.received(topic),
            Delivery::Missed(_) => {
                let topic = topic.name.to_string();
                metrics::counter!("omma_bus_missed_total", "topic" => topic).increment(1);
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn duplicate(&self) {
        metrics::counter!("omma_bus_duplicates_total").increment(1);
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn interrupted(&self) {
        metrics::counter!("omma_bus_interruptions_total").increment(1);
        self.interruptions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> TopicStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TopicStats {
            published: read(&self.published),
            received: read(&self.received),
            dropped: std::array::from_fn(|i| read(&self.dropped[i])),
            missed: read(&self.missed),
            duplicates: read(&self.duplicates),
            interruptions: read(&self.interruptions),
        }
    }
}
