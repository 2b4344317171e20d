//! A server that takes streams over RTMP and gives them on: nginx with its RTMP module, which
//! shares no code with the sender under test.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::data::skipped;
use crate::http::free_port;
use crate::wait::{SOON, eventually};

/// Where Debian's packages put them.
const NGINX: &str = "/usr/sbin/nginx";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// A running RTMP server on 127.0.0.1, killed when dropped. It takes any number of streams at
/// `rtmp://127.0.0.1:PORT/live/NAME`, each of which can be played at the same address.
pub struct RtmpServer {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
}

impl RtmpServer {
    /// Starts the server. None, with the reason printed, where it is not installed.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start() -> Option<Self> {
        if !Path::new(NGINX).is_file() || !Path::new(MODULE).is_file() {
            skipped("no rtmp server: apt-get install nginx-light libnginx-mod-rtmp");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self { dir, port: free_port(), process: None };
        server.restart();
        Some(server)
    }

    /// Starts it again on its port after [`Self::kill`].
    ///
    /// # Panics
    /// When it can't be run.
    pub fn restart(&mut self) {
        self.kill();
        let port = self.port;
        let config = format!(
            "load_module {MODULE};\n\
             daemon off;\nmaster_process off;\npid nginx.pid;\n\
             error_log error.log info;\n\
             events {{ worker_connections 256; }}\n\
             rtmp {{\n\
               access_log off;\n\
               server {{\n\
                 listen 127.0.0.1:{port};\n\
                 application live {{ live on; wait_key on; }}\n\
               }}\n\
             }}\n"
        );
        let file = self.dir.path().join("nginx.conf");
        fs::write(&file, config).expect("a configuration file");
        let process = Command::new(NGINX)
            .arg("-p")
            .arg(self.dir.path())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        self.process = Some(process);
        eventually("nginx to listen", SOON, || {
            if let Some(process) = &mut self.process
                && let Ok(Some(status)) = process.try_wait()
            {
                let log = fs::read_to_string(self.dir.path().join("error.log"));
                panic!("nginx ended with {status}: {}", log.unwrap_or_default());
            }
            TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
        });
    }

    /// Where a stream of this name is sent to and played from.
    pub fn address(&self, name: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{name}", self.port)
    }

    /// Lets it stand still, with its connections open, until [`Self::thaw`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let Some(process) = &self.process else { return };
        let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
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

impl Drop for RtmpServer {
    fn drop(&mut self) {
        self.kill();
    }
}
