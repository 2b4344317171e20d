//! What the others tell, in a process that stores and answers: their events into its store,
//! their analyses into its live pictures. In one that records only around events, these too.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_bus::BusError;
use omma_bus::native::{decode_analysis, decode_event, tenure_of};
use omma_bus::topic::{LazyTopics, Record, Start, Subscription, Topic};
use omma_store::{EventQuery, Order};
use omma_types::{Clock as _, Event, EventKind, SystemClock};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::checkpoint;
use super::node::Cluster;
use crate::backoff::Backoff;
use crate::camera::Camera;
use crate::shared::{Shared, random_seed};
use crate::status::Message;

/// Events are told within this after they happened, unless their process was cut off. The
/// reader goes on so long before the newest event that it has: what it has already is left out.
const LATE: Duration = Duration::from_secs(3600);

/// How long the nodes' log may be behind the events. After that an event counts: one that is
/// told twice has the same id, one that is left out is lost.
const LOG_BEHIND: Duration = Duration::from_secs(5);

/// Footage is kept around events that are not older.
const NEWS: Duration = Duration::from_secs(30);

/// How often it is looked whether the log has been read far enough.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often it is looked whether a camera is still there.
const CAMERA_EVERY: Duration = Duration::from_millis(500);

/// Totals are read again this long after the first of a run of events.
const TOGETHER: Duration = Duration::from_millis(200);

/// Takes in events for as long as there is an engine. On a thread of its own: the way into the
/// store may have to wait for the disk.
pub(super) async fn hear_events(cluster: Arc<Cluster>, shared: Weak<Shared>) {
    let mut backoff = Backoff::new(random_seed());
    loop {
        let Err(error) = listen(&cluster, &shared).await else { return };
        tracing::warn!(%error, "no events come from the other processes; trying again");
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

async fn listen(cluster: &Cluster, shared: &Weak<Shared>) -> Result<(), BusError> {
    let Some(start) = start(shared).await else { return Ok(()) };
    let topics = cluster.topics.get().await?;
    let mut events = topics.subscribe(&Topic::EVENTS, None, start).await?;
    loop {
        let record = events.next_record().await?;
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        match judged(cluster, &record).await {
            Ok(Some(event)) => take(cluster, &shared, event),
            Ok(None) => shared.telemetry.foreign_events.increment(1),
            Err(error) => {
                shared.telemetry.foreign_messages.increment(1);
                tracing::debug!(%error, "left out");
            }
        }
    }
}

/// Behind what the store has. None where there is no engine any more.
async fn start(shared: &Weak<Shared>) -> Option<Start> {
    let store = shared.upgrade()?.store.clone();
    let newest = EventQuery { order: Order::Newest, limit: 1, ..EventQuery::default() };
    Some(match store.events(&newest).await.ok().and_then(|page| page.events.into_iter().next()) {
        Some(newest) => Start::Since(newest.event.wall - LATE),
        None => Start::Oldest,
    })
}

/// The event of a message, if whoever told it was the owner then.
async fn judged(cluster: &Cluster, record: &Record) -> Result<Option<Event>, BusError> {
    let topic = Topic::EVENTS.name();
    let tenure = tenure_of(topic, record.payload.clone())?;
    let (_, event) = decode_event(topic, record.payload.clone())?;
    // Told by one that shares no work, or by a program of the user's own.
    let Some((duty, fence)) = tenure.as_ref().and_then(checkpoint::tenure_of) else {
        return Ok(Some(event));
    };
    let waiting = Instant::now();
    loop {
        let (was_owner, is_read) = {
            let member = cluster.member.lock();
            let ledger = member.ledger();
            let was_owner = ledger.was_owner(&event.camera, duty, fence, record.time);
            (was_owner, ledger.now().is_some_and(|now| now >= record.time))
        };
        match was_owner {
            Some(was_owner) => return Ok(was_owner.then_some(event)),
            // It is older than what the log tells of, or the log does not come.
            None if is_read || waiting.elapsed() > LOG_BEHIND => return Ok(Some(event)),
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

fn take(cluster: &Cluster, shared: &Arc<Shared>, event: Event) {
    let about_camera =
        matches!(event.kind, EventKind::CameraState { .. } | EventKind::RecordingState { .. });
    let is_news = SystemClock.wall().since(event.wall) < NEWS;
    if !about_camera && is_news && !cluster.analyses(&event.camera) {
        // Footage around events is kept where the camera is read.
        shared.library.event(&event.camera, Instant::now());
    }
    if cluster.serves() {
        // A thread of its own runs this: it may wait for the disk.
        shared.writer.sender().send(event, None);
    }
}

/// Shows what others find out about `camera`, for as long as it runs.
pub(super) async fn hear_analyses(topics: LazyTopics, camera: Weak<Camera>, shared: Weak<Shared>) {
    let mut backoff = Backoff::new(random_seed());
    let Some(id) = camera.upgrade().map(|camera| camera.id.clone()) else { return };
    loop {
        let opened = match topics.get().await {
            Ok(topics) => {
                topics.subscribe(&Topic::ANALYSIS, Some(id.as_str()), Start::Newest).await
            }
            Err(error) => Err(error),
        };
        let shown = match opened {
            Ok(analyses) => show(analyses, &camera, &shared).await,
            Err(error) => Err(error),
        };
        let Err(error) = shown else { return };
        tracing::debug!(camera = %id, %error, "no analyses come from the other processes");
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

async fn show(
    mut analyses: Subscription,
    camera: &Weak<Camera>,
    shared: &Weak<Shared>,
) -> Result<(), BusError> {
    loop {
        let next = tokio::time::timeout(CAMERA_EVERY, analyses.next_record()).await;
        let (Some(camera), Some(shared)) = (camera.upgrade(), shared.upgrade()) else {
            return Ok(());
        };
        if camera.main().is_ok_and(|main| main.is_stopped()) {
            return Ok(());
        }
        let Ok(record) = next else { continue };
        match decode_analysis(Topic::ANALYSIS.name(), record?.payload) {
            Ok(analysis) if analysis.camera == camera.id => {
                camera.heard(Arc::new(analysis), &shared.messages);
            }
            Ok(_) => {}
            Err(_foreign) => shared.telemetry.foreign_messages.increment(1),
        }
    }
}

/// Keeps the totals of cameras true that are counted elsewhere: whenever an event of theirs has
/// been stored, they are read again.
pub(super) async fn keep_totals(mut messages: broadcast::Receiver<Message>, shared: Weak<Shared>) {
    let mut changed = BTreeSet::new();
    let mut due: Option<tokio::time::Instant> = None;
    loop {
        let wake = due.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(3600));
        let message = tokio::select! {
            message = messages.recv() => message,
            () = tokio::time::sleep_until(wake) => {
                due = None;
                let Some(shared) = shared.upgrade() else { return };
                for camera in std::mem::take(&mut changed) {
                    shared.recount(&camera).await;
                }
                continue;
            }
        };
        match message {
            Ok(Message::Event(_, event)) => drop(changed.insert(event.camera.clone())),
            Ok(Message::Analysis(_)) => continue,
            Err(RecvError::Lagged(_)) => {
                let Some(shared) = shared.upgrade() else { return };
                changed.extend(shared.cameras().iter().map(|camera| camera.id.clone()));
            }
            Err(RecvError::Closed) => return,
        }
        due = due.or_else(|| Some(tokio::time::Instant::now() + TOGETHER));
    }
}
