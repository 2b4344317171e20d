//! What can be wrong before anything is sent.

use omma_types::ErrorKind;

/// A target that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Not an address that can be posted to.
    #[error("`{url}` is no webhook: {reason}; give an http:// or https:// address")]
    Address {
        /// The address, without secrets.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl BusError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } => ErrorKind::Invalid,
        }
    }
}
