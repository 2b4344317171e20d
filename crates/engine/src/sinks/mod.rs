//! Events out: to streams, topics and webhooks, each sink at its own pace.
//!
//! - `courier`: the task of one sink; `pace` its rules, `target` what it writes to.
//! - `json`: how an event is written.
//! - `house`: what an MQTT sink tells beside events.
//!
//! The store is the queue. A sink has a cursor there, which moves when the other side has
//! what was in front of it: events arrive at least once, and those of a camera in order.
//! Whoever must not count one twice leaves out what has an `id` or `seq` that it knows. Events
//! wait for a sink that is away up to twice as long as `events.keep` says, then they are lost
//! to it, counted and logged.

mod courier;
mod house;
mod json;
mod pace;
mod status;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use omma_bus::Broker;
use omma_bus::topic::Topic;
use omma_store::{DeadEvent, Store, StoreError};
use omma_types::{WallTime, redact_url};
use parking_lot::Mutex;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::EngineError;
use crate::config::{SinkConfig, SinkTarget};
use crate::shared::Shared;
use crate::status::Message;
use courier::Courier;
use house::House;
use status::Report;

pub use json::event_json;
pub use status::SinkStatus;

/// How long a sink may take to say goodbye.
const GRACE: Duration = Duration::from_secs(1);

/// All sinks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sinks(Arc<Inner>);

struct Inner {
    store: Store,
    running: Mutex<BTreeMap<String, Running>>,
    newest: watch::Sender<i64>,
    /// Whether [`Sinks::apply`] was called: before that nobody knows who waits for events.
    applied: watch::Sender<bool>,
    follower: JoinHandle<()>,
}

struct Running {
    config: SinkConfig,
    report: Arc<Report>,
    bell: Arc<Notify>,
    stopping: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sinks {
    /// None yet; they hear of new events through `messages`. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn new(
        store: Store,
        messages: broadcast::Receiver<Message>,
    ) -> Result<Self, StoreError> {
        let (newest, _) = watch::channel(store.last_seq().await?);
        let follower = tokio::spawn(follow(messages, store.clone(), newest.clone()));
        let (applied, _) = watch::channel(false);
        let running = Mutex::default();
        Ok(Self(Arc::new(Inner { store, running, newest, applied, follower })))
    }

    /// Makes `wanted` those that run. Sinks that stay the same are not touched. Returns what
    /// changed.
    pub(crate) async fn apply(&self, shared: &Arc<Shared>, wanted: &[SinkConfig]) -> Vec<String> {
        let mut report = Vec::new();
        let old: Vec<(String, bool)> = {
            let running = self.0.running.lock();
            running
                .values()
                .filter(|sink| !wanted.contains(&sink.config))
                .map(|sink| sink.config.name.clone())
                .map(|name| (name.clone(), wanted.iter().any(|sink| sink.name == name)))
                .collect()
        };
        for (name, changed) in old {
            let sink = self.0.running.lock().remove(&name);
            if let Some(sink) = sink {
                sink.stop().await;
            }
            if !changed {
                report.push(format!("sink `{name}`: removed"));
            }
        }
        for config in wanted {
            let is_running = self.0.running.lock().contains_key(&config.name);
            if !is_running {
                report.push(format!("sink `{}`: started", config.name));
                let sink = self.start(shared, config.clone());
                self.0.running.lock().insert(config.name.clone(), sink);
            }
        }
        self.0.applied.send_replace(true);
        report
    }

    fn start(&self, shared: &Arc<Shared>, config: SinkConfig) -> Running {
        let metrics = shared.telemetry.sink(&config.name);
        let report = Arc::new(Report::new(config.name.clone(), metrics));
        let bell = Arc::new(Notify::new());
        let (stopping, stop) = watch::channel(false);
        let mut tasks = Vec::new();
        match target::open(&config) {
            Ok(opened) => {
                if let (Some(link), SinkTarget::Broker { name, home_assistant, .. }) =
                    (opened.link, &config.target)
                {
                    let house = House {
                        name: name.clone(),
                        home_assistant: home_assistant.clone(),
                        cameras: config.cameras.clone(),
                    };
                    let keeping = house::keep(house, link, Arc::clone(shared));
                    let mut stop = stop.clone();
                    tasks.push(tokio::spawn(async move {
                        tokio::select! {
                            () = keeping => {}
                            () = async { drop(stop.wait_for(|stop| *stop).await) } => {}
                        }
                    }));
                }
                let courier = Courier::new(
                    config.clone(),
                    opened.target,
                    (self.0.store.clone(), Arc::clone(&shared.snapshots)),
                    Arc::clone(&report),
                    self.0.newest.subscribe(),
                    Arc::clone(&bell),
                );
                tasks.push(tokio::spawn(courier.run(stop)));
            }
            Err(error) => report.fails(std::time::SystemTime::now().into(), error.to_string()),
        }
        Running { config, report, bell, stopping, tasks }
    }

    /// How they do, by name.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn status(&self) -> Result<Vec<SinkStatus>, EngineError> {
        let newest = self.0.store.last_seq().await?;
        let running = self.0.running.lock();
        Ok(running.values().map(|sink| sink.status(newest)).collect())
    }

    /// See [`crate::Handle::replay_sink`].
    pub(crate) async fn replay(&self, name: &str, from: i64) -> Result<i64, EngineError> {
        let bell = self.known(name)?;
        let cursor = self.0.store.sink_replay(name, from).await?;
        bell.notify_one();
        tracing::info!(sink = name, from, "events are delivered once more");
        Ok(cursor)
    }

    /// See [`crate::Handle::sink_dead`].
    pub(crate) async fn dead(&self, name: &str, limit: u32) -> Result<Vec<DeadEvent>, EngineError> {
        self.known(name)?;
        Ok(self.0.store.sink_dead(name, limit).await?)
    }

    /// See [`crate::Handle::revive_sink`].
    pub(crate) async fn revive(&self, name: &str) -> Result<u64, EngineError> {
        let bell = self.known(name)?;
        let revived = self.0.store.sink_revive(name).await?;
        bell.notify_one();
        Ok(revived)
    }

    fn known(&self, name: &str) -> Result<Arc<Notify>, EngineError> {
        let running = self.0.running.lock();
        match running.get(name) {
            Some(sink) => Ok(Arc::clone(&sink.bell)),
            None => Err(EngineError::NoSink {
                name: name.to_owned(),
                known: running.keys().cloned().collect(),
            }),
        }
    }

    /// Forgets events that are older than `keep` at the time `now`: those that all sinks have;
    /// and those that are older than twice that, delivered or not. Returns how many went.
    ///
    /// # Errors
    /// The store can't be written.
    pub(crate) async fn forget(&self, keep: Duration, now: WallTime) -> Result<u64, StoreError> {
        drop(self.0.applied.subscribe().wait_for(|applied| *applied).await);
        let reports: Vec<(String, Arc<Report>)> = {
            let running = self.0.running.lock();
            running.iter().map(|(name, sink)| (name.clone(), Arc::clone(&sink.report))).collect()
        };
        let store = &self.0.store;
        let names: Vec<&str> = reports.iter().map(|(name, _)| name.as_str()).collect();
        let done = store.sinks_done(&names).await?.unwrap_or(i64::MAX);
        let mut forgotten = store.forget_events(now - keep, done).await?;
        let bound = now - keep.saturating_mul(2);
        for (name, report) in &reports {
            let lost = store.sink_behind(name, bound).await?;
            if lost > 0 {
                report.lost(lost);
            }
        }
        forgotten += store.forget_events_before(bound).await?;
        store.sink_dead_tidy().await?;
        Ok(forgotten)
    }

    /// Ends them all, within a second or so. What was not delivered goes on after the next
    /// start.
    pub(crate) async fn stop(&self) {
        self.0.follower.abort();
        let all = std::mem::take(&mut *self.0.running.lock());
        for sink in all.values() {
            sink.stopping.send_replace(true);
        }
        for sink in all.into_values() {
            sink.stop().await;
        }
    }
}

impl Running {
    async fn stop(self) {
        self.stopping.send_replace(true);
        for mut task in self.tasks {
            if tokio::time::timeout(GRACE, &mut task).await.is_err() {
                task.abort();
            }
        }
    }

    fn status(&self, newest: i64) -> SinkStatus {
        let (kind, target) = match &self.config.target {
            SinkTarget::Webhook { url, .. } => ("webhook", redact_url(url.reveal())),
            SinkTarget::Bus(bus) => ("bus", shown(&bus.broker, Topic::EVENTS.name())),
            SinkTarget::Broker { broker, name, .. } => (broker.kind.as_str(), shown(broker, name)),
        };
        self.report.status(kind, target, newest)
    }
}

fn shown(broker: &Broker, name: &str) -> String {
    format!("{}/{name}", broker.shown())
}

/// Tells couriers of new events.
async fn follow(
    mut messages: broadcast::Receiver<Message>,
    store: Store,
    newest: watch::Sender<i64>,
) {
    loop {
        let seq = match messages.recv().await {
            Ok(Message::Event(seq, _)) => seq,
            Ok(Message::Analysis(_)) => continue,
            Err(RecvError::Lagged(_)) => match store.last_seq().await {
                Ok(seq) => seq,
                // The next event says it again.
                Err(_unreadable) => continue,
            },
            Err(RecvError::Closed) => return,
        };
        newest.send_if_modified(|known| {
            let is_newer = seq > *known;
            *known = seq.max(*known);
            is_newer
        });
    }
}
