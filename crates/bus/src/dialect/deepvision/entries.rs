//! Which result belongs to which entry of the stream, so that no result points at a picture
//! that it is not true of.
//!
//! Pictures are published and analysed at different rates, and perhaps from two streams of the
//! camera. A picture that was analysed has that analysis; one between two analyses has the
//! objects that both saw, on their way from one to the other; any other picture has none.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use omma_types::{Analysis, FrameStamp, Rect, Track, TrackState};

/// Pictures that wait for their result: more than any detector lags behind.
const MOST_PICTURES: usize = 512;

/// Analyses that wait for their picture.
const MOST_ANALYSES: usize = 16;

/// Between analyses further apart nobody knows where an object went.
const LONGEST_STEP: Duration = Duration::from_secs(2);

/// The number of an entry of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    /// Milliseconds since 1970, by the server's clock.
    pub(super) millis: u64,
    /// Tells entries of one millisecond apart.
    pub(super) sequence: u64,
}

impl EntryId {
    /// Reads `1526919030474-55`.
    pub(super) fn parse(text: &str) -> Option<Self> {
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its entry.
    pub(super) id: EntryId,
    /// The entry before it. Where it is the first, a number below it and above all others: who
    /// reads on behind it finds this picture.
    pub(super) previous: EntryId,
    /// How many pictures were written before it.
    pub(super) number: u64,
    /// Which picture it is.
    pub(super) stamp: FrameStamp,
}

/// Pictures and analyses that wait for each other.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pictures: VecDeque<Entry>,
    analyses: VecDeque<Analysis>,
    last: Option<EntryId>,
    written: u64,
}

impl Entries {
    /// Tells the number that the next picture gets. Until [`Self::add`] says how that went, it
    /// is not known which entry is the newest.
    pub(super) fn begin(&mut self) -> (u64, Option<EntryId>) {
        (self.written, self.last.take())
    }

    /// The picture of `stamp` is entry `id`, and comes behind `last`.
    pub(super) fn add(&mut self, stamp: FrameStamp, id: EntryId, last: Option<EntryId>) {
        let previous = last.unwrap_or(id.before());
        if self.pictures.len() >= MOST_PICTURES {
            self.pictures.pop_front();
        }
        self.pictures.push_back(Entry { id, previous, number: self.written, stamp });
        self.written += 1;
        self.last = Some(id);
    }

    /// Takes an analysis in; earlier ones than the last are of another stream.
    pub(super) fn analysed(&mut self, analysis: Analysis) {
        if self.analyses.back().is_some_and(|last| last.frame.wall >= analysis.frame.wall) {
            self.analyses.clear();
        }
        if self.analyses.len() >= MOST_ANALYSES {
            self.analyses.pop_front();
        }
        self.analyses.push_back(analysis);
    }

    /// The next picture in order whose result is known, with its result.
    pub(super) fn next(&mut self) -> Option<(Entry, Analysis)> {
        let newest = self.analyses.back()?.frame.wall;
        while let Some(entry) = self.pictures.pop_front_if(|entry| entry.stamp.wall <= newest) {
            if let Some(analysis) = self.result(&entry.stamp) {
                return Some((entry, analysis));
            }
        }
        None
    }

    /// What is known of the picture of `stamp`.
    fn result(&self, stamp: &FrameStamp) -> Option<Analysis> {
        let at = self.analyses.iter().position(|later| later.frame.wall >= stamp.wall)?;
        let later = self.analyses.get(at)?;
        if later.frame.wall == stamp.wall {
            return Some(Analysis { frame: *stamp, ..later.clone() });
        }
        let earlier = self.analyses.get(at.checked_sub(1)?)?;
        let step = later.frame.wall.since(earlier.frame.wall);
        if step > LONGEST_STEP {
            return None;
        }
        let share = stamp.wall.since(earlier.frame.wall).as_secs_f32() / step.as_secs_f32();
        let tracks = later.tracks.iter().filter_map(|track| {
            let before = earlier.tracks.iter().find(|before| before.id == track.id)?;
            let seen = [track, before].iter().all(|t| t.state == TrackState::Confirmed);
            seen.then(|| Track {
                rect: on_the_way(&before.rect, &track.rect, share),
                ..track.clone()
            })
        });
        Some(Analysis { frame: *stamp, tracks: tracks.collect(), ..later.clone() })
    }
}

/// The box at `share` (0 to 1) of the way from `a` to `b`.
fn on_the_way(a: &Rect, b: &Rect, share: f32) -> Rect {
    let mix = |a: f32, b: f32| a + (b - a) * share;
    Rect::new(
        mix(a.left, b.left),
        mix(a.top, b.top),
        mix(a.width, b.width),
        mix(a.height, b.height),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tracking::tests::{analysis, track};
    use super::*;
    use omma_types::WallTime;
    use proptest::prelude::*;

    fn stamp(seq: u64) -> FrameStamp {
        analysis(seq, Vec::new()).frame
    }

    fn id(millis: u64, sequence: u64) -> EntryId {
        EntryId { millis, sequence }
    }

    fn publish(entries: &mut Entries, seq: u64, id: EntryId) {
        let (_, last) = entries.begin();
        entries.add(stamp(seq), id, last);
    }

    fn seen(seq: u64, left: f32) -> Analysis {
        let rect = Rect::new(left, 0.2, 0.1, 0.4);
        let other = track(100 + seq, rect, TrackState::Confirmed);
        analysis(seq, vec![track(1, rect, TrackState::Confirmed), other])
    }

    #[test]
    fn an_entry_knows_the_one_before_it() {
        let mut entries = Entries::default();
        publish(&mut entries, 3, id(100, 0));
        publish(&mut entries, 6, id(100, 1));
        publish(&mut entries, 9, id(140, 0));
        let mut previous = |seq| {
            entries.analysed(seen(seq, 0.5));
            entries.next().map(|(entry, _)| (entry.number, entry.previous.to_string()))
        };
        assert_eq!(previous(3), Some((0, format!("99-{}", u64::MAX))), "behind it is the first");
        assert_eq!(previous(6), Some((1, "100-0".to_owned())));
        assert_eq!(previous(9), Some((2, "100-1".to_owned())));
        // A picture may have been written without our knowing.
        let _lost = entries.begin();
        publish(&mut entries, 12, id(200, 5));
        entries.analysed(seen(12, 0.5));
        assert_eq!(entries.next().map(|(entry, _)| entry.previous), Some(id(200, 4)));
    }

    #[test]
    fn a_picture_between_two_analyses_has_what_both_saw() {
        let mut entries = Entries::default();
        for seq in 0..10 {
            publish(&mut entries, seq, id(seq, 0));
        }
        entries.analysed(seen(2, 0.2));
        assert_eq!(entries.next().map(|(entry, _)| entry.number), Some(2), "none before it");
        assert!(entries.next().is_none(), "the next ones wait");
        entries.analysed(seen(6, 0.6));
        for number in 3..=6u64 {
            let (entry, result) = entries.next().expect("a result");
            assert_eq!((entry.number, result.frame), (number, stamp(number)));
            let left = result.tracks[0].rect.left;
            assert!((left - number as f32 / 10.0).abs() < 1e-5, "{number}: {left}");
            assert_eq!(result.tracks.len(), if number == 6 { 2 } else { 1 });
        }
        assert!(entries.next().is_none());
        // Nobody looked for a while.
        let mut late = seen(200, 0.5);
        late.frame.wall = late.frame.wall + LONGEST_STEP;
        entries.analysed(late);
        assert!(entries.next().is_none());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut entries = Entries::default();
        for seq in 0..10_000 {
            publish(&mut entries, seq, id(seq, 0));
        }
        assert_eq!(entries.pictures.len(), MOST_PICTURES);
        let mut entries = Entries::default();
        for seq in 0..100 {
            entries.analysed(seen(seq, 0.5));
        }
        assert_eq!(entries.analyses.len(), MOST_ANALYSES);
        let mut anew = seen(101, 0.5);
        anew.frame.wall = WallTime::from_millis(1);
        entries.analysed(anew);
        assert_eq!(entries.analyses.len(), 1);
        assert!(entries.next().is_none());
    }

    #[test]
    fn numbers_of_entries_are_read_and_written() {
        assert_eq!(EntryId::parse("1526919030474-55"), Some(id(1_526_919_030_474, 55)));
        assert_eq!(id(7, 8).to_string(), "7-8");
        for wrong in ["", "-", "7", "7-x", "-1-2"] {
            assert_eq!(EntryId::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_result_is_of_its_own_picture_and_in_order(
            steps in prop::collection::vec((any::<bool>(), 1u64..5), 0..200),
        ) {
            let mut entries = Entries::default();
            let (mut published, mut analysed, mut newest) = (0, 0, None);
            for (is_picture, step) in steps {
                if is_picture {
                    published += step;
                    publish(&mut entries, published, id(published, 0));
                } else {
                    analysed += step;
                    entries.analysed(seen(analysed, 0.5));
                }
                while let Some((entry, result)) = entries.next() {
                    prop_assert_eq!(entry.stamp, result.frame);
                    prop_assert_eq!(entry.id.millis, result.frame.seq);
                    prop_assert!(entry.previous < entry.id && newest < Some(entry.id));
                    newest = Some(entry.id);
                }
            }
        }
    }
}
