//! What a Kafka complains about, in the words of this crate.

use omma_types::redact_text;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::KafkaContext;
use crate::{Broker, BusError};

/// What `error`, met at `topic` (empty for none), means. Where requests fail since nobody is
/// let in, `context` knows why.
pub fn error(broker: &Broker, topic: &str, error: &KafkaError, context: &KafkaContext) -> BusError {
    let shown = broker.shown();
    let Some(code) = error.rdkafka_error_code() else {
        let reason = redact_text(&error.to_string());
        return match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => {
                BusError::Broker { url: shown, reason }
            }
            _ => BusError::Unreachable { broker: shown, reason },
        };
    };
    of_code(shown, topic, code, context)
}

/// As [`error`], for a code alone.
pub(crate) fn of_code(shown: String, topic: &str, code: Code, context: &KafkaContext) -> BusError {
    let said = || redact_text(&code.to_string());
    match code {
        Code::TopicAuthorizationFailed => {
            let reason = format!(
                "{} ({topic}); these credentials need the right Describe on the topic, and Write \
                 or Read for what they do there",
                said()
            );
            BusError::Denied { broker: shown, reason }
        }
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => {
            let reason = if topic.is_empty() { said() } else { format!("{} ({topic})", said()) };
            BusError::Denied { broker: shown, reason }
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            let reason = "there is no such topic; create it, or allow Omma to";
            BusError::Refused { broker: shown, topic: topic.to_owned(), reason: reason.to_owned() }
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => {
            let reason = "the message is too large; raise message.max.bytes, or send less";
            BusError::Refused { broker: shown, topic: topic.to_owned(), reason: reason.to_owned() }
        }
        Code::InvalidTopic
        | Code::InvalidRecord
        | Code::PolicyViolation
        | Code::InvalidConfig
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::UnsupportedVersion
        | Code::OffsetOutOfRange
        | Code::Fenced => {
            BusError::Refused { broker: shown, topic: topic.to_owned(), reason: said() }
        }
        _ => match context.complaint() {
            Some(reason) => BusError::Denied { broker: shown, reason },
            None => BusError::Unreachable { broker: shown, reason: said() },
        },
    }
}
