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

use crate::access::{Access, Ask, Need, Refusal, Telling};
use crate::accounts::rules::{self, Cameras, Rule, Trail, camera_of};
use crate::accounts::{Audit, Caller};
use crate::chrysalis::{self, Failure};
use crate::error::{ApiError, ApiResult};
use crate::footage;
use crate::leave::Leave;
use crate::port::{Peer, Port};
use crate::portal;

/// The longest that an answer may take to begin. A snapshot waits up to 5 s for its picture.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The same where something is measured meanwhile.
const MEASURING_TIMEOUT: Duration = Duration::from_secs(60);

/// The section of the port that browsers log in to.
const SESSIONS_AT: &str = "http";

/// How programs can show who they are.
const ONLY_BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"Omma\"");

/// What shows pictures at other ports than the browsers': pages, and calls of gRPC.
const SHOWS: [&str; 4] = ["video", "VideoLatestImage", "VideoBufferedImage", "StreamFrames"];

/// Where gRPC says how a call went, and its status codes.
const GRPC_STATUS: &str = "grpc-status";
const GRPC_OK: &str = "0";
const GRPC_NOT_FOUND: &str = "5";
const GRPC_UNAVAILABLE: &str = "14";
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

    /// Whether this is the port that browsers log in to. Cookies know no ports: those of the
    /// others get them too, and must not take them.
    fn has_sessions(&self) -> bool {
        self.section == SESSIONS_AT
    }

    /// What the request asks of users.
    fn rule(&self, request: &Request, need: Need) -> Rule {
        if self.has_sessions() {
            return rules::web(request.method(), request.uri().path());
        }
        // These interfaces know no users' cameras: only those get in who may see all.
        let (role, cameras) = (need.role(), Cameras::All);
        Rule { role, cameras, trail: trail(request.uri().path(), need), stream: false }
    }

    /// Hands the request on if whoever sent it may ask this, and tells it who that is.
    async fn check(&self, mut request: Request) -> Result<Request, Refusal> {
        let need = (self.needs)(request.method(), request.uri().path());
        // The portal itself holds nothing; without it nobody could log in.
        let is_portal = self.has_sessions() && portal::is_place(request.uri().path());
        let need = match self.access.accounts() {
            Some(_) if is_portal => Need::Nothing,
            _ => need,
        };
        let rule = self.rule(&request, need);
        let stream_token = if rule.stream && self.access.accounts().is_some() {
            take_stream_token(&mut request)
        } else {
            None
        };
        let ask = Ask {
            method: request.method(),
            path: request.uri().path(),
            headers: request.headers(),
            peer: request.extensions().get::<Peer>().copied(),
            need,
            rule,
            stream_token: stream_token.as_deref(),
            browsers: self.has_sessions(),
        };
        match self.access.check(ask).await {
            Ok(caller) => {
                let leave = Leave::new(&self.access, ask, &caller);
                request.extensions_mut().insert(leave);
                request.extensions_mut().insert(caller);
                Ok(request)
            }
            Err(refusal) => {
                if let Some(reason) = refusal.reason() {
                    self.metrics.refuse(reason);
                }
                Err(refusal)
            }
        }
    }

    /// Hands the request on; what is answered for long ends with the right to it. What was
    /// changed about people is looked at at once.
    async fn pass(&self, request: Request, next: Next) -> Response {
        let path = request.uri().path();
        // Which answers of other systems' pages have no end is theirs to know.
        let is_long = |leave: &&Leave| !self.has_sessions() || leave.rule().stream;
        let is_about_people = *request.method() != Method::GET && rules::is_about_people(path);
        let leave = request.extensions().get::<Leave>().filter(is_long).cloned();
        let patience = patience(path);
        let response = answer(next.run(request), patience).await;
        if is_about_people && response.status().is_success() {
            self.access.changed();
        }
        match leave {
            Some(leave) if response.status().is_success() => leave.limit(response),
            _ => response,
        }
    }

    /// What is to be written down of a request that is let through.
    fn note(&self, request: &Request) -> Option<Note> {
        self.access.accounts()?;
        let (method, path) = (request.method(), request.uri().path());
        let caller = request.extensions().get::<Caller>()?;
        let trail = request.extensions().get::<Leave>()?.rule().trail;
        let target = match (trail, camera_of(path)) {
            (Trail::None, _) => return None,
            // Nothing was taken away.
            (Trail::Exported, _) if *method == Method::HEAD => return None,
            // What is asked for by `from` and `to`; a token is no longer in it.
            (Trail::Exported, _) => {
                request.uri().path_and_query().map(ToString::to_string).unwrap_or_default()
            }
            (Trail::Changed | Trail::Annotated, _) => format!("{method} {path}"),
            (_, Some(camera)) => camera.as_str().to_owned(),
            (_, None) => path.to_owned(),
        };
        let from = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
        let goes_on = footage::goes_on(request.headers());
        Some(Note { who: caller.name.clone(), trail, target, goes_on, from })
    }

    /// Writes into the audit log what came of it.
    fn write(&self, note: Option<Note>, response: &Response) {
        let (Some(note), Some(accounts)) = (note, self.access.accounts()) else { return };
        let status = response.status();
        // A failure that gRPC tells at once stands in the headers of a success.
        let grpc = response.headers().get(GRPC_STATUS);
        let failed = grpc.is_some_and(|code| code != GRPC_OK);
        if !status.is_client_error() && !status.is_server_error() && !failed {
            note.write(&accounts.audit);
        }
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

/// What is to be written into the audit log.
struct Note {
    who: String,
    trail: Trail,
    target: String,
    /// Whether the rest is asked for of what was begun to be fetched.
    goes_on: bool,
    from: Option<std::net::IpAddr>,
}

impl Note {
    fn write(&self, audit: &Audit) {
        let Self { who, trail, target, goes_on, from } = self;
        match trail {
            Trail::None => {}
            Trail::Watched => audit.note_seldom(who, "watched", target, *from),
            Trail::Annotated => audit.note_seldom(who, "changed", target, *from),
            Trail::Fetched => audit.note_seldom(who, "exported", target, *from),
            Trail::Exported if *goes_on => audit.note_seldom(who, "exported", target, *from),
            Trail::Exported => audit.note_always(who, "exported", target, *from),
            Trail::Changed => audit.note(who, "changed", target, *from),
        }
    }
}

/// Takes `token=` out of a request's address: nothing behind the guard sees or logs it.
fn take_stream_token(request: &mut Request) -> Option<String> {
    let query = request.uri().query()?;
    let is_token = |pair: &&str| pair.starts_with("token=");
    let token = query.split('&').find(is_token)?.strip_prefix("token=")?.to_owned();
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let path = request.uri().path();
    let address =
        if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    // Made of parts of an address, it is one.
    *request.uri_mut() = address.parse().ok()?;
    Some(token)
}

/// What the routes of the web port need.
pub(crate) fn web_needs(method: &Method, path: &str) -> Need {
    match path {
        // For what watches over processes: they say no more than whether it works.
        "/healthz" | "/readyz" => Need::Nothing,
        "/metrics" => Need::METRICS,
        // How one gets in.
        "/api/v1/login" | "/api/v1/setup" => Need::Nothing,
        "/api/v1/audit" | "/api/v1/logs" => Need::ADMIN,
        _ if is_below(path, "/api/v1/config") => Need::ADMIN,
        // It knocks at others' doors.
        "/api/v1/discover" => Need::CONTROL,
        _ if is_below(path, "/api/v1/users") => Need::ADMIN,
        // It gives no more than what one may see anyway.
        _ if *method == Method::POST && path.ends_with("/stream-token") => Need::READ,
        // Whoever looks by WebRTC asks by posting.
        _ if is_whep(path) => Need::READ,
        _ if *method == Method::GET || *method == Method::HEAD => Need::READ,
        "/api/v1/annotations" => Need::ANNOTATE,
        _ => Need::CONTROL,
    }
}

/// `/api/v1/cameras/NAME/whep`, and what is below it.
fn is_whep(path: &str) -> bool {
    let rest = path.strip_prefix("/api/v1/cameras/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_camera, rest)| is_below(rest, "whep"))
}

fn is_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

/// What is written down of a request to another port than the browsers'.
fn trail(path: &str, need: Need) -> Trail {
    match need {
        Need::READ if SHOWS.iter().any(|name| path.rsplit('/').next() == Some(name)) => {
            Trail::Watched
        }
        Need::Nothing | Need::READ => Trail::None,
        Need::ANNOTATE => Trail::Annotated,
        Need::AnyOf(_) => Trail::Changed,
    }
}

async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let outcome = match guard.check_site(&request) {
        Ok(()) => guard.check(request).await.map_err(ApiError::from),
        Err(error) => Err(error),
    };
    let mut response = match outcome {
        Ok(request) => {
            let note = guard.note(&request);
            let response = guard.pass(request, next).await;
            guard.write(note, &response);
            response
        }
        Err(error) => error.into_response(),
    };
    if guard.access.accounts().is_some() && response.status() == StatusCode::UNAUTHORIZED {
        // A browser would ask for a password in a window of its own, over the page's.
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ONLY_BEARER);
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// How long the answer of a route of the web port may take to begin.
fn patience(path: &str) -> Duration {
    match path {
        "/api/v1/probe" | "/api/v1/discover" => MEASURING_TIMEOUT,
        _ if path.starts_with("/api/v1/models/") && path.ends_with("/bench") => MEASURING_TIMEOUT,
        _ if is_counting(path) => MEASURING_TIMEOUT,
        _ => ANSWER_TIMEOUT,
    }
}

/// What looks through all tracks of a span of time, one after the other.
fn is_counting(path: &str) -> bool {
    let rest = path.strip_prefix("/api/v1/cameras/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_camera, what)| ["preview", "backfill", "heatmap"].contains(&what))
}

/// What a handler answers, or that it took too long.
async fn answer(handling: impl Future<Output = Response>, patience: Duration) -> Response {
    tokio::time::timeout(patience, handling).await.unwrap_or_else(|_elapsed| {
        let message = format!("no answer within {} s", patience.as_secs());
        ApiError::unavailable(ErrorKind::Timeout, message).into_response()
    })
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
    let note = guard.note(&request);
    let response = match tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => {
            let message = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        }
    };
    guard.write(note, &response);
    response
}

async fn guard_grpc(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request).await {
        Ok(request) => {
            let leave = request.extensions().get::<Leave>().cloned();
            let note = guard.note(&request);
            let response = next.run(request).await;
            guard.write(note, &response);
            match leave {
                Some(leave) => leave.limit(response),
                None => response,
            }
        }
        Err(refusal) => grpc_refusal(&refusal),
    }
}

/// A refusal as gRPC wants it: a success of HTTP whose headers tell the failure ("gRPC over
/// HTTP2", Trailers-Only).
fn grpc_refusal(refusal: &Refusal) -> Response {
    let code = match refusal.telling() {
        Telling::Unknown => GRPC_UNAUTHENTICATED,
        Telling::Denied => GRPC_PERMISSION_DENIED,
        Telling::NotThere => GRPC_NOT_FOUND,
        Telling::Unavailable => GRPC_UNAVAILABLE,
    };
    let text = percent_encoded(&format!("{}: {}", refusal.message(), refusal.hint()));
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(code));
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
            (Method::POST, "/api/v1/login", Need::Nothing),
            (Method::GET, "/api/v1/users", Need::ADMIN),
            (Method::PUT, "/api/v1/users/anna", Need::ADMIN),
            (Method::GET, "/api/v1/usersettings", Need::READ),
            (Method::GET, "/api/v1/audit", Need::ADMIN),
            (Method::POST, "/api/v1/cameras/door/stream-token", Need::READ),
            (Method::POST, "/api/v1/cameras/door/whep", Need::READ),
            (Method::DELETE, "/api/v1/cameras/door/whep/abc", Need::READ),
            (Method::POST, "/api/v1/cameras/whep", Need::CONTROL),
            (Method::POST, "/api/v1/cameras/door/whepping", Need::CONTROL),
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
    fn what_is_watched_and_changed_at_other_ports_is_written_down() {
        let image = "/chrys.cloud.videostreaming.v1beta1.Image";
        for (path, trail_of) in [
            (format!("{image}/VideoLatestImage"), Trail::Watched),
            (format!("{image}/ListStreams"), Trail::None),
            (format!("{image}/Annotate"), Trail::Annotated),
            (format!("{image}/Proxy"), Trail::Changed),
            ("/omma.v1.Omma/StreamFrames".to_owned(), Trail::Watched),
            ("/grpc.health.v1.Health/Check".to_owned(), Trail::None),
        ] {
            assert_eq!(trail(&path, grpc_needs(&Method::POST, &path)), trail_of, "{path}");
        }
        assert_eq!(trail("/video", page_needs(&Method::GET, "/video")), Trail::Watched);
        assert_eq!(trail("/", page_needs(&Method::GET, "/")), Trail::None);
        let process = "/api/v1/process/door";
        for (method, trail_of) in [(Method::GET, Trail::None), (Method::DELETE, Trail::Changed)] {
            assert_eq!(trail(process, chrysalis_needs(&method, process)), trail_of, "{method}");
        }
    }

    #[test]
    fn what_looks_through_all_tracks_may_take_its_time() {
        for what in ["preview", "backfill", "heatmap"] {
            let path = format!("/api/v1/cameras/door/{what}");
            assert_eq!(patience(&path), MEASURING_TIMEOUT, "{path}");
        }
        for path in ["/api/v1/cameras/preview", "/api/v1/cameras/heatmap/counts"] {
            assert_eq!(patience(path), ANSWER_TIMEOUT, "{path}");
        }
    }

    #[test]
    fn a_streams_token_goes_no_further_than_the_guard() {
        for (address, token, left) in [
            ("/a?token=t.1", Some("t.1"), "/a"),
            ("/a?width=640&token=t&fps=5", Some("t"), "/a?width=640&fps=5"),
            ("/a?mytoken=t", None, "/a?mytoken=t"),
            ("/a?token=t&token=u", Some("t"), "/a"),
            ("/a", None, "/a"),
        ] {
            let mut request = Request::builder().uri(address).body(Body::empty()).unwrap();
            assert_eq!(take_stream_token(&mut request).as_deref(), token, "{address}");
            assert_eq!(request.uri().to_string(), left);
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
