//! Everything that can go wrong with models, in words for the person who has to fix it.

use std::path::PathBuf;

use omma_types::ErrorKind;

use crate::EngineKind;

/// Why a model cannot be found, fetched, loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// No such file.
    #[error("model file {} does not exist; check the path", path.display())]
    NoFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The card is known, but its file is not on this machine.
    #[error(
        "the file {file} of model {card} is on none of the searched paths ({}); \
         fetch it with `omma models pull {card}`",
        list(searched)
    )]
    NotPulled {
        /// The card's name.
        card: String,
        /// The file that it names.
        file: String,
        /// The folders that were looked into.
        searched: Vec<PathBuf>,
    },
    /// Neither a card nor a file.
    #[error("no model is called {name}{}; known are {}",
        nearest.as_ref().map(|n| format!(" (did you mean {n}?)")).unwrap_or_default(),
        known.join(", "))]
    UnknownCard {
        /// What was asked for.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no ONNX model, or a damaged one.
    #[error("{} is no usable ONNX model: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A healthy model that can't be used here.
    #[error("model {model} cannot be used: {reason}")]
    Unsupported {
        /// The card's name or the file.
        model: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// ONNX Runtime's library is missing or not usable.
    #[error(
        "no usable ONNX Runtime library: {reason}; give its path in ORT_DYLIB_PATH (it lies in \
         the Python wheel `onnxruntime` under onnxruntime/capi) or use the engine rten"
    )]
    Library {
        /// Each place tried with its reason.
        reason: String,
        /// Whether no library was found at all, in contrast to one that is not usable.
        missing: bool,
    },
    /// The engine failed while loading or running a healthy-looking model.
    #[error("{engine} failed on model {model}: {reason}")]
    Engine {
        /// Which engine.
        engine: EngineKind,
        /// The card's name or the file.
        model: String,
        /// Its own words.
        reason: String,
    },
    /// A tensor handed in has the wrong length.
    #[error("the tensor has {got} numbers, but the model's input takes {expected}")]
    TensorLength {
        /// Numbers expected.
        expected: usize,
        /// Numbers given.
        got: usize,
    },
    /// A class that the model does not know.
    #[error("model {model} knows no class {name}{}",
        nearest.as_ref().map(|n| format!(" (did you mean {n}?)")).unwrap_or_default())]
    UnknownClass {
        /// The model.
        model: String,
        /// The name asked for.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
    /// A model card that cannot be read.
    #[error("model card {card}: {reason}")]
    Card {
        /// The card's file.
        card: String,
        /// The key, what is wrong with it and what was expected.
        reason: String,
    },
    /// A model could not be fetched.
    #[error("cannot fetch model {card}: {reason}")]
    Download {
        /// The card's name.
        card: String,
        /// Each source with its reason; without secrets.
        reason: String,
        /// The kind of the last failure.
        kind: ErrorKind,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    paths.join(", ")
}

impl InferError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFile { .. } | Self::NotPulled { .. } => ErrorKind::NotFound,
            Self::UnknownCard { .. } | Self::UnknownClass { .. } | Self::Card { .. } => {
                ErrorKind::Invalid
            }
            Self::Io { source, .. } => io_kind(source),
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Library { missing: true, .. } => ErrorKind::NotFound,
            Self::Library { missing: false, .. } => ErrorKind::Unsupported,
            Self::Engine { .. } => ErrorKind::Unsupported,
            Self::TensorLength { .. } => ErrorKind::Invalid,
            Self::Download { kind, .. } => *kind,
        }
    }
}

/// The kind of a system's failure.
pub(crate) fn io_kind(error: &std::io::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::PermissionDenied => ErrorKind::Denied,
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::Full,
        Io::TimedOut | Io::WouldBlock => ErrorKind::Timeout,
        Io::UnexpectedEof | Io::InvalidData => ErrorKind::Corrupt,
        Io::ConnectionRefused
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NotConnected
        | Io::BrokenPipe => ErrorKind::Unreachable,
        Io::ResourceBusy => ErrorKind::Busy,
        _ => ErrorKind::Internal,
    }
}

/// The known name that `name` is most likely a slip of, if any is close.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let (distance, best) =
        known.map(|k| (edits(name, k), k)).min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.chars().count() / 3).then(|| best.to_owned())
}

/// Insertions, deletions and replacements between two words (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, &b) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let known = ["yolox-nano", "yolox-tiny", "nanodet-m-416"];
        assert_eq!(nearest("yolo-nano", known.into_iter()).as_deref(), Some("yolox-nano"));
        assert_eq!(nearest("yoloxtiny", known.into_iter()).as_deref(), Some("yolox-tiny"));
        assert_eq!(nearest("whisper", known.into_iter()), None);
        assert_eq!((edits("kitten", "sitting"), edits("", "abc"), edits("abc", "")), (3, 3, 3));
    }
}
