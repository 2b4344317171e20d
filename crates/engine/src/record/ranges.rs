//! When there is footage: segments put on one line of time, without files and without a
//! clock.
//!
//! Wall time is what people ask by, and it misbehaves: arrival jitters, cameras' clocks drift
//! against ours, and clocks are set. Three rules make one answer of it:
//!
//! - Segments belong together where the recorder says so (`follows`) or where they lie no
//!   more than [`GAP`] apart.
//! - Where a moment was recorded twice, because a clock was set back, the footage recorded
//!   later counts ([`once`]): that is what the clock said after it was corrected.
//! - Played one after the other, segments that belong together join exactly, and nothing
//!   overlaps ([`place`]).

use std::collections::BTreeMap;
use std::time::Duration;

use omma_store::Segment;
use omma_types::WallTime;

/// Less than this between two segments is no gap: arrival times jitter.
pub(super) const GAP: Duration = Duration::from_millis(200);

/// Segments of which one follows the other may disagree with the clock by so much. The
/// recorder begins anew when media time and clock are half a second apart.
const SLACK: Duration = Duration::from_secs(1);

/// Footage without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FootageRange {
    /// From its first picture, or from where was asked.
    pub from: WallTime,
    /// To its end, or to where was asked.
    pub to: WallTime,
    /// Length of its files.
    pub bytes: u64,
    /// Number of its files.
    pub segments: u64,
}

/// When there is footage, and when not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In the order of time, apart from each other.
    pub ranges: Vec<FootageRange>,
    /// What lies between, and at the ends of the time that was asked for.
    pub gaps: Vec<(WallTime, WallTime)>,
    /// Length of all files.
    pub bytes: u64,
}

/// Puts `segments`, sorted by start, on one line of time between `from` and `to`; an end that
/// is not given is that of the footage. Gaps are longer than `tolerance`.
pub(super) fn timeline(
    segments: &[Segment],
    (from, to): (Option<WallTime>, Option<WallTime>),
    tolerance: Duration,
) -> Timeline {
    let mut timeline = Timeline::default();
    let within = |time: WallTime| {
        let time = from.map_or(time, |from| time.max(from));
        to.map_or(time, |to| time.min(to))
    };
    for segment in segments {
        let (start, end) = (within(segment.start), within(segment.end));
        timeline.bytes += segment.bytes;
        let slack = if segment.follows { SLACK.max(tolerance) } else { tolerance };
        match timeline.ranges.last_mut() {
            Some(range) if start.since(range.to) <= slack => {
                range.to = range.to.max(end);
                range.bytes += segment.bytes;
                range.segments += 1;
            }
            _ => timeline.ranges.push(FootageRange {
                from: start,
                to: end,
                bytes: segment.bytes,
                segments: 1,
            }),
        }
    }
    let mut reached = from;
    for range in &timeline.ranges {
        if let Some(reached) = reached.filter(|reached| range.from.since(*reached) > tolerance) {
            timeline.gaps.push((reached, range.from));
        }
        reached = Some(range.to);
    }
    if let (Some(reached), Some(to)) = (reached, to)
        && to.since(reached) > tolerance
    {
        timeline.gaps.push((reached, to));
    }
    timeline
}

/// Leaves out what lies under footage that was recorded later. Gives the rest by start.
pub(super) fn once(segments: Vec<Segment>) -> Vec<Segment> {
    let mut by_age = segments;
    by_age.sort_by_key(|segment| std::cmp::Reverse(segment.id));
    let mut kept: BTreeMap<WallTime, Segment> = BTreeMap::new();
    for segment in by_age {
        // Ends may reach into the next segment by what clocks jitter.
        let ends = (segment.end - SLACK).max(segment.start);
        let before = kept.range(..=segment.start).next_back();
        let covered = before.is_some_and(|(_, before)| before.end - SLACK > segment.start)
            || kept.contains_key(&segment.start)
            || kept.range(segment.start..ends).next().is_some();
        if !covered {
            kept.insert(segment.start, segment);
        }
    }
    kept.into_values().collect()
}

/// Where each segment's first picture comes to lie when they are played one after the other,
/// in microseconds after the first segment's start. Gaps stay, so that start and time in the
/// film give the time of day; what follows joins exactly; nothing lies before the end of what
/// came before it.
pub(super) fn place(segments: &[Segment]) -> Vec<i64> {
    let Some(first) = segments.first() else { return Vec::new() };
    let mut reached = 0i64;
    let mut places = Vec::with_capacity(segments.len());
    for segment in segments {
        let by_clock = segment.start.as_micros().saturating_sub(first.start.as_micros());
        let away = by_clock.abs_diff(reached);
        let joins = segment.follows && away <= GAP.as_micros() as u64;
        let at = if joins || places.is_empty() { reached } else { by_clock.max(reached) };
        let length = segment.end.since(segment.start).as_micros();
        reached = at.saturating_add(i64::try_from(length).unwrap_or(i64::MAX));
        places.push(at);
    }
    places
}

#[cfg(test)]
mod tests {
    use omma_types::CameraId;
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> WallTime {
        WallTime::from_millis(millis)
    }

    fn segment(id: i64, start: i64, end: i64, follows: bool) -> Segment {
        Segment {
            id,
            camera: CameraId::new("door").unwrap(),
            path: format!("door/{id}.mp4"),
            start: at(start),
            end: at(end),
            bytes: 1000,
            stream: "a".to_owned(),
            follows,
            complete: true,
        }
    }

    fn ranges(timeline: &Timeline) -> Vec<(i64, i64, u64)> {
        let ranges = timeline.ranges.iter();
        ranges.map(|r| (r.from.as_millis(), r.to.as_millis(), r.segments)).collect()
    }

    fn gaps(timeline: &Timeline) -> Vec<(i64, i64)> {
        timeline.gaps.iter().map(|(a, b)| (a.as_millis(), b.as_millis())).collect()
    }

    #[test]
    fn segments_join_where_they_follow_or_nearly_touch() {
        let segments = [
            segment(1, 0, 60_000, false),
            segment(2, 60_150, 120_000, false),
            segment(3, 120_400, 180_000, true),
            segment(4, 180_300, 200_000, false),
        ];
        let whole = timeline(&segments, (None, None), GAP);
        assert_eq!(ranges(&whole), [(0, 180_000, 3), (180_300, 200_000, 1)]);
        assert_eq!(gaps(&whole), [(180_000, 180_300)]);
        assert_eq!(whole.bytes, 4000);
        let part = timeline(&segments[1..], (Some(at(90_000)), Some(at(300_000))), GAP);
        assert_eq!(ranges(&part), [(90_000, 180_000, 2), (180_300, 200_000, 1)]);
        assert_eq!(gaps(&part), [(180_000, 180_300), (200_000, 300_000)]);
        let none = timeline(&[], (Some(at(0)), Some(at(10))), Duration::ZERO);
        assert_eq!((none.ranges.len(), gaps(&none)), (0, vec![(0, 10)]));
    }

    #[test]
    fn a_moment_recorded_twice_is_shown_as_it_was_recorded_last() {
        // The clock was set back by 90 s after the second segment.
        let segments = vec![
            segment(1, 0, 60_000, false),
            segment(3, 30_000, 90_000, false),
            segment(2, 60_000, 120_000, true),
            segment(4, 90_000, 150_000, true),
            segment(5, 150_000, 210_000, true),
        ];
        let all = timeline(&segments, (None, None), GAP);
        assert_eq!(ranges(&all), [(0, 210_000, 5)]);
        let kept: Vec<i64> = once(segments).iter().map(|segment| segment.id).collect();
        assert_eq!(kept, [3, 4, 5]);
        // Jitter is no overlap.
        let jitter = vec![segment(1, 0, 60_400, false), segment(2, 60_000, 120_000, true)];
        assert_eq!(once(jitter).len(), 2);
    }

    #[test]
    fn what_follows_joins_exactly_and_gaps_stay() {
        let segments = [
            segment(1, 1000, 61_000, false),
            segment(2, 61_120, 121_000, true),
            segment(3, 121_050, 181_000, false),
            segment(4, 180_900, 200_000, true),
            segment(5, 300_000, 310_000, false),
        ];
        let millis: Vec<i64> = place(&segments).iter().map(|micros| micros / 1000).collect();
        assert_eq!(millis, [0, 60_000, 120_050, 180_000, 299_000]);
    }

    fn any_segments() -> impl Strategy<Value = Vec<Segment>> {
        let one = (0i64..600_000, 0i64..90_000, any::<bool>());
        prop::collection::vec(one, 0..40).prop_map(|list| {
            let made = list.into_iter().zip(1..);
            let mut segments: Vec<Segment> = made
                .map(|((start, length, follows), id)| segment(id, start, start + length, follows))
                .collect();
            segments.sort_by_key(|segment| (segment.start, segment.id));
            segments
        })
    }

    proptest! {
        #[test]
        fn ranges_and_gaps_share_out_the_time(
            segments in any_segments(), from in 0i64..300_000, length in 1i64..600_000,
        ) {
            let (from, to) = (at(from), at(from + length));
            let inside: Vec<Segment> = segments
                .into_iter()
                .filter(|s| s.end > from && s.start < to)
                .collect();
            let timeline = timeline(&inside, (Some(from), Some(to)), GAP);
            let mut pieces: Vec<(WallTime, WallTime)> = timeline.gaps.clone();
            pieces.extend(timeline.ranges.iter().map(|r| (r.from, r.to)));
            pieces.sort();
            let mut reached = from;
            for (start, end) in pieces {
                // What belongs together may lie apart a little without being told as a gap.
                prop_assert!(start >= reached && start.since(reached) <= GAP);
                prop_assert!(end >= start);
                reached = end;
            }
            prop_assert!(to.since(reached) <= GAP);
            for gap in &timeline.gaps {
                prop_assert!(gap.1.since(gap.0) > GAP);
                prop_assert!(inside.iter().all(|s| s.end <= gap.0 || s.start >= gap.1));
            }
            prop_assert_eq!(timeline.bytes, 1000 * inside.len() as u64);
        }

        #[test]
        fn nothing_overlaps_when_played(segments in any_segments()) {
            let newest = segments.iter().max_by_key(|segment| segment.id).cloned();
            let kept = once(segments);
            prop_assert!(newest.is_none_or(|newest| kept.contains(&newest)));
            let places = place(&kept);
            for (pair, at) in kept.windows(2).zip(places.windows(2)) {
                let length = pair[0].end.since(pair[0].start).as_micros() as i64;
                prop_assert!(at[1] >= at[0] + length);
                // Never far from where the clock says.
                prop_assert!(pair[0].end.since(pair[1].start) <= SLACK);
            }
        }
    }
}
