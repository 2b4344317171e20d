//! imagebus: pictures as messages of Kafka, each with the whole message that it was made of.
//!
//! ```text
//! SOURCE_FRAME     a picture
//! IMAGEAI_FRAME    the same with what was found, and the message of the picture within
//! REDACTION_FRAME  the same with that blacked out, and the message of what was found within
//! ```
//! Two generations of the format exist: JSON by jsonpickle ([`read_json`], [`write_json`]), and
//! before December 2019 msgpack ([`read_msgpack`], [`write_msgpack`]).
//!
//! A camera that is read from such a topic and published to the next one is a link of a chain:
//! [`Origins`] keeps the message of each picture while it is worked on.

mod classes;
mod compose;
mod json;
mod message;
mod msgpack;
mod origins;
mod pending;
mod reader;
mod sampler;
mod writer;

pub use json::{read as read_json, write as write_json};
pub use message::{Detail, Message};
pub use msgpack::{read as read_msgpack, write as write_msgpack};
pub use origins::Origins;
pub use reader::Reader;
pub use writer::{Mark, Settings, Sketch, Sketcher, Writer};
