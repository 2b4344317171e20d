//! CLEAR MOT (Bernardin and Stiefelhagen 2008): misses, false alarms, id switches.

use super::{EPSILON, MATCH_OVERLAP, Sequence};
use crate::assignment::{Assigner, Edge};

/// Preference for the pair of the frame before; far above any sum of overlaps of a frame.
const CONTINUED: f64 = 1000.0;

/// Sums of one sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    hits: u64,
    misses: u64,
    false_alarms: u64,
    pub(super) switches: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.false_alarms += other.false_alarms;
        self.switches += other.switches;
    }

    pub(super) fn mota(&self) -> f64 {
        let right = self.hits as f64 - self.false_alarms as f64 - self.switches as f64;
        right / (self.hits + self.misses).max(1) as f64
    }
}

pub(super) fn measure(sequence: &Sequence) -> Sums {
    let mut sums = Sums::default();
    let mut assigner = Assigner::default();
    let mut edges = Vec::new();
    // The result id that a true id was matched to: ever, and in the last frame with boxes on
    // both sides.
    let mut last_ever: Vec<Option<usize>> = vec![None; sequence.truth_boxes.len()];
    let mut last_frame = last_ever.clone();
    for frame in &sequence.frames {
        if frame.truth.is_empty() || frame.result.is_empty() {
            sums.misses += frame.truth.len() as u64;
            sums.false_alarms += frame.result.len() as u64;
            continue;
        }
        edges.clear();
        for &(row, col, overlap) in &frame.overlaps {
            if overlap >= MATCH_OVERLAP - EPSILON {
                let continued = last_frame[frame.truth[row]] == Some(frame.result[col]);
                let gain = overlap + if continued { CONTINUED } else { 0.0 };
                edges.push(Edge { row, col, gain });
            }
        }
        let matched = assigner.solve(frame.truth.len(), frame.result.len(), &edges);
        last_frame.fill(None);
        let mut hits = 0;
        for (row, col) in matched.iter().enumerate() {
            let Some(col) = *col else { continue };
            let (truth, result) = (frame.truth[row], frame.result[col]);
            if last_ever[truth].is_some_and(|before| before != result) {
                sums.switches += 1;
            }
            last_ever[truth] = Some(result);
            last_frame[truth] = Some(result);
            hits += 1;
        }
        sums.hits += hits;
        sums.misses += frame.truth.len() as u64 - hits;
        sums.false_alarms += frame.result.len() as u64 - hits;
    }
    sums
}
