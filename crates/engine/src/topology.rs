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
use crate::config::{CameraConfig, Config};
use crate::error::EngineError;
use crate::forgetting::Forgetting;
use crate::handle::Handle;
use crate::models::Models;
use crate::overlay::Overlay;
use crate::pool::Pool;
use crate::publish::Publishers;
use crate::record::{Library, Upkeep};
use crate::shared::{MESSAGE_BACKLOG, Shared};
use crate::snapshot::Snapshots;
use crate::status::Totals;
use crate::telemetry::Telemetry;
use crate::writer::Writer;

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
        let (overlay, problems) = Overlay::new(config, store.camera_changes().await?);
        for problem in problems {
            tracing::error!(problem, "a camera that was set up at run time can't be used as it is");
        }
        let cameras = overlay.config.cameras.clone();
        let library = Arc::new(Library::new(
            store.clone(),
            &overlay.config.recordings,
            writer.sender(),
            tokio::runtime::Handle::current(),
        ));
        let upkeep = Upkeep::start(&library)?;
        let snapshots = Snapshots::start(library.recordings().clone())?;
        let annotations =
            Annotations::start(overlay.file.annotations.as_ref(), store.clone(), &telemetry)
                .await?;
        let forgetting = Forgetting::start(store.clone(), overlay.file.events_keep);
        let publishers = Publishers::new(&overlay.config.publish, &telemetry);
        let shared = Arc::new(Shared {
            cameras: RwLock::new(BTreeMap::new()),
            file: RwLock::new(file),
            overlay: tokio::sync::Mutex::new(overlay),
            store,
            messages,
            telemetry,
            pool,
            writer,
            library,
            snapshots,
            upkeep,
            annotations,
            forgetting,
            publishers,
        });
        for camera in cameras {
            start_camera(&shared, camera, None).await?;
        }
        shared.publishers.start(&shared);
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
            shared.upkeep.stop();
            shared.snapshots.stop();
            drop(cameras);
            shared.writer.stop();
            shared.annotations.stop();
            shared.forgetting.iter().for_each(Forgetting::stop);
        });
        if stopping.await.is_err() {
            tracing::error!("stopping panicked");
        }
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
    let old = overlay.config.clone();
    overlay.file = new;
    report.extend(overlay.join());
    report.extend(apply(shared, &old, &overlay.config).await);
    report
}

/// Keeps a change to a camera, and lets it take effect.
pub(crate) async fn change(
    shared: &Arc<Shared>,
    overlay: &mut Overlay,
    change: CameraChange,
) -> Result<Vec<String>, EngineError> {
    let is_nothing = change.settings.is_none() && change.paused.is_none() && !change.removed;
    if is_nothing {
        shared.store.forget_camera_change(&change.camera).await?;
        overlay.changes.remove(&change.camera);
    } else {
        shared.store.put_camera_change(&change).await?;
        overlay.changes.insert(change.camera.clone(), change);
    }
    let old = overlay.config.clone();
    let mut report = overlay.join();
    report.extend(apply(shared, &old, &overlay.config).await);
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
    let before = match before {
        Some(before) => before,
        None => Totals::of_rows(&shared.store.totals(&config.id).await?),
    };
    let id = config.id.clone();
    let camera = Camera::start(config, before, shared)?;
    shared.cameras.write().insert(id, camera);
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
