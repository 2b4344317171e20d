//! Events to a topic of Kafka, keyed by camera: a camera's events keep their order.
//!
//! The producer is idempotent and without gaps: a message that could not be written stops
//! those behind it. After such a failure the producer is made anew, and the engine sends what
//! was not confirmed.

use futures_util::future::BoxFuture;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};

use super::{EventPayload, EventTarget, Progress, Stop};
use crate::kafka::{KafkaContext, Wish, client_config, ensure, error};
use crate::{Broker, BusError};

/// How long a message may take, with all of the client's own attempts.
const WITHIN_MS: &str = "15000";

type Producer = FutureProducer<KafkaContext>;

/// A topic that takes events.
pub struct KafkaSink {
    broker: Broker,
    topic: String,
    context: KafkaContext,
    producer: Option<Producer>,
}

impl KafkaSink {
    /// Events to `topic` at `broker`.
    pub fn new(broker: Broker, topic: String) -> Self {
        Self { broker, topic, context: KafkaContext::default(), producer: None }
    }

    fn failure(&self, failed: &KafkaError) -> BusError {
        error(&self.broker, &self.topic, failed, &self.context)
    }

    fn producer(&mut self) -> Result<Producer, BusError> {
        if let Some(producer) = &self.producer {
            return Ok(producer.clone());
        }
        let made: Result<Producer, KafkaError> = client_config(&self.broker)
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("acks", "all")
            .set("linger.ms", "5")
            .set("message.timeout.ms", WITHIN_MS)
            .create_with_context(self.context.clone());
        let producer = made.map_err(|failed| self.failure(&failed))?;
        self.producer = Some(producer.clone());
        Ok(producer)
    }

    /// Makes sure that the topic is there, with as many parts as is usual at the broker.
    async fn ask(&mut self) -> Result<(), BusError> {
        let producer = self.producer()?;
        let wish = Wish { name: &self.topic, parts: -1, settings: Vec::new() };
        ensure(&self.broker, &self.context, &producer, &wish).await?;
        self.context.content();
        Ok(())
    }

    /// Hands events to the client. Stops at the first that it does not take.
    fn hand_over(
        &self,
        producer: &Producer,
        events: &[EventPayload],
    ) -> (Vec<DeliveryFuture>, Option<KafkaError>) {
        let mut answers = Vec::with_capacity(events.len());
        for event in events {
            let seq = event.seq.to_string();
            let headers = OwnedHeaders::new()
                .insert(Header { key: "id", value: Some(event.id.as_str()) })
                .insert(Header { key: "seq", value: Some(seq.as_str()) })
                .insert(Header { key: "kind", value: Some(event.kind) });
            let record = FutureRecord::to(&self.topic)
                .key(event.camera.as_str())
                .payload(event.body.as_ref())
                .headers(headers);
            match producer.send_result(record) {
                Ok(answer) => answers.push(answer),
                Err((failed, _record)) => return (answers, Some(failed)),
            }
        }
        (answers, None)
    }

    /// What a failed message means. The producer goes with it.
    fn stop(&mut self, failed: &KafkaError) -> Stop {
        self.producer = None;
        match failed.rdkafka_error_code() {
            Some(
                code @ (RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::InvalidRecord),
            ) => Stop::Refused { among: 1, reason: code.to_string() },
            _ => Stop::Away(self.failure(failed)),
        }
    }
}

impl EventTarget for KafkaSink {
    fn shown(&self) -> String {
        format!("{}/{}", self.broker.shown(), self.topic)
    }

    fn connect(&mut self) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(self.ask())
    }

    fn send<'a>(&'a mut self, events: &'a [EventPayload]) -> BoxFuture<'a, Progress> {
        Box::pin(async move {
            let producer = match self.producer() {
                Ok(producer) => producer,
                Err(error) => return Progress::away(error),
            };
            let (answers, mut failed) = self.hand_over(&producer, events);
            let mut delivered = 0;
            for answer in answers {
                match answer.await {
                    Ok(Ok(_place)) => delivered += 1,
                    Ok(Err((reason, _message))) => {
                        failed = Some(reason);
                        break;
                    }
                    Err(_canceled) => {
                        failed = Some(KafkaError::Canceled);
                        break;
                    }
                }
            }
            Progress { delivered, stopped: failed.map(|failed| self.stop(&failed)) }
        })
    }
}
