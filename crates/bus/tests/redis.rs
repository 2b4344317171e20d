//! Connections to real Redis servers: who is let in, who finds back, and what failures say.

use omma_bus::{Broker, BrokerTls, BusError, redis as bus_redis};
use omma_testkit::{RedisCluster, RedisSentinel, RedisServer, RedisTls};
use redis::AsyncTypedCommands as _;

fn broker(url: &str) -> Broker {
    Broker::parse(url).expect("an address")
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let Some(mut server) = RedisServer::start() else { return };
    let mut connection = bus_redis::connect(&broker(&server.url())).await.expect("connected");
    connection.set("a", 1).await.expect("set");
    server.kill();
    let error = connection.get("a").await.expect_err("it is gone");
    assert!(matches!(connection.error("a", &error), BusError::Unreachable { .. }), "{error}");
    server.restart();
    let value = connection.get("a").await.expect("back");
    assert_eq!(value.as_deref(), Some("1"));
}

#[tokio::test]
async fn who_may_not_is_told_so_without_the_password() {
    let lines = ["requirepass geheim", "user bob on >hush123 ~bob:* +get +ping"];
    let Some(server) = RedisServer::start_with(&lines) else { return };
    let host = server.url().replace("redis://", "");
    for credentials in ["", ":wrongpw1@", "bob:wrongpw1@", "nobody:wrongpw1@"] {
        let mut text = String::new();
        match bus_redis::connect(&broker(&format!("redis://{credentials}{host}"))).await {
            Err(error) => {
                assert!(matches!(error, BusError::Denied { .. }), "{error}");
                text.push_str(&error.to_string());
            }
            // Without credentials only the first command fails.
            Ok(mut connection) => {
                let error = connection.get("a").await.expect_err("nobody gets in");
                let error = connection.error("a", &error);
                assert!(matches!(error, BusError::Denied { .. }), "{error}");
            }
        }
        assert!(!text.contains("wrongpw1"), "{text}");
    }
    let bob = broker(&format!("redis://bob:hush123@{host}"));
    let mut bob = bus_redis::connect(&bob).await.expect("bob may connect");
    bob.get("bob:a").await.expect("bob may read his own");
    let error = bob.set("bob:a", 1).await.expect_err("but not write");
    let error = bob.error("bob:a", &error);
    assert!(matches!(error, BusError::Denied { .. }), "{error}");
    let mut full = bus_redis::connect(&broker(&format!("redis://:geheim@{host}/3"))).await;
    full.as_mut().expect("the password").set("a", 1).await.expect("set");
    assert!(!format!("{full:?}").contains("geheim"));
}

#[tokio::test]
async fn a_server_without_memory_refuses_with_advice() {
    let Some(server) = RedisServer::start_with(&["maxmemory 1mb"]) else { return };
    let mut connection = bus_redis::connect(&broker(&server.url())).await.expect("connected");
    let error = connection.set("big", vec![b'x'; 2_000_000]).await;
    let error = match error {
        Err(error) => error,
        Ok(()) => connection.set("more", 1).await.expect_err("it is full"),
    };
    let error = connection.error("big", &error);
    assert!(matches!(error, BusError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("maxmemory"), "{error}");
}

#[tokio::test]
async fn the_master_that_sentinels_name_is_found_anew() {
    let Some(mut group) = RedisSentinel::start() else { return };
    let mut connection = bus_redis::connect(&broker(&group.url())).await.expect("connected");
    connection.set("a", 1).await.expect("set");
    group.master.cli(&["wait", "1", "2000"]);
    group.master.kill();
    let deadline = tokio::time::Instant::now() + omma_testkit::SOON;
    loop {
        match connection.set("b", 2).await {
            Ok(()) => break,
            Err(error) => {
                assert!(tokio::time::Instant::now() < deadline, "{error}");
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(group.replica.cli(&["get", "b"]), "2");
}

#[tokio::test]
async fn a_cluster_is_one_place() {
    let Some(cluster) = RedisCluster::start() else { return };
    let mut connection = bus_redis::connect(&broker(&cluster.url())).await.expect("connected");
    for i in 0..50 {
        connection.set(format!("key{i}"), i).await.expect("set");
        let value = connection.get(format!("key{i}")).await.expect("get");
        assert_eq!(value, Some(i.to_string()));
    }
}

#[tokio::test]
async fn tls_is_spoken_with_a_private_authority_and_refused_without() {
    let dir = tempfile::tempdir().expect("a folder");
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a key");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("cert.pem"), key.cert.pem()).expect("written");
    std::fs::write(path("key.pem"), key.signing_key.serialize_pem()).expect("written");
    let files = RedisTls { ca: path("cert.pem"), cert: path("cert.pem"), key: path("key.pem") };
    let Some(server) = RedisServer::start_tls(&[], &files) else { return };
    let trusting = broker(&server.url())
        .with_tls(BrokerTls { ca: Some(files.ca.clone()), ..BrokerTls::default() });
    let mut connection = bus_redis::connect(&trusting).await.expect("trusted");
    connection.set("a", 1).await.expect("set");
    let error = bus_redis::connect(&broker(&server.url())).await.expect_err("not trusted");
    assert!(matches!(error, BusError::Unreachable { .. }), "{error}");
}
