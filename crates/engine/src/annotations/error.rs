//! Why an annotation was not accepted.

use omma_store::StoreError;
use omma_types::ErrorKind;

/// An annotation that was not accepted, or a question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum AnnotationError {
    /// Nobody is there to deliver them to.
    #[error(
        "annotations are not accepted: the configuration says nowhere to deliver them to; set \
         `annotations.url` and restart omma"
    )]
    NoTarget,
    /// One breaks a rule.
    #[error("{}`{field}` {rule}", place(*.index))]
    Invalid {
        /// Its place in the list, from 0; none where it came alone.
        index: Option<usize>,
        /// The field, as the JSON form calls it.
        field: &'static str,
        /// The rule, for people.
        rule: String,
    },
    /// More wait than may.
    #[error(
        "{waiting} annotations wait to be delivered, and no more fit; see \
         /api/v1/annotations/status for what is in the way"
    )]
    Full {
        /// How many wait.
        waiting: u64,
    },
    /// They could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program ends.
    #[error("omma is ending; send the annotations again later")]
    Ending,
}

impl AnnotationError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoTarget => ErrorKind::Unsupported,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Full { .. } => ErrorKind::Full,
            Self::Store(error) => error.kind(),
            Self::Ending => ErrorKind::Busy,
        }
    }
}

fn place(index: Option<usize>) -> String {
    index.map_or_else(String::new, |index| format!("annotation {index}: "))
}
