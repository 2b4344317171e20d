//! A topic of imagebus as a camera.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use omma_types::{
    ClassName, Clock as _, Detection, FrameStamp, MediaTime, Rect, Size, SystemClock, WallSource,
    WallTime,
};
use rdkafka::Message as _;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

use super::classes::from_imagebus;
use super::{Message, Origins, read_json, read_msgpack};
use crate::dialect::{fits, jpeg, wrong};
use crate::kafka::{KafkaContext, client_config, error};
use crate::{Broker, BrokerAddress, BrokerKind, BusError, Frame, FrameForm, Inbound, Inlet};

/// A larger message is not looked into.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// How long brokers may take to tell of a topic.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Reads a topic from its newest message on.
pub struct Reader {
    broker: Broker,
    topic: String,
    /// Only this source's.
    name: Option<String>,
    camera: String,
    consumer: Option<StreamConsumer<KafkaContext>>,
    context: KafkaContext,
    origins: Arc<Origins>,
    seq: u64,
    /// Times of pictures so far: the first, and the newest.
    walls: Option<(WallTime, WallTime)>,
    left_out: u64,
}

impl Reader {
    /// A reader of `kafka+imagebus://host:9092/TOPIC?name=SOURCE`.
    ///
    /// # Errors
    /// It is not Kafka, there is no topic, or there are parameters without meaning.
    pub fn new(address: &BrokerAddress, camera: &str) -> Result<Self, BusError> {
        if address.broker.kind != BrokerKind::Kafka {
            return Err(wrong(address, "imagebus is spoken on Kafka only".to_owned()));
        }
        if address.name.is_empty() {
            let reason = "the topic is missing, e.g. kafka+imagebus://host:9092/SOURCE_FRAME";
            return Err(wrong(address, reason.to_owned()));
        }
        if let Some(option) = address.options.keys().find(|option| *option != "name") {
            let reason = format!("the parameter `{option}` means nothing here; known: `name`");
            return Err(wrong(address, reason));
        }
        Ok(Self {
            broker: address.broker.clone(),
            topic: address.name.clone(),
            name: address.options.get("name").cloned(),
            camera: camera.to_owned(),
            consumer: None,
            context: KafkaContext::default(),
            origins: Origins::shared(),
            seq: 0,
            walls: None,
            left_out: 0,
        })
    }

    fn failed(&self, failure: &rdkafka::error::KafkaError) -> BusError {
        error(&self.broker, &self.topic, failure, &self.context)
    }

    /// Connects, to the end of each of the topic's partitions.
    async fn connect(&self) -> Result<StreamConsumer<KafkaContext>, BusError> {
        let mut config = client_config(&self.broker);
        config
            // Named since a consumer has to have one: it joins nothing and commits nothing.
            .set("group.id", "omma-imagebus")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            .set("allow.auto.create.topics", "true")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.message.max.bytes", MAX_MESSAGE.to_string())
            .set("fetch.max.bytes", MAX_MESSAGE.to_string())
            .set("queued.max.messages.kbytes", (MAX_MESSAGE / 1024).to_string());
        let consumer: StreamConsumer<KafkaContext> = config
            .create_with_context(self.context.clone())
            .map_err(|failure| self.failed(&failure))?;
        let topic = self.topic.clone();
        // The client can only be asked for this by waiting.
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = consumer.fetch_metadata(Some(&topic), ANSWER_WITHIN);
            metadata.map(|metadata| (metadata, consumer))
        });
        let (metadata, consumer) = asked
            .await
            .map_err(|failure| self.refused(failure.to_string()))?
            .map_err(|failure| self.failed(&failure))?;
        let mut ends = TopicPartitionList::new();
        let topics = metadata.topics().iter().filter(|topic| topic.name() == self.topic);
        for partition in topics.flat_map(|topic| topic.partitions()) {
            ends.add_partition_offset(&self.topic, partition.id(), Offset::End)
                .map_err(|failure| self.failed(&failure))?;
        }
        if ends.count() == 0 {
            let reason = "there is no such topic yet; it is there when its producer has written";
            return Err(self.refused(reason.to_owned()));
        }
        consumer.assign(&ends).map_err(|failure| self.failed(&failure))?;
        self.context.content();
        Ok(consumer)
    }

    fn refused(&self, reason: String) -> BusError {
        BusError::Refused { broker: self.broker.shown(), topic: self.topic.clone(), reason }
    }

    /// The picture of a message, none where it is another source's or is no picture.
    fn accept(&mut self, record: &Record) -> Option<Inbound> {
        match understood(&record.payload) {
            Ok((message, _)) if !self.is_wanted(&message) => None,
            Ok((message, size)) => Some(self.inbound(message, size, record.wall)),
            Err(reason) => {
                self.left_out += 1;
                if self.left_out == 1 {
                    let topic = &self.topic;
                    let camera = &self.camera;
                    tracing::warn!(
                        %camera, %topic, %reason,
                        "a message is no picture and is left out; further ones are only counted"
                    );
                }
                None
            }
        }
    }

    fn is_wanted(&self, message: &Message) -> bool {
        let Some(wanted) = &self.name else { return true };
        message.name == *wanted || message.root().name == *wanted
    }

    fn inbound(&mut self, message: Message, size: Size, written: WallTime) -> Inbound {
        let stream_start = self.walls.is_none();
        let (first, last) = self.walls.unwrap_or((written, written));
        // Times tell pictures apart, and Kafka's are in milliseconds.
        let wall =
            if stream_start { written } else { written.max(last + Duration::from_micros(1)) };
        self.walls = Some((first, wall));
        let stamp = FrameStamp {
            seq: self.seq,
            media: MediaTime::from_nanos(
                wall.as_micros().saturating_sub(first.as_micros()).saturating_mul(1000),
            ),
            wall,
            wall_source: WallSource::Arrival,
            size,
        };
        self.seq += 1;
        let found = message.details.as_ref().map(|details| detections(details, size));
        let frame = Box::new(Frame {
            camera: self.camera.clone(),
            stamp,
            form: FrameForm::Jpeg,
            keyframe: true,
            stream_start,
            data: message.image.clone().unwrap_or_default(),
        });
        self.origins.keep(&self.camera, wall, Arc::new(message));
        match found {
            Some(found) => Inbound::Detected(frame, found),
            None => Inbound::Frame(frame),
        }
    }
}

impl Inlet for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Inbound, BusError>> {
        Box::pin(async move {
            loop {
                if self.consumer.is_none() {
                    self.consumer = Some(self.connect().await?);
                    self.walls = None;
                }
                let Some(consumer) = &self.consumer else { continue };
                let record = match consumer.recv().await {
                    Ok(message) => Record::new(&message),
                    Err(failure) => {
                        let failed = self.failed(&failure);
                        self.consumer = None;
                        return Err(failed);
                    }
                };
                if let Some(inbound) = self.accept(&record) {
                    return Ok(inbound);
                }
            }
        })
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.origins.forget(&self.camera);
    }
}

/// What a message of Kafka is looked at for.
struct Record {
    payload: Bytes,
    wall: WallTime,
}

impl Record {
    fn new(message: &BorrowedMessage<'_>) -> Self {
        let written = message.timestamp().to_millis().filter(|millis| *millis > 0);
        Self {
            payload: message.payload().map(Bytes::copy_from_slice).unwrap_or_default(),
            wall: written.map_or_else(|| SystemClock.wall(), WallTime::from_millis),
        }
    }
}

/// A message with a picture in it, and the picture's size.
fn understood(payload: &Bytes) -> Result<(Message, Size), String> {
    if payload.len() > MAX_MESSAGE {
        return Err(format!("it has {} bytes, more than {MAX_MESSAGE}", payload.len()));
    }
    let message =
        if payload.first() == Some(&b'{') { read_json(payload) } else { read_msgpack(payload) }?;
    let image = message.image.as_ref().ok_or("it has no `image`")?;
    let size = jpeg::size(image).ok_or("its `image` is no JPEG")?;
    fits(size)?;
    Ok((message, size))
}

fn detections(details: &[super::Detail], size: Size) -> Vec<Detection> {
    let whole = Rect::new(0.0, 0.0, 1.0, 1.0);
    let found = details.iter().map(|detail| {
        let [left, top, right, bottom] = detail.position.map(|edge| edge as f32);
        let rect = Rect::from_corners(left, top, right, bottom).to_fractions(size);
        Detection {
            rect: rect.clipped_to(&whole),
            class: ClassName::new(from_imagebus(&detail.name)),
            score: (detail.percentage as f32 / 100.0).clamp(0.0, 1.0),
        }
    });
    found.filter(|found| found.rect.is_valid() && found.rect.area() > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_or_no_picture_is_refused_by_name() {
        let reason = |payload: Vec<u8>| understood(&payload.into()).expect_err("refused");
        assert!(reason(vec![b'{'; 100_000_000]).contains("100000000 bytes"));
        assert!(reason(br#"{"py/reduce": [{"py/function": "os.system"}]}"#.to_vec()).len() < 300);
        let with_image = |image: &[u8]| {
            use base64::Engine as _;
            let image = base64::engine::general_purpose::STANDARD.encode(image);
            let text = format!(
                r#"{{"py/object": "imagebusutil.FrameDetails", "image": {{"py/b64": "{image}"}}}}"#
            );
            text.into_bytes()
        };
        assert!(reason(with_image(b"\x89PNG\r\n\x1a\n")).contains("no JPEG"));
        // A header that claims 65,535 x 65,535 pixels.
        let bomb = jpeg::tests::header(65_535, 65_535);
        assert!(reason(with_image(&bomb)).contains("65535 x 65535"));
    }
}
