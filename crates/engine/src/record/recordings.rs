//! The way to what was recorded: the index in the store and the files beside it.

use std::path::{Component, Path, PathBuf};

use omma_store::{Segment, Store};
use omma_types::{CameraId, EventId};

use super::name;
use crate::EngineError;

/// What was recorded, of all cameras. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recordings {
    store: Store,
    folder: PathBuf,
}

impl Recordings {
    /// What lies in `folder` and is listed in `store`.
    pub fn new(store: Store, folder: impl Into<PathBuf>) -> Self {
        Self { store, folder: folder.into() }
    }

    /// The index.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The folder of the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a segment.
    ///
    /// # Errors
    /// The index says that it lies outside of the folder.
    pub fn file(&self, segment: &Segment) -> Result<PathBuf, EngineError> {
        let path = Path::new(&segment.path);
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(self.folder.join(path));
        }
        Err(EngineError::System {
            what: format!("segment `{}` lies outside of the recordings folder", segment.path),
            source: std::io::ErrorKind::InvalidInput.into(),
        })
    }

    /// The folder of the events' pictures, beside the recordings.
    pub fn snapshots_folder(&self) -> PathBuf {
        self.folder.parent().unwrap_or(Path::new(".")).join("snapshots")
    }

    /// The file of an event's picture. It is kept as long as the camera's footage.
    pub fn snapshot_path(&self, camera: &CameraId, event: EventId) -> PathBuf {
        self.snapshots_folder().join(name::of_snapshot(camera, event))
    }
}
