//! `omma analyze` on real people: what it counts, tracks, writes and hides.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use omma_testkit::{Data, Omma, data, ffprobe, gray_pictures, ort_library};
use serde_json::Value;

const LINES: &str = "--line path-mid=0.50,0.30,0.50,0.95 --line path-left=0.25,0.30,0.25,0.75 \
                     --line road-top=0.55,0.45,1.00,0.45";

/// Crossings of the ground truth: line, forward, backward (`README.md` of the data).
const TRUTH: [(&str, u64, u64); 3] =
    [("path-mid", 16, 13), ("path-left", 7, 5), ("road-top", 6, 12)];

const SIZE: (usize, usize) = (768, 576);

fn omma(dir: &Path, data: &Data) -> Omma {
    Omma::new(env!("CARGO_BIN_EXE_omma"), dir).data(data).ort(ort_library().as_deref())
}

/// Forward and backward of each line of a summary.
fn crossings(summary: &Value) -> BTreeMap<String, (u64, u64)> {
    let line = |(name, line): (&String, &Value)| {
        let number = |key: &str| line[key].as_u64().unwrap();
        (name.clone(), (number("forward"), number("backward")))
    };
    summary["lines"].as_object().unwrap().iter().map(line).collect()
}

/// Events of a file with one JSON value a line.
fn events(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first `frames` pictures of a clip, cut without encoding anything anew.
fn beginning(data: &Data, dir: &Path, clip: &str, frames: u32) -> PathBuf {
    let source = data.clip(clip);
    let short = dir.join(format!("short-{clip}"));
    let (source, target) = (source.display(), short.display());
    omma_testkit::ffmpeg(dir, &format!("-i {source} -c copy -frames:v {frames} -an {target}"));
    short
}

/// Everything at once, as in a real evening of work: count, track, tell, draw and hide.
#[test]
fn people_are_counted_tracked_told_drawn_and_hidden() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let clip = data.clip("PETS09-S2L1.mp4");
    let ran = omma(dir, &data)
        .args("analyze --classes person --json --out out.mp4 --redact person")
        .args("--redact-with black")
        .args("--events events.jsonl --tracks tracks.txt")
        .args(LINES)
        .arg(&clip)
        .run()
        .ok();
    let summary = ran.json();
    assert_eq!(summary["frames_read"], 795);
    assert_eq!(summary["frames_analysed"], 795);

    let counted = crossings(&summary);
    let off: u64 = TRUTH
        .iter()
        .map(|(line, forward, backward)| {
            let counted = counted[*line];
            counted.0.abs_diff(*forward) + counted.1.abs_diff(*backward)
        })
        .sum();
    assert!(off <= 2, "off by {off} of 59: {counted:?}");

    let told = events(&dir.join("events.jsonl"));
    let mut by_line: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for event in told.iter().filter(|event| event["kind"] == "line_crossed") {
        assert_eq!((&event["camera"], &event["class"]), (&"PETS09-S2L1".into(), &"person".into()));
        assert_eq!(event["id"].as_str().map(str::len), Some(26), "a ULID: {event}");
        assert!(event["track"].is_string() && event["box"]["height"].is_number(), "{event}");
        assert!(event["score"].as_f64().is_some_and(|score| score > 0.0), "{event}");
        assert!(!event["path"].as_array().unwrap().is_empty(), "{event}");
        let line = by_line.entry(event["rule"].as_str().unwrap().to_owned()).or_default();
        match event["direction"].as_str().unwrap() {
            "forward" => line.0 += 1,
            _ => line.1 += 1,
        }
    }
    assert_eq!(by_line, counted, "events and summary disagree");

    let truth = data.mot("PETS09-S2L1", "gt.txt");
    let eval = omma(dir, &data).args("eval --tracks tracks.txt --gt").arg(&truth).run().ok().out;
    let hota: f64 = eval.split("HOTA ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(hota >= 0.53, "{eval}");

    let (before, after) = (ffprobe(&clip), ffprobe(&dir.join("out.mp4")));
    assert_eq!((after.width, after.height, after.pictures), (768, 576, 795));
    assert!((after.seconds - before.seconds).abs() < 0.15, "{after:?} {before:?}");
    hidden(&truth, &clip, &dir.join("out.mp4"));
}

/// People of the ground truth must no longer be seen in the annotated video.
fn hidden(truth: &Path, clip: &Path, out: &Path) {
    // Every tenth picture is enough, and not 700 MB.
    let pick = "select=not(mod(n\\,10))";
    let (before, after) = (gray_pictures(clip, pick, SIZE), gray_pictures(out, pick, SIZE));
    assert_eq!((before.len(), after.len()), (80, 80));
    let (mut people, mut seen) = (0, Vec::new());
    for row in std::fs::read_to_string(truth).unwrap().lines() {
        let row: Vec<f64> = row.split(',').map(|number| number.trim().parse().unwrap()).collect();
        let frame = row[0] as usize - 1;
        if !frame.is_multiple_of(10) || row[6] == 0.0 {
            continue;
        }
        // Head to hip, in the middle of the box.
        let columns = (row[2] + row[4] * 0.2) as usize..(row[2] + row[4] * 0.8) as usize;
        let rows = (row[3] + row[5] * 0.08) as usize..(row[3] + row[5] * 0.6) as usize;
        // Dark coats stay dark: only what was bright can be seen to have gone.
        let (mut bright, mut left) = (0, 0);
        for y in rows.start..rows.end.min(SIZE.1) {
            for x in columns.start..columns.end.min(SIZE.0) {
                let at = y * SIZE.0 + x;
                let (was, is) = (before[frame / 10][at], after[frame / 10][at]);
                bright += usize::from(was >= 56);
                left += usize::from(was >= 56 && was.abs_diff(is) <= 20);
            }
        }
        if bright < 40 {
            continue;
        }
        people += 1;
        if left * 4 > bright {
            seen.push((frame + 1, row[1], left as f64 / bright as f64));
        }
    }
    assert!(people > 250, "{people}");
    // Who is not detected can't be hidden: at 8 metres' distance behind others that happens.
    assert!(seen.len() * 50 <= people, "{} of {people} can be seen: {seen:?}", seen.len());
}

#[test]
fn fewer_pictures_a_second_are_looked_at_and_all_are_written() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let clip = beginning(&data, dir, "PETS09-S2L1.mp4", 140);
    let ran = omma(dir, &data)
        .args("analyze --fps 2 --json --out out.mp4 --tracks tracks.txt")
        .arg(&clip)
        .run()
        .ok();
    let summary = ran.json();
    assert_eq!(summary["frames_read"], 140);
    let analysed = summary["frames_analysed"].as_u64().unwrap();
    assert!((38..=42).contains(&analysed), "20 s at 2 a second: {analysed}");
    assert!(summary["objects"]["person"].as_u64() > Some(2), "{summary:#}");
    assert_eq!(ffprobe(&dir.join("out.mp4")).pictures, 140);
}

#[test]
fn two_videos_are_analysed_one_after_the_other() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let people = beginning(&data, dir, "PETS09-S2L1.mp4", 70);
    let street = beginning(&data, dir, "TUD-Stadtmitte.mp4", 60);
    let ran = omma(dir, &data)
        .args("analyze --json --events events.jsonl --line mid=0.5,0,0.5,1")
        .args("--zone all=0,0,1,0,1,1,0,1")
        .arg(&people)
        .arg(&street)
        .run()
        .ok();
    let both = ran.json();
    let summaries = both.as_array().unwrap();
    assert_eq!(summaries.len(), 2);
    assert_eq!(
        (&summaries[0]["frames_read"], &summaries[1]["frames_read"]),
        (&70.into(), &60.into())
    );
    assert!(summaries[0]["objects"]["person"].as_u64() > Some(2), "{both:#}");
    assert!(summaries[1]["objects"]["person"].as_u64() > Some(2), "{both:#}");
    let cameras: Vec<String> = events(&dir.join("events.jsonl"))
        .iter()
        .map(|event| event["camera"].as_str().unwrap().to_owned())
        .collect();
    for camera in ["short-PETS09-S2L1", "short-TUD-Stadtmitte"] {
        assert!(cameras.iter().any(|name| name == camera), "{camera} is not in {cameras:?}");
    }
    // One file for two videos would hold the last one only.
    let refusal = omma(dir, &data).args("analyze --out o.mp4 a.mp4 b.mp4").run().refusal();
    assert!(refusal.contains("--out") && refusal.contains("one by one"), "{refusal}");
}

#[test]
fn both_engines_find_the_same() {
    let Some(data) = data() else { return };
    if ort_library().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let clip = beginning(&data, dir, "PETS09-S2L1.mp4", 100);
    let run = |engine: &str| {
        let ran = omma(dir, &data)
            .args("analyze --json --classes person --engine")
            .arg(engine)
            .args(&format!("--tracks {engine}.txt"))
            .args(LINES)
            .arg(&clip)
            .run()
            .ok();
        let summary = ran.json();
        assert_eq!(summary["engine"], engine);
        let rows = std::fs::read_to_string(dir.join(format!("{engine}.txt"))).unwrap();
        (crossings(&summary), summary["objects"].clone(), rows.lines().count())
    };
    let (ort, rten) = (run("ort"), run("rten"));
    assert_eq!(ort, rten);
    assert!(ort.2 > 300, "{} rows", ort.2);
}

#[test]
fn a_summary_for_people_says_all_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let sim = Omma::new(env!("CARGO_BIN_EXE_omma"), dir);
    sim.args("sim people=8&cars=2&size=640x360 --seconds 8 --out street.mp4").run().ok();
    let ran = Omma::new(env!("CARGO_BIN_EXE_omma"), dir)
        .args("analyze --model motion --line mid=0.5,1,0.5,0.3 --zone left=0,0,0.5,0,0.5,1,0,1")
        .args("--events e.jsonl street.mp4")
        .run()
        .ok();
    let words =
        ["street.mp4", "200 read, 200 analysed by motion", "wall", "cpu", "decode", "infer"];
    for word in words.iter().chain(&["objects", "mid:", "forward", "left:", "visit", "e.jsonl"]) {
        assert!(ran.out.contains(word), "`{word}` is not in: {}", ran.out);
    }
    assert!(!ran.err.contains("WARN") && !ran.err.contains("error"), "{}", ran.err);
}
