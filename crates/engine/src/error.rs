//! What can go wrong when the rooms are joined.

use std::sync::Arc;

use omma_types::ErrorKind;

/// A failure of the engine as a whole, or of what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No camera has this name.
    #[error("no camera is called `{name}`; there are: {}", list(.known))]
    NoCamera {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No sink has this name.
    #[error("no sink is called `{name}`; there are: {}", list(.known))]
    NoSink {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No line or zone of the camera has this name.
    #[error("no line or zone is called `{name}`; there are: {}", list(.known))]
    NoRule {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Where everybody went is not kept.
    #[error("tracks are not kept; set `tracks.keep`, e.g. to 30d, and start again")]
    NoTracks,
    /// Too many look at stored tracks.
    #[error("others are looking at stored tracks; try again in a minute, or ask for less time")]
    TracksBusy,
    /// A span of time can't be looked at.
    #[error("this span of time can't be counted: {reason}")]
    Span {
        /// Why, and what to do.
        reason: String,
    },
    /// The past would count twice.
    #[error(
        "`{rule}` has counted live since {first}, and what it counts later would count twice; \
         count up to then, or give the line another name"
    )]
    CountedLive {
        /// The line or zone.
        rule: String,
        /// When it counted first, of the time that was asked for.
        first: omma_types::WallTime,
    },
    /// A camera gave no picture in time.
    #[error("camera `{camera}` gave no picture: it is {state}{}", because(.reason))]
    NoPicture {
        /// The camera.
        camera: String,
        /// Its state.
        state: &'static str,
        /// Why it is in this state.
        reason: String,
    },
    /// A camera sends packets, but no news.
    #[error("camera `{camera}` repeats the same pictures; opening it again")]
    Frozen {
        /// The camera.
        camera: String,
    },
    /// A source can't be understood.
    #[error("camera `{camera}`: {reason}")]
    Source {
        /// The camera.
        camera: String,
        /// What is wrong with its `url`.
        reason: String,
    },
    /// Settings are not as they must be.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A camera of this name is there already.
    #[error("there is a camera `{name}` already; change that one, or choose another name")]
    Exists {
        /// The name.
        name: String,
    },
    /// Somebody else was quicker.
    #[error("camera `{name}` was changed meanwhile; read its settings again, and change those")]
    Changed {
        /// The name.
        name: String,
    },
    /// Cameras can't be changed in one of several processes that share them.
    #[error(
        "camera `{camera}` is shared by several processes, which would not know of the change; \
         change the configuration file of all of them"
    )]
    Shared {
        /// The camera.
        camera: String,
    },
    /// A camera's stream can't be passed on.
    #[error("camera `{camera}` has no address to pass its stream on to; set `pass_through.url`")]
    NoPassThrough {
        /// The camera.
        camera: String,
    },
    /// A camera is fetched by Omma itself.
    #[error(
        "camera `{camera}` is fetched from its address; only one whose address is `whip://` takes \
         what somebody sends"
    )]
    NotSent {
        /// The camera.
        camera: String,
    },
    /// A video could not be read or written.
    #[error(transparent)]
    Media(#[from] omma_media::MediaError),
    /// A model can't be used. Shared: every camera that wants it gets the same answer.
    #[error(transparent)]
    Infer(#[from] Arc<omma_infer::InferError>),
    /// A detector that is a program of the user's own was asked for a clip.
    #[error(
        "`{model}` is a program on the bus, which looks at live cameras alone; name a model that \
         Omma runs itself (`omma models list`)"
    )]
    LiveOnly {
        /// The detector's name in the configuration.
        model: String,
    },
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] omma_store::StoreError),
    /// A system that is to be told can't be.
    #[error(transparent)]
    Bus(#[from] omma_bus::BusError),
    /// Two rules of a camera can't stand beside each other.
    #[error("camera `{camera}`: {source}")]
    Rule {
        /// The camera.
        camera: String,
        /// What is wrong.
        source: omma_rules::RuleError,
    },
    /// Classes were asked of the motion detector.
    #[error(
        "the motion detector cannot tell `{class}` from anything else; choose a model, e.g. yolox-nano"
    )]
    MotionHasNoClasses {
        /// The first class that was asked for.
        class: String,
    },
    /// A video holds no picture that could be decoded.
    #[error(
        "{video}: it holds no picture that could be decoded; is it a damaged or unfinished file?"
    )]
    NoFrames {
        /// The video.
        video: String,
    },
    /// Something can't be hidden in a video as was asked for.
    #[error("`{class}` cannot be hidden: {reason}")]
    Redaction {
        /// The class.
        class: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Its answer.
        source: std::io::Error,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

impl EngineError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoCamera { .. } | Self::NoSink { .. } | Self::NoRule { .. } => {
                ErrorKind::NotFound
            }
            Self::NoPicture { .. } | Self::Frozen { .. } => ErrorKind::Timeout,
            Self::Source { .. } | Self::MotionHasNoClasses { .. } | Self::Redaction { .. } => {
                ErrorKind::Invalid
            }
            Self::Exists { .. }
            | Self::Shared { .. }
            | Self::CountedLive { .. }
            | Self::TracksBusy => ErrorKind::Busy,
            Self::Changed { .. } => ErrorKind::Conflict,
            Self::NoTracks | Self::Span { .. } => ErrorKind::Invalid,
            Self::NoPassThrough { .. } | Self::LiveOnly { .. } | Self::NotSent { .. } => {
                ErrorKind::Invalid
            }
            Self::Config(error) => error.kind(),
            Self::Rule { source, .. } => source.kind(),
            Self::NoFrames { .. } => ErrorKind::Corrupt,
            Self::Media(error) => error.kind(),
            Self::Infer(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Bus(error) => error.kind(),
            Self::System { .. } => ErrorKind::Internal,
        }
    }
}
