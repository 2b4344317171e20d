//! `omma run`: the cameras of a configuration file, until somebody says stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use omma_api::{Journal, Port, Ports};
use omma_engine::config::Role;
use omma_engine::{Config, Engine, Handle};
use omma_store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::paths;
use crate::sources::{FileArgs, Sources, log_notes};

/// How often the file is looked at for changes. Asking the file system works on every one of
/// them, also on network shares and Kubernetes' config maps.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// After a request to stop, the process ends at the latest after this.
const STOP_WITHIN: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    sharing: Sharing,
}

/// What this process does of what several share, where that is said on the command line.
#[derive(clap::Args, Clone)]
struct Sharing {
    /// Share the work with other processes over the bus; this one does: ingest (reads and
    /// records cameras), detect (runs models), analyze (tracks and counts), serve (stores events
    /// and answers). Several with commas
    #[arg(long, value_name = "ROLES", value_delimiter = ',', value_parser = role)]
    roles: Option<Vec<Role>>,
    /// This process's name among the others
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

fn role(word: &str) -> Result<Role, String> {
    Role::ALL
        .into_iter()
        .find(|role| role.as_str() == word)
        .ok_or_else(|| format!("not one of {}", Role::ALL.map(Role::as_str).join(", ")))
}

impl Sharing {
    /// What was said here goes before what the configuration says.
    fn apply(&self, config: &mut Config, sources: &Sources) -> anyhow::Result<()> {
        let file =
            sources.file().map_or_else(|| "defaults".to_owned(), |f| f.display().to_string());
        let roles = self.roles.as_ref().map(|roles| roles.iter().copied().collect());
        Ok(config.share_work(&file, roles, self.node.clone())?)
    }
}

/// Where the web interface listens, where that is said on the command line.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Listening {
    /// Listen here: instead of where the configuration says, or for the demo on the first free
    /// port from 8080 on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Let other machines see and change everything without asking who they are
    #[arg(long)]
    pub(crate) insecure: bool,
}

impl Listening {
    /// What was said here goes before what the configuration says.
    pub(crate) fn apply(self, config: &mut Config) {
        if let Some(listen) = self.listen {
            config.http.address = listen;
        }
        config.http.insecure |= self.insecure;
    }
}

pub(crate) fn run(args: &Args, journal: Journal) -> anyhow::Result<()> {
    let started = Instant::now();
    let sources = Sources::open(&args.files)?;
    let mut config = sources.read()?;
    args.listening.apply(&mut config);
    args.sharing.apply(&mut config, &sources)?;
    if let Some(conf) = sources.conf() {
        log_notes(conf);
    }
    let watched = Watched::new(sources, args.listening, args.sharing.clone());
    serve(config, Database::Kept("omma.db"), Some(watched), journal, |address| {
        tracing::info!(
            address,
            ready_millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "omma is ready"
        );
    })
}

/// Where events and counts go, in the data directory.
pub(crate) enum Database {
    /// Into this file; what is there stays.
    Kept(&'static str),
    /// Into a file of the port's own, begun anew: whoever listens on a port has it for itself.
    OfPort,
}

impl Database {
    fn open_in(&self, data_dir: &Path, port: u16) -> PathBuf {
        match self {
            Self::Kept(name) => data_dir.join(name),
            Self::OfPort => {
                let path = data_dir.join(format!("port-{port}.db"));
                for end in ["", "-wal", "-shm"] {
                    let mut old = path.clone().into_os_string();
                    old.push(end);
                    // It need not be there.
                    drop(std::fs::remove_file(old));
                }
                path
            }
        }
    }
}

/// Runs `config` until a signal says stop. `on_ready` is told where the server listens.
pub(crate) fn serve(
    config: Config,
    database: Database,
    watched: Option<Watched>,
    journal: Journal,
    on_ready: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("async")
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome =
        runtime.block_on(serve_until_signal(config, database, watched, journal, on_ready));
    // What did not stop in time must not hold up the end of the process.
    runtime.shutdown_background();
    outcome
}

async fn serve_until_signal(
    config: Config,
    database: Database,
    watched: Option<Watched>,
    journal: Journal,
    on_ready: impl FnOnce(&str),
) -> anyhow::Result<()> {
    // The port first: a second Omma must not touch the first one's cameras and store.
    let mut ports = Ports::open(&config).await?.with_journal(journal);
    if let Some(conf) = watched.as_ref().and_then(|watched| watched.sources.conf()) {
        ports = ports.with_conf(conf.clone());
    }
    let (address, url) = (ports.http().address(), ports.http().url());
    let setup_links = ports.setup_links().to_vec();
    let chrysalis = ports.chrysalis().map(Port::url);
    let mut signals = Signals::new()?;
    let store = Store::open(database.open_in(&config.data_dir, address.port())).await?;
    let models = paths::models(&config.data_dir)?;
    let engine = Engine::start(config, store, models).await?;
    let handle = engine.handle();
    let (stop_server, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(omma_api::serve(ports, handle.clone(), async {
        // Also when the sender is dropped.
        drop(stopped.await);
    }));
    on_ready(&url);
    if !setup_links.is_empty() && omma_api::needs_first_user(&handle).await? {
        print_setup(&setup_links);
    }
    if let Some(chrysalis) = chrysalis {
        tracing::info!(address = chrysalis, "video-edge-ai-proxy's REST is ready");
    }
    signals.wait(&handle, watched).await;
    tracing::info!("stopping");
    let stopping = async {
        drop(stop_server);
        engine.stop().await;
        server.await.context("the server panicked")
    };
    tokio::time::timeout(STOP_WITHIN, stopping).await.unwrap_or_else(|_too_long| {
        tracing::warn!("not everything stopped in time; ending anyway");
        Ok(())
    })
}

/// Tells whoever started the program, and no log, how the first administrator is made.
fn print_setup(links: &[String]) {
    eprintln!(
        "\nThere is no user yet. Open this in a browser to make the first administrator; it is good \
         once, for half an hour:\n"
    );
    for link in links {
        eprintln!("    {link}");
    }
    eprintln!();
}

/// The signals that matter.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Until a signal says stop; reloads the configuration meanwhile.
    async fn wait(&mut self, handle: &Handle, mut watched: Option<Watched>) {
        let mut tick = tokio::time::interval(WATCH_EVERY);
        loop {
            let asked = tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => true,
                _ = tick.tick() => false,
            };
            let Some(watched) = &mut watched else { continue };
            // A camera that takes its time to stop must not hold up the end.
            tokio::select! {
                () = watched.reload_if(asked, handle) => {}
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
        }
    }
}

/// A configuration file that is watched for changes.
pub(crate) struct Watched {
    sources: Sources,
    listening: Listening,
    sharing: Sharing,
    seen: Option<(SystemTime, u64)>,
}

impl Watched {
    fn new(sources: Sources, listening: Listening, sharing: Sharing) -> Self {
        let seen = sources.file().and_then(stamp);
        Self { sources, listening, sharing, seen }
    }

    /// Reads the file again where it changed or somebody `asked`. A configuration with a
    /// mistake is reported, and the last good one goes on.
    async fn reload_if(&mut self, asked: bool, handle: &Handle) {
        let now = self.sources.file().and_then(stamp);
        // A file that is away for a moment is being replaced.
        if !asked && (now.is_none() || now == self.seen) {
            return;
        }
        self.seen = now;
        let read = self.sources.read().and_then(|mut config| {
            self.listening.apply(&mut config);
            self.sharing.apply(&mut config, &self.sources).map(|()| config)
        });
        match read {
            Ok(config) => {
                let changes = handle.reload(config).await;
                for change in &changes {
                    tracing::info!(change = change.as_str(), "configuration reloaded");
                }
                if changes.is_empty() {
                    tracing::info!("configuration reloaded, nothing changed");
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the new configuration is refused; the last one goes on");
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
