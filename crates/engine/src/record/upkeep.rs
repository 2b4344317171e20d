//! The thread that keeps the recordings folder in order: once at start it mends what a crash
//! left behind, then every few seconds what is too old or too much goes.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use omma_media::Stop;
use omma_types::{CameraId, Clock as _, SystemClock, WallTime};

use super::check::{self, Scope};
use super::library::{Library, Limits, held};
use super::name;
use super::retention::too_old_or_much;
use crate::EngineError;

const EVERY: Duration = Duration::from_secs(3);

/// Pictures of events go by the day: there is no hurry.
const SNAPSHOTS_EVERY: Duration = Duration::from_secs(60);

/// Rows looked at in one step.
const STEP: u32 = 128;

/// The thread. Dropping it leaves it running; [`Upkeep::stop`] ends it.
pub(crate) struct Upkeep {
    stop: Stop,
    thread: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    /// Starts the thread.
    pub(crate) fn start(library: &Arc<Library>) -> Result<Self, EngineError> {
        let stop = Stop::new();
        let (own, library) = (stop.clone(), Arc::clone(library));
        let thread = std::thread::Builder::new()
            .name("rec-upkeep".to_owned())
            .spawn(move || run(&library, &own))
            .map_err(|source| EngineError::System {
                what: "cannot start the thread that looks after recordings".to_owned(),
                source,
            })?;
        Ok(Self { stop, thread: parking_lot::Mutex::new(Some(thread)) })
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(&self) {
        self.stop.stop();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that looks after recordings ended in a panic");
        }
    }
}

fn run(library: &Library, stop: &Stop) {
    let mut is_mended = false;
    let mut snapshots = Instant::now();
    while !stop.is_stopped() {
        let round = std::panic::AssertUnwindSafe(|| {
            if !is_mended {
                is_mended = mend(library);
            }
            for (camera, limits) in library.limits() {
                if let Err(reason) = apply(library, &camera, limits) {
                    tracing::warn!(%camera, reason, "old footage stays for now");
                }
            }
            if !library.limits().is_empty()
                && let Err(reason) = library.keep_free()
            {
                tracing::warn!(reason, "the disk is short of space");
            }
            if snapshots <= Instant::now() {
                snapshots = Instant::now() + SNAPSHOTS_EVERY;
                remove_snapshots(library, SystemClock.wall());
            }
        });
        if std::panic::catch_unwind(round).is_err() {
            tracing::error!("looking after recordings panicked; trying again");
        }
        stop.wait(EVERY);
    }
}

/// Looks once at what was left behind. True where that is done.
fn mend(library: &Library) -> bool {
    // Nothing may be mended while another process writes; nothing need be, where nothing was
    // ever recorded.
    if !library.folder().is_dir() {
        library.forget_own();
        return true;
    }
    if let Err(error) = library.claim() {
        tracing::warn!(%error, "recordings are not looked at");
        return false;
    }
    match check::run(&library.recordings, &library.runtime, Scope::Start(&|p| library.is_own(p))) {
        Ok(report) => {
            for finding in &report.findings {
                tracing::info!(
                    path = finding.path,
                    what = finding.trouble.as_str(),
                    done = finding.done.unwrap_or("nothing"),
                    "recordings mended"
                );
            }
            library.forget_own();
            true
        }
        Err(error) => {
            tracing::warn!(%error, "recordings can't be checked; trying again");
            false
        }
    }
}

/// Removes what one camera has too long or too much of.
fn apply(library: &Library, camera: &CameraId, limits: Limits) -> Result<(), String> {
    let Limits { keep, max_bytes } = limits;
    if keep.is_none() && max_bytes.is_none() {
        return Ok(());
    }
    loop {
        let store = library.store();
        let asked = async {
            let rows = store.oldest_segments(Some(camera), STEP).await?;
            Ok::<_, omma_store::StoreError>((rows, store.segment_bytes(Some(camera)).await?))
        };
        let (rows, bytes) = library.runtime.block_on(asked).map_err(|error| error.to_string())?;
        let held: Vec<_> = rows.iter().map(held).collect();
        let go = too_old_or_much(&held, keep, max_bytes, bytes, SystemClock.wall());
        let gone = library.remove(&rows, &go)?;
        if gone == 0 || rows.len() < STEP as usize {
            return Ok(());
        }
    }
}

/// Removes the days of pictures that are older than their cameras' footage.
fn remove_snapshots(library: &Library, now: WallTime) {
    let folder = library.recordings.snapshots_folder();
    for (camera, limits) in library.limits() {
        let Some(keep) = limits.keep else { continue };
        // A day goes when its last moment is too old.
        let last = name::day(now - keep);
        for day in names(&folder.join(camera.as_str())) {
            let is_day = day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            if is_day && day < last {
                let path = folder.join(camera.as_str()).join(day);
                if let Err(error) = std::fs::remove_dir_all(&path) {
                    tracing::warn!(path = %path.display(), %error, "old pictures stay");
                }
            }
        }
    }
}

/// What a folder holds, in order; nothing where it can't be read.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}
