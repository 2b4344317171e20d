//! Times and numbers of pictures that come from a program which tells only when they were
//! taken.

use omma_types::{FrameStamp, MediaTime, Size, WallSource, WallTime};

/// Makes stamps whose media time starts with the stream and always grows.
#[derive(Debug, Default)]
pub(super) struct StreamClock {
    begin: Option<WallTime>,
    last: (u64, MediaTime),
    /// By its sender's clock.
    last_wall: WallTime,
}

impl StreamClock {
    /// The stamp of the next picture, and whether a stream begins with it: the first one does,
    /// and one whose number is not behind the last, or whose time is before it.
    pub(super) fn stamp(&mut self, seq: u64, wall: WallTime, size: Size) -> (FrameStamp, bool) {
        let since = |begin: WallTime| {
            MediaTime::from_nanos(
                (wall.as_micros().saturating_sub(begin.as_micros())).saturating_mul(1000),
            )
        };
        let (last_seq, last) = self.last;
        let is_start = self.begin.is_none() || seq <= last_seq || wall < self.last_wall;
        let media = if is_start {
            self.begin = Some(wall);
            MediaTime::ZERO
        } else {
            // Two pictures of one millisecond.
            let next = MediaTime::from_nanos(last.as_nanos().saturating_add(1000));
            self.begin.map_or(next, since).max(next)
        };
        self.last = (seq, media);
        self.last_wall = wall;
        (FrameStamp { seq, media, wall, wall_source: WallSource::Arrival, size }, is_start)
    }

    /// The number behind the last one, for a picture that has none.
    pub(super) fn next_seq(&self) -> u64 {
        if self.begin.is_some() { self.last.0.saturating_add(1) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_of_one_millisecond_follow_each_other() {
        let mut clock = StreamClock::default();
        let wall = WallTime::from_millis(1_700_000_000_000);
        let starts: Vec<bool> =
            (0..5).map(|seq| clock.stamp(seq, wall, Size::new(2, 2)).1).collect();
        assert_eq!(starts, [true, false, false, false, false]);
    }

    proptest! {
        #[test]
        fn within_a_stream_numbers_and_times_grow(
            pictures in proptest::collection::vec((0u64..20, -5i64..50), 1..60),
        ) {
            let mut clock = StreamClock::default();
            let mut wall = 1_700_000_000_000;
            let mut before: Option<FrameStamp> = None;
            for (seq, step) in pictures {
                wall += step;
                let (stamp, is_start) =
                    clock.stamp(seq, WallTime::from_millis(wall), Size::new(2, 2));
                match before {
                    Some(before) if !is_start => {
                        prop_assert!(stamp.seq > before.seq && stamp.media > before.media);
                    }
                    _ => prop_assert!(is_start && stamp.media == MediaTime::ZERO),
                }
                before = Some(stamp);
            }
        }
    }
}
