//! From an entry of the configuration to the outlets that write it. The one place that knows
//! all dialects.

use omma_bus::dialect::{chrysalis, redisedge};
use omma_bus::{BusError, Outlet};

use crate::config::{DialectConfig, PublishConfig, Rate};

/// Opens what writes `entry`, nothing of it connected yet. Several where the dialect takes
/// pictures in several forms: each gets its own pictures.
pub(super) fn open(entry: &PublishConfig) -> Result<Vec<Box<dyn Outlet>>, BusError> {
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
        other => {
            let reason = format!("`{}` can't be published yet", other.as_str());
            Err(BusError::Broker { url: broker.shown(), reason })
        }
    }
}

/// How many pictures a second `entry` gets at most.
pub(super) fn rate(entry: &PublishConfig) -> Rate {
    match (entry.fps, &entry.dialect) {
        (Some(fps), _) => Rate::Fps(fps),
        // What capture.py takes of a webcam.
        (None, DialectConfig::Redisedge { .. }) => Rate::Fps(15.0),
        (None, _) => Rate::All,
    }
}
