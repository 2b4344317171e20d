//! Topics within this process: messages are shared, not copied.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use omma_types::{Clock as _, SystemClock};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Backend, Care, Delivery, Message, Position, Reader, Record, Sharer, Start, Topic, TopicOptions,
};
use crate::BusError;

pub(super) struct Memory {
    options: TopicOptions,
    logs: Mutex<BTreeMap<String, Arc<Log>>>,
}

/// One stream.
struct Log {
    kept: Mutex<Kept>,
    written: Notify,
}

#[derive(Default)]
struct Kept {
    records: VecDeque<(Instant, Record)>,
    bytes: usize,
    /// Number of the next record; the first one is 1.
    next: u64,
    groups: BTreeMap<String, Group>,
}

/// Who shares this stream's work, and how far they are.
#[derive(Default)]
struct Group {
    next: u64,
    /// Taken and not acknowledged: by number, since when.
    taken: BTreeMap<u64, (Instant, Record)>,
}

impl Memory {
    pub(super) fn new(options: &TopicOptions) -> Self {
        Self { options: options.clone(), logs: Mutex::new(BTreeMap::new()) }
    }

    fn log(&self, topic: &Topic, key: &str) -> Arc<Log> {
        let mut logs = self.logs.lock();
        let new = || {
            let kept = Kept { next: 1, ..Kept::default() };
            Arc::new(Log { kept: Mutex::new(kept), written: Notify::new() })
        };
        logs.entry(topic.place("", key)).or_insert_with(new).clone()
    }
}

impl Kept {
    fn push(&mut self, (key, payload): &Message) -> Position {
        let position = Position { part: 0, major: self.next, minor: 0 };
        self.next += 1;
        self.bytes += payload.len();
        let (key, payload) = (key.clone(), payload.clone());
        let record = Record { position, time: SystemClock.wall(), key, payload };
        self.records.push_back((Instant::now(), record));
        position
    }

    /// Clears away what is too old or too much, and hands it over: giving its memory back takes
    /// time for which no reader should wait.
    #[must_use]
    fn trim(&mut self, options: &TopicOptions, keep: Duration) -> Vec<Record> {
        let mut gone = Vec::new();
        while let Some((written, record)) = self.records.front() {
            let too_many = self.records.len() as u64 > options.keep_messages
                || self.bytes > options.keep_bytes;
            if !too_many && written.elapsed() <= keep {
                break;
            }
            self.bytes -= record.payload.len();
            gone.extend(self.records.pop_front().map(|(_, record)| record));
        }
        gone
    }

    /// Number of the oldest record.
    fn first(&self) -> u64 {
        self.records.front().map_or(self.next, |(_, record)| record.position.major)
    }

    fn get(&self, number: u64) -> Option<&Record> {
        let index = usize::try_from(number.checked_sub(self.first())?).ok()?;
        self.records.get(index).map(|(_, record)| record)
    }
}

impl Backend for Memory {
    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        messages: &'a [Message],
        _care: Care,
    ) -> BoxFuture<'a, Result<Vec<Position>, BusError>> {
        Box::pin(async move {
            let Some((key, _)) = messages.first() else { return Ok(Vec::new()) };
            let log = self.log(topic, key);
            let mut kept = log.kept.lock();
            let positions = messages.iter().map(|message| kept.push(message)).collect();
            let gone = kept.trim(&self.options, self.options.keep_of(topic));
            drop(kept);
            log.written.notify_waiters();
            drop(gone);
            Ok(positions)
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a Topic,
        key: Option<&'a str>,
        start: Start,
    ) -> BoxFuture<'a, Result<Box<dyn Reader>, BusError>> {
        Box::pin(async move {
            let log = self.log(topic, key.unwrap_or_default());
            let kept = log.kept.lock();
            let next = match start {
                Start::Newest => kept.next,
                Start::Oldest => kept.first(),
                Start::Since(time) => kept
                    .records
                    .iter()
                    .find(|(_, record)| record.time >= time)
                    .map_or(kept.next, |(_, record)| record.position.major),
                Start::After(places) => {
                    places.first().map_or(kept.first(), |place| place.major.saturating_add(1))
                }
            };
            drop(kept);
            let key = key.map(Arc::from);
            Ok(Box::new(MemoryReader { log, key, next }) as Box<dyn Reader>)
        })
    }

    fn join<'a>(
        &'a self,
        topic: &'a Topic,
        group: &'a str,
        _member: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Sharer>, BusError>> {
        Box::pin(async move {
            let log = self.log(topic, "");
            let mut kept = log.kept.lock();
            let next = kept.next;
            kept.groups
                .entry(group.to_owned())
                .or_insert_with(|| Group { next, ..Group::default() });
            drop(kept);
            let (group, idle) = (group.to_owned(), self.options.idle);
            Ok(Box::new(MemorySharer { log, group, idle }) as Box<dyn Sharer>)
        })
    }
}

struct MemoryReader {
    log: Arc<Log>,
    key: Option<Arc<str>>,
    next: u64,
}

impl MemoryReader {
    fn take(&mut self) -> Option<Delivery> {
        let kept = self.log.kept.lock();
        let first = kept.first();
        if self.next < first {
            let missed = first - self.next;
            self.next = first;
            return Some(Delivery::Missed(Some(missed)));
        }
        while let Some(record) = kept.get(self.next) {
            self.next += 1;
            if self.key.as_ref().is_none_or(|key| *key == record.key) {
                return Some(Delivery::Record(record.clone()));
            }
        }
        None
    }
}

impl Reader for MemoryReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, BusError>> {
        Box::pin(async move {
            let log = self.log.clone();
            loop {
                let written = log.written.notified();
                tokio::pin!(written);
                written.as_mut().enable();
                if let Some(delivery) = self.take() {
                    return Ok(delivery);
                }
                written.await;
            }
        })
    }
}

struct MemorySharer {
    log: Arc<Log>,
    group: String,
    idle: Duration,
}

impl MemorySharer {
    fn take(&self) -> Option<Record> {
        let now = Instant::now();
        let mut kept = self.log.kept.lock();
        let mut group = kept.groups.remove(&self.group).unwrap_or_default();
        let left = group.taken.values_mut().find(|(since, _)| now - *since >= self.idle);
        let record = match left {
            Some((since, record)) => {
                *since = now;
                Some(record.clone())
            }
            None => {
                group.next = group.next.max(kept.first());
                let record = kept.get(group.next).cloned();
                if let Some(record) = &record {
                    group.next += 1;
                    group.taken.insert(record.position.major, (now, record.clone()));
                }
                record
            }
        };
        kept.groups.insert(self.group.clone(), group);
        record
    }
}

impl Sharer for MemorySharer {
    fn next(&mut self) -> BoxFuture<'_, Result<Record, BusError>> {
        Box::pin(async move {
            loop {
                let written = self.log.written.notified();
                tokio::pin!(written);
                written.as_mut().enable();
                if let Some(record) = self.take() {
                    return Ok(record);
                }
                // Looks now and then for what others left behind.
                drop(tokio::time::timeout(self.idle / 2, written).await);
            }
        })
    }

    fn ack(&mut self, position: Position) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let mut kept = self.log.kept.lock();
            if let Some(group) = kept.groups.get_mut(&self.group) {
                group.taken.remove(&position.major);
            }
            Ok(())
        })
    }
}
