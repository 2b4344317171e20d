//! What can go wrong: only text and its rows, tracking itself has no failures.

use omma_types::ErrorKind;

/// A problem with MOTChallenge text or with what its rows say.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrackError {
    /// A line that is no row.
    #[error("line {line}: {reason}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// Rows that cannot be scored.
    #[error("{which}: id {id} stands twice in frame {frame}; give each object one row a frame")]
    Duplicate {
        /// `ground truth` or `result`.
        which: &'static str,
        /// The frame, from 1.
        frame: u32,
        /// The id.
        id: i64,
    },
    /// A frame rate that no video has.
    #[error("{fps} is no frame rate; give frames per second above 0, up to 1000")]
    FrameRate {
        /// What was given.
        fps: f64,
    },
    /// Ground truth without a row that counts.
    #[error("the ground truth has no row that counts; nothing can be scored against it")]
    NoTruth,
    /// A tracker's state that no tracker comes to.
    #[error("the tracker's state is damaged: start the tracker afresh")]
    State,
}

impl TrackError {
    /// The kind of failure, for callers that act on it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Line { .. } | Self::Duplicate { .. } | Self::State => ErrorKind::Corrupt,
            Self::NoTruth | Self::FrameRate { .. } => ErrorKind::Invalid,
        }
    }
}
