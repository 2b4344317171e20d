//! The disk as recording sees it: a file that grows by whole fragments, and how much space
//! there is.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A segment's file. Whatever fails, it ends after the last fragment that was written whole,
/// as far as the file system lets it.
#[derive(Debug)]
pub(super) struct SegmentFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    is_dirty: bool,
}

impl SegmentFile {
    /// Creates the file and the folders above it. One that is there is never written over.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let create = || OpenOptions::new().write(true).create_new(true).open(&path);
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
                // Upkeep may remove the folder as empty before the file is in it.
                create().or_else(|_| {
                    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
                    create()
                })?
            }
            created => created?,
        };
        Ok(Self { file, path, bytes: 0, is_dirty: false })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a whole fragment, or leaves the file as it was.
    pub(super) fn append(&mut self, fragment: &[u8]) -> io::Result<()> {
        self.is_dirty = true;
        match self.file.write_all(fragment) {
            Ok(()) => {
                self.bytes += fragment.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Where this fails as well, `check` does it.
                if self.file.set_len(self.bytes).is_ok() {
                    drop(io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.bytes)));
                }
                Err(error)
            }
        }
    }

    /// Makes what was written survive a loss of power.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.is_dirty {
            self.file.sync_data()?;
            self.is_dirty = false;
        }
        Ok(())
    }
}

/// Bytes of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    /// What can be written.
    pub(super) free: u64,
    /// Its size.
    pub(super) total: u64,
}

impl Space {
    /// The space of the file system that `path` is on. What is not there yet is asked of the
    /// folders above it.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut at = path;
        let found = loop {
            match rustix::fs::statvfs(if at.as_os_str().is_empty() { Path::new(".") } else { at }) {
                Ok(found) => break found,
                Err(rustix::io::Errno::NOENT) => match at.parent() {
                    Some(parent) => at = parent,
                    None => return Err(rustix::io::Errno::NOENT.into()),
                },
                Err(error) => return Err(error.into()),
            }
        };
        Ok(Self {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

/// Whether removing files helps against this error.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Bytes for people.
pub(super) fn bytes_text(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_grows_and_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hall/2026-11-20/a.mp4");
        let mut file = SegmentFile::create(path.clone()).unwrap();
        file.append(b"first").unwrap();
        file.append(b"second").unwrap();
        file.sync().unwrap();
        assert_eq!(file.bytes(), 11);
        assert_eq!(std::fs::read(&path).unwrap(), b"firstsecond");
        let again = SegmentFile::create(path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn space_is_that_of_the_folder_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let here = Space::of(dir.path()).unwrap();
        let there = Space::of(&dir.path().join("not/yet")).unwrap();
        assert!(here.free > 0 && here.free <= here.total);
        assert_eq!(here.total, there.total);
        assert_eq!(bytes_text(12), "12 bytes");
        assert_eq!(bytes_text(1_250_000_000), "1.2 GB");
    }
}
