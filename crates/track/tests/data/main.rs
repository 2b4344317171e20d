//! The tracker on real detections, judged by HOTA against ground truth.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests: a failure is a failed test"
)]

#[path = "../common/mod.rs"]
mod common;
mod sequence;

use std::time::Duration;

use omma_track::metrics::{Scores, SequenceCounts};
use omma_track::mot::Row;
use omma_track::{TrackerConfig, offline};
use sequence::Sequence;

fn score(sequence: &Sequence, rows: &[Row]) -> Scores {
    SequenceCounts::measure(&sequence.truth, rows).unwrap().scores()
}

/// Online and offline scores, printed.
fn both(label: &str, sequence: &Sequence, config: &TrackerConfig) -> (Scores, Scores) {
    let results = sequence.track(config);
    let (online, offline) = (score(sequence, &results.online), score(sequence, &results.offline));
    for (mode, s) in [("online", online), ("offline", offline)] {
        println!(
            "{} {label} {mode}: HOTA {:.4} DetA {:.4} AssA {:.4} MOTA {:.4} IDF1 {:.4} IDSW {}",
            sequence.name, s.hota, s.det_a, s.ass_a, s.mota, s.idf1, s.idsw
        );
    }
    (online, offline)
}

#[test]
fn hota_on_identical_detections_is_above_the_target() {
    for (name, target) in [("PETS09-S2L1", 0.53), ("TUD-Stadtmitte", 0.60)] {
        let Some(sequence) = Sequence::read(name, "yolox-nano") else { return };
        let (online, offline) = both("yolox-nano", &sequence, &TrackerConfig::default());
        assert!(online.hota >= target, "{name} online: {online:?}");
        assert!(offline.hota >= target, "{name} offline: {offline:?}");
        assert!(offline.hota > online.hota, "completing trajectories must help");
    }
}

#[test]
fn other_detectors_and_lower_frame_rates_work_as_well() {
    // Floors a little under what was measured; a change that breaks one of these conditions
    // costs far more than that.
    let cases = [
        ("PETS09-S2L1", "public", 1, 0.55),
        ("TUD-Stadtmitte", "public", 1, 0.40),
        ("PETS09-S2L1", "yolox-nano", 2, 0.55),
        ("PETS09-S2L1", "yolox-nano", 4, 0.48),
        ("TUD-Stadtmitte", "yolox-nano", 2, 0.56),
        ("TUD-Stadtmitte", "yolox-nano", 4, 0.54),
        ("TUD-Stadtmitte", "yolox-nano", 12, 0.46),
    ];
    for (name, detector, step, floor) in cases {
        let Some(sequence) = Sequence::read(name, detector) else { return };
        let label = format!("{detector}, every {step}");
        let (online, _) = both(&label, &sequence.every(step), &TrackerConfig::default());
        assert!(online.hota >= floor, "{name} {label}: {online:?}");
    }
}

/// The defaults must lie on a plateau: no neighbour of a value may be much worse than the value
/// itself, in the mean over both sequences.
#[test]
fn neighbours_of_each_setting_are_about_as_good() {
    type Change = fn(&mut TrackerConfig, f64);
    fn times(duration: &mut Duration, factor: f64) {
        *duration = duration.mul_f64(factor);
    }
    let changes: [(&str, Change); 19] = [
        ("high_score", |c, f| c.high_score *= 1.0 + (f as f32 - 1.0) / 4.0),
        ("low_score", |c, f| c.low_score *= f as f32),
        ("confirm_after", |c, f| times(&mut c.confirm_after, f)),
        ("tentative_lost", |c, f| times(&mut c.tentative_lost, f)),
        ("max_lost", |c, f| times(&mut c.max_lost, f)),
        ("buffer", |c, f| c.buffer *= f),
        ("min_overlap", |c, f| c.min_overlap *= f),
        ("min_overlap_low", |c, f| c.min_overlap_low *= 1.0 + (f - 1.0) / 2.0),
        ("duplicate_overlap", |c, f| c.duplicate_overlap *= f),
        ("smoothing", |c, f| c.smoothing *= f),
        ("speed_x", |c, f| c.motion.speed_x *= f),
        ("speed_y", |c, f| c.motion.speed_y *= f),
        ("memory", |c, f| times(&mut c.motion.memory, f)),
        ("jitter", |c, f| c.motion.jitter *= f),
        ("extent_jitter", |c, f| c.motion.extent_jitter *= f),
        ("extent_drift", |c, f| c.motion.extent_drift *= f),
        ("score_doubt", |c, f| c.motion.score_doubt *= f),
        ("extent_doubt", |c, f| c.motion.extent_doubt *= f),
        ("adaptation", |c, f| times(&mut c.motion.adaptation, f)),
    ];
    let names = ["PETS09-S2L1", "TUD-Stadtmitte"];
    let sequences: Vec<Sequence> =
        names.into_iter().filter_map(|name| Sequence::read(name, "yolox-nano")).collect();
    if sequences.len() < names.len() {
        return;
    }
    let mean = |config: &TrackerConfig| {
        let hota = |s: &Sequence| score(s, &s.track(config).online).hota;
        sequences.iter().map(hota).sum::<f64>() / sequences.len() as f64
    };
    let default = mean(&TrackerConfig::default());
    for (name, change) in changes {
        for factor in [0.8, 1.25] {
            let mut config = TrackerConfig::default();
            change(&mut config, factor);
            let neighbour = mean(&config);
            println!("{name} x {factor}: {neighbour:.4} (default {default:.4})");
            assert!(neighbour > default - 0.05, "{name} x {factor}: {neighbour} << {default}");
        }
    }
}

#[test]
fn a_whole_file_is_tracked_as_frame_by_frame() {
    let Some(sequence) = Sequence::read("TUD-Stadtmitte", "public") else { return };
    let config = TrackerConfig::default();
    let rows = offline::track_rows(&sequence.detections, sequence.fps, &config).unwrap();
    let mut expected = sequence.track(&config).offline;
    expected.sort_by_key(|row| (row.frame, row.id));
    assert_eq!(rows, expected);
}
