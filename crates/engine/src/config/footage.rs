//! What of a camera's stream is kept, and where else it goes.

use std::path::PathBuf;
use std::time::Duration;

use super::file::camera::{DEFAULT_AFTER, DEFAULT_BEFORE, DEFAULT_SEGMENT};

/// Where footage is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingsConfig {
    /// The folder.
    pub dir: PathBuf,
    /// Bytes that stay free on its disk: oldest footage goes first.
    pub min_free: u64,
}

/// What of a camera's footage is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// When it is recorded.
    pub mode: RecordMode,
    /// How long a file gets.
    pub segment: SegmentLength,
    /// In mode [`RecordMode::Events`]: how much before an event is kept.
    pub before: Duration,
    /// In mode [`RecordMode::Events`]: how much after the last event is kept.
    pub after: Duration,
    /// Age at which footage goes; none keeps it while there is room.
    pub keep: Option<Duration>,
    /// Bytes that this camera's footage may take; none for no bound of its own.
    pub max_bytes: Option<u64>,
}

impl Default for RecordConfig {
    /// All the time, in files of a minute, kept while there is room.
    fn default() -> Self {
        Self {
            mode: RecordMode::Always,
            segment: SegmentLength::Duration(DEFAULT_SEGMENT),
            before: DEFAULT_BEFORE,
            after: DEFAULT_AFTER,
            keep: None,
            max_bytes: None,
        }
    }
}

/// When a camera is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordMode {
    /// All the time.
    Always,
    /// Around its events.
    Events,
}

/// How long a recorded file gets. It always ends in front of a keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentLength {
    /// About this long.
    Duration(Duration),
    /// One group of pictures, named as video-edge-ai-proxy does.
    Gop,
}

/// Where a camera's stream is passed on to.
#[derive(Clone, PartialEq, Eq)]
pub struct PassThroughConfig {
    /// An `rtmp://` or `rtmps://` address; may hold a password or a key.
    pub url: String,
    /// Whether it begins with the camera, not only when somebody asks.
    pub start: bool,
}

impl PassThroughConfig {
    /// Checks the address.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn new(url: String, start: bool) -> Result<Self, String> {
        let rest = url.strip_prefix("rtmp://").or_else(|| url.strip_prefix("rtmps://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(Self { url, start }),
            _ => Err("a stream is passed on to an address like rtmp://host/app/name".to_owned()),
        }
    }

    /// The address without what lets somebody send: passwords, and the last part of the path,
    /// which services call the stream key.
    pub fn redacted(&self) -> String {
        let url = omma_types::redact_url(&self.url);
        let host_ends = url.find("://").map_or(0, |at| at + 3);
        match url.rfind('/') {
            Some(at) if at >= host_ends => format!("{}/***", url.get(..at).unwrap_or_default()),
            _ => url,
        }
    }
}

impl std::fmt::Debug for PassThroughConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassThroughConfig").field("start", &self.start).finish_non_exhaustive()
    }
}
