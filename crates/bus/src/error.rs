//! What can be wrong before anything is sent.

use omma_types::ErrorKind;

/// A target that can't be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// Not an address that can be posted to.
    #[error("`{url}` is no webhook: {reason}; give an http:// or https:// address")]
    Address {
        /// The address, without secrets.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not an address of a broker.
    #[error("`{url}` is no address of a broker: {reason}")]
    Broker {
        /// The address, without secrets.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A broker that can't be reached, does not answer in time, or went away.
    #[error("{broker} cannot be reached: {reason}")]
    Unreachable {
        /// The broker, without secrets.
        broker: String,
        /// Why.
        reason: String,
    },
    /// A broker that lets nobody in with these credentials, or lets them do too little.
    #[error("{broker} refuses: {reason}; check the user, the password and their rights")]
    Denied {
        /// The broker, without secrets.
        broker: String,
        /// What it said.
        reason: String,
    },
    /// A broker that answers, and can't do what was asked: no memory, no such topic, a message
    /// too large.
    #[error("{broker} cannot take `{topic}`: {reason}")]
    Refused {
        /// The broker, without secrets.
        broker: String,
        /// The topic, stream or key.
        topic: String,
        /// What it said, and what to do.
        reason: String,
    },
    /// A message that is not what its topic carries.
    #[error("a message of `{topic}` cannot be read: {reason}")]
    Payload {
        /// The topic, stream or key.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A message that is not sent: it could not be made, or is too large for its topic.
    #[error("a message for `{topic}` is not sent: {reason}")]
    Unsent {
        /// The topic, stream or key.
        topic: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl BusError {
    /// Whether it concerns one message only: the broker is well, and the next one may be too.
    pub fn is_of_one_message(&self) -> bool {
        matches!(self, Self::Payload { .. } | Self::Unsent { .. })
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. }
            | Self::Broker { .. }
            | Self::Payload { .. }
            | Self::Unsent { .. } => ErrorKind::Invalid,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::Refused { .. } => ErrorKind::Full,
        }
    }
}
