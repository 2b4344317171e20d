//! A line that counts the past, from tracks as they are stored, counts what it would have counted
//! live: real people, many lines, none left out.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeMap;

use omma_engine::Pipeline;
use omma_engine::tracks::{Moment, Replay, decode, encode};
use omma_rules::{Line, Zone};
use omma_testkit::{Data, data};
use omma_track::mot;
use omma_types::{
    CameraId, ClassName, Detection, Event, EventIds, EventKind, FrameStamp, MediaTime, Point, Size,
    StageTimings, WallSource, WallTime,
};

const SIZE: Size = Size::new(768, 576);
const FPS: f64 = 7.0;
const FRAMES: u32 = 795;
const START_SCORE: f32 = 0.6;

/// 2026-11-20T00:00:00Z.
const START_US: i64 = 1_795_132_800_000_000;

/// As long as the log makes them.
const CHUNK_SECS: f64 = 60.0;

fn camera() -> CameraId {
    CameraId::new("pets").unwrap()
}

/// Upright, level and slanting lines all over the picture: also short ones, whose ends people
/// graze, and lines where people stand.
fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |from: (f32, f32), to: (f32, f32)| {
        let name = format!("line {}", lines.len());
        let (from, to) = (Point::new(from.0, from.1), Point::new(to.0, to.1));
        lines.push(Line::new(&name, from, to).unwrap());
    };
    add((0.50, 0.30), (0.50, 0.95));
    add((0.25, 0.30), (0.25, 0.75));
    add((0.55, 0.45), (1.00, 0.45));
    for step in 1..10 {
        let at = step as f32 / 10.0;
        add((at, 0.1), (at, 0.95));
        add((0.05, at), (0.95, at));
        add((at, 0.2), (1.0 - at, 0.9));
        add((at, 0.40), (at, 0.55));
    }
    lines
}

fn zones() -> Vec<Zone> {
    let zone = |name: &str, corners: [(f32, f32); 4]| {
        let corners = corners.map(|(x, y)| Point::new(x, y)).to_vec();
        Zone::new(name, corners).unwrap()
    };
    vec![
        zone("crossing", [(0.35, 0.35), (0.65, 0.35), (0.65, 0.7), (0.35, 0.7)]),
        zone("left", [(0.0, 0.3), (0.3, 0.3), (0.2, 0.8), (0.0, 0.8)]),
    ]
}

fn detections(data: &Data) -> BTreeMap<u32, Vec<Detection>> {
    let person = ClassName::new("person");
    let text = std::fs::read_to_string(data.mot("PETS09-S2L1", "det-yolox-nano.txt")).unwrap();
    let mut by_frame: BTreeMap<u32, Vec<Detection>> = BTreeMap::new();
    for row in mot::parse(&text).unwrap() {
        let mut detection = row.detection(&person);
        detection.rect = detection.rect.to_fractions(SIZE);
        by_frame.entry(row.frame).or_default().push(detection);
    }
    for found in by_frame.values_mut() {
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    by_frame
}

fn stamp(frame: u32) -> FrameStamp {
    let secs = f64::from(frame) / FPS;
    FrameStamp {
        seq: u64::from(frame),
        media: MediaTime::from_secs_f64(secs),
        wall: WallTime::from_micros(START_US + (secs * 1e6) as i64),
        wall_source: WallSource::Arrival,
        size: SIZE,
    }
}

/// What the live pipeline raises, and its tracks.
fn live(data: &Data, every: u32) -> (Vec<Event>, Vec<Moment>) {
    let found = detections(data);
    let ids = EventIds::new(1);
    let mut pipeline = Pipeline::new(camera(), START_SCORE, lines(), zones(), ids).unwrap();
    let (mut events, mut moments) = (Vec::new(), Vec::new());
    for frame in (1..=FRAMES).filter(|frame| frame % every == 0) {
        let stamp = stamp(frame);
        let detections = found.get(&frame).map(Vec::as_slice).unwrap_or_default();
        let timings = &mut StageTimings::default();
        let (tracks, raised) = pipeline.digest(&stamp, detections, timings);
        events.extend(raised);
        moments.push(Moment { frame: stamp, tracks });
    }
    events.extend(pipeline.finish());
    (events, moments)
}

/// Chunks as the log makes them, as bytes and back, with the bytes and boxes they cost.
fn stored(moments: &[Moment]) -> (Vec<Vec<Moment>>, usize, usize, usize) {
    let (mut chunks, mut bytes, mut boxes, mut points) = (Vec::new(), 0, 0, 0);
    let first = moments.first().unwrap().frame.media.as_secs_f64();
    let number = |moment: &Moment| ((moment.frame.media.as_secs_f64() - first) / CHUNK_SECS) as u32;
    for chunk in moments.chunk_by(|a, b| number(a) == number(b)) {
        let encoded = encode(chunk);
        bytes += encoded.bytes.len();
        boxes += encoded.boxes;
        points += encoded.points;
        chunks.push(decode(&encoded.bytes).unwrap());
    }
    (chunks, bytes, boxes, points)
}

fn replayed(chunks: &[Vec<Moment>], from: WallTime, to: WallTime) -> Vec<Event> {
    let mut replay = Replay::new(camera(), lines(), zones(), from, to).unwrap();
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(replay.show(7, chunk).unwrap());
    }
    events.extend(replay.finish().unwrap());
    events
}

/// How often by rule and what happened.
fn table<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<String, u64> {
    let mut table = BTreeMap::new();
    for event in events {
        let way = match event.kind {
            EventKind::LineCrossed { direction } => direction.as_str(),
            _ => event.kind.as_str(),
        };
        let class = event.class.as_ref().map_or("", ClassName::as_str);
        *table.entry(format!("{} {way} {class}", event.rule.as_deref().unwrap())).or_default() += 1;
    }
    table
}

const ALWAYS: (WallTime, WallTime) = (WallTime::from_micros(0), WallTime::from_micros(i64::MAX));

#[test]
fn a_line_counts_the_past_as_it_would_have_counted_live() {
    let Some(data) = data() else { return };
    for every in [1, 2] {
        let (events, moments) = live(&data, every);
        let (chunks, bytes, boxes, points) = stored(&moments);
        println!(
            "every {every}: {boxes} boxes, {points} kept, {bytes} bytes: {:.1} a box, {:.1} a kept \
             point; {} events",
            bytes as f64 / boxes as f64,
            bytes as f64 / points as f64,
            events.len()
        );
        assert!(bytes < 30 * points, "{bytes} bytes for {points} points");
        assert!(points < boxes, "nothing was left out");
        let later = replayed(&chunks, ALWAYS.0, ALWAYS.1);
        assert_eq!(table(&later), table(&events));
        assert!(events.len() > 300, "{} events", events.len());
        assert!(later.iter().all(Event::is_later));
    }
}

#[test]
fn a_part_of_the_past_counts_what_happened_in_it() {
    let Some(data) = data() else { return };
    let (events, moments) = live(&data, 1);
    let (chunks, ..) = stored(&moments);
    let at = |secs: i64| WallTime::from_micros(START_US + secs * 1_000_000);
    let (whole, borders) = (table(&events), [at(0), at(23), at(61), at(90), at(1000)]);
    let mut sum: BTreeMap<String, u64> = BTreeMap::new();
    for part in borders.windows(2) {
        for (key, count) in table(&replayed(&chunks, part[0], part[1])) {
            *sum.entry(key).or_default() += count;
        }
    }
    assert_eq!(sum, whole, "nothing twice, nothing lost at the borders");
}

#[test]
fn the_same_past_gives_the_same_events() {
    let Some(data) = data() else { return };
    let (_, moments) = live(&data, 1);
    let (chunks, ..) = stored(&moments);
    let first = replayed(&chunks, ALWAYS.0, ALWAYS.1);
    let again = replayed(&chunks, ALWAYS.0, ALWAYS.1);
    assert_eq!(first, again, "ids too: verdicts hold on to them");
    let mut ids: Vec<_> = first.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), first.len());
}

#[test]
fn another_run_is_another_crowd() {
    let Some(data) = data() else { return };
    let (_, moments) = live(&data, 1);
    let (chunks, ..) = stored(&moments);
    let once = replayed(&chunks, ALWAYS.0, ALWAYS.1);
    let mut replay = Replay::new(camera(), lines(), zones(), ALWAYS.0, ALWAYS.1).unwrap();
    let mut twice = Vec::new();
    for run in [1, 2] {
        for chunk in &chunks {
            twice.extend(replay.show(run, chunk).unwrap());
        }
    }
    twice.extend(replay.finish().unwrap());
    let doubled: BTreeMap<String, u64> =
        table(&once).into_iter().map(|(key, count)| (key, 2 * count)).collect();
    assert_eq!(table(&twice), doubled);
}
