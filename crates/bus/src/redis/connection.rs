//! A connection that finds its way back by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, TlsMode,
    Value,
};

use super::address::{addresses, certificates, server};
use super::error::{error, is_away};
use crate::{Broker, BusError, RedisMode};

/// Within which a server has to take a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Within which it has to answer a command.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection that is cheap to clone; all clones share it, and their commands go out in the
/// order in which they are given.
///
/// A command during which the connection breaks fails, and the next one connects anew: to the
/// master that the Sentinels name then. Nothing is sent twice by itself, since a command that
/// failed may have been carried out. With a cluster, commands that were not carried out are
/// sent on to the node that has the key.
#[derive(Clone)]
pub struct RedisConnection(Arc<Shared>);

struct Shared {
    broker: Broker,
    config: AsyncConnectionConfig,
    way: Way,
    /// The connection, with a number that tells it from those before.
    current: Mutex<(u64, Option<Link>)>,
    /// One attempt at a time.
    connecting: tokio::sync::Mutex<()>,
}

/// How connections come to be.
enum Way {
    Direct(Box<Client>),
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Connects, and shows the credentials.
///
/// # Errors
/// The server is not there, or lets nobody in with these credentials; a certificate's file
/// can't be read.
pub async fn connect(broker: &Broker) -> Result<RedisConnection, BusError> {
    open(broker, ANSWER).await
}

/// As [`connect`], for commands that wait in the server up to `block`. Such a command holds up
/// all others on its connection: it needs one of its own.
///
/// # Errors
/// As [`connect`].
pub async fn connect_blocking(
    broker: &Broker,
    block: Duration,
) -> Result<RedisConnection, BusError> {
    open(broker, block + ANSWER).await
}

async fn open(broker: &Broker, answer: Duration) -> Result<RedisConnection, BusError> {
    // Fails where the process has one already, which is as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    let failed = |e: &RedisError| error(broker, "", e);
    let mut servers = addresses(broker);
    let way = match &broker.mode {
        RedisMode::Standalone => {
            let server = server(broker, servers.remove(0)).map_err(|e| failed(&e))?;
            let client = if broker.secure {
                Client::build_with_tls(server, certificates(broker)?)
            } else {
                Client::open(server)
            };
            Way::Direct(Box::new(client.map_err(|e| failed(&e))?))
        }
        RedisMode::Sentinel(master) => {
            let client = sentinel(broker, master, false)?;
            Way::Sentinel(Box::new(tokio::sync::Mutex::new(client)))
        }
        RedisMode::Cluster => Way::Cluster(Box::new(cluster(broker, answer)?)),
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(answer));
    let shared = Shared {
        broker: broker.clone(),
        config,
        way,
        current: Mutex::new((0, None)),
        connecting: tokio::sync::Mutex::new(()),
    };
    let connection = RedisConnection(Arc::new(shared));
    connection.0.link().await.map_err(|e| failed(&e))?;
    Ok(connection)
}

/// Sentinels often ask for nothing where their master asks for a password; some ask for the
/// same one (`guarded`).
fn sentinel(broker: &Broker, master: &str, guarded: bool) -> Result<SentinelClient, BusError> {
    let failed = |e: RedisError| error(broker, "", &e);
    let mut builder =
        SentinelClientBuilder::new(addresses(broker), master, SentinelServerType::Master)
            .map_err(failed)?
            .set_client_to_redis_db(i64::from(broker.database));
    if let Some(user) = &broker.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &broker.password {
        builder = builder.set_client_to_redis_password(password.reveal());
        if guarded {
            builder = builder.set_client_to_sentinel_password(password.reveal());
        }
    }
    if let Some(user) = broker.user.as_ref().filter(|_| guarded) {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if broker.secure {
        let certificates = certificates(broker)?;
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build().map_err(failed)
}

fn cluster(broker: &Broker, answer: Duration) -> Result<ClusterClient, BusError> {
    let failed = |e: RedisError| error(broker, "", &e);
    if broker.database != 0 {
        let reason = "a cluster has only database 0".to_owned();
        return Err(BusError::Broker { url: broker.shown(), reason });
    }
    let mut builder = ClusterClientBuilder::new(addresses(broker))
        .connection_timeout(CONNECT)
        .response_timeout(answer);
    if let Some(user) = &broker.user {
        builder = builder.username(user);
    }
    if let Some(password) = &broker.password {
        builder = builder.password(password.reveal());
    }
    if broker.secure {
        builder = builder.tls(TlsMode::Secure).certs(certificates(broker)?);
    }
    builder.build().map_err(failed)
}

impl RedisConnection {
    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.0.broker
    }

    /// What `error`, met at `topic`, means.
    pub fn error(&self, topic: &str, error: &RedisError) -> BusError {
        super::error(&self.0.broker, topic, error)
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisConnection({})", self.0.broker.shown())
    }
}

impl Shared {
    /// The connection, made where there is none.
    async fn link(&self) -> RedisResult<(u64, Link)> {
        if let Some(found) = self.present() {
            return Ok(found);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(found) = self.present() {
            return Ok(found);
        }
        let made = match tokio::time::timeout(CONNECT + ANSWER, self.make()).await {
            Ok(made) => made?,
            Err(_elapsed) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        let mut current = self.current.lock();
        current.0 += 1;
        current.1 = Some(made.clone());
        Ok((current.0, made))
    }

    fn present(&self) -> Option<(u64, Link)> {
        let current = self.current.lock();
        current.1.clone().map(|link| (current.0, link))
    }

    async fn make(&self) -> RedisResult<Link> {
        match &self.way {
            Way::Direct(client) => client
                .get_multiplexed_async_connection_with_config(&self.config)
                .await
                .map(Link::One),
            Way::Sentinel(client) => {
                let mut client = client.lock().await;
                let first = client.get_async_connection_with_config(&self.config).await;
                let (Err(failed), RedisMode::Sentinel(master), Some(_)) =
                    (&first, &self.broker.mode, &self.broker.password)
                else {
                    return first.map(Link::One);
                };
                // Perhaps these Sentinels ask for the password too.
                let Ok(mut guarded) = sentinel(&self.broker, master, true) else {
                    return first.map(Link::One);
                };
                match guarded.get_async_connection_with_config(&self.config).await {
                    Ok(link) => {
                        *client = guarded;
                        Ok(Link::One(link))
                    }
                    Err(_as_before) => Err(failed.clone()),
                }
            }
            Way::Cluster(client) => client.get_async_connection().await.map(Link::Cluster),
        }
    }

    /// Notes how the connection with this number did.
    fn judge<T>(&self, number: u64, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && is_away(error)
        {
            let mut current = self.current.lock();
            // A cluster's connection mends itself, unless its nodes are all new.
            if current.0 == number {
                current.1 = None;
            }
        }
        result
    }
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (number, link) = self.0.link().await?;
            let result = match link {
                Link::One(mut link) => link.req_packed_command(cmd).await,
                Link::Cluster(mut link) => link.req_packed_command(cmd).await,
            };
            self.0.judge(number, result)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (number, link) = self.0.link().await?;
            let result = match link {
                Link::One(mut link) => link.req_packed_commands(pipeline, offset, count).await,
                Link::Cluster(mut link) => link.req_packed_commands(pipeline, offset, count).await,
            };
            self.0.judge(number, result)
        })
    }

    fn get_db(&self) -> i64 {
        i64::from(self.0.broker.database)
    }
}
