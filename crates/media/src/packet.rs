//! What every source yields: compressed packets and the facts about their stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_types::{MediaTime, Size, WallSource, WallTime};
use sha2::{Digest as _, Sha256};

use crate::av::{AvPacket, CodecParameters};

/// What a packet holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Medium {
    /// A picture.
    #[default]
    Video,
    /// Sound.
    Audio,
}

/// Facts about the sound beside a video stream.
#[derive(Clone, Debug)]
pub struct AudioInfo {
    /// FFmpeg's name of the codec, e.g. `aac`.
    pub codec: &'static str,
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 for mono, 2 for stereo.
    pub channels: u32,
    /// Only where packets of sound are read.
    pub(crate) parameters: Option<Arc<CodecParameters>>,
}

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
    /// The sound beside the pictures, if there is any. Its packets are read only where
    /// [`crate::SourceSpec::with_audio`] asks for them.
    pub audio: Option<AudioInfo>,
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

    /// FFmpeg's name of the pictures' format, e.g. `yuv420p`, where the header tells it.
    pub fn pixel_format(&self) -> Option<&'static str> {
        self.parameters.pixel_format()
    }

    /// FFmpeg's name of the codec for people, e.g. `H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10`.
    pub fn codec_long_name(&self) -> &'static str {
        self.parameters.codec_long_name()
    }

    /// 16 hexadecimal digits over all that must not change within one file: codec, its
    /// header, size, and the same of the sound where its packets are read. Packets of streams
    /// with equal fingerprints can follow each other in one file.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        let size = self.size.unwrap_or_default();
        add(self.codec.as_bytes());
        add(self.extradata());
        add(&size.width.to_le_bytes());
        add(&size.height.to_le_bytes());
        if let Some(audio) = &self.audio
            && let Some(parameters) = &audio.parameters
        {
            add(audio.codec.as_bytes());
            add(parameters.extradata());
            add(&audio.sample_rate.to_le_bytes());
            add(&audio.channels.to_le_bytes());
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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

/// One compressed picture (or, with fields, half of one), or a piece of sound. Clones share
/// the data.
#[derive(Clone, Debug)]
pub struct Packet {
    /// What it holds. Only video, unless sound was asked for.
    pub medium: Medium,
    /// Number of the packet in its stream (pictures and sound are counted apart), from 0, in
    /// the order of decoding. A packet that a film's edit list hides (decoded, never shown)
    /// has the number of the next shown one.
    pub seq: u64,
    /// When it is shown or heard. Pictures and sound share the clock, whose zero is near the
    /// first picture. Never goes back to the start where a file loops.
    pub pts: MediaTime,
    /// When it is decoded; `pts` where the stream does not tell. Not to be relied on: many
    /// streams with B-frames (RTP, Matroska) tell it of some packets only.
    pub dts: MediaTime,
    /// How long it is shown or heard; for pictures often an estimate.
    pub duration: Duration,
    /// Whether decoding of pictures can start here; false for sound.
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
    /// Whether it is a picture's.
    pub fn is_video(&self) -> bool {
        self.medium == Medium::Video
    }

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
