//! A broker's address in the words of the crate `redis`.

use redis::{ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use redis::{RedisConnectionInfo, RedisResult, TlsCertificates};

use crate::{Broker, BusError};

/// One server of the broker.
pub(super) fn addresses(broker: &Broker) -> Vec<ConnectionAddr> {
    let address = |(host, port): &(String, u16)| {
        if broker.secure {
            let host = host.clone();
            ConnectionAddr::TcpTls { host, port: *port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host.clone(), *port)
        }
    };
    broker.hosts.iter().map(address).collect()
}

/// Who is there, and in which database.
pub(super) fn settings(broker: &Broker) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(i64::from(broker.database));
    if let Some(user) = &broker.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &broker.password {
        settings = settings.set_password(password.reveal());
    }
    settings.set_skip_set_lib_name()
}

/// A server with all that is needed to get in.
pub(super) fn server(broker: &Broker, address: ConnectionAddr) -> RedisResult<ConnectionInfo> {
    Ok(address.into_connection_info()?.set_redis_settings(settings(broker)))
}

/// The certificates, read from their files.
pub(super) fn certificates(broker: &Broker) -> Result<TlsCertificates, BusError> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| BusError::Broker {
            url: broker.shown(),
            reason: format!("{} cannot be read: {error}", path.display()),
        })
    };
    let root_cert = broker.tls.ca.as_deref().map(read).transpose()?;
    let client_tls = match (&broker.tls.cert, &broker.tls.key) {
        (Some(cert), Some(key)) => {
            Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
        }
        _ => None,
    };
    Ok(TlsCertificates { client_tls, root_cert })
}
