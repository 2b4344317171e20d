//! What is done once an hour: events that are older than the configuration keeps go.

use std::time::{Duration, SystemTime};

use omma_types::WallTime;
use tokio::task::AbortHandle;

use crate::sinks::Sinks;

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// The task; ended by [`Self::stop`].
pub(crate) struct Forgetting(AbortHandle);

impl Forgetting {
    /// Begins at once, and goes on every hour. Must be called on a Tokio runtime. Events stay
    /// for `keep`, longer where a sink does not have them yet; none: for ever.
    pub(crate) fn start(sinks: Sinks, keep: Option<Duration>) -> Option<Self> {
        let keep = keep?;
        let task = tokio::spawn(async move {
            let mut hours = tokio::time::interval(EVERY);
            hours.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                hours.tick().await;
                forget(&sinks, keep, SystemTime::now().into()).await;
            }
        });
        Some(Self(task.abort_handle()))
    }

    /// Ends it. What was forgotten until then stays forgotten.
    pub(crate) fn stop(&self) {
        self.0.abort();
    }
}

/// Forgets the events that are older than `keep` at the time `now`.
async fn forget(sinks: &Sinks, keep: Duration, now: WallTime) {
    match sinks.forget(keep, now).await {
        Ok(0) => {}
        Ok(events) => tracing::info!(events, "old events were forgotten; their counts stay"),
        // The next hour may be better.
        Err(error) => tracing::error!(%error, "old events could not be forgotten"),
    }
}
