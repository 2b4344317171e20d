//! Getting to a Redis or Valkey: one server, the master that Sentinels name, or a cluster.
//!
//! Everything that speaks Redis uses [`RedisConnection`]: it is the one place that knows of
//! TLS, credentials, time limits and of finding the master anew after a failover. Commands are
//! sent with the crate `redis` (`redis::cmd("PING").query_async(&mut connection)`).

mod address;
mod channel;
mod connection;
mod error;

pub use channel::Channel;
pub use connection::{RedisConnection, connect, connect_blocking};
pub use error::error;
