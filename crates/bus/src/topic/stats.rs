//! What was written, read and lost. The engine shows it as the metrics `omma_bus_*`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Busy, Self::Away, Self::TooLarge, Self::Refused];

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
    /// Offered and lost, in the order of [`DropReason::ALL`].
    pub dropped: [u64; 4],
    /// Times at which something was cleared away before it was read.
    pub missed: u64,
    /// Left out since they were written twice; only of all topics together.
    pub duplicates: u64,
    /// Times at which the broker was away; only of all topics together.
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

/// Counts for [`TopicStats`].
#[derive(Default)]
pub(super) struct Counters {
    topics: Mutex<BTreeMap<String, TopicStats>>,
    duplicates: AtomicU64,
    interruptions: AtomicU64,
}

impl Counters {
    fn change(&self, topic: &Topic, change: impl FnOnce(&mut TopicStats)) {
        let mut topics = self.topics.lock();
        if let Some(stats) = topics.get_mut(topic.name()) {
            change(stats);
        } else {
            change(topics.entry(topic.name().to_owned()).or_default());
        }
    }

    pub(super) fn published(&self, topic: &Topic, count: usize) {
        self.change(topic, |stats| stats.published += count as u64);
    }

    pub(super) fn dropped(&self, topic: &Topic, reason: DropReason, count: usize) {
        self.change(topic, |stats| stats.dropped[reason as usize] += count as u64);
    }

    pub(super) fn received(&self, topic: &Topic) {
        self.change(topic, |stats| stats.received += 1);
    }

    pub(super) fn delivered(&self, topic: &Topic, delivery: &Delivery) {
        match delivery {
            Delivery::Record(_) => self.received(topic),
            Delivery::Missed(_) => self.change(topic, |stats| stats.missed += 1),
        }
    }

    pub(super) fn duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn interrupted(&self) {
        self.interruptions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn by_topic(&self) -> BTreeMap<String, TopicStats> {
        self.topics.lock().clone()
    }

    pub(super) fn stats(&self) -> TopicStats {
        let mut sum = TopicStats {
            duplicates: self.duplicates.load(Ordering::Relaxed),
            interruptions: self.interruptions.load(Ordering::Relaxed),
            ..TopicStats::default()
        };
        for stats in self.topics.lock().values() {
            sum.published += stats.published;
            sum.received += stats.received;
            sum.missed += stats.missed;
            for (sum, count) in sum.dropped.iter_mut().zip(stats.dropped) {
                *sum += count;
            }
        }
        sum
    }
}
