//! A simulated street: moving pictures and the exact truth about them, from a seed.
//!
//! It stands in for a camera in the demo and in tests: people walk in, pause, turn back and
//! hide one another, vehicles drive past, the light changes and the sensor is noisy, and for
//! every picture it is known who is where. No files, no threads, no codecs: it fills
//! pictures, and somebody else encodes them.

mod backdrop;
mod config;
mod error;
mod figure;
mod random;
mod stamp;
mod street;
mod trip;
mod truth;
mod vehicle;
mod view;

pub use config::StreetConfig;
pub use error::SimError;
pub use stamp::stamp;
pub use street::Street;
pub use truth::{Truth, TruthObject, crossings};
