//! What waits between a camera and an outlet: one picture.

use std::sync::Arc;
use std::time::Instant;

use omma_media::Picture;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::status::Progress;
use crate::demand::Consumer;
use crate::telemetry::{PublishDrop, PublishMetrics};

/// The newest picture that nobody took yet.
pub(super) struct Inbox {
    picture: Mutex<Option<Picture>>,
    news: Notify,
    metrics: PublishMetrics,
    progress: Arc<Mutex<Progress>>,
}

impl Inbox {
    pub(super) fn new(metrics: PublishMetrics, progress: Arc<Mutex<Progress>>) -> Self {
        Self { picture: Mutex::default(), news: Notify::new(), metrics, progress }
    }

    /// The next picture, however long it takes. Dropping the future loses nothing.
    pub(super) async fn next(&self) -> Picture {
        loop {
            if let Some(picture) = self.picture.lock().take() {
                return picture;
            }
            self.news.notified().await;
        }
    }
}

impl Consumer for Inbox {
    fn offer(&self, picture: &Picture, _arrival: Instant) {
        let replaced = self.picture.lock().replace(picture.clone()).is_some();
        self.news.notify_one();
        if replaced {
            self.progress.lock().status.dropped += 1;
            self.metrics.drop_frames(PublishDrop::Slow, 1);
        }
    }
}
