//! Identity scores (Ristani et al. 2016): the best one-to-one mapping of whole tracks.

use std::collections::BTreeMap;

use super::{MATCH_OVERLAP, Sequence};
use crate::assignment::{Assigner, Edge};

/// Sums of one sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    right: u64,
    truth: u64,
    result: u64,
}

impl Sums {
    pub(super) fn add(&mut self, other: &Self) {
        self.right += other.right;
        self.truth += other.truth;
        self.result += other.result;
    }

    pub(super) fn f1(&self) -> f64 {
        2.0 * self.right as f64 / (self.truth + self.result).max(1) as f64
    }
}

pub(super) fn measure(sequence: &Sequence) -> Sums {
    let mut together: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for frame in &sequence.frames {
        for &(t, r, overlap) in &frame.overlaps {
            if overlap >= MATCH_OVERLAP {
                *together.entry((frame.truth[t], frame.result[r])).or_default() += 1;
            }
        }
    }
    // Each frame that a mapped pair shares turns one miss and one false alarm into a hit, so
    // the mapping with the most shared frames has the fewest mistakes.
    let edges: Vec<Edge> = together
        .iter()
        .map(|(&(row, col), &frames)| Edge { row, col, gain: frames as f64 })
        .collect();
    let mut assigner = Assigner::default();
    let mapping = assigner.solve(sequence.truth_boxes.len(), sequence.result_boxes.len(), &edges);
    let shared = mapping.iter().enumerate().filter_map(|(t, r)| together.get(&(t, (*r)?)));
    Sums {
        right: shared.sum(),
        truth: sequence.truth_boxes.iter().sum::<usize>() as u64,
        result: sequence.result_boxes.iter().sum::<usize>() as u64,
    }
}
