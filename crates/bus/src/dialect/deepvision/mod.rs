//! The streams of `DeepVision`, a tracker with its viewer around a Redis.
//!
//! `camera:0` holds pictures (`frameId`, `image`: a pickled numpy array of blue, green and
//! red), `camera:0:mot` what was tracked in them (`refId`, `tracking`: JSON), time series
//! ([`Writer`] says which) how it goes, and `ONA_DISPLAY` what other programs want to have
//! written into the picture. Read and written; a pickle is only ever read as a picture
//! ([`pickle`]).

mod entries;
mod inlet;
mod messages;
mod outlet;
pub mod pickle;
mod series;
mod status;
mod tracking;

pub use inlet::Reader;
pub use messages::{Messages, Note, STREAM as MESSAGE_STREAM, parse as parse_message};
pub use outlet::{Reference, Settings, USUAL_KEEP, Writer};

/// Notes what is left out of a stream, or was in it and can't be used.
fn note_left_out(stream: &str, reason: &'static str, count: u64) {
    tracing::debug!(stream, reason, count, "left out");
}
