//! What `build.rs` made of `proto/`.

#![expect(
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code; documented in proto/"
)]

/// The service of video-edge-ai-proxy.
pub(crate) mod chrysalis {
    tonic::include_proto!("chrys.cloud.videostreaming.v1beta1");
}

/// Omma's own: the messages are those of the bus.
pub(crate) mod omma {
    pub(crate) use omma_bus::proto::*;
    tonic::include_proto!("omma.v1");
}

/// Both, as reflection describes them.
pub(crate) const DESCRIPTION: &[u8] = tonic::include_file_descriptor_set!("description");
