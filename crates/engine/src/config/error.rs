//! What is wrong with a configuration, and where.

use omma_types::{ErrorKind, redact_text};
use serde_saphyr::{Error, Location};

/// A configuration that was refused: file, place, reason, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {reason}", place(*.line, *.column))]
pub struct ConfigError {
    /// The file's name as the user gave it.
    pub file: String,
    /// Line from 1, where known.
    pub line: u64,
    /// Column from 1, where known.
    pub column: u64,
    /// What is wrong, what was expected, and the nearest valid name.
    pub reason: String,
}

fn place(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!(":{line}:{column}") }
}

impl ConfigError {
    pub(super) fn at(file: &str, location: Location, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: location.line(),
            column: location.column(),
            reason: redact_text(&reason.into()),
        }
    }

    /// Of a file as a whole.
    pub(super) fn of_file(file: &str, reason: String) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, reason }
    }

    pub(super) fn from_yaml(file: &str, error: &Error) -> Self {
        let location = error.location();
        Self {
            file: file.to_owned(),
            line: location.map_or(0, |l| l.line()),
            column: location.map_or(0, |l| l.column()),
            reason: redact_text(&reason(error)),
        }
    }

    /// Always [`ErrorKind::Invalid`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::WithSnippet { error, .. } => reason(error),
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        Error::Eof { .. } => "the file is empty or ends too early; it begins with `version: 1`, \
                              and `omma demo --print-config` prints one to start from"
            .to_owned(),
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        other => {
            let options =
                serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
            other.render_with_options(options)
        }
    }
}

/// "unknown key `urll`; did you mean `url`? (valid: `url`, `loop`)".
pub(super) fn unknown<T: AsRef<str>>(what: &str, name: &str, valid: &[T]) -> String {
    let nearest = valid
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate.as_ref()), candidate))
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.as_ref());
    let suggestion = match nearest {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None => String::new(),
    };
    let list: Vec<String> = valid.iter().map(|v| format!("`{}`", v.as_ref())).collect();
    format!("unknown {what} `{name}`{suggestion} (valid: {})", list.join(", "))
}
