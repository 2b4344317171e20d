//! What the rest of the system may ask of a running engine. Cheap to clone; every answer is
//! a copy, no lock of the engine is ever held outside.

use std::sync::Arc;

use omma_rules::{Line, Zone};
use omma_store::Store;
use omma_types::{Analysis, CameraId};
use tokio::sync::broadcast;

use crate::camera::Camera;
use crate::live::LiveView;
use crate::shared::Shared;
use crate::status::{CameraStatus, JpegFrame, Message, Totals, ViewOptions};
use crate::telemetry::PortMetrics;
use crate::{Config, EngineError};

/// A way to a running engine.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// All cameras by name.
    pub fn cameras(&self) -> Vec<CameraStatus> {
        self.shared.cameras().iter().map(|camera| camera.status()).collect()
    }

    /// One camera; none where no camera has this name.
    pub fn camera(&self, id: &CameraId) -> Option<CameraStatus> {
        self.shared.camera(id).map(|camera| camera.status())
    }

    /// The newest analysis of a camera.
    pub fn latest(&self, id: &CameraId) -> Option<Arc<Analysis>> {
        self.shared.camera(id).and_then(|camera| camera.latest())
    }

    /// The lines and zones of a camera.
    pub fn rules(&self, id: &CameraId) -> Option<(Vec<Line>, Vec<Zone>)> {
        let camera = self.shared.camera(id)?;
        let config = camera.config();
        Some((config.lines.clone(), config.zones.clone()))
    }

    /// What a camera's lines and zones have counted, restarts included.
    pub fn totals(&self, id: &CameraId) -> Option<Totals> {
        self.shared.camera(id).map(|camera| camera.totals())
    }

    /// Analyses and events from now on. A subscriber that falls behind is told how many
    /// messages it missed; events can then be read from the store by sequence number.
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.shared.messages.subscribe()
    }

    /// Live pictures of a camera, from now until the view is dropped.
    ///
    /// # Errors
    /// No camera has this name.
    pub fn live(&self, id: &CameraId, options: ViewOptions) -> Result<LiveView, EngineError> {
        let camera = self.known(id)?;
        camera.live(options)
    }

    /// The next picture of a camera, waiting at most 5 s for it.
    ///
    /// # Errors
    /// No camera has this name, or no picture came; the reason names the camera's state.
    pub async fn snapshot(
        &self,
        id: &CameraId,
        options: ViewOptions,
    ) -> Result<Arc<JpegFrame>, EngineError> {
        let camera = self.known(id)?;
        let mut view = camera.live(options)?;
        match tokio::time::timeout(crate::live::SNAPSHOT_TIMEOUT, view.next()).await {
            Ok(Some(frame)) if !frame.is_notice => Ok(frame),
            Ok(_) | Err(_) => Err(camera.no_picture()),
        }
    }

    /// The store of events and counts.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The configuration that runs, as it was read last.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.shared.running.read())
    }

    /// Where a server counts what happens at the port that the configuration calls `name`.
    pub fn port_metrics(&self, name: &'static str) -> PortMetrics {
        self.shared.telemetry.port(name)
    }

    /// All metrics in Prometheus' text format.
    pub fn render_metrics(&self) -> String {
        self.shared.render_metrics()
    }

    /// Whether the engine does its work: the store accepts events.
    ///
    /// # Errors
    /// What is in the way, for people.
    pub fn ready(&self) -> Result<(), String> {
        self.shared.ready()
    }

    /// Makes `config` the one that runs. Cameras that are the same in both are not touched;
    /// where only lines or zones differ, the stream goes on and counts are kept.
    ///
    /// Returns what changed and what needs a restart, for the log.
    pub async fn reload(&self, config: Config) -> Vec<String> {
        crate::topology::reload(&self.shared, config).await
    }

    fn known(&self, id: &CameraId) -> Result<Arc<Camera>, EngineError> {
        self.shared.camera(id).ok_or_else(|| EngineError::NoCamera {
            name: id.to_string(),
            known: self.shared.cameras().iter().map(|c| c.id.to_string()).collect(),
        })
    }
}
