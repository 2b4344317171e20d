//! What every request passes: who may ask under which name, how long an answer may take, and
//! what browsers are told not to do with it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use omma_engine::{PortMetrics, Refused};
use omma_types::ErrorKind;

use crate::access::{Access, Need, Refusal};
use crate::chrysalis::{self, Failure};
use crate::error::{ApiError, ApiResult};
use crate::port::{Peer, Port};

/// The longest that an answer may take to begin. A snapshot waits up to 5 s for its picture.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Status codes of gRPC.
const GRPC_PERMISSION_DENIED: &str = "7";
const GRPC_UNAUTHENTICATED: &str = "16";

/// Sent with every answer: nothing is cached, guessed or framed by other sites.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// What stands between a port and a set of routes.
pub(crate) struct Guard {
    access: Arc<Access>,
    metrics: PortMetrics,
    /// The port's section of the configuration.
    section: &'static str,
    /// Whether only this machine can reach the port.
    only_local: bool,
    /// What a request of this method, for this path, needs.
    needs: fn(&Method, &str) -> Need,
}

impl Guard {
    /// Asks those who come through `port` for what `needs` says.
    pub(crate) fn new(
        port: &Port,
        access: Arc<Access>,
        metrics: PortMetrics,
        needs: fn(&Method, &str) -> Need,
    ) -> Self {
        let (section, only_local) = (port.name(), port.only_local());
        Self { access, metrics, section, only_local, needs }
    }

    /// Stands in front of routes that answer in HTTP and JSON. Refuses before it is looked
    /// whether there is such a route.
    pub(crate) fn protect(self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(Arc::new(self), guard))
    }

    /// Stands in front of gRPC services: the same, said in gRPC's way.
    pub(crate) fn protect_grpc(self, services: Router) -> Router {
        services.layer(middleware::from_fn_with_state(Arc::new(self), guard_grpc))
    }

    /// Stands in front of the REST interface of video-edge-ai-proxy: the same for pages of all
    /// sites, which that interface is open to, said in its way.
    pub(crate) fn protect_chrysalis(self, routes: Router) -> Router {
        chrysalis::open_to_all_origins(
            routes.layer(middleware::from_fn_with_state(Arc::new(self), guard_chrysalis)),
        )
    }

    /// Hands the request on if whoever sent it may ask this.
    async fn check(&self, request: Request) -> Result<Request, Refusal> {
        let need = (self.needs)(request.method(), request.uri().path());
        let peer = request.extensions().get::<Peer>().copied();
        let outcome = self.access.check(request.headers(), peer, need).await.map(|()| request);
        if let Err(refusal) = &outcome {
            self.metrics.refuse(refusal.reason());
        }
        outcome
    }

    /// What only browsers can be made to do against their user's will.
    fn check_site(&self, request: &Request) -> ApiResult<()> {
        let headers = request.headers();
        let outcome = if self.only_local { check_host(self.section, headers) } else { Ok(()) };
        let outcome = outcome.and_then(|()| match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS => Ok(()),
            _ => check_origin(headers),
        });
        if outcome.is_err() {
            self.metrics.refuse(Refused::ForeignSite);
        }
        outcome
    }
}

/// What the routes of the web port need.
pub(crate) fn web_needs(method: &Method, path: &str) -> Need {
    match path {
        // For what watches over processes: they say no more than whether it works.
        "/healthz" | "/readyz" => Need::Nothing,
        "/metrics" => Need::METRICS,
        _ if *method == Method::GET || *method == Method::HEAD => Need::READ,
        "/api/v1/annotations" => Need::ANNOTATE,
        _ => Need::CONTROL,
    }
}

/// What the pages of other systems need: they only show, whatever the method.
pub(crate) fn page_needs(_method: &Method, _path: &str) -> Need {
    Need::READ
}

/// What calls of gRPC services need; the path is `/package.Service/Method`.
pub(crate) fn grpc_needs(_method: &Method, path: &str) -> Need {
    let (service, call) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    match call {
        _ if service == "grpc.health.v1.Health" => Need::Nothing,
        "Annotate" => Need::ANNOTATE,
        "Proxy" | "Storage" => Need::CONTROL,
        _ => Need::READ,
    }
}

/// What routes of the REST interface of video-edge-ai-proxy need.
pub(crate) fn chrysalis_needs(method: &Method, path: &str) -> Need {
    match path {
        // Browsers ask whether they may ask without any token.
        _ if *method == Method::OPTIONS => Need::Nothing,
        _ if path == "/swagger" || path.starts_with("/swagger/") => Need::Nothing,
        _ if *method == Method::GET || *method == Method::HEAD => Need::READ,
        _ => Need::CONTROL,
    }
}

async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let outcome = match guard.check_site(&request) {
        Ok(()) => guard.check(request).await.map_err(ApiError::from),
        Err(error) => Err(error),
    };
    let mut response = match outcome {
        Ok(request) => match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
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

async fn guard_chrysalis(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let request = match guard.check(request).await {
        Ok(request) => request,
        Err(refusal) => return Failure::of_guard(&refusal).into_response(),
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let message = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        }
    }
}

async fn guard_grpc(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => grpc_refusal(&refusal),
    }
}

/// A refusal as gRPC wants it: a success of HTTP whose headers tell the failure ("gRPC over
/// HTTP2", Trailers-Only).
fn grpc_refusal(refusal: &Refusal) -> Response {
    let code = match refusal {
        Refusal::NoToken | Refusal::WrongToken => GRPC_UNAUTHENTICATED,
        Refusal::MissingScope { .. } => GRPC_PERMISSION_DENIED,
    };
    let text = percent_encoded(&format!("{}: {}", refusal.message(), refusal.hint()));
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(code));
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.insert("grpc-message", text);
    }
    response
}

/// As the field `grpc-message` wants it: what is no printable ASCII, and `%`, as `%XX`.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// Against DNS rebinding: a page of some other site can make its own name point to 127.0.0.1
/// and then read what it likes. Whoever listens on this machine only is asked by an address
/// or as `localhost`, never under a foreign name.
fn check_host(section: &str, headers: &HeaderMap) -> ApiResult<()> {
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
        format!(
            "ask by its address or as `localhost`, or set `{section}.listen` to an address of \
             the network"
        ),
    ))
}

/// Against other sites' pages: browsers let any page open a WebSocket to any server, or post
/// to it with the passwords that they remember, and say where the page is from. Programs that
/// are no browsers send no `Origin`.
pub(crate) fn check_origin(headers: &HeaderMap) -> ApiResult<()> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    match (authority, host_of(headers)) {
        (Some(from), Some(host)) if from.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(ApiError::denied(
            "pages of other sites may neither listen nor change anything here",
            "ask from a page of this server, or from a program",
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
    use omma_engine::config::Scope;

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

    #[test]
    fn every_route_needs_what_it_does() {
        for (method, path, need) in [
            (Method::GET, "/healthz", Need::Nothing),
            (Method::GET, "/readyz", Need::Nothing),
            (Method::GET, "/metrics", Need::METRICS),
            (Method::GET, "/", Need::READ),
            (Method::GET, "/api/v1/annotations", Need::READ),
            (Method::POST, "/api/v1/annotations", Need::ANNOTATE),
            (Method::PUT, "/api/v1/cameras/door", Need::CONTROL),
            (Method::DELETE, "/api/v1/cameras/door", Need::CONTROL),
            (Method::OPTIONS, "/", Need::CONTROL),
        ] {
            assert_eq!(web_needs(&method, path), need, "{method} {path}");
        }
        for (path, need) in [
            ("/grpc.health.v1.Health/Check", Need::Nothing),
            ("/chrys.cloud.videostreaming.v1beta1.Image/VideoLatestImage", Need::READ),
            ("/chrys.cloud.videostreaming.v1beta1.Image/Annotate", Need::ANNOTATE),
            ("/chrys.cloud.videostreaming.v1beta1.Image/Proxy", Need::CONTROL),
            ("/chrys.cloud.videostreaming.v1beta1.Image/Storage", Need::CONTROL),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Need::READ),
            ("", Need::READ),
        ] {
            assert_eq!(grpc_needs(&Method::POST, path), need, "{path}");
        }
    }

    #[test]
    fn a_refusal_of_grpc_is_told_in_its_headers() {
        let refusal = Refusal::MissingScope { token: "tür".to_owned(), needed: &[Scope::Control] };
        let response = grpc_refusal(&refusal);
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/grpc");
        assert_eq!(header("grpc-status"), "7");
        let message = header("grpc-message");
        assert!(message.starts_with("the token `t%C3%BCr` does not"), "{message}");
        assert_eq!(grpc_refusal(&Refusal::WrongToken).headers()["grpc-status"], "16");
    }
}
