//! Failures in gRPC's words.

use omma_engine::EngineError;
use omma_store::StoreError;
use omma_types::{CameraId, ErrorKind};
use tonic::{Code, Status};

/// The code for a kind of failure.
fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::Corrupt => Code::DataLoss,
        ErrorKind::Unsupported => Code::Unimplemented,
        ErrorKind::Unreachable | ErrorKind::Busy | ErrorKind::Timeout => Code::Unavailable,
        ErrorKind::Denied => Code::PermissionDenied,
        ErrorKind::Conflict => Code::Aborted,
        ErrorKind::Full => Code::ResourceExhausted,
        ErrorKind::Internal => Code::Internal,
    }
}

pub(super) fn of_engine(error: &EngineError) -> Status {
    if error.kind() == ErrorKind::Internal {
        // The asker may not be the one who can do something about it.
        tracing::error!(%error, "a gRPC call failed");
    }
    Status::new(code(error.kind()), error.to_string())
}

pub(super) fn of_store(error: &StoreError) -> Status {
    tracing::error!(%error, "the store could not answer");
    Status::new(code(error.kind()), error.to_string())
}

/// No camera is called `name`, which need not even be a possible name.
pub(super) fn no_camera(name: &str, known: &[CameraId]) -> Status {
    let name = name.chars().take(64).collect();
    let known = known.iter().map(ToString::to_string).collect();
    Status::not_found(EngineError::NoCamera { name, known }.to_string())
}

/// The server stops.
pub(super) fn ending() -> Status {
    Status::unavailable("the server stops")
}
