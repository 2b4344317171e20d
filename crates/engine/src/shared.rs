//! What the parts of a running engine share.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;

use omma_store::Store;
use omma_types::CameraId;
use parking_lot::RwLock;
use tokio::sync::broadcast;

use crate::annotations::Annotations;
use crate::camera::Camera;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::forgetting::Forgetting;
use crate::overlay::Overlay;
use crate::pool::Pool;
use crate::publish::Publishers;
use crate::record::{Library, Upkeep};
use crate::redacted::Darkroom;
use crate::remote::Remote;
use crate::sinks::Sinks;
use crate::snapshot::Snapshots;
use crate::status::{Message, Totals};
use crate::telemetry::Telemetry;
use crate::tracks::Keeper;
use crate::writer::{EventSender, Writer};

/// Messages that a subscriber may be behind before it misses some.
pub(crate) const MESSAGE_BACKLOG: usize = 1024;

/// A number that differs from process to process and call to call.
pub(crate) fn random_seed() -> u64 {
    // The standard library seeds each of these from the system's random source.
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

pub(crate) struct Shared {
    pub(crate) cameras: RwLock<BTreeMap<CameraId, Arc<Camera>>>,
    pub(crate) overlay: tokio::sync::Mutex<Overlay>,
    /// The configuration file as it was read last, for those who can't wait until it has taken
    /// effect.
    pub(crate) file: RwLock<Arc<Config>>,
    /// What connections run on; outlives the engine.
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) store: Store,
    pub(crate) messages: broadcast::Sender<Message>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) writer: Writer,
    pub(crate) library: Arc<Library>,
    /// Where people are hidden in footage.
    pub(crate) darkroom: Darkroom,
    /// This process among those that share the work; none where it does all alone.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// Programs on the bus that detect; none without a bus.
    pub(crate) remote: Option<Arc<Remote>>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) upkeep: Upkeep,
    pub(crate) annotations: Annotations,
    pub(crate) sinks: Sinks,
    pub(crate) forgetting: Option<Forgetting>,
    /// None where tracks are not kept.
    pub(crate) keeper: Option<Keeper>,
    pub(crate) publishers: Publishers,
}

impl Shared {
    pub(crate) fn cameras(&self) -> Vec<Arc<Camera>> {
        self.cameras.read().values().cloned().collect()
    }

    pub(crate) fn camera(&self, id: &CameraId) -> Option<Arc<Camera>> {
        self.cameras.read().get(id).cloned()
    }

    pub(crate) fn events(&self) -> EventSender {
        match &self.cluster {
            Some(cluster) => EventSender::Bus(cluster.reporter()),
            None => self.writer.sender(),
        }
    }

    /// Reads again what the store has counted for a camera that is counted elsewhere.
    pub(crate) async fn recount(&self, id: &CameraId) {
        let Some(camera) = self.camera(id) else { return };
        match self.store.totals(id).await {
            Ok(rows) => camera.counted(Totals::of_rows(&rows)),
            Err(error) => tracing::warn!(camera = %id, %error, "its counts can't be read"),
        }
    }

    pub(crate) fn render_metrics(&self) -> String {
        if let Some(topics) = self.remote.as_ref().and_then(|remote| remote.topics().now()) {
            self.telemetry.bus(topics);
        }
        self.telemetry.render()
    }

    pub(crate) fn ready(&self) -> Result<(), String> {
        if let Some(reason) = self.writer.trouble() {
            return Err(format!("events cannot be stored: {reason}"));
        }
        // SQLite goes on writing into a file that somebody deleted, and never says so.
        let file = self.store.path();
        if file != Path::new(":memory:") && !file.is_file() {
            return Err(format!(
                "the database {} is gone, and events go nowhere: restart omma",
                file.display()
            ));
        }
        Ok(())
    }
}
