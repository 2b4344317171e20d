//! The way of tracks into the store: a bounded queue and one task that thins and writes, and
//! once an hour takes away what is too old.
//!
//! Unlike events, tracks are not worth waiting for: what does not fit in the queue, or what the
//! store refuses, is dropped and counted.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use omma_store::{NewTracks, Store};
use omma_types::{CameraId, WallTime};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::chunk::{Moment, encode};
use super::log::Log;
use crate::EngineError;
use crate::shared::random_seed;
use crate::telemetry::{Telemetry, TrackDrop};

/// Chunks that may wait: a minute of so many cameras.
const QUEUE_CHUNKS: usize = 256;

/// How often old ones are taken away.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// How many may go through stored tracks at a time. Detectors need the processor.
const AT_A_TIME: usize = 1;

/// How many may take turns at it.
const ASKERS: usize = 8;

/// Somebody waits for so long until a seat is free, or it is their turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// What is on its way is waited for so long.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// Some time of a camera, complete.
pub(super) struct Closed {
    pub(super) camera: CameraId,
    pub(super) run: i64,
    pub(super) moments: Vec<Moment>,
}

enum Item {
    Chunk(Closed),
    /// Everything before it is stored.
    Tell(oneshot::Sender<()>),
}

/// Where chunks go.
#[derive(Clone)]
pub(super) struct Queue {
    sender: mpsc::Sender<Item>,
    telemetry: Arc<Telemetry>,
}

impl Queue {
    /// Never waits.
    pub(super) fn offer(&self, chunk: Closed) {
        let camera = chunk.camera.clone();
        if self.sender.try_send(Item::Chunk(chunk)).is_err() {
            self.telemetry.drop_tracks(TrackDrop::Busy);
            tracing::warn!(%camera, "tracks are dropped: the store is slower than they come");
        }
    }
}

/// The task that keeps tracks.
pub(crate) struct Keeper {
    queue: Queue,
    task: Mutex<Option<JoinHandle<()>>>,
    seats: Semaphore,
    turns: Semaphore,
}

impl Keeper {
    /// Begins. Tracks stay for `keep`; none keeps no tracks at all. Must be called on a Tokio
    /// runtime.
    pub(crate) fn start(
        store: Store,
        telemetry: Arc<Telemetry>,
        keep: Option<Duration>,
    ) -> Option<Self> {
        let keep = keep?;
        let (sender, receiver) = mpsc::channel(QUEUE_CHUNKS);
        let queue = Queue { sender, telemetry: Arc::clone(&telemetry) };
        let task = tokio::spawn(work(receiver, store, telemetry, keep));
        let (seats, turns) = (Semaphore::new(ASKERS), Semaphore::new(AT_A_TIME));
        Some(Self { queue, task: Mutex::new(Some(task)), seats, turns })
    }

    /// What sees a camera's analyses. Each one is a run of its own, in which numbers of tracks
    /// are unique.
    pub(crate) fn log(&self, camera: &CameraId) -> Arc<Log> {
        let run = random_seed().cast_signed();
        Arc::new(Log::new(camera.clone(), run, self.queue.clone()))
    }

    /// Waits for a seat among those who go through stored tracks, and holds it.
    ///
    /// # Errors
    /// None is free for 10 s.
    pub(crate) async fn seat(&self) -> Result<SemaphorePermit<'_>, EngineError> {
        within(&self.seats, TURN_WITHIN).await
    }

    /// Waits for the turn to look at some of them, and holds it.
    ///
    /// # Errors
    /// It does not come for 10 s.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, EngineError> {
        within(&self.turns, TURN_WITHIN).await
    }

    /// Returns when everything that was handed over is stored, at the latest after 5 s.
    pub(crate) async fn settle(&self) {
        let (told, heard) = oneshot::channel();
        let settled = async {
            if self.queue.sender.send(Item::Tell(told)).await.is_ok() {
                // It ended instead: then nothing more is stored.
                drop(heard.await);
            }
        };
        if tokio::time::timeout(SETTLE_WITHIN, settled).await.is_err() {
            tracing::warn!("tracks that were seen last are not stored yet");
        }
    }

    /// Stores what was handed over, and ends.
    pub(crate) async fn stop(&self) {
        self.settle().await;
        let task = self.task.lock().take();
        task.iter().for_each(JoinHandle::abort);
    }
}

async fn within(permits: &Semaphore, time: Duration) -> Result<SemaphorePermit<'_>, EngineError> {
    // Never closed.
    let permit = tokio::time::timeout(time, permits.acquire()).await.ok();
    permit.and_then(Result::ok).ok_or(EngineError::TracksBusy)
}

async fn work(
    mut queue: mpsc::Receiver<Item>,
    store: Store,
    telemetry: Arc<Telemetry>,
    keep: Duration,
) {
    let mut forget_at = Instant::now();
    loop {
        let left = forget_at.saturating_duration_since(Instant::now());
        let item = tokio::select! {
            item = queue.recv() => item,
            () = tokio::time::sleep(left) => {
                forget(&store, keep, SystemTime::now().into()).await;
                forget_at = Instant::now() + FORGET_EVERY;
                continue;
            }
        };
        match item {
            None => return,
            // Nobody waits any more: that is no failure.
            Some(Item::Tell(told)) => drop(told.send(())),
            Some(Item::Chunk(chunk)) => write(chunk, &store, &telemetry).await,
        }
    }
}

async fn write(chunk: Closed, store: &Store, telemetry: &Telemetry) {
    let camera = chunk.camera.clone();
    let Ok(Some((tracks, boxes))) = tokio::task::spawn_blocking(move || form(&chunk)).await else {
        telemetry.drop_tracks(TrackDrop::Failed);
        tracing::error!(%camera, "tracks could not be made smaller and are dropped");
        return;
    };
    let (points, bytes) = (u64::from(tracks.points), tracks.bytes.len() as u64);
    match store.add_tracks(&tracks).await {
        Ok(()) => telemetry.stored_tracks(boxes, points, bytes),
        Err(error) => {
            telemetry.drop_tracks(TrackDrop::Failed);
            tracing::error!(%error, %camera, "tracks could not be stored and are dropped");
        }
    }
}

/// A chunk as it is stored, with how many boxes it was made of.
fn form(chunk: &Closed) -> Option<(NewTracks, u64)> {
    let (first, last) = (chunk.moments.first()?, chunk.moments.last()?);
    let encoded = encode(&chunk.moments);
    let tracks = NewTracks {
        camera: chunk.camera.clone(),
        run: chunk.run,
        start: first.frame.wall,
        end: last.frame.wall,
        points: u32::try_from(encoded.points).unwrap_or(u32::MAX),
        bytes: encoded.bytes,
    };
    Some((tracks, encoded.boxes as u64))
}

/// Takes away what is older than `keep` at the time `now`.
async fn forget(store: &Store, keep: Duration, now: WallTime) {
    match store.forget_tracks_before(now - keep).await {
        Ok(0) => {}
        Ok(chunks) => tracing::info!(chunks, "old tracks were forgotten"),
        // The next hour may be better.
        Err(error) => tracing::error!(%error, "old tracks could not be forgotten"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_when_all_seats_are_taken_is_told_so_and_the_turn_goes_around() {
        let store = Store::in_memory().await.unwrap();
        let keep = Some(Duration::from_hours(1));
        let keeper = Keeper::start(store, Telemetry::new(), keep).unwrap();
        let soon = Duration::from_millis(1);
        let mut seats = Vec::new();
        for _ in 0..ASKERS {
            seats.push(keeper.seat().await.unwrap());
        }
        assert!(matches!(within(&keeper.seats, soon).await, Err(EngineError::TracksBusy)));
        seats.pop();
        assert!(keeper.seat().await.is_ok());

        let turn = keeper.turn().await.unwrap();
        assert!(matches!(within(&keeper.turns, soon).await, Err(EngineError::TracksBusy)));
        // Who waits comes before the one who had it.
        let (other, ()) = tokio::join!(keeper.turn(), async { drop(turn) });
        assert!(other.is_ok());
    }
}
