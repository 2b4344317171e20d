//! The formats of other systems, each in a folder of its own that nothing else looks into.
//!
//! Outlets are opened by the engine, which knows the configuration; inlets are opened here, by
//! the word in a camera's address (`redis+redisedge://host/camera:0`).

pub mod imagebus;
mod jpeg;

use crate::{BrokerAddress, BusError, Inlet};

/// The words that [`open_inlet`] knows.
const WORDS: [&str; 1] = ["imagebus"];

/// A reader of the camera that another program writes at `address`. Nothing is connected yet:
/// [`Inlet::next`] does that. `camera` is what the pictures are of.
///
/// # Errors
/// There is no such dialect, or it is not spoken there.
pub fn open_inlet(address: &BrokerAddress, camera: &str) -> Result<Box<dyn Inlet>, BusError> {
    match address.dialect.as_deref() {
        Some("imagebus") => Ok(Box::new(imagebus::Reader::new(address, camera)?)),
        word => {
            let word = word.unwrap_or_default();
            let reason = format!("there is no dialect `{word}`; known: `{}`", WORDS.join("`, `"));
            Err(wrong(address, reason))
        }
    }
}

/// An address whose broker is fine and whose rest is not.
fn wrong(address: &BrokerAddress, reason: String) -> BusError {
    let url = format!("{}/{}", address.broker.shown(), address.name);
    BusError::Broker { url, reason }
}
