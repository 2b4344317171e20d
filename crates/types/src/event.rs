//! Something happened that somebody may want to know of.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{CameraId, ClassName, EventId, MediaTime, Point, Rect, TrackId, WallTime};

/// Which way a line was crossed. Forward is from the left to the right of the arrow that
/// runs from the line's first point to its second, seen in the picture (y down): the cross
/// product `(second - first) x (position - first)` turns from negative to positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From left to right of the arrow.
    Forward,
    /// From right to left of the arrow.
    Backward,
}

impl Direction {
    /// The word used in every interface: `forward` or `backward`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A track crossed a line.
    LineCrossed {
        /// Which way.
        direction: Direction,
    },
    /// A track came into a zone.
    ZoneEntered,
    /// A track left a zone, or ended inside it.
    ZoneLeft {
        /// Time between entering and leaving.
        dwell: Duration,
    },
    /// A track has stayed in a zone for the zone's dwell time. Raised once a visit.
    ZoneDwelled {
        /// Time since entering.
        dwell: Duration,
    },
    /// The camera's state changed.
    CameraState {
        /// The new state, one of [`Self::CAMERA_STATES`].
        state: &'static str,
        /// Why, for people; without secrets.
        reason: String,
    },
    /// Recording a camera began, broke off or ended.
    RecordingState {
        /// The new state, one of [`Self::RECORDING_STATES`].
        state: &'static str,
        /// Why, for people; without secrets.
        reason: String,
    },
}

impl EventKind {
    /// All words that [`Self::as_str`] can answer.
    pub const WORDS: [&'static str; 6] = [
        "line_crossed",
        "zone_entered",
        "zone_left",
        "zone_dwelled",
        "camera_state",
        "recording_state",
    ];

    /// All states that [`Self::CameraState`] can name.
    pub const CAMERA_STATES: [&'static str; 7] =
        ["connecting", "online", "stalled", "offline", "failed", "ended", "paused"];

    /// All states that [`Self::RecordingState`] can name: footage is being kept, can't be kept
    /// (and is lost until the next `recording`), or is no longer wanted.
    pub const RECORDING_STATES: [&'static str; 3] = ["recording", "failed", "off"];

    /// The word used in every interface, e.g. `line_crossed`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LineCrossed { .. } => "line_crossed",
            Self::ZoneEntered => "zone_entered",
            Self::ZoneLeft { .. } => "zone_left",
            Self::ZoneDwelled { .. } => "zone_dwelled",
            Self::CameraState { .. } => "camera_state",
            Self::RecordingState { .. } => "recording_state",
        }
    }
}

/// Something that happened, complete: it can be understood without the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// Where it happened.
    pub camera: CameraId,
    /// What happened.
    pub kind: EventKind,
    /// The line or zone by name; none for events of the camera itself.
    pub rule: Option<String>,
    /// The object's track.
    pub track: Option<TrackId>,
    /// The object's class.
    pub class: Option<ClassName>,
    /// Score of the object's newest detection, 0 to 1.
    pub score: Option<f32>,
    /// The object's box when it happened.
    pub rect: Option<Rect>,
    /// When, on the stream's clock.
    pub media: MediaTime,
    /// When, for people.
    pub wall: WallTime,
    /// The object's last anchor points, oldest first, at most 32.
    pub path: Vec<(MediaTime, Point)>,
    /// Anything more, by name.
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    /// The attribute that tells how an event was counted, where that was not live.
    pub const COUNTED: &'static str = "counted";

    /// Its value where a line or zone counted it later, from stored tracks.
    pub const LATER: &'static str = "later";

    /// Whether it was counted later, from stored tracks.
    pub fn is_later(&self) -> bool {
        self.attributes.get(Self::COUNTED).is_some_and(|how| how == Self::LATER)
    }
}
