//! A real MQTT broker: Debian's mosquitto.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::data::skipped;
use crate::http::free_port;
use crate::wait::{SOON, eventually};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A running broker on 127.0.0.1, killed when dropped. It forgets everything when killed,
/// retained topics too.
pub struct MosquittoServer {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
}

/// What came on topics, in order of arrival.
pub struct Subscription {
    process: Child,
    file: std::path::PathBuf,
}

impl MosquittoServer {
    /// Starts a broker that lets everybody in. None, with the reason printed, where it is not
    /// installed.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start() -> Option<Self> {
        Self::start_with("allow_anonymous true\n")
    }

    /// Starts a broker that lets in `user` with `password` alone.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start_guarded(user: &str, password: &str) -> Option<Self> {
        let server = Self::made("allow_anonymous false\npassword_file passwords\n")?;
        let done = Command::new("mosquitto_passwd")
            .args(["-b", "-c", "passwords", user, password])
            .current_dir(server.dir.path())
            .stderr(Stdio::null())
            .status()
            .expect("mosquitto_passwd");
        assert!(done.success(), "mosquitto_passwd: {done}");
        Some(server.started())
    }

    /// Starts a broker with these lines in its configuration.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start_with(lines: &str) -> Option<Self> {
        Some(Self::made(lines)?.started())
    }

    fn made(lines: &str) -> Option<Self> {
        if !Path::new(MOSQUITTO).is_file() {
            skipped("no mqtt broker: apt-get install mosquitto mosquitto-clients");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        // It gives up root's rights, and then has to read its files.
        let config = format!("listener {port} 127.0.0.1\nuser root\npersistence false\n{lines}");
        fs::write(dir.path().join("mosquitto.conf"), config).expect("a configuration file");
        Some(Self { dir, port, process: None })
    }

    fn started(mut self) -> Self {
        self.restart();
        self
    }

    /// Starts it again on its port after [`Self::kill`].
    ///
    /// # Panics
    /// When it can't be run.
    pub fn restart(&mut self) {
        self.kill();
        let log = fs::File::create(self.dir.path().join("log")).expect("a log file");
        let process = Command::new(MOSQUITTO)
            .args(["-c", "mosquitto.conf"])
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto");
        self.process = Some(process);
        eventually("mosquitto", SOON, || {
            TcpStream::connect(("127.0.0.1", self.port)).map(drop).map_err(|error| {
                let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                format!("{error}: {log}")
            })
        });
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address without credentials.
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Listens to all of `topic`, retained messages included, from now on. The name is for its
    /// file, and for the broker to know it by.
    ///
    /// # Panics
    /// When the client can't be run.
    pub fn subscribe(&self, name: &str, topic: &str) -> Subscription {
        let file = self.dir.path().join(format!("{name}.sub"));
        let out = fs::File::create(&file).expect("a file for messages");
        let port = self.port.to_string();
        let process = Command::new("mosquitto_sub")
            // Quality 2: the client itself must lose nothing.
            .args(["-h", "127.0.0.1", "-p", &port, "-q", "2", "-t", topic, "-F", "%t %r %p"])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto_sub");
        Subscription { process, file }
    }
}

impl Drop for MosquittoServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Subscription {
    /// Topic and payload of all messages so far.
    pub fn messages(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let message = |line: &str| {
            let (topic, rest) = line.split_once(' ')?;
            let (_retained, body) = rest.split_once(' ')?;
            Some((topic.to_owned(), body.to_owned()))
        };
        text.lines().filter_map(message).collect()
    }

    /// The newest payload of a topic.
    pub fn newest(&self, topic: &str) -> Option<String> {
        let messages = self.messages().into_iter().rev();
        messages.into_iter().find(|(name, _)| name == topic).map(|(_, body)| body)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
