//! The configuration: what the file says ([`file`]), and what it means ([`Config`]).
//!
//! The two are apart so that nothing behind this room ever meets an unchecked value: a
//! [`Config`] exists only after names, numbers, polygons and references have been checked,
//! and each complaint names file, line, column, what was expected and the nearest valid name.

pub(crate) mod check;
mod env;
mod error;
mod file;
mod footage;
mod messaging;
pub(crate) mod origin;
mod serving;
mod show;
mod whole;
mod whole_messaging;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use omma_infer::EngineChoice;
use omma_media::{Hardware, Transport};
use omma_rules::{Line, Zone};
use omma_types::{CameraId, ClassName};

pub use omma_bus::Broker;

pub use check::{Remark, Verdict};
pub use env::{Lookup, process_environment};
pub use error::ConfigError;
pub use footage::{PassThroughConfig, RecordConfig, RecordMode, RecordingsConfig, SegmentLength};
pub use messaging::{
    BusConfig, DialectConfig, EventFormat, FrameTopic, ImagebusConfig, NodeConfig, PublishConfig,
    RedactConfig, RedactStyle, Reference, Role, SinkConfig, SinkTarget,
};
pub use origin::{Origin, ShownValue, ValueFrom};
pub use serving::{
    Accounts, AccountsConfig, AnnotationsConfig, GrpcConfig, Listener, Scope, TlsConfig,
    TokenConfig, WebrtcConfig,
};
pub use whole::written;

/// Name of the detector that needs no model.
pub const MOTION: &str = "motion";

/// Everything that one Omma does, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the database and downloaded models live.
    pub data_dir: PathBuf,
    /// Where the HTTP server listens.
    pub http: Listener,
    /// Live video by WebRTC; none where it is turned off.
    pub webrtc: Option<WebrtcConfig>,
    /// The gRPC server; none unless asked for.
    pub grpc: Option<GrpcConfig>,
    /// The REST interface of video-edge-ai-proxy; none unless asked for.
    pub chrysalis: Option<Listener>,
    /// Who may do what. Without tokens and accounts everybody may do everything.
    pub tokens: Vec<TokenConfig>,
    /// Whether there are users with passwords; [`Config::accounts`] tells what comes of it.
    pub accounts: Accounts,
    /// Where footage is kept.
    pub recordings: RecordingsConfig,
    /// How long events are kept; for ever where nothing is said.
    pub events_keep: Option<Duration>,
    /// How long it is kept where everybody went; none keeps nothing of it.
    pub tracks_keep: Option<Duration>,
    /// Where annotations are delivered to.
    pub annotations: Option<AnnotationsConfig>,
    /// The bus between processes; none where everything is in this one.
    pub bus: Option<BusConfig>,
    /// What this process does of what several share over the bus; none where it does all alone.
    pub node: Option<NodeConfig>,
    /// Cameras that are also given to programs of other systems.
    pub publish: Vec<PublishConfig>,
    /// Where events go.
    pub sinks: Vec<SinkConfig>,
    /// The models that cameras can name.
    pub models: BTreeMap<String, NamedModel>,
    /// The cameras in the order of their names.
    pub cameras: Vec<CameraConfig>,
    /// Where it was read.
    pub origin: Origin,
}

/// A model under the name that cameras use for it, with what goes for all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedModel {
    /// What runs.
    pub detector: Detector,
    /// Classes to keep; empty keeps all.
    pub classes: Vec<ClassName>,
    /// See [`DetectConfig::min_score`].
    pub min_score: Option<f32>,
    /// See [`DetectConfig::start_score`].
    pub start_score: Option<f32>,
}

/// One camera.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraConfig {
    /// Its name.
    pub id: CameraId,
    /// Where its stream comes from; may hold a password, never print it unredacted.
    pub url: String,
    /// A second, smaller stream of the same camera, for the detector alone.
    pub detect_url: Option<String>,
    /// How RTSP carries its packets.
    pub transport: Transport,
    /// Whether a file starts again at its end.
    pub looped: bool,
    /// Whether it is not to be read for the time being.
    pub paused: bool,
    /// Whether sound is recorded and passed on.
    pub audio: bool,
    /// Silence that counts as stalled; none for what is usual for its kind of source.
    pub stall: Option<Duration>,
    /// Bound of the ring of recent packets, in bytes.
    pub ring_bytes: usize,
    /// Bound of the ring in time.
    pub history: Duration,
    /// Whether its packets come over the bus from the process that reads it. Nothing of the
    /// file's: it follows from who shares the work.
    pub relayed: bool,
    /// What decodes beside the processor.
    pub hardware: Hardware,
    /// What of its footage is kept; none records nothing.
    pub record: Option<RecordConfig>,
    /// Where its stream is passed on to.
    pub pass_through: Option<PassThroughConfig>,
    /// What of its pictures goes onto the bus, in place of what holds for all cameras.
    pub frames: Option<FrameTopic>,
    /// What is hidden where it is derived from another camera.
    pub redact: Option<RedactConfig>,
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
    /// The detector's name in the configuration: `motion`, or one under `models`.
    pub name: String,
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
    /// A program of the user's own that reads pictures from the bus and writes back what it
    /// found, under this name of a model.
    Bus(String),
}

impl Detector {
    /// The score from which a detection may start a track where nothing else is said.
    /// Of 0.3 to 0.7, 0.6 gives the best mean HOTA over PETS09-S2L1 and TUD-Stadtmitte with
    /// YOLOX-nano and with NanoDet-m; no other model was measured. The motion detector's scores
    /// begin at 0.5.
    pub const fn default_start_score(&self) -> f32 {
        match self {
            Self::Motion => 0.5,
            Self::Model(_) | Self::Bus(_) => 0.6,
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

    /// How users with passwords are dealt with; none where there are none.
    pub fn accounts(&self) -> Option<AccountsConfig> {
        let http = &self.http;
        let is_open = !http.address.ip().is_loopback()
            && !http.insecure
            && !http.asks_for_certificate()
            && self.tokens.is_empty();
        match &self.accounts {
            Accounts::On(config) => Some(config.clone()),
            Accounts::IfNeeded if is_open => Some(AccountsConfig::default()),
            Accounts::IfNeeded | Accounts::Off => None,
        }
    }

    /// A camera's part of a configuration, by itself: as JSON, from an API. Texts are
    /// taken as they are: `${NAME}` is no variable here, since what comes over a network must
    /// not read this machine's environment.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse_camera(&self, id: &str, json: &str) -> Result<CameraConfig, ConfigError> {
        file::parse_camera(id, json, &self.models)
    }

    /// Makes this process one of several that share the work over the bus, where `roles` says
    /// what it does of it; `name` goes before the name that the file called `file` gives it.
    ///
    /// # Errors
    /// There is no bus, or it does not hold what the others need.
    pub fn share_work(
        &mut self,
        file: &str,
        roles: Option<BTreeSet<Role>>,
        name: Option<String>,
    ) -> Result<(), ConfigError> {
        if self.node.is_none() && roles.is_none() {
            return Ok(());
        }
        let mut node = self.node.take().unwrap_or_default();
        node.roles = roles.unwrap_or(node.roles);
        node.name = name.or(node.name);
        self.node = Some(node);
        messaging::check_shared(self, file)
    }

    /// A camera by name.
    pub fn camera(&self, id: &CameraId) -> Option<&CameraConfig> {
        self.cameras.iter().find(|camera| camera.id == *id)
    }
}

impl CameraConfig {
    /// The camera's part of a configuration as JSON, with nothing in it that is the default.
    /// Passwords are in it unless `hide_secrets`.
    pub fn to_json(&self, hide_secrets: bool) -> serde_json::Value {
        show::camera(self, hide_secrets)
    }
}

#[cfg(test)]
mod tests;
