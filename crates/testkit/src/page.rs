//! A page in a real browser that runs scripts of the test's own: Chromium over its debugging
//! protocol. For what happens in real time, such as video.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::browser::Browser;
use crate::wait::{SOON, eventually};

/// An open page; the browser is killed when it is dropped.
pub struct Page {
    browser: Child,
    socket: WebSocket<TcpStream>,
    last: u64,
}

impl Browser {
    /// Opens the page at `address`. `dir` gets the profile. Video may play without a click,
    /// WebRTC may use the loopback interface, and there is a camera: the browser's own, whose
    /// picture moves.
    ///
    /// # Panics
    /// When the browser does not start.
    pub fn open(&self, address: &str, dir: &Path) -> Page {
        let profile = dir.join("profile");
        let browser = Command::new(self.program())
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage"])
            .args(["--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"])
            .args(["--allow-loopback-in-peer-connection", "--remote-allow-origins=*"])
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .current_dir(dir)
            .env("HOME", dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let mut guard = Killed(Some(browser));
        let port: u16 = eventually("the browser's port", SOON, || {
            let text = std::fs::read_to_string(profile.join("DevToolsActivePort"));
            let text = text.map_err(|error| error.to_string())?;
            text.lines().next().and_then(|line| line.parse().ok()).ok_or(text)
        });
        let target = eventually("the browser's page", SOON, || {
            let targets = targets(port).map_err(|error| error.to_string())?;
            let page = |target: &&Value| target["type"] == "page";
            let found = targets.as_array().and_then(|all| all.iter().find(page).cloned());
            found.ok_or_else(|| targets.to_string())
        });
        let url = target["webSocketDebuggerUrl"].as_str().expect("an address").to_owned();
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a time limit");
        let (socket, _response) = client(url, stream).expect("a WebSocket");
        let browser = guard.0.take().expect("the browser");
        let mut page = Page { browser, socket, last: 0 };
        page.call("Page.enable", &json!({}));
        page.call("Page.navigate", &json!({ "url": address }));
        page.until("Page.loadEventFired");
        page
    }
}

impl Page {
    /// Runs a script, the body of an async function, in the page and gives what it returns.
    ///
    /// # Panics
    /// When the script throws, or does not end within a minute.
    pub fn run(&mut self, script: &str) -> Value {
        let expression = format!("(async () => {{ {script} }})()");
        let answer = self.call(
            "Runtime.evaluate",
            &json!({ "expression": expression, "awaitPromise": true, "returnByValue": true }),
        );
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "the script throws: {thrown:#}");
        answer["result"]["value"].clone()
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let message = json!({ "id": self.last, "method": method, "params": params });
        self.socket.send(Message::text(message.to_string())).expect("the browser listens");
        loop {
            let heard = self.hear();
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
    }

    fn until(&mut self, event: &str) {
        while self.hear()["method"] != event {}
    }

    fn hear(&mut self) -> Value {
        loop {
            match self.socket.read().expect("the browser answers in time") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(_) => panic!("the browser has gone"),
                _ => {}
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        drop(self.browser.kill());
        drop(self.browser.wait());
    }
}

/// Ends a browser that did not become a page.
struct Killed(Option<Child>);

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// What can be debugged in the browser.
fn targets(port: u16) -> std::io::Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")?;
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    // The browser keeps the connection open; the list is one JSON array.
    loop {
        let count = stream.read(&mut piece)?;
        text.extend(piece.iter().take(count));
        let body = text.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let list = body.and_then(|at| serde_json::from_slice(text.get(at..)?).ok());
        match list {
            Some(list) => return Ok(list),
            None if count == 0 => return Ok(Value::Null),
            None => {}
        }
    }
}
