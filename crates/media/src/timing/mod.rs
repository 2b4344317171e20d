//! Where pictures and sound come to lie in a file or a stream that is made of packets, and
//! sound in a form that players take.

mod sound;
mod timeline;

pub(crate) use sound::Sound;
pub(crate) use timeline::{VIDEO_SCALE, VideoTimes};

/// A sample's place in its track, in the track's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) dts: i64,
    /// From decoding to showing; may be negative.
    pub(crate) cts: i32,
    pub(crate) size: u32,
    /// For the last sample of a fragment; the others last until the next begins.
    pub(crate) duration: u32,
    /// Whether decoding can start here.
    pub(crate) is_sync: bool,
}
