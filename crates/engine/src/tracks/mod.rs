//! Where everybody went, kept: so that a line that is drawn today can count last week, and a
//! map can show where people walk.
//!
//! - [`encode`] and [`decode`]: some seconds of tracks as few bytes.
//! - [`Replay`]: lines and zones over what was stored, by the code that counts live.
//! - [`Heat`]: where people walked.
//!
//! Live, each camera's analyses go through a log into a bounded queue, and from there into the
//! store (`log.rs`, `keeper.rs`).

mod bytes;
mod chunk;
mod heat;
mod keeper;
mod log;
mod past;
mod replay;
mod thin;

pub use chunk::{
    BadChunk, EXTENT_ERROR, Encoded, MAX_BOXES, MAX_PICTURES, Moment, PLACE_ERROR, decode, encode,
};
pub use heat::Heat;
pub use past::{Backfilled, Preview, Tally};
pub use replay::Replay;

pub(crate) use keeper::Keeper;
pub(crate) use log::Log;
