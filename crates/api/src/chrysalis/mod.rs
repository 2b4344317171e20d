//! The REST interface of video-edge-ai-proxy, so that programs written for it go on working.
//!
//! This module exists so that nothing else knows that interface: its routes and shapes
//! ([`dto`]), Docker's words for a camera's state (`state`), its configuration file
//! (`conf`), and the answers where it would need containers, which Omma has none of
//! (`docker`). What differs on purpose: passwords are never shown again, and a name that is
//! taken is refused before anything is stopped.

mod access;
mod conf;
mod docker;
pub mod dto;
mod error;
mod page;
mod process;
mod settings;
pub(crate) mod state;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router, middleware};
use bytes::Bytes;
use omma_engine::Handle;
use omma_engine::config::{GrpcConfig, Listener};
use omma_types::WallTime;
use tokio::sync::Mutex;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access::HeaderToken;
pub use conf::{CameraDefaults, Conf, Note, Weight};
pub use settings::Settings;

use self::dto::{FailureDto, NewSettingsDto, SettingsDto};
pub(crate) use self::error::Failure;
use self::error::{Answer, Body};

/// Ports that clients of video-edge-ai-proxy know.
const REST_PORT: u16 = 8909;
const GRPC_PORT: u16 = 50_001;

/// Where the REST interface listens where nothing else is said.
fn default_listener() -> Listener {
    Listener::plain(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), REST_PORT))
}

/// The gRPC interface where nothing else is said.
fn default_grpc() -> GrpcConfig {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), GRPC_PORT);
    GrpcConfig { listener: Listener::plain(address), strict: true }
}

/// What every handler may use.
#[derive(Clone)]
struct Proxy {
    handle: Handle,
    defaults: Arc<CameraDefaults>,
    /// Where the settings lie.
    data_dir: PathBuf,
    /// Held while the settings change.
    changing: Arc<Mutex<()>>,
    openapi: Bytes,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "REST of video-edge-ai-proxy, by Omma",
        description = "For programs that were written for video-edge-ai-proxy. Omma's own \
                       interface can do more.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "cameras", description = "Cameras, called processes"),
        (name = "settings", description = "What signs annotations"),
        (name = "docker", description = "What would need containers and is not offered"),
    )
)]
struct Description;

fn described() -> OpenApiRouter<Proxy> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(process::start))
        .routes(routes!(process::stop))
        .routes(routes!(process::info))
        .routes(routes!(process::list))
        .routes(routes!(process::upgrades))
        .routes(routes!(process::upgrade))
        .routes(routes!(get_settings))
        .routes(routes!(set_settings))
        .routes(routes!(docker::device_images))
        .routes(routes!(docker::all_images))
        .routes(routes!(docker::pull))
        .routes(routes!(docker::install_app))
        .routes(routes!(docker::remove_app))
        .routes(routes!(docker::app))
        .routes(routes!(docker::apps))
        .routes(routes!(docker::test_mqtt))
}

/// The description of these routes in OpenAPI 3.1, as indented JSON.
pub fn openapi() -> String {
    // Only a schema that is no JSON could fail, and the golden test would see it.
    described().into_openapi().to_pretty_json().unwrap_or_default()
}

/// All routes. What `conf` says goes for cameras that are added here, and for who may ask.
pub(crate) fn routes(handle: Handle, data_dir: PathBuf, conf: &Conf) -> Router {
    let (router, _openapi) = described().split_for_parts();
    let proxy = Proxy {
        data_dir,
        handle,
        defaults: Arc::new(conf.cameras.clone()),
        changing: Arc::new(Mutex::new(())),
        openapi: openapi().into(),
    };
    let router = router
        .route("/swagger", get(page::swagger))
        .route("/swagger/", get(page::swagger))
        .route("/swagger/{*path}", get(page::swagger))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_this_way)
        .with_state(proxy);
    match &conf.token {
        Some(token) => {
            router.layer(middleware::from_fn_with_state(token.clone(), access::want_token))
        }
        None => router,
    }
}

/// Lets pages of all origins use `routes`, refusals included, as the original's portal needs.
pub(crate) fn open_to_all_origins(routes: Router) -> Router {
    routes.layer(middleware::from_fn(access::from_everywhere))
}

/// What signs annotations
///
/// The secret is never shown again.
#[utoipa::path(
    get, path = "/api/v1/settings", operation_id = "get_settings", tag = "settings",
    responses(
        (status = 200, description = "The settings", body = SettingsDto),
        (status = 500, description = "They can't be read", body = FailureDto),
    )
)]
async fn get_settings(State(proxy): State<Proxy>) -> Answer<Json<SettingsDto>> {
    Ok(Json(load(&proxy).await?.shown()))
}

/// Set what signs annotations
///
/// Where the configuration file has a key of its own for annotations, that one is used.
#[utoipa::path(
    post, path = "/api/v1/settings", operation_id = "set_settings", tag = "settings",
    request_body = NewSettingsDto,
    responses(
        (status = 200, description = "The settings; they are used from the next start on",
            body = SettingsDto),
        (status = 400, description = "Half of them is missing, or not JSON", body = FailureDto),
        (status = 500, description = "They can't be kept", body = FailureDto),
    )
)]
async fn set_settings(
    State(proxy): State<Proxy>,
    Body(new): Body<NewSettingsDto>,
) -> Answer<Json<SettingsDto>> {
    let _one_at_a_time = proxy.changing.lock().await;
    let settings = load(&proxy).await?.changed(&new, WallTime::from(std::time::SystemTime::now()));
    let settings =
        settings.map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let (kept, data_dir) = (settings.clone(), proxy.data_dir.clone());
    on_disk(move || kept.save(&data_dir)).await?;
    tracing::info!("annotations are signed with another key from the next start on");
    Ok(Json(settings.shown()))
}

async fn load(proxy: &Proxy) -> Answer<Settings> {
    let data_dir = proxy.data_dir.clone();
    on_disk(move || Settings::load(&data_dir)).await
}

/// Does what waits for a disk beside the runtime.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Answer<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other);
    done.and_then(|done| done).map_err(|error| {
        tracing::error!(%error, "settings of the REST interface could not be read or kept");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the settings: {error}"))
    })
}

async fn nothing_here(uri: Uri) -> Failure {
    let shown: String = uri.path().chars().take(100).collect();
    Failure::new(StatusCode::NOT_FOUND, format!("nothing is at {shown}; see /swagger/index.html"))
}

async fn not_this_way(method: Method) -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible here; see /swagger/index.html"),
    )
}
