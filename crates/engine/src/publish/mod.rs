//! Cameras for programs that speak another system's format (`publish:` of the configuration).
//!
//! Each entry has a task of its own, which takes the camera's newest picture, makes of it what
//! the dialect wants, and hands it to the dialect's [`Outlet`](omma_bus::Outlet), one thing at a
//! time. Between the camera and the task is room for one picture: a slow broker costs pictures,
//! which are counted, and never delays the camera. While a broker is away, pictures are counted
//! and dropped without being encoded.
//!
//! A new dialect is a folder in the crate `omma-bus` and a line in `open`.

mod convert;
mod inbox;
mod open;
mod page;
mod past;
mod publisher;
mod sight;
mod sketcher;
mod status;
mod viewer;

pub use page::PageView;
pub(crate) use publisher::Publishers;
pub(crate) use sight::draw_notes;
pub use status::{PublicationState, PublicationStatus};
