//! Why footage can't be given.

use omma_types::{CameraId, ErrorKind, WallTime};

/// A question about footage that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum FootageError {
    /// Nothing was recorded in this time.
    #[error("camera `{camera}` has no footage of this time; {}", nearest(*.before, *.after))]
    None {
        /// The camera.
        camera: CameraId,
        /// Where the footage before it ends.
        before: Option<WallTime>,
        /// Where the footage after it begins.
        after: Option<WallTime>,
    },
    /// The camera's stream changed within the time, and one file can't hold both.
    #[error(
        "camera `{camera}` changed its stream (codec, size or sound) at {until}; \
         ask for footage up to then, and for the rest from then on"
    )]
    StreamChanged {
        /// The camera.
        camera: CameraId,
        /// Where the first stream's footage ends.
        until: WallTime,
    },
    /// More files than one answer is made of.
    #[error("camera `{camera}` has more than {most} files of this time; ask for a shorter time")]
    TooMuch {
        /// The camera.
        camera: CameraId,
        /// How many files one answer is made of at most.
        most: u32,
    },
    /// A file that the index knows can't be used.
    #[error("{path}: {reason}; see what `omma recordings check` says")]
    File {
        /// The file, below the folder of recordings.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file does not hold what it should.
    #[error(transparent)]
    Media(#[from] omma_media::MediaError),
    /// The index can't be read.
    #[error(transparent)]
    Store(#[from] omma_store::StoreError),
}

fn nearest(before: Option<WallTime>, after: Option<WallTime>) -> String {
    match (before, after) {
        (None, None) => "nothing of it was recorded at all".to_owned(),
        (Some(before), None) => format!("the newest ends at {before}"),
        (None, Some(after)) => format!("the oldest begins at {after}"),
        (Some(before), Some(after)) => {
            format!("the nearest ends at {before} and begins at {after}")
        }
    }
}

impl FootageError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::None { .. } => ErrorKind::NotFound,
            Self::StreamChanged { .. } | Self::TooMuch { .. } => ErrorKind::Invalid,
            Self::File { .. } => ErrorKind::Corrupt,
            Self::Media(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
