//! What this process tells the others of its cameras: events, each confirmed by the broker, and
//! behind them the memory that already knows of them.
//!
//! One thread, one order. Before each message it is asked whether the camera is still this
//! process's: while that can't be known, it waits; what was lost meanwhile is not told, since
//! the next owner tells it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_bus::native::{encode_event, with_tenure};
use omma_bus::topic::{LazyTopics, Topic};
use omma_types::{CameraId, Event, EventKind};
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use super::checkpoint::{self, Checkpoint, tenure_form};
use super::member::Member;
use super::record::{Duty, Position};
use super::share::Held;
use crate::error::EngineError;
use crate::telemetry::{CameraMetrics, Telemetry};

/// Messages that wait, at most; from there on whoever tells something waits.
const QUEUE_ITEMS: usize = 4096;

/// Events that go to the broker at once, at most.
const BATCH_ITEMS: usize = 256;

/// How often it is looked whether the lease runs again, and the broker is back.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// When its picture arrived, and where to note how long it took from there.
type Origin = Option<(Instant, Arc<CameraMetrics>)>;

enum Item {
    Event {
        duty: Duty,
        fence: Position,
        event: Box<Event>,
        origin: Origin,
    },
    Checkpoint {
        camera: CameraId,
        fence: Position,
        checkpoint: Box<Checkpoint>,
    },
    /// Tells that everything before it is done.
    Flush(oneshot::Sender<()>),
}

/// A way to tell the others something. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reporter {
    queue: SyncSender<Item>,
    /// What this process may tell something about.
    held: Arc<RwLock<Held>>,
}

impl Reporter {
    /// Starts the thread. It ends when nobody is left who could tell anything.
    pub(crate) fn start(
        topics: LazyTopics,
        member: Arc<Mutex<Member>>,
        held: Arc<RwLock<Held>>,
        telemetry: Arc<Telemetry>,
        runtime: tokio::runtime::Handle,
    ) -> Result<(Self, JoinHandle<()>), EngineError> {
        let (queue, items) = sync_channel(QUEUE_ITEMS);
        let speaker = Speaker { topics, member, telemetry, runtime, trouble: false };
        let thread = std::thread::Builder::new()
            .name("report".to_owned())
            .spawn(move || speaker.run(&items))
            .map_err(|source| EngineError::System {
                what: "cannot start the thread that tells events to the bus".to_owned(),
                source,
            })?;
        Ok((Self { queue, held }, thread))
    }

    /// Tells an event, if what it is about is this process's to tell; waits while the queue is
    /// full. Not for async code.
    pub(crate) fn event(&self, event: Event, origin: Origin) {
        let duty = match event.kind {
            EventKind::CameraState { .. } | EventKind::RecordingState { .. } => Duty::Ingest,
            _ => Duty::Analyze,
        };
        let Some(fence) = self.held.read().get(&(duty, event.camera.clone())).copied() else {
            return;
        };
        self.send(Item::Event { duty, fence, event: Box::new(event), origin });
    }

    /// Tells what is to be remembered of a camera, held by the claim at `fence`.
    pub(crate) fn checkpoint(&self, camera: &CameraId, fence: Position, checkpoint: Checkpoint) {
        let checkpoint = Box::new(checkpoint);
        self.send(Item::Checkpoint { camera: camera.clone(), fence, checkpoint });
    }

    /// Waits until everything that was told before has been confirmed, or is not this process's
    /// to tell any more.
    pub(crate) async fn flush(&self) {
        let (done, waiting) = oneshot::channel();
        let own = self.clone();
        // The queue may be full.
        let sent = tokio::task::spawn_blocking(move || own.send(Item::Flush(done))).await;
        if sent.is_ok() {
            // Gone without an answer: the thread has ended, and with it the queue.
            drop(waiting.await);
        }
    }

    fn send(&self, item: Item) {
        if self.queue.send(item).is_err() {
            tracing::error!("an event came after the way to the bus had ended and is lost");
        }
    }
}

/// Whether something may be told.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Yes,
    /// It is not known: the lease has run out by the own clock, and the log says nothing yet.
    NotNow,
    /// Somebody else tells it.
    Lost,
}

struct Speaker {
    topics: LazyTopics,
    member: Arc<Mutex<Member>>,
    telemetry: Arc<Telemetry>,
    runtime: tokio::runtime::Handle,
    trouble: bool,
}

impl Speaker {
    fn run(mut self, items: &Receiver<Item>) {
        while let Ok(first) = items.recv() {
            let mut batch: VecDeque<Item> =
                std::iter::once(first).chain(items.try_iter()).take(BATCH_ITEMS).collect();
            while !batch.is_empty() {
                self.tell(&mut batch);
            }
        }
    }

    /// Tells what stands in front: as many events as stand there, or one of anything else.
    fn tell(&mut self, batch: &mut VecDeque<Item>) {
        let mut events = Vec::new();
        while let Some(Item::Event { duty, fence, event, origin }) = batch.front_mut() {
            let (duty, fence) = (*duty, *fence);
            match self.wait_for_word(&event.camera, duty, fence) {
                Word::Yes => {
                    let message = self.told(event, duty, fence);
                    events.push((event.camera.to_string(), message, origin.take()));
                }
                Word::NotNow | Word::Lost => self.telemetry.untold_events.increment(1),
            }
            batch.pop_front();
        }
        if !events.is_empty() {
            return self.publish_events(events);
        }
        match batch.pop_front() {
            Some(Item::Checkpoint { camera, fence, checkpoint }) => {
                if self.wait_for_word(&camera, Duty::Analyze, fence) == Word::Yes {
                    let tenure = self.tenure(Duty::Analyze, fence);
                    let message = checkpoint::encode(&camera, tenure, Some(&checkpoint));
                    self.publish(&checkpoint::topic(), &[(camera.to_string(), message)]);
                }
            }
            // Whoever asked may have gone.
            Some(Item::Flush(done)) => drop(done.send(())),
            Some(Item::Event { .. }) | None => {}
        }
    }

    fn tenure(&self, duty: Duty, fence: Position) -> omma_bus::proto::Tenure {
        tenure_form(self.member.lock().node(), duty, fence)
    }

    fn told(&self, event: &Event, duty: Duty, fence: Position) -> Bytes {
        with_tenure(&encode_event(0, event), self.tenure(duty, fence))
    }

    fn word(&self, camera: &CameraId, duty: Duty, fence: Position) -> Word {
        let member = self.member.lock();
        let owner = member.ledger().owner(camera, duty);
        let is_own = owner.is_some_and(|t| t.fence == fence && t.node == *member.node());
        match (is_own, member.holds_lease(Instant::now())) {
            (false, _) => Word::Lost,
            (true, true) => Word::Yes,
            (true, false) => Word::NotNow,
        }
    }

    fn wait_for_word(&self, camera: &CameraId, duty: Duty, fence: Position) -> Word {
        loop {
            match self.word(camera, duty, fence) {
                Word::NotNow => self.pause(),
                word => return word,
            }
        }
    }

    fn pause(&self) {
        self.runtime.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
    }

    fn publish_events(&mut self, events: Vec<(String, Bytes, Origin)>) {
        let mut origins = Vec::with_capacity(events.len());
        let messages = events.into_iter().map(|(camera, message, origin)| {
            origins.extend(origin);
            (camera, message)
        });
        let messages: Vec<_> = messages.collect();
        self.publish(&Topic::EVENTS, &messages);
        for (arrival, metrics) in origins {
            metrics.event_latency.record(arrival.elapsed().as_secs_f64());
        }
    }

    /// Tries until the broker has confirmed. Whoever reads judges by the broker's time of a
    /// message whether its owner was one still.
    fn publish(&mut self, topic: &Topic, messages: &[(String, Bytes)]) {
        loop {
            let sending =
                async { self.topics.get().await?.publish_all(topic, messages.to_vec()).await };
            match self.runtime.block_on(sending) {
                Ok(_) => {
                    self.trouble = false;
                    return;
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.trouble, true) {
                        let topic = topic.name();
                        tracing::warn!(%error, topic, "not told to the other processes; trying again");
                    }
                    self.pause();
                }
            }
        }
    }
}
