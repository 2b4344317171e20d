//! Frames per second of the tracker on real detections (PETS09-S2L1, 795 frames, about ten
//! detections each) and on a crowd.

use divan::Bencher;
use divan::counter::ItemsCount;
use omma_track::{Tracker, TrackerConfig, mot};
use omma_types::{ClassName, Detection, MediaTime, Rect};

const PETS: &str = "mot/PETS09-S2L1/det-yolox-nano.txt";

fn main() {
    divan::main();
}

fn data(path: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("OMMA_DATA").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        std::path::PathBuf::from,
    );
    Some(root.join(path)).filter(|path| path.is_file())
}

fn pets() -> Option<Vec<Vec<Detection>>> {
    let text = std::fs::read_to_string(data(PETS)?).ok()?;
    let rows = mot::parse(&text).ok()?;
    let class = ClassName::new("person");
    let mut frames = vec![Vec::new(); 795];
    for row in rows {
        if let Some(frame) = frames.get_mut(row.frame as usize - 1) {
            frame.push(row.detection(&class));
        }
    }
    Some(frames)
}

/// People on a grid, all walking; a picture with `people` detections.
fn crowd(people: usize, frames: usize) -> Vec<Vec<Detection>> {
    let class = ClassName::new("person");
    let columns = (people as f64).sqrt().ceil() as usize;
    let person = |n: usize, frame: usize| {
        let (column, row) = ((n % columns) as f32, (n / columns) as f32);
        let side = if n.is_multiple_of(2) { 1.0 } else { -1.0 };
        let left = 40.0 * column + side * 2.0 * frame as f32;
        let rect = Rect::new(left, 60.0 * row, 30.0, 70.0);
        Detection { rect, class: class.clone(), score: 0.9 }
    };
    (0..frames).map(|frame| (0..people).map(|n| person(n, frame)).collect()).collect()
}

fn run(bencher: Bencher<'_, '_>, frames: &[Vec<Detection>], fps: f64) {
    bencher.counter(ItemsCount::new(frames.len())).bench_local(|| {
        let mut tracker = Tracker::new(TrackerConfig::default());
        let mut tracks = 0;
        for (index, detections) in frames.iter().enumerate() {
            let now = MediaTime::from_secs_f64(index as f64 / fps);
            tracks += tracker.update(now, divan::black_box(detections)).len();
        }
        tracks
    });
}

#[divan::bench]
fn pets_detections(bencher: Bencher<'_, '_>) {
    match pets() {
        Some(frames) => run(bencher, &frames, 7.0),
        #[expect(clippy::print_stderr, reason = "a benchmark says why it measures nothing")]
        None => eprintln!("skipped: no {PETS} in $OMMA_DATA or ../shared/data"),
    }
}

#[divan::bench(args = [10, 100, 1000])]
fn crowd_of(bencher: Bencher<'_, '_>, people: usize) {
    run(bencher, &crowd(people, 50), 25.0);
}
