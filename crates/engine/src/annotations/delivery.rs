//! The thread that delivers annotations: it does what the courier says.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use omma_bus::{Outcome, Webhook};
use omma_store::{OutboxItem, Store, StoreError};
use omma_types::WallTime;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::courier::{Courier, Next, Verdict};
use super::entrance::{AnnotationsStatus, LastFailure};
use crate::EngineError;
use crate::shared::random_seed;
use crate::telemetry::AnnotationMetrics;

/// The name of the store's queue.
pub(crate) const QUEUE: &str = "annotations";

/// The longest body of a request.
const MOST_BYTES: usize = 8 << 20;

/// How long a request that is under way may go on when the engine stops. After that it is
/// left alone: the receiver may get its annotations once more after the next start.
const GRACE: Duration = Duration::from_secs(1);

/// Rest before the store is asked again after it refused.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the entrance and the thread share.
pub(crate) struct Desk {
    state: Mutex<State>,
    bell: Condvar,
    metrics: AnnotationMetrics,
}

struct State {
    courier: Courier,
    dead: u64,
    delivered: u64,
    failed_attempts: u64,
    last_failure: Option<LastFailure>,
    stage: Stage,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The thread is to end after what it does at the moment.
    Stopping,
    /// Nobody waits for the thread any more: it must not touch the store.
    Abandoned,
    Ended,
}

impl Desk {
    pub(crate) fn new(courier: Courier, dead: u64, metrics: AnnotationMetrics) -> Self {
        let state = State {
            courier,
            dead,
            delivered: 0,
            failed_attempts: 0,
            last_failure: None,
            stage: Stage::Running,
        };
        let desk = Self { state: Mutex::new(state), bell: Condvar::new(), metrics };
        desk.tell(&desk.state.lock());
        desk
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.state.lock().courier.waiting()
    }

    pub(crate) fn added(&self, count: u64, now: Instant) {
        self.change(|state| state.courier.added(count, now));
    }

    pub(crate) fn revived(&self, count: u64) {
        self.change(|state| {
            state.courier.revived(count);
            state.dead = state.dead.saturating_sub(count);
        });
    }

    pub(crate) fn status(
        &self,
        target: Option<String>,
        waiting: u64,
        dead: u64,
    ) -> AnnotationsStatus {
        let state = self.state.lock();
        AnnotationsStatus {
            target,
            waiting,
            dead,
            delivered: state.delivered,
            failed_attempts: state.failed_attempts,
            failures_in_a_row: state.courier.failures(),
            last_failure: state.last_failure.clone(),
        }
    }

    /// Changes the state, tells it to the metrics, and wakes the thread.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let answer = change(&mut state);
        self.tell(&state);
        self.bell.notify_all();
        answer
    }

    fn tell(&self, state: &State) {
        self.metrics.waiting.set(state.courier.waiting() as f64);
        self.metrics.dead.set(state.dead as f64);
    }

    /// Waits until something is to be sent; none when the thread shall end.
    fn next(&self) -> Option<usize> {
        let mut state = self.state.lock();
        loop {
            if state.stage != Stage::Running {
                return None;
            }
            match state.courier.next(Instant::now()) {
                Next::Rest => self.bell.wait(&mut state),
                Next::At(moment) => _ = self.bell.wait_until(&mut state, moment),
                Next::Send(size) => {
                    state.courier.taken();
                    return Some(size);
                }
            }
        }
    }

    /// Whether the thread may go on to use the store.
    fn may_settle(&self) -> bool {
        self.state.lock().stage != Stage::Abandoned
    }

    /// Waits a moment; false when the thread shall end instead.
    fn pause(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut state = self.state.lock();
        while state.stage == Stage::Running {
            if self.bell.wait_until(&mut state, deadline).timed_out() {
                return true;
            }
        }
        false
    }

    fn failed(&self, reason: &str) {
        self.metrics.failures.increment(1);
        let (failures, wait) = self.change(|state| {
            let now = Instant::now();
            let jitter = (random_seed() >> 11) as f64 / (1u64 << 53) as f64;
            state.failed_attempts += 1;
            state.last_failure =
                Some(LastFailure { time: SystemTime::now().into(), reason: reason.to_owned() });
            (state.courier.failures(), state.courier.failed(now, jitter) - now)
        });
        if failures == 0 {
            tracing::warn!(reason, ?wait, "annotations could not be delivered; will try again");
        } else {
            tracing::debug!(reason, ?wait, failures, "annotations could not be delivered");
        }
    }

    fn ended(&self) {
        self.change(|state| state.stage = Stage::Ended);
    }
}

/// The thread that delivers.
pub(crate) struct Delivery {
    desk: Arc<Desk>,
    target: String,
}

impl Delivery {
    /// Starts the thread. Must be called on a Tokio runtime that outlives it.
    pub(crate) fn start(
        webhook: Webhook,
        store: Store,
        desk: Arc<Desk>,
    ) -> Result<Self, EngineError> {
        let target = webhook.address();
        let worker = Worker {
            webhook,
            store,
            desk: Arc::clone(&desk),
            runtime: tokio::runtime::Handle::current(),
        };
        std::thread::Builder::new()
            .name("annotations".to_owned())
            .spawn(move || worker.run())
            .map_err(|source| EngineError::System {
                what: "cannot start the thread that delivers annotations".to_owned(),
                source,
            })?;
        Ok(Self { desk, target })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn stop(&self) {
        self.desk.change(|state| {
            if state.stage == Stage::Running {
                state.stage = Stage::Stopping;
            }
        });
        let deadline = Instant::now() + GRACE;
        let mut state = self.desk.state.lock();
        while state.stage == Stage::Stopping {
            if self.desk.bell.wait_until(&mut state, deadline).timed_out() {
                abandon(&mut state);
            }
        }
    }
}

fn abandon(state: &mut MutexGuard<'_, State>) {
    if state.stage == Stage::Stopping {
        state.stage = Stage::Abandoned;
        tracing::info!("the receiver of annotations is slow; what it gets may come once more");
    }
}

/// What the thread owns.
struct Worker {
    webhook: Webhook,
    store: Store,
    desk: Arc<Desk>,
    runtime: tokio::runtime::Handle,
}

/// Tells that the thread has ended, also where it panics.
struct End<'a>(&'a Desk);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended();
    }
}

impl Worker {
    fn run(&self) {
        let _end = End(&self.desk);
        while let Some(size) = self.desk.next() {
            self.deliver(size);
        }
    }

    /// Sends the first `size` of the queue and does what follows from the answer.
    fn deliver(&self, size: usize) {
        let limit = u32::try_from(size).unwrap_or(u32::MAX);
        let items = match self.runtime.block_on(self.store.outbox_peek(QUEUE, limit)) {
            Ok(items) => items,
            Err(error) => return self.desk.failed(&error.to_string()),
        };
        let (body, count) = batch(&items);
        let Some(items) = items.get(..count).filter(|items| !items.is_empty()) else {
            self.desk.change(|state| state.courier.emptied());
            return;
        };
        let seqs: Vec<i64> = items.iter().map(|item| item.seq).collect();
        let outcome = self.webhook.post(&body, WallTime::from(SystemTime::now()));
        if !self.desk.may_settle() {
            return;
        }
        match outcome {
            Outcome::Accepted => self.accepted(&seqs),
            Outcome::Rejected { later: false, reason, .. } => self.wrong(&seqs, &reason),
            Outcome::Rejected { reason, .. } | Outcome::Unreachable { reason } => {
                let counted = self.runtime.block_on(self.store.outbox_tried(QUEUE, &seqs));
                if let Err(error) = counted {
                    tracing::debug!(%error, "a failed delivery could not be counted");
                }
                self.desk.failed(&reason);
            }
        }
    }

    fn accepted(&self, seqs: &[i64]) {
        if !self.settle(|| self.runtime.block_on(self.store.outbox_ack(QUEUE, seqs))) {
            return;
        }
        let count = seqs.len();
        self.desk.metrics.delivered.increment(count as u64);
        let failures = self.desk.change(|state| {
            let failures = state.courier.failures();
            state.delivered += count as u64;
            state.courier.accepted(count);
            failures
        });
        if failures > 0 {
            tracing::info!(failures, "annotations are delivered again");
        }
    }

    /// The receiver says that the annotations themselves are wrong.
    fn wrong(&self, seqs: &[i64], reason: &str) {
        let verdict = self.desk.change(|state| {
            state.failed_attempts += 1;
            state.last_failure =
                Some(LastFailure { time: SystemTime::now().into(), reason: reason.to_owned() });
            state.courier.clone().wrong(seqs.len())
        });
        self.desk.metrics.failures.increment(1);
        if verdict == Verdict::Bury {
            let mut forgotten = 0;
            let bury = || {
                let buried = self.store.outbox_bury(QUEUE, seqs, reason);
                forgotten = self.runtime.block_on(buried)?;
                Ok(())
            };
            if !self.settle(bury) {
                return;
            }
            tracing::warn!(reason, "an annotation was set aside: the receiver calls it wrong");
            self.desk.metrics.buried.increment(1);
            self.desk.metrics.forgotten.increment(forgotten);
            self.desk.change(|state| state.dead = (state.dead + 1).saturating_sub(forgotten));
        }
        self.desk.change(|state| _ = state.courier.wrong(seqs.len()));
    }

    /// Does something in the store, again and again until it works: sending the same once
    /// more would not make it better. False when the thread shall end before that.
    fn settle(&self, mut act: impl FnMut() -> Result<(), StoreError>) -> bool {
        loop {
            match act() {
                Ok(()) => return true,
                Err(error) => {
                    tracing::error!(%error, "what became of annotations could not be noted");
                    self.desk.change(|state| {
                        state.last_failure = Some(LastFailure {
                            time: SystemTime::now().into(),
                            reason: error.to_string(),
                        });
                    });
                    if !self.desk.pause(STORE_PAUSE) {
                        return false;
                    }
                }
            }
        }
    }
}

/// The body with as many of the first items as fit, at least one, and how many these are.
fn batch(items: &[OutboxItem]) -> (Vec<u8>, usize) {
    let mut body = b"{\"data\":[".to_vec();
    let mut count = 0;
    for item in items {
        if count > 0 {
            if body.len() + item.payload.len() > MOST_BYTES {
                break;
            }
            body.push(b',');
        }
        body.extend_from_slice(&item.payload);
        count += 1;
    }
    body.extend_from_slice(b"]}");
    (body, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> OutboxItem {
        OutboxItem {
            seq: 1,
            payload: format!("\"{}\"", "x".repeat(bytes)).into_bytes(),
            enqueued: WallTime::default(),
            attempts: 0,
        }
    }

    #[test]
    fn a_body_is_json_and_bounded() {
        for (items, expected) in [
            (vec![], 0),
            (vec![item(3)], 1),
            (vec![item(3), item(4), item(5)], 3),
            (vec![item(MOST_BYTES + 1), item(1)], 1),
            (vec![item(MOST_BYTES / 2), item(MOST_BYTES / 3), item(MOST_BYTES / 3)], 2),
        ] {
            let (body, count) = batch(&items);
            assert_eq!(count, expected);
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value["data"].as_array().unwrap().len(), expected);
        }
    }
}
