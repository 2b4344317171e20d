//! From an entry of the configuration to the outlets that write it. The one place that knows
//! all dialects.

use std::sync::Arc;

use omma_bus::dialect::{chrysalis, deepvision, imagebus, omma, redisedge};
use omma_bus::topic::LazyTopics;
use omma_bus::{BusError, Outlet, Wanted};

use super::sketcher::Artist;
use crate::bus::topics_of;
use crate::config::{DialectConfig, FrameTopic, PublishConfig, Rate, Reference};

/// Opens what writes `entry`, nothing of it connected yet. Several where the dialect takes
/// pictures in several forms: each gets its own pictures.
/// Outlets of Omma's own form share the connections of `bus` where it is at the same broker.
pub(super) fn open(
    entry: &PublishConfig,
    bus: Option<&LazyTopics>,
) -> Result<Vec<Box<dyn Outlet>>, BusError> {
    let broker = entry.broker.clone();
    match &entry.dialect {
        DialectConfig::Redisedge { adaptive, series } => {
            let settings = redisedge::Settings {
                stream: entry.name.clone(),
                quality: entry.quality,
                keep: entry.keep,
                adaptive: *adaptive,
                series: series.clone(),
            };
            Ok(vec![Box::new(redisedge::Writer::new(broker, settings)?)])
        }
        DialectConfig::Chrysalis { in_memory } => {
            let live = chrysalis::Live::new(broker.clone(), &entry.name, entry.keep)?;
            let packets = chrysalis::Packets::new(broker, &entry.name, *in_memory)?;
            Ok(vec![Box::new(live), Box::new(packets)])
        }
        DialectConfig::Omma { bus: config, analyses } => {
            let topics = match bus {
                Some(bus) if *bus.broker() == config.broker => bus.clone(),
                _ => topics_of(config),
            };
            let mut outlets: Vec<Box<dyn Outlet>> = Vec::new();
            let wanted = match config.frames {
                FrameTopic::Packets => Some(Wanted::Packets),
                FrameTopic::Jpeg { quality, .. } => Some(Wanted::Jpeg(quality)),
                FrameTopic::None => None,
            };
            if let Some(wanted) = wanted {
                outlets.push(Box::new(omma::Frames::new(topics.clone(), &entry.name, wanted)));
            }
            if *analyses {
                outlets.push(Box::new(omma::Analyses::new(topics, &entry.name)));
            }
            Ok(outlets)
        }
        DialectConfig::Deepvision { reference, series, .. } => {
            let settings = deepvision::Settings {
                broker,
                stream: entry.name.clone(),
                keep: entry.keep,
                reference: match reference {
                    Reference::Previous => deepvision::Reference::Previous,
                    Reference::Own => deepvision::Reference::Own,
                },
                series: series.clone(),
            };
            Ok(vec![Box::new(deepvision::Writer::new(settings)?)])
        }
        DialectConfig::Imagebus(config) => {
            let settings = imagebus::Settings {
                camera: entry.camera.to_string(),
                name: entry.name.clone(),
                every: config.every,
                msgpack: config.msgpack,
                source: config.source.clone(),
                analysis: config.analysis.clone(),
                redaction: config.redaction.clone(),
                redact: config.redact.clone(),
                embed_original: config.embed_original,
                max_bytes: config.max_bytes,
                quality: entry.quality,
            };
            let artist = Artist::new().map_err(|error| BusError::Unsent {
                topic: entry.name.clone(),
                reason: error.to_string(),
            })?;
            Ok(vec![Box::new(imagebus::Writer::new(broker, settings, Arc::new(artist))?)])
        }
    }
}

/// How many pictures a second `entry` gets at most.
pub(super) fn rate(entry: &PublishConfig) -> Rate {
    match (entry.fps, &entry.dialect) {
        (Some(fps), _) => Rate::Fps(fps),
        (None, DialectConfig::Omma { bus, .. }) => match bus.frames {
            FrameTopic::Jpeg { fps, .. } => Rate::Fps(f64::from(fps)),
            FrameTopic::Packets | FrameTopic::None => Rate::All,
        },
        // What capture.py takes of a webcam.
        (None, DialectConfig::Redisedge { .. }) => Rate::Fps(15.0),
        // What its producer sends.
        (None, DialectConfig::Deepvision { .. }) => Rate::Fps(10.0),
        (None, _) => Rate::All,
    }
}
