//! What all recorders share: the folder, its lock, the index, and the space on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omma_store::{Segment, Store};
use omma_types::CameraId;
use parking_lot::Mutex;

use super::disk::{Space, bytes_text};
use super::index::Index;
use super::recorder::Inbox;
use super::recordings::Recordings;
use super::retention::{Held, oldest_for};
use crate::EngineError;
use crate::config::{RecordConfig, RecordingsConfig};
use crate::writer::EventSender;

/// Who holds a lock on this file writes into the folder.
pub(super) const LOCK: &str = ".lock";

/// How long a question to the index may hold up a recorder that needs room.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// How long the index may take to catch up before files go that it does not know yet.
const SETTLE_WITHIN: Duration = Duration::from_millis(500);

/// Of a full disk this part is made free at once, so that the next fragment does not fail
/// again.
const HEADROOM_PART: u64 = 50;

/// And so many fragments as large as the one that found no space.
const FRAGMENTS_AHEAD: u64 = 8;

/// Rows looked at in one step.
const STEP: u32 = 128;

/// How long a camera's footage is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) keep: Option<Duration>,
    pub(super) max_bytes: Option<u64>,
}

/// What all recorders share.
pub(crate) struct Library {
    pub(super) recordings: Recordings,
    pub(super) index: Arc<Index>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) events: EventSender,
    min_free: u64,
    limits: Mutex<BTreeMap<CameraId, Limits>>,
    /// Files that this process has begun, until the first check is done: they are not what a
    /// crash left behind.
    begun: Mutex<Option<BTreeSet<String>>>,
    /// Held while this process writes into the folder.
    lock: Mutex<Option<File>>,
    /// One at a time makes room.
    room: Mutex<()>,
    /// Those who want to know of their cameras' events.
    listeners: Mutex<BTreeMap<CameraId, Weak<Inbox>>>,
}

impl Library {
    pub(crate) fn new(
        store: Store,
        config: &RecordingsConfig,
        events: EventSender,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self {
            recordings: Recordings::new(store.clone(), &config.dir),
            index: Index::start(store, &runtime),
            runtime,
            events,
            min_free: config.min_free,
            limits: Mutex::default(),
            begun: Mutex::new(Some(BTreeSet::new())),
            lock: Mutex::new(None),
            room: Mutex::new(()),
            listeners: Mutex::default(),
        }
    }

    /// What was recorded.
    pub(crate) fn recordings(&self) -> &Recordings {
        &self.recordings
    }

    /// Something was seen in a picture that arrived at `arrival`: in mode `events` the
    /// footage around it is kept.
    pub(crate) fn event(&self, camera: &CameraId, arrival: Instant) {
        let inbox = self.listeners.lock().get(camera).and_then(Weak::upgrade);
        if let Some(inbox) = inbox {
            inbox.event(arrival);
        }
    }

    pub(super) fn listen(&self, camera: &CameraId, inbox: &Arc<Inbox>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|_, inbox| inbox.strong_count() > 0);
        listeners.insert(camera.clone(), Arc::downgrade(inbox));
    }

    /// Waits until the index knows of all files, at most `within`.
    pub(crate) async fn settle(&self, within: Duration) {
        if !self.index.settle(within).await {
            tracing::warn!("not all recorded files got their rows; the next start adds them");
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.recordings.folder()
    }

    pub(super) fn store(&self) -> &Store {
        self.recordings.store()
    }

    /// Makes sure that no other process writes into the folder. Once taken, it is held until
    /// the process ends, however it ends.
    pub(super) fn claim(&self) -> Result<(), EngineError> {
        let mut lock = self.lock.lock();
        if lock.is_none() {
            *lock = Some(claim(self.folder())?);
        }
        Ok(())
    }

    /// From now on this camera's footage is kept so long.
    pub(crate) fn set_limits(&self, camera: &CameraId, config: Option<&RecordConfig>) {
        let mut limits = self.limits.lock();
        match config {
            Some(config) => {
                let new = Limits { keep: config.keep, max_bytes: config.max_bytes };
                limits.insert(camera.clone(), new);
            }
            None => drop(limits.remove(camera)),
        }
    }

    pub(super) fn limits(&self) -> BTreeMap<CameraId, Limits> {
        self.limits.lock().clone()
    }

    /// Notes a file of this process before it is there.
    pub(super) fn begin(&self, path: &str) {
        if let Some(begun) = &mut *self.begun.lock() {
            begun.insert(path.to_owned());
        }
    }

    pub(super) fn is_own(&self, path: &str) -> bool {
        self.begun.lock().as_ref().is_some_and(|begun| begun.contains(path))
    }

    /// Nobody asks [`Self::is_own`] any more.
    pub(super) fn forget_own(&self) {
        *self.begun.lock() = None;
    }

    /// Makes sure that there is as much space as is always to stay free.
    ///
    /// # Errors
    /// For people: there is not, and nothing is left that could go.
    pub(super) fn keep_free(&self) -> Result<(), String> {
        self.make_room(self.min_free)
    }

    /// Makes some space on a disk that was found full when `bytes` were to be written. False
    /// where there is nothing to remove.
    pub(super) fn make_some_room(&self, bytes: usize) -> bool {
        let Ok(space) = Space::of(self.folder()) else { return false };
        let headroom = (space.total / HEADROOM_PART).clamp(1 << 20, 64 << 20);
        let soon = bytes as u64 * FRAGMENTS_AHEAD;
        self.make_room(self.min_free.max(headroom).max(soon)).is_ok()
    }

    /// Removes the oldest footage of all cameras until `wanted` bytes are free, or nothing is
    /// left to remove.
    ///
    /// # Errors
    /// For people: there is less space, and nothing could be removed.
    fn make_room(&self, wanted: u64) -> Result<(), String> {
        if self.free()? >= wanted {
            return Ok(());
        }
        let _one_at_a_time = self.room.lock();
        let mut has_removed = self.remove_unlisted(wanted)?;
        let mut limit = STEP;
        loop {
            let free = self.free()?;
            if free >= wanted {
                return Ok(());
            }
            let oldest = async {
                tokio::time::timeout(ASK_WITHIN, self.store().oldest_segments(None, limit)).await
            };
            let rows = match self.runtime.block_on(oldest) {
                Ok(Ok(rows)) => rows,
                Ok(Err(error)) => return Err(format!("no space can be made: {error}")),
                Err(_late) => return Err("no space can be made: the store is busy".to_owned()),
            };
            let go = oldest_for(&rows.iter().map(held).collect::<Vec<_>>(), wanted - free);
            let gone = match self.remove(&rows, &go) {
                Ok(gone) => gone,
                // The files are gone, which is what counts here.
                Err(_) if self.free()? > free => return Ok(()),
                Err(reason) => return Err(reason),
            };
            has_removed |= gone > 0;
            if gone > 0 {
                continue;
            }
            if rows.len() < limit as usize {
                let short = format!(
                    "{} are free in {}, less than the {} that are to stay free, and no finished \
                     footage is left to remove: free some space, or lower recordings.min_free",
                    bytes_text(free),
                    self.folder().display(),
                    bytes_text(wanted)
                );
                return if has_removed { Ok(()) } else { Err(short) };
            }
            limit = limit.saturating_mul(4);
        }
    }

    /// Lets the index catch up: what was finished a moment ago may be what has to go. Where
    /// the index itself gets no space on the disk, files that it does not know as finished go
    /// until it does. Whether some went.
    fn remove_unlisted(&self, wanted: u64) -> Result<bool, String> {
        let mut has_removed = false;
        while !self.runtime.block_on(self.index.settle(SETTLE_WITHIN)) {
            let Some((ticket, path)) = self.index.oldest_finished() else { break };
            if let Err(error) = std::fs::remove_file(self.folder().join(&path))
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(format!("{path} can't be removed: {error}"));
            }
            tracing::debug!(path, "footage removed before it was in the index");
            self.index.forget(ticket);
            has_removed = true;
            if self.free()? >= wanted {
                break;
            }
        }
        Ok(has_removed)
    }

    fn free(&self) -> Result<u64, String> {
        Space::of(self.folder()).map(|space| space.free).map_err(|error| {
            format!("cannot tell the space in {}: {error}", self.folder().display())
        })
    }

    /// Removes the files of the rows `go`, and then the rows: what is left after a crash in
    /// between is a row without a file, which the next attempt removes. Returns how many files
    /// went.
    ///
    /// # Errors
    /// For people: the index can't be changed at the moment.
    pub(super) fn remove(&self, rows: &[Segment], go: &[i64]) -> Result<usize, String> {
        let mut gone = Vec::new();
        for row in rows.iter().filter(|row| go.contains(&row.id)) {
            let Ok(path) = self.recordings.file(row) else { continue };
            match std::fs::remove_file(&path) {
                Ok(()) => {
                    tracing::debug!(path = row.path, bytes = row.bytes, "old footage removed");
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = row.path, %error, "old footage can't be removed");
                    continue;
                }
            }
            // The last file of a day takes its folder along. Others are not empty.
            if let Some(folder) = path.parent().filter(|folder| *folder != self.folder()) {
                drop(std::fs::remove_dir(folder));
            }
            gone.push(row.id);
        }
        if !gone.is_empty() {
            let remove = async {
                tokio::time::timeout(ASK_WITHIN, self.store().remove_segments(&gone)).await
            };
            match self.runtime.block_on(remove) {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(format!("rows of removed footage stay: {error}")),
                Err(_late) => return Err("rows of removed footage stay: the store is busy".into()),
            }
        }
        Ok(gone.len())
    }
}

/// What retention must know of a row.
pub(super) fn held(row: &Segment) -> Held {
    Held { id: row.id, end: row.end, bytes: row.bytes, complete: row.complete }
}

/// Locks a recordings folder for this process.
pub(super) fn claim(folder: &Path) -> Result<File, EngineError> {
    let refused = |source| EngineError::System {
        what: format!("cannot write into the recordings folder {}", folder.display()),
        source,
    };
    std::fs::create_dir_all(folder).map_err(refused)?;
    let path = folder.join(LOCK);
    let file = File::options().create(true).append(true).open(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(EngineError::System {
            what: format!(
                "another omma writes into the recordings folder {}: stop it, or use another \
                 folder",
                folder.display()
            ),
            source: io::ErrorKind::WouldBlock.into(),
        }),
        // File systems without locks are used by one process as it is.
        Err(std::fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            Ok(file)
        }
        Err(std::fs::TryLockError::Error(error)) => Err(refused(error)),
    }
}
