//! A real Redis: alone, with replicas and a Sentinel, or as a cluster.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::data::skipped;
use crate::http::free_port;
use crate::wait::{SOON, eventually};

/// Whether `program` can be run here; otherwise says what to install.
fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    skipped(format_args!("no {program}: apt-get install redis-server redis-sentinel"));
    false
}

/// Files that make a server speak TLS, in PEM form.
#[derive(Clone, Debug)]
pub struct RedisTls {
    /// Whose clients are let in.
    pub ca: PathBuf,
    /// The server's certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A running `redis-server` on 127.0.0.1, killed when dropped. It writes every change to its
/// disk before it answers, so that nothing confirmed is lost by [`Self::kill`].
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    arguments: Vec<String>,
    tls: bool,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one that asks for nothing. None, with the reason printed, where it is not
    /// installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further lines of `redis.conf`, e.g. `requirepass secret`,
    /// `maxmemory 8mb`, `user bob on >pw +@read ~*`.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start_with(lines: &[&str]) -> Option<Self> {
        Self::launch(lines, None)
    }

    /// Starts one that speaks TLS only.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start_tls(lines: &[&str], tls: &RedisTls) -> Option<Self> {
        Self::launch(lines, Some(tls))
    }

    fn launch(lines: &[&str], tls: Option<&RedisTls>) -> Option<Self> {
        if !is_here("redis-server") {
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut config = format!(
            "bind 127.0.0.1\ndir {}\nappendonly yes\nappendfsync always\nsave \"\"\n\
             enable-debug-command yes\n",
            dir.path().display()
        );
        match tls {
            None => config.push_str(&format!("port {port}\n")),
            Some(tls) => config.push_str(&format!(
                "port 0\ntls-port {port}\ntls-ca-cert-file {}\ntls-cert-file {}\n\
                 tls-key-file {}\ntls-auth-clients optional\n",
                tls.ca.display(),
                tls.cert.display(),
                tls.key.display()
            )),
        }
        for line in lines {
            config.push_str(line);
            config.push('\n');
        }
        let file = dir.path().join("redis.conf");
        fs::write(&file, config).expect("a configuration file");
        let arguments = vec![file.display().to_string()];
        let mut server = Self { dir, port, arguments, tls: tls.is_some(), process: None };
        server.restart();
        Some(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address without credentials: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Starts it again on its port and with its data after [`Self::kill`]; ready when this
    /// returns.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn restart(&mut self) {
        self.kill();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("redis.log"))
            .expect("a log file");
        let process = Command::new("redis-server")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server");
        self.process = Some(process);
        let (port, dir) = (self.port, self.dir.path().to_owned());
        eventually("redis to listen", SOON, || {
            if let Some(process) = &mut self.process
                && let Ok(Some(status)) = process.try_wait()
            {
                panic!("redis ended with {status}: {}", log_of(&dir));
            }
            let connected = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string());
            connected.and_then(|_| match log_of(&dir).rsplit("starting").next() {
                Some(newest) if newest.contains("Ready to accept") => Ok(()),
                _ => Err("it reads its data".to_owned()),
            })
        });
    }

    /// Ends it at once, as if its plug were pulled.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Runs `redis-cli` with these words and gives what it printed.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn cli(&self, words: &[&str]) -> String {
        cli(self.port, words)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log_of(dir: &Path) -> String {
    fs::read_to_string(dir.join("redis.log")).unwrap_or_default()
}

fn cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(words)
        .output()
        .expect("redis-cli");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A master, a replica and one Sentinel that watches them and names the master `mymaster`.
pub struct RedisSentinel {
    /// The master at first.
    pub master: RedisServer,
    /// Its replica.
    pub replica: RedisServer,
    sentinel: Child,
    port: u16,
    _dir: TempDir,
}

impl RedisSentinel {
    /// Starts all three. None, with the reason printed, where they are not installed.
    ///
    /// # Panics
    /// When they are installed but can't be run.
    pub fn start() -> Option<Self> {
        if !is_here("redis-sentinel") {
            return None;
        }
        let master = RedisServer::start()?;
        let replica = RedisServer::start_with(&[&format!("replicaof 127.0.0.1 {}", master.port)])?;
        eventually("the replica to follow", SOON, || {
            let said = replica.cli(&["info", "replication"]);
            if said.contains("master_link_status:up") { Ok(()) } else { Err(said) }
        });
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let file = dir.path().join("sentinel.conf");
        let config = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\n\
             sentinel monitor mymaster 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 3000\n",
            dir.path().display(),
            master.port
        );
        fs::write(&file, config).expect("a configuration file");
        let sentinel = Command::new("redis-sentinel")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-sentinel");
        eventually("the sentinel to know the replica", SOON, || {
            let said = cli(port, &["sentinel", "replicas", "mymaster"]);
            if said.contains(&replica.port.to_string()) { Ok(()) } else { Err(said) }
        });
        Some(Self { master, replica, sentinel, port, _dir: dir })
    }

    /// The address by which the master is found: `redis://127.0.0.1:PORT?sentinel=mymaster`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}?sentinel=mymaster", self.port)
    }
}

impl Drop for RedisSentinel {
    fn drop(&mut self) {
        drop(self.sentinel.kill());
        drop(self.sentinel.wait());
    }
}

/// A cluster of three masters.
pub struct RedisCluster(Vec<RedisServer>);

impl RedisCluster {
    /// Starts it. None, with the reason printed, where it is not installed.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start() -> Option<Self> {
        let lines: Vec<String> =
            (0..3).map(|_| format!("cluster-enabled yes\ncluster-port {}", free_port())).collect();
        let nodes: Vec<RedisServer> =
            lines.iter().map(|line| RedisServer::start_with(&[line])).collect::<Option<_>>()?;
        let hosts: Vec<String> = nodes.iter().map(|n| format!("127.0.0.1:{}", n.port)).collect();
        let mut words = vec!["--cluster", "create"];
        words.extend(hosts.iter().map(String::as_str));
        words.push("--cluster-yes");
        let said = nodes.first()?.cli(&words);
        for node in &nodes {
            eventually("the cluster to be formed", SOON, || {
                let info = node.cli(&["cluster", "info"]);
                let formed = info.contains("cluster_state:ok")
                    && info.contains("cluster_known_nodes:3")
                    && info.contains("cluster_slots_ok:16384");
                if formed { Ok(()) } else { Err(format!("{info}\n{said}")) }
            });
        }
        Some(Self(nodes))
    }

    /// Its address: `redis://127.0.0.1:A,127.0.0.1:B,127.0.0.1:C?cluster`.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.0.iter().map(|n| format!("127.0.0.1:{}", n.port)).collect();
        format!("redis://{}?cluster", hosts.join(","))
    }
}
