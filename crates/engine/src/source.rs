//! What a camera's `url` stands for.

use std::sync::Arc;

use omma_imaging::YuvImage;
use omma_media::{PictureProducer, SourceSpec};
use omma_sim::{Street, StreetConfig};
use omma_types::Size;

use crate::config::CameraConfig;
use crate::error::EngineError;

/// The source behind a camera's `url`.
///
/// # Errors
/// The `url` can't be understood.
pub(crate) fn resolve(config: &CameraConfig) -> Result<SourceSpec, EngineError> {
    let wrong = |reason: String| EngineError::Source { camera: config.id.to_string(), reason };
    if config.url.starts_with("sim:") {
        let street =
            StreetConfig::from_url(&config.url).map_err(|error| wrong(error.to_string()))?;
        let factory = move || -> Box<dyn PictureProducer> {
            Box::new(StreetCamera(Street::new(street.clone())))
        };
        return Ok(SourceSpec::producer(&config.url, Arc::new(factory)));
    }
    let spec = SourceSpec::parse(&config.url)?;
    Ok(spec.transport(config.transport).looped(config.looped))
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
        self.0.next(into);
    }
}
