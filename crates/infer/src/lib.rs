//! Models: where they come from, what runs them, how a picture goes in and boxes come out;
//! and motion detection, which needs no model.
//!
//! A [`Card`] is what Omma knows about a model file; the [`Registry`] holds cards and finds
//! or fetches their files. [`Model::load`] opens one with an engine, ONNX Runtime where its
//! library is found, `rten` otherwise. A model is shared by all threads; each thread takes a
//! [`Session`] of it and calls [`Session::detect`] with pictures as the decoder gives them.

mod bench;
mod card;
mod check;
mod classes;
mod engine;
mod error;
mod family;
mod model;
mod motion;
mod nms;
mod onnx;
mod pull;
mod registry;
#[cfg(test)]
mod testing;

pub use bench::{BenchReport, bench};
pub use card::{Card, InputSpec};
pub use check::{EngineReport, Report, check};
pub use engine::{EngineChoice, EngineKind, EngineOptions, find_ort};
pub use error::InferError;
pub use family::Family;
pub use model::{Model, ModelSource, RawOutput, Session, Wanted};
pub use motion::{MotionDetector, MotionOptions};
pub use onnx::{Dim, ElementType, Port, Signature};
pub use pull::{Download, Pulled, download, pull};
pub use registry::{Listed, Registry};
