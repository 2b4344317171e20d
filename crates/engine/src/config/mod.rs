//! The configuration: what the file says ([`file`]), and what it means ([`Config`]).
//!
//! The two are apart so that nothing behind this room ever meets an unchecked value: a
//! [`Config`] exists only after names, numbers, polygons and references have been checked,
//! and each complaint names file, line, column, what was expected and the nearest valid name.

mod env;
mod error;
mod file;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use omma_infer::EngineChoice;
use omma_media::Transport;
use omma_rules::{Line, Zone};
use omma_types::{CameraId, ClassName};

pub use env::{Lookup, process_environment};
pub use error::ConfigError;

/// Name of the detector that needs no model.
pub const MOTION: &str = "motion";

/// Everything that one Omma does, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the database and downloaded models live.
    pub data_dir: PathBuf,
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// The cameras in the order of their names.
    pub cameras: Vec<CameraConfig>,
}

/// One camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraConfig {
    /// Its name.
    pub id: CameraId,
    /// Where its stream comes from; may hold a password, never print it unredacted.
    pub url: String,
    /// How RTSP carries its packets.
    pub transport: Transport,
    /// Whether a file starts again at its end.
    pub looped: bool,
    /// Bound of the ring of recent packets, in bytes.
    pub ring_bytes: usize,
    /// What looks at its pictures; none means that only viewers make it decode.
    pub detect: Option<DetectConfig>,
    /// Lines that are counted.
    pub lines: Vec<Line>,
    /// Zones that are watched.
    pub zones: Vec<Zone>,
}

/// How often a consumer wants a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Every picture.
    All,
    /// At most this many a second, greater than 0.
    Fps(f64),
    /// Only keyframes: nothing else is decoded.
    Keyframes,
}

impl Rate {
    /// The least time between two wanted pictures.
    pub fn interval(self) -> Duration {
        match self {
            Self::Fps(fps) if fps > 0.0 => Duration::from_secs_f64(1.0 / fps),
            Self::Fps(_) | Self::All | Self::Keyframes => Duration::ZERO,
        }
    }
}

/// What looks at a camera's pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectConfig {
    /// The detector.
    pub detector: Detector,
    /// How often.
    pub rate: Rate,
    /// Classes to keep; empty keeps all.
    pub classes: Vec<ClassName>,
    /// Detections below this score are not looked at, 0 to 1.
    pub min_score: f32,
    /// Score from which a detection may start a track, 0 to 1. Weaker ones, down to
    /// `min_score`, only help to keep a track that is there.
    pub start_score: f32,
    /// Whether the model rests while nothing moves.
    pub motion_gate: bool,
}

/// Detections are looked at from this score on where nothing else is said.
pub const DEFAULT_MIN_SCORE: f32 = 0.1;

/// A kind of detector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Detector {
    /// Something moves: needs no model.
    Motion,
    /// A neural network.
    Model(ModelConfig),
}

impl Detector {
    /// The score from which a detection may start a track where nothing else is said.
    /// Of 0.3 to 0.7, 0.6 gives the best mean HOTA over PETS09-S2L1 and TUD-Stadtmitte with
    /// YOLOX-nano and with NanoDet-m; no other model was measured. The motion detector's scores
    /// begin at 0.5.
    pub const fn default_start_score(&self) -> f32 {
        match self {
            Self::Motion => 0.5,
            Self::Model(_) => 0.6,
        }
    }
}

/// A model and the engine that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelConfig {
    /// A card's name, or the path of an ONNX file whose family is recognised.
    pub model: String,
    /// What runs it.
    pub engine: EngineChoice,
}

impl Config {
    /// Reads a configuration. `name` is the file's name for messages, `environment` gives the
    /// values for `${NAME}`.
    ///
    /// # Errors
    /// The first thing that is wrong, with line and column.
    pub fn from_yaml(
        text: &str,
        name: &str,
        environment: &Lookup<'_>,
    ) -> Result<Self, ConfigError> {
        file::parse(text, name, environment)
    }

    /// A camera by name.
    pub fn camera(&self, id: &CameraId) -> Option<&CameraConfig> {
        self.cameras.iter().find(|camera| camera.id == *id)
    }
}

#[cfg(test)]
mod tests;
