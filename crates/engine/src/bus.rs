//! The bus of the configuration: its topics, and what of each camera goes there.

use std::time::Duration;

use omma_bus::topic::{LazyTopics, TopicOptions};

use crate::config::{
    BusConfig, CameraConfig, Config, DialectConfig, FrameTopic, PublishConfig, SinkConfig,
    SinkTarget,
};

/// Of the sink that puts events onto the bus; no other one can be called so.
const SINK: &str = "bus:events";

/// The topics of a bus, not connected.
pub(crate) fn topics_of(config: &BusConfig) -> LazyTopics {
    let options = TopicOptions {
        prefix: config.prefix.clone(),
        keep: config.keep,
        keep_events: config.keep_events,
        partitions: config.partitions,
        ..TopicOptions::default()
    };
    LazyTopics::new(config.broker.clone(), options)
}

/// What of the cameras goes onto the bus, as if it stood under `publish:`. What came over the
/// bus is not put there again.
pub(crate) fn publications(config: &Config) -> Vec<PublishConfig> {
    let Some(bus) = &config.bus else { return Vec::new() };
    let publication = |camera: &CameraConfig| {
        let frames =
            if camera.relayed { FrameTopic::None } else { camera.frames.unwrap_or(bus.frames) };
        let analyses = camera.detect.is_some();
        (frames != FrameTopic::None || analyses).then(|| PublishConfig {
            camera: camera.id.clone(),
            broker: bus.broker.clone(),
            dialect: DialectConfig::Omma { bus: BusConfig { frames, ..bus.clone() }, analyses },
            name: camera.id.as_str().to_owned(),
            fps: None,
            quality: 80,
            keep: None,
            page: None,
        })
    };
    config.cameras.iter().filter_map(publication).collect()
}

/// What puts events onto the bus, as if it stood under `sinks:`.
pub(crate) fn events(config: &Config) -> Option<SinkConfig> {
    let bus = config.bus.clone()?;
    Some(SinkConfig {
        name: SINK.to_owned(),
        target: SinkTarget::Bus(bus),
        kinds: Vec::new(),
        cameras: Vec::new(),
        batch: 100,
        interval: Duration::from_millis(50),
        attempts: 5,
    })
}
