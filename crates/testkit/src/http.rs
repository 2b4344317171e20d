//! Just enough HTTP to ask a server on this machine: version 1.0, so that every answer ends
//! with its connection and none is chunked (RFC 1945).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Silence after which an answer is given up.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200, 404, ….
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// What follows.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// An answer that is still being read.
pub struct Stream {
    /// 200, 404, ….
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    reader: BufReader<TcpStream>,
}

impl Stream {
    /// The next part of a `multipart/x-mixed-replace` answer whose parts tell their length.
    ///
    /// # Errors
    /// The connection ended or broke.
    pub fn part(&mut self) -> std::io::Result<Vec<u8>> {
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().ok();
            }
            if let (true, Some(length)) = (line.is_empty(), length) {
                let mut body = vec![0; length];
                self.reader.read_exact(&mut body)?;
                return Ok(body);
            }
        }
    }
}

/// Asks `127.0.0.1:port` for `path` and reads the answer's head.
///
/// # Errors
/// Nobody listens, or the connection broke.
pub fn stream(port: u16, path: &str) -> std::io::Result<Stream> {
    stream_with(port, path, None)
}

/// The same with a token.
///
/// # Errors
/// Nobody listens, or the connection broke.
pub(crate) fn stream_with(port: u16, path: &str, token: Option<&str>) -> std::io::Result<Stream> {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    ask(port, "GET", path, &token.unwrap_or_default(), &[])
}

/// Sends a request and reads the answer's head.
fn ask(port: u16, method: &str, path: &str, headers: &str, body: &[u8]) -> std::io::Result<Stream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    write!(socket, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n")?;
    socket.write_all(body)?;
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Stream { status, head, reader })
}

/// Asks `127.0.0.1:port` for `path`.
///
/// # Errors
/// Nobody listens, or the connection broke.
pub fn get(port: u16, path: &str) -> std::io::Result<Answer> {
    get_with(port, path, None)
}

/// The same with a token.
///
/// # Errors
/// Nobody listens, or the connection broke.
pub(crate) fn get_with(port: u16, path: &str, token: Option<&str>) -> std::io::Result<Answer> {
    whole(stream_with(port, path, token)?)
}

/// Sends JSON to `127.0.0.1:port`, e.g. with the method `POST`.
///
/// # Errors
/// Nobody listens, or the connection broke.
pub fn send(port: u16, method: &str, path: &str, json: &str) -> std::io::Result<Answer> {
    let length = json.len();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    whole(ask(port, method, path, &headers, json.as_bytes())?)
}

fn whole(mut answer: Stream) -> std::io::Result<Answer> {
    let mut body = Vec::new();
    answer.reader.read_to_end(&mut body)?;
    Ok(Answer { status: answer.status, head: answer.head, body })
}

/// A port on which nobody listens at the moment.
///
/// # Panics
/// When the system has none left.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("the port").port()
}
