//! The formats of other systems, each in a folder of its own that nothing else looks into.

pub mod deepvision;
