//! What the tests of the rules share: making tracks, and telling events in short.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;

use omma_rules::{Line, Rules, Zone};
use omma_types::{
    CameraId, ClassName, Direction, Event, EventIds, EventKind, FrameStamp, MediaTime, Point,
    Rect, Size, Track, TrackId, TrackState, WallSource, WallTime,
};

/// A picture `at` seconds into the stream, of a size at which fractions are square.
pub fn frame(at: f64) -> FrameStamp {
    sized_frame(at, Size::new(1000, 1000))
}

pub fn sized_frame(at: f64, size: Size) -> FrameStamp {
    FrameStamp {
        seq: 0,
        media: MediaTime::from_secs_f64(at),
        wall: WallTime::from_micros(1_700_000_000_000_000 + (at * 1e6).round() as i64),
        wall_source: WallSource::Arrival,
        size,
    }
}

pub fn rules(lines: Vec<Line>, zones: Vec<Zone>) -> Rules {
    Rules::new(CameraId::new("test").unwrap(), lines, zones, EventIds::new(7)).unwrap()
}

pub fn line(name: &str, from: (f32, f32), to: (f32, f32)) -> Line {
    Line::new(name, Point::new(from.0, from.1), Point::new(to.0, to.1)).unwrap()
}

pub fn zone(name: &str, corners: &[(f32, f32)]) -> Zone {
    Zone::new(name, corners.iter().map(|&(x, y)| Point::new(x, y)).collect()).unwrap()
}

/// A track with its foot at (`x`, `y`), 0.04 wide and 0.1 high.
pub fn track(id: u64, x: f32, y: f32, state: TrackState) -> Track {
    Track {
        id: TrackId(id),
        class: ClassName::new("person"),
        rect: Rect::new(x - 0.02, y - 0.1, 0.04, 0.1),
        score: 0.8,
        state,
    }
}

/// Crossings of all classes of one line.
pub fn crossings(rules: &Rules, line: &str) -> (u64, u64) {
    let counts = rules.counts();
    let line = counts.lines.iter().find(|counts| counts.name == line).unwrap();
    (line.total(Direction::Forward), line.total(Direction::Backward))
}

/// An event in short, e.g. `1.5 door 3 forward`.
pub fn told(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::LineCrossed { direction } => direction.as_str().to_owned(),
        EventKind::ZoneLeft { dwell } => format!("left {}", dwell.as_secs_f64()),
        EventKind::ZoneDwelled { dwell } => format!("dwelled {}", dwell.as_secs_f64()),
        other => other.as_str().trim_start_matches("zone_").to_owned(),
    };
    let rule = event.rule.as_deref().unwrap_or("-");
    let id = event.track.map_or(0, |id| id.0);
    format!("{} {rule} {id} {what}", (event.media.as_secs_f64() * 1e3).round() / 1e3)
}

/// The folder of test data, or none with the reason printed.
pub fn data() -> Option<PathBuf> {
    let root = std::env::var_os("OMMA_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("skipped: no test data at {} (set OMMA_DATA)", root.display());
    None
}
