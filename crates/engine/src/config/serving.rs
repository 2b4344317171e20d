//! Who listens where, who may ask, and whom Omma tells.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use omma_types::Secret;

/// One listening address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    /// Whether it may be reached from other machines without any authentication.
    pub insecure: bool,
    /// Encryption; none speaks plain text.
    pub tls: Option<TlsConfig>,
}

impl Listener {
    /// A plain listener.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, insecure: false, tls: None }
    }

    /// Whether clients are asked for a certificate.
    pub fn asks_for_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
    }
}

/// Encryption of a listener. All files are in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate, with the chain behind it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates that sign clients' certificates. Where given, a client needs one.
    pub client_ca: Option<PathBuf>,
}

/// Live video by WebRTC: over UDP, beside the web port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebrtcConfig {
    /// Where it listens; none: the address and the number of the web port.
    pub listen: Option<SocketAddr>,
    /// Under which addresses, and ports where they are others, it can be reached from behind a
    /// router or out of a container, beside those that this machine knows of.
    pub public: Vec<(IpAddr, Option<u16>)>,
}

/// The gRPC server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcConfig {
    /// Where it listens.
    pub listener: Listener,
    /// Whether an unknown camera is an error also for calls that video-edge-ai-proxy answers
    /// with an empty picture.
    pub strict: bool,
}

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenConfig {
    /// Its name, for messages.
    pub name: String,
    /// The token itself.
    pub secret: Secret,
    /// What it is good for.
    pub scopes: Vec<Scope>,
}

/// Whether there are users with passwords, beside the tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accounts {
    /// Where other machines reach the web port, and nobody there would be asked who they are.
    #[default]
    IfNeeded,
    /// Never.
    Off,
    /// Always.
    On(AccountsConfig),
}

/// How users with passwords are dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountsConfig {
    /// Silence after which a session ends.
    pub idle: Duration,
    /// How long a session lasts at most.
    pub longest: Duration,
    /// How long it is kept who did what.
    pub audit_keep: Duration,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            idle: Duration::from_secs(12 * HOUR),
            longest: Duration::from_secs(30 * 24 * HOUR),
            audit_keep: Duration::from_secs(90 * 24 * HOUR),
        }
    }
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// To look: pictures, counts, events, footage.
    Read,
    /// To change cameras, to start and stop passing on.
    Control,
    /// To add annotations.
    Annotate,
    /// To read metrics.
    Metrics,
    /// Everything.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 5] =
        [Self::Read, Self::Control, Self::Annotate, Self::Metrics, Self::Admin];

    /// The word used in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Control => "control",
            Self::Annotate => "annotate",
            Self::Metrics => "metrics",
            Self::Admin => "admin",
        }
    }
}

/// Where annotations are delivered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationsConfig {
    /// An `http://` or `https://` address.
    pub url: Secret,
    /// Names the sender.
    pub key: String,
    /// Signs what is sent; none sends it unsigned.
    pub secret: Option<Secret>,
    /// At most this many in one request.
    pub batch: usize,
    /// A request goes out at the latest this long after its first annotation came.
    pub interval: Duration,
}
