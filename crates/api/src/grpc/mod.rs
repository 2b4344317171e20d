//! Omma over gRPC: the service of video-edge-ai-proxy for programs written for it, and Omma's
//! own. What they say is in `proto/`, documented there field by field.
//!
//! Whoever is slow costs a bounded amount of memory: one message is made at a time, and the
//! next one only when the last is on its way.

mod answer;
mod image;
mod omma;
mod proto;
mod routes;
mod status;

pub(crate) use routes::services;
