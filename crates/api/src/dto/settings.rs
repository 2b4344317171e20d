//! A camera's settings, for the description: what a camera in the configuration file may hold.
//!
//! These types describe and are never filled: settings go to the engine as they came, so that
//! it checks them like the file and its complaints name the key. A test holds both together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A camera's settings: the same as a camera's in the configuration file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CameraSettings)]
pub struct CameraSettingsDto {
    /// Where its stream comes from: `rtsp://`, `rtmp://`, `http://`, a file, a device like
    /// `/dev/video0`, or `sim:street`.
    #[schema(example = "rtsp://viewer:secret@192.0.2.10/stream1")]
    pub url: String,
    /// A second, smaller stream of the same camera, for the detector alone.
    #[schema(example = "rtsp://viewer:secret@192.0.2.10/stream2")]
    pub detect_url: Option<String>,
    /// How RTSP carries its packets: `auto` (the default), `tcp` or `udp`.
    #[schema(example = "tcp")]
    pub transport: Option<String>,
    /// Whether a file starts again at its end.
    #[serde(rename = "loop")]
    #[schema(example = false)]
    pub looped: Option<bool>,
    /// Whether it is not to be read for the time being.
    #[schema(example = false)]
    pub paused: Option<bool>,
    /// Whether sound is recorded and passed on; true if left out.
    #[schema(example = true)]
    pub audio: Option<bool>,
    /// Silence that counts as stalled.
    #[schema(example = "5s")]
    pub stall: Option<String>,
    /// Bound of the ring of recent packets in bytes, `8MB` if left out.
    #[schema(example = "8MB")]
    pub ring: Option<String>,
    /// Bound of the ring in time, `30s` if left out.
    #[schema(example = "30s")]
    pub history: Option<String>,
    /// What decodes.
    pub decode: Option<DecodeSettingsDto>,
    /// What looks at its pictures; nothing if left out.
    pub detect: Option<DetectSettingsDto>,
    /// What of its footage is kept; nothing if left out.
    pub record: Option<RecordSettingsDto>,
    /// Where its stream is passed on to; nowhere if left out.
    pub pass_through: Option<PassThroughSettingsDto>,
    /// What of its pictures goes onto the bus, in place of what holds for all cameras.
    pub frames: Option<FramesSettingsDto>,
    /// What is hidden where its `url` is `redacted:` and another camera.
    pub redact: Option<RedactSettingsDto>,
    /// Lines whose crossings are counted, by name.
    pub lines: Option<BTreeMap<String, LineSettingsDto>>,
    /// Zones whose visits are counted, by name.
    pub zones: Option<BTreeMap<String, ZoneSettingsDto>>,
}

/// What decodes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DecodeSettings)]
pub struct DecodeSettingsDto {
    /// What helps the processor: `none` (the default), `auto`, `vaapi` or `cuda`.
    #[schema(example = "auto")]
    pub hardware: Option<String>,
}

/// What looks at a camera's pictures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DetectSettings)]
pub struct DetectSettingsDto {
    /// `motion`, or a name under `models` in the configuration file.
    #[schema(example = "motion")]
    pub model: String,
    /// Pictures a second, `all` or `keyframes`; 5 if left out.
    #[schema(value_type = Option<Object>, example = 5)]
    pub fps: Option<serde_json::Value>,
    /// Classes to keep; all if left out.
    #[schema(example = json!([]))]
    pub classes: Option<Vec<String>>,
    /// Detections below this score are not looked at, 0 to 1.
    #[schema(example = 0.1)]
    pub min_score: Option<f32>,
    /// Score from which a detection may start a track, 0 to 1.
    #[schema(example = 0.5)]
    pub start_score: Option<f32>,
    /// `motion`: the model rests while nothing moves. `none` if left out.
    #[schema(example = "none")]
    pub gate: Option<String>,
}

/// What of a camera's footage is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordSettings)]
pub struct RecordSettingsDto {
    /// `off`, `always`, or `events`: around its events.
    #[schema(example = "always")]
    pub mode: String,
    /// Length of a file, `1s` to `60min`, or `gop`: a group of pictures. `60s` if left out.
    #[schema(example = "60s")]
    pub segment: Option<String>,
    /// With `events`: how much before an event is kept. `5s` if left out.
    #[schema(example = "5s")]
    pub before: Option<String>,
    /// With `events`: how much after the last event is kept. `10s` if left out.
    #[schema(example = "10s")]
    pub after: Option<String>,
    /// Age at which footage goes; it stays while there is room if left out.
    #[schema(example = "7d")]
    pub keep: Option<String>,
    /// Room that its footage may take.
    #[schema(example = "20GB")]
    pub max_size: Option<String>,
}

/// Where a camera's stream is passed on to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PassThroughSettings)]
pub struct PassThroughSettingsDto {
    /// An `rtmp://` or `rtmps://` address.
    #[schema(example = "rtmp://192.0.2.20/live/entrance")]
    pub url: String,
    /// Whether it begins with the camera, not only when somebody asks.
    #[schema(example = false)]
    pub start: Option<bool>,
}

/// What of a camera's pictures goes onto the bus.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FramesSettings)]
pub struct FramesSettingsDto {
    /// `packets`: as the camera sends them; `jpeg`; or `none`.
    #[schema(example = "jpeg")]
    pub form: String,
    /// Of JPEG, 1 to 100; 80 if left out.
    #[schema(example = 80)]
    pub quality: Option<u8>,
    /// JPEGs a second at most, 1 to 60; 10 if left out.
    #[schema(example = 10)]
    pub fps: Option<u8>,
}

/// What is hidden.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RedactSettings)]
pub struct RedactSettingsDto {
    /// Classes that are hidden; everything that is found if left out.
    #[schema(example = json!(["person"]))]
    pub classes: Option<Vec<String>>,
    /// `black` (the default), `blur` or `pixelate`.
    #[schema(example = "blur")]
    pub style: Option<String>,
    /// Boxes grow by this part of their size on each side, 0 to 2; 0.15 if left out.
    #[schema(example = 0.15)]
    pub margin: Option<f32>,
    /// How long before and after it was found something stays hidden; `1s` if left out.
    #[schema(example = "1s")]
    pub hold: Option<String>,
}

/// A line whose crossings are counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LineSettings)]
pub struct LineSettingsDto {
    /// Where its arrow begins: x, y.
    #[schema(example = json!([0.1, 0.5]))]
    pub from: [f32; 2],
    /// Where its arrow ends: x, y.
    #[schema(example = json!([0.9, 0.5]))]
    pub to: [f32; 2],
    /// Classes that count; all if left out.
    #[schema(example = json!([]))]
    pub classes: Option<Vec<String>>,
    /// The point of a box that counts: `foot` (the default) or `center`.
    #[schema(example = "foot")]
    pub anchor: Option<String>,
}

/// A zone whose visits are counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ZoneSettings)]
pub struct ZoneSettingsDto {
    /// Its corners: x, y.
    #[schema(example = json!([[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]))]
    pub polygon: Vec<[f32; 2]>,
    /// Classes that count; all if left out.
    #[schema(example = json!([]))]
    pub classes: Option<Vec<String>>,
    /// The point of a box that counts: `foot` (the default) or `center`.
    #[schema(example = "foot")]
    pub anchor: Option<String>,
    /// A visit longer than this raises `zone_dwelled`.
    #[schema(example = "10s")]
    pub dwell: Option<String>,
}

/// A camera to add: its name, and its settings beside it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewCamera)]
pub struct NewCameraDto {
    /// Its name: 1 to 64 of A-Z a-z 0-9 _ -.
    #[schema(example = "entrance")]
    pub name: String,
    /// Its settings.
    #[serde(flatten)]
    pub settings: CameraSettingsDto,
}

/// How a camera's stream is to be passed on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PassThroughChange)]
pub struct PassThroughChangeDto {
    /// An `rtmp://` or `rtmps://` address; the one that is there if left out.
    #[schema(example = "rtmp://192.0.2.20/live/entrance")]
    pub url: Option<String>,
    /// Whether it runs; true if left out.
    pub on: Option<bool>,
}

/// How passing on a camera's stream does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PassThrough)]
pub struct PassThroughDto {
    /// Where to, without what lets somebody send there.
    #[schema(example = "rtmp://192.0.2.20/live/***")]
    pub url: String,
    /// Whether it is to run.
    pub on: bool,
    /// `off`, `connecting`, `streaming`, or `offline`: the server is away or refuses, and is
    /// tried again.
    #[schema(example = "streaming")]
    pub state: &'static str,
    /// Why it is in this state; empty while all is well.
    pub reason: String,
    /// Since when it is in this state.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub since: String,
    /// The same in milliseconds since 1970.
    pub since_ms: i64,
    /// Packets that went out since it was started.
    pub packets: u64,
    /// Packets left out because the server was too slow.
    pub dropped: u64,
}
