//! The way of events into the store, and from there to everybody who listens.
//!
//! One thread writes, in order and in batches. Its queue is bounded and senders wait when it
//! is full: from the rules on nothing is dropped. A store that refuses (disk full) is tried
//! again until it accepts, and says so in readiness and log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_store::Store;
use omma_types::{CameraId, Event, EventId, EventKind, MediaTime, WallTime};
use parking_lot::{Condvar, Mutex};
use tokio::sync::broadcast;

use crate::cluster::Reporter;
use crate::error::EngineError;
use crate::status::Message;
use crate::telemetry::{CameraMetrics, Telemetry};

const QUEUE_ITEMS: usize = 4096;
const BATCH_ITEMS: usize = 256;
const RETRY_AFTER: Duration = Duration::from_secs(1);
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// When its picture arrived, and where to note how long it took from there.
type Origin = Option<(Instant, Arc<CameraMetrics>)>;

enum Item {
    Event(Box<Event>, Origin),
    /// Nothing follows.
    Stop,
}

/// The event of a camera's new state.
pub(crate) fn camera_state(
    id: EventId,
    camera: &CameraId,
    state: &'static str,
    reason: &str,
    wall: WallTime,
) -> Event {
    of_camera(id, camera, EventKind::CameraState { state, reason: reason.to_owned() }, wall)
}

/// An event of a camera itself, not of something that it saw.
pub(crate) fn of_camera(id: EventId, camera: &CameraId, kind: EventKind, wall: WallTime) -> Event {
    Event {
        id,
        camera: camera.clone(),
        kind,
        rule: None,
        track: None,
        class: None,
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall,
        path: Vec::new(),
        attributes: BTreeMap::new(),
    }
}

/// Where events go: to the writer, or, where several processes share the work, to all of them
/// over the bus.
#[derive(Clone)]
pub(crate) enum EventSender {
    Store(Queue),
    Bus(Reporter),
}

impl EventSender {
    /// Hands over an event; waits while the queue is full. Not for async code.
    pub(crate) fn send(&self, event: Event, origin: Origin) {
        match self {
            Self::Store(queue) => queue.send(event, origin),
            Self::Bus(reporter) => reporter.event(event, origin),
        }
    }
}

/// The writer's queue.
#[derive(Clone)]
pub(crate) struct Queue {
    queue: SyncSender<Item>,
    telemetry: Arc<Telemetry>,
}

impl Queue {
    fn send(&self, event: Event, origin: Origin) {
        self.telemetry.event_queue.increment(1.0);
        if self.queue.send(Item::Event(Box::new(event), origin)).is_err() {
            self.telemetry.event_queue.decrement(1.0);
            tracing::error!("an event came after the writer had stopped and is lost");
        }
    }
}

/// The thread that writes events.
pub(crate) struct Writer {
    sender: Queue,
    thread: Mutex<Option<JoinHandle<()>>>,
    trouble: Arc<Trouble>,
}

/// What is in the way of writing, and a bell that ends the waiting.
#[derive(Default)]
struct Trouble {
    reason: Mutex<Option<String>>,
    stopping: Mutex<bool>,
    bell: Condvar,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(
        store: Store,
        messages: broadcast::Sender<Message>,
        telemetry: Arc<Telemetry>,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self, EngineError> {
        let (sender, receiver) = sync_channel(QUEUE_ITEMS);
        let trouble = Arc::new(Trouble::default());
        let own = Arc::clone(&trouble);
        let sender = Queue { queue: sender, telemetry: Arc::clone(&telemetry) };
        let thread = std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || write_all(&receiver, &store, &messages, &telemetry, &runtime, &own))
            .map_err(|source| EngineError::System {
                what: "cannot start the thread that stores events".to_owned(),
                source,
            })?;
        Ok(Self { sender, thread: Mutex::new(Some(thread)), trouble })
    }

    /// A way to hand over events.
    pub(crate) fn sender(&self) -> EventSender {
        EventSender::Store(self.sender.clone())
    }

    /// Why events can't be stored at the moment, if so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.reason.lock().clone()
    }

    /// Waits until the queue has been written. Events sent later are lost, so cameras and
    /// detectors are stopped first. A store that keeps refusing is given up.
    pub(crate) fn stop(&self) {
        if self.sender.queue.send(Item::Stop).is_err() {
            return;
        }
        *self.trouble.stopping.lock() = true;
        self.trouble.bell.notify_all();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that stores events ended in a panic");
        }
    }
}

fn write_all(
    queue: &Receiver<Item>,
    store: &Store,
    messages: &broadcast::Sender<Message>,
    telemetry: &Telemetry,
    runtime: &tokio::runtime::Handle,
    trouble: &Trouble,
) {
    let mut stopping = false;
    // One that was told again by another process is in the store already: it is no news.
    let mut newest = runtime.block_on(store.last_seq()).unwrap_or_default();
    let mut upkeep = Instant::now() + UPKEEP_EVERY;
    while !stopping {
        // Also where events never pause: samples pile up until it is done.
        let left = upkeep.saturating_duration_since(Instant::now());
        if left.is_zero() {
            telemetry.upkeep();
            upkeep = Instant::now() + UPKEEP_EVERY;
            continue;
        }
        let mut batch: Vec<(Event, Origin)> = Vec::new();
        let first = match queue.recv_timeout(left) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for item in std::iter::once(first).chain(queue.try_iter()).take(BATCH_ITEMS) {
            match item {
                Item::Event(event, origin) => batch.push((*event, origin)),
                Item::Stop => stopping = true,
            }
        }
        let (events, origins): (Vec<Event>, Vec<Origin>) = batch.into_iter().unzip();
        let Some(numbers) = append(store, &events, telemetry, runtime, trouble) else {
            tracing::error!(events = events.len(), "events could not be stored before the end");
            return;
        };
        for ((event, origin), number) in events.into_iter().zip(origins).zip(numbers) {
            telemetry.event_queue.decrement(1.0);
            let Some(number) = number.filter(|number| *number > newest) else { continue };
            newest = number;
            if let Some((arrival, metrics)) = origin {
                metrics.event_latency.record(arrival.elapsed().as_secs_f64());
            }
            // Nobody listens: that is no failure.
            drop(messages.send(Message::Event(number, Arc::new(event))));
        }
    }
}

/// Stores the events, however long it takes; none when the engine ends before. An event that
/// the store can never take is reported and left out, so that it does not block all others.
fn append(
    store: &Store,
    events: &[Event],
    telemetry: &Telemetry,
    runtime: &tokio::runtime::Handle,
    trouble: &Trouble,
) -> Option<Vec<Option<i64>>> {
    loop {
        match runtime.block_on(store.append(events)) {
            Ok(numbers) => {
                *trouble.reason.lock() = None;
                return Some(numbers.into_iter().map(Some).collect());
            }
            Err(error) if !error.kind().is_transient() => {
                if let [event] = events {
                    tracing::error!(%error, camera = %event.camera, id = %event.id, "an event is refused");
                    return Some(vec![None]);
                }
                let mut numbers = Vec::new();
                for event in events.chunks(1) {
                    numbers.extend(append(store, event, telemetry, runtime, trouble)?);
                }
                return Some(numbers);
            }
            Err(error) => {
                tracing::error!(%error, "events cannot be stored; trying again");
                *trouble.reason.lock() = Some(error.to_string());
                telemetry.upkeep();
                let mut stopping = trouble.stopping.lock();
                if *stopping {
                    return None;
                }
                trouble.bell.wait_for(&mut stopping, RETRY_AFTER);
            }
        }
    }
}
