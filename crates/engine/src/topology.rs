//! From configuration to what runs: start, reload, stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use omma_store::{CameraChange, Store};
use omma_types::CameraId;
use parking_lot::RwLock;
use tokio::sync::broadcast;

use crate::annotations::Annotations;
use crate::camera::Camera;
use crate::cluster::Cluster;
use crate::config::{CameraConfig, Config, PublishConfig, Role, SinkConfig};
use crate::derive::Derived;
use crate::error::EngineError;
use crate::forgetting::Forgetting;
use crate::handle::Handle;
use crate::models::Models;
use crate::overlay::Overlay;
use crate::pool::Pool;
use crate::publish::Publishers;
use crate::record::{Library, Upkeep};
use crate::redacted::Darkroom;
use crate::remote::Remote;
use crate::shared::{MESSAGE_BACKLOG, Shared};
use crate::sinks::Sinks;
use crate::snapshot::Snapshots;
use crate::status::Totals;
use crate::telemetry::Telemetry;
use crate::tracks::Keeper;
use crate::writer::{EventSender, Writer};

/// How long the end waits for the index of recordings. What it misses, the next start finds.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// A running engine. To be stopped with [`Engine::stop`]: dropping it leaves its threads
/// running until the process ends.
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts all cameras of `config`. Events go to `store`, models come from `models`. Must be called on a Tokio runtime that outlives the engine.
    ///
    /// Cameras that can't be reached and models that can't be loaded are no failure: they
    /// are reported in the cameras' states, and everything else goes on.
    ///
    /// # Errors
    /// The system gives no threads, or the store can't be read.
    pub async fn start(config: Config, store: Store, models: Models) -> Result<Self, EngineError> {
        let telemetry = Telemetry::new();
        let (messages, _) = broadcast::channel(MESSAGE_BACKLOG);
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let pool = Pool::start(workers, models, Arc::clone(&telemetry))?;
        let writer = Writer::start(
            store.clone(),
            messages.clone(),
            Arc::clone(&telemetry),
            tokio::runtime::Handle::current(),
        )?;
        let file = Arc::new(config.clone());
        let (mut overlay, problems) = Overlay::new(config, store.camera_changes().await?);
        for problem in problems {
            tracing::error!(problem, "a camera that was set up at run time can't be used as it is");
        }
        let runtime = tokio::runtime::Handle::current();
        let topics = overlay.config.bus.as_ref().map(crate::bus::topics_of);
        let cluster = match (&overlay.file.node, &topics) {
            (Some(node), Some(topics)) => {
                Some(Cluster::new(node.clone(), topics.clone(), &telemetry, &runtime)?)
            }
            _ => None,
        };
        overlay.running = match &cluster {
            Some(cluster) => cluster.share(&overlay.config),
            None => overlay.config.clone(),
        };
        let running = overlay.running.clone();
        let events = match &cluster {
            Some(cluster) => EventSender::Bus(cluster.reporter()),
            None => writer.sender(),
        };
        let library = Arc::new(Library::new(
            store.clone(),
            &overlay.config.recordings,
            events,
            tokio::runtime::Handle::current(),
        ));
        let upkeep = Upkeep::start(&library)?;
        let snapshots = Snapshots::start(library.recordings().clone())?;
        let annotations =
            Annotations::start(overlay.file.annotations.as_ref(), store.clone(), &telemetry)
                .await?;
        let publishers = Publishers::new(topics.clone(), Arc::clone(&telemetry));
        let sinks = Sinks::new(store.clone(), messages.subscribe()).await?;
        let forgetting = Forgetting::start(sinks.clone(), overlay.file.events_keep);
        let keeper = Keeper::start(store.clone(), Arc::clone(&telemetry), overlay.file.tracks_keep);
        let wanted = wanted_sinks(&overlay.file);
        let shared = Arc::new(Shared {
            cameras: RwLock::new(BTreeMap::new()),
            file: RwLock::new(file),
            overlay: tokio::sync::Mutex::new(overlay),
            runtime,
            store,
            messages,
            telemetry,
            pool,
            writer,
            library,
            darkroom: Darkroom::default(),
            cluster,
            remote: topics.map(Remote::new),
            snapshots,
            upkeep,
            annotations,
            sinks,
            forgetting,
            keeper,
            publishers,
        });
        // Before the cameras: a new sink gets their first events.
        shared.sinks.apply(&shared, &wanted).await;
        for camera in running.cameras.clone() {
            start_camera(&shared, camera, None).await?;
        }
        shared.publishers.apply(&shared, &publications(&running));
        if let Some(cluster) = &shared.cluster {
            cluster.start(&shared)?;
        }
        if let Some(remote) = &shared.remote {
            remote.start(&shared)?;
        }
        load_models(&shared)?;
        Ok(Self { shared })
    }

    /// A way to ask and change what runs.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Stops everything: cameras first, then detectors, then the events that are still on
    /// their way are stored.
    pub async fn stop(self) {
        let shared = Arc::clone(&self.shared);
        shared.cluster.iter().for_each(|cluster| cluster.begin_stop());
        shared.publishers.stop();
        let stopping = tokio::task::spawn_blocking(move || {
            let cameras = std::mem::take(&mut *shared.cameras.write());
            for camera in cameras.values() {
                camera.begin_stop();
            }
            for camera in cameras.values() {
                camera.stop();
            }
            shared.pool.stop();
            // Before the writer: they hand it events.
            shared.cluster.iter().for_each(|cluster| cluster.join_threads());
            shared.upkeep.stop();
            shared.snapshots.stop();
            drop(cameras);
            shared.writer.stop();
            shared.remote.iter().for_each(|remote| remote.stop());
            shared.annotations.stop();
            shared.forgetting.iter().for_each(Forgetting::stop);
        });
        if stopping.await.is_err() {
            tracing::error!("stopping panicked");
        }
        if let Some(cluster) = &self.shared.cluster {
            cluster.leave().await;
        }
        if let Some(keeper) = &self.shared.keeper {
            keeper.stop().await;
        }
        self.shared.sinks.stop().await;
        self.shared.library.settle(SETTLE_WITHIN).await;
        self.shared.store.close().await;
    }
}

/// Makes `new` the configuration file's; see [`Handle::reload`].
pub(crate) async fn reload(shared: &Arc<Shared>, new: Config) -> Vec<String> {
    // Held to the end: two changes at a time would mix.
    let mut overlay = shared.overlay.lock().await;
    let mut report = Vec::new();
    *shared.file.write() = Arc::new(new.clone());
    // The servers look for new tokens themselves.
    let fixed = |config: &Config| Config {
        models: BTreeMap::new(),
        cameras: Vec::new(),
        tokens: Vec::new(),
        sinks: Vec::new(),
        // Their listening ports are opened at the start.
        publish: config.publish.iter().filter(|entry| entry.page.is_some()).cloned().collect(),
        ..config.clone()
    };
    if overlay.file.tokens != new.tokens {
        report.push("tokens changed".to_owned());
    }
    if fixed(&overlay.file) != fixed(&new) {
        report
            .push("what is not about cameras or models takes effect at the next start".to_owned());
    }
    let changed_by_hand = new.cameras.iter().filter(|camera| {
        let is_new = overlay.file.camera(&camera.id) != Some(camera);
        is_new && overlay.changes.contains_key(&camera.id)
    });
    report.extend(changed_by_hand.map(|camera| {
        format!(
            "camera `{}`: what was changed through the API holds over the file; \
             `omma config show` shows it",
            camera.id
        )
    }));
    report.extend(shared.sinks.apply(shared, &wanted_sinks(&new)).await);
    overlay.file = new;
    report.extend(overlay.join());
    report.extend(settle(shared, &mut overlay).await);
    report
}

/// Another part of the shared work is this process's: `hold` makes it so.
pub(crate) async fn share(shared: &Arc<Shared>, hold: impl FnOnce()) {
    let mut overlay = shared.overlay.lock().await;
    hold();
    for change in settle(shared, &mut overlay).await {
        tracing::info!(change = change.as_str(), "the work is shared anew");
    }
}

/// Makes what is to run into what runs.
async fn settle(shared: &Arc<Shared>, overlay: &mut Overlay) -> Vec<String> {
    let new = match &shared.cluster {
        Some(cluster) => cluster.share(&overlay.config),
        None => overlay.config.clone(),
    };
    let old = std::mem::replace(&mut overlay.running, new);
    apply(shared, &old, &overlay.running).await
}

/// What is published of the cameras of `config`: what it says, and what the bus wants.
fn publications(config: &Config) -> Vec<PublishConfig> {
    let bus = crate::bus::publications(config);
    config.publish.iter().cloned().chain(bus).collect()
}

/// Where this process sends events. Those that share the work tell them over the bus as they
/// come, and who serves sends them on.
fn wanted_sinks(config: &Config) -> Vec<SinkConfig> {
    if let Some(node) = &config.node {
        let serves = node.roles.contains(&Role::Serve);
        return if serves { config.sinks.clone() } else { Vec::new() };
    }
    config.sinks.iter().cloned().chain(crate::bus::events(config)).collect()
}

/// Keeps a change to a camera, and lets it take effect.
pub(crate) async fn change(
    shared: &Arc<Shared>,
    overlay: &mut Overlay,
    change: CameraChange,
) -> Result<Vec<String>, EngineError> {
    if shared.cluster.is_some() {
        return Err(EngineError::Shared { camera: change.camera.to_string() });
    }
    let is_nothing = change.settings.is_none() && change.paused.is_none() && !change.removed;
    if is_nothing {
        shared.store.forget_camera_change(&change.camera).await?;
        overlay.changes.remove(&change.camera);
    } else {
        shared.store.put_camera_change(&change).await?;
        overlay.changes.insert(change.camera.clone(), change);
    }
    let mut report = overlay.join();
    report.extend(settle(shared, overlay).await);
    for change in &report {
        tracing::info!(change = change.as_str(), "changed through the API");
    }
    Ok(report)
}

/// Makes `new` what runs where `old` ran. Cameras that are the same in both are not touched.
async fn apply(shared: &Arc<Shared>, old: &Config, new: &Config) -> Vec<String> {
    let mut report = Vec::new();
    shared.pool.models().forget_failures();
    for old in &old.cameras {
        // One that could not be started has no running camera: it is tried again.
        match (new.camera(&old.id), shared.camera(&old.id)) {
            (Some(same), Some(_running)) if same == old => {}
            (Some(changed), Some(running)) if same_stream(old, changed) => {
                let adapted = changed.clone();
                // It may finish a recorded file, which waits for the disk.
                let adapting = tokio::task::spawn_blocking(move || running.adapt(&adapted));
                if adapting.await.is_err() {
                    tracing::error!(camera = %old.id, "changing the camera panicked");
                }
                report.push(format!("camera `{}`: changed without interruption", old.id));
            }
            (Some(changed), _) => {
                // Its last events may still be on their way to the store.
                let before = stop_camera(shared, &old.id).await;
                report.push(match start_camera(shared, changed.clone(), before).await {
                    Ok(()) => format!("camera `{}`: changed", old.id),
                    Err(error) => format!("camera `{}`: not started: {error}", old.id),
                });
            }
            (None, _) => {
                stop_camera(shared, &old.id).await;
                report.push(format!("camera `{}`: removed", old.id));
            }
        }
    }
    for added in new.cameras.iter().filter(|camera| old.camera(&camera.id).is_none()) {
        report.push(match start_camera(shared, added.clone(), None).await {
            Ok(()) => format!("camera `{}`: added", added.id),
            Err(error) => format!("camera `{}`: not started: {error}", added.id),
        });
    }
    report.extend(shared.publishers.apply(shared, &publications(new)));
    if let Err(error) = load_models(shared) {
        report.push(error.to_string());
    }
    report
}

/// Whether two configurations of a camera differ in nothing that its streams or its detector
/// would have to be started anew for.
fn same_stream(a: &CameraConfig, b: &CameraConfig) -> bool {
    let bare = |camera: &CameraConfig| CameraConfig {
        lines: Vec::new(),
        zones: Vec::new(),
        record: None,
        pass_through: None,
        ..camera.clone()
    };
    bare(a) == bare(b)
}

/// Starts a camera that goes on from the totals `before`, by default those of the store.
async fn start_camera(
    shared: &Arc<Shared>,
    config: CameraConfig,
    before: Option<Totals>,
) -> Result<(), EngineError> {
    let before = match (before, &shared.cluster) {
        // What others have counted is in what is remembered of the camera.
        (_, Some(cluster)) if !cluster.serves() => Totals::default(),
        (Some(before), None) => before,
        _ => Totals::of_rows(&shared.store.totals(&config.id).await?),
    };
    let id = config.id.clone();
    let is_seen_elsewhere = config.detect.is_none() && Derived::of(&config.url).is_none();
    let camera = Camera::start(config, before, shared)?;
    shared.cameras.write().insert(id, Arc::clone(&camera));
    if let Some(cluster) = &shared.cluster
        && cluster.serves()
        && is_seen_elsewhere
    {
        cluster.watch(&camera, shared);
    }
    Ok(())
}

/// Stops a camera, if it runs. Returns what it has counted, restarts included.
async fn stop_camera(shared: &Arc<Shared>, id: &CameraId) -> Option<Totals> {
    let camera = shared.cameras.write().remove(id)?;
    let stopping = Arc::clone(&camera);
    // It joins a thread.
    if tokio::task::spawn_blocking(move || stopping.stop()).await.is_err() {
        tracing::error!(camera = %id, "stopping the camera panicked");
    }
    Some(camera.all_totals())
}

/// Loads the cameras' models ahead of their first pictures, beside everything else.
fn load_models(shared: &Arc<Shared>) -> Result<(), EngineError> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("load-models".to_owned())
        .spawn(move || {
            for camera in shared.cameras() {
                if let Some(analyst) = camera.analyst() {
                    analyst.load_model(shared.pool.models());
                }
            }
        })
        .map(drop)
        .map_err(|source| EngineError::System {
            what: "cannot start the thread that loads models".to_owned(),
            source,
        })
}
