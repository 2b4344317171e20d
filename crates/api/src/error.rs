//! Failures and how they are told: to whoever started the server, and to whoever asked it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use omma_engine::annotations::AnnotationError;
use omma_engine::{EngineError, FootageError, RedactionError};
use omma_store::StoreError;
use omma_types::{CameraId, ErrorKind};

use crate::access::{Refusal, Telling};
use crate::dto::{ErrorBody, ErrorDetail};
use crate::tls::TlsError;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error(
        "{address} is in use by another program; stop that one, or choose another address with \
         `{section}.listen`"
    )]
    InUse {
        /// The configuration's section.
        section: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// Ports below 1024 need a permission.
    #[error(
        "no permission to listen on {address}; choose a port above 1023 with `{section}.listen`"
    )]
    NotPermitted {
        /// The configuration's section.
        section: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// This machine has no such address, or the like.
    #[error("cannot listen on {address}: {reason}; choose another address with `{section}.listen`")]
    Address {
        /// The configuration's section.
        section: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// Everybody in the network would see all cameras.
    #[error(
        "other machines can reach {address} (`{section}.listen`), and nobody there would be asked \
         who they are; set `auth.tokens`, `accounts: true` or `{section}.tls.client_ca`, or listen on 127.0.0.1, or \
         accept it with `{section}.insecure: true`{}",
        if *.section == "http" { " (`--insecure`)" } else { "" }
    )]
    Unprotected {
        /// The configuration's section.
        section: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// The files for TLS can't be used.
    #[error("cannot encrypt `{section}`: {source}")]
    Tls {
        /// The configuration's section.
        section: &'static str,
        /// Why.
        source: TlsError,
    },
    /// The system gives no random numbers.
    #[error("no random numbers can be had from the system, which accounts need")]
    NoRandom,
    /// The listening socket broke.
    #[error("the HTTP server stopped: {0}")]
    Stopped(std::io::Error),
}

impl ServeError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InUse { .. } => ErrorKind::Busy,
            Self::NotPermitted { .. } | Self::Unprotected { .. } => ErrorKind::Denied,
            Self::Tls { source, .. } => source.kind(),
            Self::Address { .. } => ErrorKind::Invalid,
            Self::NoRandom | Self::Stopped(_) => ErrorKind::Internal,
        }
    }

    pub(crate) fn listening(
        section: &'static str,
        address: SocketAddr,
        error: &std::io::Error,
    ) -> Self {
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Self::InUse { section, address },
            std::io::ErrorKind::PermissionDenied => Self::NotPermitted { section, address },
            _ => Self::Address { section, address, reason: error.to_string() },
        }
    }
}

/// When to ask again what the engine is too busy for.
const BUSY_FOR: Duration = Duration::from_secs(10);

/// How to authenticate. Basic is there for browsers, which then ask their user for it.
const WAYS_IN: [HeaderValue; 2] = [
    HeaderValue::from_static("Bearer realm=\"Omma\""),
    HeaderValue::from_static("Basic realm=\"Omma: the token is the password\", charset=\"UTF-8\""),
];

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    /// After which it is worth trying again.
    wait: Option<Duration>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// The question makes no sense.
    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: ErrorKind::Invalid,
            message: message.into(),
            hint: Some(hint.into()),
            wait: None,
        }
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: ErrorKind::NotFound,
            message: message.into(),
            hint: Some(hint.into()),
            wait: None,
        }
    }

    /// No camera is called `name`; names those that there are for the asker, where it is known
    /// who that is.
    pub(crate) fn no_camera(name: &str, known: Option<&[CameraId]>) -> Self {
        let hint = match known {
            None => "see /api/v1/cameras".to_owned(),
            Some([]) => "no cameras are configured".to_owned(),
            Some(known) => {
                let names: Vec<&str> = known.iter().map(CameraId::as_str).collect();
                format!("there are: {}", names.join(", "))
            }
        };
        let shown: String = name.chars().take(64).collect();
        Self::not_found(format!("no camera is called `{shown}`"), hint)
    }

    /// It can't be done now, but perhaps later.
    pub(crate) fn unavailable(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind,
            message: message.into(),
            hint: None,
            wait: None,
        }
    }

    /// There is no way to do it with what there is.
    pub(crate) fn unsupported(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let error = Self::invalid(message, hint).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        Self { kind: ErrorKind::Unsupported, ..error }
    }

    /// A mistake of ours.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: ErrorKind::Internal,
            message: message.into(),
            hint: None,
            wait: None,
        }
    }

    /// Somebody may not ask this.
    pub(crate) fn denied(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            kind: ErrorKind::Denied,
            message: message.into(),
            hint: Some(hint.into()),
            wait: None,
        }
    }

    /// It has not been shown who asks.
    pub(crate) fn unauthorized(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::denied(message, hint).with_status(StatusCode::UNAUTHORIZED)
    }

    /// It does not fit to what there is.
    pub(crate) fn conflict(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::invalid(message, hint).with_status(StatusCode::CONFLICT)
    }

    /// Somebody asks too often.
    pub(crate) fn too_many(message: impl Into<String>, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000);
        let hint = format!("try again in {seconds} s");
        let error = Self::denied(message, hint).with_status(StatusCode::TOO_MANY_REQUESTS);
        Self { kind: ErrorKind::Busy, wait: Some(wait), ..error }
    }

    /// The same failure as another kind.
    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// The same failure under another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let kind = error.kind();
        let status = match kind {
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            // The asker may not be the one who can do something about it.
            tracing::error!(%error, "the store could not answer");
        }
        Self { status, kind, message: error.to_string(), hint: None, wait: None }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let kind = error.kind();
        let message = error.to_string();
        let status = match error {
            EngineError::Store(error) => return error.into(),
            // Which there are, not everybody may know.
            EngineError::NoCamera { name, .. } => return Self::no_camera(&name, None),
            EngineError::NoSink { .. } | EngineError::NoRule { .. } => StatusCode::NOT_FOUND,
            EngineError::NoPicture { .. } => StatusCode::SERVICE_UNAVAILABLE,
            EngineError::Changed { .. } => StatusCode::PRECONDITION_FAILED,
            EngineError::Exists { .. }
            | EngineError::Shared { .. }
            | EngineError::NoPassThrough { .. }
            | EngineError::NotSent { .. }
            | EngineError::NoTracks
            | EngineError::CountedLive { .. } => StatusCode::CONFLICT,
            EngineError::Config(_)
            | EngineError::Source { .. }
            | EngineError::Span { .. }
            | EngineError::Rule { .. } => StatusCode::BAD_REQUEST,
            _ if kind == ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let is_busy = kind == ErrorKind::Busy && status == StatusCode::SERVICE_UNAVAILABLE;
        Self { status, kind, message, hint: None, wait: is_busy.then_some(BUSY_FOR) }
    }
}

impl From<FootageError> for ApiError {
    fn from(error: FootageError) -> Self {
        let kind = error.kind();
        let message = error.to_string();
        let status = match error {
            FootageError::Store(error) => return error.into(),
            FootageError::None { .. } => StatusCode::NOT_FOUND,
            FootageError::StreamChanged { .. } => StatusCode::CONFLICT,
            FootageError::TooMuch { .. } => StatusCode::BAD_REQUEST,
            FootageError::File { .. } | FootageError::Media(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(error = message, "footage could not be given");
        }
        let (message, hint) = message_and_hint(&message);
        Self { status, kind, message, hint, wait: None }
    }
}

impl From<RedactionError> for ApiError {
    fn from(error: RedactionError) -> Self {
        let kind = error.kind();
        let status = match &error {
            RedactionError::NoModel { .. } => StatusCode::CONFLICT,
            RedactionError::TooLong => StatusCode::BAD_REQUEST,
            RedactionError::Full => StatusCode::SERVICE_UNAVAILABLE,
            RedactionError::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let (message, hint) = message_and_hint(&error.to_string());
        Self { status, kind, message, hint, wait: None }
    }
}

/// What to do about it comes last in the engine's words.
pub(crate) fn message_and_hint(text: &str) -> (String, Option<String>) {
    match text.rsplit_once("; ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (text.to_owned(), None),
    }
}

impl From<AnnotationError> for ApiError {
    fn from(error: AnnotationError) -> Self {
        let kind = error.kind();
        let message = error.to_string();
        match error {
            AnnotationError::Store(error) => error.into(),
            AnnotationError::Invalid { .. } => Self::invalid(
                message,
                "none was accepted; see /api/v1/openapi.json for the fields of an annotation",
            ),
            AnnotationError::NoTarget | AnnotationError::Full { .. } | AnnotationError::Ending => {
                Self::unavailable(kind, message)
            }
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match refusal.telling() {
            Telling::Unknown => (StatusCode::UNAUTHORIZED, ErrorKind::Denied),
            Telling::Denied => (StatusCode::FORBIDDEN, ErrorKind::Denied),
            Telling::NotThere => (StatusCode::NOT_FOUND, ErrorKind::NotFound),
            Telling::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Internal),
        };
        let hint = Some(refusal.hint().to_owned());
        Self { status, kind, message: refusal.message(), hint, wait: None }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error =
            ErrorDetail { kind: self.kind.as_str(), message: self.message, hint: self.hint };
        let mut response = (self.status, Json(ErrorBody { error })).into_response();
        if let Some(wait) = self.wait {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            for way in WAYS_IN {
                response.headers_mut().append(header::WWW_AUTHENTICATE, way);
            }
        }
        response
    }
}
