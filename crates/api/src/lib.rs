//! Omma over HTTP and gRPC: what people and programs see of a running engine.
//!
//! This crate exists so that nothing else knows HTTP, JSON or gRPC: it turns the engine's answers
//! into wire types ([`dto`]) and the outside's questions into the engine's. It computes
//! nothing itself.
//!
//! Invariants:
//! - Wire types live here and only here. What they say is pinned by `docs/openapi.json`.
//! - Whoever is slow or silent costs a bounded amount of memory: live pictures are skipped,
//!   WebSocket messages are dropped and the number is told.
//! - Nobody is answered by a route before `guard` has let the request through, and nobody is
//!   told by it what routes there are.
//! - Every answer that is no success is an [`dto::ErrorBody`] that says what to do.

mod access;
mod accounts;
mod addresses;
pub mod chrysalis;
mod deepvision;
pub mod dto;
mod error;
mod etag;
mod footage;
mod grpc;
mod guard;
mod journal;
mod leave;
mod live;
mod params;
mod port;
mod portal;
mod redisedge;
mod rest;
mod server;
mod socket;
mod talk;
mod tls;
mod watch;

use omma_types::Event;

pub use error::ServeError;
pub use journal::Journal;
pub use port::Port;
pub use server::{Ports, needs_first_user, openapi, serve};
pub use tls::TlsError;

/// An event as `/api/v1/events` shows it, without the sequence number that the store gives.
/// For programs that write events to a file.
pub fn event_json(event: &Event) -> serde_json::Value {
    let mut value = serde_json::to_value(dto::EventDto::new(0, event)).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("seq");
    }
    value
}
