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

mod broker;
pub mod dialect;
mod error;
mod frame;
pub mod kafka;
mod outlet;
pub mod redis;
mod sign;
mod webhook;

/// The messages of `proto/omma/v1`, field by field documented there.
pub mod proto {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/omma.v1.rs"));

    /// Those of video-edge-ai-proxy.
    pub mod chrysalis {
        include!(concat!(env!("OUT_DIR"), "/chrys.cloud.videostreaming.v1beta1.rs"));
    }
}

pub use broker::{Broker, BrokerAddress, BrokerKind, BrokerTls, RedisMode};
pub use error::BusError;
pub use frame::{Frame, FrameForm, PacketForm};
pub use outlet::{Figure, Inbound, Inlet, Outlet, Wanted};
pub use sign::Signer;
pub use webhook::{Deadlines, Outcome, Webhook};
