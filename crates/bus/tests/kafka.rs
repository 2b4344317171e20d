//! The client against a real Kafka: what works, and what failures say.

use std::time::Duration;

use omma_bus::kafka::{KafkaContext, client_config, error};
use omma_bus::{Broker, BusError};
use omma_testkit::KafkaServer;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

/// Asks for the brokers' names.
fn ask(url: &str) -> Result<usize, BusError> {
    let broker = Broker::parse(url).expect("an address");
    let context = KafkaContext::default();
    let consumer: BaseConsumer<KafkaContext> =
        client_config(&broker).create_with_context(context.clone()).expect("a client");
    let asked = consumer.fetch_metadata(None, Duration::from_secs(10));
    // The complaint about credentials comes with the client's events.
    drop(consumer.poll(Duration::from_millis(10)));
    asked.map(|found| found.brokers().len()).map_err(|e| error(&broker, "", &e, &context))
}

#[test]
fn a_wrong_password_is_told_from_a_broker_that_is_away() {
    let Some(mut server) = KafkaServer::start_guarded("omma", "geheim", false) else { return };
    let host = server.url().replace("kafka://", "");
    let brokers = ask(&format!("kafka://omma:geheim@{host}")).expect("let in");
    assert_eq!(brokers, 1);
    let error = ask(&format!("kafka://omma:wrongpw1@{host}")).expect_err("a wrong password");
    assert!(matches!(error, BusError::Denied { .. }), "{error}");
    assert!(!error.to_string().contains("wrongpw1"), "{error}");
    server.kill();
    let error = ask(&format!("kafka://omma:geheim@{host}")).expect_err("nobody is there");
    assert!(matches!(error, BusError::Unreachable { .. }), "{error}");
}
