//! Omma's way to tell other systems.
//!
//! This crate exists so that nothing else knows how a message reaches somebody outside: it
//! takes finished bytes and says what became of them. It decides nothing: when to send, in
//! which order, and what to do after a failure is the engine's.
//!
//! - [`Webhook`]: a `POST` to an address, signed by a [`Signer`].
//!
//! Invariants:
//! - Every call ends within its deadlines, whatever the other side does.
//! - No secret, and no address with one, is in any message of this crate.

mod error;
mod sign;
mod webhook;

pub use error::BusError;
pub use sign::Signer;
pub use webhook::{Deadlines, Outcome, Webhook};
