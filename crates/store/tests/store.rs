//! The store through its public interface: what comes back, what survives a reopening, and
//! what it says of files that it can't use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use omma_store::{
    Bucket, CountQuery, CountRow, EventQuery, MAX_PAGE, Order, Store, StoreError, StoredEvent,
};
use omma_types::{
    CameraId, ClassName, Direction, ErrorKind, Event, EventId, EventIds, EventKind, MediaTime,
    Point, Rect, TrackId, WallTime,
};
use proptest::prelude::*;

fn camera(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

/// A crossing of `rule` at `minute` minutes after the epoch.
fn crossing(ids: &mut EventIds, name: &str, minute: i64, direction: Direction) -> Event {
    let wall = WallTime::from_millis(minute * 60_000);
    Event {
        id: ids.next(wall),
        camera: camera(name),
        kind: EventKind::LineCrossed { direction },
        rule: Some("door".to_owned()),
        track: Some(TrackId(7)),
        class: Some(ClassName::new("person")),
        score: Some(0.75),
        rect: Some(Rect::new(0.1, 0.2, 0.3, 0.4)),
        media: MediaTime::from_nanos(minute * 60_000_000_000),
        wall,
        path: vec![
            (MediaTime::from_nanos(-5), Point::new(0.25, 0.5)),
            (MediaTime::from_nanos(5), Point::new(0.3, 0.55)),
        ],
        attributes: BTreeMap::from([("colour".to_owned(), "\"red\" & ümlaut".to_owned())]),
    }
}

/// One event of each kind, with as much and as little in them as can be.
fn one_of_each(ids: &mut EventIds) -> Vec<Event> {
    let crossing = crossing(ids, "hall", 10, Direction::Backward);
    let mut with = |kind: EventKind, rule: Option<&str>| Event {
        id: ids.next(crossing.wall),
        kind,
        rule: rule.map(str::to_owned),
        ..crossing.clone()
    };
    let dwell = Duration::from_micros(12_345_678);
    let mut all = vec![
        with(EventKind::ZoneEntered, Some("till")),
        with(EventKind::ZoneDwelled { dwell }, Some("till")),
        with(EventKind::ZoneLeft { dwell }, Some("till")),
        with(EventKind::CameraState { state: "stalled", reason: "silent for 5 s".into() }, None),
    ];
    for event in all.iter_mut().skip(3) {
        event.track = None;
        event.class = None;
        event.score = None;
        event.rect = None;
        event.path.clear();
        event.attributes.clear();
    }
    all.push(Event { track: Some(TrackId(u64::MAX)), ..crossing });
    all
}

fn events_of(stored: &[StoredEvent]) -> Vec<Event> {
    stored.iter().map(|s| s.event.clone()).collect()
}

async fn all(store: &Store) -> Vec<StoredEvent> {
    let query = EventQuery { order: Order::Oldest, limit: MAX_PAGE, ..EventQuery::default() };
    store.events(&query).await.unwrap().events
}

fn total(rows: &[CountRow]) -> u64 {
    rows.iter().map(|row| row.count).sum()
}

#[tokio::test]
async fn every_kind_of_event_comes_back_as_it_went_in() {
    let store = Store::in_memory().await.unwrap();
    let events = one_of_each(&mut EventIds::new(1));
    let numbers = store.append(&events).await.unwrap();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let stored = all(&store).await;
    assert_eq!(events_of(&stored), events);
    assert_eq!(stored.iter().map(|s| s.seq).collect::<Vec<_>>(), numbers);
    assert_eq!(store.event(events[2].id).await.unwrap().unwrap(), stored[2]);
    assert_eq!(store.event(EventId(1)).await.unwrap(), None);
    assert_eq!(store.last_seq().await.unwrap(), 5);
}

#[tokio::test]
async fn events_counts_and_numbers_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/deeper/omma.db");
    let mut ids = EventIds::new(2);
    let events = one_of_each(&mut ids);
    let store = Store::open(&path).await.unwrap();
    store.append(&events).await.unwrap();
    let before = store.totals(&camera("hall")).await.unwrap();
    store.close().await;
    assert_eq!(store.append(&events).await.unwrap_err().kind(), ErrorKind::Internal);

    let store = Store::open(&path).await.unwrap();
    assert_eq!(events_of(&all(&store).await), events);
    assert_eq!(store.totals(&camera("hall")).await.unwrap(), before);
    // Numbers go on, also when the newest events were forgotten.
    store.forget_events_before(WallTime::from_millis(i64::MAX / 1000)).await.unwrap();
    assert_eq!(all(&store).await, []);
    let numbers =
        store.append(&[crossing(&mut ids, "hall", 11, Direction::Forward)]).await.unwrap();
    assert_eq!(numbers, [6]);
    assert_eq!(store.last_seq().await.unwrap(), 6);
    store.close().await;
}

#[tokio::test]
async fn a_store_that_was_not_closed_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("omma.db");
    let events = one_of_each(&mut EventIds::new(3));
    let store = Store::open(&path).await.unwrap();
    store.append(&events).await.unwrap();
    // What a kill leaves behind: the file and its write-ahead log, never folded in.
    let copy = dir.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
    }
    let reopened = Store::open(&copy).await.unwrap();
    assert_eq!(events_of(&all(&reopened).await), events);
    assert_eq!(total(&reopened.totals(&camera("hall")).await.unwrap()), 4);
}

#[tokio::test]
async fn appending_again_changes_nothing() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(4);
    let first = crossing(&mut ids, "hall", 1, Direction::Forward);
    let second = crossing(&mut ids, "hall", 1, Direction::Forward);
    assert_eq!(store.append(std::slice::from_ref(&first)).await.unwrap(), [1]);
    let both = [second.clone(), first.clone(), second];
    assert_eq!(store.append(&both).await.unwrap(), [2, 1, 2]);
    assert_eq!(total(&store.totals(&first.camera).await.unwrap()), 2);
    assert_eq!(store.append(&[]).await.unwrap(), [0i64; 0]);
}

#[tokio::test]
async fn a_bad_event_keeps_its_whole_batch_out() {
    let store = Store::in_memory().await.unwrap();
    let mut events = one_of_each(&mut EventIds::new(5));
    events[4].kind = EventKind::CameraState { state: "on fire", reason: String::new() };
    let error = store.append(&events).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(all(&store).await, []);
}

#[tokio::test]
async fn each_filter_narrows() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(6);
    let mut events = one_of_each(&mut ids); // numbers 1 to 5, all of `hall`, minute 10
    let mut car = crossing(&mut ids, "yard", 20, Direction::Forward);
    car.class = Some(ClassName::new("car"));
    car.rule = Some("gate".to_owned());
    car.track = Some(TrackId(9));
    car.score = Some(0.9);
    events.push(car); // 6
    store.append(&events).await.unwrap();
    let q = EventQuery::default;
    let at = |minute: i64| Some(WallTime::from_millis(minute * 60_000));
    let cases: Vec<(EventQuery, &[i64])> = vec![
        (q(), &[6, 5, 4, 3, 2, 1]),
        (EventQuery { order: Order::Oldest, ..q() }, &[1, 2, 3, 4, 5, 6]),
        (EventQuery { cameras: vec![camera("yard")], ..q() }, &[6]),
        (EventQuery { cameras: vec![camera("yard"), camera("hall")], limit: 2, ..q() }, &[6, 5]),
        (EventQuery { cameras: vec![camera("nowhere")], ..q() }, &[]),
        (EventQuery { kinds: vec!["zone_left".into(), "zone_entered".into()], ..q() }, &[3, 1]),
        (EventQuery { rule: Some("till".into()), ..q() }, &[3, 2, 1]),
        (EventQuery { rule: Some("till' OR 1=1 --".into()), ..q() }, &[]),
        (EventQuery { class: Some(ClassName::new("car")), ..q() }, &[6]),
        (EventQuery { track: Some(TrackId(u64::MAX)), ..q() }, &[5]),
        (EventQuery { min_score: Some(0.8), ..q() }, &[6]),
        (EventQuery { min_score: Some(0.0), ..q() }, &[6, 5, 3, 2, 1]),
        (EventQuery { from: at(20), ..q() }, &[6]),
        (EventQuery { to: at(20), ..q() }, &[5, 4, 3, 2, 1]),
        (EventQuery { after_seq: Some(4), ..q() }, &[6, 5]),
        (EventQuery { before_seq: Some(4), after_seq: Some(2), ..q() }, &[3]),
    ];
    for (query, expected) in cases {
        let page = store.events(&query).await.unwrap();
        assert_eq!(page.events.iter().map(|e| e.seq).collect::<Vec<_>>(), expected, "{query:?}");
    }
    for limit in [0, MAX_PAGE + 1] {
        let error = store.events(&EventQuery { limit, ..q() }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn pages_join_without_gap_or_overlap() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(7);
    let events: Vec<Event> =
        (0..25).map(|m| crossing(&mut ids, "hall", m, Direction::Forward)).collect();
    store.append(&events).await.unwrap();
    for order in [Order::Newest, Order::Oldest] {
        let mut query = EventQuery { order, limit: 5, ..EventQuery::default() };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = store.events(&query).await.unwrap();
            seen.extend(page.events.iter().map(|e| e.seq));
            pages += 1;
            match (page.next, order) {
                (None, _) => break,
                (next, Order::Newest) => query.before_seq = next,
                (next, Order::Oldest) => query.after_seq = next,
            }
        }
        if order == Order::Newest {
            seen.reverse();
        }
        assert_eq!(seen, (1..=25).collect::<Vec<i64>>());
        assert_eq!(pages, 5, "a full last page has no next one");
    }
}

#[tokio::test]
async fn counts_by_bucket_direction_and_class() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(8);
    let mut events = Vec::new();
    for (minute, direction) in [
        (-1, Direction::Forward),
        (0, Direction::Forward),
        (4, Direction::Forward),
        (4, Direction::Backward),
        (5, Direction::Forward),
        (61, Direction::Forward),
        (1440, Direction::Forward),
    ] {
        events.push(crossing(&mut ids, "hall", minute, direction));
    }
    events.push(crossing(&mut ids, "yard", 3, Direction::Forward));
    let mut left = crossing(&mut ids, "hall", 4, Direction::Forward);
    left.kind = EventKind::ZoneLeft { dwell: Duration::from_secs(90) };
    left.rule = Some("till".to_owned());
    let mut dwelled = left.clone();
    dwelled.id = ids.next(left.wall);
    dwelled.kind = EventKind::ZoneDwelled { dwell: Duration::from_secs(60) };
    let mut nameless = crossing(&mut ids, "hall", 4, Direction::Forward);
    nameless.class = None;
    events.extend([left.clone(), dwelled, nameless]);
    store.append(&events).await.unwrap();

    let door = |bucket| CountQuery {
        cameras: vec![camera("hall")],
        rule: Some("door".into()),
        class: Some(ClassName::new("person")),
        bucket,
        ..CountQuery::default()
    };
    let spans = async |query: CountQuery| {
        let rows = store.counts(&query).await.unwrap();
        rows.iter()
            .map(|row| {
                let start = row.bucket_start.map(|start| start.as_millis() / 60_000);
                (start, row.direction, row.count)
            })
            .collect::<Vec<_>>()
    };
    let (fore, back) = (Some(Direction::Forward), Some(Direction::Backward));
    let five = Some(Bucket::Minutes(NonZeroU32::new(5).unwrap()));
    assert_eq!(
        spans(door(five)).await,
        [
            (Some(-5), fore, 1),
            (Some(0), back, 1),
            (Some(0), fore, 2),
            (Some(5), fore, 1),
            (Some(60), fore, 1),
            (Some(1440), fore, 1),
        ]
    );
    assert_eq!(
        spans(door(Some(Bucket::Day))).await,
        [(Some(-1440), fore, 1), (Some(0), back, 1), (Some(0), fore, 4), (Some(1440), fore, 1)]
    );
    assert_eq!(spans(door(None)).await, [(None, back, 1), (None, fore, 6)]);
    let only_back = CountQuery { direction: back, ..door(None) };
    assert_eq!(spans(only_back).await, [(None, back, 1)]);
    // From within minute 4 to within minute 5: both minutes whole.
    let span = |from, to| CountQuery {
        from: Some(WallTime::from_millis(from)),
        to: Some(WallTime::from_millis(to)),
        ..door(None)
    };
    assert_eq!(
        spans(span(4 * 60_000 + 30_000, 5 * 60_000 + 1)).await,
        [(None, back, 1), (None, fore, 2)]
    );
    assert_eq!(spans(span(4 * 60_000, 5 * 60_000)).await, [(None, back, 1), (None, fore, 1)]);

    let everywhere = CountQuery { bucket: Some(Bucket::Hour), ..CountQuery::default() };
    assert_eq!(total(&store.counts(&everywhere).await.unwrap()), events.len() as u64);
    let kind = CountQuery { kind: Some("zone_left".into()), ..CountQuery::default() };
    let rows = store.counts(&kind).await.unwrap();
    let expected = CountRow {
        bucket_start: None,
        camera: camera("hall"),
        rule: "till".into(),
        kind: "zone_left",
        direction: None,
        class: Some(ClassName::new("person")),
        count: 1,
        later: 0,
        dwell_total: Duration::from_secs(90),
    };
    assert_eq!(rows, [expected]);
    let totals = store.totals(&camera("hall")).await.unwrap();
    assert_eq!(totals.iter().filter(|row| row.class.is_none()).count(), 1);
    assert_eq!(totals.iter().map(|r| r.dwell_total).sum::<Duration>(), Duration::from_secs(90));
}

#[tokio::test]
async fn forgetting_keeps_counts_and_newer_events() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(9);
    // More than one transaction deletes at once.
    let events: Vec<Event> =
        (0..5000).map(|m| crossing(&mut ids, "hall", m, Direction::Forward)).collect();
    store.append(&events).await.unwrap();
    let border = events[4990].wall;
    assert_eq!(store.forget_events_before(border).await.unwrap(), 4990);
    assert_eq!(events_of(&all(&store).await), events[4990..]);
    assert_eq!(total(&store.totals(&camera("hall")).await.unwrap()), 5000);
    let hours = CountQuery { bucket: Some(Bucket::Hour), ..CountQuery::default() };
    assert_eq!(total(&store.counts(&hours).await.unwrap()), 5000);
}

#[tokio::test]
async fn readers_go_on_while_somebody_appends() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("omma.db")).await.unwrap();
    let writer = store.clone();
    let mut ids = EventIds::new(10);
    let appending = tokio::spawn(async move {
        for minute in 0..50 {
            let event = crossing(&mut ids, "hall", minute, Direction::Forward);
            writer.append(&[event.clone(), Event { id: ids.next(event.wall), ..event }]).await?;
        }
        Ok::<_, StoreError>(())
    });
    // Whatever a reader sees is whole: numbers without gaps, and counts in pairs.
    loop {
        let finished = appending.is_finished();
        let seen = all(&store).await;
        assert_eq!(
            seen.iter().map(|s| s.seq).collect::<Vec<_>>(),
            (1..=seen.len() as i64).collect::<Vec<_>>()
        );
        assert_eq!(total(&store.totals(&camera("hall")).await.unwrap()) % 2, 0);
        if finished {
            break;
        }
    }
    appending.await.unwrap().unwrap();
    assert_eq!(all(&store).await.len(), 100);
}

async fn refused(path: &Path) -> (ErrorKind, String) {
    let error = Store::open(path).await.unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "names the file: {error}");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();

    let text = dir.path().join("text.db");
    std::fs::write(&text, "this is no database, however long the text may be\n".repeat(99))
        .unwrap();
    let before = std::fs::read(&text).unwrap();
    assert_eq!(refused(&text).await.0, ErrorKind::Corrupt);
    assert_eq!(std::fs::read(&text).unwrap(), before);

    let (kind, message) = refused(dir.path()).await;
    assert_eq!(kind, ErrorKind::Denied, "{message}");

    let (kind, message) = refused(&text.join("omma.db")).await;
    assert_eq!(kind, ErrorKind::Denied, "{message}");
    assert!(message.contains("data_dir"), "says what to do: {message}");

    // Cut in the middle: the header is fine, the pages are not there.
    let cut = dir.path().join("cut.db");
    let store = Store::open(&cut).await.unwrap();
    store.append(&one_of_each(&mut EventIds::new(11))).await.unwrap();
    store.close().await;
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..6000]).unwrap();
    assert_eq!(refused(&cut).await.0, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_newer_schema_and_a_foreign_database_are_told_apart() {
    use sqlx::{ConnectOptions as _, Connection as _};
    let dir = tempfile::tempdir().unwrap();
    let edit = async |path: &Path, sql: &'static str| {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = options.create_if_missing(true).connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };

    let newer = dir.path().join("newer.db");
    Store::open(&newer).await.unwrap().close().await;
    edit(&newer, "PRAGMA user_version = 99").await;
    let (kind, message) = refused(&newer).await;
    assert_eq!(kind, ErrorKind::Unsupported);
    assert!(message.contains("99"), "{message}");

    let foreign = dir.path().join("foreign.db");
    edit(&foreign, "CREATE TABLE events (seq INTEGER)").await;
    let before = std::fs::read(&foreign).unwrap();
    let (kind, message) = refused(&foreign).await;
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(message.contains("another program"), "{message}");
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    // A word that only a newer version knows must not be read as something else.
    let odd = dir.path().join("odd.db");
    let store = Store::open(&odd).await.unwrap();
    store.append(&one_of_each(&mut EventIds::new(12))).await.unwrap();
    edit(&odd, "UPDATE events SET kind = 'teleported' WHERE seq = 2").await;
    let error = store.events(&EventQuery::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("teleported"), "{error}");
}

/// Events of few cameras, rules and minutes, so that they meet in the same counts.
fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(EventKind::LineCrossed { direction: Direction::Forward }),
        Just(EventKind::LineCrossed { direction: Direction::Backward }),
        Just(EventKind::ZoneEntered),
        (0u64..1 << 40).prop_map(|us| EventKind::ZoneLeft { dwell: Duration::from_micros(us) }),
    ];
    let path = proptest::collection::vec((any::<i64>(), any::<f32>(), any::<f32>()), 0..4);
    let attributes = proptest::collection::btree_map(".{0,5}", ".{0,5}", 0..3);
    let thing = (kind, any::<u128>(), "[ab]", "[ab]", proptest::option::of("[ab]"));
    (thing, -200_000_000i64..200_000_000, any::<u64>(), any::<f32>(), path, attributes).prop_map(
        |((kind, id, name, rule, class), wall, track, number, path, attributes)| Event {
            id: EventId(id),
            camera: camera(&name),
            kind,
            rule: Some(rule),
            track: Some(TrackId(track)),
            class: class.map(|class| ClassName::new(&class)),
            score: Some(0.5),
            rect: Some(Rect::new(0.0, number, 1.0, 1.0)),
            media: MediaTime::from_nanos(wall),
            wall: WallTime::from_micros(wall),
            path: path
                .into_iter()
                .map(|(t, x, y)| (MediaTime::from_nanos(t), Point::new(x, y)))
                .collect(),
            attributes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever goes in comes back, and the counts are what counting it by hand gives.
    #[test]
    fn counts_equal_counting(
        events in proptest::collection::vec(any_event(), 0..30),
        minutes in 1u32..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stored, rows) = runtime.block_on(async {
            let store = Store::in_memory().await.unwrap();
            store.append(&events).await.unwrap();
            let bucket = NonZeroU32::new(minutes).map(Bucket::Minutes);
            let query = CountQuery { bucket, ..CountQuery::default() };
            (all(&store).await, store.counts(&query).await.unwrap())
        });
        // Not compared as they are: a NaN is not equal to itself.
        prop_assert_eq!(format!("{:?}", events_of(&stored)), format!("{events:?}"));

        let span = i64::from(minutes) * 60_000_000;
        let mut by_hand = BTreeMap::<_, (u64, Duration)>::new();
        for event in &events {
            let direction = match event.kind {
                EventKind::LineCrossed { direction } => Some(direction),
                _ => None,
            };
            let start = WallTime::from_micros(event.wall.as_micros().div_euclid(span) * span);
            let (camera, rule) = (event.camera.clone(), event.rule.clone().unwrap());
            let key = (Some(start), camera, rule, event.kind.as_str(), direction);
            let sum = by_hand.entry((key, event.class.clone())).or_default();
            sum.0 += 1;
            if let EventKind::ZoneLeft { dwell } = event.kind {
                sum.1 += dwell;
            }
        }
        let answered: BTreeMap<_, _> = rows
            .into_iter()
            .map(|row| {
                let key = (row.bucket_start, row.camera, row.rule, row.kind, row.direction);
                ((key, row.class), (row.count, row.dwell_total))
            })
            .collect();
        prop_assert_eq!(answered, by_hand);
    }
}
