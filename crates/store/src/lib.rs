//! What outlives the program, on disk.
//!
//! This crate exists so that what happened survives a restart, and can be asked for: by
//! camera, rule, class and time, page by page, or as counts in buckets of time. It also holds
//! the index of recordings, what waits to be delivered, what was changed about cameras at run
//! time, users with their sessions and tokens, who did what, and what people say of events. It knows
//! SQLite and nothing of how any of it comes about.
//!
//! Invariants:
//! - One [`Store::append`] is one transaction: its events, their sequence numbers and their
//!   counts are all there after a crash, or none of them is.
//! - A sequence number that was handed out is never given to another event, not even after a
//!   power cut: a reader that stands at number `n` has everything up to `n`.
//! - Appending an event a second time changes nothing.
//! - Counts stay when events are forgotten. Counts by hour and by day are the sums of those by
//!   minute at the end of every transaction.
//! - What [`Store::enqueue`] has accepted stays until it is acknowledged or buried, in order.
//! - A sink's cursor moves only when it is told to, and only from where it stood.
//! - There is always an administrator who is not disabled, once there is a user.
//! - Only the file's owner may read it: cameras' passwords are in it.

mod audit;
mod backfill;
mod changes;
mod counts;
mod error;
mod forgotten;
mod group;
mod outbox;
mod private;
mod query;
mod reviews;
mod row;
mod schema;
mod segments;
mod sessions;
mod sinks;
mod store;
mod tracks;
mod users;
mod verdicts;

pub use audit::{AuditEntry, AuditQuery, MAX_AUDIT, StoredAuditEntry};
pub use backfill::Backfill;
pub use changes::CameraChange;
pub use error::StoreError;
pub use outbox::{DeadItem, MAX_DEAD, OutboxItem};
pub use query::{
    Bucket, CountQuery, CountRow, EventPage, EventQuery, MAX_COUNT_ROWS, MAX_PAGE, Order,
    StoredEvent,
};
pub use reviews::{EventMark, MAX_REVIEWS, NewReview, Review, Reviewing};
pub use segments::{NewSegment, Segment, SegmentQuery};
pub use sessions::{MAX_SESSIONS, MAX_TOKENS, NewSession, NewUserToken, Session, UserToken};
pub use sinks::DeadEvent;
pub use store::Store;
pub use tracks::{NewTracks, StoredTracks, TrackVolume};
pub use users::{Role, User, UserChange, UserSettings};
pub use verdicts::{Interval, Precision, Verdict};
