//! A network camera: GStreamer's RTSP server, which shares no code with the reader under
//! test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::data::skipped;

/// A running RTSP server on 127.0.0.1, killed when dropped. Its stream is at `/cam`;
/// with `--cameras N` there are N more, `/cam0` and so on.
pub struct RtspCamera {
    process: Child,
    port: u16,
}

impl RtspCamera {
    /// Starts the server; `rtsp_server.py` says what `arguments` there are. None, with the
    /// reason printed, where GStreamer's server is not installed.
    ///
    /// # Panics
    /// When it is installed but can't be run.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/rtsp_server.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| skipped(format!("no python3 for the rtsp server ({error})")))
            .ok()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).expect("what the server prints");
        }
        let port = line.strip_prefix("port ").and_then(|port| port.trim().parse().ok());
        let camera = Self { process, port: port.unwrap_or(0) };
        if camera.port == 0 {
            skipped(
                "no rtsp server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi \
                 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly",
            );
            return None;
        }
        Some(camera)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `rtsp://CREDENTIALS127.0.0.1:PORT/PATH`; credentials end with `@` or are empty.
    pub fn address(&self, credentials: &str, path: &str) -> String {
        format!("rtsp://{credentials}127.0.0.1:{}/{path}", self.port)
    }

    /// Ends it at once, as if its plug were pulled.
    pub fn kill(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        self.kill();
    }
}
