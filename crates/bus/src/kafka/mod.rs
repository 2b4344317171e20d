//! Getting to a Kafka: settings of the client, its log, and what its failures mean.
//!
//! Everything that speaks Kafka begins with [`client_config`] and hands a [`KafkaContext`] to
//! what it creates; it is the one place that knows of TLS, credentials and time limits.

mod client;
mod error;
mod topics;

pub use client::{KafkaContext, client_config};
pub use error::error;
pub(crate) use topics::{Wish, blocking, ensure};
