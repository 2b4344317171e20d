//! Which points of a way need not be kept, because a straight line tells where they were.
//!
//! The method is that of Douglas and Peucker ("Algorithms for the reduction of the number of
//! points required to represent a digitized line or its caricature", Cartographica 10, 1973),
//! with the distance of Meratnia and de By ("Spatiotemporal compression techniques for moving
//! point objects", EDBT 2004): a point is compared with where the straight line is *at the same
//! time*, so that not only the course is kept, but also when somebody was where.

/// How many numbers are followed: place of the feet, and extent.
pub(super) const AXES: usize = 4;

/// A sample in whole steps of the grid that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// When: nanoseconds on the stream's clock.
    pub(super) at: i64,
    /// Where, as it will be stored if this sample is kept.
    pub(super) place: [i32; AXES],
}

/// Where the straight way from `start` to `end` is at the time `at`.
pub(super) fn between(start: &Sample, end: &Sample, at: i64) -> [f64; AXES] {
    let span = end.at.saturating_sub(start.at);
    let part = if span > 0 { at.saturating_sub(start.at) as f64 / span as f64 } else { 0.0 };
    let mut place = [0.0; AXES];
    for ((place, a), b) in place.iter_mut().zip(start.place).zip(end.place) {
        *place = f64::from(a) + (f64::from(b) - f64::from(a)) * part;
    }
    place
}

/// The positions of the samples to keep, rising; the first and the last one always are. Each
/// other sample differs from the straight way between its kept neighbours by at most `bounds`
/// on each axis. `samples` are in order of time.
pub(super) fn keep(samples: &[Sample], bounds: [f64; AXES]) -> Vec<usize> {
    let Some(last) = samples.len().checked_sub(1) else { return Vec::new() };
    let mut kept = vec![0];
    // Spans still to be looked at, the next one last: the result comes out in order.
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        match worst(samples, from, to, bounds) {
            Some(at) => {
                open.push((at, to));
                open.push((from, at));
            }
            None if to > 0 => kept.push(to),
            None => {}
        }
    }
    kept
}

/// The sample strictly between `from` and `to` that is farthest off, if one is too far off.
fn worst(samples: &[Sample], from: usize, to: usize, bounds: [f64; AXES]) -> Option<usize> {
    let (start, end) = (samples.get(from)?, samples.get(to)?);
    let mut found = (1.0, None);
    for (index, sample) in samples.iter().enumerate().take(to).skip(from + 1) {
        let there = between(start, end, sample.at);
        let off = sample.place.iter().zip(there).zip(bounds);
        let off = off.map(|((here, there), bound)| (f64::from(*here) - there).abs() / bound);
        let off = off.fold(0.0, f64::max);
        if off > found.0 {
            found = (off, Some(index));
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(at: i64, x: i32) -> Sample {
        Sample { at, place: [x, 0, 10, 20] }
    }

    #[test]
    fn a_steady_walk_is_two_points_and_a_stop_is_one_more() {
        let walk: Vec<Sample> = (0..100).map(|n| sample(i64::from(n) * 40, n * 7)).collect();
        assert_eq!(keep(&walk, [1.0; AXES]), [0, 99]);
        let stops: Vec<Sample> =
            (0..100).map(|n| sample(i64::from(n) * 40, n.min(50) * 7)).collect();
        assert_eq!(keep(&stops, [1.0; AXES]), [0, 50, 99], "the same course, but not the times");
        assert_eq!(keep(&[], [1.0; AXES]), Vec::<usize>::new());
        assert_eq!(keep(&walk[..1], [1.0; AXES]), [0]);
    }

    proptest! {
        #[test]
        fn what_is_left_out_is_within_the_bounds(
            steps in prop::collection::vec((0i64..5, -50i32..50, -50i32..50), 0..80),
            bound in 0.5f64..30.0,
        ) {
            let (mut at, mut x, mut y) = (0, 0, 0);
            let samples: Vec<Sample> = steps
                .into_iter()
                .map(|(dt, dx, dy)| {
                    (at, x, y) = (at + dt, x + dx, y + dy);
                    Sample { at, place: [x, y, x / 2, 7] }
                })
                .collect();
            let kept = keep(&samples, [bound; AXES]);
            prop_assert!(kept.is_sorted_by(|a, b| a < b));
            for pair in kept.windows(2) {
                for index in pair[0]..=pair[1] {
                    let there = between(&samples[pair[0]], &samples[pair[1]], samples[index].at);
                    for (here, there) in samples[index].place.iter().zip(there) {
                        let off = (f64::from(*here) - there).abs();
                        // A time without length has one place: the kept ones are exact.
                        let is_kept = index == pair[0] || index == pair[1];
                        prop_assert!(is_kept || off <= bound + 1e-9, "{off} > {bound}");
                    }
                }
            }
        }
    }
}
