//! Annotations: what other programs found out about a camera's pictures, checked, kept and
//! delivered to a webhook.
//!
//! - [`Annotation`] and its rules.
//! - [`Annotations`]: the way in. What it accepted is on the disk.
//! - `courier`: when what is sent, and what follows from the answers; no clock, no network.
//! - `delivery`: the thread that does what the courier says.
//!
//! Delivered at least once and in order. An annotation that the receiver calls wrong is set
//! aside so that it does not hold up the others, and can be revived.

mod annotation;
mod courier;
mod delivery;
mod entrance;
mod error;

pub use annotation::{Annotation, AnnotationBox, Coordinate, Location};
pub use entrance::{Annotations, AnnotationsStatus, LastFailure};
pub use error::AnnotationError;
