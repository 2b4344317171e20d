//! A small HTTP server that can be told to stop in the middle and to die.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Accepts connections and hands each to `answer` on a thread of its own.
pub(crate) fn serve(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    spawn("server", move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            spawn("connection", move || answer(stream));
        }
    });
    port
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).unwrap()
}

/// Keeps the connection open and says nothing until the other side hangs up.
pub(crate) fn stay_silent(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
}

/// Reads the head of a request; the path is its second word.
pub(crate) fn path_of(stream: &TcpStream) -> String {
    request_of(stream).0
}

/// The path, and the first byte that a `Range` header asks for.
fn request_of(stream: &TcpStream) -> (String, Option<usize>) {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let mut start = None;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            start = range.split('-').next().and_then(|start| start.parse().ok());
        }
    }
    (first.split(' ').nth(1).unwrap_or_default().to_owned(), start)
}

pub(crate) fn reply(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    // The reader may have hung up already.
    let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// Serves a folder, with ranges, until it is killed or dropped.
pub(crate) struct FileServer {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    dead: AtomicBool,
    /// Requests that asked for a part from the middle.
    ranges: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl FileServer {
    /// Serves `root`. No byte of a file at `stalls_at` or beyond is ever sent to a request
    /// from its beginning: the connection stays open and silent there.
    pub(crate) fn start(root: PathBuf, stalls_at: Option<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let accepting = spawn("server", move || {
            for stream in listener.incoming().flatten() {
                if shared.dead.load(Ordering::SeqCst) {
                    return;
                }
                let (root, shared) = (root.clone(), Arc::clone(&shared));
                shared.open.lock().unwrap().push(stream.try_clone().unwrap());
                spawn("connection", move || shared.answer(stream, &root, stalls_at));
            }
        });
        Self { address, state, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self, file: &str) -> String {
        format!("http://{}/{file}", self.address)
    }

    pub(crate) fn ranges(&self) -> usize {
        self.state.ranges.load(Ordering::SeqCst)
    }

    /// Cuts all connections and refuses new ones; they are refused when this returns.
    pub(crate) fn kill(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.state.dead.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        accepting.join().unwrap();
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream, root: &std::path::Path, stalls_at: Option<usize>) {
        let (path, start) = request_of(&stream);
        let Ok(body) = std::fs::read(root.join(path.trim_start_matches('/'))) else {
            reply(&mut stream, "404 Not Found", "text/plain", b"");
            return;
        };
        let from = start.unwrap_or(0);
        if from > 0 {
            self.ranges.fetch_add(1, Ordering::SeqCst);
        }
        let Some(wanted) = body.get(from..) else {
            reply(&mut stream, "416 Range Not Satisfiable", "text/plain", b"");
            return;
        };
        let status = if start.is_some() {
            let (last, all) = (body.len().saturating_sub(1), body.len());
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{last}/{all}")
        } else {
            "200 OK".to_owned()
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\n\
             Accept-Ranges: bytes\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            wanted.len()
        );
        let stall = stalls_at.filter(|&at| from == 0 && at < wanted.len());
        let sent = wanted.get(..stall.unwrap_or(wanted.len())).unwrap_or_default();
        let gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent)).is_err();
        if stall.is_some() && !gone {
            stay_silent(stream);
        } else {
            // The clone in `open` would keep the connection alive.
            let _gone = stream.shutdown(Shutdown::Write);
        }
    }
}
