//! Which entry of the stream holds which picture, so that a result points at its own picture
//! or at none.

use std::collections::VecDeque;
use std::fmt;

use omma_types::{FrameStamp, MediaTime};

/// Pictures whose entries are remembered: more than any detector lags behind.
const REMEMBERED: usize = 512;

/// The number of an entry of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Milliseconds since 1970, by the server's clock.
    pub millis: u64,
    /// Tells entries of one millisecond apart.
    pub sequence: u64,
}

impl EntryId {
    /// Reads `1526919030474-55`.
    pub fn parse(text: &str) -> Option<Self> {
        let (millis, sequence) = text.split_once('-')?;
        Some(Self { millis: millis.parse().ok()?, sequence: sequence.parse().ok()? })
    }

    /// The greatest number below this one.
    fn before(self) -> Self {
        match self.sequence.checked_sub(1) {
            Some(sequence) => Self { sequence, ..self },
            None => Self { millis: self.millis.saturating_sub(1), sequence: u64::MAX },
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.sequence)
    }
}

/// A picture that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its entry.
    pub id: EntryId,
    /// The entry before it. Where it is the first, a number below it and above all others: who
    /// reads on behind it finds this picture.
    pub previous: EntryId,
    /// How many pictures were written before it.
    pub number: u64,
}

/// The newest pictures that were written.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    known: VecDeque<(u64, MediaTime, Entry)>,
    last: Option<EntryId>,
    written: u64,
}

impl Entries {
    /// The number that the next picture gets.
    pub fn next_number(&self) -> u64 {
        self.written
    }

    /// Remembers that the picture of `stamp` is entry `id`.
    pub fn add(&mut self, stamp: &FrameStamp, id: EntryId) {
        let entry = Entry { id, previous: self.last.unwrap_or(id.before()), number: self.written };
        self.written += 1;
        self.last = Some(id);
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((stamp.seq, stamp.media, entry));
    }

    /// A picture may have been written that is not known here: the next one is taken as the
    /// first, so that nothing points at what is not its predecessor.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    /// The numbers of pictures mean others from now on.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// The entry of the picture of `stamp`, if it was written.
    pub fn find(&self, stamp: &FrameStamp) -> Option<Entry> {
        let same = |(seq, media, _): &&(u64, MediaTime, Entry)| {
            *seq == stamp.seq && *media == stamp.media
        };
        self.known.iter().rev().find(same).map(|(_, _, entry)| *entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_types::{Size, WallSource, WallTime};

    fn stamp(seq: u64) -> FrameStamp {
        FrameStamp {
            seq,
            media: MediaTime::from_nanos(seq as i64 * 40_000_000),
            wall: WallTime::from_millis(1_000 + seq as i64 * 40),
            wall_source: WallSource::Arrival,
            size: Size::new(4, 3),
        }
    }

    fn id(millis: u64, sequence: u64) -> EntryId {
        EntryId { millis, sequence }
    }

    #[test]
    fn an_entry_knows_the_one_before_it() {
        let mut entries = Entries::default();
        entries.add(&stamp(3), id(100, 0));
        entries.add(&stamp(6), id(100, 1));
        entries.add(&stamp(9), id(140, 0));
        let previous = |seq| entries.find(&stamp(seq)).map(|entry| entry.previous.to_string());
        assert_eq!(previous(9), Some("100-1".to_owned()));
        assert_eq!(previous(6), Some("100-0".to_owned()));
        assert_eq!(previous(3), Some(format!("99-{}", u64::MAX)), "reading on finds the first");
        assert_eq!(previous(4), None, "never written");
        assert_eq!(entries.find(&stamp(9)).map(|entry| entry.number), Some(2));
    }

    #[test]
    fn a_picture_of_a_former_stream_is_not_taken_for_one_of_this() {
        let mut entries = Entries::default();
        entries.add(&stamp(1), id(100, 0));
        let other = FrameStamp { media: MediaTime::from_nanos(7), ..stamp(1) };
        assert_eq!(entries.find(&other), None);
        entries.clear();
        assert_eq!(entries.find(&stamp(1)), None);
        entries.interrupt();
        entries.add(&stamp(2), id(200, 5));
        assert_eq!(entries.find(&stamp(2)).map(|entry| entry.previous), Some(id(200, 4)));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut entries = Entries::default();
        for seq in 0..10_000 {
            entries.add(&stamp(seq), id(seq, 0));
        }
        assert_eq!(entries.known.len(), REMEMBERED);
        assert!(entries.find(&stamp(9_999)).is_some() && entries.find(&stamp(0)).is_none());
    }

    #[test]
    fn numbers_of_entries_are_read_and_written() {
        assert_eq!(EntryId::parse("1526919030474-55"), Some(id(1_526_919_030_474, 55)));
        assert_eq!(id(7, 8).to_string(), "7-8");
        for wrong in ["", "-", "7", "7-x", "-1-2"] {
            assert_eq!(EntryId::parse(wrong), None, "{wrong}");
        }
    }
}
