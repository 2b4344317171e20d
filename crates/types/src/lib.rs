//! The vocabulary of Omma: the few types that every room shares.
//!
//! This crate exists so that rooms can speak of cameras, times, boxes, tracks and events
//! without knowing each other. It knows no runtime, no foreign library and no wire format:
//! conversions to JSON, protobuf or SQL live at the edges that need them.
//!
//! Coordinates are fractions of the picture: x runs right, y runs down, (0, 0) is the top
//! left corner, (1, 1) the bottom right one. A box keeps its meaning when a camera changes
//! its resolution, and one zone serves the main and the sub stream.

mod analysis;
mod detection;
mod error;
mod event;
mod geometry;
mod id;
mod secret;
mod time;
mod track;

pub use analysis::{Analysis, FrameStamp, Stage, StageTimings, WallSource};
pub use detection::{ClassName, Detection};
pub use error::ErrorKind;
pub use event::{Direction, Event, EventKind};
pub use geometry::{Point, Rect, Size};
pub use id::{CameraId, EventId, EventIds, InvalidName, TrackId};
pub use secret::{Secret, redact_text, redact_url};
pub use time::{Clock, MediaTime, NotATime, SystemClock, WallTime};
pub use track::{Track, TrackState};
