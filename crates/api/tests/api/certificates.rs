//! Certificates as a site would have them: an authority of its own, what it signs, and what
//! others sign. And a client that is picky about them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for every test to come.
pub(crate) const GOOD: (i32, i32) = (2020, 2090);
/// Over.
pub(crate) const EXPIRED: (i32, i32) = (2020, 2021);
/// Not yet begun.
pub(crate) const EARLY: (i32, i32) = (2089, 2090);

/// A certificate and its key in PEM form.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Pair {
    /// Writes both into `dir` and tells where: `NAME.pem`, `NAME.key`.
    pub(crate) fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        std::fs::write(&cert, &self.cert).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        (cert, key)
    }
}

/// Somebody who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::default()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn server(&self) -> Pair {
        self.sign(ExtendedKeyUsagePurpose::ServerAuth, GOOD)
    }

    pub(crate) fn client(&self, years: (i32, i32)) -> Pair {
        self.sign(ExtendedKeyUsagePurpose::ClientAuth, years)
    }

    fn sign(&self, purpose: ExtendedKeyUsagePurpose, (from, to): (i32, i32)) -> Pair {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "somebody");
        params.extended_key_usages = vec![purpose];
        (params.not_before, params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { cert, key: key.serialize_pem() }
    }
}

/// A client that trusts one authority alone.
pub(crate) struct Client {
    connector: TlsConnector,
}

impl Client {
    /// Trusts `authority`, speaks `versions`, shows `pair`.
    pub(crate) fn new(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        pair: Option<&Pair>,
        alpn: &[&str],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { connector: Arc::new(config).into() }
    }

    /// A client as most are.
    pub(crate) fn of(authority: &Authority) -> Self {
        Self::new(authority, rustls::ALL_VERSIONS, None, &["http/1.1"])
    }

    pub(crate) async fn connect(
        &self,
        address: std::net::SocketAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        self.connector.connect(name, stream).await
    }
}
