//! The keys of video-edge-ai-proxy in Redis, between its server and the workers of its cameras.
//!
//! ```text
//! <device>                    stream of decoded pictures, while somebody asks for them
//! last_access_time_<device>   hash whose `last_query` says when somebody asked last
//! is_key_frame_only_<device>  whether only keyframes are wanted
//! in_memory_queue_<device>    stream of compressed packets
//! memory_iframe_list_<device> stream with an entry before each keyframe of those
//! codec_video_info<device>    what the packets are of
//! memory_buffer_channel       channel on which pictures of the past are asked for
//! memory_decoded_<device><id> stream of these, until an empty one
//! ```

mod live;
mod packets;
mod past;
mod reader;
mod wire;

pub use live::Live;
pub use packets::Packets;
pub use past::{PastAnswer, PastRequest, PastRequests};
pub use reader::Reader;

/// Pictures that the live stream keeps where nothing else is said.
const KEEP: u64 = 10;

/// Nobody is there who asked longer ago than this, in milliseconds.
const FRESH_MILLIS: i64 = 10_000;

fn last_access(device: &str) -> String {
    format!("last_access_time_{device}")
}
