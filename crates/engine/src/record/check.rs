//! Makes index and files agree. Files are the truth: what a sudden end left of them is kept up
//! to the last whole fragment, and the index follows.
//!
//! At each start only what can be wrong after a sudden end is looked at: rows that are not
//! finished, files that are newer than their cameras' rows, and the oldest rows, whose files
//! may be gone. `omma recordings check` compares everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use omma_media::{Source, SourceSpec, Stop};
use omma_store::{NewSegment, Segment, SegmentQuery, Store, StoreError};
use omma_types::{CameraId, WallTime};
use tokio::runtime::Handle;

use super::library::claim;
use super::name::{self, Named};
use super::recordings::Recordings;
use super::scan::{Scan, scan};
use super::upkeep::names;
use crate::EngineError;

/// A clock that is set back must hide no file that was written after it.
const SET_BACK: Duration = Duration::from_secs(2 * 3600);

/// Rows whose files are looked for at start: removing files and then their rows may have been
/// cut off in between.
const OLDEST: u32 = 128;

/// Two files of a camera may overlap by so much: time stamps jitter.
const OVERLAP: Duration = Duration::from_secs(1);

/// What is wrong with a file or its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The row says that the file is being written, but nobody does.
    Unfinished,
    /// The file is not as long as the row says.
    Differs,
    /// There is no such file.
    NoFile,
    /// The index does not know the file.
    NoRow,
    /// The file holds no footage.
    Empty,
    /// The file is no recording.
    Damaged,
    /// It overlaps with the camera's file before it: the clock was set back.
    Overlaps,
}

impl Trouble {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "was not finished",
            Self::Differs => "is not as long as the index says",
            Self::NoFile => "is in the index, but there is no such file",
            Self::NoRow => "is not in the index",
            Self::Empty => "holds no footage",
            Self::Damaged => "is no readable recording",
            Self::Overlaps => "overlaps with the file before it",
        }
    }

    /// Whether index and files disagree because of it. Footage that overlaps is no mistake.
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Overlaps)
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the recordings folder.
    pub path: String,
    /// What is wrong.
    pub trouble: Trouble,
    /// What was done about it; none where nothing was asked for or it failed.
    pub done: Option<&'static str>,
    /// Why it could not be mended.
    pub failure: Option<String>,
}

/// What a comparison of index and files found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Rows looked at.
    pub segments: u64,
    /// Files looked at.
    pub files: u64,
    /// Bytes of the files looked at.
    pub bytes: u64,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// How many disagreements are left.
    pub fn left(&self) -> usize {
        let left = |finding: &&Finding| finding.trouble.is_fault() && finding.done.is_none();
        self.findings.iter().filter(left).count()
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// What can be wrong after a sudden end; mends it. Files for which this is true are those
    /// of recorders that run already.
    Start(&'a dyn Fn(&str) -> bool),
    /// Everything.
    All {
        /// Whether to mend.
        repair: bool,
        /// Whether another process is recording: its files are not finished, rightly.
        is_busy: bool,
    },
}

impl Recordings {
    /// Compares index and files, all of them; makes them agree where `repair` is wanted.
    ///
    /// # Errors
    /// The index can't be read, or something is to be repaired while another process records.
    pub async fn check(&self, repair: bool) -> Result<CheckReport, EngineError> {
        let own = self.clone();
        let runtime = Handle::current();
        let checking = tokio::task::spawn_blocking(move || {
            if !own.folder().is_dir() {
                return run(&own, &runtime, Scope::All { repair, is_busy: false });
            }
            let lock = claim(own.folder());
            match lock {
                Err(error) if repair => Err(error),
                // Held to the end: nobody shall begin to record meanwhile.
                lock => run(&own, &runtime, Scope::All { repair, is_busy: lock.is_err() }),
            }
        });
        match checking.await {
            Ok(outcome) => outcome,
            Err(error) => Err(EngineError::System {
                what: "checking recordings broke off".to_owned(),
                source: io::Error::other(error),
            }),
        }
    }
}

/// Compares. Blocks; not for threads of the runtime.
pub(super) fn run(
    recordings: &Recordings,
    runtime: &Handle,
    scope: Scope<'_>,
) -> Result<CheckReport, EngineError> {
    let repair = match scope {
        Scope::Start(_) => true,
        Scope::All { repair, .. } => repair,
    };
    let mut check = Check { recordings, runtime, repair, report: CheckReport::default() };
    match scope {
        Scope::Start(is_own) => check.after_a_crash(is_own)?,
        Scope::All { is_busy, .. } => check.everything(is_busy)?,
    }
    check.report.findings.sort_by(|a, b| (&a.path, a.trouble).cmp(&(&b.path, b.trouble)));
    Ok(check.report)
}

struct Check<'a> {
    recordings: &'a Recordings,
    runtime: &'a Handle,
    repair: bool,
    report: CheckReport,
}

impl Check<'_> {
    fn after_a_crash(&mut self, is_own: &dyn Fn(&str) -> bool) -> Result<(), EngineError> {
        let unfinished = self.ask(async |store| store.unfinished_segments().await)?;
        for row in unfinished.iter().filter(|row| !is_own(&row.path)) {
            self.report.segments += 1;
            self.row(row)?;
        }
        for camera in self.cameras()? {
            let oldest = self.ask(async |s| s.oldest_segments(Some(&camera), OLDEST).await)?;
            for row in oldest.iter().filter(|row| row.complete && !is_own(&row.path)) {
                self.report.segments += 1;
                if self.recordings.file(row)?.exists() {
                    break;
                }
                self.without_file(row)?;
            }
            let newest = self.ask(async |store| store.newest_segments(&camera, 1).await)?;
            let since = newest.first().map(|row| row.start - SET_BACK);
            let query = SegmentQuery {
                cameras: vec![camera.clone()],
                from: since.map(|since| since - SET_BACK),
                ..SegmentQuery::default()
            };
            let rows = self.ask(async |store| store.segments(&query).await)?;
            let known: BTreeSet<&str> = rows.iter().map(|row| row.path.as_str()).collect();
            for (path, named) in files(self.recordings.folder(), &camera, since) {
                if !known.contains(path.as_str()) && !is_own(&path) {
                    self.report.files += 1;
                    self.without_row(&path, &named)?;
                }
            }
        }
        Ok(())
    }

    fn everything(&mut self, is_busy: bool) -> Result<(), EngineError> {
        for camera in self.cameras()? {
            let query = SegmentQuery { cameras: vec![camera.clone()], ..SegmentQuery::default() };
            let rows = self.ask(async |store| store.segments(&query).await)?;
            self.report.segments += rows.len() as u64;
            let files = files(self.recordings.folder(), &camera, None);
            // Files of this very moment may get their rows after they were asked for.
            let young = rows.iter().map(|row| row.end).max().unwrap_or_default() - SET_BACK;
            let known: BTreeMap<&str, &Segment> =
                rows.iter().map(|row| (row.path.as_str(), row)).collect();
            for (path, named) in &files {
                self.report.files += 1;
                let is_known = known.contains_key(path.as_str());
                if !is_known && (!is_busy || named.start < young) {
                    self.without_row(path, named)?;
                }
            }
            for row in &rows {
                let length = self.recordings.file(row)?.metadata().map(|file| file.len());
                self.report.bytes += length.as_ref().copied().unwrap_or(0);
                match length {
                    Ok(_) if is_busy && !row.complete => {}
                    Ok(length) if row.complete && length == row.bytes => {}
                    _ => self.row(row)?,
                }
            }
            for (before, after) in rows.iter().zip(rows.iter().skip(1)) {
                if before.end.since(after.start) > OVERLAP {
                    self.note(&after.path, Trouble::Overlaps, None);
                }
            }
        }
        Ok(())
    }

    /// The cameras in the index, and those with a folder of files.
    fn cameras(&self) -> Result<BTreeSet<CameraId>, EngineError> {
        let listed = self.ask(async |store| store.recorded_cameras().await)?;
        let folders = names(self.recordings.folder());
        let found = folders.iter().filter_map(|name| CameraId::new(name).ok());
        Ok(listed.into_iter().chain(found).collect())
    }

    /// Mends a row and its file, one of which is known not to be right.
    fn row(&mut self, row: &Segment) -> Result<(), EngineError> {
        let path = self.recordings.file(row)?;
        match look(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.without_file(row),
            Err(error) => {
                self.fail(&row.path, Trouble::Damaged, &error);
                Ok(())
            }
            Ok((_, found)) if found.fragments == 0 => {
                if self.discard(&row.path, &path, found) {
                    self.ask(async |store| store.remove_segments(&[row.id]).await)?;
                }
                Ok(())
            }
            Ok((length, found)) => {
                let trouble = if row.complete { Trouble::Differs } else { Trouble::Unfinished };
                if !self.repair {
                    self.note(&row.path, trouble, None);
                    return Ok(());
                }
                if let Err(error) = trim(&path, length, found.good_bytes) {
                    self.fail(&row.path, trouble, &error);
                    return Ok(());
                }
                let (id, end, bytes) = (row.id, row.start + found.length, found.good_bytes);
                self.ask(async |store| store.grow_segment(id, end, bytes, true).await)?;
                let done =
                    if length > bytes { "cut to its last whole fragment" } else { "finished" };
                self.note(&row.path, trouble, Some(done));
                Ok(())
            }
        }
    }

    fn without_file(&mut self, row: &Segment) -> Result<(), EngineError> {
        if self.repair {
            self.ask(async |store| store.remove_segments(&[row.id]).await)?;
        }
        self.note(&row.path, Trouble::NoFile, self.repair.then_some("taken out of the index"));
        Ok(())
    }

    /// Adds a file that the index does not know. Its name says camera and start.
    fn without_row(&mut self, path: &str, named: &Named) -> Result<(), EngineError> {
        let file = self.recordings.folder().join(path);
        let (length, found) = match look(&file) {
            Ok(looked) => looked,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.fail(path, Trouble::NoRow, &error);
                return Ok(());
            }
        };
        if found.fragments == 0 {
            self.discard(path, &file, found);
            return Ok(());
        }
        if !self.repair {
            self.note(path, Trouble::NoRow, None);
            return Ok(());
        }
        if let Err(error) = trim(&file, length, found.good_bytes) {
            self.fail(path, Trouble::NoRow, &error);
            return Ok(());
        }
        let Ok(stream) = fingerprint(&file) else {
            self.set_aside(path, &file);
            return Ok(());
        };
        let Named { camera, start, is_final } = named.clone();
        let mut new = NewSegment {
            path: path.to_owned(),
            start,
            end: start + found.length,
            bytes: found.good_bytes,
            stream,
            follows: false,
            complete: true,
            camera,
        };
        if !is_final {
            new.path = name::of_group(&new.camera, start, found.length);
            if let Err(error) = std::fs::rename(&file, self.recordings.folder().join(&new.path)) {
                self.fail(path, Trouble::NoRow, &error);
                return Ok(());
            }
        }
        self.ask(async |store| store.add_segment(&new).await)?;
        self.note(path, Trouble::NoRow, Some("added to the index"));
        Ok(())
    }

    /// Removes a file without a whole fragment, or sets it aside where it is none of ours.
    /// True where it is gone.
    fn discard(&mut self, path: &str, file: &Path, found: Scan) -> bool {
        let is_empty = found.good_bytes > 0 || file.metadata().is_ok_and(|file| file.len() == 0);
        if !is_empty {
            return self.set_aside(path, file);
        }
        if !self.repair {
            self.note(path, Trouble::Empty, None);
            return false;
        }
        match std::fs::remove_file(file) {
            Ok(()) => self.note(path, Trouble::Empty, Some("removed")),
            Err(error) => self.fail(path, Trouble::Empty, &error),
        }
        !file.exists()
    }

    /// Renames what is no recording, so that nobody stumbles over it again and nothing is
    /// lost. True where that is done.
    fn set_aside(&mut self, path: &str, file: &Path) -> bool {
        if !self.repair {
            self.note(path, Trouble::Damaged, None);
            return false;
        }
        let mut aside = file.to_owned().into_os_string();
        aside.push(".broken");
        match std::fs::rename(file, &aside) {
            Ok(()) => {
                self.note(path, Trouble::Damaged, Some("set aside as .broken"));
                true
            }
            Err(error) => {
                self.fail(path, Trouble::Damaged, &error);
                false
            }
        }
    }

    fn note(&mut self, path: &str, trouble: Trouble, done: Option<&'static str>) {
        self.report.findings.push(Finding { path: path.to_owned(), trouble, done, failure: None });
    }

    fn fail(&mut self, path: &str, trouble: Trouble, error: &io::Error) {
        let failure = Some(error.to_string());
        self.report.findings.push(Finding { path: path.to_owned(), trouble, done: None, failure });
    }

    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, EngineError> {
        Ok(self.runtime.block_on(question(self.recordings.store()))?)
    }
}

/// Length of a file and what it holds.
fn look(path: &Path) -> io::Result<(u64, Scan)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((length, scan(&mut file)?))
}

/// Cuts off what is not whole.
fn trim(path: &Path, length: u64, good_bytes: u64) -> io::Result<()> {
    if length > good_bytes {
        let file = File::options().write(true).open(path)?;
        file.set_len(good_bytes)?;
        file.sync_data()?;
    }
    Ok(())
}

fn fingerprint(path: &Path) -> Result<String, omma_media::MediaError> {
    let spec = SourceSpec::file(path).paced(false).with_audio(true);
    Ok(Source::open(&spec, &Stop::new())?.info().fingerprint())
}

/// A camera's files that began at `since` or later, in order of their names.
fn files(folder: &Path, camera: &CameraId, since: Option<WallTime>) -> Vec<(String, Named)> {
    let since = since.unwrap_or(WallTime::from_micros(i64::MIN));
    let first_day = name::day(since.max(WallTime::from_millis(0)));
    let mut files = Vec::new();
    let mut take = |path: String| {
        if let Some(named) = name::parse(&path).filter(|named| named.start >= since) {
            files.push((path, named));
        }
    };
    for entry in names(&folder.join(camera.as_str())) {
        let within = folder.join(camera.as_str()).join(&entry);
        if Path::new(&entry).extension().is_some_and(|end| end == "mp4") {
            take(format!("{camera}/{entry}"));
        } else if entry >= first_day && within.is_dir() {
            for file in names(&within) {
                take(format!("{camera}/{entry}/{file}"));
            }
        }
    }
    files
}
