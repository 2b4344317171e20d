//! Omma's own service: `omma.v1.Omma`.

mod analyses;
mod cameras;
mod convert;
mod events;
mod frames;
mod service;

pub(super) use service::OmmaService;
