//! What leaves Omma over brokers, who does which part of the work, and what is hidden.

use std::collections::BTreeSet;
use std::time::Duration;

use omma_bus::Broker;
use omma_types::{CameraId, ClassName, Secret};

use super::Listener;
use super::error::ConfigError;

/// A part of the work that a process can take on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads cameras and puts their packets on the bus; records and passes on.
    Ingest,
    /// Runs models on pictures that analysing processes send.
    Detect,
    /// Tracks, counts and raises events.
    Analyze,
    /// Stores what the others raise, and answers people and programs.
    Serve,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Detect, Self::Analyze, Self::Serve];

    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Detect => "detect",
            Self::Analyze => "analyze",
            Self::Serve => "serve",
        }
    }
}

/// One of the processes that share the work of a fleet over the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// What it does; usually everything.
    pub roles: BTreeSet<Role>,
    /// Its name among the others; made up where none is given.
    pub name: Option<String>,
    /// Cameras that it takes for reading, and as many for analysing, at most; 0: any number.
    pub capacity: u32,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { roles: Role::ALL.into_iter().collect(), name: None, capacity: 0 }
    }
}

/// Packets and saved states must stay on the bus for at least so long: whoever takes a camera
/// over goes on from there.
const LEAST_KEEP: Duration = Duration::from_secs(30);

/// Whether what `config`, of the file `name`, says of its bus is enough for several processes
/// to share the work.
pub(super) fn check_shared(config: &super::Config, name: &str) -> Result<(), ConfigError> {
    let wrong = |reason: String| Err(ConfigError::of_file(name, reason));
    let Some(bus) = &config.bus else {
        return wrong(
            "several processes share work over a bus; add `bus: redis://host:6379` or \
             `bus: kafka://host:9092`"
                .to_owned(),
        );
    };
    if bus.keep < LEAST_KEEP {
        return wrong(format!(
            "`bus.keep` must be {} s or more where several processes share the work",
            LEAST_KEEP.as_secs()
        ));
    }
    let frames = |camera: &super::CameraConfig| camera.frames.unwrap_or(bus.frames);
    match config.cameras.iter().find(|camera| frames(camera) == FrameTopic::None) {
        Some(camera) => wrong(format!(
            "camera `{}` is not on the bus (`frames: {{ form: none }}`), so no other process \
             could analyse or show it; use `packets`",
            camera.id
        )),
        None => Ok(()),
    }
}

/// The bus between processes.
#[derive(Clone, Debug, PartialEq)]
pub struct BusConfig {
    /// The broker.
    pub broker: Broker,
    /// Begins the names of all topics.
    pub prefix: String,
    /// What of cameras' pictures goes onto the bus.
    pub frames: FrameTopic,
    /// How long packets, pictures and analyses stay there.
    pub keep: Duration,
    /// How long events stay there.
    pub keep_events: Duration,
    /// Parts of a topic that spread over brokers; only for Kafka.
    pub partitions: u32,
}

/// What of a camera's pictures goes onto the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameTopic {
    /// The camera's own packets.
    Packets,
    /// JPEG, this many a second.
    Jpeg {
        /// 1 to 100.
        quality: u8,
        /// At most this many a second, 1 to 60.
        fps: u8,
    },
    /// Nothing.
    None,
}

impl FrameTopic {
    /// In the form of the configuration file.
    pub fn to_json(&self) -> serde_json::Value {
        super::show::frames(self)
    }
}

/// A camera that is also given to programs that speak another system's format.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishConfig {
    /// The camera.
    pub camera: CameraId,
    /// Where.
    pub broker: Broker,
    /// In whose words.
    pub dialect: DialectConfig,
    /// The stream's key, device or source by that dialect's naming.
    pub name: String,
    /// At most this many pictures a second; what is usual for the dialect where not said.
    pub fps: Option<f64>,
    /// Of JPEG, 1 to 100.
    pub quality: u8,
    /// Messages kept of each stream; what is usual for the dialect where not said.
    pub keep: Option<u64>,
    /// Where the dialect's own page is shown.
    pub page: Option<Listener>,
}

/// Another system's format, with what can be chosen about it.
#[derive(Clone, Debug, PartialEq)]
pub enum DialectConfig {
    /// Omma's own.
    Omma {
        /// The bus.
        bus: BusConfig,
        /// Whether what was found goes there too.
        analyses: bool,
    },
    /// `EdgeRealtimeVideoAnalytics` on Redis.
    Redisedge {
        /// Whether pictures are left out by its rule, so that results keep up.
        adaptive: bool,
        /// Where its time series go; none writes none.
        series: Option<Broker>,
    },
    /// `DeepVision` on Redis.
    Deepvision {
        /// What `refId` points at.
        reference: Reference,
        /// Where its time series go; none writes none.
        series: Option<Broker>,
        /// Whether other programs' messages (`ONA_DISPLAY`) are drawn.
        messages: bool,
        /// Boxes below this score are not drawn on its page, 0 to 1.
        score: f32,
        /// Pictures that a tail lasts.
        tail: u32,
    },
    /// video-edge-ai-proxy on Redis.
    Chrysalis {
        /// Compressed packets kept for its history.
        in_memory: u64,
    },
    /// imagebus on Kafka.
    Imagebus(ImagebusConfig),
}

impl BusConfig {
    /// A bus at `broker` of which nothing else is said.
    pub fn new(broker: Broker) -> Self {
        Self {
            broker,
            prefix: "omma".to_owned(),
            frames: FrameTopic::Packets,
            keep: Duration::from_secs(60),
            keep_events: Duration::from_secs(7 * 86_400),
            partitions: 16,
        }
    }
}

impl DialectConfig {
    /// All words that [`Self::as_str`] can answer.
    pub const WORDS: [&'static str; 5] =
        ["omma", "redisedge", "deepvision", "chrysalis", "imagebus"];

    /// The word used in every interface.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Omma { .. } => "omma",
            Self::Redisedge { .. } => "redisedge",
            Self::Deepvision { .. } => "deepvision",
            Self::Chrysalis { .. } => "chrysalis",
            Self::Imagebus(_) => "imagebus",
        }
    }
}

/// What `DeepVision`'s `refId` points at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The picture before the tracked one, so that reading on behind it finds the tracked one.
    #[default]
    Previous,
    /// The tracked picture itself.
    Own,
}

/// imagebus on Kafka.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagebusConfig {
    /// One picture in this many.
    pub every: u32,
    /// Whether messages are msgpack, as before December 2019, in place of JSON.
    pub msgpack: bool,
    /// Topic of the pictures; none leaves them out.
    pub source: Option<String>,
    /// Topic of the pictures with what was found.
    pub analysis: Option<String>,
    /// Topic of the redacted pictures.
    pub redaction: Option<String>,
    /// What is blacked out there.
    pub redact: Vec<ClassName>,
    /// Whether redacted messages hold the unredacted picture, as imagebus's own do.
    pub embed_original: bool,
    /// Messages above this size are made smaller, or else refused.
    pub max_bytes: usize,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkConfig {
    /// Its name.
    pub name: String,
    /// Where.
    pub target: SinkTarget,
    /// Only these kinds of events; empty takes all.
    pub kinds: Vec<String>,
    /// Only of these cameras; empty takes all.
    pub cameras: Vec<CameraId>,
    /// At most this many in one request or batch.
    pub batch: usize,
    /// A batch goes out at the latest this long after its first event.
    pub interval: Duration,
    /// Deliveries that are tried of an event that is refused, before it is put aside.
    pub attempts: u32,
}

/// What events are sent to.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkTarget {
    /// An `http://` or `https://` address.
    Webhook {
        /// The address.
        url: Secret,
        /// Names the sender.
        key: String,
        /// Signs what is sent; none sends it unsigned.
        secret: Option<Secret>,
    },
    /// The topic `events` of the bus.
    Bus(BusConfig),
    /// A stream of Redis, a topic of Kafka, or the beginning of MQTT topics.
    Broker {
        /// The broker.
        broker: Broker,
        /// The stream's key, the topic, or the beginning of topics.
        name: String,
        /// How events are written.
        format: EventFormat,
        /// For MQTT: begin of the topics on which Home Assistant looks for devices.
        home_assistant: Option<String>,
    },
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventFormat {
    /// As in the REST interface.
    #[default]
    Json,
    /// `omma.v1.Event`.
    Protobuf,
}

/// How parts of pictures are hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedactStyle {
    /// Black.
    #[default]
    Black,
    /// Blurred.
    Blur,
    /// Large squares.
    Pixelate,
}

/// What a camera derived from another one (`redacted:NAME`) hides.
#[derive(Clone, Debug, PartialEq)]
pub struct RedactConfig {
    /// What is hidden; empty hides everything that is found.
    pub classes: Vec<ClassName>,
    /// How.
    pub style: RedactStyle,
    /// Boxes grow by this fraction of their size on each side.
    pub margin: f32,
    /// A box stays this long behind and ahead of the detections that show it.
    pub hold: Duration,
}

impl Default for RedactConfig {
    fn default() -> Self {
        Self {
            classes: Vec::new(),
            style: RedactStyle::Black,
            margin: 0.15,
            hold: Duration::from_secs(1),
        }
    }
}
