//! The routes put together, and the servers that answer them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use futures_util::future::OptionFuture;
use omma_engine::config::{DialectConfig, Listener, PublishConfig, Scope, TlsConfig, TokenConfig};
use omma_engine::{Config, Handle};
use omma_store::StoreError;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::accounts::setup::SetupLink;
use crate::accounts::{Accounts, Audit, audit};
use crate::chrysalis::{self, Conf};
use crate::error::{ApiError, ServeError};
use crate::etag::Tags;
use crate::guard::{Guard, chrysalis_needs, grpc_needs, page_needs, web_needs};
use crate::journal::Journal;
use crate::port::{Port, is_protected};
use crate::rest::{
    accounts, annotations, cameras, config, counts, discover, events, logs, models, nodes, probe,
    publications, recordings, reviews, setup, sinks, system, tracks, users, verdicts,
};
use crate::tls::{Protocol, Tls};
use crate::watch::rtc::{self, Webrtc, whep, whip};
use crate::watch::{Viewers, mse};
use crate::{deepvision, live, portal, redisedge, socket};

/// WebSockets at a time.
const MAX_SOCKETS: u32 = 128;

/// Viewers of films at a time: a wall has one for each camera.
const MAX_FILMS: u32 = 256;

/// Addresses looked at at a time: each is a stream that comes in.
const MAX_PROBES: usize = 4;

/// How long WebSockets have to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether the configuration was read again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often certificates are looked at where the configuration stays the same.
const REREAD_EVERY: Duration = Duration::from_mins(1);

/// What every handler may use.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) ending: Ending,
    pub(crate) sockets: Arc<Semaphore>,
    /// Those who watch films over WebSockets.
    pub(crate) films: Viewers,
    /// What is seen and sent by WebRTC; none where that is off.
    pub(crate) webrtc: Option<Arc<Webrtc>>,
    /// The users, where there are accounts.
    pub(crate) accounts: Option<Arc<Accounts>>,
    /// Of what two people may change at once.
    pub(crate) tags: Tags,
    /// What Omma says of itself.
    pub(crate) journal: Journal,
    /// Those who look at an address before it becomes a camera.
    pub(crate) probes: Arc<Semaphore>,
    /// Whoever looks for cameras in the network.
    pub(crate) search: Arc<Semaphore>,
    /// The API's own description, as JSON.
    pub(crate) openapi: Bytes,
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
    modifiers(&Security),
    tags(
        (name = "cameras", description = "How each camera does, what it sees and has counted"),
        (name = "events", description = "What happened, and how often"),
        (name = "recordings", description = "Footage: when there is some, and the footage itself"),
        (name = "annotations", description = "What other programs found out, for a webhook"),
        (name = "sinks", description = "How events reach other systems"),
        (name = "nodes", description = "Processes that share the work"),
        (name = "publications", description = "How cameras reach other systems"),
        (name = "models", description = "Models: which there are, fetching and timing them"),
        (name = "live", description = "Pictures for people"),
        (name = "accounts", description = "Users, sessions, tokens, and who did what"),
        (name = "system", description = "For monitoring"),
    )
)]
struct Description;

/// How to authenticate, for the description. Which scope a route needs is `guard::web_needs`.
struct Security;

impl Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = |scheme, text: &str| {
            SecurityScheme::Http(
                HttpBuilder::new().scheme(scheme).description(Some(text.to_owned())).build(),
            )
        };
        let components = api.components.get_or_insert_default();
        components.add_security_scheme(
            "token",
            scheme(
                HttpAuthScheme::Bearer,
                "One of `auth.tokens` of the configuration, or one that a user has made",
            ),
        );
        components.add_security_scheme(
            "password",
            scheme(HttpAuthScheme::Basic, "The token as the password, under any name"),
        );
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                "omma_session",
                "What `/api/v1/login` gives a browser; changes need the header `x-omma-csrf` too",
            ))),
        );
        let needs = |name: &str| SecurityRequirement::new::<_, _, String>(name, []);
        // Where there are neither tokens nor accounts, nothing is needed.
        api.security = Some(
            ["token", "password", "session"]
                .map(needs)
                .into_iter()
                .chain([SecurityRequirement::default()])
                .collect(),
        );
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(camera_routes())
        .merge(event_routes())
        .merge(footage_routes())
        .merge(sink_routes())
        .merge(account_routes())
        .merge(upkeep_routes())
        .routes(routes!(socket::open))
        .merge(live_routes())
        .routes(routes!(system::metrics))
        .routes(routes!(system::healthz))
        .routes(routes!(system::readyz))
        .routes(routes!(system::openapi))
        .routes(routes!(nodes::list))
}

// Several functions, because the frame of one for all would be large.

fn live_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(live::live))
        .routes(routes!(live::snapshot))
        .routes(routes!(mse::open))
        .routes(routes!(whep::open))
        .routes(routes!(whep::close))
        .routes(routes!(whip::open))
        .routes(routes!(whip::close))
}

fn camera_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(cameras::list, setup::add))
        .routes(routes!(cameras::get, setup::put, setup::remove))
        .routes(routes!(setup::settings, setup::revert))
        .routes(routes!(setup::pause))
        .routes(routes!(setup::resume))
        .routes(routes!(setup::pass_through, setup::set_pass_through, setup::remove_pass_through))
        .routes(routes!(cameras::analysis))
        .routes(routes!(cameras::counts))
        .routes(routes!(tracks::preview))
        .routes(routes!(tracks::backfill))
        .routes(routes!(tracks::heat))
        .routes(routes!(verdicts::precision))
        .routes(routes!(reviews::list, reviews::add))
        .routes(routes!(reviews::remove))
}

fn event_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(events::list))
        .routes(routes!(events::get))
        .routes(routes!(events::clip))
        .routes(routes!(events::snapshot))
        .routes(routes!(verdicts::get, verdicts::put))
        .routes(routes!(reviews::put))
        .routes(routes!(reviews::put_many))
        .routes(routes!(counts::list))
        .routes(routes!(annotations::add))
        .routes(routes!(annotations::status))
        .routes(routes!(annotations::revive))
}

fn footage_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(recordings::list))
        .routes(routes!(recordings::film))
        .routes(routes!(recordings::playlist))
        .routes(routes!(recordings::file))
        .routes(routes!(recordings::history))
        .routes(routes!(recordings::picture))
}

fn account_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(accounts::setup_state, accounts::set_up))
        .routes(routes!(accounts::log_in))
        .routes(routes!(accounts::log_out))
        .routes(routes!(accounts::me))
        .routes(routes!(accounts::change_password))
        .routes(routes!(accounts::tokens, accounts::make_token))
        .routes(routes!(accounts::remove_token))
        .routes(routes!(accounts::stream_token))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::put, users::remove))
        .routes(routes!(users::remove_token))
        .routes(routes!(users::audit))
}

fn upkeep_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(probe::probe))
        .routes(routes!(discover::discover))
        .routes(routes!(models::list))
        .routes(routes!(models::pull))
        .routes(routes!(models::bench))
        .routes(routes!(logs::list))
        .routes(routes!(config::show))
        .routes(routes!(config::check))
}

fn sink_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(publications::list))
        .routes(routes!(sinks::list))
        .routes(routes!(sinks::replay))
        .routes(routes!(sinks::dead))
        .routes(routes!(sinks::revive))
}

/// The API's description in OpenAPI 3.1, as indented JSON.
pub fn openapi() -> String {
    // Only a schema that is no JSON could fail, and the golden test would see it.
    routes().into_openapi().to_pretty_json().unwrap_or_default()
}

fn web_routes(app: App) -> Router {
    let (router, _openapi) = routes().split_for_parts();
    router.fallback(portal::serve).method_not_allowed_fallback(system::not_this_way).with_state(app)
}

/// The page of a camera that is published in another system's format.
struct DialectPage {
    port: Port,
    /// Which entry of the configuration's `publish`.
    at: usize,
    routes: fn(Handle, usize, Ending) -> Router,
}

impl DialectPage {
    /// The routes of the page that `dialect` has; none where it has no page.
    fn routes_of(dialect: &DialectConfig) -> Option<fn(Handle, usize, Ending) -> Router> {
        match dialect {
            DialectConfig::Redisedge { .. } => Some(redisedge::routes),
            DialectConfig::Deepvision { .. } => Some(deepvision::routes),
            _ => None,
        }
    }

    /// Listens for all entries of `config` that have a page.
    async fn open_all(config: &Config) -> Result<Vec<Self>, ServeError> {
        let mut pages = Vec::new();
        for (at, entry) in config.publish.iter().enumerate() {
            let routes = Self::routes_of(&entry.dialect);
            if let (Some(listener), Some(routes)) = (&entry.page, routes) {
                let port = Port::open("publish", listener, config, Protocol::Http1).await?;
                tracing::info!(camera = %entry.camera, url = port.url(), "page is ready");
                pages.push(Self { port, at, routes });
            }
        }
        Ok(pages)
    }
}

/// All ports of a configuration, listened on. Nobody is answered before [`serve`].
pub struct Ports {
    http: Port,
    webrtc: Option<rtc::Socket>,
    chrysalis: Option<Port>,
    /// With whether a camera's name that there is not is a mistake.
    grpc: Option<(Port, bool)>,
    pages: Vec<DialectPage>,
    conf: Conf,
    data_dir: PathBuf,
    /// What the first administrator is made with, and its addresses; none without accounts.
    setup: Option<(SetupLink, Vec<String>)>,
    journal: Journal,
}

impl Ports {
    /// Listens wherever `config` says.
    ///
    /// # Errors
    /// When an address is in use, not allowed, not this machine's, or would show all cameras to
    /// everybody; when certificates can't be used. The text says what to do.
    pub async fn open(config: &Config) -> Result<Self, ServeError> {
        let http = Port::open("http", &config.http, config, Protocol::Http1).await?;
        let webrtc = match &config.webrtc {
            Some(webrtc) => rtc::Socket::open(webrtc, http.address()).await?,
            None => None,
        };
        let chrysalis = match &config.chrysalis {
            Some(listener) => {
                Some(Port::open("chrysalis", listener, config, Protocol::Http1).await?)
            }
            None => None,
        };
        let grpc = match &config.grpc {
            Some(grpc) => {
                let port = Port::open("grpc", &grpc.listener, config, Protocol::Http2).await?;
                Some((port, grpc.strict))
            }
            None => None,
        };
        let pages = DialectPage::open_all(config).await?;
        let (conf, data_dir) = (Conf::default(), config.data_dir.clone());
        let setup = match config.accounts() {
            Some(_) => {
                let (link, token) =
                    SetupLink::new(Instant::now()).map_err(|_no_random| ServeError::NoRandom)?;
                let address = |url| format!("{url}setup#{token}");
                Some((link, http.urls().into_iter().map(address).collect()))
            }
            None => None,
        };
        let journal = Journal::default();
        Ok(Self { http, webrtc, grpc, chrysalis, pages, conf, data_dir, setup, journal })
    }

    /// Where the first administrator is made, once and within half an hour: the same under each
    /// address of the web port. Empty without accounts, and good only where [`needs_first_user`].
    /// For whoever started the program alone: in no log.
    pub fn setup_links(&self) -> &[String] {
        self.setup.as_ref().map_or(&[], |(_link, addresses)| addresses)
    }

    /// The same, with what a `conf.yaml` says of the REST interface of video-edge-ai-proxy.
    #[must_use]
    pub fn with_conf(self, conf: Conf) -> Self {
        Self { conf, ..self }
    }

    /// The same, with what the log holds, for those who may read it.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal, ..self }
    }

    /// The one for programs that were written for video-edge-ai-proxy.
    pub fn chrysalis(&self) -> Option<&Port> {
        self.chrysalis.as_ref()
    }

    /// The pages of other systems, in the order of the configuration's `publish`.
    pub fn pages(&self) -> impl Iterator<Item = &Port> {
        self.pages.iter().map(|page| &page.port)
    }

    /// The one for people.
    pub fn http(&self) -> &Port {
        &self.http
    }

    /// The one for programs that speak gRPC, where the configuration wants it.
    pub fn grpc(&self) -> Option<&Port> {
        self.grpc.as_ref().map(|(port, _)| port)
    }
}

/// Answers requests on `ports` until `shutdown` is done. Then takes no more, ends live pictures
/// and WebSockets, and returns within a few seconds.
///
/// Tokens and certificates follow the configuration that runs, without a restart.
pub async fn serve(ports: Ports, handle: Handle, shutdown: impl Future<Output = ()>) {
    let (end_streams, ending) = watch::channel(false);
    let ending = Ending::new(ending);
    let config = handle.config_file();
    let Ports {
        http,
        webrtc,
        grpc,
        chrysalis: chrysalis_port,
        pages,
        conf,
        data_dir,
        setup,
        journal,
    } = ports;
    let (users, noting) = match open_accounts(&handle, &config, setup, &ending).await {
        Ok(opened) => opened.unzip(),
        Err(error) => {
            // Nobody could be asked who they are: rather nothing at all.
            tracing::error!(?error, "the accounts can't be used; nothing is served");
            return shutdown.await;
        }
    };
    let access = Arc::new(Access::new(&config.tokens, users.clone()));
    let webrtc = webrtc.and_then(|socket| Webrtc::start(socket, &handle, ending.clone()));
    let app = App {
        accounts: users,
        handle: handle.clone(),
        ending: ending.clone(),
        sockets: Arc::new(Semaphore::new(MAX_SOCKETS as usize)),
        films: Viewers::new(MAX_FILMS, handle.viewer_metrics("film")),
        tags: Tags::default(),
        journal,
        probes: Arc::new(Semaphore::new(MAX_PROBES)),
        search: Arc::new(Semaphore::new(1)),
        webrtc: webrtc.clone(),
        openapi: openapi().into(),
    };
    let (sockets, films) = (Arc::clone(&app.sockets), app.films.clone());
    let mut renewals = Vec::new();
    let mut servers = JoinSet::new();

    renewals.push(Renewal::new(&http, |config| Some(&config.http)));
    for DialectPage { port, at, routes } in pages {
        if let Some(entry) = config.publish.get(at).cloned() {
            renewals.push(Renewal::new(&port, move |config| page_of(config, &entry)));
        }
        let metrics = handle.port_metrics(port.name());
        let guard = Guard::new(&port, Arc::clone(&access), metrics.clone(), page_needs);
        let routes = routes(handle.clone(), at, ending.clone());
        servers.spawn(port.answer(guard.protect(routes), metrics, ending.clone()));
    }
    let metrics = handle.port_metrics(http.name());
    let guard = Guard::new(&http, Arc::clone(&access), metrics.clone(), web_needs);
    servers.spawn(http.answer(guard.protect(web_routes(app)), metrics, ending.clone()));
    if let Some(port) = chrysalis_port {
        renewals.push(Renewal::new(&port, |config| config.chrysalis.as_ref()));
        let metrics = handle.port_metrics(port.name());
        let guard = Guard::new(&port, Arc::clone(&access), metrics.clone(), chrysalis_needs);
        let routes = chrysalis::routes(handle.clone(), data_dir, &conf);
        servers.spawn(port.answer(guard.protect_chrysalis(routes), metrics, ending.clone()));
    }

    if let Some((grpc, strict)) = grpc {
        renewals.push(Renewal::new(&grpc, |config| config.grpc.as_ref().map(|g| &g.listener)));
        let metrics = handle.port_metrics(grpc.name());
        let guard = Guard::new(&grpc, Arc::clone(&access), metrics.clone(), grpc_needs);
        tracing::info!(address = %grpc.address(), "gRPC is ready");
        let services = crate::grpc::services(handle.clone(), strict, ending.clone()).await;
        servers.spawn(grpc.answer(guard.protect_grpc(services), metrics, ending.clone()));
    }

    let mut renewing = pin!(renew(renewals, &access, &handle, config));
    tokio::select! {
        () = shutdown => {}
        () = &mut renewing => {}
    }
    end_streams.send_replace(true);
    while servers.join_next().await.is_some() {}
    // A WebSocket is no longer one of the connections: it has a permit of its own.
    let all_ended = async {
        drop(sockets.acquire_many(MAX_SOCKETS).await);
        films.all_gone().await;
        if let Some(webrtc) = &webrtc {
            webrtc.all_gone().await;
        }
    };
    if timeout(GRACE, all_ended).await.is_err() {
        tracing::info!("some viewers did not end in time and are cut");
    }
    if let Some(Err(error)) = OptionFuture::from(noting).await {
        tracing::error!(%error, "writing the audit log panicked");
    }
}

/// Whether there is neither a user nor a token that could make one, so that somebody has to use
/// [`Ports::setup_links`].
///
/// # Errors
/// When the store can't be read.
pub async fn needs_first_user(handle: &Handle) -> Result<bool, StoreError> {
    let can_manage = |token: &TokenConfig| token.scopes.contains(&Scope::Admin);
    let has_token = handle.config_file().tokens.iter().any(can_manage);
    Ok(!has_token && !handle.store().has_users().await?)
}

/// The users, and the task that writes down what they do; none without accounts.
async fn open_accounts(
    handle: &Handle,
    config: &Config,
    setup: Option<(SetupLink, Vec<String>)>,
    ending: &Ending,
) -> Result<Option<(Arc<Accounts>, JoinHandle<()>)>, ApiError> {
    let Some(wanted) = config.accounts() else { return Ok(None) };
    let store = handle.store().clone();
    let link = match setup {
        Some((link, _addresses)) if needs_first_user(handle).await? => Some(link),
        _ => None,
    };
    let (audit, noted) = Audit::new();
    let noting = audit::write(noted, store.clone(), wanted.audit_keep, ending.clone());
    let accounts = Accounts::new(store, wanted, audit, link)?;
    Ok(Some((Arc::new(accounts), tokio::spawn(noting))))
}

/// A port whose certificates and protection follow the configuration.
struct Renewal {
    section: &'static str,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    listener: Box<dyn Fn(&Config) -> Option<&Listener> + Send + Sync>,
}

/// The page of `entry` as `config` has it.
fn page_of<'a>(config: &'a Config, entry: &PublishConfig) -> Option<&'a Listener> {
    let same = |other: &&PublishConfig| other.camera == entry.camera && other.name == entry.name;
    config.publish.iter().find(same)?.page.as_ref()
}

impl Renewal {
    fn new(
        port: &Port,
        listener: impl Fn(&Config) -> Option<&Listener> + Send + Sync + 'static,
    ) -> Self {
        let (section, address, tls) = (port.name(), port.address(), port.tls());
        Self { section, address, tls, listener: Box::new(listener) }
    }

    /// Whether this port would let in everybody if there were no tokens.
    fn needs_tokens(&self, config: &Config) -> bool {
        let listener = (self.listener)(config);
        let open = |listener: &Listener| listener.insecure || is_protected(listener, &[]);
        !self.address.ip().is_loopback() && !listener.is_some_and(open)
    }

    /// Looks for new certificates.
    async fn reread(&self, config: &Config) {
        let files: Option<TlsConfig> = (self.listener)(config).and_then(|l| l.tls.clone());
        let (Some(tls), Some(files)) = (self.tls.clone(), files) else { return };
        // Files can be far away.
        let outcome = tokio::task::spawn_blocking(move || tls.reload(&files)).await;
        match outcome {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!(port = self.section, "new certificates are used"),
            Ok(Err(error)) => tracing::error!(
                port = self.section, %error, "new certificates are refused; the last ones go on"
            ),
            Err(error) => tracing::error!(port = self.section, %error, "reading panicked"),
        }
    }
}

/// Follows the configuration. Never returns.
async fn renew(ports: Vec<Renewal>, access: &Access, handle: &Handle, mut known: Arc<Config>) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reread = Instant::now();
    loop {
        tick.tick().await;
        let config = handle.config_file();
        let changed = !Arc::ptr_eq(&config, &known);
        if changed && config.tokens != known.tokens {
            let exposed = ports.iter().find(|port| port.needs_tokens(&config));
            match exposed {
                Some(port) if config.tokens.is_empty() && access.accounts().is_none() => {
                    tracing::error!(
                        port = port.section,
                        "without tokens this port would let in everybody; the last tokens go on"
                    )
                }
                _ => access.set_tokens(&config.tokens),
            }
        }
        if changed || reread.elapsed() >= REREAD_EVERY {
            reread = Instant::now();
            for port in &ports {
                port.reread(&config).await;
            }
        }
        known = config;
    }
}
