//! What a camera sends, looked at before it is added; and what cameras there are around.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ErrorDetail;

/// What is to be looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProbeQuestion)]
pub struct ProbeQuestionDto {
    /// The address: what a camera's `url` may be, but for other cameras and the bus.
    #[schema(example = "rtsp://viewer:secret@192.0.2.10/stream1")]
    pub source: String,
    /// How long to watch: 1 to 20; 5 if left out.
    #[schema(example = 5.0)]
    pub seconds: Option<f64>,
    /// The camera whose secret `***` stands for in `source`.
    #[schema(example = "entrance")]
    pub camera: Option<String>,
    /// How RTSP carries its packets: `auto` (the default), `tcp` or `udp`.
    #[schema(example = "tcp")]
    pub transport: Option<String>,
    /// Silence that counts as stalled.
    #[schema(example = "5s")]
    pub stall: Option<String>,
}

/// What was seen.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Probe)]
pub struct ProbeDto {
    /// Whether pictures come from there.
    pub online: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorDetail>,
    /// What the pictures are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<ProbedVideoDto>,
    /// What the sound is like, where there is some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<ProbedAudioDto>,
    /// What to know about it and to change, the worst first.
    pub findings: Vec<FindingDto>,
    /// The first picture as a JPEG in base64, at most 960 wide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// What pictures are like.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProbedVideo)]
pub struct ProbedVideoDto {
    /// `h264`, `hevc`, `mjpeg`, ….
    #[schema(example = "h264")]
    pub codec: &'static str,
    /// Columns, where they are announced.
    #[schema(example = 1920)]
    pub width: Option<u32>,
    /// Rows.
    #[schema(example = 1080)]
    pub height: Option<u32>,
    /// Pictures a second by their time stamps.
    #[schema(example = 25.0)]
    pub fps: Option<f64>,
    /// Pictures a second as the camera announces them.
    #[schema(example = 25.0)]
    pub fps_announced: Option<f64>,
    /// The longest way from one keyframe to the next.
    #[schema(example = 2000.0)]
    pub keyframe_interval_ms: f64,
    /// Whether the next keyframe did not come while watching, so that the way is longer.
    pub keyframe_at_least: bool,
    /// Bits a second on average.
    #[schema(example = 4_000_000)]
    pub bitrate: u64,
    /// Bits in the fullest second.
    #[schema(example = 5_000_000)]
    pub bitrate_peak: u64,
    /// Whether pictures are decoded in another order than shown.
    pub b_frames: bool,
    /// From the attempt to open it to the first picture that can be decoded.
    #[schema(example = 350.0)]
    pub first_picture_ms: f64,
    /// How late pictures come, 95 of 100; for what is live.
    #[schema(example = 4.0)]
    pub jitter_ms: Option<f64>,
    /// Whose clock tells the pictures' time: `camera`, or `arrival` at this machine.
    #[schema(example = "camera")]
    pub clock: &'static str,
}

/// What sound is like.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProbedAudio)]
pub struct ProbedAudioDto {
    /// `aac`, `pcm_alaw`, ….
    #[schema(example = "aac")]
    pub codec: &'static str,
    /// Samples a second.
    #[schema(example = 48000)]
    pub sample_rate: u32,
    /// Channels.
    #[schema(example = 1)]
    pub channels: u32,
    /// Bits a second; none where sound is announced and none came.
    pub bitrate: Option<u64>,
}

/// One thing to know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingDto {
    /// `warn`: it will not work as wished; `info`: it could be better.
    #[schema(example = "info")]
    pub level: &'static str,
    /// What was found.
    #[schema(example = "it sends B-frames, which delay each picture by a few others")]
    pub message: String,
    /// What to do about it.
    #[schema(example = "switch them off, or set the profile to Baseline")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How to look for cameras.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiscoverParams {
    /// How long to wait for answers: 1 to 10; 3 if left out.
    pub seconds: Option<f64>,
    /// An IPv4 network whose RTSP ports are looked at, like `192.0.2.0/24`; those that this
    /// machine is in if left out. At most 1024 addresses, in all.
    pub network: Option<String>,
}

/// What was found around.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Devices)]
pub struct DevicesDto {
    /// By address.
    pub devices: Vec<DeviceDto>,
    /// What was not looked at, for people.
    pub notes: Vec<String>,
}

/// Something that may be a camera.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceDto {
    /// Its address, with the port where that is not the usual one.
    #[schema(example = "192.0.2.10")]
    pub address: String,
    /// What it calls itself.
    #[schema(example = "IPC-2000")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `onvif`: it said so itself; `rtsp`: it speaks RTSP.
    #[schema(example = "onvif")]
    pub kind: &'static str,
    /// Addresses to try as a camera's `url`, the largest picture first. What a device tells only
    /// to those who know its password is not among them: there it is where it listens.
    #[schema(example = json!(["rtsp://192.0.2.10:554/stream1"]))]
    pub sources: Vec<String>,
    /// The camera that is read from there already; as far as the caller may see it.
    #[schema(example = "entrance")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}
