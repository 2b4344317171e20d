//! Somebody's webhook: a real HTTP server on this machine that accepts, refuses, hangs or is
//! away, as the test wants it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// 200.
    Accept,
    /// This status.
    Refuse(u16),
    /// 400 where the body holds this text, else 200.
    RefuseWith(String),
    /// No answer, until the client gives up.
    Hang,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and headers.
    pub head: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it was answered with 200.
    pub accepted: bool,
}

impl Received {
    /// A header's value; its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The list `data` in the body.
    ///
    /// # Panics
    /// When there is none.
    pub fn data(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).expect("a body in JSON");
        body["data"].as_array().expect("a list `data`").clone()
    }
}

/// The server.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    reaction: Mutex<Reaction>,
    received: Mutex<Vec<Received>>,
    away: AtomicBool,
}

/// A test that failed elsewhere must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Starts it on a free port; it accepts.
    ///
    /// # Panics
    /// When the system has no port or thread left.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let shared = Arc::new(Shared {
            reaction: Mutex::new(Reaction::Accept),
            received: Mutex::default(),
            away: AtomicBool::new(false),
        });
        let mut receiver = Self { port, shared, thread: None };
        receiver.listen(listener);
        receiver
    }

    /// Its address.
    pub fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// From now on it reacts like this.
    pub fn react(&self, reaction: Reaction) {
        *lock(&self.shared.reaction) = reaction;
    }

    /// Nobody listens any more.
    ///
    /// # Panics
    /// When its thread has panicked.
    pub fn go_away(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.away.store(true, Ordering::SeqCst);
        // It waits for somebody to come.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        thread.join().expect("the receiver's thread");
    }

    /// It listens again, on the same port, if it was away.
    ///
    /// # Panics
    /// When somebody else took the port.
    pub fn come_back(&mut self) {
        if self.thread.is_some() {
            return;
        }
        self.shared.away.store(false, Ordering::SeqCst);
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("its port");
        self.listen(listener);
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// What was in the accepted requests' lists `data`, in order of arrival.
    pub fn accepted(&self) -> Vec<Value> {
        let received = self.received();
        received.iter().filter(|request| request.accepted).flat_map(Received::data).collect()
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let serve = move || {
            for socket in listener.incoming() {
                if shared.away.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(socket) = socket else { continue };
                let shared = Arc::clone(&shared);
                // One that hangs must not hold up the next.
                let answering = std::thread::Builder::new()
                    .name("receiver-answer".to_owned())
                    .spawn(move || drop(answer(socket, &shared)));
                drop(answering.expect("a thread"));
            }
        };
        let thread = std::thread::Builder::new().name("receiver".to_owned()).spawn(serve);
        self.thread = Some(thread.expect("a thread"));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.go_away();
    }
}

/// Reads one request and answers it. Whoever breaks off is forgotten.
fn answer(mut socket: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut request = Received { head: Vec::new(), body: Vec::new(), accepted: false };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        request.head.push(line.to_owned());
    }
    let length = request.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    let reaction = lock(&shared.reaction).clone();
    let status = match reaction {
        Reaction::Accept => Some(200),
        Reaction::Refuse(status) => Some(status),
        Reaction::RefuseWith(word) => {
            let bad = String::from_utf8_lossy(&request.body).contains(&word);
            Some(if bad { 400 } else { 200 })
        }
        Reaction::Hang => None,
    };
    request.accepted = status == Some(200);
    lock(&shared.received).push(request);
    match status {
        Some(status) => {
            write!(
                socket,
                "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
            )
        }
        None => {
            while reader.read(&mut [0; 64])? > 0 {}
            Ok(())
        }
    }
}
