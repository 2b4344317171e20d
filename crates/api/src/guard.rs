//! What every request passes: who may ask under which name, how long an answer may take, and
//! what browsers are told not to do with it.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use omma_types::ErrorKind;

use crate::error::{ApiError, ApiResult};
use crate::server::App;

/// The longest that an answer may take to begin. A snapshot waits up to 5 s for its picture.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Sent with every answer: nothing is cached, guessed or framed by other sites.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match check_host(&app, request.headers()) {
        Ok(()) => match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_elapsed) => {
                let message = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
                ApiError::unavailable(ErrorKind::Timeout, message).into_response()
            }
        },
        Err(error) => error.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Against DNS rebinding: a page of some other site can make its own name point to 127.0.0.1
/// and then read what it likes. Whoever listens on this machine only is asked by an address
/// or as `localhost`, never under a foreign name.
fn check_host(app: &App, headers: &HeaderMap) -> ApiResult<()> {
    if !app.only_local {
        return Ok(());
    }
    let host = host_of(headers).unwrap_or_default();
    let name = without_port(host);
    let local = name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if local || name.is_empty() {
        return Ok(());
    }
    Err(ApiError::denied(
        "this server listens on this machine only and is not asked under another name",
        "ask by its address or as `localhost`, or set `http.listen` to an address of the network",
    ))
}

/// Against other sites' pages: browsers let any page open a WebSocket to any server, and say
/// where the page is from. Programs that are no browsers send no `Origin`.
pub(crate) fn check_origin(headers: &HeaderMap) -> ApiResult<()> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    match (authority, host_of(headers)) {
        (Some(from), Some(host)) if from.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(ApiError::denied(
            "pages of other sites may not listen here",
            "open the WebSocket from a page of this server, or from a program",
        )),
    }
}

fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|host| host.to_str().ok())
}

/// `host` without `:port`; an address in brackets keeps them.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_cut_off_and_addresses_stay_whole() {
        for (host, name) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn only_pages_of_this_server_may_listen() {
        let check = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("cam.example:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            check_origin(&headers).is_ok()
        };
        assert!(check(None));
        assert!(check(Some("http://cam.example:8080")));
        assert!(check(Some("https://CAM.example:8080")));
        assert!(!check(Some("http://cam.example")));
        assert!(!check(Some("http://evil.example:8080")));
        assert!(!check(Some("null")));
    }
}
