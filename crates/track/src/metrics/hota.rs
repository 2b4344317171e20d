//! HOTA (Luiten et al. 2020): detection and association at 19 overlap thresholds.

use std::collections::BTreeMap;

use super::{EPSILON, Sequence};
use crate::assignment::{Assigner, Edge};

const THRESHOLDS: usize = 19;

/// Overlap threshold number `index`: 0.05, 0.10, ... 0.95.
fn threshold(index: usize) -> f64 {
    0.05 + 0.05 * index as f64
}

/// Sums of one sequence at each threshold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    hits: [u64; THRESHOLDS],
    misses: [u64; THRESHOLDS],
    false_alarms: [u64; THRESHOLDS],
    /// The association accuracy of each hit, summed over the hits.
    association: [f64; THRESHOLDS],
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        for a in 0..THRESHOLDS {
            self.hits[a] += other.hits[a];
            self.misses[a] += other.misses[a];
            self.false_alarms[a] += other.false_alarms[a];
            self.association[a] += other.association[a];
        }
    }

    /// HOTA, DetA, AssA.
    pub(super) fn scores(&self) -> (f64, f64, f64) {
        let (mut hota, mut det_a, mut ass_a) = (0.0, 0.0, 0.0);
        for a in 0..THRESHOLDS {
            let boxes = self.hits[a] + self.misses[a] + self.false_alarms[a];
            let detection = self.hits[a] as f64 / boxes.max(1) as f64;
            let association = self.association[a] / self.hits[a].max(1) as f64;
            hota += (detection * association).sqrt();
            det_a += detection;
            ass_a += association;
        }
        let n = THRESHOLDS as f64;
        (hota / n, det_a / n, ass_a / n)
    }
}

/// A true id and a result id.
#[derive(Default)]
struct Pair {
    /// Soft count of frames in which the two could be the same object.
    potential: f64,
    /// Frames in which they were matched, at each threshold.
    matches: [u64; THRESHOLDS],
}

pub(super) fn measure(sequence: &Sequence) -> Sums {
    let mut pairs: BTreeMap<(usize, usize), Pair> = BTreeMap::new();
    for frame in &sequence.frames {
        let (mut of_truth, mut of_result) =
            (vec![0.0; frame.truth.len()], vec![0.0; frame.result.len()]);
        for &(t, r, overlap) in &frame.overlaps {
            of_truth[t] += overlap;
            of_result[r] += overlap;
        }
        for &(t, r, overlap) in &frame.overlaps {
            let total = of_truth[t] + of_result[r] - overlap;
            if total > EPSILON {
                let pair = pairs.entry((frame.truth[t], frame.result[r])).or_default();
                pair.potential += overlap / total;
            }
        }
    }
    let boxes = |t: usize, r: usize| (sequence.truth_boxes[t] + sequence.result_boxes[r]) as f64;

    let mut sums = Sums::default();
    let mut assigner = Assigner::default();
    let mut edges = Vec::new();
    for frame in &sequence.frames {
        edges.clear();
        edges.extend(frame.overlaps.iter().map(|&(row, col, overlap)| {
            let (t, r) = (frame.truth[row], frame.result[col]);
            let potential = pairs.get(&(t, r)).map_or(0.0, |pair| pair.potential);
            Edge { row, col, gain: potential / (boxes(t, r) - potential) * overlap }
        }));
        let matched = assigner.solve(frame.truth.len(), frame.result.len(), &edges);
        let mut hits = [0; THRESHOLDS];
        for &(t, r, overlap) in frame.overlaps.iter().filter(|o| matched[o.0] == Some(o.1)) {
            let pair = pairs.entry((frame.truth[t], frame.result[r])).or_default();
            for a in (0..THRESHOLDS).filter(|&a| overlap >= threshold(a) - EPSILON) {
                hits[a] += 1;
                pair.matches[a] += 1;
            }
        }
        for (a, hits) in hits.into_iter().enumerate() {
            sums.hits[a] += hits;
            sums.misses[a] += frame.truth.len() as u64 - hits;
            sums.false_alarms[a] += frame.result.len() as u64 - hits;
        }
    }
    for (&(t, r), pair) in &pairs {
        for a in 0..THRESHOLDS {
            let matches = pair.matches[a] as f64;
            sums.association[a] += matches * matches / (boxes(t, r) - matches).max(1.0);
        }
    }
    sums
}
