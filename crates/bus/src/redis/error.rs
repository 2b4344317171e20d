//! What a Redis complains about, in the words of this crate.

use omma_types::redact_text;
use redis::{ErrorKind, RedisError};

use crate::{Broker, BusError};

/// What `error`, met at `topic` (a key; empty for none), means.
pub fn error(broker: &Broker, topic: &str, error: &RedisError) -> BusError {
    let shown = broker.shown();
    let (code, detail) = said(error);
    let code = code.as_deref();
    let reason = || {
        let text = match (code, &detail) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            (Some(code), None) => code.to_owned(),
            _ => error.to_string(),
        };
        redact_text(&text).trim().to_owned()
    };
    let denied = matches!(code, Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED"))
        || error.kind() == ErrorKind::AuthenticationFailed;
    if error.is_timeout() {
        return BusError::Unreachable { broker: shown, reason: "no answer in time".to_owned() };
    }
    if denied && !error.is_io_error() {
        return BusError::Denied { broker: shown, reason: reason() };
    }
    if is_away(error) {
        return BusError::Unreachable { broker: shown, reason: reason() };
    }
    if error.kind() == ErrorKind::InvalidClientConfig {
        return BusError::Broker { url: shown, reason: reason() };
    }
    let reason = match code {
        Some("OOM") => "it is out of memory; keep less, or raise its maxmemory".to_owned(),
        Some("WRONGTYPE") => "another program keeps something else there; choose another \
                              prefix, name or database"
            .to_owned(),
        _ => reason(),
    };
    BusError::Refused { broker: shown, topic: topic.to_owned(), reason }
}

/// The server's own word and what it said; of several commands, that of the first that failed.
fn said(error: &RedisError) -> (Option<String>, Option<String>) {
    let first = error.clone().into_server_errors();
    if let Some((_, first)) = first.as_ref().and_then(|errors| errors.first()) {
        return (Some(first.code().to_owned()), first.details().map(str::to_owned));
    }
    (error.code().map(str::to_owned), error.detail().map(str::to_owned))
}

/// Whether the server is not there, or not yet what it has to be: a later attempt may succeed.
pub(super) fn is_away(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::MasterNameNotFoundBySentinel
                | ErrorKind::ClusterConnectionNotFound
                | ErrorKind::EmptySentinelList
                | ErrorKind::Parse
        )
        || matches!(
            said(error).0.as_deref(),
            Some("LOADING" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "UNBLOCKED")
        )
}
