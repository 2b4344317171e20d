//! Topics on Redis Streams: one stream for each topic and key where a topic is read by key,
//! else one for the topic. Fields: `data` (the message), `key`, and `mark` (see
//! [`super::once`]).
//!
//! What is too old is cleared away by whoever writes, by the ids, which are the server's time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use omma_types::WallTime;
use parking_lot::Mutex;
use redis::{FromRedisValue as _, RedisError, Value, cmd, pipe};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::once::{Once, writer};
use super::retry::Backoff;
use super::stats::Counters;
use super::{
    Backend, Care, Delivery, Message, Position, Reader, Record, Sharer, Start, Topic, TopicOptions,
};
use crate::redis::{RedisConnection, connect, connect_blocking};
use crate::{Broker, BusError};

/// Most messages in one answer.
const BATCH: usize = 32;

/// How long a read waits in the server.
const BLOCK: Duration = Duration::from_secs(1);

/// A reader that was not back for this long may have missed something.
const LATE: Duration = Duration::from_secs(2);

/// Messages between two times at which a stream's length is bounded.
const TRIM_EVERY: u64 = 32;

pub(super) struct Redis {
    connection: RedisConnection,
    options: TopicOptions,
    counters: Arc<Counters>,
    writer: String,
    streams: Mutex<BTreeMap<String, Arc<AsyncMutex<Written>>>>,
}

/// How far a stream is written.
#[derive(Default)]
struct Written {
    number: u64,
    /// The server's time at the newest message, in milliseconds.
    server: u64,
    /// When the server was last told how long an abandoned stream stays.
    told: Option<Instant>,
}

impl Redis {
    pub(super) async fn open(
        broker: &Broker,
        options: &TopicOptions,
        counters: Arc<Counters>,
    ) -> Result<Self, BusError> {
        let mut connection = connect(broker).await?;
        // Whether writing is allowed and possible is known now, not at the first event.
        let key = format!("{}:opened", options.prefix);
        let written: Result<(), RedisError> = pipe()
            .cmd("XADD")
            .arg(&key)
            .arg("MAXLEN")
            .arg(1)
            .arg("*")
            .arg("by")
            .arg("omma")
            .ignore()
            .cmd("PEXPIRE")
            .arg(&key)
            .arg(60_000)
            .ignore()
            .query_async(&mut connection)
            .await;
        written.map_err(|error| connection.error(&key, &error))?;
        let (options, writer) = (options.clone(), writer());
        let streams = Mutex::new(BTreeMap::new());
        Ok(Self { connection, options, counters, writer, streams })
    }

    async fn write(
        &self,
        stream: &str,
        topic: &Topic,
        messages: &[Message],
        first: u64,
        written: &mut Written,
    ) -> Result<Vec<Position>, RedisError> {
        let keep = u64::try_from(self.options.keep_of(topic).as_millis()).unwrap_or(u64::MAX);
        let oldest = written.server.saturating_sub(keep);
        let mut pipe = pipe();
        let mut number = first;
        for (key, payload) in messages {
            number += 1;
            pipe.cmd("XADD").arg(stream);
            if oldest > 0 && written.server > keep {
                pipe.arg("MINID").arg("~").arg(oldest);
            }
            pipe.arg("*").arg("mark").arg(format!("{}:{number}", self.writer));
            pipe.arg("key").arg(key.as_bytes()).arg("data").arg(payload.as_ref());
        }
        if first / TRIM_EVERY != number / TRIM_EVERY {
            pipe.cmd("XTRIM").arg(stream).arg("MAXLEN").arg("~").arg(self.options.keep_messages);
            pipe.ignore();
        }
        let expires = Duration::from_millis(keep).saturating_mul(2);
        let told = written.told.is_some_and(|told| told.elapsed() < expires / 4);
        if !told {
            // A stream that nobody writes any more does not stay for ever.
            let millis = i64::try_from(expires.as_millis()).unwrap_or(i64::MAX / 2);
            pipe.cmd("PEXPIRE").arg(stream).arg(millis.max(60_000)).ignore();
        }
        let mut connection = self.connection.clone();
        let ids: Vec<String> = pipe.query_async(&mut connection).await?;
        let positions: Vec<Position> = ids.iter().map(|id| position(id)).collect();
        written.server = positions.last().map_or(written.server, |last| last.major);
        if !told {
            written.told = Some(Instant::now());
        }
        Ok(positions)
    }
}

impl Backend for Redis {
    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        messages: &'a [Message],
        care: Care,
    ) -> BoxFuture<'a, Result<Vec<Position>, BusError>> {
        Box::pin(async move {
            let Some((key, _)) = messages.first() else { return Ok(Vec::new()) };
            let stream = topic.place(&self.options.prefix, key);
            let written = self.streams.lock().entry(stream.clone()).or_default().clone();
            let mut written = written.lock().await;
            // Numbers are spent even if nobody waits for the end of this.
            let first = written.number;
            written.number += messages.len() as u64;
            let started = Instant::now();
            let mut backoff = Backoff::default();
            loop {
                let error = match self.write(&stream, topic, messages, first, &mut written).await {
                    Ok(positions) => return Ok(positions),
                    Err(error) => self.connection.error(&stream, &error),
                };
                let away = matches!(error, BusError::Unreachable { .. });
                if away && !backoff.is_away() {
                    self.counters.interrupted();
                }
                match care {
                    Care::Confirmed(patience) if away && started.elapsed() < patience => {
                        tokio::time::sleep(backoff.next()).await;
                    }
                    Care::Confirmed(_) | Care::Once => return Err(error),
                }
            }
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a Topic,
        key: Option<&'a str>,
        start: Start,
    ) -> BoxFuture<'a, Result<Box<dyn Reader>, BusError>> {
        Box::pin(async move {
            let stream = topic.place(&self.options.prefix, key.unwrap_or_default());
            let connection = connect_blocking(self.connection.broker(), BLOCK).await?;
            let mut source = Source {
                connection,
                stream,
                key: key.map(str::to_owned),
                place: Position::default(),
                index: None,
                once: Once::default(),
                checked: Instant::now(),
                behind: true,
                counters: self.counters.clone(),
            };
            source.begin(&start).await?;
            let (sender, receiver) = mpsc::channel(1);
            let task = tokio::spawn(source.run(sender));
            let ready = VecDeque::new();
            Ok(Box::new(RedisReader { ready, receiver, task }) as Box<dyn Reader>)
        })
    }

    fn join<'a>(
        &'a self,
        topic: &'a Topic,
        group: &'a str,
        member: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Sharer>, BusError>> {
        Box::pin(async move {
            let worker = Worker {
                connection: connect_blocking(self.connection.broker(), BLOCK).await?,
                stream: topic.place(&self.options.prefix, ""),
                group: group.to_owned(),
                member: member.to_owned(),
                idle: self.options.idle,
                looked: None,
            };
            worker.create().await?;
            let acks = self.connection.clone();
            let (stream, group) = (worker.stream.clone(), worker.group.clone());
            // Reads only when it is asked to, so that nothing waits here that others could do.
            let (ask, asked) = mpsc::channel(1);
            let (sender, answers) = mpsc::channel(1);
            let task = tokio::spawn(worker.run(asked, sender));
            let sharer = RedisSharer { acks, stream, group, ask, answers, is_asked: false, task };
            Ok(Box::new(sharer) as Box<dyn Sharer>)
        })
    }
}

/// An id in Redis's words.
fn id(position: Position) -> String {
    format!("{}-{}", position.major, position.minor)
}

fn position(id: &str) -> Position {
    let (major, minor) = id.split_once('-').unwrap_or((id, "0"));
    let number = |text: &str| text.parse().unwrap_or_default();
    Position { part: 0, major: number(major), minor: number(minor) }
}

/// An entry of a stream: its id and fields; none where a foreign program wrote no `data`.
fn entry(value: &Value) -> Option<(Position, Option<(Vec<u8>, Record)>)> {
    let Value::Array(parts) = value else { return None };
    let [place, fields] = parts.as_slice() else { return None };
    let place = position(&String::from_redis_value(place.clone()).ok()?);
    let (mut mark, mut key, mut data) = (Vec::new(), String::new(), None);
    if let Value::Array(fields) = fields {
        for pair in fields.chunks_exact(2) {
            let [Value::BulkString(name), Value::BulkString(content)] = pair else { continue };
            match name.as_slice() {
                b"mark" => mark.clone_from(content),
                b"key" => key = String::from_utf8_lossy(content).into_owned(),
                b"data" => data = Some(Bytes::copy_from_slice(content)),
                _ => {}
            }
        }
    }
    let time = WallTime::from_millis(i64::try_from(place.major).unwrap_or(i64::MAX));
    let record =
        data.map(|payload| (mark, Record { position: place, time, key: key.into(), payload }));
    Some((place, record))
}

/// The entries of one stream out of the answer to XREAD or XREADGROUP.
fn entries(answer: &Value) -> &[Value] {
    let Value::Array(streams) = answer else { return &[] };
    let Some(Value::Array(stream)) = streams.first() else { return &[] };
    match stream.get(1) {
        Some(Value::Array(entries)) => entries,
        _ => &[],
    }
}

/// What a stream has and had.
#[derive(Default)]
struct Extent {
    /// Messages that are there.
    length: u64,
    /// Messages that were ever written. Servers before Redis 7 do not know it.
    added: u64,
    /// The oldest one that is there.
    first: Position,
    /// The newest one that ever was.
    last: Position,
}

impl Extent {
    /// The answer to XINFO STREAM.
    fn of(answer: &Value) -> Self {
        let mut extent = Self::default();
        let Value::Array(fields) = answer else { return extent };
        for pair in fields.chunks_exact(2) {
            let [Value::BulkString(name), content] = pair else { continue };
            match (name.as_slice(), content) {
                (b"length", Value::Int(count)) => {
                    extent.length = u64::try_from(*count).unwrap_or_default();
                }
                (b"entries-added", Value::Int(count)) => {
                    extent.added = u64::try_from(*count).unwrap_or_default();
                }
                (b"last-generated-id", Value::BulkString(id)) => {
                    extent.last = position(&String::from_utf8_lossy(id));
                }
                (b"first-entry", content) => {
                    extent.first = entry(content).map(|(place, _)| place).unwrap_or_default();
                }
                _ => {}
            }
        }
        extent.added = extent.added.max(extent.length);
        extent
    }

    /// Messages that were cleared away.
    fn cleared(&self) -> u64 {
        self.added - self.length
    }
}

/// Reads a stream on a connection of its own.
struct Source {
    connection: RedisConnection,
    stream: String,
    key: Option<String>,
    place: Position,
    /// How many messages were ever written up to `place`, where that is known.
    index: Option<u64>,
    once: Once,
    /// When everything up to `place` had been read.
    checked: Instant,
    behind: bool,
    counters: Arc<Counters>,
}

type Batch = Result<Vec<Delivery>, BusError>;

impl Source {
    async fn begin(&mut self, start: &Start) -> Result<(), BusError> {
        let extent = self.extent().await?;
        match start {
            // What was cleared away before anybody asked is not missed.
            Start::Oldest => self.index = Some(extent.cleared()),
            Start::Newest => {
                self.place = extent.last;
                self.index = Some(extent.added);
            }
            Start::Since(time) => {
                let millis = u64::try_from(time.as_millis()).unwrap_or_default();
                self.place = match millis.checked_sub(1) {
                    Some(major) => Position { part: 0, major, minor: u64::MAX },
                    None => Position::default(),
                };
                if extent.first > self.place {
                    self.index = Some(extent.cleared());
                }
            }
            Start::After(places) => self.place = places.first().copied().unwrap_or_default(),
        }
        Ok(())
    }

    /// What the stream has and had; nothing where there is none.
    async fn extent(&mut self) -> Result<Extent, BusError> {
        let answer: Result<Value, RedisError> =
            cmd("XINFO").arg("STREAM").arg(&self.stream).query_async(&mut self.connection).await;
        match answer {
            Ok(answer) => Ok(Extent::of(&answer)),
            Err(error) if error.code() == Some("ERR") => Ok(Extent::default()),
            Err(error) => Err(self.connection.error(&self.stream, &error)),
        }
    }

    /// How many messages were cleared away before they were read, if any.
    fn missed(&mut self, extent: &Extent) -> Option<Option<u64>> {
        let cleared = extent.cleared();
        match self.index {
            Some(index) if cleared > index => {
                self.index = Some(cleared);
                Some(Some(cleared - index))
            }
            Some(_) => None,
            None if extent.first > self.place && cleared > 0 => {
                self.index = Some(cleared);
                Some(None)
            }
            None => None,
        }
    }

    async fn run(mut self, sender: mpsc::Sender<Batch>) {
        let mut backoff = Backoff::default();
        while let Ok(room) = sender.reserve().await {
            let batch = match self.read().await {
                Ok(batch) => batch,
                Err(error) => {
                    self.behind = true;
                    if matches!(error, BusError::Unreachable { .. }) {
                        if !backoff.is_away() {
                            self.counters.interrupted();
                            tracing::warn!(stream = %self.stream, %error, "the bus is away");
                        }
                    } else {
                        room.send(Err(error));
                    }
                    tokio::time::sleep(backoff.next()).await;
                    continue;
                }
            };
            if backoff.is_away() {
                tracing::info!(stream = %self.stream, "the bus is back");
                backoff.reset();
            }
            if !batch.is_empty() {
                room.send(Ok(batch));
            }
        }
    }

    async fn read(&mut self) -> Batch {
        let mut batch = Vec::new();
        let answer: Result<Value, RedisError> = if self.behind || self.checked.elapsed() > LATE {
            let extent = self.extent().await?;
            if let Some(count) = self.missed(&extent) {
                batch.push(Delivery::Missed(count));
            }
            self.request(None).await
        } else {
            self.request(Some(BLOCK)).await
        };
        let answer = answer.map_err(|error| self.connection.error(&self.stream, &error))?;
        let found = entries(&answer);
        for value in found {
            let Some((place, record)) = entry(value) else { continue };
            self.place = place;
            self.index = self.index.map(|index| index + 1);
            let Some((mark, record)) = record else { continue };
            if !self.once.is_new(&mark) {
                self.counters.duplicate();
            } else if self.key.as_ref().is_none_or(|key| **key == *record.key) {
                batch.push(Delivery::Record(record));
            }
        }
        self.behind = found.len() >= BATCH;
        self.checked = Instant::now();
        Ok(batch)
    }

    async fn request(&mut self, block: Option<Duration>) -> Result<Value, RedisError> {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(BATCH);
        if let Some(block) = block {
            read.arg("BLOCK").arg(block.as_millis() as u64);
        }
        read.arg("STREAMS").arg(&self.stream).arg(id(self.place));
        read.query_async(&mut self.connection).await
    }
}

struct RedisReader {
    ready: VecDeque<Delivery>,
    receiver: mpsc::Receiver<Batch>,
    task: tokio::task::JoinHandle<()>,
}

impl Reader for RedisReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, BusError>> {
        Box::pin(async move {
            loop {
                if let Some(delivery) = self.ready.pop_front() {
                    return Ok(delivery);
                }
                match self.receiver.recv().await {
                    Some(batch) => self.ready = batch?.into(),
                    // The runtime is ending.
                    None => std::future::pending().await,
                }
            }
        })
    }
}

impl Drop for RedisReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads for a member of a group.
struct Worker {
    connection: RedisConnection,
    stream: String,
    group: String,
    member: String,
    idle: Duration,
    /// When it last looked for what others left behind.
    looked: Option<Instant>,
}

impl Worker {
    async fn create(&self) -> Result<(), BusError> {
        let mut connection = self.connection.clone();
        let created: Result<(), RedisError> = cmd("XGROUP")
            .arg("CREATE")
            .arg(&self.stream)
            .arg(&self.group)
            .arg("$")
            .arg("MKSTREAM")
            .query_async(&mut connection)
            .await;
        match created {
            Err(error) if error.code() != Some("BUSYGROUP") => {
                Err(connection.error(&self.stream, &error))
            }
            _ => Ok(()),
        }
    }

    async fn run(
        mut self,
        mut asked: mpsc::Receiver<()>,
        sender: mpsc::Sender<Result<Record, BusError>>,
    ) {
        let mut backoff = Backoff::default();
        while asked.recv().await.is_some() {
            let answer = loop {
                match self.read().await {
                    Ok(Some(record)) => break Ok(record),
                    Ok(None) => backoff.reset(),
                    Err(error) => match self.connection.error(&self.stream, &error) {
                        BusError::Unreachable { .. } => tokio::time::sleep(backoff.next()).await,
                        BusError::Refused { .. } if error.code() == Some("NOGROUP") => {
                            if let Err(error) = self.create().await {
                                break Err(error);
                            }
                        }
                        error => break Err(error),
                    },
                }
            };
            backoff.reset();
            if sender.send(answer).await.is_err() {
                return;
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Record>, RedisError> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= self.idle / 4) {
            let answer: Value = cmd("XAUTOCLAIM")
                .arg(&self.stream)
                .arg(&self.group)
                .arg(&self.member)
                .arg(self.idle.as_millis() as u64)
                .arg("0-0")
                .arg("COUNT")
                .arg(1)
                .query_async(&mut self.connection)
                .await?;
            let claimed = match &answer {
                Value::Array(parts) => parts.get(1),
                _ => None,
            };
            if let Some(Value::Array(claimed)) = claimed
                && let Some((_, Some((_, record)))) = claimed.first().and_then(entry)
            {
                return Ok(Some(record));
            }
            self.looked = Some(Instant::now());
        }
        let block = BLOCK.min(self.idle / 4).max(Duration::from_millis(1));
        let answer: Value = cmd("XREADGROUP")
            .arg("GROUP")
            .arg(&self.group)
            .arg(&self.member)
            .arg("COUNT")
            .arg(1)
            .arg("BLOCK")
            .arg(block.as_millis() as u64)
            .arg("STREAMS")
            .arg(&self.stream)
            .arg(">")
            .query_async(&mut self.connection)
            .await?;
        match entries(&answer).first().and_then(entry) {
            Some((_, Some((_, record)))) => Ok(Some(record)),
            // A foreign program's entry: nobody can work on it.
            Some((place, None)) => {
                let acked: Result<(), RedisError> = cmd("XACK")
                    .arg(&self.stream)
                    .arg(&self.group)
                    .arg(id(place))
                    .query_async(&mut self.connection)
                    .await;
                acked.map(|()| None)
            }
            None => Ok(None),
        }
    }
}

struct RedisSharer {
    acks: RedisConnection,
    stream: String,
    group: String,
    ask: mpsc::Sender<()>,
    answers: mpsc::Receiver<Result<Record, BusError>>,
    is_asked: bool,
    task: tokio::task::JoinHandle<()>,
}

impl Sharer for RedisSharer {
    fn next(&mut self) -> BoxFuture<'_, Result<Record, BusError>> {
        Box::pin(async move {
            if !self.is_asked && self.ask.send(()).await.is_ok() {
                self.is_asked = true;
            }
            match self.answers.recv().await {
                Some(answer) => {
                    self.is_asked = false;
                    answer
                }
                // The runtime is ending.
                None => std::future::pending().await,
            }
        })
    }

    fn ack(&mut self, position: Position) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let acked: Result<(), RedisError> = cmd("XACK")
                .arg(&self.stream)
                .arg(&self.group)
                .arg(id(position))
                .query_async(&mut self.acks)
                .await;
            acked.map_err(|error| self.acks.error(&self.stream, &error))
        })
    }
}

impl Drop for RedisSharer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
