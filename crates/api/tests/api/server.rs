//! A whole engine with a simulated and an absent camera behind a server on a free port, and a
//! client that shows the bytes as they come.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use omma_api::chrysalis::Conf;
use omma_api::{Journal, Port, Ports, serve};
use omma_engine::{Config, Engine, Handle, Models};
use omma_infer::Registry;
use omma_store::Store;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Longer than anything here takes on a busy machine: a test that hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody listens on port 1. The password must never be seen again.
pub(crate) const CONFIG: &str = r#"
version: 1
cameras:
  gone:
    url: rtsp://viewer:hunter2@127.0.0.1:1/stream?token=hunter2
  street:
    url: sim:street?people=4&cars=1&seed=3&size=640x360&fps=15
    pass_through: { url: rtmp://127.0.0.1:1/live/hunter2 }
    detect: { model: motion, fps: 5 }
    lines:
      kerb: { from: [0.05, 0.7], to: [0.95, 0.7] }
    zones:
      square: { polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.95], [0.1, 0.95]], dwell: 5s }
"#;

/// What all servers of this process log: there can be one subscriber only.
fn journal() -> Journal {
    static JOURNAL: OnceLock<Journal> = OnceLock::new();
    let made = JOURNAL.get_or_init(|| {
        let journal = Journal::default();
        let layer = journal.clone().with_filter(LevelFilter::INFO);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
            .unwrap();
        journal
    });
    made.clone()
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Where video-edge-ai-proxy's interface is, if it is on.
    pub(crate) chrysalis: Option<SocketAddr>,
    /// Where gRPC is spoken, if the configuration wants it.
    pub(crate) grpc: Option<SocketAddr>,
    /// Where the pages of other systems are, in the order of the configuration.
    pub(crate) pages: Vec<SocketAddr>,
    /// Where the first administrator is made, if there are accounts.
    pub(crate) setup_link: Option<String>,
    pub(crate) handle: Handle,
    engine: Engine,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    /// What the engine writes goes with the test.
    dir: tempfile::TempDir,
}

/// `text` as a configuration whose web port is one that the system chooses, unless it says so
/// itself.
pub(crate) fn config(text: &str) -> Config {
    let mut config = Config::from_yaml(text, "test.yaml", &|_| None).unwrap();
    if !text.contains("listen") {
        config.http.address.set_port(0);
    }
    config
}

/// Has everything written below `dir`.
fn write_to(dir: &Path, config: &mut Config) {
    config.data_dir = dir.to_owned();
    config.recordings.dir = dir.join("recordings");
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::run(config(CONFIG)).await
    }

    pub(crate) async fn run(config: Config) -> Self {
        Self::run_as(config, Conf::default()).await
    }

    pub(crate) async fn run_as(config: Config, conf: Conf) -> Self {
        Self::run_all(config, conf, |_dir| Registry::new(None, &[]).unwrap()).await
    }

    /// With models of its own: `registry` is told where the data lies.
    pub(crate) async fn run_with(config: Config, registry: impl FnOnce(&Path) -> Registry) -> Self {
        Self::run_all(config, Conf::default(), registry).await
    }

    async fn run_all(
        mut config: Config,
        conf: Conf,
        registry: impl FnOnce(&Path) -> Registry,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_to(dir.path(), &mut config);
        let store = Store::in_memory().await.unwrap();
        let models = Models::new(registry(dir.path()), Vec::new());
        let ports = Ports::open(&config).await.unwrap();
        let ports = ports.with_conf(conf).with_journal(journal());
        let address = ports.http().address();
        let chrysalis = ports.chrysalis().map(Port::address);
        let grpc = ports.grpc().map(Port::address);
        let setup_link = ports.setup_links().first().cloned();
        let pages = ports.pages().map(Port::address).collect();
        let engine = Engine::start(config, store, models).await.unwrap();
        let handle = engine.handle();
        let (shutdown, stop) = oneshot::channel();
        let serving = tokio::spawn(serve(ports, handle.clone(), async move {
            drop(stop.await);
        }));
        Self { address, chrysalis, grpc, pages, setup_link, handle, engine, shutdown, serving, dir }
    }

    /// Reloads with `text`, which is about the same folder; what has changed.
    pub(crate) async fn reload(&self, text: &str) -> Vec<String> {
        let mut config = config(text);
        write_to(self.dir.path(), &mut config);
        self.handle.reload(config).await
    }

    /// Stops the server and waits until it has ended; then the engine.
    pub(crate) async fn stop(self) {
        self.shutdown.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
        self.engine.stop().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// Asks in HTTP/1.0: the answer ends with the connection.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.begin(method, path, headers).await;
        let mut bytes = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        Answer::new(&bytes)
    }

    /// Sends JSON.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        send(self.address, method, path, &json, &body.to_string()).await
    }

    /// Asks and leaves the answer in the connection.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.0\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Asks for JSON until `good` likes it. For what the engine does in its own time.
    pub(crate) async fn json_when(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let trying = async {
            loop {
                let answer = self.get(path).await;
                if answer.status == 200 && good(&answer.json()) {
                    return answer.json();
                }
            }
        };
        tokio::time::timeout(PATIENCE, trying).await.unwrap()
    }
}

/// Sends `body` to a server and waits for its answer.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut text = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    // A server that refuses a body closes before it has all of it; its answer is there all the same.
    drop(stream.write_all(text.as_bytes()).await);
    let mut bytes = Vec::new();
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap());
    Answer::new(&bytes)
}

/// An answer, taken apart.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    /// As it came.
    raw_head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let raw_head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let head = raw_head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, raw_head, body: bytes[end + 4..].to_vec() }
    }

    /// A header's value as it came.
    pub(crate) fn raw_header(&self, name: &str) -> Option<&str> {
        let mut lines = self.raw_head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.text()))
    }
}
