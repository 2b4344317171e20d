//! Topics of Kafka that are made where they are not there.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{FutureProducer, Producer as _};

use super::{KafkaContext, client_config, error};
use crate::{Broker, BusError};

/// Within which each request has to be answered.
const ANSWER: Duration = Duration::from_secs(10);

/// A topic as it is made where it is not there.
pub(crate) struct Wish<'a> {
    pub(crate) name: &'a str,
    /// Parts; the broker's usual number where this is -1.
    pub(crate) parts: i32,
    /// Settings that are not the broker's usual ones.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// How many parts the topic has. It is made where it is not there; `producer` is whom to ask
/// with.
///
/// # Errors
/// The broker is away, or does not let these credentials see or make it.
pub(crate) async fn ensure(
    broker: &Broker,
    context: &KafkaContext,
    producer: &FutureProducer<KafkaContext>,
    wish: &Wish<'_>,
) -> Result<i32, BusError> {
    let failed = |e: &KafkaError| error(broker, wish.name, e, context);
    match look(producer, wish.name).await {
        Ok(0) => {
            create(broker, context, wish).await?;
            await_created(producer, wish.name).await.map_err(|e| failed(&e))
        }
        Ok(parts) => Ok(parts),
        Err(e) => Err(failed(&e)),
    }
}

/// How many parts the topic has; 0 where it is not there.
async fn look(producer: &FutureProducer<KafkaContext>, name: &str) -> Result<i32, KafkaError> {
    let (producer, wanted) = (producer.clone(), name.to_owned());
    let look = move || {
        let metadata = match producer.client().fetch_metadata(Some(&wanted), ANSWER) {
            Err(KafkaError::MetadataFetch(Code::UnknownTopicOrPartition)) => return Ok(0),
            other => other?,
        };
        let Some(topic) = metadata.topics().first() else { return Ok(0) };
        match topic.error().map(Code::from) {
            None => Ok(i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX)),
            // The last: brokers may make it as soon as somebody asks for it.
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::LeaderNotAvailable) => {
                Ok(0)
            }
            Some(code) => Err(KafkaError::MetadataFetch(code)),
        }
    };
    blocking(look).await
}

async fn create(broker: &Broker, context: &KafkaContext, wish: &Wish<'_>) -> Result<(), BusError> {
    let failed = |e: &KafkaError| error(broker, wish.name, e, context);
    let admin: AdminClient<KafkaContext> =
        client_config(broker).create_with_context(context.clone()).map_err(|e| failed(&e))?;
    let mut new = NewTopic::new(wish.name, wish.parts, TopicReplication::Fixed(-1));
    for (name, value) in &wish.settings {
        new = new.set(name, value);
    }
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let created = admin.create_topics([&new], &options).await;
    match created.map_err(|e| failed(&e))?.into_iter().next() {
        None | Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed))) => {
            let topic = wish.name;
            let reason = format!(
                "there is no topic `{topic}`, and these credentials may not create it; create it, \
                 or give them the right Create on it"
            );
            Err(BusError::Denied { broker: broker.shown(), reason })
        }
        Some(Err((_, code))) => Err(failed(&KafkaError::AdminOp(code))),
    }
}

/// A topic is known everywhere a moment after it was created.
async fn await_created(
    producer: &FutureProducer<KafkaContext>,
    name: &str,
) -> Result<i32, KafkaError> {
    let started = Instant::now();
    loop {
        match look(producer, name).await {
            Ok(parts) if parts > 0 => return Ok(parts),
            Err(e) if started.elapsed() > ANSWER => return Err(e),
            Ok(_) if started.elapsed() > ANSWER => {
                return Err(KafkaError::MetadataFetch(Code::UnknownTopicOrPartition));
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Runs what waits for the network on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(KafkaError::Canceled))
}
