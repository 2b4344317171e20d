//! What a camera's `url` stands for.

use std::sync::Arc;

use metrics::Counter;
use omma_imaging::YuvImage;
use omma_media::{PictureProducer, SourceSpec};
use omma_sim::{Street, StreetConfig};
use omma_types::{Clock as _, Size, SystemClock};
use tokio::runtime::Handle;

use crate::config::CameraConfig;
use crate::derive::Derived;
use crate::error::EngineError;
use crate::{input, sent};

/// The source behind a camera's `url`, or behind its `detect_url`. What comes over a bus is
/// received on `runtime`, and `left_out` counts what of it is not used.
///
/// # Errors
/// The address can't be understood.
pub(crate) fn resolve(
    config: &CameraConfig,
    url: &str,
    runtime: &Handle,
    left_out: &Counter,
) -> Result<SourceSpec, EngineError> {
    let spec = if input::is_on_a_bus(url) {
        input::source(&config.id, url, runtime.clone(), left_out.clone())?
    } else {
        parse(config.id.as_str(), url)?.transport(config.transport).looped(config.looped)
    };
    Ok(match config.stall {
        Some(stall) => spec.read_timeout(stall),
        None => spec,
    })
}

/// Whether `url` can be understood.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn check(camera: &str, url: &str) -> Result<(), EngineError> {
    if input::is_on_a_bus(url) {
        Ok(input::check(camera, url)?)
    } else if sent::is_sent(url) {
        // It is a whole camera or none: nobody sends a stream for the detector alone.
        let reason = format!("`{url}` can only be a camera's `url`");
        Err(EngineError::Source { camera: camera.to_owned(), reason })
    } else {
        parse(camera, url).map(drop)
    }
}

/// Whether a camera's `url` can be understood, which may name another camera that it is made
/// from.
///
/// # Errors
/// It can't.
pub(crate) fn check_main(camera: &str, url: &str) -> Result<(), EngineError> {
    let wrong = |reason| EngineError::Source { camera: camera.to_owned(), reason };
    if sent::is_sent(url) {
        return sent::check(url).map_err(wrong);
    }
    match Derived::of(url) {
        Some(derived) => derived.map(drop).map_err(wrong),
        None => check(camera, url),
    }
}

pub(crate) fn parse(camera: &str, url: &str) -> Result<SourceSpec, EngineError> {
    let wrong = |reason: String| EngineError::Source { camera: camera.to_owned(), reason };
    if Derived::of(url).is_some() {
        return Err(wrong(format!("`{url}` can only be a camera's `url`")));
    }
    if url.starts_with("sim:") {
        let street = StreetConfig::from_url(url).map_err(|error| wrong(error.to_string()))?;
        let factory = move || -> Box<dyn PictureProducer> {
            Box::new(StreetCamera(Street::new(street.clone())))
        };
        return Ok(SourceSpec::producer(url, Arc::new(factory)));
    }
    Ok(SourceSpec::parse(url)?)
}

/// The simulated street as a producer of pictures.
struct StreetCamera(Street);

impl PictureProducer for StreetCamera {
    fn size(&self) -> Size {
        self.0.config().size
    }

    fn frame_rate(&self) -> f64 {
        self.0.config().fps
    }

    fn render(&mut self, into: &mut YuvImage) {
        // Taken now: painting is part of this camera's delay.
        let now = SystemClock.wall().as_millis();
        self.0.next(into);
        if self.0.config().stamp {
            omma_sim::stamp(into, now);
        }
    }
}
