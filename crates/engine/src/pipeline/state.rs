//! A pipeline's memory as bytes, so that another process can go on in its place.
//!
//! The bytes are one process's word to another one of the same program: a short head that
//! says whose they are and whether they are whole, then the state in postcard's form, which
//! keeps every bit of every number. They are no archive: another version's bytes are refused,
//! and the camera starts afresh.

use omma_rules::{RuleError, RulesState};
use omma_track::{TrackError, TrackerState};
use omma_types::{
    CameraId, ErrorKind, FrameStamp, MediaTime, Point, Size, TrackId, WallSource, WallTime,
};
use serde::{Deserialize, Serialize};

use super::{Pipeline, TAIL_POINTS};

/// The first bytes of every saved state. The last one is the version: it rises with every
/// change of what a tracker or a rule remembers.
const HEAD: [u8; 4] = *b"Oms\x01";

/// Length of the sum behind the head.
const SUM: usize = 8;

/// Why a pipeline can't go on from saved bytes.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SavedError {
    /// Not what [`Pipeline::save`] writes, or another version's.
    #[error("the saved state of `{camera}` is not one of this version: it starts afresh")]
    Foreign {
        /// The camera that was to go on.
        camera: CameraId,
    },
    /// Not what was written.
    #[error("the saved state of `{camera}` is damaged ({reason}): it starts afresh")]
    Damaged {
        /// The camera that was to go on.
        camera: CameraId,
        /// How that shows.
        reason: String,
    },
    /// Another camera's.
    #[error("the saved state for `{camera}` is that of `{other}`: it starts afresh")]
    OtherCamera {
        /// The camera that was to go on.
        camera: CameraId,
        /// The camera whose state it is.
        other: String,
    },
}

impl SavedError {
    /// What kind of failure it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Foreign { .. } | Self::OtherCamera { .. } => ErrorKind::Invalid,
            Self::Damaged { .. } => ErrorKind::Corrupt,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    camera: String,
    tracker: TrackerState,
    rules: RulesState,
    tails: Vec<TailForm>,
    last_frame: Option<FrameForm>,
}

/// A track and its tail: time on the stream's clock in nanoseconds, x, y.
type TailForm = (u64, Vec<(i64, f32, f32)>);

/// A picture: number, both times, whether the camera itself said when, columns, rows.
type FrameForm = (u64, i64, i64, bool, u32, u32);

impl Pipeline {
    /// All that this pipeline remembers. A pipeline of the same camera and start score that
    /// goes on from it gives what this one would have given, the events' ids included.
    pub fn save(&self) -> Vec<u8> {
        let mut tails: Vec<TailForm> = self
            .tails
            .iter()
            .map(|(id, tail)| (id.0, tail.iter().map(|(t, p)| (t.as_nanos(), p.x, p.y)).collect()))
            .collect();
        tails.sort_unstable_by_key(|(id, _)| *id);
        let saved = Saved {
            camera: self.camera.to_string(),
            tracker: self.tracker.state(),
            rules: self.rules.state(),
            tails,
            last_frame: self.last_frame.as_ref().map(frame_form),
        };
        // Writing plain numbers and text to memory has no failure; bytes without a state would
        // be refused like any others that are damaged.
        let body = postcard::to_stdvec(&saved).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEAD.len() + SUM + body.len());
        bytes.extend_from_slice(&HEAD);
        bytes.extend_from_slice(&sum(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Forgets what this pipeline remembers and goes on from what [`Self::save`] wrote. Lines
    /// and zones stay the ones of this pipeline: one that is the same as then keeps its totals
    /// and what it knows of each track, any other one starts from nothing.
    ///
    /// # Errors
    /// These are other bytes, damaged ones, or another camera's. Nothing has changed then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), SavedError> {
        let camera = || self.camera.clone();
        let damaged = |reason: String| SavedError::Damaged { camera: camera(), reason };
        let foreign = || SavedError::Foreign { camera: camera() };
        let rest = bytes.strip_prefix(&HEAD).ok_or_else(foreign)?;
        let (written, body) =
            rest.split_first_chunk::<SUM>().ok_or_else(|| damaged("it is too short".to_owned()))?;
        if u64::from_le_bytes(*written) != sum(body) {
            return Err(damaged("its check sum is another one".to_owned()));
        }
        let saved: Saved =
            postcard::from_bytes(body).map_err(|error| damaged(error.to_string()))?;
        if saved.camera != self.camera.as_str() {
            let other = saved.camera.chars().take(64).collect();
            return Err(SavedError::OtherCamera { camera: camera(), other });
        }
        if saved.tails.iter().any(|(_, tail)| tail.len() > TAIL_POINTS) {
            return Err(damaged("a tail is too long".to_owned()));
        }
        let mut tracker = self.tracker.clone();
        tracker.resume(saved.tracker).map_err(|error: TrackError| damaged(error.to_string()))?;
        self.rules.resume(saved.rules).map_err(|error: RuleError| SavedError::Damaged {
            camera: self.camera.clone(),
            reason: error.to_string(),
        })?;
        self.tracker = tracker;
        self.tails = saved.tails.into_iter().map(tail_of).collect();
        self.last_frame = saved.last_frame.map(frame_of);
        Ok(())
    }
}

fn tail_of((id, tail): TailForm) -> (TrackId, Vec<(MediaTime, Point)>) {
    let point = |(at, x, y)| (MediaTime::from_nanos(at), Point::new(x, y));
    (TrackId(id), tail.into_iter().map(point).collect())
}

fn frame_form(frame: &FrameStamp) -> FrameForm {
    let own_clock = frame.wall_source == WallSource::SenderReport;
    let Size { width, height } = frame.size;
    (frame.seq, frame.media.as_nanos(), frame.wall.as_micros(), own_clock, width, height)
}

fn frame_of((seq, media, wall, own_clock, width, height): FrameForm) -> FrameStamp {
    FrameStamp {
        seq,
        media: MediaTime::from_nanos(media),
        wall: WallTime::from_micros(wall),
        wall_source: if own_clock { WallSource::SenderReport } else { WallSource::Arrival },
        size: Size::new(width, height),
    }
}

/// FNV-1a (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>): finds damage, not
/// forgery; whoever may write to the bus may write events too.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
