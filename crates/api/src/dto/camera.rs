//! Cameras: state, stream, rules and what these have counted.

use omma_engine::{CameraStatus, Handle, LineTotals, RecordingStatus, Totals, ZoneTotals};
use omma_rules::{Anchor, Line, Zone};
use omma_types::{ClassName, Point};
use serde::Serialize;
use utoipa::ToSchema;

use super::millis;

/// All cameras.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cameras)]
pub struct CamerasDto {
    /// In the order of their names.
    pub cameras: Vec<CameraDto>,
}

/// A camera as of now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Camera)]
pub struct CameraDto {
    /// Its name, as in the configuration.
    #[schema(example = "entrance")]
    pub name: String,
    /// `connecting`, `online`, `stalled` (connected but silent), `offline` (tried again and
    /// again), `failed` (can't work as configured), `ended` (a file played to its end) or
    /// `paused`.
    #[schema(example = "online")]
    pub state: &'static str,
    /// Why it is in this state; empty while all is well.
    pub reason: String,
    /// Since when it is in this state.
    #[schema(example = "2026-11-20T09:30:00.250Z")]
    pub since: String,
    /// The same in milliseconds since 1970.
    pub since_ms: i64,
    /// Attempts to open it since it was last online.
    pub attempts: u32,
    /// Where its stream comes from, without secrets.
    #[schema(example = "rtsp://viewer:***@192.0.2.10/stream1")]
    pub source: String,
    /// What it sends; absent before the first packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamDto>,
    /// Whether anybody needs its pictures decoded at the moment.
    pub decoding: bool,
    /// What looks at its pictures; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<DetectorDto>,
    /// How recording it does; absent where it is not to be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingDto>,
    /// Frames since the start of the process.
    pub frames: FramesDto,
    /// People in the picture now.
    pub people: usize,
    /// Objects of any class in the picture now.
    pub objects: usize,
    /// Its lines.
    pub lines: Vec<LineDto>,
    /// Its zones.
    pub zones: Vec<ZoneDto>,
    /// What its lines and zones have counted.
    pub counts: CountsDto,
    /// Where to find more.
    pub links: LinksDto,
}

/// How recording a camera does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingDto {
    /// `recording`, `failed` (tried again), or `off` while there is nothing to keep yet.
    #[schema(example = "recording")]
    pub state: &'static str,
    /// Why it fails; else empty.
    pub reason: String,
    /// Since when it is in this state.
    pub since: String,
    /// The same in milliseconds since 1970.
    pub since_ms: i64,
}

impl From<RecordingStatus> for RecordingDto {
    fn from(status: RecordingStatus) -> Self {
        Self {
            state: status.state,
            reason: status.reason,
            since: status.since.to_string(),
            since_ms: status.since.as_millis(),
        }
    }
}

/// What a camera sends.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stream)]
pub struct StreamDto {
    /// Name of the codec.
    #[schema(example = "h264")]
    pub codec: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// Pictures a second as measured lately; absent before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
}

/// What looks at a camera's pictures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Detector)]
pub struct DetectorDto {
    /// `motion`, or the model's name.
    #[schema(example = "yolox-nano")]
    pub name: String,
    /// What runs it: `ort`, `rten` or `motion`; empty before it is loaded.
    pub engine: String,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Frames since the start of the process.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Frames)]
pub struct FramesDto {
    /// Packets received.
    pub received: u64,
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures analysed.
    pub analysed: u64,
    /// Pictures that came too fast for whoever wanted them, and damaged packets.
    pub dropped: u64,
}

/// A line whose crossings are counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
pub struct LineDto {
    /// Its name.
    pub name: String,
    /// Where its arrow begins: x, y.
    pub from: [f32; 2],
    /// Where its arrow ends: x, y. `forward` is from the arrow's left to its right.
    pub to: [f32; 2],
    /// Classes that count; empty: all.
    pub classes: Vec<String>,
    /// The point of a box that counts: `foot` or `center`.
    pub anchor: &'static str,
}

/// A zone whose visits are counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Zone)]
pub struct ZoneDto {
    /// Its name.
    pub name: String,
    /// Its corners: x, y.
    pub polygon: Vec<[f32; 2]>,
    /// Classes that count; empty: all.
    pub classes: Vec<String>,
    /// The point of a box that counts: `foot` or `center`.
    pub anchor: &'static str,
    /// A visit longer than this raises `zone_dwelled`, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_ms: Option<f64>,
}

/// What a camera's lines and zones have counted, restarts included.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counts)]
pub struct CountsDto {
    /// One for each line.
    pub lines: Vec<LineCountsDto>,
    /// One for each zone.
    pub zones: Vec<ZoneCountsDto>,
}

/// What a line has counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LineCounts)]
pub struct LineCountsDto {
    /// The line's name.
    pub name: String,
    /// Crossings from left to right of its arrow.
    pub forward: u64,
    /// Crossings from right to left.
    pub backward: u64,
}

/// What a zone has counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ZoneCounts)]
pub struct ZoneCountsDto {
    /// The zone's name.
    pub name: String,
    /// Objects in it now.
    pub occupancy: u64,
    /// Visits so far.
    pub visits: u64,
    /// Mean length of the visits that have ended, in milliseconds.
    pub mean_dwell_ms: f64,
}

/// Where to find more of a camera, on this server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Links)]
pub struct LinksDto {
    /// Moving pictures for an `img` element.
    pub live: String,
    /// One picture.
    pub snapshot: String,
    /// The newest analysis.
    pub analysis: String,
    /// When there is footage of it.
    pub recordings: String,
}

impl CameraDto {
    /// The camera `status` with what `handle` knows of its rules.
    pub(crate) fn new(status: CameraStatus, handle: &Handle) -> Self {
        let (lines, zones) = handle.rules(&status.id).unwrap_or_default();
        let name = status.id.as_str().to_owned();
        Self {
            state: status.state.as_str(),
            reason: status.reason,
            since: status.since.to_string(),
            since_ms: status.since.as_millis(),
            attempts: status.attempts,
            source: status.source,
            stream: status.stream.map(|stream| StreamDto {
                codec: stream.codec,
                width: stream.size.width,
                height: stream.size.height,
                fps: stream.fps.map(|fps| (fps * 100.0).round() / 100.0),
            }),
            decoding: status.decoding,
            detector: status.detector.map(|detector| DetectorDto {
                name: detector.name,
                engine: detector.engine,
                error: detector.error,
            }),
            recording: handle.recording(&status.id).ok().flatten().map(RecordingDto::from),
            frames: FramesDto {
                received: status.frames.received,
                decoded: status.frames.decoded,
                analysed: status.frames.analysed,
                dropped: status.frames.dropped,
            },
            people: status.people,
            objects: status.objects,
            lines: lines.iter().map(LineDto::from).collect(),
            zones: zones.iter().map(ZoneDto::from).collect(),
            counts: handle.totals(&status.id).unwrap_or_default().into(),
            // A camera's name needs no escaping in a URL.
            links: LinksDto {
                live: format!("/cameras/{name}/live.mjpg"),
                snapshot: format!("/cameras/{name}/snapshot.jpg"),
                analysis: format!("/api/v1/cameras/{name}/analysis"),
                recordings: format!("/api/v1/cameras/{name}/recordings"),
            },
            name,
        }
    }
}

impl From<&Line> for LineDto {
    fn from(line: &Line) -> Self {
        Self {
            name: line.name().to_owned(),
            from: position(line.from()),
            to: position(line.to()),
            classes: names(line.classes()),
            anchor: anchor(line.anchor()),
        }
    }
}

impl From<&Zone> for ZoneDto {
    fn from(zone: &Zone) -> Self {
        Self {
            name: zone.name().to_owned(),
            polygon: zone.polygon().iter().copied().map(position).collect(),
            classes: names(zone.classes()),
            anchor: anchor(zone.anchor()),
            dwell_ms: zone.dwell().map(millis),
        }
    }
}

impl From<Totals> for CountsDto {
    fn from(totals: Totals) -> Self {
        Self {
            lines: totals.lines.into_iter().map(LineCountsDto::from).collect(),
            zones: totals.zones.into_iter().map(ZoneCountsDto::from).collect(),
        }
    }
}

impl From<LineTotals> for LineCountsDto {
    fn from(LineTotals { name, forward, backward }: LineTotals) -> Self {
        Self { name, forward, backward }
    }
}

impl From<ZoneTotals> for ZoneCountsDto {
    fn from(ZoneTotals { name, occupancy, visits, mean_dwell, .. }: ZoneTotals) -> Self {
        Self { name, occupancy, visits, mean_dwell_ms: millis(mean_dwell) }
    }
}

fn position(point: Point) -> [f32; 2] {
    [point.x, point.y]
}

fn names(classes: &[ClassName]) -> Vec<String> {
    classes.iter().map(|class| class.as_str().to_owned()).collect()
}

const fn anchor(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Foot => "foot",
        Anchor::Center => "center",
    }
}
