//! What comes out of a topic.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use omma_types::WallTime;

/// A message's place. Places of one part are ordered as the messages are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The part of the topic; 0 unless it is Kafka's.
    pub part: u32,
    /// The place: milliseconds since 1970 for Redis, the offset for Kafka.
    pub major: u64,
    /// Tells places of one millisecond apart; only for Redis.
    pub minor: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.part, self.major, self.minor)
    }
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (part, rest) = text.split_once('/')?;
            let (major, minor) = rest.split_once('-')?;
            let (part, major) = (part.parse().ok()?, major.parse().ok()?);
            Some(Self { part, major, minor: minor.parse().ok()? })
        };
        parse().ok_or_else(|| format!("`{text}` is no place in a topic"))
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub position: Position,
    /// When the broker got it, by the broker's clock.
    pub time: WallTime,
    /// Whom it is about, usually a camera.
    pub key: Arc<str>,
    /// What was written. Shared, not copied, where it comes out of this process.
    pub payload: Bytes,
}

/// What a subscription gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message.
    Record(Record),
    /// Messages were cleared away before they were read; their number, where it is known.
    Missed(Option<u64>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_written_down() {
        let position = Position { part: 3, major: 1_795_132_800_250, minor: 7 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1", "1/2", "a/1-2", "1/2-x", "-1/2-3"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
