//! A camera as the three topics of imagebus.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use omma_types::{Analysis, ClassName, Clock as _, Rect, Size, Stage, SystemClock, WallTime};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use super::classes::from_imagebus;
use super::compose::{Composed, Composer, Mean, processor, seconds};
use super::message::local;
use super::pending::{Hidden, Pending, Ready, Seen, Waiting};
use super::sampler::Sampler;
use super::{Message, Origins};
use crate::kafka::{KafkaContext, client_config, error};
use crate::{Broker, BrokerKind, BusError, Figure, Frame, FrameForm, Outlet, Wanted};

/// The client takes no lower limit than this.
const LEAST_LIMIT: usize = 1000;

/// Weaker detections that belong to no track are hidden, and not told of: imagebus's own
/// detector tells of none below this.
const SURE: f32 = 0.5;

/// A message that nobody has taken by then is given up, in milliseconds. The client looks only
/// now and then; whoever calls gives up after 10 s.
const DELIVERED_WITHIN: &str = "5000";

/// What is written, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The camera.
    pub camera: String,
    /// What the source is called.
    pub name: String,
    /// One picture in this many. Of a camera that is read from imagebus, every picture.
    pub every: u32,
    /// Whether messages are msgpack in place of JSON.
    pub msgpack: bool,
    /// Topic of the pictures; none leaves them out.
    pub source: Option<String>,
    /// Topic of the pictures with what was found.
    pub analysis: Option<String>,
    /// Topic of the redacted pictures.
    pub redaction: Option<String>,
    /// What is blacked out there; empty blacks out all that is found.
    pub redact: Vec<ClassName>,
    /// Whether redacted messages hold the unredacted picture.
    pub embed_original: bool,
    /// Messages above this size are made smaller, or else refused.
    pub max_bytes: usize,
    /// Of JPEG, 1 to 100.
    pub quality: u8,
}

impl Settings {
    /// Whether objects of this class are blacked out.
    pub(super) fn hides(&self, class: &ClassName) -> bool {
        self.redact.is_empty() || self.redact.contains(class)
    }
}

/// A box that is drawn with a word on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where, in fractions of the picture.
    pub rect: Rect,
    /// The word.
    pub text: String,
}

/// What is to be made of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Sketch<'a> {
    /// Blacked out, in fractions of the picture.
    pub hidden: &'a [Rect],
    /// Drawn.
    pub marks: &'a [Mark],
    /// Size of the JPEG: that of the picture, or smaller.
    pub size: Size,
    /// 1 to 100.
    pub quality: u8,
}

/// Makes JPEG of pixels; given by somebody who knows how.
pub trait Sketcher: Send + Sync {
    /// The pixels (blue, green, red, rows without padding) as JPEG.
    ///
    /// # Errors
    /// Why that can't be done, for people.
    fn jpeg(&self, bgr: &[u8], size: Size, sketch: &Sketch<'_>) -> Result<Bytes, String>;
}

/// Writes a camera.
pub struct Writer {
    broker: Broker,
    context: KafkaContext,
    producer: Option<FutureProducer<KafkaContext>>,
    composer: Arc<Composer>,
    origins: Arc<Origins>,
    sampler: Sampler,
    pending: Pending,
    sources: i64,
    analyses: Mean,
    redactions: Mean,
}

impl Writer {
    /// A writer to `broker`, which is connected to with the first picture.
    ///
    /// # Errors
    /// The broker is not Kafka.
    pub fn new(
        broker: Broker,
        mut settings: Settings,
        sketcher: Arc<dyn Sketcher>,
    ) -> Result<Self, BusError> {
        if broker.kind != BrokerKind::Kafka {
            let reason = "imagebus is spoken on Kafka only".to_owned();
            return Err(BusError::Broker { url: broker.shown(), reason });
        }
        // They may be spelled as imagebus does.
        for class in &mut settings.redact {
            *class = ClassName::new(from_imagebus(class.as_str()));
        }
        Ok(Self {
            broker,
            context: KafkaContext::default(),
            producer: None,
            sampler: Sampler::new(settings.every),
            composer: Arc::new(Composer { settings, sketcher }),
            origins: Origins::shared(),
            pending: Pending::default(),
            sources: 0,
            analyses: Mean::default(),
            redactions: Mean::default(),
        })
    }

    fn settings(&self) -> &Settings {
        &self.composer.settings
    }

    /// Makes a message on a thread for that.
    async fn composed(
        &self,
        topic: &str,
        work: impl FnOnce(&Composer) -> Result<Composed, String> + Send + 'static,
    ) -> Result<Composed, BusError> {
        let composer = Arc::clone(&self.composer);
        let made = tokio::task::spawn_blocking(move || work(&composer)).await;
        let made = made.map_err(|failure| failure.to_string()).and_then(|made| made);
        made.map_err(|reason| BusError::Unsent { topic: topic.to_owned(), reason })
    }

    async fn send(&mut self, topic: &str, payload: &[u8]) -> Result<(), BusError> {
        let failed = |failure| error(&self.broker, topic, &failure, &self.context);
        let producer = match &self.producer {
            Some(producer) => producer.clone(),
            None => {
                let mut config = client_config(&self.broker);
                config
                    .set("acks", "1")
                    .set("linger.ms", "0")
                    .set("message.timeout.ms", DELIVERED_WITHIN)
                    .set("queue.buffering.max.messages", "16")
                    .set(
                        "message.max.bytes",
                        self.settings().max_bytes.max(LEAST_LIMIT).to_string(),
                    );
                let made: FutureProducer<KafkaContext> =
                    config.create_with_context(self.context.clone()).map_err(failed)?;
                self.producer.insert(made).clone()
            }
        };
        // No key: imagebus's programs write none, and read whatever partition there is.
        let record = FutureRecord::<(), [u8]>::to(topic).payload(payload);
        match producer.send(record, Timeout::Never).await {
            Ok(_delivery) => {
                self.context.content();
                Ok(())
            }
            Err((failure, _message))
                if failure.rdkafka_error_code() == Some(Code::MessageSizeTooLarge) =>
            {
                let limit = self.settings().max_bytes;
                let reason = format!(
                    "the broker takes no message of {} bytes; set `max_size` (now {limit}) to its \
                     message.max.bytes",
                    payload.len()
                );
                Err(BusError::Unsent { topic: topic.to_owned(), reason })
            }
            Err((failure, _message)) => Err(failed(failure)),
        }
    }

    async fn write_frame(&mut self, frame: &Frame) -> Result<(), BusError> {
        let settings = self.settings().clone();
        let size = frame.stamp.size;
        if frame.form != FrameForm::Bgr {
            let reason = "imagebus is written from pixels".to_owned();
            let topic = settings.source.unwrap_or_default();
            return Err(BusError::Unsent { topic, reason });
        }
        let origin = self.origins.find(&settings.camera, frame.stamp.wall);
        let is_foreign = origin.is_some();
        let source = match origin {
            // It is on the bus already.
            Some(origin) => origin,
            // Written again as new, it would be read and written without end.
            None if self.origins.has(&settings.camera) => {
                let topic = settings.source.unwrap_or_default();
                let reason = "the message that the picture came in is no longer known";
                return Err(BusError::Unsent { topic, reason: reason.to_owned() });
            }
            None => {
                let topic = settings.source.as_deref().unwrap_or_default().to_owned();
                let message = Message {
                    name: settings.name.clone(),
                    topic: topic.clone(),
                    frame_rate: i64::from(settings.every),
                    frame_reference: self.sampler.reference(self.sources + 1),
                    date_time: Some(local(frame.stamp.wall)),
                    ..Message::default()
                };
                let pixels = frame.data.clone();
                let (message, payload) =
                    self.composed(&topic, move |c| c.source(&pixels, size, &message)).await?;
                self.sources += 1;
                if !topic.is_empty() {
                    self.send(&topic, &payload).await?;
                }
                Arc::new(message)
            }
        };
        if settings.analysis.is_none() && settings.redaction.is_none() {
            return Ok(());
        }
        let pixels = frame.data.clone();
        let waiting = Waiting { stamp: frame.stamp, pixels, source, is_foreign };
        match self.pending.picture(waiting) {
            Some(ready) => self.write_ready(ready).await,
            None => Ok(()),
        }
    }

    /// Writes what was found, and the same redacted.
    async fn write_ready(&mut self, ready: Ready) -> Result<(), BusError> {
        let settings = self.settings().clone();
        let ready = Arc::new(ready);
        // A topic that the picture was read from is not written to: that would never end.
        let is_new = |topic: &String| {
            !ready.picture.is_foreign || ready.picture.source.lineage().all(|m| m.topic != *topic)
        };
        let mut outcome = Ok(());
        let mut analysis = None;
        if let Some(topic) = settings.analysis.as_ref().filter(|topic| is_new(topic)) {
            let message = self.found(topic, ready.seen.spent);
            let (of, begun) = (Arc::clone(&ready), message.clone());
            // One that is too large says nothing about the redacted one.
            outcome = match self.composed(topic, move |c| c.analysis(&of, &begun)).await {
                Ok((_, payload)) => self.send(topic, &payload).await,
                Err(failure) => Err(failure),
            };
            analysis = Some(message);
        } else if settings.analysis.is_none() {
            analysis = Some(self.found("", ready.seen.spent));
        }
        let Some(topic) = settings.redaction.as_ref().filter(|topic| is_new(topic)) else {
            return outcome;
        };
        let past = self.redactions;
        let reference = past.count + 1;
        let message = processor("redactionProcessor", topic, reference, SystemClock.wall());
        let (message, payload) = self
            .composed(topic, move |c| c.redaction(&ready, &message, analysis.as_ref(), past))
            .await?;
        self.redactions.add(Duration::from_secs_f64(message.speed.unwrap_or(0.0).max(0.0)));
        self.send(topic, &payload).await.and(outcome)
    }

    fn found(&mut self, topic: &str, spent: Duration) -> Message {
        self.analyses.add(spent);
        let reference = self.analyses.count;
        let mut message = processor("imageaiProcessor", topic, reference, SystemClock.wall());
        message.speed = Some(seconds(spent, 2));
        message.average = Some(seconds(self.analyses.average(), 2));
        message
    }

    /// What is to be hidden: what was found, and what the tracker says is there, even where the
    /// detector missed it.
    fn hidden(&self, analysis: &Analysis) -> Vec<Hidden> {
        let is_hidden = |class: &ClassName| self.settings().hides(class);
        let found = analysis.detections.iter().zip(analysis.owners());
        let found = found.filter(|(found, _)| is_hidden(&found.class));
        let followed = analysis.tracks.iter().filter(|track| is_hidden(&track.class));
        found
            .map(|(found, track)| Hidden { rect: found.rect, track, is_detected: true })
            .chain(followed.map(|track| Hidden {
                rect: track.rect,
                track: Some(track.id),
                is_detected: false,
            }))
            .collect()
    }

    async fn write_analysis(&mut self, analysis: &Analysis) -> Result<(), BusError> {
        let timings = &analysis.timings;
        let found = analysis.detections.iter().zip(analysis.owners());
        let told = found.filter(|(found, track)| found.score >= SURE || track.is_some());
        let seen = Seen {
            seq: analysis.frame.seq,
            wall: analysis.frame.wall,
            detections: told.map(|(found, _)| found.clone()).collect(),
            hidden: self.hidden(analysis),
            spent: timings.get(Stage::Prepare) + timings.get(Stage::Infer),
        };
        let mut outcome = Ok(());
        for ready in self.pending.analysis(seen) {
            let written = self.write_ready(ready).await;
            outcome = outcome.and(written);
        }
        outcome
    }
}

impl Outlet for Writer {
    fn wanted(&self) -> Wanted {
        Wanted::Bgr
    }

    fn is_due(&mut self, _wall: WallTime) -> bool {
        self.origins.has(&self.composer.settings.camera) || self.sampler.is_due()
    }

    fn frame<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.write_frame(frame))
    }

    fn analysis<'a>(&'a mut self, analysis: &'a Analysis) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(self.write_analysis(analysis))
    }

    fn figures(&mut self, _now: WallTime) -> Vec<Figure> {
        vec![Figure {
            name: "imagebus_unanalysed_frames",
            camera: self.settings().camera.clone(),
            value: self.pending.lost as f64,
        }]
    }
}
