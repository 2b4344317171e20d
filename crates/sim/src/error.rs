//! What can be wrong with the description of a simulated scene.

use omma_types::ErrorKind;

/// A description that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// There is no such scene.
    #[error(
        "there is no simulated scene `{name}`: use `sim:street`, e.g. sim:street?people=6&cars=2"
    )]
    UnknownScene {
        /// The name given.
        name: String,
    },
    /// There is no such option.
    #[error(
        "sim:street has no option `{key}`: it knows people, cars, seed, size, fps, noise, light, clock, \
         stamp"
    )]
    UnknownKey {
        /// The option's name as given.
        key: String,
    },
    /// The same option twice.
    #[error("sim:street has option `{key}` twice: keep one")]
    Repeated {
        /// The option's name.
        key: &'static str,
    },
    /// An option with a value that it can't have.
    #[error("sim:street option `{key}` is `{value}`: expected {expected}")]
    BadValue {
        /// The option's name.
        key: &'static str,
        /// The value given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl SimError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownScene { .. } => ErrorKind::NotFound,
            Self::UnknownKey { .. } | Self::Repeated { .. } | Self::BadValue { .. } => {
                ErrorKind::Invalid
            }
        }
    }
}
