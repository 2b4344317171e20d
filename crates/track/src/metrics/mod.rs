//! Scores of tracking results against ground truth.
//!
//! Three views of the same question, each with the paper that defines it:
//! - HOTA, DetA, AssA (Luiten et al. 2020, "HOTA: A Higher Order Metric for Evaluating
//!   Multi-Object Tracking"): detection and association weigh the same, averaged over 19
//!   overlap thresholds from 0.05 to 0.95.
//! - MOTA and id switches (Bernardin and Stiefelhagen 2008, "Evaluating Multiple Object
//!   Tracking Performance: The CLEAR MOT Metrics") at overlap 0.5.
//! - IDF1 (Ristani et al. 2016, "Performance Measures and a Data Set for Multi-Target,
//!   Multi-Camera Tracking") at overlap 0.5.
//!
//! [`SequenceCounts`] holds the sums of one sequence. Sums of several sequences add up, so
//! that long sequences weigh more than short ones, as the benchmarks do it.

mod clear;
mod hota;
mod identity;

use std::collections::BTreeMap;

use crate::TrackError;
use crate::mot::Row;

/// Slack of comparisons with a threshold, as the reference implementations have it.
const EPSILON: f64 = f64::EPSILON;
/// The overlap that CLEAR and identity scores ask for.
const MATCH_OVERLAP: f64 = 0.5;

/// The figures of one sequence, or of several together. All but `idsw` are fractions of 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Higher order tracking accuracy: geometric mean of `det_a` and `ass_a` at each
    /// threshold, averaged.
    pub hota: f64,
    /// Detection accuracy, averaged over the thresholds.
    pub det_a: f64,
    /// Association accuracy, averaged over the thresholds.
    pub ass_a: f64,
    /// 1 - (misses + false alarms + id switches) / true boxes; negative when there are more
    /// mistakes than true boxes.
    pub mota: f64,
    /// Share of boxes with the right identity (harmonic mean of precision and recall).
    pub idf1: f64,
    /// How often a true object's id changed.
    pub idsw: u64,
}

/// What has to be summed up to score a sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceCounts {
    hota: hota::Sums,
    clear: clear::Sums,
    identity: identity::Sums,
}

impl SequenceCounts {
    /// Compares `result` with `truth` (see [`crate::mot::parse_truth`]). Frames run from 1 to
    /// the last one of the ground truth; result rows after it do not count.
    ///
    /// # Errors
    /// [`TrackError::NoTruth`] where `truth` is empty, [`TrackError::Duplicate`] where an id
    /// stands twice in one frame.
    pub fn measure(truth: &[Row], result: &[Row]) -> Result<Self, TrackError> {
        let sequence = Sequence::new(truth, result)?;
        Ok(Self {
            hota: hota::measure(&sequence),
            clear: clear::measure(&sequence),
            identity: identity::measure(&sequence),
        })
    }

    /// Adds the sums of another sequence.
    pub fn add(&mut self, other: &Self) {
        self.hota.add(&other.hota);
        self.clear.add(&other.clear);
        self.identity.add(&other.identity);
    }

    /// The figures that these sums give.
    pub fn scores(&self) -> Scores {
        let (hota, det_a, ass_a) = self.hota.scores();
        Scores {
            hota,
            det_a,
            ass_a,
            mota: self.clear.mota(),
            idf1: self.identity.f1(),
            idsw: self.clear.switches,
        }
    }
}

/// One frame: ids renumbered from 0, and the overlaps above zero.
#[derive(Debug, Default)]
struct Frame {
    truth: Vec<usize>,
    result: Vec<usize>,
    /// (place in `truth`, place in `result`, overlap)
    overlaps: Vec<(usize, usize, f64)>,
}

/// Two sets of tracks, brought together frame by frame.
#[derive(Debug)]
struct Sequence {
    frames: Vec<Frame>,
    /// Boxes of each true id.
    truth_boxes: Vec<usize>,
    /// Boxes of each id of the result.
    result_boxes: Vec<usize>,
}

impl Sequence {
    fn new(truth: &[Row], result: &[Row]) -> Result<Self, TrackError> {
        let last = truth.iter().map(|row| row.frame).max().ok_or(TrackError::NoTruth)?;
        let (truth, truth_boxes) = by_frame("ground truth", truth, last)?;
        let (result, result_boxes) = by_frame("result", result, last)?;
        // Frames without any box change no figure, so only the others are kept.
        let mut numbers: Vec<u32> = truth.keys().chain(result.keys()).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let none = Vec::new();
        let frames = numbers.iter().map(|number| {
            let (t, r) = (truth.get(number).unwrap_or(&none), result.get(number).unwrap_or(&none));
            let mut overlaps = Vec::new();
            for (i, (_, a)) in t.iter().enumerate() {
                for (j, (_, b)) in r.iter().enumerate() {
                    let overlap = overlap(a, b);
                    if overlap > 0.0 {
                        overlaps.push((i, j, overlap));
                    }
                }
            }
            let ids = |rows: &[(usize, &Row)]| rows.iter().map(|(id, _)| *id).collect();
            Frame { truth: ids(t), result: ids(r), overlaps }
        });
        Ok(Self { frames: frames.collect(), truth_boxes, result_boxes })
    }
}

type FrameRows<'a> = BTreeMap<u32, Vec<(usize, &'a Row)>>;

/// Rows by frame up to `last`, with ids renumbered from 0 in their order, and the number of
/// boxes of each.
fn by_frame<'a>(
    which: &'static str,
    rows: &'a [Row],
    last: u32,
) -> Result<(FrameRows<'a>, Vec<usize>), TrackError> {
    let mut ids: Vec<i64> = rows.iter().filter(|r| r.frame <= last).map(|r| r.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut boxes = vec![0; ids.len()];
    let mut frames = FrameRows::new();
    for row in rows {
        let Ok(id) = ids.binary_search(&row.id) else { continue };
        if row.frame > last {
            continue;
        }
        boxes[id] += 1;
        frames.entry(row.frame).or_default().push((id, row));
    }
    for (&frame, rows) in &mut frames {
        rows.sort_by_key(|(id, _)| *id);
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(TrackError::Duplicate { which, frame, id: pair[0].1.id });
        }
    }
    Ok((frames, boxes))
}

/// Intersection over union in double precision.
fn overlap(a: &Row, b: &Row) -> f64 {
    let corners = |r: &Row| (r.left, r.top, r.left + r.width, r.top + r.height);
    let (a, b) = (corners(a), corners(b));
    let width = (a.2.min(b.2) - a.0.max(b.0)).max(0.0);
    let height = (a.3.min(b.3) - a.1.max(b.1)).max(0.0);
    let intersection = width * height;
    let (area_a, area_b) = ((a.2 - a.0) * (a.3 - a.1), (b.2 - b.0) * (b.3 - b.1));
    let union = area_a + area_b - intersection;
    if area_a <= EPSILON || area_b <= EPSILON || union <= EPSILON {
        return 0.0;
    }
    intersection / union
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(frame: u32, id: i64, left: f64) -> Row {
        Row { frame, id, left, top: 0.0, width: 10.0, height: 10.0, score: 1.0 }
    }

    fn score(truth: &[Row], result: &[Row]) -> Scores {
        SequenceCounts::measure(truth, result).unwrap().scores()
    }

    #[test]
    fn an_empty_result_scores_zero() {
        assert_eq!(score(&[row(1, 1, 0.0)], &[]), Scores::default());
    }

    #[test]
    fn one_switch_in_the_middle_halves_the_association() {
        let truth: Vec<Row> = (1..=10).map(|f| row(f, 1, 0.0)).collect();
        let result: Vec<Row> = (1..=10).map(|f| row(f, if f <= 5 { 7 } else { 8 }, 0.0)).collect();
        let scores = score(&truth, &result);
        // Each half overlaps the truth in 5 of 10 boxes: A = 5/10 for every true positive.
        assert!((scores.det_a - 1.0).abs() < 1e-12);
        assert!((scores.ass_a - 0.5).abs() < 1e-12);
        assert!((scores.hota - 0.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(scores.idsw, 1);
        assert!((scores.mota - 0.9).abs() < 1e-12);
        assert!((scores.idf1 - 0.5).abs() < 1e-12);
    }

    #[test]
    fn impossible_input_is_refused() {
        assert_eq!(SequenceCounts::measure(&[], &[]), Err(TrackError::NoTruth));
        let twice = [row(3, 5, 0.0), row(3, 5, 20.0)];
        let error = SequenceCounts::measure(&[row(3, 1, 0.0)], &twice).unwrap_err();
        assert_eq!(error, TrackError::Duplicate { which: "result", frame: 3, id: 5 });
    }

    fn tracks() -> impl Strategy<Value = Vec<Row>> {
        let cell = (1u32..12, 1i64..5, 0.0f64..60.0);
        proptest::collection::vec(cell, 1..40).prop_map(|cells| {
            let unique: BTreeMap<(u32, i64), f64> =
                cells.into_iter().map(|(frame, id, left)| ((frame, id), left)).collect();
            unique.into_iter().map(|((frame, id), left)| row(frame, id, left)).collect()
        })
    }

    proptest! {
        #[test]
        fn truth_against_itself_is_perfect(truth in tracks()) {
            let scores = score(&truth, &truth);
            prop_assert_eq!(scores.idsw, 0);
            for value in [scores.mota, scores.idf1] {
                prop_assert!((value - 1.0).abs() < 1e-9, "{:?}", scores);
            }
            // HOTA aligns whole tracks: boxes of two ids at the same place may be exchanged
            // only where they overlap, which random boxes do.
            prop_assert!(scores.det_a > 1.0 - 1e-9);
        }

        #[test]
        fn scores_stay_in_range_and_do_not_depend_on_names(truth in tracks(), result in tracks()) {
            let scores = score(&truth, &result);
            for value in [scores.hota, scores.det_a, scores.ass_a, scores.idf1] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{:?}", scores);
            }
            prop_assert!(scores.mota <= 1.0);
            let renamed: Vec<Row> =
                result.iter().map(|r| Row { id: r.id * 1000, ..*r }).collect();
            prop_assert_eq!(score(&truth, &renamed), scores);
        }

        #[test]
        fn adding_nothing_changes_nothing(truth in tracks(), result in tracks()) {
            let counts = SequenceCounts::measure(&truth, &result).unwrap();
            let mut sum = SequenceCounts::default();
            sum.add(&counts);
            prop_assert_eq!(sum.scores(), counts.scores());
        }
    }
}
