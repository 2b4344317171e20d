//! A running `omma run` or `omma demo`.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{self, Answer, Stream};
use crate::program::{Omma, Process};
use crate::wait::{SOON, eventually};

/// A running Omma; killed when dropped.
pub struct Server {
    process: Process,
    port: u16,
    token: Option<String>,
}

impl Server {
    /// Starts `omma`, which is to listen on a port of 127.0.0.1 that the system chooses, and
    /// waits until it says which, and that it is ready. `name` is for the files of its output.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub fn start(omma: Omma, name: &str) -> Self {
        Self::start_at(omma, name, "127.0.0.1")
    }

    /// The same for one that listens on `address`.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub fn start_at(omma: Omma, name: &str, address: &str) -> Self {
        let begin = format!("http://{address}:");
        let mut process = omma.start(name);
        let port = eventually("the server's address", SOON, || {
            let said = format!("{}{}", process.out(), process.err());
            if let Some(status) = process.child.try_wait().expect("the server's state") {
                panic!("the server ended with {status}: {said}");
            }
            let after = said.split(&begin).nth(1);
            let port = after.and_then(|rest| rest.split('/').next()).and_then(|p| p.parse().ok());
            port.ok_or(said)
        });
        let server = Self { process, port, token: None };
        eventually("/readyz", SOON, || match http::get(port, "/readyz") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        server
    }

    /// The same, asked with a token from now on.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An address on it.
    pub fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Its answer to GET.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&self, path: &str) -> Answer {
        http::get_with(self.port, path, self.token.as_deref())
            .unwrap_or_else(|error| panic!("{path}: {error}; {}", self.log()))
    }

    /// Its answer to GET as it comes.
    ///
    /// # Panics
    /// When there is none.
    pub fn stream(&self, path: &str) -> Stream {
        http::stream_with(self.port, path, self.token.as_deref())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Its successful answer to GET as JSON.
    ///
    /// # Panics
    /// When it is no success or no JSON.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// A camera as `/api/v1/cameras` shows it.
    pub fn camera(&self, name: &str) -> Value {
        self.json(&format!("/api/v1/cameras/{name}"))
    }

    /// Waits until a camera fulfils `wanted` and gives it.
    ///
    /// # Panics
    /// When it does not in a minute.
    pub fn when_camera(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("camera {name}"), SOON, || {
            let camera = self.camera(name);
            if wanted(&camera) { Ok(camera) } else { Err(format!("{camera:#}\n{}", self.log())) }
        })
    }

    /// The value of a metric whose line begins with `series`; none where it is not there.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let text = self.get("/metrics").text();
        text.lines()
            .find_map(|line| line.strip_prefix(series))
            .and_then(|value| value.trim().parse().ok())
    }

    /// What it has printed so far.
    pub fn said(&self) -> String {
        self.process.out()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.err()
    }

    /// Waits until it has logged `words`.
    ///
    /// # Panics
    /// When it does not in a minute.
    pub fn when_logged(&self, words: &str) {
        eventually(words, SOON, || {
            let log = self.log();
            if log.contains(words) { Ok(()) } else { Err(log) }
        });
    }

    /// Sends a signal: `TERM`, `HUP`, `KILL`.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: &str) {
        // The shell's own `kill`: there may be no program of this name.
        let line = format!("kill -{signal} {}", self.process.child.id());
        let status = Command::new("sh").args(["-c", &line]).status().expect("a shell");
        assert!(status.success(), "{line}");
    }

    /// Sends a signal, waits for the end, and gives exit code and the time it took.
    ///
    /// # Panics
    /// When it still runs after a minute.
    pub fn end(mut self, signal: &str) -> (Option<i32>, Duration, String) {
        let asked = Instant::now();
        self.signal(signal);
        let status = eventually("the server's end", SOON, || {
            let state = self.process.child.try_wait().expect("the server's state");
            state.ok_or_else(|| self.process.err())
        });
        (status.code(), asked.elapsed(), self.process.err())
    }
}
