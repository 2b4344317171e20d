//! Fetches a model's file from the addresses on its card.
//!
//! The file appears under its name only when it is complete and its digest right: it is
//! written beside under a temporary name, which goes away with any failure.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use omma_types::{ErrorKind, redact_text, redact_url};
use sha2::{Digest as _, Sha256};

use crate::error::io_kind;
use crate::{Card, InferError};

/// A fetched model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Whether the card named this digest. Where it names none, people should compare.
    pub verified: bool,
    /// Its length.
    pub bytes: u64,
    /// Where it came from, without secrets.
    pub source: String,
}

/// Larger than any model that Omma could run; an endless answer must not fill the disk.
const MOST_BYTES: u64 = 2 << 30;
/// Silence after which a source is given up.
const SILENCE: Duration = Duration::from_secs(20);

/// A file that can be had from several places.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// What it is, for messages.
    pub name: &'a str,
    /// Its name on the disk.
    pub file: &'a str,
    /// Where it can be had, best first.
    pub sources: &'a [String],
    /// Its SHA-256 in lower-case hexadecimal, where it is known for sure.
    pub sha256: Option<&'a str>,
}

/// Fetches the file of `card` into the folder `dest`; see [`download`].
pub fn pull(
    card: &Card,
    dest: &Path,
    timeout: Duration,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Pulled, InferError> {
    let item = Download {
        name: &card.name,
        file: &card.file,
        sources: &card.sources,
        sha256: card.sha256.as_deref(),
    };
    download(&item, dest, timeout, progress)
}

/// Fetches a file into the folder `dest` (made if needed) within `timeout` in all, trying its
/// sources in turn. `progress` is told the bytes so far and, where the server says, the bytes
/// in all.
pub fn download(
    item: &Download<'_>,
    dest: &Path,
    timeout: Duration,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Pulled, InferError> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| InferError::Io { action, path, source }
    };
    std::fs::create_dir_all(dest).map_err(io("create the folder", dest))?;
    let failed =
        |reason: String, kind| InferError::Download { card: item.name.to_owned(), reason, kind };
    if item.sources.is_empty() {
        let reason = format!("its card names no source; put {} into a models folder", item.file);
        return Err(failed(reason, ErrorKind::Unsupported));
    }
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_per_read(Some(SILENCE.min(timeout)))
        .timeout_connect(Some(SILENCE.min(timeout)))
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let mut reasons = Vec::new();
    let mut kind = ErrorKind::Unreachable;
    for url in item.sources {
        match fetch(&agent, item, url, dest, progress) {
            Ok(pulled) => return Ok(pulled),
            // Another source would not make room on the disk.
            Err(Failure::Local { action, error }) => {
                return Err(io(action, &dest.join(item.file))(error));
            }
            Err(Failure::Remote { reason, kind: this }) => {
                kind = this;
                reasons.push(format!("{}: {}", redact_url(url), redact_text(&reason)));
            }
        }
    }
    Err(failed(reasons.join("; "), kind))
}

enum Failure {
    /// The disk's fault.
    Local { action: &'static str, error: std::io::Error },
    /// The source's fault.
    Remote { reason: String, kind: ErrorKind },
}

fn fetch(
    agent: &ureq::Agent,
    item: &Download<'_>,
    url: &str,
    dest: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Pulled, Failure> {
    let mut response = agent.get(url).call().map_err(refused)?;
    let body = response.body_mut();
    let expected = body.content_length();
    let mut reader = body.with_config().limit(MOST_BYTES).reader();
    let local = |action| move |error| Failure::Local { action, error };
    let mut file = tempfile::Builder::new()
        .prefix(&format!(".{}.", item.file))
        .suffix(".part")
        .tempfile_in(dest)
        .map_err(local("write"))?;
    let mut digest = Sha256::new();
    let mut bytes = 0u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => {
                // An early end is a broken connection here, not a damaged file.
                let kind = match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => ErrorKind::Unreachable,
                    _ => io_kind(&error),
                };
                let reason = format!("broke off after {bytes} bytes: {error}");
                return Err(Failure::Remote { reason, kind });
            }
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        digest.update(chunk);
        file.write_all(chunk).map_err(local("write"))?;
        bytes += count as u64;
        progress(bytes, expected);
    }
    if expected.is_some_and(|expected| expected != bytes) {
        let reason = format!("broke off after {bytes} bytes");
        return Err(Failure::Remote { reason, kind: ErrorKind::Unreachable });
    }
    let sha256: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(right) = item.sha256.filter(|right| *right != sha256) {
        let reason = format!(
            "the file there is not the one on the card: its SHA-256 is {sha256}, not {right}"
        );
        return Err(Failure::Remote { reason, kind: ErrorKind::Corrupt });
    }
    let path = dest.join(item.file);
    file.as_file().sync_all().map_err(local("write"))?;
    // Temporary files are private to their owner; a model need not be.
    readable_by_all(file.as_file()).map_err(local("write"))?;
    file.persist(&path).map_err(|e| Failure::Local { action: "write", error: e.error })?;
    Ok(Pulled { path, sha256, verified: item.sha256.is_some(), bytes, source: redact_url(url) })
}

#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

fn refused(error: ureq::Error) -> Failure {
    let kind = match &error {
        ureq::Error::StatusCode(401 | 403 | 407) => ErrorKind::Denied,
        ureq::Error::StatusCode(404 | 410) => ErrorKind::NotFound,
        ureq::Error::Timeout(_) => ErrorKind::Timeout,
        ureq::Error::Io(error) => io_kind(error),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => ErrorKind::Invalid,
        _ => ErrorKind::Unreachable,
    };
    let reason = match error {
        ureq::Error::StatusCode(code) => format!("the server answered with status {code}"),
        other => other.to_string(),
    };
    Failure::Remote { reason, kind }
}

#[cfg(test)]
mod tests;
