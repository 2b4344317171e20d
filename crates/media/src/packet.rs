//! What every source yields: compressed packets and the facts about their stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_types::{MediaTime, Size, WallSource, WallTime};

use crate::av::{AvPacket, CodecParameters};

/// Facts about a video stream.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// FFmpeg's name of the codec, e.g. `h264`.
    pub codec: &'static str,
    /// Size of the pictures in pixels, where known before the first one is decoded. A stream
    /// may change it at any time; [`crate::Picture`] has the size that counts.
    pub size: Option<Size>,
    /// Pictures a second, where the stream says so. Cameras lie; time stamps count.
    pub frame_rate: Option<f64>,
    /// Seconds a tick of the packets' time stamps, as numerator and denominator.
    pub time_base: (i32, i32),
    /// Whether there is sound beside the pictures. It is not read.
    pub has_audio: bool,
    /// Length, where there is an end.
    pub duration: Option<Duration>,
    /// Number of pictures, where the container counts them.
    pub frames: Option<u64>,
    /// The container or protocol in FFmpeg's words, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    pub(crate) parameters: Arc<CodecParameters>,
}

impl StreamInfo {
    /// The codec's header as containers keep it (H.264: SPS and PPS); empty where the packets
    /// carry all.
    pub fn extradata(&self) -> &[u8] {
        self.parameters.extradata()
    }

    /// Number of pictures for a progress bar: counted by the container, or else from length
    /// and frame rate.
    pub fn expected_frames(&self) -> Option<u64> {
        self.frames.or_else(|| {
            let frames = self.duration?.as_secs_f64() * self.frame_rate?;
            (frames >= 1.0).then_some(frames.round() as u64)
        })
    }
}

/// One compressed picture (or, with fields, half of one). Clones share the data.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Number of the packet in its stream, from 0, in the order of decoding. A packet that a
    /// film's edit list hides (decoded, never shown) has the number of the next shown one.
    pub seq: u64,
    /// When its picture is shown. Never goes back to the start where a file loops.
    pub pts: MediaTime,
    /// Whether decoding can start here.
    pub keyframe: bool,
    /// When it arrived here. Of a paced source: when it was due.
    pub arrival: Instant,
    /// When its picture was taken: by the camera's clock or by arrival. For a file read
    /// without pacing: the moment at which the file was opened plus its media time.
    pub wall: WallTime,
    /// How `wall` is known.
    pub wall_source: WallSource,
    /// Whether `pts` is the stream's own word. Without it (raw H.264 files) pictures must be
    /// put in order by decoding alone.
    pub(crate) pts_is_known: bool,
    pub(crate) data: Arc<AvPacket>,
}

impl Packet {
    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.data.data().len()
    }

    /// Whether it holds no data, only side information.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The compressed data.
    pub fn data(&self) -> &[u8] {
        self.data.data()
    }
}
