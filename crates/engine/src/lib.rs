//! The engine joins the rooms: it turns a configuration into running cameras, detectors and
//! rules, keeps them alive, and lets others look.
//!
//! - [`Config`]: what should run, checked.
//! - [`Engine`] and [`Handle`]: what runs, and the way to it.
//! - [`analyze`]: the same stages over a finished video, as fast as the machine allows.
//!
//! It knows no HTTP and no wire format. Time in its logic is an argument; the clock is read
//! where packets arrive.

mod analyst;
pub mod analyze;
pub mod annotations;
mod backoff;
mod bus;
mod camera;
mod catalog;
pub mod cluster;
pub mod config;
mod demand;
mod derive;
pub mod discover;
mod error;
mod feed;
mod forgetting;
mod handle;
mod input;
mod live;
mod models;
mod overlay;
mod pacer;
mod pass_through;
mod pipeline;
mod pool;
mod probe;
mod publish;
mod record;
mod redacted;
mod remote;
mod scene;
mod schedule;
mod sent;
mod shared;
pub mod sinks;
mod snapshot;
mod source;
mod status;
mod stream;
mod telemetry;
mod topology;
mod totals;
pub mod tracks;
mod waiting;
mod writer;

pub use catalog::{CatalogError, ModelState, ModelStatus};
pub use config::{CameraConfig, Config, ConfigError};
pub use error::EngineError;
pub use feed::{HistoryFeed, PacketFeed, Parcel, PictureFeed, Preroll, Waited};
pub use handle::Handle;
pub use live::LiveView;
pub use models::Models;
pub use overlay::overlaid;
pub use pass_through::{PassThroughState, PassThroughStatus};
pub use pipeline::{Pipeline, SavedError};
pub use probe::{Probe, probe};
pub use publish::{PageView, PublicationState, PublicationStatus};
pub use record::{
    CheckReport, Finding, Footage, FootageError, FootageList, FootageRange, FootageReader,
    RecordingStatus, Recordings, Timeline, Trouble,
};
pub use redacted::{RedactedFilm, RedactionError};
pub use sent::PacketSender;
pub use snapshot::jpeg;
pub use status::{
    CameraState, CameraStatus, DetectorStatus, FrameCounts, JpegFrame, LineTotals, Message,
    StreamStatus, Totals, ViewOptions, ZoneTotals,
};
pub use stream::RingReport;
pub use telemetry::{PortMetrics, Refused, ViewerDrop, ViewerMetrics, ViewerRefusal};
pub use topology::Engine;
