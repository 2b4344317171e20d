//! A client's settings, and where it says what.

use std::fmt;
use std::sync::Arc;

use omma_types::redact_text;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

use crate::Broker;

/// Settings with which a client gets to `broker`. Requests end within 10 s.
pub fn client_config(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    let hosts: Vec<String> =
        broker
            .hosts
            .iter()
            .map(|(host, port)| {
                if host.contains(':') {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                }
            })
            .collect();
    config
        .set("bootstrap.servers", hosts.join(","))
        .set("client.id", "omma")
        .set("socket.timeout.ms", "10000")
        .set("socket.connection.setup.timeout.ms", "5000")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "5000")
        .set("topic.metadata.refresh.interval.ms", "60000")
        // Connections that were closed while idle are nothing to tell about.
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    let credentials = broker.user.is_some() || broker.password.is_some();
    let protocol = match (broker.secure, credentials) {
        (false, false) => "plaintext",
        (false, true) => "sasl_plaintext",
        (true, false) => "ssl",
        (true, true) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if credentials {
        config.set("sasl.mechanism", &broker.mechanism);
        config.set("sasl.username", broker.user.as_deref().unwrap_or_default());
        let password = broker.password.as_ref().map(|password| password.reveal());
        config.set("sasl.password", password.unwrap_or_default());
    }
    if broker.secure {
        for (key, file) in [
            ("ssl.ca.location", &broker.tls.ca),
            ("ssl.certificate.location", &broker.tls.cert),
            ("ssl.key.location", &broker.tls.key),
        ] {
            if let Some(file) = file {
                config.set(key, file.display().to_string());
            }
        }
    }
    config
}

/// Listens to what the client has to say: its log goes where Omma's does, and the newest
/// complaint about credentials is kept, since the failure of a request does not tell of it.
#[derive(Clone, Default)]
pub struct KafkaContext {
    complaint: Arc<Mutex<Option<String>>>,
}

impl KafkaContext {
    /// Why the brokers let nobody in, where they do not.
    pub fn complaint(&self) -> Option<String> {
        self.complaint.lock().clone()
    }

    /// Forgets it, after something has worked.
    pub fn content(&self) {
        *self.complaint.lock() = None;
    }
}

impl fmt::Debug for KafkaContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaContext")
    }
}

impl ClientContext for KafkaContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let message = redact_text(message);
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                tracing::debug!(%facility, %message, "kafka's client warns");
            }
            _ => tracing::trace!(%facility, %message, "kafka's client says"),
        }
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = redact_text(reason);
        let code = error.rdkafka_error_code();
        tracing::debug!(?code, %reason, "kafka's client cannot go on for now");
        let denied = matches!(
            code,
            Some(
                RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::UnsupportedSASLMechanism
            )
        );
        if denied {
            *self.complaint.lock() = Some(reason);
        }
    }
}

impl ConsumerContext for KafkaContext {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_settings() {
        let broker = Broker::parse("kafkas://bob:pw@a,[::1]:9093?mechanism=scram-sha-512");
        let config = client_config(&broker.expect("an address"));
        assert_eq!(config.get("bootstrap.servers"), Some("a:9092,[::1]:9093"));
        assert_eq!(config.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(config.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        assert_eq!(config.get("sasl.password"), Some("pw"));
        assert!(config.create_native_config().is_ok());
        let plain = client_config(&Broker::parse("kafka://a").expect("an address"));
        assert_eq!(plain.get("security.protocol"), Some("plaintext"));
        assert_eq!(plain.get("sasl.username"), None);
    }
}
