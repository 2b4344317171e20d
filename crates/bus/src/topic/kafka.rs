//! Topics on Kafka: `PREFIX.TOPIC`, with the key as the record's key, so that all messages of a
//! camera are in one part of the topic. Headers: `mark` (see [`super::once`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use omma_types::WallTime;
use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::once::{Once, writer};
use super::stats::Counters;
use super::{
    Backend, Care, Delivery, Message, Position, Reader, Record, Sharer, Start, Topic, TopicOptions,
};
use crate::kafka::{KafkaContext, Wish, blocking, client_config, ensure, error};
use crate::{Broker, BusError};

/// Within which requests beside reading and writing have to be answered.
const ANSWER: Duration = Duration::from_secs(10);

/// How long an offered message is tried.
const ONCE: Duration = Duration::from_secs(5);

/// Kafka's brokers take no shorter session unless they are told to.
const SHORTEST_SESSION: Duration = Duration::from_secs(6);

pub(super) struct Kafka(Arc<Shared>);

struct Shared {
    broker: Broker,
    context: KafkaContext,
    options: TopicOptions,
    counters: Arc<Counters>,
    confirmed: FutureProducer<KafkaContext>,
    offered: FutureProducer<KafkaContext>,
    writer: String,
    /// Parts of each topic.
    parts: Mutex<BTreeMap<String, i32>>,
    /// Number of the newest message in each part, for each way of writing.
    numbers: Mutex<BTreeMap<(String, i32, char), u64>>,
}

impl Kafka {
    pub(super) async fn open(
        broker: &Broker,
        options: &TopicOptions,
        counters: Arc<Counters>,
    ) -> Result<Self, BusError> {
        let context = KafkaContext::default();
        let failed = |e: KafkaError| error(broker, "", &e, &context);
        let largest = (options.largest + 65_536).to_string();
        let mut config = client_config(broker);
        config.set("message.max.bytes", &largest).set("queue.buffering.max.kbytes", "65536");
        let patience = options.patience.as_millis().max(1000).to_string();
        let confirmed = config
            .clone()
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("message.timeout.ms", patience)
            .create_with_context(context.clone())
            .map_err(failed)?;
        let offered = config
            .set("acks", "1")
            // One after the other, so that what is sent again keeps its place.
            .set("max.in.flight.requests.per.connection", "1")
            .set("linger.ms", "2")
            .set("message.timeout.ms", ONCE.as_millis().to_string())
            .create_with_context(context.clone())
            .map_err(failed)?;
        let shared = Shared {
            broker: broker.clone(),
            context: context.clone(),
            options: options.clone(),
            counters,
            confirmed,
            offered,
            writer: writer(),
            parts: Mutex::new(BTreeMap::new()),
            numbers: Mutex::new(BTreeMap::new()),
        };
        let kafka = Self(Arc::new(shared));
        for topic in [Topic::FRAMES, Topic::ANALYSIS, Topic::EVENTS] {
            kafka.0.parts(&topic).await?;
        }
        Ok(kafka)
    }
}

impl Shared {
    fn name(&self, topic: &Topic) -> String {
        format!("{}.{}", self.options.prefix, topic.name)
    }

    fn error(&self, topic: &str, e: &KafkaError) -> BusError {
        error(&self.broker, topic, e, &self.context)
    }

    /// How many parts the topic has; creates it where it is not there.
    async fn parts(&self, topic: &Topic) -> Result<i32, BusError> {
        let name = self.name(topic);
        if let Some(parts) = self.parts.lock().get(&name) {
            return Ok(*parts);
        }
        let keep = self.options.keep_of(topic);
        // Only whole segments are cleared away.
        let segment = (keep / 4).clamp(Duration::from_secs(1), Duration::from_secs(3600 * 24));
        let wish = Wish {
            name: &name,
            parts: i32::try_from(self.options.partitions.max(1)).unwrap_or(i32::MAX),
            settings: vec![
                ("retention.ms", keep.as_millis().to_string()),
                ("segment.ms", segment.as_millis().to_string()),
                ("max.message.bytes", (self.options.largest + 65_536).to_string()),
                ("message.timestamp.type", "LogAppendTime".to_owned()),
            ],
        };
        let found = ensure(&self.broker, &self.context, &self.confirmed, &wish).await?;
        self.context.content();
        self.parts.lock().insert(name, found);
        Ok(found)
    }

    fn consumer<C>(&self, config: &ClientConfig) -> Result<C, BusError>
    where
        C: rdkafka::config::FromClientConfigAndContext<KafkaContext>,
    {
        config.create_with_context(self.context.clone()).map_err(|e| self.error("", &e))
    }

    /// Hands a message to the client.
    fn send(
        &self,
        name: &str,
        part: i32,
        (key, payload): (&Arc<str>, &Bytes),
        care: Care,
    ) -> Result<DeliveryFuture, KafkaError> {
        let (producer, way) = match care {
            Care::Confirmed(_) => (&self.confirmed, 'c'),
            Care::Once => (&self.offered, 'o'),
        };
        // Held until the message is in the client's queue: numbers rise as messages do there.
        let mut numbers = self.numbers.lock();
        let number = numbers.entry((name.to_owned(), part, way)).or_default();
        // Each part and way has numbers of its own, and a reader may read several.
        let mark = format!("{}.{part}{way}:{}", self.writer, *number + 1);
        let headers = OwnedHeaders::new().insert(Header { key: "mark", value: Some(&mark) });
        let record = FutureRecord::to(name)
            .key(key.as_bytes())
            .payload(payload.as_ref())
            .partition(part)
            .headers(headers);
        let delivery = producer.send_result(record).map_err(|(e, _record)| e)?;
        *number += 1;
        Ok(delivery)
    }

    async fn write(
        &self,
        name: &str,
        parts: i32,
        messages: &[Message],
        care: Care,
    ) -> Result<Vec<Position>, KafkaError> {
        let mut sent = Vec::with_capacity(messages.len());
        for (key, payload) in messages {
            let part = part_of(key, parts);
            let started = Instant::now();
            let delivery = loop {
                match self.send(name, part, (key, payload), care) {
                    Err(KafkaError::MessageProduction(Code::QueueFull))
                        if started.elapsed() < ONCE =>
                    {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    other => break other?,
                }
            };
            sent.push(delivery);
        }
        let mut positions = Vec::with_capacity(sent.len());
        for delivery in sent {
            let delivered = delivery.await.map_err(|_canceled| KafkaError::Canceled)?;
            let delivered = delivered.map_err(|(e, _message)| e)?;
            positions.push(place(delivered.partition, delivered.offset));
        }
        Ok(positions)
    }
}

fn place(partition: i32, offset: i64) -> Position {
    Position {
        part: u32::try_from(partition).unwrap_or_default(),
        major: u64::try_from(offset).unwrap_or_default(),
        minor: 0,
    }
}

/// The part of a topic in which messages with `key` are: as Kafka's own clients choose it, so
/// that what they write about a camera goes to the same part.
fn part_of(key: &str, parts: i32) -> i32 {
    let hash = murmur2(key.as_bytes()) & 0x7fff_ffff;
    i32::try_from(hash).unwrap_or_default() % parts.max(1)
}

/// Austin Appleby's MurmurHash2 with Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ (data.len() as u32);
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = chunk.iter().rev().fold(0u32, |k, byte| k << 8 | u32::from(*byte));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0u32, |k, byte| k << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

impl Backend for Kafka {
    fn publish<'a>(
        &'a self,
        topic: &'a Topic,
        messages: &'a [Message],
        care: Care,
    ) -> BoxFuture<'a, Result<Vec<Position>, BusError>> {
        Box::pin(async move {
            let parts = self.0.parts(topic).await?;
            let name = self.0.name(topic);
            let written = self.0.write(&name, parts, messages, care).await;
            written.map_err(|e| {
                let error = self.0.error(&name, &e);
                if matches!(error, BusError::Unreachable { .. }) {
                    self.0.counters.interrupted();
                }
                error
            })
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a Topic,
        key: Option<&'a str>,
        start: Start,
    ) -> BoxFuture<'a, Result<Box<dyn Reader>, BusError>> {
        Box::pin(async move {
            let parts = self.0.parts(topic).await?;
            let name = self.0.name(topic);
            let wanted: Vec<i32> = match key {
                Some(key) => vec![part_of(key, parts)],
                None => (0..parts).collect(),
            };
            let mut config = client_config(&self.0.broker);
            config
                .set("group.id", format!("{}.readers", self.0.options.prefix))
                .set("enable.auto.commit", "false")
                .set("auto.offset.reset", "earliest")
                .set("queued.max.messages.kbytes", "32768")
                .set("fetch.message.max.bytes", (self.0.options.largest + 65_536).to_string())
                .set("fetch.wait.max.ms", "100");
            let consumer: StreamConsumer<KafkaContext> = self.0.consumer(&config)?;
            let reader = blocking({
                let name = name.clone();
                move || begin(consumer, &name, &wanted, &start)
            });
            let (consumer, expected) = reader.await.map_err(|e| self.0.error(&name, &e))?;
            let reader = KafkaReader {
                shared: self.0.clone(),
                consumer,
                name,
                key: key.map(str::to_owned),
                expected,
                once: Once::default(),
                ready: None,
                away: false,
            };
            Ok(Box::new(reader) as Box<dyn Reader>)
        })
    }

    fn join<'a>(
        &'a self,
        topic: &'a Topic,
        group: &'a str,
        member: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Sharer>, BusError>> {
        Box::pin(async move {
            let parts = self.0.parts(topic).await?;
            let name = self.0.name(topic);
            let session = self.0.options.idle.max(SHORTEST_SESSION);
            let mut config = client_config(&self.0.broker);
            config
                .set("group.id", format!("{}.{group}", self.0.options.prefix))
                .set("client.id", member)
                .set("enable.auto.commit", "false")
                .set("auto.offset.reset", "latest")
                .set("session.timeout.ms", session.as_millis().to_string())
                .set("heartbeat.interval.ms", (session / 4).as_millis().to_string())
                .set("queued.max.messages.kbytes", "16384")
                .set("fetch.wait.max.ms", "100");
            let probe: BaseConsumer<KafkaContext> = self.0.consumer(&config)?;
            let begun = blocking({
                let name = name.clone();
                move || begin_group(&probe, &name, parts)
            });
            begun.await.map_err(|e| self.0.error(&name, &e))?;
            let consumer: StreamConsumer<KafkaContext> = self.0.consumer(&config)?;
            consumer.subscribe(&[&name]).map_err(|e| self.0.error(&name, &e))?;
            let shared = self.0.clone();
            Ok(Box::new(KafkaSharer { shared, consumer, name }) as Box<dyn Sharer>)
        })
    }
}

type Expected = BTreeMap<i32, i64>;

/// Finds the first offset of each part, and begins to read there.
fn begin(
    consumer: StreamConsumer<KafkaContext>,
    name: &str,
    parts: &[i32],
    start: &Start,
) -> Result<(StreamConsumer<KafkaContext>, Expected), KafkaError> {
    let mut expected = Expected::new();
    let times = match start {
        Start::Since(time) => {
            let mut asked = TopicPartitionList::new();
            for part in parts {
                asked.add_partition_offset(name, *part, Offset::Offset(time.as_millis().max(0)))?;
            }
            Some(consumer.offsets_for_times(asked, ANSWER)?)
        }
        _ => None,
    };
    for part in parts {
        let (low, high) = consumer.fetch_watermarks(name, *part, ANSWER)?;
        let offset = match start {
            Start::Newest => high,
            Start::Oldest => low,
            Start::Since(_) => {
                let found = times.as_ref().and_then(|times| times.find_partition(name, *part));
                match found.map(|found| found.offset()) {
                    Some(Offset::Offset(offset)) => offset,
                    _ => high,
                }
            }
            Start::After(places) => places
                .iter()
                .find(|place| i64::from(place.part) == i64::from(*part))
                .map_or(low, |place| i64::try_from(place.major).unwrap_or(i64::MAX - 1) + 1),
        };
        expected.insert(*part, offset);
    }
    let mut assigned = TopicPartitionList::new();
    for (part, offset) in &expected {
        assigned.add_partition_offset(name, *part, Offset::Offset(*offset))?;
    }
    consumer.assign(&assigned)?;
    Ok((consumer, expected))
}

/// Notes where a new group begins, so that nothing written from now on escapes it.
fn begin_group(
    probe: &BaseConsumer<KafkaContext>,
    name: &str,
    parts: i32,
) -> Result<(), KafkaError> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(name, 0, parts - 1);
    let known = probe.committed_offsets(asked, ANSWER)?;
    let mut first = TopicPartitionList::new();
    for part in 0..parts {
        let found = known.find_partition(name, part).map(|found| found.offset());
        if !matches!(found, Some(Offset::Offset(_))) {
            let (_, high) = probe.fetch_watermarks(name, part, ANSWER)?;
            first.add_partition_offset(name, part, Offset::Offset(high))?;
        }
    }
    if first.count() == 0 {
        return Ok(());
    }
    match probe.commit(&first, CommitMode::Sync) {
        // Others have joined in the meantime: their places count.
        Err(KafkaError::ConsumerCommit(
            Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress,
        )) => Ok(()),
        other => other,
    }
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let millis = message.timestamp().to_millis().unwrap_or_default();
    Record {
        position: place(message.partition(), message.offset()),
        time: WallTime::from_millis(millis),
        key: String::from_utf8_lossy(message.key().unwrap_or_default()).into(),
        payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
    }
}

struct KafkaReader {
    shared: Arc<Shared>,
    consumer: StreamConsumer<KafkaContext>,
    name: String,
    key: Option<String>,
    /// The next offset of each part.
    expected: Expected,
    once: Once,
    /// Comes behind the news that something is missed.
    ready: Option<Record>,
    away: bool,
}

impl KafkaReader {
    /// What a message means, with what is to be said before it.
    fn take(&mut self, message: Option<(Record, Vec<u8>)>) -> Option<Delivery> {
        let (record, mark) = message?;
        let part = i32::try_from(record.position.part).unwrap_or_default();
        let offset = i64::try_from(record.position.major).unwrap_or(i64::MAX - 1);
        let expected = self.expected.insert(part, offset + 1).unwrap_or(offset);
        let missed = u64::try_from(offset - expected).unwrap_or_default();
        let wanted = self.key.as_ref().is_none_or(|key| **key == *record.key);
        let is_new = self.once.is_new(&mark);
        if !is_new {
            self.shared.counters.duplicate();
        }
        let record = (wanted && is_new).then_some(record);
        if missed > 0 {
            self.ready = record;
            return Some(Delivery::Missed(Some(missed)));
        }
        record.map(Delivery::Record)
    }
}

/// The mark that the writer left.
fn mark(message: &BorrowedMessage<'_>) -> Vec<u8> {
    let headers = message.headers();
    let mark = headers.and_then(|headers| headers.iter().find(|header| header.key == "mark"));
    mark.and_then(|mark| mark.value).unwrap_or_default().to_vec()
}

impl Reader for KafkaReader {
    fn next(&mut self) -> BoxFuture<'_, Result<Delivery, BusError>> {
        Box::pin(async move {
            if let Some(record) = self.ready.take() {
                return Ok(Delivery::Record(record));
            }
            loop {
                let received = self.consumer.recv().await;
                let received = received.map(|message| (record(&message), mark(&message)));
                match received {
                    Ok(message) => {
                        if self.away {
                            self.away = false;
                            tracing::info!(topic = %self.name, "the bus is back");
                        }
                        if let Some(delivery) = self.take(Some(message)) {
                            return Ok(delivery);
                        }
                    }
                    // The client finds its way back by itself.
                    Err(e) => match self.shared.error(&self.name, &e) {
                        error @ BusError::Denied { .. } => return Err(error),
                        error => {
                            if !self.away {
                                self.away = true;
                                self.shared.counters.interrupted();
                                tracing::warn!(topic = %self.name, %error, "the bus is away");
                            }
                        }
                    },
                }
            }
        })
    }
}

struct KafkaSharer {
    shared: Arc<Shared>,
    consumer: StreamConsumer<KafkaContext>,
    name: String,
}

impl Sharer for KafkaSharer {
    fn next(&mut self) -> BoxFuture<'_, Result<Record, BusError>> {
        Box::pin(async move {
            loop {
                match self.consumer.recv().await {
                    Ok(message) => return Ok(record(&message)),
                    // The client finds its way back by itself.
                    Err(e) => match self.shared.error(&self.name, &e) {
                        error @ BusError::Denied { .. } => return Err(error),
                        error => tracing::debug!(topic = %self.name, %error, "the bus is away"),
                    },
                }
            }
        })
    }

    fn ack(&mut self, position: Position) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move {
            let mut done = TopicPartitionList::new();
            let part = i32::try_from(position.part).unwrap_or_default();
            let next = i64::try_from(position.major).unwrap_or(i64::MAX - 1) + 1;
            let committed = done
                .add_partition_offset(&self.name, part, Offset::Offset(next))
                .and_then(|()| self.consumer.commit(&done, CommitMode::Async));
            committed.map_err(|e| self.shared.error(&self.name, &e))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are those of Kafka's own tests of its clients.
    #[test]
    fn keys_are_hashed_as_kafka_does() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }
}
