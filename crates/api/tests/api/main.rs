//! The API of a running engine, asked over the network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "says what was measured")]

mod accounts;
mod certificates;
mod chrysalis;
mod films;
mod http;
mod leave;
mod pages;
mod reviews;
mod secure;
mod secure_grpc;
mod server;
mod setup;
mod tracks;
mod upkeep;
mod webrtc;
mod websocket;
