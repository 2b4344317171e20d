//! Failures as video-edge-ai-proxy tells them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use omma_engine::EngineError;
use omma_types::{CameraId, ErrorKind, redact_text};
use serde::de::DeserializeOwned;

use super::dto::FailureDto;
use crate::access::{Refusal, Telling};

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    message: String,
}

pub(super) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// No camera is called `name`. The original's codes differ from route to route.
    pub(super) fn no_camera(status: StatusCode, name: &str, known: &[CameraId]) -> Self {
        let shown: String = name.chars().take(64).collect();
        let names: Vec<&str> = known.iter().map(CameraId::as_str).collect();
        let hint = if names.is_empty() {
            "there are none".to_owned()
        } else {
            format!("there are: {}", names.join(", "))
        };
        Self::new(status, format!("no camera is called `{shown}`; {hint}"))
    }

    /// What would need Docker.
    pub(super) fn no_containers(status: StatusCode, what: &str) -> Self {
        Self::new(
            status,
            format!("{what} is not offered: Omma reads cameras itself and runs no containers"),
        )
    }

    /// Whoever asks may not.
    pub(crate) fn of_guard(refusal: &Refusal) -> Self {
        let status = match refusal.telling() {
            Telling::Unknown => StatusCode::UNAUTHORIZED,
            Telling::Denied => StatusCode::FORBIDDEN,
            Telling::NotThere => StatusCode::NOT_FOUND,
            Telling::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, format!("{}: {}", refusal.message(), refusal.hint()))
    }

    /// The engine refuses or fails; `refused` is what the original says where it is the asker's
    /// fault.
    pub(super) fn of_engine(error: &EngineError, refused: StatusCode) -> Self {
        let status = match error.kind() {
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Busy => refused,
            ErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            // The asker may not be the one who can do something about it.
            tracing::error!(%error, "a request could not be answered");
        }
        Self::new(status, redact_text(&error.to_string()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = FailureDto { code: self.status.as_u16(), message: self.message };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let way = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, way);
        }
        response
    }
}

/// A JSON body. The original reads one whatever its content type says; so does this.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Failure::new(rejection.status(), rejection.body_text()))?;
        // An array would be taken for an object's values in order.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(bad_body("it is no JSON object"));
        }
        match Json::from_bytes(&bytes) {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => Err(bad_body(&error.body_text())),
            Err(error) => Err(bad_body(&error.body_text())),
        }
    }
}

fn bad_body(reason: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, format!("the body is not what is expected: {reason}"))
}
