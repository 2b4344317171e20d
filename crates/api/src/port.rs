//! A listening port: connections taken, encrypted where configured, and handed to the routes.
//!
//! Every interface (web, gRPC, the one of video-edge-ai-proxy) is a set of routes; what is
//! between them and the network is the same for all and here: the bound on connections, the
//! handshake with its deadline, who is at the other end, and the end of it all.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use omma_engine::config::{Listener, TokenConfig};
use omma_engine::{Config, PortMetrics, Refused};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::addresses;
use crate::error::ServeError;
use crate::server::Ending;
use crate::tls::{Protocol, Tls};

/// Connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;

/// Addresses told to people: somebody reads them.
const MAX_URLS: usize = 4;

/// A client that does not say what it wants for this long is let go, also between requests.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A handshake takes a few round trips.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest head of a request.
const MAX_HEAD_BYTES: u16 = 32 * 1024;

/// Calls at a time over one HTTP/2 connection.
const MAX_CALLS: u32 = 256;

/// What a call may send without being read: 64 KiB. Some clients of VideoLatestImage ask
/// ahead of the answers as long as they are let.
const CALL_WINDOW: u32 = (1 << 16) - 1;

/// The same for a connection. From this, `h2` tells how many small frames may wait before it
/// takes them for an attack: several such calls must fit.
const CONNECTION_WINDOW: u32 = 8 << 20;

/// How often an HTTP/2 client is asked whether it is there, and how long it may think.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How long connections have to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Rest for the system when it has no more file descriptors, or its network fails.
pub(crate) const REST: Duration = Duration::from_millis(200);

/// What begins every TLS connection: a handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What a plain HTTP request on an encrypted port is told.
const SPEAK_TLS: &str = "this port speaks TLS: ask https://, not http://\n";

/// Who is at the other end of a connection. An extension of every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its address. Where clients need a certificate, it has shown a good one.
    pub(crate) address: SocketAddr,
    /// Whether nobody in between can read along.
    pub(crate) encrypted: bool,
}

/// A port that is listened on. Nobody is answered before it is served.
pub struct Port {
    name: &'static str,
    protocol: Protocol,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
}

impl Port {
    /// Listens where `listener` says. `name` is its section of the configuration.
    pub(crate) async fn open(
        name: &'static str,
        listener: &Listener,
        config: &Config,
        protocol: Protocol,
    ) -> Result<Self, ServeError> {
        check_protection(name, listener, config)?;
        let tls = listener.tls.as_ref().map(|tls| Tls::load(tls, protocol)).transpose();
        let tls = tls.map_err(|source| ServeError::Tls { section: name, source })?.map(Arc::new);
        let socket = TcpListener::bind(listener.address).await;
        let socket = socket.map_err(|e| ServeError::listening(name, listener.address, &e))?;
        let address = socket.local_addr().map_err(ServeError::Stopped)?;
        Ok(Self { name, protocol, listener: socket, address, tls })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to ask, for people: `https://127.0.0.1:8080/`.
    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme(), self.address)
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Under which addresses it can be asked: from this machine first, and where it listens on all
    /// of them, under the machine's own.
    pub(crate) fn urls(&self) -> Vec<String> {
        if !self.address.ip().is_unspecified() {
            return vec![self.url()];
        }
        let others = addresses::reachable(self.address.ip()).into_iter();
        let others = others.filter(|ip| !ip.is_loopback()).take(MAX_URLS).map(|ip| match ip {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        });
        let names = std::iter::once("localhost".to_owned()).chain(others);
        let (scheme, port) = (self.scheme(), self.address.port());
        names.map(|name| format!("{scheme}://{name}:{port}/")).collect()
    }

    /// Whether only this machine can reach it.
    pub(crate) fn only_local(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// Its section of the configuration.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What encrypts it, to be told of new files.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Answers with `routes` until `ending`. Then takes no more, and returns when all
    /// connections have ended, at the latest after 2 s.
    pub(crate) async fn answer(self, routes: Router, metrics: PortMetrics, mut ending: Ending) {
        let conversations = Arc::new(Conversations {
            name: self.name,
            protocol: self.protocol,
            tls: self.tls,
            routes: TowerToHyperService::new(routes),
            metrics,
            refused_certificates: AtomicU64::new(0),
        });
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &permits) => accepted,
                () = ending.wait() => break,
            };
            while connections.try_join_next().is_some() {}
            let Some((stream, peer, permit)) = accepted else { continue };
            let conversations = Arc::clone(&conversations);
            let ending = ending.clone();
            connections.spawn(async move {
                conversations.metrics.opened();
                conversations.begin(stream, peer, ending).await;
                conversations.metrics.closed();
                drop(permit);
            });
        }
        drop(self.listener);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(GRACE, all_ended).await.is_err() {
            tracing::info!(port = self.name, "some connections did not end in time and are cut");
        }
    }
}

/// Refuses what would show all cameras to everybody by mistake, and warns where it is meant.
fn check_protection(
    section: &'static str,
    listener: &Listener,
    config: &Config,
) -> Result<(), ServeError> {
    let address = listener.address;
    if address.ip().is_loopback() {
        return Ok(());
    }
    if is_protected(listener, &config.tokens) || config.accounts().is_some() {
        if listener.tls.is_none() {
            tracing::warn!(
                port = section, %address,
                "tokens and pictures go over the network unencrypted here: set `tls`, or leave \
                 this port to a proxy that does"
            );
        }
        return Ok(());
    }
    if !listener.insecure {
        return Err(ServeError::Unprotected { section, address });
    }
    tracing::warn!(
        port = section, %address,
        "INSECURE: anybody who can reach this address sees and changes all cameras; set \
         `auth.tokens` or `tls.client_ca`"
    );
    Ok(())
}

/// Ports that `config` would open to everybody by mistake.
pub(crate) fn exposed(config: &Config) -> Vec<ServeError> {
    let sections = [
        ("http", Some(&config.http)),
        ("grpc", config.grpc.as_ref().map(|grpc| &grpc.listener)),
        ("chrysalis", config.chrysalis.as_ref()),
    ];
    let pages = config.publish.iter().map(|entry| ("publish", entry.page.as_ref()));
    let listeners = sections.into_iter().chain(pages);
    let exposed = listeners.filter_map(|(section, listener)| {
        let listener = listener?;
        let asks = is_protected(listener, &config.tokens) || config.accounts().is_some();
        let fine = asks || listener.insecure || listener.address.ip().is_loopback();
        (!fine).then_some(ServeError::Unprotected { section, address: listener.address })
    });
    exposed.collect()
}

/// Whether anybody is asked who they are.
pub(crate) fn is_protected(listener: &Listener, tokens: &[TokenConfig]) -> bool {
    !tokens.is_empty() || listener.asks_for_certificate()
}

/// The next connection, once there is room for it. None when it broke before it began.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers go out at once; without it they would only be slower.
            drop(stream.set_nodelay(true));
            Some((stream, peer, permit))
        }
        Err(error) => {
            // The client is gone, or the system has no descriptors left: neither ends the
            // server.
            tracing::debug!(%error, "a connection could not be taken");
            tokio::time::sleep(REST).await;
            None
        }
    }
}

/// What all connections of a port have in common.
struct Conversations {
    name: &'static str,
    protocol: Protocol,
    tls: Option<Arc<Tls>>,
    routes: TowerToHyperService<Router>,
    metrics: PortMetrics,
    refused_certificates: AtomicU64,
}

impl Conversations {
    /// One connection from its first byte to its end.
    async fn begin(&self, mut stream: TcpStream, address: SocketAddr, ending: Ending) {
        let Some(tls) = &self.tls else {
            return self.go_on(stream, Peer { address, encrypted: false }, ending).await;
        };
        let handshake = async {
            let mut first = [0];
            match stream.peek(&mut first).await {
                Ok(1) if first == [TLS_HANDSHAKE] => {}
                Ok(1) if first[0].is_ascii_uppercase() && self.protocol == Protocol::Http1 => {
                    self.metrics.refuse(Refused::Handshake);
                    ask_for_tls(&mut stream).await;
                    return None;
                }
                // Who says nothing at all only looks whether somebody listens.
                Ok(0) | Err(_) => return None,
                Ok(_) => {
                    tracing::debug!(port = self.name, peer = %address, "no TLS spoken here");
                    self.metrics.refuse(Refused::Handshake);
                    return None;
                }
            }
            match tls.acceptor().accept(stream).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    self.handshake_failed(address, &error);
                    None
                }
            }
        };
        match timeout(HANDSHAKE_TIMEOUT, handshake).await {
            Ok(Some(stream)) => self.go_on(stream, Peer { address, encrypted: true }, ending).await,
            Ok(None) => {}
            Err(_elapsed) => {
                tracing::debug!(port = self.name, peer = %address, "no handshake in time");
                self.metrics.refuse(Refused::Timeout);
            }
        }
    }

    fn handshake_failed(&self, peer: SocketAddr, error: &std::io::Error) {
        let cause = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
        let certificate = match cause {
            Some(rustls::Error::InvalidCertificate(why)) => why.to_string(),
            Some(rustls::Error::NoCertificatesPresented) => "it has shown none".to_owned(),
            _ => {
                tracing::debug!(port = self.name, %peer, %error, "a handshake failed");
                return self.metrics.refuse(Refused::Handshake);
            }
        };
        self.metrics.refuse(Refused::Certificate);
        let so_far = self.refused_certificates.fetch_add(1, Ordering::Relaxed) + 1;
        // Whoever should get in is to be found in the log; whoever tries for ever can't fill it.
        if so_far.is_power_of_two() {
            tracing::warn!(
                port = self.name, %peer, reason = certificate, so_far,
                "a client's certificate is refused"
            );
        }
    }

    /// Answers a connection's requests. When the server stops, the one under way is the last.
    async fn go_on<S>(&self, stream: S, peer: Peer, mut ending: Ending)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        let routes = &self.routes;
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            routes.call(request)
        });
        let outcome = match self.protocol {
            Protocol::Http1 => {
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new())
                    .header_read_timeout(REQUEST_TIMEOUT)
                    .max_buf_size(MAX_HEAD_BYTES.into());
                let mut connection = pin!(http.serve_connection(io, service).with_upgrades());
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = ending.wait() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
            Protocol::Http2 => {
                let mut http = http2::Builder::new(TokioExecutor::new());
                http.timer(TokioTimer::new())
                    .keep_alive_interval(PING_EVERY)
                    .keep_alive_timeout(PING_EVERY)
                    .max_concurrent_streams(MAX_CALLS)
                    .initial_stream_window_size(CALL_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW)
                    .max_header_list_size(MAX_HEAD_BYTES.into());
                let mut connection = pin!(http.serve_connection(io, service));
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = ending.wait() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(port = self.name, peer = %peer.address, %error, "a connection broke");
        }
    }
}

/// Says to somebody who asks an encrypted port in plain HTTP what to do.
async fn ask_for_tls(stream: &mut TcpStream) {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{SPEAK_TLS}",
        SPEAK_TLS.len()
    );
    let outcome = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // What was asked must be read: a socket closed before that takes the answer with it.
        let mut asked = stream.take(MAX_HEAD_BYTES.into());
        tokio::io::copy(&mut asked, &mut tokio::io::sink()).await
    };
    if let Err(error) = outcome.await {
        tracing::debug!(%error, "a plain request on an encrypted port could not be answered");
    }
}
