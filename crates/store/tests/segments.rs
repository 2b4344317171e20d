//! The index of recordings against a naive model, at size, and across versions of the file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use omma_store::{
    CameraChange, CountQuery, EventQuery, NewSegment, Order, Segment, SegmentQuery, Store,
};
use omma_types::{CameraId, Direction, ErrorKind, EventKind, TrackId, WallTime};
use proptest::prelude::*;
use sqlx::{ConnectOptions as _, Connection as _};

fn camera(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

fn new(name: &str, path: &str, start: i64, end: i64, bytes: u64) -> NewSegment {
    NewSegment {
        camera: camera(name),
        path: path.to_owned(),
        start: WallTime::from_micros(start),
        end: WallTime::from_micros(end),
        bytes,
        stream: "0123456789abcdef".to_owned(),
        follows: start % 2 == 0,
        complete: end % 3 == 0,
    }
}

fn with_id(id: i64, of: &NewSegment) -> Segment {
    Segment {
        id,
        camera: of.camera.clone(),
        path: of.path.clone(),
        start: of.start,
        end: of.end,
        bytes: of.bytes,
        stream: of.stream.clone(),
        follows: of.follows,
        complete: of.complete,
    }
}

async fn edit(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_segment_is_added_grows_and_goes() {
    let store = Store::in_memory().await.unwrap();
    let first = new("hall", "hall/2026-11-21/a.mp4", 1_000_000, 1_000_000, 0);
    let id = store.add_segment(&first).await.unwrap();
    let all = SegmentQuery::default();
    assert_eq!(store.segments(&all).await.unwrap(), [with_id(id, &first)]);
    // The moment of its start is covered already, the one before is not.
    let within = |from, to| SegmentQuery {
        from: Some(WallTime::from_micros(from)),
        to: Some(WallTime::from_micros(to)),
        ..SegmentQuery::default()
    };
    assert_eq!(store.segments(&within(1_000_000, 1_000_001)).await.unwrap().len(), 1);
    assert_eq!(store.segments(&within(0, 1_000_000)).await.unwrap(), []);

    let end = WallTime::from_micros(5_000_000);
    assert!(store.grow_segment(id, end, 4096, true).await.unwrap());
    let grown = store.segments(&within(4_999_999, 9_000_000)).await.unwrap().remove(0);
    assert_eq!((grown.end, grown.bytes, grown.complete), (end, 4096, true));
    assert_eq!(store.segments(&within(5_000_000, 9_000_000)).await.unwrap(), []);
    // The clock was set back meanwhile: it does not end before it starts.
    assert!(store.grow_segment(id, WallTime::from_micros(5), 4097, true).await.unwrap());
    assert_eq!(store.segments(&all).await.unwrap()[0].end, first.start);

    let again = store.add_segment(&first).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Invalid);
    assert!(again.to_string().contains("hall/2026-11-21/a.mp4"), "{again}");
    let backwards = store.add_segment(&new("hall", "b", 9, 8, 0)).await.unwrap_err();
    assert_eq!(backwards.kind(), ErrorKind::Invalid);

    let hall = camera("hall");
    assert_eq!(store.segment_bytes(Some(&hall)).await.unwrap(), 4097);
    assert_eq!(store.segment_bytes(Some(&camera("yard"))).await.unwrap(), 0);
    assert_eq!(store.remove_segments(&[id, 99]).await.unwrap(), 1);
    assert_eq!(store.remove_segments(&[]).await.unwrap(), 0);
    assert!(!store.grow_segment(id, end, 1, false).await.unwrap(), "it is gone");
    assert_eq!(store.segment_bytes(None).await.unwrap(), 0);
    assert_eq!(store.recorded_cameras().await.unwrap(), []);
    let next = store.add_segment(&first).await.unwrap();
    assert!(next > id, "a number does not come back");
}

#[tokio::test]
async fn growing_together_reaches_every_segment() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("omma.db")).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..32 {
        ids.push(store.add_segment(&new("hall", &format!("{number}"), 0, 0, 0)).await.unwrap());
    }
    let mut growing = tokio::task::JoinSet::new();
    for id in ids {
        let store = store.clone();
        growing.spawn(async move {
            for step in 1..=5 {
                let (end, bytes) = (WallTime::from_micros(id * 100 + step), step as u64 * 10);
                assert!(store.grow_segment(id, end, bytes, step == 5).await.unwrap());
            }
        });
    }
    growing.join_all().await;
    for segment in store.segments(&SegmentQuery::default()).await.unwrap() {
        assert_eq!(segment.end.as_micros(), segment.id * 100 + 5);
        assert!(segment.complete);
    }
    assert_eq!(store.segment_bytes(None).await.unwrap(), 32 * 50);
}

#[tokio::test]
async fn changes_to_cameras_survive_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("omma.db");
    let store = Store::open(&path).await.unwrap();
    let mut hall = CameraChange {
        camera: camera("hall"),
        settings: Some(r#"{"url":"rtsp://u:geheim@h/"}"#.to_owned()),
        paused: None,
        removed: false,
    };
    let yard =
        CameraChange { camera: camera("yard"), settings: None, paused: Some(false), removed: true };
    store.put_camera_change(&yard).await.unwrap();
    store.put_camera_change(&hall).await.unwrap();
    hall.paused = Some(true);
    store.put_camera_change(&hall).await.unwrap();
    store.close().await;

    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.camera_changes().await.unwrap(), [hall.clone(), yard.clone()]);
    assert!(!format!("{hall:?}").contains("geheim"));
    store.forget_camera_change(&hall.camera).await.unwrap();
    store.forget_camera_change(&hall.camera).await.unwrap();
    assert_eq!(store.camera_changes().await.unwrap(), [yard]);
}

#[tokio::test]
async fn a_file_of_version_1_keeps_its_events_and_learns_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("omma.db");
    edit(&path, include_str!("data/version_1.sql")).await;
    let store = Store::open(&path).await.unwrap();
    let query = EventQuery { order: Order::Oldest, ..EventQuery::default() };
    let events = store.events(&query).await.unwrap().events;
    let kinds: Vec<&str> = events.iter().map(|stored| stored.event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "zone_entered",
            "zone_dwelled",
            "zone_left",
            "camera_state",
            "line_crossed",
            "line_crossed"
        ]
    );
    assert_eq!(events[4].event.kind, EventKind::LineCrossed { direction: Direction::Backward });
    assert_eq!(events[4].event.track, Some(TrackId(u64::MAX)));
    assert_eq!(events[5].event.attributes["colour"], "\"red\" & ümlaut");
    let counts = store.counts(&CountQuery::default()).await.unwrap();
    assert_eq!(counts.iter().map(|row| row.count).sum::<u64>(), 5);
    assert_eq!(store.last_seq().await.unwrap(), 6);
    let id = store.add_segment(&new("hall", "a.mp4", 0, 9, 5)).await.unwrap();
    let seq = store.enqueue("annotations", &[vec![1]], WallTime::default()).await.unwrap();
    assert_eq!((id, seq), (1, 1));
    store.close().await;
    // A second opening changes nothing more.
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.segments(&SegmentQuery::default()).await.unwrap().len(), 1);
    assert_eq!(store.events(&query).await.unwrap().events, events);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_file_and_its_companions() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let modes = |path: &Path| {
        ["", "-wal", "-shm"].map(|suffix| {
            let name = format!("{}{suffix}", path.display());
            std::fs::metadata(name).unwrap().permissions().mode() & 0o777
        })
    };
    let fresh = dir.path().join("fresh.db");
    let store = Store::open(&fresh).await.unwrap();
    store.add_segment(&new("hall", "a", 0, 1, 1)).await.unwrap();
    assert_eq!(modes(&fresh), [0o600; 3]);
    store.close().await;

    let old = dir.path().join("old.db");
    edit(&old, include_str!("data/version_1.sql")).await;
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&old).await.unwrap();
    store.add_segment(&new("hall", "a", 0, 1, 1)).await.unwrap();
    assert_eq!(modes(&old), [0o600; 3]);

    // Another program's file stays as it is.
    let foreign = dir.path().join("foreign.db");
    edit(&foreign, "CREATE TABLE thing (n INTEGER)").await;
    std::fs::set_permissions(&foreign, std::fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&foreign).await.unwrap_err();
    assert_eq!(std::fs::metadata(&foreign).unwrap().permissions().mode() & 0o777, 0o644);
}

/// Segments of few cameras in a short time, so that they overlap, touch and are empty.
fn any_segment() -> impl Strategy<Value = (String, i64, i64, u64)> {
    ("[abc]", -50i64..50, 0i64..20, 0u64..1000)
}

fn any_query() -> impl Strategy<Value = SegmentQuery> {
    let time = || proptest::option::of((-60i64..80).prop_map(WallTime::from_micros));
    let cameras = proptest::collection::vec("[abcd]".prop_map(|name| camera(&name)), 0..3);
    (cameras, time(), time(), proptest::option::of(0u32..8))
        .prop_map(|(cameras, from, to, limit)| SegmentQuery { cameras, from, to, limit })
}

/// What `query` means, without an index.
fn naive(all: &[Segment], query: &SegmentQuery) -> Vec<Segment> {
    let mut found: Vec<Segment> = all
        .iter()
        .filter(|s| query.cameras.is_empty() || query.cameras.contains(&s.camera))
        .filter(|s| query.to.is_none_or(|to| s.start < to))
        .filter(|s| query.from.is_none_or(|from| s.end > from || s.start >= from))
        .cloned()
        .collect();
    found.sort_by_key(|s| (s.camera.clone(), s.start, s.id));
    found.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was added, grown and removed: every answer is the naive one.
    #[test]
    fn the_index_answers_as_a_list_would(
        added in proptest::collection::vec(any_segment(), 0..30),
        grown in proptest::collection::vec((1i64..40, -60i64..80, 0u64..1000), 0..10),
        removed in proptest::collection::vec(1i64..40, 0..10),
        queries in proptest::collection::vec(any_query(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::in_memory().await.unwrap();
            let mut model = Vec::new();
            for (number, (name, start, length, bytes)) in added.iter().enumerate() {
                let segment = new(name, &format!("{number}.mp4"), *start, start + length, *bytes);
                let id = store.add_segment(&segment).await.unwrap();
                model.push(with_id(id, &segment));
            }
            for (id, end, bytes) in grown {
                let end = WallTime::from_micros(end);
                let known = store.grow_segment(id, end, bytes, true).await.unwrap();
                let segment = model.iter_mut().find(|s| s.id == id);
                assert_eq!(known, segment.is_some());
                if let Some(segment) = segment {
                    segment.end = end.max(segment.start);
                    segment.bytes = bytes;
                    segment.complete = true;
                }
            }
            store.remove_segments(&removed).await.unwrap();
            model.retain(|s| !removed.contains(&s.id));

            for query in queries {
                assert_eq!(store.segments(&query).await.unwrap(), naive(&model, &query), "{query:?}");
            }
            let mut names: Vec<CameraId> = model.iter().map(|s| s.camera.clone()).collect();
            names.sort();
            names.dedup();
            assert_eq!(store.recorded_cameras().await.unwrap(), names);
            for name in names.iter().map(Some).chain([None]) {
                let mut of: Vec<&Segment> =
                    model.iter().filter(|s| name.is_none_or(|name| s.camera == *name)).collect();
                let bytes: u64 = of.iter().map(|s| s.bytes).sum();
                assert_eq!(store.segment_bytes(name).await.unwrap(), bytes);
                of.sort_by_key(|s| (s.start, s.id));
                let oldest = store.oldest_segments(name, 4).await.unwrap();
                assert!(oldest.iter().eq(of.into_iter().take(4)));
            }
        });
    }
}
