//! Handing messages over without waiting.
//!
//! Each topic and key has a queue that is bounded in bytes, and a task that empties it while
//! there is something in it. The newest messages win: what does not fit pushes out the oldest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::retry::Backoff;
use super::stats::{Counters, DropReason};
use super::{Backend, Care, Message, Topic};
use crate::BusError;

/// Most messages in one round trip.
const BATCH: usize = 64;

pub(super) struct Offers(Arc<Shared>);

struct Shared {
    backend: Arc<dyn Backend>,
    counters: Arc<Counters>,
    most: usize,
    queues: Mutex<BTreeMap<(Topic, Arc<str>), Queue>>,
    /// The places whose losses were told of; what is lost next is no news.
    told: Mutex<BTreeSet<(Topic, Arc<str>)>>,
    runtime: Handle,
}

/// What waits for one topic and key. Its task runs as long as it is there.
#[derive(Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
    away: bool,
}

impl Offers {
    pub(super) fn new(backend: Arc<dyn Backend>, counters: Arc<Counters>, most: usize) -> Self {
        let queues = Mutex::new(BTreeMap::new());
        let (told, runtime) = (Mutex::default(), Handle::current());
        Self(Arc::new(Shared { backend, counters, most, queues, told, runtime }))
    }

    /// How many messages were lost for this one.
    pub(super) fn offer(&self, topic: &Topic, key: &str, payload: Bytes) -> usize {
        let key: Arc<str> = key.into();
        let mut queues = self.0.queues.lock();
        let place = (topic.clone(), key.clone());
        let is_new = !queues.contains_key(&place);
        let queue = queues.entry(place).or_default();
        queue.bytes += payload.len();
        queue.messages.push_back(payload);
        let mut lost = 0;
        while queue.bytes > self.0.most {
            let Some(oldest) = queue.messages.pop_front() else { break };
            queue.bytes -= oldest.len();
            lost += 1;
        }
        let reason = if queue.away { DropReason::Away } else { DropReason::Busy };
        drop(queues);
        if lost > 0 {
            self.0.counters.dropped(topic, reason, lost);
        }
        if is_new {
            self.0.runtime.spawn(empty(self.0.clone(), topic.clone(), key));
        }
        lost
    }
}

/// Writes what waits until nothing does.
async fn empty(shared: Arc<Shared>, topic: Topic, key: Arc<str>) {
    let place = (topic.clone(), key.clone());
    let mut backoff = Backoff::default();
    loop {
        let batch: Vec<Message> = {
            let mut queues = shared.queues.lock();
            let Some(queue) = queues.get_mut(&place) else { return };
            let count = queue.messages.len().min(BATCH);
            let batch: Vec<Message> =
                queue.messages.drain(..count).map(|payload| (key.clone(), payload)).collect();
            queue.bytes -= batch.iter().map(|(_, payload)| payload.len()).sum::<usize>();
            if batch.is_empty() {
                queues.remove(&place);
                return;
            }
            batch
        };
        let result = shared.backend.publish(&topic, &batch, Care::Once).await;
        let reason = match &result {
            Ok(written) => {
                shared.counters.published(&topic, written.len());
                backoff.reset();
                if shared.told.lock().remove(&place) {
                    tracing::info!(topic = topic.name(), %key, "the bus takes messages again");
                }
                None
            }
            Err(BusError::Unreachable { .. }) => Some(DropReason::Away),
            Err(_) => Some(DropReason::Refused),
        };
        if let Some(queue) = shared.queues.lock().get_mut(&place) {
            queue.away = reason == Some(DropReason::Away);
        }
        if let (Some(reason), Err(error)) = (reason, result) {
            if shared.told.lock().insert(place.clone()) {
                tracing::warn!(topic = topic.name(), %key, %error, "messages are lost on the bus");
            }
            shared.counters.dropped(&topic, reason, batch.len());
            tokio::time::sleep(backoff.next()).await;
        }
    }
}
