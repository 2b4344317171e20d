//! A picture on its way over a bus, in whatever dialect.

use std::time::Duration;

use bytes::Bytes;
use omma_types::{FrameStamp, MediaTime};

/// How a picture's data is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameForm {
    /// A JPEG file.
    Jpeg,
    /// Rows from top to bottom without padding, three bytes a pixel: blue, green, red. The
    /// stamp's size is that of the data.
    Bgr,
    /// A packet as the camera sent it.
    Packet(PacketForm),
}

/// What a packet is one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketForm {
    /// FFmpeg's name of the codec, e.g. `h264`.
    pub codec: String,
    /// The codec's header as containers keep it. With every keyframe, so that a reader may
    /// begin there; may be empty elsewhere, and where the packets carry all.
    pub extradata: Bytes,
    /// When it is to be decoded; packets come in this order.
    pub decode: MediaTime,
    /// How long it is shown, zero where that is not known.
    pub duration: Duration,
}

/// A picture on its way over a bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The camera.
    pub camera: String,
    /// Which picture, and when. A size of 0 x 0 is not known.
    pub stamp: FrameStamp,
    /// How `data` is to be read.
    pub form: FrameForm,
    /// Whether decoding can begin here; always, unless it is a packet.
    pub keyframe: bool,
    /// Whether a stream begins here: `stamp.seq` and `stamp.media` have no relation to those
    /// before.
    pub stream_start: bool,
    /// The picture. Shared, not copied.
    pub data: Bytes,
}
