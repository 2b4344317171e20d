//! How fast the store is, for people: `cargo test -p omma-store --test measure -- --ignored
//! --nocapture`. Asserts nothing about time: that would fail on a busy machine.

use std::time::{Duration, Instant};

use omma_store::{Bucket, CountQuery, SegmentQuery, Store};
use omma_types::{CameraId, WallTime};
use sqlx::{ConnectOptions as _, Connection as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn fifty_callers_that_each_need_their_item_on_the_disk() {
    for callers in [1usize, 50] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = Store::open(dir.path().join("omma.db")).await.unwrap();
        let started = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let store = store.clone();
            tasks.spawn(async move {
                let payload = vec![vec![b'x'; 500]];
                let (mut calls, mut longest) = (0u64, Duration::ZERO);
                while started.elapsed() < Duration::from_secs(3) {
                    let asked = Instant::now();
                    store.enqueue("a", &payload, WallTime::default()).await.unwrap();
                    longest = longest.max(asked.elapsed());
                    calls += 1;
                }
                (calls, longest)
            });
        }
        let all = tasks.join_all().await;
        let calls: u64 = all.iter().map(|(calls, _)| calls).sum();
        let longest = all.iter().map(|(_, longest)| *longest).max().unwrap();
        let rate = calls as f64 / started.elapsed().as_secs_f64();
        println!("{callers} callers: {rate:.0} calls a second, the longest took {longest:?}");
    }
}

#[tokio::test]
#[ignore = "measures"]
async fn a_million_segments_and_a_million_waiting() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("omma.db");
    Store::open(&path).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = options.connect().await.unwrap();
    let started = Instant::now();
    // 20 cameras, 60 s a segment: five weeks.
    sqlx::raw_sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) \
         INSERT INTO segments (camera, path, start_us, end_us, bytes, stream, follows, complete) \
         SELECT 'cam' || (i % 20), i || '.mp4', i / 20 * 60000000, (i / 20 + 1) * 60000000, \
         30000000, '0123456789abcdef', 1, 1 FROM n; \
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) \
         INSERT INTO outbox (queue, payload, enqueued_us) SELECT 'a', zeroblob(300), i FROM n;",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    println!("filled in {:?}", started.elapsed());
    let store = Store::open(&path).await.unwrap();
    let camera = CameraId::new("cam7").unwrap();
    let hour = |from: i64| SegmentQuery {
        cameras: vec![camera.clone()],
        from: Some(WallTime::from_millis(from * 3_600_000)),
        to: Some(WallTime::from_millis((from + 1) * 3_600_000)),
        limit: None,
    };
    for at in [0, 400, 830] {
        let asked = Instant::now();
        let found = store.segments(&hour(at)).await.unwrap().len();
        println!("hour {at} of one camera: {found} segments, {:?}", asked.elapsed());
    }
    let asked = Instant::now();
    let found = store.segments(&SegmentQuery { cameras: vec![], ..hour(400) }).await.unwrap().len();
    println!("one hour of all cameras: {found} segments, {:?}", asked.elapsed());
    let asked = Instant::now();
    let oldest = store.oldest_segments(None, 100).await.unwrap();
    println!("the 100 oldest: {:?}", asked.elapsed());
    let ids: Vec<i64> = oldest.iter().map(|segment| segment.id).collect();
    let asked = Instant::now();
    store.remove_segments(&ids).await.unwrap();
    println!("removing them: {:?}", asked.elapsed());
    let asked = Instant::now();
    let bytes = store.segment_bytes(None).await.unwrap();
    println!("{bytes} bytes in all: {:?}", asked.elapsed());
    let asked = Instant::now();
    store.grow_segment(500_000, WallTime::from_millis(i64::MAX / 1000), 1, true).await.unwrap();
    println!("growing one: {:?}", asked.elapsed());
    let asked = Instant::now();
    let all = store.segments(&SegmentQuery::default()).await.unwrap().len();
    println!("all {all}: {:?}", asked.elapsed());
    let asked = Instant::now();
    store.outbox_peek("a", 299).await.unwrap();
    println!("299 waiting items: {:?}", asked.elapsed());
    let asked = Instant::now();
    let length = store.outbox_len("a").await.unwrap();
    println!("counting {length:?}: {:?}", asked.elapsed());
}

#[tokio::test]
#[ignore = "measures"]
async fn counts_of_a_month_of_a_million_events() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("omma.db");
    Store::open(&path).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = options.connect().await.unwrap();
    // 20 cameras with two lines, both ways, over 30 days; each in a minute of its own.
    sqlx::raw_sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) \
         INSERT OR IGNORE INTO counts \
         (camera, minute, rule, kind, direction, class, count, dwell_us) \
         SELECT 'cam' || (i % 20), i * 7919 % 43200, 'line' || (i / 20 % 2), 'line_crossed', \
         CASE i / 40 % 2 WHEN 0 THEN 'forward' ELSE 'backward' END, 'person', 1, 0 FROM n; \
         INSERT INTO totals SELECT camera, rule, kind, direction, class, sum(count), 0 \
         FROM counts GROUP BY 1, 2, 3, 4, 5; \
         INSERT INTO counts_by_hour SELECT camera, minute / 60 * 60, rule, kind, direction, class, \
         sum(count), 0, 0 FROM counts GROUP BY 1, 2, 3, 4, 5, 6; \
         INSERT INTO counts_by_day SELECT camera, minute / 1440 * 1440, rule, kind, direction, \
         class, sum(count), 0, 0 FROM counts GROUP BY 1, 2, 3, 4, 5, 6;",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let store = Store::open(&path).await.unwrap();
    let at = |minute: i64| Some(WallTime::from_millis(minute * 60_000));
    let cases = [
        ("all time, one sum", None, None, None),
        ("30 days from within an hour, one sum", at(17), at(43_180), None),
        ("30 days by day", at(0), at(43_200), Some(Bucket::Day)),
        ("30 days by hour", at(0), at(43_200), Some(Bucket::Hour)),
        ("a day by hour", at(14_400), at(15_840), Some(Bucket::Hour)),
        ("an hour by minute", at(14_400), at(14_460), "1".parse().ok().map(Bucket::Minutes)),
        ("by month", at(0), at(43_200), Some(Bucket::Month)),
    ];
    for (name, from, to, bucket) in cases {
        let query = CountQuery { from, to, bucket, ..CountQuery::default() };
        let mut took = Vec::new();
        let mut answer = Ok(0);
        for _ in 0..5 {
            let asked = Instant::now();
            answer = store.counts(&query).await.map(|rows| rows.len()).map_err(|e| e.to_string());
            took.push(asked.elapsed());
        }
        println!("{name}: {answer:?} rows, {:?} (first {:?})", took.iter().min(), took.first());
    }
}
