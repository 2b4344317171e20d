//! Recording: what cameras send, kept on disk without transcoding, as fragmented MP4 that
//! plays while it grows and after any kind of end.
//!
//! The way of a packet: camera → `recorder` (a thread a camera) → `tape` (which file, which
//! fragment; decided by the pure `segment`) → file. The store holds an index of the files, so
//! that ranges are found without looking at the disk; files are the truth, and `check` makes
//! the index agree with them after a crash. `upkeep` removes what is too old or too much.

mod error;
mod export;
mod name;
mod playlist;
mod ranges;
mod recordings;
mod retention;
mod scan;
mod segment;
mod window;

pub use error::FootageError;
pub use export::{Footage, FootageList, FootageReader};
pub use ranges::{FootageRange, Timeline};
pub use recordings::Recordings;
