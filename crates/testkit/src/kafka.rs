//! A real Apache Kafka: one node that is broker and controller, without ZooKeeper.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::data::skipped;
use crate::http::free_port;
use crate::wait::eventually;

/// A virtual machine starts slowly where others want the processors too.
const STARTED: Duration = Duration::from_secs(180);

/// Everything that stands on the class path.
fn libraries() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/kafka");
    let dir = std::env::var_os("KAFKA_LIBS").map_or(beside, PathBuf::from);
    let has_java = Command::new("java").arg("-version").stderr(Stdio::null()).status();
    let found = fs::read_dir(&dir).ok().is_some_and(|mut files| {
        files.any(|f| f.is_ok_and(|f| f.file_name().to_string_lossy().starts_with("kafka_2.13")))
    });
    if found && has_java.is_ok_and(|status| status.success()) {
        return dir.canonicalize().ok();
    }
    skipped("no Kafka (set KAFKA_LIBS to a folder with its jars, or run tools/setup.sh test)");
    None
}

/// A running Kafka on 127.0.0.1, killed when dropped.
pub struct KafkaServer {
    dir: TempDir,
    libraries: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl KafkaServer {
    /// Starts one that asks for nothing. None, with the reason printed, where there is none.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further lines of `server.properties`.
    ///
    /// # Panics
    /// When it is there but can't be run.
    pub fn start_with(lines: &[&str]) -> Option<Self> {
        Self::launch("PLAINTEXT", lines)
    }

    /// Starts one that lets in only `user` with `password` by SASL PLAIN, and `admin` with
    /// `admin-password`. Who is not `admin` may do nothing until rights are given, if `rights`
    /// are asked for.
    ///
    /// # Panics
    /// When it is there but can't be run.
    pub fn start_guarded(user: &str, password: &str, rights: bool) -> Option<Self> {
        let jaas = format!(
            "listener.name.sasl_plaintext.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required \
             username=\"admin\" password=\"admin-password\" \
             user_admin=\"admin-password\" user_{user}=\"{password}\";"
        );
        let mut lines = vec![jaas.as_str(), "sasl.enabled.mechanisms=PLAIN"];
        if rights {
            lines.push(
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            );
            lines.push("super.users=User:admin;User:ANONYMOUS");
        }
        Self::launch("SASL_PLAINTEXT", &lines)
    }

    fn launch(protocol: &str, lines: &[&str]) -> Option<Self> {
        let libraries = libraries()?;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (port, controller) = (free_port(), free_port());
        let mut config = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners={protocol}://127.0.0.1:{port}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocol}:{protocol}\n"
        );
        if protocol == "PLAINTEXT" {
            config.push_str("inter.broker.listener.name=PLAINTEXT\n");
        } else {
            config.push_str(
                "inter.broker.listener.name=SASL_PLAINTEXT\n\
                 sasl.mechanism.inter.broker.protocol=PLAIN\n",
            );
        }
        config.push_str(&format!(
            "log.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=1\n\
             group.initial.rebalance.delay.ms=0\nauto.create.topics.enable=false\n\
             group.min.session.timeout.ms=1000\nnum.recovery.threads.per.data.dir=1\n\
             num.network.threads=2\nnum.io.threads=2\nlog.cleaner.enable=false\n\
             log.retention.check.interval.ms=500\nlog.initial.task.delay.ms=500\n",
            dir.path().join("data").display()
        ));
        for line in lines {
            config.push_str(line);
            config.push('\n');
        }
        let file = dir.path().join("server.properties");
        fs::write(&file, config).expect("a configuration file");
        let mut server = Self { dir, libraries, port, process: None };
        let formatted = server
            .java("128m")
            .args(["kafka.tools.StorageTool", "format", "-t", "b21tYS10ZXN0LWtpdC0wMA", "-c"])
            .arg(&file)
            .output()
            .expect("java");
        assert!(
            formatted.status.success(),
            "kafka's storage: {}",
            String::from_utf8_lossy(&formatted.stderr)
        );
        server.restart();
        Some(server)
    }

    /// A virtual machine that starts fast, with this much memory.
    fn java(&self, heap: &str) -> Command {
        let mut command = Command::new("java");
        command
            .args([&format!("-Xmx{heap}"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-Xshare:auto", "-cp"])
            .arg(self.libraries.join("*"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address without credentials: `kafka://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("kafka://127.0.0.1:{}", self.port)
    }

    /// Starts it again on its port and with its data after [`Self::kill`]. It takes
    /// connections when this returns, and may need a moment more to answer all requests.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn restart(&mut self) {
        self.kill();
        let path = self.dir.path().join("kafka.log");
        let log = || {
            fs::File::options().create(true).append(true).open(&path).expect("a file for its log")
        };
        let process = self
            .java("384m")
            .args(["kafka.Kafka", "server.properties"])
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("java");
        let port = self.port;
        let process = self.process.insert(process);
        eventually("kafka to listen", STARTED, || {
            if let Ok(Some(status)) = process.try_wait() {
                let log = fs::read_to_string(&path).unwrap_or_default();
                panic!("kafka ended with {status}: {log}");
            }
            TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|e| e.to_string())
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
}

impl Drop for KafkaServer {
    fn drop(&mut self) {
        self.kill();
    }
}
