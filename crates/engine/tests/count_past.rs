//! A line of a running engine counts the past, where some of it was counted already: live, a
//! moment ago, or so long ago that the events are forgotten while their counts stay.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use omma_engine::tracks::{Moment, encode};
use omma_engine::{Config, Engine, EngineError, Models};
use omma_infer::Registry;
use omma_store::{CountQuery, EventQuery, NewTracks, Store};
use omma_types::{
    CameraId, ClassName, Clock as _, Direction, Event, EventIds, EventKind, FrameStamp, MediaTime,
    Rect, Size, SystemClock, Track, TrackId, TrackState, WallSource, WallTime,
};

const DAY: Duration = Duration::from_hours(24);

fn hall() -> CameraId {
    CameraId::new("hall").unwrap()
}

/// Tracks of somebody who goes through the middle from left to right, which takes 4 s, and is
/// there 2 s after `start`.
fn walk(start: WallTime, run: i64) -> NewTracks {
    let moments: Vec<Moment> = (0..40)
        .map(|n| {
            let passed = Duration::from_millis(100 * n);
            let left = 0.3 + 0.01 * n as f32;
            let track = Track {
                id: TrackId(1),
                class: ClassName::new("person"),
                rect: Rect::new(left - 0.05, 0.4, 0.1, 0.3),
                score: 0.9,
                state: TrackState::Confirmed,
            };
            let frame = FrameStamp {
                seq: n,
                media: MediaTime::ZERO + passed,
                wall: start + passed,
                wall_source: WallSource::Arrival,
                size: Size::new(640, 360),
            };
            Moment { frame, tracks: vec![track] }
        })
        .collect();
    stored(start, run, &moments)
}

fn stored(start: WallTime, run: i64, moments: &[Moment]) -> NewTracks {
    let encoded = encode(moments);
    NewTracks {
        camera: hall(),
        run,
        start,
        end: moments.last().unwrap().frame.wall,
        points: u32::try_from(encoded.points).unwrap(),
        bytes: encoded.bytes,
    }
}

/// What the line said live of somebody who went through it then.
fn crossing(wall: WallTime) -> Event {
    Event {
        id: EventIds::new(1).next(wall),
        camera: hall(),
        kind: EventKind::LineCrossed { direction: Direction::Forward },
        rule: Some("door".to_owned()),
        track: Some(TrackId(1)),
        class: Some(ClassName::new("person")),
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall,
        path: Vec::new(),
        attributes: BTreeMap::new(),
    }
}

async fn engine(dir: &Path, store: Store, more: &str) -> Engine {
    // Nothing is there: it is tried again and again, and nothing counts live but what the test
    // says.
    let text = format!(
        "version: 1\ndata_dir: {}\ntracks: {{ keep: 30d }}\n{more}cameras:\n  hall:\n    \
         url: rtsp://127.0.0.1:1/none\n    detect: {{ model: motion }}\n    lines:\n      \
         door: {{ from: [0.5, 0], to: [0.5, 1] }}\n",
        dir.display()
    );
    let config = Config::from_yaml(&text, "omma.yaml", &|_| None).unwrap();
    let models = Models::new(Registry::new(None, &[]).unwrap(), Vec::new());
    Engine::start(config, store, models).await.unwrap()
}

/// How often the line has counted, and how many of that later.
async fn counted(store: &Store) -> (u64, u64) {
    let rows = store.counts(&CountQuery::default()).await.unwrap();
    (rows.iter().map(|row| row.count).sum(), rows.iter().map(|row| row.later).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_live_does_not_count_again_when_its_events_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("omma.db")).await.unwrap();
    let now = SystemClock.wall();
    // Nobody walks from one minute into the next.
    let now = now - Duration::from_micros(now.as_micros().rem_euclid(60_000_000).unsigned_abs());
    // Two were counted live. One is forgotten by now; one would have been if events were
    // always kept for as short a time as now.
    for (run, days) in [(1, 10), (2, 5), (3, 2)] {
        let start = now - DAY * days;
        store.add_tracks(&walk(start, run)).await.unwrap();
        if days > 2 {
            store.append(&[crossing(start + Duration::from_secs(2))]).await.unwrap();
        }
    }
    store.forget_events_before(now - 4 * DAY).await.unwrap();
    let engine = engine(dir.path(), store.clone(), "events: { keep: 7d }\n").await;
    let handle = engine.handle();
    for removed in [0, 1, 1] {
        let until = Some(now - DAY);
        let done = handle.backfill(&hall(), "door", now - 20 * DAY, until).await.unwrap();
        assert_eq!((done.added, done.removed), (1, removed));
        assert!(done.from > now - 5 * DAY && done.from < now - 2 * DAY, "{done:?}");
        assert_eq!(counted(&store).await, (3, 1));
    }
    let gone = handle.backfill(&hall(), "door", now - 20 * DAY, Some(now - 8 * DAY)).await;
    let Err(EngineError::Span { reason }) = gone else { panic!("{gone:?}") };
    assert!(reason.contains("events.keep"), "{reason}");
    assert_eq!(counted(&store).await, (3, 1));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_live_only_after_the_past_is_asked_for_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("omma.db")).await.unwrap();
    let now = SystemClock.wall();
    for (run, secs) in [(1, 60), (2, 4)] {
        store.add_tracks(&walk(now - Duration::from_secs(secs), run)).await.unwrap();
    }
    let engine = engine(dir.path(), store.clone(), "").await;
    let handle = engine.handle();
    let mut counting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.backfill(&hall(), "door", now - DAY, None).await }
    });
    // It would long be done if it did not wait for what is on its way.
    let early = tokio::time::timeout(Duration::from_secs(2), &mut counting).await;
    assert!(early.is_err(), "{early:?}");
    // As if the line had held it until now.
    store.append(&[crossing(now - Duration::from_secs(2))]).await.unwrap();
    let done = counting.await.unwrap().unwrap();
    assert_eq!(done.added, 1, "the earlier one: {done:?}");
    assert_eq!(counted(&store).await, (2, 1));
    let of_door = EventQuery { rule: Some("door".to_owned()), ..EventQuery::default() };
    assert_eq!(store.events(&of_door).await.unwrap().events.len(), 2);
    engine.stop().await;
}

/// A minute in which eight people walk up and down, five pictures a second.
fn busy(start: WallTime, run: i64, minute: u64) -> NewTracks {
    let moments: Vec<Moment> = (0..300)
        .map(|n| {
            let passed = Duration::from_millis(200 * n);
            let track = |who: u64| {
                // To and fro in 20 s, with the steps of a detector.
                let phase = ((n + 37 * who) % 100) as f32 / 50.0;
                let place = if phase < 1.0 { phase } else { 2.0 - phase };
                let shake = ((n * 7919 + who * 104_729) % 13) as f32 / 13_000.0;
                Track {
                    id: TrackId(8 * minute + who),
                    class: ClassName::new("person"),
                    rect: Rect::new(0.8 * place + shake, 0.1 * who as f32, 0.05, 0.15 + shake),
                    score: 0.9,
                    state: TrackState::Confirmed,
                }
            };
            let media = MediaTime::ZERO + Duration::from_mins(minute) + passed;
            let frame = FrameStamp {
                seq: n,
                media,
                wall: start + passed,
                wall_source: WallSource::Arrival,
                size: Size::new(1280, 720),
            };
            Moment { frame, tracks: (0..8).map(track).collect() }
        })
        .collect();
    stored(start, run, &moments)
}

/// For people: `cargo test -p omma-engine --test count_past -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn how_long_a_month_of_a_busy_camera_takes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_memory().await.unwrap();
    let from = SystemClock.wall() - DAY * 29;
    let days = 28;
    let (mut points, mut bytes) = (0, 0);
    for minute in 0..days * 24 * 60 {
        let chunk = busy(from + Duration::from_mins(minute), 1, minute);
        (points, bytes) = (points + u64::from(chunk.points), bytes + chunk.bytes.len());
        store.add_tracks(&chunk).await.unwrap();
    }
    println!("{days} days: {points} points, {} MB", bytes >> 20);
    let engine = engine(dir.path(), store, "").await;
    let handle = engine.handle();
    for days in [1, days] {
        let span = (from, from + DAY * u32::try_from(days).unwrap());
        let begun = std::time::Instant::now();
        let heat = handle.heat(&hall(), (32, 18), Vec::new(), span).await.unwrap();
        let hours = heat.seconds().iter().sum::<f64>() / 3600.0;
        println!("heat map of {days} days, {hours:.0} h walked: {:.1?}", begun.elapsed());
        let lines = serde_json::json!({ "a": { "from": [0.5, 0], "to": [0.5, 1] } });
        let begun = std::time::Instant::now();
        let preview =
            handle.preview(&hall(), (lines, serde_json::json!({})), span, 0).await.unwrap();
        let crossed: u64 = preview.tallies.values().sum();
        println!("a line over {days} days, {crossed} crossings: {:.1?}", begun.elapsed());
    }
    engine.stop().await;
}
