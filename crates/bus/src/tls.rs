//! Certificates for connections that this crate opens itself.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::{Broker, BusError};

/// Whom a client of `broker` trusts, and what it shows.
///
/// # Errors
/// A file can't be read or is no certificate or key.
pub(crate) fn client(broker: &Broker) -> Result<ClientConfig, BusError> {
    let wrong = |reason: String| BusError::Broker { url: broker.shown(), reason };
    let mut roots = RootCertStore::empty();
    match &broker.tls.ca {
        Some(path) => {
            for certificate in certificates(broker, path)? {
                roots
                    .add(certificate)
                    .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong("no certificate authority is known here; name one in `tls.ca`".into()));
    }
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(roots);
    match (&broker.tls.cert, &broker.tls.key) {
        (Some(cert), Some(key)) => {
            let read = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| wrong(format!("{}: {error}", key.display())))?;
            builder
                .with_client_auth_cert(certificates(broker, cert)?, read)
                .map_err(|error| wrong(format!("{}: {error}", cert.display())))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(broker: &Broker, path: &Path) -> Result<Vec<CertificateDer<'static>>, BusError> {
    let wrong = |reason: String| BusError::Broker {
        url: broker.shown(),
        reason: format!("{}: {reason}", path.display()),
    };
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() {
        return Err(wrong("no certificate is in it".to_owned()));
    }
    Ok(all)
}
