//! Multi-object tracking by detection, and the metrics that judge it.
//!
//! Pure logic: detections and a time stamp go in, tracks come out. This crate knows no
//! pixels, no threads, no clocks and no files; the only text it meets is handed in.
//!
//! - [`Tracker`] follows objects online, picture by picture.
//! - [`offline::Trajectories`] completes its answers once the whole video has been seen.
//! - [`mot`] reads and writes the text form of MOTChallenge.
//! - [`metrics`] computes HOTA, CLEAR and identity scores.

mod assignment;
mod config;
mod error;
pub mod metrics;
pub mod mot;
mod motion;
mod object;
pub mod offline;
mod state;
mod tracker;

pub use config::{MotionConfig, TrackerConfig};
pub use error::TrackError;
pub use state::TrackerState;
pub use tracker::Tracker;
