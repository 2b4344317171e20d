//! The formats of other systems, each in a folder of its own that nothing else looks into.
//!
//! Outlets are opened by the engine, which knows the configuration; inlets are opened here, by
//! the word in a camera's address (`redis+redisedge://host/camera:0`).

pub mod chrysalis;
mod clock;
pub mod deepvision;
pub mod imagebus;
mod jpeg;
mod left_out;
mod link;
pub mod omma;
mod pictures;
pub mod redisedge;
mod tail;

use omma_types::Size;

use crate::{BrokerAddress, BusError, Inlet};

/// Pixels of a picture: 7680 x 4320. A few bytes may claim more, and whoever decodes them has to
/// make room.
const MOST_PIXELS: u64 = 7680 * 4320;

/// Whether room is made for a picture that somebody else says is of this size.
fn fits(size: Size) -> Result<(), String> {
    if u64::from(size.width) * u64::from(size.height) <= MOST_PIXELS {
        return Ok(());
    }
    let Size { width, height } = size;
    Err(format!("a picture of {width} x {height}; at most {MOST_PIXELS} pixels are read"))
}

/// The words that [`open_inlet`] knows.
const WORDS: [&str; 5] = ["chrysalis", "deepvision", "imagebus", "omma", "redisedge"];

/// A reader of the camera that another program writes at `address`. Nothing is connected yet:
/// [`Inlet::next`] does that. `camera` is what the pictures are of.
///
/// # Errors
/// There is no such dialect, or it is not spoken there.
pub fn open_inlet(address: &BrokerAddress, camera: &str) -> Result<Box<dyn Inlet>, BusError> {
    match address.dialect.as_deref() {
        Some("redisedge") => Ok(Box::new(redisedge::Reader::new(address, camera)?)),
        Some("deepvision") => Ok(Box::new(deepvision::Reader::new(address, camera)?)),
        Some("chrysalis") => Ok(Box::new(chrysalis::Reader::new(address, camera)?)),
        Some("imagebus") => Ok(Box::new(imagebus::Reader::new(address, camera)?)),
        Some("omma") => Ok(Box::new(omma::Reader::new(address, camera)?)),
        word => Err(wrong(address, unknown(word))),
    }
}

/// An address whose broker is fine and whose rest is not.
fn wrong(address: &BrokerAddress, reason: String) -> BusError {
    let url = format!("{}/{}", address.broker.shown(), address.name);
    BusError::Broker { url, reason }
}

/// Why a word is none of [`WORDS`].
fn unknown(word: Option<&str>) -> String {
    let known = WORDS.join("`, `");
    let Some(word) = word else {
        return format!("it says no dialect, e.g. redis+redisedge://; known: `{known}`");
    };
    // The nearest is the one that shares the longest beginning.
    let shared = |known: &&str| known.chars().zip(word.chars()).take_while(|(a, b)| a == b).count();
    match WORDS.into_iter().max_by_key(shared).filter(|near| shared(near) > 0) {
        Some(near) => format!("there is no dialect `{word}`; is `{near}` meant? known: `{known}`"),
        None => format!("there is no dialect `{word}`; known: `{known}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_that_is_none_is_told_with_those_that_are() {
        let error = |url: &str| {
            let address = BrokerAddress::parse(url).expect("an address");
            open_inlet(&address, "door").err().expect("refused").to_string()
        };
        let text = error("redis+redisedg://u:secret@h/camera:0");
        assert!(text.contains("is `redisedge` meant?"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(error("redis://h/camera:0").contains("`chrysalis`, `deepvision`, `imagebus`"));
        assert!(error("kafka+redisedge://h/topic").contains("Redis"), "not spoken there");
    }
}
