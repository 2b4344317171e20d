//! Names and numbers that identify things.

use std::fmt;
use std::sync::Arc;

use crate::WallTime;

/// A camera's name: 1 to 64 characters of `A-Z a-z 0-9 _ -`, so that it can stand in a URL,
/// a file name, a metric label and a topic without quoting. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId(Arc<str>);

/// A name that cannot be used, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidName(String);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a usable name: use 1 to 64 of A-Z a-z 0-9 _ -", self.0)
    }
}

impl std::error::Error for InvalidName {}

impl CameraId {
    /// Checks `name` and makes it a camera id.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        let usable = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(usable) {
            return Err(InvalidName(name.to_owned()));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A track's number, unique within its camera for the life of the tracker. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An event's identity: a ULID (<https://github.com/ulid/spec>), 48 bits of milliseconds
/// followed by 80 bits that make it unique. Sorts by time, also as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

const CROCKFORD_BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for EventId {
    /// 26 characters of Crockford's base 32.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for position in (0..26).rev() {
            let digit = (self.0 >> (position * 5)) & 31;
            write!(f, "{}", char::from(CROCKFORD_BASE32[digit as usize]))?;
        }
        Ok(())
    }
}

impl std::str::FromStr for EventId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let bad = || InvalidName(text.chars().take(40).collect());
        // 26 digits hold 130 bits: the first may only carry 3.
        if text.len() != 26 || !matches!(text.as_bytes().first(), Some(b'0'..=b'7')) {
            return Err(bad());
        }
        text.bytes()
            .try_fold(0u128, |value, byte| {
                let upper = byte.to_ascii_uppercase();
                let digit = CROCKFORD_BASE32.iter().position(|&c| c == upper)?;
                Some((value << 5) | digit as u128)
            })
            .map(Self)
            .ok_or_else(bad)
    }
}

/// Makes event ids: monotonic, and unique among generators with different seeds.
#[derive(Clone, Debug)]
pub struct EventIds {
    random: u64,
    last: EventId,
}

impl EventIds {
    /// A generator. Give each a seed of its own: in production from the system's random
    /// source, in tests a constant.
    pub fn new(seed: u64) -> Self {
        Self { random: seed, last: EventId(0) }
    }

    /// All that the generator knows: the state of its random numbers, and its last id.
    pub const fn state(&self) -> (u64, EventId) {
        (self.random, self.last)
    }

    /// A generator that goes on where the one with this state stood: it gives the same ids
    /// for the same events. None for a last id that no generator comes to.
    pub fn from_state((random, last): (u64, EventId)) -> Option<Self> {
        // The upper half is thousands of years away, and leaves no room to count on.
        (last.0 >> 127 == 0).then_some(Self { random, last })
    }

    /// The next id, for an event at `wall`. Ids of one generator strictly increase, also
    /// when the wall clock steps back.
    pub fn next(&mut self, wall: WallTime) -> EventId {
        let millis = u128::try_from(wall.as_millis().max(0)).unwrap_or(0) & ((1 << 48) - 1);
        let entropy = (u128::from(self.next_random()) << 64) | u128::from(self.next_random());
        let fresh = EventId((millis << 80) | (entropy & ((1 << 80) - 1)));
        self.last = if fresh > self.last { fresh } else { EventId(self.last.0 + 1) };
        self.last
    }

    /// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): enough to keep generators apart, not a
    /// source of secrets.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn camera_names_are_checked() {
        assert!(CameraId::new("front_door-2").is_ok());
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(CameraId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn event_ids_rise_even_when_the_clock_steps_back() {
        let mut ids = EventIds::new(1);
        let first = ids.next(WallTime::from_millis(2000));
        let second = ids.next(WallTime::from_millis(1000));
        assert!(second > first);
    }

    proptest! {
        #[test]
        fn event_id_text_round_trips_and_sorts(a in any::<u128>(), b in any::<u128>()) {
            let (a, b) = (EventId(a), EventId(b));
            prop_assert_eq!(a.to_string().parse::<EventId>().unwrap(), a);
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,40}") {
            if let Ok(id) = text.parse::<EventId>() {
                prop_assert_eq!(id.to_string(), text.to_ascii_uppercase());
            }
        }
    }
}
