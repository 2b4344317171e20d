//! The task of one sink: reads behind the cursor, sends, moves the cursor.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use omma_bus::sink::{EventPayload, EventTarget, Progress, Stop};
use omma_store::{DeadEvent, EventQuery, MAX_PAGE, Order, Store, StoreError, StoredEvent};
use tokio::sync::{Notify, watch};

use super::json::{event_json, event_protobuf};
use super::pace::{Pace, Verdict};
use super::status::Report;
use crate::config::{EventFormat, SinkConfig, SinkTarget};
use crate::shared::random_seed;
use crate::snapshot::Snapshots;

/// The bytes of one batch.
const MOST_BYTES: usize = 4 << 20;

/// Rest before the store is asked again after it refused.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// A cursor that passes over events that are none of the sink's business is written down only
/// so often.
const PASS_OVER: i64 = 1000;

/// What a courier has.
pub(crate) struct Courier {
    config: SinkConfig,
    target: Box<dyn EventTarget>,
    store: Store,
    snapshots: Arc<Snapshots>,
    report: Arc<Report>,
    /// The newest event.
    newest: watch::Receiver<i64>,
    /// Rung when a cursor was moved or dead ones were revived.
    bell: Arc<Notify>,
    pace: Pace,
    /// Where the store says that it stands, and how far it has looked.
    cursor: i64,
    looked: i64,
    is_connected: bool,
}

impl Courier {
    pub(crate) fn new(
        config: SinkConfig,
        target: Box<dyn EventTarget>,
        (store, snapshots): (Store, Arc<Snapshots>),
        report: Arc<Report>,
        newest: watch::Receiver<i64>,
        bell: Arc<Notify>,
    ) -> Self {
        let pace = Pace::new(config.batch, config.attempts, random_seed());
        Self {
            config,
            target,
            store,
            snapshots,
            report,
            newest,
            bell,
            pace,
            cursor: 0,
            looked: 0,
            is_connected: false,
        }
    }

    /// Delivers until `stopping` says otherwise.
    pub(crate) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            () = self.deliver() => {}
            () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => {}
        }
        self.target.close().await;
    }

    async fn deliver(&mut self) {
        loop {
            if let Err(error) = self.step().await {
                tracing::error!(sink = self.config.name, %error, "the store does not answer");
                tokio::time::sleep(STORE_PAUSE).await;
                // What is known of it may be wrong now.
                self.cursor = 0;
            }
        }
    }

    async fn step(&mut self) -> Result<(), StoreError> {
        let cursor = self.store.sink_cursor(&self.config.name).await?;
        if cursor != self.cursor {
            // The start, or somebody wants a replay.
            self.cursor = cursor;
            self.looked = cursor;
            self.pace.moved();
        }
        self.report.moved(self.looked);
        if !self.is_connected {
            self.connect().await;
            return Ok(());
        }
        let revived = self.store.sink_revived(&self.config.name, self.page()).await?;
        let worked =
            if revived.is_empty() { self.forward().await? } else { self.again(revived).await? };
        self.report.dead(self.store.sink_dead_count(&self.config.name).await?);
        if !worked {
            self.rest().await;
        }
        Ok(())
    }

    async fn connect(&mut self) {
        tokio::time::sleep(self.pace.wait(Instant::now())).await;
        match self.target.connect().await {
            Ok(()) => {
                self.is_connected = true;
                // For a webhook this means nothing yet.
                if !matches!(self.config.target, SinkTarget::Webhook { .. }) {
                    self.report.works(SystemTime::now().into());
                }
            }
            Err(error) => {
                self.report.fails(SystemTime::now().into(), error.to_string());
                self.pace.away(Instant::now());
            }
        }
    }

    /// Waits for something to do. A batch that is not full waits for others.
    async fn rest(&mut self) {
        let bell = self.bell.notified();
        let looked = self.looked;
        let is_full = |newest: i64, batch: usize| newest - looked >= batch as i64;
        let newest = &mut self.newest;
        tokio::select! {
            () = bell => return,
            gone = async { newest.wait_for(|newest| *newest > looked).await.is_err() } => {
                if gone {
                    // Everything ends.
                    return std::future::pending().await;
                }
            }
        }
        let batch = self.config.batch;
        tokio::select! {
            () = tokio::time::sleep(self.config.interval) => {}
            () = async { drop(newest.wait_for(|newest| is_full(*newest, batch)).await) } => {}
        }
    }

    /// Sends the next events. False where there were none.
    async fn forward(&mut self) -> Result<bool, StoreError> {
        let newest = self.store.last_seq().await?;
        self.report.waiting(newest.saturating_sub(self.looked).max(0).unsigned_abs());
        if newest <= self.looked {
            return Ok(false);
        }
        let query = EventQuery {
            cameras: self.config.cameras.clone(),
            kinds: self.config.kinds.clone(),
            after_seq: Some(self.looked),
            before_seq: Some(newest + 1),
            limit: self.page(),
            order: Order::Oldest,
            // Nobody is to be told today that somebody came in last week.
            live_only: true,
            ..EventQuery::default()
        };
        let page = self.store.events(&query).await?;
        let Some(last) = page.events.last() else {
            return self.pass_over(newest).await.map(|()| true);
        };
        let end = if page.next.is_some() { last.seq } else { newest };
        let (progress, dead) = self.send(&page.events).await;
        let done = progress.delivered + usize::from(dead.is_some());
        let reached = match page.events.get(done) {
            // Everything in front of the next one is done.
            Some(next) => next.seq - 1,
            None => end,
        };
        if done > 0 {
            self.advance(reached, dead.as_slice()).await?;
        }
        Ok(true)
    }

    /// Nothing up to `newest` is for this sink.
    async fn pass_over(&mut self, newest: i64) -> Result<(), StoreError> {
        self.looked = newest;
        if newest - self.cursor >= PASS_OVER {
            self.advance(newest, &[]).await?;
        }
        Ok(())
    }

    async fn advance(&mut self, to: i64, dead: &[DeadEvent]) -> Result<(), StoreError> {
        if self.store.sink_advance(&self.config.name, self.cursor, to, dead).await? {
            self.cursor = to;
            self.looked = to;
            self.report.moved(to);
        }
        // Otherwise somebody moved it: the next step sees where to.
        Ok(())
    }

    /// Sends revived events. Returns whether there were any, which there were.
    async fn again(&mut self, events: Vec<StoredEvent>) -> Result<bool, StoreError> {
        let (progress, dead) = self.send(&events).await;
        let seqs: Vec<i64> = events.iter().take(progress.delivered).map(|e| e.seq).collect();
        if !seqs.is_empty() || dead.is_some() {
            self.store.sink_settle(&self.config.name, &seqs, dead.as_slice()).await?;
        }
        Ok(true)
    }

    /// Sends events, and draws the conclusions. Also returns the event to be put aside, which
    /// is the one behind those that were delivered.
    async fn send(&mut self, events: &[StoredEvent]) -> (Progress, Option<DeadEvent>) {
        tokio::time::sleep(self.pace.wait(Instant::now())).await;
        let payloads = self.payloads(events);
        let progress = self.target.send(&payloads).await;
        let (now, wall) = (Instant::now(), SystemTime::now().into());
        self.report.delivered(progress.delivered);
        self.pace.delivered(progress.delivered);
        let mut dead = None;
        match &progress.stopped {
            None => self.report.works(wall),
            Some(Stop::Away(error)) => {
                self.report.fails(wall, error.to_string());
                self.pace.away(now);
                self.is_connected = false;
            }
            Some(Stop::Refused { among, reason }) => {
                self.report.works(wall);
                let tries = self.pace.tries() + 1;
                if self.pace.refused(*among, now) == Verdict::Bury
                    && let Some(event) = events.get(progress.delivered)
                {
                    self.report.buried(wall, event.seq, reason);
                    dead = Some(DeadEvent {
                        seq: event.seq,
                        reason: reason.clone(),
                        attempts: tries,
                        at: wall,
                    });
                }
            }
        }
        (progress, dead)
    }

    fn page(&self) -> u32 {
        u32::try_from(self.pace.size()).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE)
    }

    /// As many of the first events as fit into a batch, at least one, written.
    fn payloads(&self, events: &[StoredEvent]) -> Vec<EventPayload> {
        let mut bytes = 0;
        let mut payloads: Vec<EventPayload> = Vec::with_capacity(events.len());
        for stored in events {
            let payload = self.payload(stored);
            bytes += payload.body.len();
            if bytes > MOST_BYTES && !payloads.is_empty() {
                break;
            }
            payloads.push(payload);
        }
        payloads
    }

    fn payload(&self, stored: &StoredEvent) -> EventPayload {
        let event = &stored.event;
        let is_protobuf = matches!(
            self.config.target,
            SinkTarget::Bus(_) | SinkTarget::Broker { format: EventFormat::Protobuf, .. }
        );
        let body = if is_protobuf {
            event_protobuf(stored)
        } else {
            let snapshot = event.track.is_some() && self.snapshots.has(&event.camera, event.id);
            Bytes::from(event_json(stored.seq, event, snapshot))
        };
        EventPayload {
            seq: stored.seq,
            id: event.id.to_string(),
            camera: event.camera.as_str().to_owned(),
            kind: event.kind.as_str(),
            body,
        }
    }
}
