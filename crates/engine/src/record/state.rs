//! Whether a camera's footage is being kept, for people, and the events that say so.

use std::sync::Arc;

use omma_types::{CameraId, Clock as _, EventIds, EventKind, SystemClock, WallTime};
use parking_lot::Mutex;

use crate::telemetry::CameraMetrics;
use crate::writer::{EventSender, of_camera};

/// Whether a camera's footage is being kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingStatus {
    /// `recording`, `failed`, or `off` where nothing was to be kept yet.
    pub state: &'static str,
    /// Why it fails, for people; else empty.
    pub reason: String,
    /// Since when.
    pub since: WallTime,
}

/// Notes a recorder's state and tells of each change once.
pub(super) struct RecordingState {
    camera: CameraId,
    status: Mutex<RecordingStatus>,
    ids: Mutex<EventIds>,
    events: EventSender,
    metrics: Arc<CameraMetrics>,
}

impl RecordingState {
    pub(super) fn new(
        camera: CameraId,
        events: EventSender,
        seed: u64,
        metrics: Arc<CameraMetrics>,
    ) -> Self {
        let status =
            RecordingStatus { state: "off", reason: String::new(), since: SystemClock.wall() };
        let ids = Mutex::new(EventIds::new(seed));
        Self { camera, status: Mutex::new(status), ids, events, metrics }
    }

    pub(super) fn status(&self) -> RecordingStatus {
        self.status.lock().clone()
    }

    /// Footage is being kept.
    pub(super) fn recording(&self) {
        if self.enter("recording", "") {
            tracing::info!(camera = %self.camera, "recording");
        }
    }

    /// Footage is lost from now on.
    pub(super) fn failed(&self, reason: &str) {
        if self.enter("failed", reason) {
            tracing::error!(camera = %self.camera, reason, "recording failed; trying again");
        }
    }

    /// Nothing is to be kept any more.
    pub(super) fn off(&self, reason: &str) {
        if self.status.lock().state != "off" && self.enter("off", reason) {
            tracing::info!(camera = %self.camera, reason, "recording is off");
        }
    }

    /// True where this is news. Another reason for the same state is none: a disk that is full
    /// in one way or the other would fill the log.
    fn enter(&self, state: &'static str, reason: &str) -> bool {
        let wall = SystemClock.wall();
        {
            let mut status = self.status.lock();
            if status.state == state {
                reason.clone_into(&mut status.reason);
                return false;
            }
            *status = RecordingStatus { state, reason: reason.to_owned(), since: wall };
        }
        self.metrics.recording.set(f64::from(u8::from(state == "recording")));
        let kind = EventKind::RecordingState { state, reason: reason.to_owned() };
        let event = of_camera(self.ids.lock().next(wall), &self.camera, kind, wall);
        self.events.send(event, None);
        true
    }
}
