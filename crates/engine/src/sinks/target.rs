//! From a sink's configuration to what it writes to.

use omma_bus::sink::{
    EventTarget, KafkaSink, MqttLink, MqttSink, RedisSink, TopicSink, WebhookSink,
};
use omma_bus::{BrokerKind, BusError, Deadlines, Signer, Webhook};

use crate::bus::topics_of;
use crate::config::{SinkConfig, SinkTarget};
use crate::shared::random_seed;

/// A target, and for MQTT the connection that tells more than events.
pub(crate) struct Opened {
    pub(crate) target: Box<dyn EventTarget>,
    pub(crate) link: Option<MqttLink>,
}

/// The target of a sink. Nothing is sent yet.
///
/// # Errors
/// The address is none, or certificates can't be read.
pub(crate) fn open(config: &SinkConfig) -> Result<Opened, BusError> {
    let target: Box<dyn EventTarget> = match &config.target {
        SinkTarget::Webhook { url, key, secret } => {
            let signer = secret.clone().map(|secret| {
                if key.is_empty() {
                    Signer::Omma { secret }
                } else {
                    Signer::Chrysalis { key: key.clone(), secret }
                }
            });
            Box::new(WebhookSink::new(Webhook::new(url, signer, Deadlines::default())?))
        }
        SinkTarget::Bus(bus) => Box::new(TopicSink::new(topics_of(bus))),
        SinkTarget::Broker { broker, name, .. } => match broker.kind {
            BrokerKind::Redis => Box::new(RedisSink::new(broker.clone(), name.clone())),
            BrokerKind::Kafka => Box::new(KafkaSink::new(broker.clone(), name.clone())),
            BrokerKind::Mqtt => {
                // Two of the same name throw each other out.
                let client = format!("omma-{}-{:08x}", config.name, random_seed() as u32);
                let link = MqttLink::open(broker, &client, &format!("{name}/status"))?;
                let target = MqttSink::new(link.clone(), format!("{name}/events"));
                return Ok(Opened { target: Box::new(target), link: Some(link) });
            }
            BrokerKind::Memory => {
                return Err(BusError::Broker {
                    url: broker.shown(),
                    reason: "nobody reads events there".to_owned(),
                });
            }
        },
    };
    Ok(Opened { target, link: None })
}
