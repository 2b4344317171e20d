//! How a stream does: its state, why, and since when.

use omma_types::{Clock as _, Size, SystemClock, WallTime};
use parking_lot::Mutex;

use crate::status::{CameraState, StreamStatus};

/// The state of a stream, to be asked from any thread.
pub(crate) struct Health(Mutex<Report>);

/// A stream's state as of now.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) state: CameraState,
    pub(crate) reason: String,
    pub(crate) since: WallTime,
    pub(crate) attempts: u32,
    pub(crate) stream: Option<StreamStatus>,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Report {
            state: CameraState::Connecting,
            reason: String::new(),
            since: SystemClock.wall(),
            attempts: 0,
            stream: None,
        }))
    }

    pub(crate) fn report(&self) -> Report {
        self.0.lock().clone()
    }

    pub(crate) fn state(&self) -> CameraState {
        self.0.lock().state
    }

    /// Notes a state; true where it is news.
    pub(crate) fn enter(
        &self,
        state: CameraState,
        reason: &str,
        attempts: u32,
        now: WallTime,
    ) -> bool {
        let mut report = self.0.lock();
        report.attempts = if state == CameraState::Online { 0 } else { attempts };
        if report.state == state && report.reason == reason {
            return false;
        }
        // An attempt to reconnect is no news while the camera is away: the reason why
        // it is away is what people want to read.
        if state == CameraState::Connecting && !report.reason.is_empty() {
            return false;
        }
        report.state = state;
        reason.clone_into(&mut report.reason);
        report.since = now;
        true
    }

    pub(crate) fn note_attempts(&self, attempts: u32) {
        self.0.lock().attempts = attempts;
    }

    pub(crate) fn note_stream(&self, stream: StreamStatus) {
        self.0.lock().stream = Some(stream);
    }

    pub(crate) fn note_size(&self, size: Size) {
        if let Some(stream) = &mut self.0.lock().stream {
            stream.size = size;
        }
    }

    pub(crate) fn note_rate(&self, fps: f64) {
        if let Some(stream) = &mut self.0.lock().stream {
            stream.fps = Some(fps);
        }
    }
}
