//! A broker of one kind with topics of its own for each test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use omma_bus::Broker;
use omma_bus::topic::{Delivery, Record, Subscription, TopicOptions, Topics};
use omma_testkit::{KafkaServer, RedisServer};

pub(crate) enum Server {
    Memory,
    Redis(RedisServer),
    Kafka(KafkaServer),
}

pub(crate) struct Place {
    pub(crate) server: Server,
    next: AtomicU32,
}

impl Place {
    fn new(server: Server) -> Self {
        Self { server, next: AtomicU32::new(0) }
    }

    pub(crate) async fn memory() -> Self {
        Self::new(Server::Memory)
    }

    pub(crate) fn redis() -> Option<Self> {
        RedisServer::start().map(|server| Self::new(Server::Redis(server)))
    }

    pub(crate) fn kafka() -> Option<Self> {
        KafkaServer::start().map(|server| Self::new(Server::Kafka(server)))
    }

    pub(crate) fn broker(&self) -> Broker {
        let url = match &self.server {
            Server::Memory => "memory:".to_owned(),
            Server::Redis(server) => server.url(),
            Server::Kafka(server) => server.url(),
        };
        Broker::parse(&url).expect("an address")
    }

    /// Options under which topics are not those of another test.
    pub(crate) fn options(&self) -> TopicOptions {
        let prefix = format!("test{}", self.next.fetch_add(1, Ordering::Relaxed));
        TopicOptions {
            prefix,
            partitions: 3,
            patience: Duration::from_secs(120),
            idle: Duration::from_millis(300),
            ..TopicOptions::default()
        }
    }

    pub(crate) async fn topics(&self) -> Topics {
        self.topics_with(self.options()).await
    }

    pub(crate) async fn topics_with(&self, options: TopicOptions) -> Topics {
        Topics::open(&self.broker(), options).await.expect("topics")
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.server {
            Server::Memory => "memory",
            Server::Redis(_) => "Redis",
            Server::Kafka(_) => "Kafka",
        }
    }

    pub(crate) fn kill(&mut self) {
        match &mut self.server {
            Server::Memory => {}
            Server::Redis(server) => server.kill(),
            Server::Kafka(server) => server.kill(),
        }
    }

    pub(crate) fn restart(&mut self) {
        match &mut self.server {
            Server::Memory => {}
            Server::Redis(server) => server.restart(),
            Server::Kafka(server) => server.restart(),
        }
    }
}

/// The next record, within reason.
pub(crate) async fn next(reader: &mut Subscription) -> Record {
    soon(reader.next_record()).await.expect("a record")
}

/// What comes next, within reason.
pub(crate) async fn delivery(reader: &mut Subscription) -> Delivery {
    soon(reader.next()).await.expect("a delivery")
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("in time")
}
