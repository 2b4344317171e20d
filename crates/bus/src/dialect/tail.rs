//! Reading the end of a stream of Redis that another program writes.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{Pipeline, Value, from_redis_value_ref};

use super::link::Link;
use crate::{Broker, BusError};

/// How long a read waits in the server.
const BLOCK: Duration = Duration::from_secs(1);

/// Entries read at once: each may be a whole picture.
const AT_ONCE: usize = 8;

/// A reader that is behind by more goes on with the newest entry: pictures of long ago are of
/// no use to a live camera.
const BEHIND_MILLIS: i64 = 2000;

/// Reads a stream from the moment at which it is first asked.
pub(super) struct Tail {
    link: Link,
    stream: String,
    /// The last entry that was read.
    last: Option<String>,
    waiting: VecDeque<StreamId>,
    /// Entries that were passed over, as far as they can be counted.
    pub(super) skipped: u64,
}

impl Tail {
    pub(super) fn new(broker: Broker, stream: &str) -> Result<Self, BusError> {
        let link = Link::new(broker)?.blocking(BLOCK);
        Ok(Self {
            link,
            stream: stream.to_owned(),
            last: None,
            waiting: VecDeque::new(),
            skipped: 0,
        })
    }

    /// The next entry, or none after a second without. `beside` are commands that are carried
    /// out whenever the server is asked. Dropping the future loses nothing.
    pub(super) async fn next(&mut self, beside: &Pipeline) -> Result<Option<StreamId>, BusError> {
        if self.waiting.is_empty() {
            self.read(beside).await?;
        }
        Ok(self.waiting.pop_front())
    }

    async fn read(&mut self, beside: &Pipeline) -> Result<(), BusError> {
        let last = match &self.last {
            Some(last) => last.clone(),
            None => {
                let newest = self.newest().await?;
                let id = newest.map_or_else(|| "0-0".to_owned(), |entry| entry.id);
                self.last.insert(id).clone()
            }
        };
        let mut pipe = beside.clone();
        pipe.cmd("XREAD").arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(BLOCK.as_millis() as u64);
        pipe.arg("STREAMS").arg(&self.stream).arg(&last);
        let answers = self.link.all(&self.stream, &pipe).await?;
        let entries = match answers.last() {
            None | Some(Value::Nil) => return Ok(()),
            Some(answer) => {
                let read: StreamReadReply =
                    from_redis_value_ref(answer).map_err(|e| self.strange(&e))?;
                read.keys.into_iter().flat_map(|key| key.ids).collect::<Vec<_>>()
            }
        };
        let Some(read_to) = entries.last().map(|entry| entry.id.clone()) else { return Ok(()) };
        let newest = if entries.len() == AT_ONCE { self.newest().await? } else { None };
        let behind = newest.as_ref().is_some_and(|newest| {
            let (newest, read) = (millis(&newest.id), millis(&read_to));
            newest.saturating_sub(read) > BEHIND_MILLIS
        });
        if let (true, Some(newest)) = (behind, newest) {
            self.skipped += entries.len() as u64;
            self.last = Some(newest.id.clone());
            self.waiting.push_back(newest);
        } else {
            self.last = Some(read_to);
            self.waiting.extend(entries);
        }
        Ok(())
    }

    async fn newest(&mut self) -> Result<Option<StreamId>, BusError> {
        let mut pipe = redis::pipe();
        pipe.cmd("XREVRANGE").arg(&self.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let answers = self.link.all(&self.stream, &pipe).await?;
        let Some(answer) = answers.first() else { return Ok(None) };
        let range: StreamRangeReply = from_redis_value_ref(answer).map_err(|e| self.strange(&e))?;
        Ok(range.ids.into_iter().next())
    }

    fn strange(&self, error: &impl std::fmt::Display) -> BusError {
        BusError::Payload { topic: self.stream.clone(), reason: error.to_string() }
    }
}

/// The bytes of a field of `entry`, which has it no more: pictures are not copied.
pub(super) fn take_bytes(entry: &mut StreamId, field: &str) -> Option<Bytes> {
    match entry.map.remove(field) {
        Some(Value::BulkString(bytes)) => Some(bytes.into()),
        _ => None,
    }
}

/// The milliseconds in an entry's id; 0 where there are none.
pub(super) fn millis(id: &str) -> i64 {
    id.split_once('-').and_then(|(millis, _)| millis.parse().ok()).unwrap_or(0)
}
