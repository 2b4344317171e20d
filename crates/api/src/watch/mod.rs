//! Live video as the camera sends it, for browsers: nothing is decoded here. As fragments of a
//! film over a WebSocket ([`mse`]), which every browser plays with its Media Source; by WebRTC
//! ([`rtc`]), which has the least delay.
//!
//! All viewers of a camera share its packets; each has a bounded queue of its own, and one
//! that is slow misses whole groups of pictures instead of falling behind the clock.

pub(crate) mod away;
mod feed;
mod film;
mod fresh;
pub(crate) mod mse;
pub(crate) mod rtc;

use std::sync::Arc;

use omma_engine::{ViewerMetrics, ViewerRefusal};
use omma_types::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ApiError, ApiResult};

/// All who watch in one way.
#[derive(Clone)]
pub(crate) struct Viewers {
    seats: Arc<Semaphore>,
    count: u32,
    pub(crate) metrics: ViewerMetrics,
}

impl Viewers {
    /// At most `count` at a time.
    pub(crate) fn new(count: u32, metrics: ViewerMetrics) -> Self {
        Self { seats: Arc::new(Semaphore::new(count as usize)), count, metrics }
    }

    /// A seat, as long as it is held.
    pub(crate) fn sit(&self) -> ApiResult<Seat> {
        let Ok(permit) = Arc::clone(&self.seats).try_acquire_owned() else {
            self.metrics.refuse(ViewerRefusal::Full);
            let message = format!("{} viewers look already, which is as many as may", self.count);
            return Err(ApiError::unavailable(ErrorKind::Full, message));
        };
        self.metrics.came();
        Ok(Seat { metrics: self.metrics.clone(), _permit: permit })
    }

    /// Returns when nobody looks any more.
    pub(crate) async fn all_gone(&self) {
        drop(self.seats.acquire_many(self.count).await);
    }
}

/// Somebody's place among the viewers, until dropped.
pub(crate) struct Seat {
    pub(crate) metrics: ViewerMetrics,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.left();
    }
}

#[cfg(test)]
mod tests {
    use omma_engine::{Config, Engine, Models};
    use omma_infer::Registry;
    use omma_store::Store;

    use super::*;

    #[tokio::test]
    async fn only_so_many_may_look_and_a_seat_is_free_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::from_yaml("version: 1\n", "test.yaml", &|_| None).unwrap();
        config.data_dir = dir.path().to_owned();
        let models = Models::new(Registry::new(None, &[]).unwrap(), Vec::new());
        let store = Store::in_memory().await.unwrap();
        let engine = Engine::start(config, store, models).await.unwrap();
        let handle = engine.handle();
        let viewers = Viewers::new(2, handle.viewer_metrics("film"));
        let (first, second) = (viewers.sit().ok().unwrap(), viewers.sit().ok().unwrap());
        assert!(viewers.sit().is_err());
        let metrics = handle.render_metrics();
        assert!(metrics.contains("omma_viewers{way=\"film\"} 2\n"), "{metrics}");
        assert!(metrics.contains("omma_viewer_refused_total{way=\"film\",reason=\"full\"} 1\n"));
        drop(first);
        let third = viewers.sit().ok().unwrap();
        drop((second, third));
        viewers.all_gone().await;
        assert!(handle.render_metrics().contains("omma_viewers{way=\"film\"} 0\n"));
        engine.stop().await;
    }
}
