//! Who may use the REST interface of video-edge-ai-proxy, and from which pages.
//!
//! The original lets pages of every origin ask, since its portal comes from another port, and
//! has one optional token for everything, which clients send in a header of the operator's
//! choice. Omma's own tokens work here as on every other interface.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use omma_types::Secret;

/// A token that stands in a header of its own: `auth_token` of a `conf.yaml`.
#[derive(Clone, Debug)]
pub struct HeaderToken {
    header: HeaderName,
    token: Secret,
}

impl HeaderToken {
    /// Wants `token` in `header`.
    ///
    /// # Errors
    /// What is wrong with them, for people: without either, nobody or everybody could get in.
    pub fn new(header: &str, token: &str) -> Result<Self, String> {
        if token.is_empty() {
            return Err("its `token` is empty: everybody would be let in".to_owned());
        }
        let name = HeaderName::try_from(header)
            .map_err(|_no_name| "its `header` is no name of a header".to_owned())?;
        Ok(Self { header: name, token: Secret::new(token) })
    }

    /// The header's name.
    pub fn header(&self) -> &str {
        self.header.as_str()
    }

    fn lets_in(&self, request: &Request) -> bool {
        let given = request.headers().get(&self.header).map_or(&[][..], HeaderValue::as_bytes);
        let wanted = self.token.reveal().as_bytes();
        // All bytes are compared, so that the time taken says nothing about how many are right.
        let differences =
            given.iter().zip(wanted).fold(0, |differences, (a, b)| differences | (a ^ b));
        given.len() == wanted.len() && differences == 0
    }
}

/// Lets in who has the token. Browsers ask whether they may ask without it.
pub(super) async fn want_token(
    State(token): State<HeaderToken>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() == Method::OPTIONS || token.lets_in(&request) {
        return next.run(request).await;
    }
    // Not the usual form of an error: clients know this one.
    let body = serde_json::json!({ "error": "Authorization failed" });
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

/// Lets pages of all origins ask (Fetch Standard, section 3.3).
pub(super) async fn from_everywhere(request: Request, next: Next) -> Response {
    let asks_whether_to_ask = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    // `*` does not cover `Authorization`: what is asked for is allowed by name.
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = if asks_whether_to_ask {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if asks_whether_to_ask {
        let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let wanted = wanted.unwrap_or(HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("43200"));
    }
    response
}
