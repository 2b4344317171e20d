//! The service `chrys.cloud.videostreaming.v1beta1.Image` of video-edge-ai-proxy.

mod desk;
mod frame;
mod latest;
mod past;
mod service;
mod shelf;
mod views;

pub(super) use desk::{Desk, Desks};
pub(super) use service::ImageService;
