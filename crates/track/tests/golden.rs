//! The metrics against figures of an implementation that is not ours: Roboflow trackers 2.6,
//! whose code follows TrackEval. With `$OMMA_DUMP` set, the result files are written there, so
//! that the figures below can be computed again.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

mod common;

use common::data;
use omma_track::metrics::{Scores, SequenceCounts};
use omma_track::mot::{self, Row};

/// A generator of our own, so that the files never change.
struct Noise(u64);

impl Noise {
    /// 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// Ground truth with mistakes: boxes shifted and resized, some lost, some made up, ids that
/// change now and then, and rows after the last frame of the truth.
fn noisy(truth: &[Row], loss: f64, scatter: f64, change: f64) -> Vec<Row> {
    let mut noise = Noise(7);
    let mut names: std::collections::BTreeMap<i64, i64> = std::collections::BTreeMap::new();
    let mut next = 1;
    let mut rows = Vec::new();
    for row in truth {
        if noise.next() < change || !names.contains_key(&row.id) {
            names.insert(row.id, next);
            next += 1;
        }
        if noise.next() < loss {
            continue;
        }
        let mut off = |extent: f64| (noise.next() - 0.5) * scatter * extent;
        let (dx, dy, dw, dh) = (off(row.width), off(row.height), off(row.width), off(row.height));
        rows.push(Row {
            id: names[&row.id],
            left: row.left + dx,
            top: row.top + dy,
            width: row.width + dw,
            height: row.height + dh,
            ..*row
        });
        if noise.next() < loss / 2.0 {
            rows.push(Row { id: 1000 + next, left: noise.next() * 600.0, ..*row });
            next += 1;
        }
    }
    let last = truth.iter().map(|row| row.frame).max().unwrap_or(1);
    rows.push(Row { frame: last + 3, id: 1, ..truth[0] });
    // As the file will say it.
    mot::parse(&mot::write(&rows)).unwrap()
}

/// Scores as a line, rounded to 4 digits like those of the other implementation.
fn line(s: &Scores) -> String {
    format!(
        "HOTA {:.4} DetA {:.4} AssA {:.4} MOTA {:.4} IDF1 {:.4} IDSW {}",
        s.hota, s.det_a, s.ass_a, s.mota, s.idf1, s.idsw
    )
}

type Make = fn(&[Row], &[Row]) -> Vec<Row>;

/// How a result file is made, and its figures on PETS09-S2L1, TUD-Stadtmitte and both together.
struct Case {
    name: &'static str,
    make: Make,
    figures: [&'static str; 3],
}

const CASES: [Case; 6] = [
    Case {
        name: "perfect",
        make: |truth, _| truth.to_vec(),
        figures: [
            "HOTA 1.0000 DetA 1.0000 AssA 1.0000 MOTA 1.0000 IDF1 1.0000 IDSW 0",
            "HOTA 1.0000 DetA 1.0000 AssA 1.0000 MOTA 1.0000 IDF1 1.0000 IDSW 0",
            "HOTA 1.0000 DetA 1.0000 AssA 1.0000 MOTA 1.0000 IDF1 1.0000 IDSW 0",
        ],
    },
    Case {
        name: "empty",
        make: |_, _| Vec::new(),
        figures: [
            "HOTA 0.0000 DetA 0.0000 AssA 0.0000 MOTA 0.0000 IDF1 0.0000 IDSW 0",
            "HOTA 0.0000 DetA 0.0000 AssA 0.0000 MOTA 0.0000 IDF1 0.0000 IDSW 0",
            "HOTA 0.0000 DetA 0.0000 AssA 0.0000 MOTA 0.0000 IDF1 0.0000 IDSW 0",
        ],
    },
    Case {
        name: "noisy",
        make: |truth, _| noisy(truth, 0.1, 0.2, 0.01),
        figures: [
            "HOTA 0.4603 DetA 0.6829 AssA 0.3104 MOTA 0.8485 IDF1 0.4813 IDSW 52",
            "HOTA 0.4668 DetA 0.6741 AssA 0.3236 MOTA 0.8330 IDF1 0.5147 IDSW 17",
            "HOTA 0.4616 DetA 0.6811 AssA 0.3131 MOTA 0.8453 IDF1 0.4881 IDSW 69",
        ],
    },
    Case {
        name: "rough",
        make: |truth, _| noisy(truth, 0.4, 0.8, 0.1),
        figures: [
            "HOTA 0.0641 DetA 0.2076 AssA 0.0204 MOTA -0.4017 IDF1 0.0355 IDSW 378",
            "HOTA 0.0887 DetA 0.2140 AssA 0.0375 MOTA -0.3953 IDF1 0.0529 IDSW 132",
            "HOTA 0.0698 DetA 0.2089 AssA 0.0240 MOTA -0.4004 IDF1 0.0390 IDSW 510",
        ],
    },
    Case {
        name: "one-id-a-box",
        make: |_, detections| (1..).zip(detections).map(|(id, row)| Row { id, ..*row }).collect(),
        figures: [
            "HOTA 0.0375 DetA 0.3756 AssA 0.0043 MOTA -0.8928 IDF1 0.0030 IDSW 4147",
            "HOTA 0.0565 DetA 0.4027 AssA 0.0091 MOTA -0.7093 IDF1 0.0067 IDSW 980",
            "HOTA 0.0417 DetA 0.3806 AssA 0.0052 MOTA -0.8551 IDF1 0.0037 IDSW 5127",
        ],
    },
    Case {
        name: "rank",
        make: |_, detections| ranks(detections),
        figures: [
            "HOTA 0.1174 DetA 0.3732 AssA 0.0371 MOTA -0.5201 IDF1 0.0863 IDSW 2473",
            "HOTA 0.1915 DetA 0.3929 AssA 0.0943 MOTA -0.1332 IDF1 0.1862 IDSW 314",
            "HOTA 0.1346 DetA 0.3768 AssA 0.0486 MOTA -0.4407 IDF1 0.1053 IDSW 2787",
        ],
    },
];

/// Detections named by their rank in their frame: every id jumps from person to person.
fn ranks(detections: &[Row]) -> Vec<Row> {
    let frames = detections.chunk_by(|a, b| a.frame == b.frame);
    frames.flat_map(|frame| (1..).zip(frame).map(|(id, row)| Row { id, ..*row })).collect()
}

#[test]
fn figures_equal_those_of_another_implementation() {
    let dump = std::env::var_os("OMMA_DUMP").map(std::path::PathBuf::from);
    let names = ["PETS09-S2L1", "TUD-Stadtmitte"];
    let mut files = Vec::new();
    for name in names {
        let Some(truth) = data(&format!("mot/{name}/gt.txt")) else { return };
        let Some(detections) = data(&format!("mot/{name}/det-yolox-nano.txt")) else { return };
        files.push((mot::parse_truth(&truth).unwrap(), mot::parse(&detections).unwrap()));
    }
    for Case { name: case, make, figures } in CASES {
        let mut all = SequenceCounts::default();
        for ((name, (truth, detections)), expected) in names.iter().zip(&files).zip(figures) {
            let result = make(truth, detections);
            if let Some(folder) = &dump {
                std::fs::write(folder.join(format!("{case}-{name}.txt")), mot::write(&result))
                    .unwrap();
            }
            let counts = SequenceCounts::measure(truth, &result).unwrap();
            all.add(&counts);
            assert_eq!(line(&counts.scores()), expected, "{case} {name}");
        }
        assert_eq!(line(&all.scores()), figures[2], "{case}, both sequences");
    }
}
