//! How a publication does, for people and programs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use omma_types::{CameraId, Clock as _, SystemClock, WallTime};

/// The rate is that of this long.
const RATE_OVER: Duration = Duration::from_secs(5);

/// How a publication does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationState {
    /// Its camera does not run, or has given no picture yet.
    Waiting,
    /// What is written arrives.
    Online,
    /// The broker is away or refuses; it is tried again and again.
    Offline,
    /// It can't work as configured.
    Failed,
}

impl PublicationState {
    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Failed => "failed",
        }
    }
}

/// A publication as of now.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicationStatus {
    /// The camera.
    pub camera: CameraId,
    /// In whose words.
    pub dialect: &'static str,
    /// The stream's key, device or source by that dialect's naming.
    pub name: String,
    /// The broker, without secrets.
    pub broker: String,
    /// How it does.
    pub state: PublicationState,
    /// Why, for people; empty while all is well.
    pub reason: String,
    /// Since when.
    pub since: WallTime,
    /// Pictures written since the start of this process.
    pub published: u64,
    /// Analyses written since then.
    pub analyses: u64,
    /// Pictures not written since then, for whatever reason.
    pub dropped: u64,
    /// Pictures written a second, over the last seconds.
    pub rate: f64,
}

/// A status, and what it is made of.
pub(super) struct Progress {
    pub(super) status: PublicationStatus,
    /// When pictures were written lately.
    recent: VecDeque<Instant>,
}

impl Progress {
    pub(super) fn new(
        camera: CameraId,
        dialect: &'static str,
        name: String,
        broker: String,
    ) -> Self {
        let status = PublicationStatus {
            camera,
            dialect,
            name,
            broker,
            state: PublicationState::Waiting,
            reason: String::new(),
            since: SystemClock.wall(),
            published: 0,
            analyses: 0,
            dropped: 0,
            rate: 0.0,
        };
        Self { status, recent: VecDeque::new() }
    }

    /// Whether that is news.
    pub(super) fn enter(&mut self, state: PublicationState, reason: String) -> bool {
        let is_news = self.status.state != state || self.status.reason != reason;
        if self.status.state != state {
            self.status.since = SystemClock.wall();
        }
        self.status.state = state;
        self.status.reason = reason;
        is_news
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        self.status.published += 1;
        self.recent.push_back(now);
        self.forget(now);
    }

    pub(super) fn as_of(&mut self, now: Instant) -> PublicationStatus {
        self.forget(now);
        let rate = self.recent.len() as f64 / RATE_OVER.as_secs_f64();
        PublicationStatus { rate, ..self.status.clone() }
    }

    fn forget(&mut self, now: Instant) {
        while self.recent.front().is_some_and(|at| now.duration_since(*at) > RATE_OVER) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let camera = CameraId::new("door").expect("a name");
        let mut progress = Progress::new(camera, "redisedge", "camera:0".into(), String::new());
        let start = Instant::now();
        for picture in 0..50u32 {
            progress.wrote(start + Duration::from_millis(100) * picture);
        }
        let at = start + Duration::from_millis(4900);
        assert!((progress.as_of(at).rate - 10.0).abs() < 0.01);
        assert!(progress.as_of(at + RATE_OVER * 2).rate < 0.01, "nothing was written since");
        assert_eq!(progress.as_of(at).published, 50);
        assert!(progress.enter(PublicationState::Offline, "away".into()));
        assert!(!progress.enter(PublicationState::Offline, "away".into()), "one line a trouble");
    }
}
