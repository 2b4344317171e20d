//! TLS on a port: certificates from PEM files, read again when they change.
//!
//! Certificates live a few months and are renewed by other programs. So the files are looked at
//! once a minute; a pair that fits replaces the old one for new connections, anything else is
//! reported once and the old one goes on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use omma_engine::config::TlsConfig;
use omma_types::{ErrorKind, WallTime};
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;

/// A server certificate that ends within this time is worth a warning.
const ENDS_SOON: Duration = Duration::from_hours(14 * 24);

/// What a port speaks once the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 with WebSocket.
    Http1,
    /// HTTP/2, which gRPC needs.
    Http2,
}

impl Protocol {
    /// Its name in the handshake (RFC 7301, IANA's registry of ALPN protocol ids).
    fn alpn(self) -> Vec<u8> {
        match self {
            Self::Http1 => b"http/1.1".to_vec(),
            Self::Http2 => b"h2".to_vec(),
        }
    }
}

/// Why TLS can't be spoken with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file can't be read.
    #[error("`tls.{key}`: {} cannot be read: {reason}; {}", .path.display(), .hint)]
    Unreadable {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is nothing of the kind in the file.
    #[error("`tls.{key}`: {} holds no {wanted}: {hint}", .path.display())]
    Nothing {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be there.
        wanted: &'static str,
        /// What is there instead, and what to do.
        hint: &'static str,
    },
    /// The file is damaged, or of a kind that can't be used.
    #[error("`tls.{key}`: {} cannot be used: {reason}", .path.display())]
    Unusable {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key are of different pairs.
    #[error(
        "the key {} does not belong to the certificate {}; give the key that the certificate was \
         made for",
        .key.display(), .cert.display()
    )]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

impl TlsError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { .. } => ErrorKind::NotFound,
            Self::Nothing { .. } | Self::Mismatch { .. } => ErrorKind::Invalid,
            Self::Unusable { .. } => ErrorKind::Corrupt,
        }
    }
}

/// The files' content. Compared as a whole: times of files lie on some file systems.
#[derive(PartialEq, Eq)]
struct Files {
    config: TlsConfig,
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        Ok(Self {
            cert: read("cert", &config.cert)?,
            key: read("key", &config.key)?,
            client_ca: config.client_ca.as_ref().map(|ca| read("client_ca", ca)).transpose()?,
            config: config.clone(),
        })
    }

    /// What to speak TLS with.
    fn server(&self, protocol: Protocol) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates("cert", &self.config.cert, &self.cert)?;
        let key = private_key(&self.config.key, &self.key)?;
        let unusable = |key: &'static str, path: &Path, error: &dyn std::fmt::Display| {
            TlsError::Unusable { key, path: path.to_owned(), reason: error.to_string() }
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("cert", &self.config.cert, &error))?;
        let builder = match (&self.config.client_ca, &self.client_ca) {
            (Some(path), Some(pem)) => {
                let roots = roots(path, pem)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|error| unusable("client_ca", path, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        provider_knows(&key, &self.config.key)?;
        let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { cert: self.config.cert.clone(), key: self.config.key.clone() }
            }
            other => unusable("cert", &self.config.cert, &other),
        })?;
        server.alpn_protocols = vec![protocol.alpn()];
        if self.client_ca.is_some() {
            // A resumed session is not asked for its certificate again: one that has expired,
            // or whose issuer is no longer trusted, would go on.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        Ok(server)
    }

    /// Warns of certificates that are over, or soon are.
    fn warn_of_age(&self, now: Duration) {
        let files = [
            (&self.config.cert, Some(&self.cert)),
            (self.config.client_ca.as_ref().unwrap_or(&self.config.cert), self.client_ca.as_ref()),
        ];
        for (path, pem) in files {
            let Some(Ok(cert)) = pem.map(|pem| CertificateDer::from_pem_slice(pem)) else {
                continue;
            };
            let path = path.display();
            match age(&cert, now) {
                Age::Good => {}
                Age::NotYet(from) => {
                    tracing::warn!(%path, %from, "this certificate is not valid yet");
                }
                Age::EndsSoon(at) => {
                    tracing::warn!(%path, %at, "this certificate expires soon: renew it");
                }
                Age::Over(since) => tracing::warn!(
                    %path, %since, "this certificate has expired: clients will refuse it"
                ),
            }
        }
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| {
        let (reason, hint) = match error.kind() {
            std::io::ErrorKind::NotFound => (
                "no such file".to_owned(),
                "relative paths start in the folder that omma was started in",
            ),
            std::io::ErrorKind::PermissionDenied => {
                ("permission denied".to_owned(), "let the user that runs omma read it")
            }
            _ => (error.to_string(), "give a file in PEM form"),
        };
        TlsError::Unreadable { key, path: path.to_owned(), reason, hint }
    })
}

fn damaged(key: &'static str, path: &Path, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "it ends in the middle of a section".to_owned(),
        other => other.to_string(),
    };
    TlsError::Unusable { key, path: path.to_owned(), reason }
}

fn contains(pem: &[u8], words: &str) -> bool {
    pem.windows(words.len()).any(|window| window == words.as_bytes())
}

/// All certificates of a file, the server's own first.
fn certificates(
    key: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| damaged(key, path, &error))?;
    if chain.is_empty() {
        let hint = if contains(pem, "PRIVATE KEY-----") {
            "there is a private key; are `cert` and `key` the wrong way round?"
        } else {
            "it must be in PEM form, with BEGIN CERTIFICATE"
        };
        let wanted = "certificate";
        return Err(TlsError::Nothing { key, path: path.to_owned(), wanted, hint });
    }
    Ok(chain)
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let hint = if contains(pem, "ENCRYPTED PRIVATE KEY") {
                "it is protected by a password, and nobody could type it at a restart; store it \
                 without: openssl pkey -in FILE -out NEW"
            } else if contains(pem, "BEGIN CERTIFICATE") {
                "there is a certificate; are `cert` and `key` the wrong way round?"
            } else {
                "it must be in PEM form, with BEGIN PRIVATE KEY"
            };
            let wanted = "private key";
            TlsError::Nothing { key: "key", path: path.to_owned(), wanted, hint }
        }
        other => damaged("key", path, &other),
    })
}

/// Whether the key's kind can be used at all; said apart from a key that does not fit.
fn provider_knows(key: &PrivateKeyDer<'_>, path: &Path) -> Result<(), TlsError> {
    let known = rustls::crypto::ring::sign::any_supported_type(key);
    known.map(drop).map_err(|_unsupported| TlsError::Unusable {
        key: "key",
        path: path.to_owned(),
        reason: "it is damaged, or neither RSA (2048 bits and more) nor ECDSA nor Ed25519"
            .to_owned(),
    })
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for cert in certificates("client_ca", path, pem)? {
        roots.add(cert).map_err(|error| TlsError::Unusable {
            key: "client_ca",
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// How a certificate's time stands.
#[derive(Debug, PartialEq, Eq)]
enum Age {
    Good,
    NotYet(WallTime),
    EndsSoon(WallTime),
    Over(WallTime),
}

/// Asks the verifier, which reads a certificate's times and nothing of ours does. Without any
/// issuer to trust it has only one other thing to say, which is good here.
fn age(cert: &CertificateDer<'_>, now: Duration) -> Age {
    let Ok(cert) = webpki::EndEntityCert::try_from(cert) else { return Age::Good };
    let at = |time: Duration| {
        let time = UnixTime::since_unix_epoch(time);
        let usage = webpki::KeyUsage::server_auth();
        cert.verify_for_usage(&[], &[], &[], time, usage, None, None).err()
    };
    let wall = |time: UnixTime| {
        WallTime::from_millis(i64::try_from(time.as_secs() * 1000).unwrap_or(i64::MAX))
    };
    match (at(now), at(now.saturating_add(ENDS_SOON))) {
        (Some(webpki::Error::CertExpired { not_after, .. }), _) => Age::Over(wall(not_after)),
        (Some(webpki::Error::CertNotValidYet { not_before, .. }), _) => {
            Age::NotYet(wall(not_before))
        }
        (_, Some(webpki::Error::CertExpired { not_after, .. })) => Age::EndsSoon(wall(not_after)),
        _ => Age::Good,
    }
}

fn since_1970() -> Duration {
    // A clock before 1970 makes every certificate invalid, which is then said.
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// TLS as it is spoken now.
pub(crate) struct Tls {
    protocol: Protocol,
    current: RwLock<Current>,
}

struct Current {
    server: Arc<ServerConfig>,
    /// What was read last, whether it could be used or not; none where it can't be read.
    seen: Option<Files>,
}

impl Tls {
    /// Reads the files and warns of what clients will not like.
    pub(crate) fn load(config: &TlsConfig, protocol: Protocol) -> Result<Self, TlsError> {
        let files = Files::read(config)?;
        let server = Arc::new(files.server(protocol)?);
        files.warn_of_age(since_1970());
        Ok(Self { protocol, current: RwLock::new(Current { server, seen: Some(files) }) })
    }

    /// Looks at the files again. New connections get what is in them now; those that stand stay
    /// as they are. True where something new is used from now on.
    ///
    /// # Errors
    /// What is wrong with the new files, once; the old ones are used on.
    pub(crate) fn reload(&self, config: &TlsConfig) -> Result<bool, TlsError> {
        let read = Files::read(config);
        let seen = &mut *self.current.write().unwrap_or_else(PoisonError::into_inner);
        let files = match read {
            Ok(files) if seen.seen.as_ref() == Some(&files) => return Ok(false),
            Ok(files) => files,
            Err(error) => return seen.seen.take().map_or(Ok(false), |_known| Err(error)),
        };
        let server = files.server(self.protocol);
        files.warn_of_age(since_1970());
        seen.seen = Some(files);
        seen.server = Arc::new(server?);
        Ok(true)
    }

    /// For the next handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.server).into()
    }
}
