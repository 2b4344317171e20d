//! What is told to whoever listens at the moment (PUBLISH and SUBSCRIBE).

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use redis::aio::PubSubStream;
use redis::{Client, Msg};

use super::address::{addresses, certificates, server};
use super::error;
use crate::{Broker, BusError, RedisMode};

/// The messages of one channel, until the connection breaks.
pub struct Channel(PubSubStream);

impl Channel {
    /// Listens to the channel called `name`, on a connection of its own.
    ///
    /// # Errors
    /// The server is not there or refuses; it is one of a cluster or behind Sentinels, which
    /// this can't follow.
    pub async fn open(broker: &Broker, name: &str) -> Result<Self, BusError> {
        if broker.mode != RedisMode::Standalone {
            let reason = "channels are heard on a single server only".to_owned();
            return Err(BusError::Broker { url: broker.shown(), reason });
        }
        // Fails where the process has one already, which is as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let failed = |e: redis::RedisError| error(broker, name, &e);
        let server = server(broker, addresses(broker).remove(0)).map_err(failed)?;
        let client = if broker.secure {
            Client::build_with_tls(server, certificates(broker)?)
        } else {
            Client::open(server)
        };
        let mut listening = client.map_err(failed)?.get_async_pubsub().await.map_err(failed)?;
        listening.subscribe(name).await.map_err(failed)?;
        Ok(Self(listening.into_on_message()))
    }
}

impl Stream for Channel {
    type Item = Msg;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Msg>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}
