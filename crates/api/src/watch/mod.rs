//! Live video as the camera sends it, for browsers: nothing is decoded here. As fragments of a
//! film over a WebSocket ([`mse`]), which every browser plays with its Media Source.
//!
//! All viewers of a camera share its packets; each has a bounded queue of its own, and one
//! that is slow misses whole groups of pictures instead of falling behind the clock.

mod feed;
mod film;
mod fresh;
pub(crate) mod mse;

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
