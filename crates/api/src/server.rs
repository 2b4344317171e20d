//! The routes put together, and the server that answers them.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Router, middleware};
use bytes::Bytes;
use hyper::server::conn::http1::{self, UpgradeableConnection};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use omma_engine::Handle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ServeError;
use crate::rest::{cameras, counts, events, recordings, system};
use crate::{guard, live, socket, status_page};

/// Connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;

/// WebSockets at a time.
const MAX_SOCKETS: u32 = 128;

/// A client that does not say what it wants for this long is let go, also between requests.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest head of a request.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How long connections have to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Rest for the system when it has no more file descriptors.
const REST: Duration = Duration::from_millis(200);

/// What every handler may use.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) ending: Ending,
    pub(crate) sockets: Arc<Semaphore>,
    /// The API's own description, as JSON.
    pub(crate) openapi: Bytes,
    /// Whether only this machine can reach the server.
    pub(crate) only_local: bool,
}

/// Tells endless answers that the server stops.
#[derive(Clone)]
pub(crate) struct Ending(watch::Receiver<bool>);

impl Ending {
    /// The server stops when `receiver` hears `true`, or its sender is gone.
    pub(crate) fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    /// Returns when the server stops.
    pub(crate) async fn wait(&mut self) {
        // A sender that is gone means the same.
        drop(self.0.wait_for(|ending| *ending).await);
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Omma",
        description = "Cameras in, tracked and counted objects out. Times come as RFC 3339 in \
                       UTC and as milliseconds since 1970 (`…_ms`); positions are fractions of \
                       the picture, x running right and y running down.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "cameras", description = "How each camera does, what it sees and has counted"),
        (name = "events", description = "What happened, and how often"),
        (name = "recordings", description = "Footage: when there is some, and the footage itself"),
        (name = "live", description = "Pictures for people"),
        (name = "system", description = "For monitoring"),
    )
)]
struct Description;

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(cameras::list))
        .routes(routes!(cameras::get))
        .routes(routes!(cameras::analysis))
        .routes(routes!(cameras::counts))
        .routes(routes!(events::list))
        .routes(routes!(events::get))
        .routes(routes!(events::clip))
        .routes(routes!(events::snapshot))
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::film))
        .routes(routes!(recordings::playlist))
        .routes(routes!(recordings::file))
        .routes(routes!(recordings::history))
        .routes(routes!(recordings::picture))
        .routes(routes!(counts::list))
        .routes(routes!(socket::open))
        .routes(routes!(live::live))
        .routes(routes!(live::snapshot))
        .routes(routes!(system::metrics))
        .routes(routes!(system::healthz))
        .routes(routes!(system::readyz))
        .routes(routes!(system::openapi))
}

/// The API's description in OpenAPI 3.1, as indented JSON.
pub fn openapi() -> String {
    // Only a schema that is no JSON could fail, and the golden test would see it.
    routes().into_openapi().to_pretty_json().unwrap_or_default()
}

/// All routes for `handle`, and what ends their streams: to be used with a server of one's
/// own. Streams end when the sender says `true` or is dropped.
pub fn router(handle: Handle) -> (Router, watch::Sender<bool>) {
    let (app, sender) = app(handle, false);
    (with_app(app), sender)
}

fn app(handle: Handle, only_local: bool) -> (App, watch::Sender<bool>) {
    let (sender, ending) = watch::channel(false);
    let app = App {
        handle,
        ending: Ending::new(ending),
        sockets: Arc::new(Semaphore::new(MAX_SOCKETS as usize)),
        openapi: openapi().into(),
        only_local,
    };
    (app, sender)
}

fn with_app(app: App) -> Router {
    let (router, _openapi) = routes().split_for_parts();
    router
        .route("/", get(status_page::page))
        .fallback(system::nothing_here)
        .method_not_allowed_fallback(system::not_this_way)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// Listens on `address`.
///
/// # Errors
/// When the address is in use, not allowed, or not this machine's. The text says what to do.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|e| ServeError::listening(address, &e))
}

/// Answers requests on `listener` until `shutdown` is done. Then takes no more, ends live
/// pictures and WebSockets, and returns within 2 s.
///
/// # Errors
/// When the listening socket breaks.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Stopped)?;
    let only_local = address.ip().is_loopback();
    if !only_local {
        tracing::warn!(%address, "anybody who can reach this address sees all cameras: there is no authentication yet");
    }
    let (app, end_streams) = app(handle, only_local);
    let (sockets, ending) = (Arc::clone(&app.sockets), app.ending.clone());
    let service = TowerToHyperService::new(with_app(app));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, permit)) = accepted else { continue };
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let ending = ending.clone();
        connections.spawn(async move {
            if let Err(error) = answer(connection.with_upgrades(), ending).await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    end_streams.send_replace(true);
    // A WebSocket is no longer one of the connections: it has a permit of its own.
    let all_ended = async {
        while connections.join_next().await.is_some() {}
        drop(sockets.acquire_many(MAX_SOCKETS).await);
    };
    if tokio::time::timeout(GRACE, all_ended).await.is_err() {
        tracing::info!("some connections did not end in time and are cut");
    }
    Ok(())
}

/// Answers one connection's requests. When the server stops, the one under way is the last.
async fn answer(
    connection: UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<Router>>,
    mut ending: Ending,
) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = ending.wait() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// The next connection, once there is room for it. None when it broke before it began.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _peer)) => {
            // Small answers go out at once; without it they would only be slower.
            drop(stream.set_nodelay(true));
            Some((stream, permit))
        }
        Err(error) => {
            // The client is gone, or the system has no descriptors left: neither ends the
            // server.
            tracing::debug!(%error, "a connection could not be taken");
            tokio::time::sleep(REST).await;
            None
        }
    }
}
