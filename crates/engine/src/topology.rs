//! From configuration to what runs: start, reload, stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use omma_store::{CountRow, Store};
use omma_types::{CameraId, Direction};
use parking_lot::RwLock;
use tokio::sync::broadcast;

use crate::camera::Camera;
use crate::config::{CameraConfig, Config};
use crate::error::EngineError;
use crate::handle::Handle;
use crate::models::Models;
use crate::pool::Pool;
use crate::shared::{MESSAGE_BACKLOG, Shared};
use crate::status::{LineTotals, Totals, ZoneTotals};
use crate::telemetry::Telemetry;
use crate::writer::Writer;

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
        let cameras = config.cameras.clone();
        let shared = Arc::new(Shared {
            cameras: RwLock::new(BTreeMap::new()),
            config: tokio::sync::Mutex::new(config),
            store,
            messages,
            telemetry,
            pool,
            writer,
        });
        for camera in cameras {
            start_camera(&shared, camera).await?;
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
        let stopping = tokio::task::spawn_blocking(move || {
            let cameras = std::mem::take(&mut *shared.cameras.write());
            for camera in cameras.values() {
                camera.begin_stop();
            }
            for camera in cameras.values() {
                camera.stop();
            }
            shared.pool.stop();
            drop(cameras);
            shared.writer.stop();
        });
        if stopping.await.is_err() {
            tracing::error!("stopping panicked");
        }
        self.shared.store.close().await;
    }
}

/// Makes `new` the configuration that runs; see [`Handle::reload`].
pub(crate) async fn reload(shared: &Arc<Shared>, new: Config) -> Vec<String> {
    // Held to the end: two reloads at a time would mix.
    let mut current = shared.config.lock().await;
    let mut report = Vec::new();
    if current.listen != new.listen || current.data_dir != new.data_dir {
        report.push("`http.listen` and `data_dir` take effect at the next start".to_owned());
    }
    shared.pool.models().forget_failures();
    for old in &current.cameras {
        match new.camera(&old.id) {
            Some(same) if same == old => {}
            Some(changed) if same_stream(old, changed) => {
                if let Some(camera) = shared.camera(&old.id) {
                    camera.replace_rules(changed.clone());
                    report.push(format!("camera `{}`: lines and zones changed", old.id));
                }
            }
            Some(changed) => {
                stop_camera(shared, &old.id).await;
                report.push(match start_camera(shared, changed.clone()).await {
                    Ok(()) => format!("camera `{}`: changed", old.id),
                    Err(error) => format!("camera `{}`: not started: {error}", old.id),
                });
            }
            None => {
                stop_camera(shared, &old.id).await;
                report.push(format!("camera `{}`: removed", old.id));
            }
        }
    }
    for added in new.cameras.iter().filter(|camera| current.camera(&camera.id).is_none()) {
        report.push(match start_camera(shared, added.clone()).await {
            Ok(()) => format!("camera `{}`: added", added.id),
            Err(error) => format!("camera `{}`: not started: {error}", added.id),
        });
    }
    *current = new;
    drop(current);
    if let Err(error) = load_models(shared) {
        report.push(error.to_string());
    }
    report
}

/// Whether two configurations of a camera differ in lines and zones at most.
fn same_stream(a: &CameraConfig, b: &CameraConfig) -> bool {
    let bare = |camera: &CameraConfig| CameraConfig {
        lines: Vec::new(),
        zones: Vec::new(),
        ..camera.clone()
    };
    bare(a) == bare(b)
}

async fn start_camera(shared: &Arc<Shared>, config: CameraConfig) -> Result<(), EngineError> {
    let rows = shared.store.totals(&config.id).await?;
    let id = config.id.clone();
    let camera = Camera::start(config, totals_before(&rows), shared)?;
    shared.cameras.write().insert(id, camera);
    Ok(())
}

async fn stop_camera(shared: &Arc<Shared>, id: &CameraId) {
    let Some(camera) = shared.cameras.write().remove(id) else { return };
    // It joins a thread.
    if tokio::task::spawn_blocking(move || camera.stop()).await.is_err() {
        tracing::error!(camera = %id, "stopping the camera panicked");
    }
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

/// What the store has counted for a camera before now.
fn totals_before(rows: &[CountRow]) -> Totals {
    let mut lines: BTreeMap<&str, LineTotals> = BTreeMap::new();
    let mut zones: BTreeMap<&str, (ZoneTotals, u64, Duration)> = BTreeMap::new();
    for row in rows {
        match (row.kind, row.direction) {
            ("line_crossed", Some(direction)) => {
                let line = lines.entry(&row.rule).or_default();
                match direction {
                    Direction::Forward => line.forward += row.count,
                    Direction::Backward => line.backward += row.count,
                }
            }
            ("zone_entered", _) => zones.entry(&row.rule).or_default().0.visits += row.count,
            ("zone_left", _) => {
                let zone = zones.entry(&row.rule).or_default();
                zone.1 += row.count;
                zone.2 += row.dwell_total;
            }
            _ => {}
        }
    }
    Totals {
        lines: lines
            .into_iter()
            .map(|(name, line)| LineTotals { name: name.to_owned(), ..line })
            .collect(),
        zones: zones
            .into_iter()
            .map(|(name, (zone, left, dwell))| ZoneTotals {
                name: name.to_owned(),
                mean_dwell: dwell.checked_div(u32::try_from(left).unwrap_or(0)).unwrap_or_default(),
                ..zone
            })
            .collect(),
    }
}
