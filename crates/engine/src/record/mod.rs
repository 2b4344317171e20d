//! Recording: what cameras send, kept on disk without transcoding, as fragmented MP4 that
//! plays while it grows and after any kind of end.
//!
//! The way of a packet: camera → `recorder` (a thread a camera) → `tape` (which file, which
//! fragment; decided by the pure `segment`) → file. The store holds an index of the files, so
//! that ranges are found without looking at the disk; files are the truth, and `check` makes
//! the index agree with them after a crash. `upkeep` removes what is too old or too much.

mod check;
mod disk;
mod error;
mod export;
mod index;
mod library;
mod name;
mod playlist;
mod ranges;
mod recorder;
mod recordings;
mod retention;
mod scan;
mod segment;
mod state;
mod tape;
#[cfg(test)]
mod tests;
mod upkeep;
mod window;

pub use check::{CheckReport, Finding, Trouble};
pub use error::FootageError;
pub use export::{Footage, FootageList, FootageReader};
pub(crate) use library::Library;
pub use ranges::{FootageRange, Timeline};
pub(crate) use recorder::Recorder;
pub use recordings::Recordings;
pub use state::RecordingStatus;
pub(crate) use upkeep::Upkeep;
