//! Events and counts on disk.
//!
//! This crate exists so that what happened survives a restart, and can be asked for: by
//! camera, rule, class and time, page by page, or as counts in buckets of time. It knows
//! SQLite and nothing of how events come about.
//!
//! Invariants:
//! - One [`Store::append`] is one transaction: its events, their sequence numbers and their
//!   counts are all there after a crash, or none of them is.
//! - A sequence number that was handed out is never given to another event, not even after a
//!   power cut: a reader that stands at number `n` has everything up to `n`.
//! - Appending an event a second time changes nothing.
//! - Counts stay when events are forgotten.

mod error;
mod query;
mod row;
mod schema;
mod store;

pub use error::StoreError;
pub use query::{
    Bucket, CountQuery, CountRow, EventPage, EventQuery, MAX_COUNT_ROWS, MAX_PAGE, Order,
    StoredEvent,
};
pub use store::Store;
