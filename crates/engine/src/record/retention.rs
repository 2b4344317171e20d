//! Which footage has to go. Pure: it is given what there is and says what to remove.
//!
//! First what is older than its camera keeps it, then what a camera has too much of, then,
//! where the disk is short of space, the oldest of all cameras. What is being written stays.

use std::time::Duration;

use omma_types::WallTime;

/// A finished segment, or one that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) id: i64,
    pub(super) end: WallTime,
    pub(super) bytes: u64,
    pub(super) complete: bool,
}

/// Of one camera's segments, oldest first, those that go: older than `keep`, and as many as
/// there are bytes above `max_bytes`, of `bytes` in all.
pub(super) fn too_old_or_much(
    segments: &[Held],
    keep: Option<Duration>,
    max_bytes: Option<u64>,
    bytes: u64,
    now: WallTime,
) -> Vec<i64> {
    let mut left = bytes;
    let mut go = Vec::new();
    for segment in segments.iter().filter(|segment| segment.complete) {
        let is_old = keep.is_some_and(|keep| now.since(segment.end) > keep);
        let is_too_much = max_bytes.is_some_and(|max| left > max);
        if is_old || is_too_much {
            left = left.saturating_sub(segment.bytes);
            go.push(segment.id);
        }
    }
    go
}

/// Of all cameras' segments, oldest first, those that go so that `wanted` bytes get free.
pub(super) fn oldest_for(segments: &[Held], wanted: u64) -> Vec<i64> {
    let mut freed = 0u64;
    let finished = segments.iter().filter(|segment| segment.complete);
    finished
        .take_while(|segment| {
            let is_short = freed < wanted;
            freed = freed.saturating_add(segment.bytes);
            is_short
        })
        .map(|segment| segment.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn held(id: i64, bytes: u64, complete: bool) -> Held {
        let end = WallTime::from_millis(0) + HOUR * u32::try_from(id).unwrap();
        Held { id, end, bytes, complete }
    }

    fn at(hours: u32) -> WallTime {
        WallTime::from_millis(0) + HOUR * hours
    }

    #[test]
    fn the_old_go_and_then_what_is_too_much() {
        let segments: Vec<Held> = (1..=6).map(|id| held(id, 10, id != 6)).collect();
        let go = |keep: Option<u32>, max| {
            too_old_or_much(&segments, keep.map(|keep| HOUR * keep), max, 60, at(6))
        };
        assert_eq!(go(None, None), [] as [i64; 0]);
        assert_eq!(go(Some(3), None), [1, 2]);
        assert_eq!(go(None, Some(45)), [1, 2]);
        assert_eq!(go(None, Some(60)), [] as [i64; 0]);
        assert_eq!(go(Some(5), Some(35)), [1, 2, 3]);
        // What is being written stays, whatever the limits say.
        assert_eq!(go(None, Some(0)), [1, 2, 3, 4, 5]);
        assert_eq!(too_old_or_much(&segments, Some(HOUR), None, 60, at(600)).len(), 5);
        // A clock that was set back makes nothing old.
        assert_eq!(too_old_or_much(&segments, Some(HOUR), None, 60, at(0)), [] as [i64; 0]);
    }

    #[test]
    fn the_oldest_make_room() {
        let segments: Vec<Held> = (1..=4).map(|id| held(id, 10, id != 2)).collect();
        assert_eq!(oldest_for(&segments, 0), [] as [i64; 0]);
        assert_eq!(oldest_for(&segments, 1), [1]);
        assert_eq!(oldest_for(&segments, 11), [1, 3]);
        assert_eq!(oldest_for(&segments, 1000), [1, 3, 4]);
    }

    proptest! {
        #[test]
        fn limits_hold_and_nothing_goes_without_need(
            sizes in prop::collection::vec((0u64..50, any::<bool>()), 0..30),
            max in 0u64..600,
        ) {
            let segments: Vec<Held> =
                sizes.iter().zip(1..).map(|(&(bytes, done), id)| held(id, bytes, done)).collect();
            let total: u64 = segments.iter().map(|segment| segment.bytes).sum();
            let go = too_old_or_much(&segments, None, Some(max), total, at(1));
            let size = |id: &i64| segments.iter().find(|s| s.id == *id).map_or(0, |s| s.bytes);
            let freed: u64 = go.iter().map(size).sum();
            let fixed: u64 = segments.iter().filter(|s| !s.complete).map(|s| s.bytes).sum();
            prop_assert!(total - freed <= max.max(fixed));
            if let Some(last) = go.last() {
                prop_assert!(total - freed + size(last) > max);
            }
            let gone = oldest_for(&segments, max);
            let freed: u64 = gone.iter().map(size).sum();
            prop_assert!(freed >= max || freed + fixed == total);
        }
    }
}
