//! What can be said about a camera at this moment.

use std::sync::Arc;
use std::time::Duration;

use omma_rules::{LineCounts, ZoneCounts};
use omma_types::{Analysis, CameraId, Direction, Event, FrameStamp, Size, WallTime};

/// How a camera's stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CameraState {
    /// Being opened.
    Connecting,
    /// Packets arrive.
    Online,
    /// Connected, but silent; it is about to be opened again.
    Stalled,
    /// Not there; it is tried again and again.
    Offline,
    /// It can't work as configured; tried again rarely.
    Failed,
    /// A file that has been played to its end.
    Ended,
    /// Not read, because somebody asked for a pause.
    Paused,
}

impl CameraState {
    /// All states, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Connecting,
        Self::Online,
        Self::Stalled,
        Self::Offline,
        Self::Failed,
        Self::Ended,
        Self::Paused,
    ];

    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Stalled => "stalled",
            Self::Offline => "offline",
            Self::Failed => "failed",
            Self::Ended => "ended",
            Self::Paused => "paused",
        }
    }
}

/// A camera as of now.
#[derive(Clone, Debug)]
pub struct CameraStatus {
    /// Its name.
    pub id: CameraId,
    /// Where its stream comes from, passwords removed.
    pub source: String,
    /// How the stream does.
    pub state: CameraState,
    /// Why, for people; empty while all is well.
    pub reason: String,
    /// Since when it is in this state.
    pub since: WallTime,
    /// Attempts to open it since it was last online.
    pub attempts: u32,
    /// What it sends, once known.
    pub stream: Option<StreamStatus>,
    /// Whether anything makes it decode at the moment.
    pub decoding: bool,
    /// What looks at its pictures: `motion`, a model's name, or none.
    pub detector: Option<DetectorStatus>,
    /// Frames since the start of this process.
    pub frames: FrameCounts,
    /// Confirmed tracks of class `person` now.
    pub people: usize,
    /// Confirmed tracks of all classes now.
    pub objects: usize,
}

/// What a camera sends.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamStatus {
    /// The codec's name as FFmpeg writes it, e.g. `h264`.
    pub codec: String,
    /// Picture size in pixels.
    pub size: Size,
    /// Pictures a second as measured over the last seconds; none before that.
    pub fps: Option<f64>,
}

/// What looks at a camera's pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectorStatus {
    /// `motion` or the model's name.
    pub name: String,
    /// What runs it: `ort`, `rten`, `motion`; empty before it is loaded.
    pub engine: String,
    /// Why it can't be used, if so.
    pub error: Option<String>,
}

/// Frames since the start of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounts {
    /// Packets received.
    pub received: u64,
    /// Pictures decoded.
    pub decoded: u64,
    /// Pictures analysed.
    pub analysed: u64,
    /// Pictures wanted by a consumer that did not get them in time, and damaged packets.
    pub dropped: u64,
}

/// Totals of one line, process start and store together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineTotals {
    /// The line's name.
    pub name: String,
    /// Crossings from left to right of its arrow.
    pub forward: u64,
    /// Crossings from right to left.
    pub backward: u64,
}

impl From<&LineCounts> for LineTotals {
    fn from(counts: &LineCounts) -> Self {
        Self {
            name: counts.name.clone(),
            forward: counts.total(Direction::Forward),
            backward: counts.total(Direction::Backward),
        }
    }
}

/// Totals of one zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZoneTotals {
    /// The zone's name.
    pub name: String,
    /// Objects in it now.
    pub occupancy: u64,
    /// Visits that have begun.
    pub visits: u64,
    /// Visits that have ended.
    pub ended: u64,
    /// Mean length of the visits that have ended.
    pub mean_dwell: Duration,
}

impl From<&ZoneCounts> for ZoneTotals {
    fn from(counts: &ZoneCounts) -> Self {
        let visits = || counts.by_class.values();
        let left: u64 = visits().map(|v| v.left).sum();
        let dwell: Duration = visits().map(|v| v.total_dwell).sum();
        Self {
            name: counts.name.clone(),
            occupancy: counts.occupancy(),
            visits: visits().map(|v| v.entered).sum(),
            ended: left,
            mean_dwell: if left == 0 { Duration::ZERO } else { dwell.div_f64(left as f64) },
        }
    }
}

/// Totals of all rules of a camera; they survive a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// A row a line.
    pub lines: Vec<LineTotals>,
    /// A row a zone.
    pub zones: Vec<ZoneTotals>,
}

/// Something new, as it is told to subscribers.
#[derive(Clone, Debug)]
pub enum Message {
    /// A picture was analysed.
    Analysis(Arc<Analysis>),
    /// Something happened; it is in the store under this sequence number.
    Event(i64, Arc<Event>),
}

/// How a camera's picture should be shown. Equal options share one encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewOptions {
    /// Whether boxes, tails, lines, zones and counts are drawn.
    pub annotated: bool,
    /// Pictures wider than this are made smaller, in pixels; at least 16.
    pub max_width: u32,
    /// At most this many pictures a second, 1 to 60.
    pub fps: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self { annotated: true, max_width: 1280, fps: 15, quality: 75 }
    }
}

/// One picture as JPEG.
#[derive(Clone, Debug)]
pub struct JpegFrame {
    /// The file.
    pub bytes: Vec<u8>,
    /// Which picture it is.
    pub stamp: FrameStamp,
    /// Its number among those made with the same options, rising by one.
    pub number: u64,
    /// Whether it is no picture of the camera, but a notice that says why there is none.
    pub is_notice: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_types::EventKind;

    #[test]
    fn every_state_can_be_an_event() {
        let words: Vec<&str> = CameraState::ALL.iter().map(|state| state.as_str()).collect();
        let mut known = EventKind::CAMERA_STATES.to_vec();
        known.sort_unstable();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, known);
    }
}
