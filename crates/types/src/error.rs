//! What kind of failure it was, so that callers can act without reading the text.

/// The kinds of failure. Each room maps foreign errors to these in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The file, camera, model or address does not exist.
    NotFound,
    /// What was asked for makes no sense: a bad option, an impossible value.
    Invalid,
    /// The data is damaged or not what its name says.
    Corrupt,
    /// It makes sense, but this build or this system can't do it.
    Unsupported,
    /// Nobody answers, or the connection broke.
    Unreachable,
    /// An answer did not come in time.
    Timeout,
    /// Credentials are missing or wrong, or a permission is lacking.
    Denied,
    /// Something else holds it: a port, a file, a device.
    Busy,
    /// Somebody has changed it meanwhile.
    Conflict,
    /// The disk or a bounded queue is full.
    Full,
    /// A mistake in Omma itself.
    Internal,
}

impl ErrorKind {
    /// Whether trying again later, with nothing changed here, can succeed.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout | Self::Busy | Self::Full | Self::NotFound => true,
            // A camera can be given the right password, or finish booting, at any time.
            Self::Denied | Self::Corrupt => true,
            Self::Invalid | Self::Unsupported | Self::Conflict | Self::Internal => false,
        }
    }

    /// The word used in interfaces, e.g. `not_found`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Conflict => "conflict",
            Self::Full => "full",
            Self::Internal => "internal",
        }
    }
}
