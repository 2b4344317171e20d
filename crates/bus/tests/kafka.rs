//! The client against a real Kafka: what works, and what failures say.

use std::time::Duration;

use omma_bus::dialect::open_inlet;
use omma_bus::kafka::{KafkaContext, client_config, error};
use omma_bus::sink::{EventTarget as _, KafkaSink};
use omma_bus::{Broker, BrokerAddress, BusError};
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

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_a_topic_is_told_which_right_it_lacks() {
    let Some(server) = KafkaServer::start_guarded("omma", "geheim", true) else { return };
    let host = server.url().replace("kafka://", "");
    let sink = |who: &str| {
        let broker = Broker::parse(&format!("kafka://{who}@{host}")).expect("an address");
        KafkaSink::new(broker, "seen".to_owned())
    };
    let error = sink("omma:geheim").connect().await.expect_err("it has no rights");
    assert!(matches!(error, BusError::Denied { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("seen") && text.contains("right"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
    sink("admin:admin-password").connect().await.expect("it makes the topic");
    sink("admin:admin-password").connect().await.expect("it is there");

    // A topic that nobody has written is no camera yet.
    let url = format!("kafka+imagebus://admin:admin-password@{host}/nobody");
    let address = BrokerAddress::parse(&url).expect("an address");
    let mut inlet = open_inlet(&address, "door").expect("an inlet");
    let error = inlet.next().await.expect_err("no such topic").to_string();
    assert!(error.contains("nobody") && error.contains("no such topic"), "{error}");
}
