//! What others may have of a camera: its packets, its pictures, or pictures of its past.

mod history;
mod packets;
mod pictures;

pub use history::HistoryFeed;
pub use packets::{PacketFeed, Parcel, Preroll, Waited};
pub use pictures::PictureFeed;
