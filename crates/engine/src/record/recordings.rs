//! The way to what was recorded: the index in the store and the files beside it.

use std::path::{Path, PathBuf};

use omma_store::Store;
use omma_types::{CameraId, EventId};

use super::name;

/// What was recorded, of all cameras. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recordings {
    store: Store,
    dir: PathBuf,
}

impl Recordings {
    /// What lies in `dir` and is listed in `store`.
    pub fn new(store: Store, dir: impl Into<PathBuf>) -> Self {
        Self { store, dir: dir.into() }
    }

    /// The index.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The folder of the files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of a segment, from its path in the index.
    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// The folder of the events' pictures, beside the recordings.
    pub fn snapshots_dir(&self) -> PathBuf {
        self.dir.parent().unwrap_or(Path::new(".")).join("snapshots")
    }

    /// The file of an event's picture. It is kept as long as the camera's footage.
    pub fn snapshot_path(&self, camera: &CameraId, event: EventId) -> PathBuf {
        self.snapshots_dir().join(name::of_snapshot(camera, event))
    }
}
