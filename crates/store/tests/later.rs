//! Counts that come later and counts that are added up: back-filling, rollups, verdicts, and the
//! tracks that it all comes from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use omma_store::{
    Backfill, Bucket, CountQuery, CountRow, EventQuery, NewTracks, Store, StoreError, Verdict,
};
use omma_types::{
    CameraId, ClassName, Direction, Event, EventId, EventIds, EventKind, MediaTime, TrackId,
    WallTime,
};
use proptest::prelude::*;

fn camera(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

fn minute(minute: i64) -> WallTime {
    WallTime::from_millis(minute * 60_000)
}

/// A crossing of `rule` at `at` minutes after the epoch.
fn crossing(ids: &mut EventIds, name: &str, rule: &str, at: i64, is_later: bool) -> Event {
    let wall = minute(at);
    let counted = (Event::COUNTED.to_owned(), Event::LATER.to_owned());
    Event {
        id: ids.next(wall),
        camera: camera(name),
        kind: EventKind::LineCrossed { direction: Direction::Forward },
        rule: Some(rule.to_owned()),
        track: Some(TrackId(7)),
        class: Some(ClassName::new("person")),
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall,
        path: Vec::new(),
        attributes: is_later.then_some(counted).into_iter().collect(),
    }
}

fn total(rows: &[CountRow]) -> (u64, u64) {
    (rows.iter().map(|row| row.count).sum(), rows.iter().map(|row| row.later).sum())
}

async fn counted(store: &Store, bucket: Option<Bucket>) -> (u64, u64) {
    total(&store.counts(&CountQuery { bucket, ..CountQuery::default() }).await.unwrap())
}

const EVERY_BUCKET: [Option<Bucket>; 5] = [
    None,
    Some(Bucket::Minutes(NonZeroU32::new(1).unwrap())),
    Some(Bucket::Hour),
    Some(Bucket::Day),
    Some(Bucket::Month),
];

#[tokio::test]
async fn what_is_counted_later_is_marked_and_replaced_and_never_counts_twice() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(1);
    let live = crossing(&mut ids, "hall", "door", 100, false);
    store.append(std::slice::from_ref(&live)).await.unwrap();
    let hall = camera("hall");
    let mut later = |at: &[i64]| -> Vec<Event> {
        at.iter().map(|at| crossing(&mut ids, "hall", "door", *at, true)).collect()
    };
    let first = later(&[10, 10, 70]);
    let done = store.backfill(&hall, "door", minute(0), minute(100), &first).await.unwrap();
    assert_eq!(done, Backfill::Done { added: 3, removed: 0 });
    for bucket in EVERY_BUCKET {
        assert_eq!(counted(&store, bucket).await, (4, 3), "{bucket:?}");
    }
    assert_eq!(total(&store.totals(&hall).await.unwrap()), (1, 0), "live ones alone");
    let live_only = EventQuery { live_only: true, ..EventQuery::default() };
    let page = store.events(&live_only).await.unwrap();
    assert_eq!(page.events.iter().map(|stored| stored.event.clone()).collect::<Vec<_>>(), [live]);

    // The line was moved: only two now, in a part of the time.
    let second = later(&[20, 21]);
    let done = store.backfill(&hall, "door", minute(0), minute(60), &second).await.unwrap();
    assert_eq!(done, Backfill::Done { added: 2, removed: 2 });
    for bucket in EVERY_BUCKET {
        assert_eq!(counted(&store, bucket).await, (4, 3), "{bucket:?}");
    }
    let rows = store
        .counts(&CountQuery { bucket: EVERY_BUCKET[1], ..CountQuery::default() })
        .await
        .unwrap();
    let minutes: Vec<_> = rows.iter().map(|row| row.bucket_start.unwrap()).collect();
    assert_eq!(minutes, [minute(20), minute(21), minute(70), minute(100)], "no empty rows");

    let again = later(&[50]);
    let done = store.backfill(&hall, "door", minute(0), minute(101), &again).await.unwrap();
    assert_eq!(done, Backfill::CountedLive { first: minute(100) });
    assert_eq!(counted(&store, None).await, (4, 3));
    assert_eq!(
        store.first_live(&hall, "door", minute(0), minute(200)).await.unwrap(),
        Some(minute(100))
    );
    assert_eq!(store.first_live(&hall, "door", minute(0), minute(100)).await.unwrap(), None);

    let unmarked = crossing(&mut EventIds::new(5), "hall", "door", 10, false);
    for (wrong, rule) in [(unmarked, "door"), (again[0].clone(), "gate")] {
        let refused = store.backfill(&hall, rule, minute(0), minute(60), &[wrong]).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn time_whose_events_are_forgotten_is_not_counted_again() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(1);
    let live = [10, 200].map(|at| crossing(&mut ids, "hall", "door", at, false));
    store.append(&live).await.unwrap();
    let hall = camera("hall");
    let mut later = |at: i64| [crossing(&mut ids, "hall", "door", at, true)];
    let first = later(50);
    store.backfill(&hall, "door", minute(40), minute(60), &first).await.unwrap();
    assert_eq!(store.forget_events_before(minute(100)).await.unwrap(), 2);
    assert_eq!(counted(&store, None).await, (3, 1), "counts stay");

    let half_past = minute(10) + std::time::Duration::from_secs(30);
    for (from, to, until) in [
        (minute(0), minute(20), 11),
        (half_past, minute(20), 11),
        (minute(40), minute(60), 51),
        (minute(0), minute(100), 51),
    ] {
        let until = minute(until);
        assert_eq!(store.forgotten_until(&hall, "door", from, to).await.unwrap(), Some(until));
        let done = store.backfill(&hall, "door", from, to, &[]).await.unwrap();
        assert_eq!(done, Backfill::Forgotten { until });
    }
    assert_eq!(counted(&store, None).await, (3, 1));

    for (from, to) in [(0, 10), (11, 50), (51, 300)] {
        let none = store.forgotten_until(&hall, "door", minute(from), minute(to)).await.unwrap();
        assert_eq!(none, None, "{from} to {to}");
    }
    let of_gate = store.forgotten_until(&hall, "gate", minute(0), minute(300)).await.unwrap();
    assert_eq!(of_gate, None);
    for removed in [0, 1] {
        let third = later(70);
        let done = store.backfill(&hall, "door", minute(60), minute(100), &third).await.unwrap();
        assert_eq!(done, Backfill::Done { added: 1, removed });
        assert_eq!(counted(&store, None).await, (4, 2));
    }
}

#[tokio::test]
async fn a_camera_that_has_only_counted_later_is_found_like_any_other() {
    let store = Store::in_memory().await.unwrap();
    let later = [crossing(&mut EventIds::new(1), "hall", "door", 10, true)];
    store.backfill(&camera("hall"), "door", minute(0), minute(20), &later).await.unwrap();
    let span = CountQuery { from: Some(minute(0)), to: Some(minute(30)), ..CountQuery::default() };
    assert_eq!(total(&store.counts(&span).await.unwrap()), (1, 1));
    assert!(store.totals(&camera("hall")).await.unwrap().is_empty());
    store.backfill(&camera("hall"), "door", minute(0), minute(20), &[]).await.unwrap();
    assert!(store.counts(&CountQuery::default()).await.unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn every_span_and_bucket_is_the_sum_of_its_minutes(
        at in prop::collection::vec((-4000i64..4000, 0usize..2), 1..60),
        from in prop::option::of(-4500i64..4500),
        length in prop::option::of(0i64..6000),
        bucket in prop::sample::select(vec![
            None, Some(Bucket::Hour), Some(Bucket::Day), Some(Bucket::Month),
            Some(Bucket::Minutes(NonZeroU32::new(7).unwrap())),
            Some(Bucket::Minutes(NonZeroU32::new(2880).unwrap())),
        ]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::in_memory().await.unwrap();
            let mut ids = EventIds::new(3);
            let events: Vec<Event> = at
                .iter()
                .map(|(at, name)| crossing(&mut ids, ["hall", "yard"][*name], "door", *at, false))
                .collect();
            store.append(&events).await.unwrap();
            let to = length.map(|length| from.unwrap_or(0) + length);
            let query = CountQuery {
                from: from.map(minute), to: to.map(minute), bucket, ..CountQuery::default()
            };
            let rows = store.counts(&query).await.unwrap();
            let mut expected: BTreeMap<(Option<WallTime>, String), u64> = BTreeMap::new();
            for (at, name) in &at {
                if from.is_some_and(|from| *at < from) || to.is_some_and(|to| *at >= to) {
                    continue;
                }
                let start = bucket.map(|bucket| match bucket.minutes() {
                    Some(minutes) => minute(at.div_euclid(minutes) * minutes),
                    // December 1969, January 1970.
                    None => minute(if *at < 0 { -31 * 1440 } else { 0 }),
                });
                *expected.entry((start, ["hall", "yard"][*name].to_owned())).or_default() += 1;
            }
            let found: BTreeMap<(Option<WallTime>, String), u64> = rows
                .iter()
                .map(|row| ((row.bucket_start, row.camera.to_string()), row.count))
                .collect();
            assert_eq!(found.len(), rows.len());
            assert_eq!(found, expected);
        });
    }
}

#[tokio::test]
async fn verdicts_outlive_their_events_and_can_be_changed() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(1);
    let events: Vec<Event> =
        (0..10).map(|at| crossing(&mut ids, "hall", "door", at, false)).collect();
    store.append(&events).await.unwrap();
    let now = minute(500);
    for (index, event) in events.iter().enumerate().take(5) {
        let verdict = if index == 0 { Verdict::Wrong } else { Verdict::Right };
        assert!(store.set_verdict(event.id, Some(verdict), now).await.unwrap());
    }
    assert!(!store.set_verdict(EventId(1), Some(Verdict::Right), now).await.unwrap());
    store.set_verdict(events[1].id, Some(Verdict::Wrong), now).await.unwrap();
    store.set_verdict(events[4].id, None, now).await.unwrap();
    assert_eq!(store.verdict(events[1].id).await.unwrap(), Some(Verdict::Wrong));
    assert_eq!(store.verdict(events[4].id).await.unwrap(), None);
    assert_eq!(store.forget_events_before(minute(9)).await.unwrap(), 9);
    let said = store.precision(&camera("hall")).await.unwrap();
    let [door] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((door.right, door.wrong, door.count), (2, 2, 10));
    let corrected = door.corrected().unwrap();
    assert!((corrected.value - 5.0).abs() < 1e-9);
    assert!(corrected.low > 1.0 && corrected.high < 9.0, "{corrected:?}");
    assert!(store.precision(&camera("yard")).await.unwrap().is_empty());
}

#[tokio::test]
async fn chunks_of_tracks_are_found_by_time_page_by_page_and_forgotten_by_age() {
    let store = Store::in_memory().await.unwrap();
    let chunk = |name: &str, at: i64, run: i64| NewTracks {
        camera: camera(name),
        run,
        start: minute(at),
        end: minute(at + 1),
        points: 3,
        bytes: vec![at as u8; 10],
    };
    for at in (0..100).rev() {
        store.add_tracks(&chunk("hall", at, 5)).await.unwrap();
        store.add_tracks(&chunk("yard", at, 6)).await.unwrap();
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.tracks(&camera("hall"), minute(10), minute(90), after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.cursor);
        found.extend(page.into_iter().map(|chunk| (chunk.run, chunk.bytes[0])));
    }
    // The one before ends when the span begins.
    assert_eq!(found, (9..90).map(|at| (5, at)).collect::<Vec<_>>());
    let volume = store.track_volume(&camera("hall")).await.unwrap();
    assert_eq!((volume.chunks, volume.points, volume.bytes), (100, 300, 1000));
    assert_eq!(store.forget_tracks_before(minute(50)).await.unwrap(), 2 * 49);
    assert_eq!(store.track_volume(&camera("hall")).await.unwrap().chunks, 51);
    let long = NewTracks { end: minute(50), ..chunk("hall", 0, 1) };
    assert!(matches!(store.add_tracks(&long).await, Err(StoreError::Invalid(_))));
}
