//! Cursors of sinks and what they could not deliver.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use omma_store::{DeadEvent, Store};
use omma_types::{CameraId, Event, EventIds, EventKind, MediaTime, WallTime};

const START: i64 = 1_795_132_800_000;

fn at(second: i64) -> WallTime {
    WallTime::from_millis(START + second * 1000)
}

/// Events a second apart.
fn events(count: i64) -> Vec<Event> {
    let mut ids = EventIds::new(7);
    let event = |second| Event {
        id: ids.next(at(second)),
        camera: CameraId::new("door").unwrap(),
        kind: EventKind::ZoneEntered,
        rule: Some("till".to_owned()),
        track: None,
        class: None,
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall: at(second),
        path: Vec::new(),
        attributes: std::collections::BTreeMap::new(),
    };
    (0..count).map(event).collect()
}

async fn store(count: i64) -> Store {
    let store = Store::in_memory().await.unwrap();
    store.append(&events(count)).await.unwrap();
    store
}

fn dead(seq: i64) -> DeadEvent {
    DeadEvent { seq, reason: "422".to_owned(), attempts: 5, at: at(99) }
}

#[tokio::test]
async fn a_new_sink_begins_now_and_moves_only_from_where_it_stands() {
    let store = store(10).await;
    assert_eq!(store.sink_cursor("a").await.unwrap(), 10);
    assert!(store.sink_advance("a", 10, 12, &[]).await.unwrap());
    assert!(!store.sink_advance("a", 10, 15, &[dead(11)]).await.unwrap(), "it is at 12");
    assert_eq!(store.sink_dead_count("a").await.unwrap(), 0, "nothing was done");
    assert_eq!(store.sink_cursor("a").await.unwrap(), 12);
    assert!(!store.sink_advance("none", 0, 1, &[]).await.unwrap());
    // Back, before everything, and beyond the newest.
    for (from, cursor) in [(4, 3), (1, 0), (0, 0), (-5, 0), (i64::MAX, 10)] {
        assert_eq!(store.sink_replay("a", from).await.unwrap(), cursor, "{from}");
        assert_eq!(store.sink_cursor("a").await.unwrap(), cursor);
    }
    assert_eq!(store.sink_replay("b", 3).await.unwrap(), 2, "one that never ran");
}

#[tokio::test]
async fn dead_ones_are_kept_revived_and_settled() {
    let store = store(10).await;
    store.sink_replay("a", 1).await.unwrap();
    assert!(store.sink_advance("a", 0, 5, &[dead(2), dead(4)]).await.unwrap());
    let seqs = |list: Vec<DeadEvent>| list.into_iter().map(|d| d.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.sink_dead("a", 9).await.unwrap()), [4, 2]);
    assert_eq!(store.sink_dead("a", 1).await.unwrap(), [dead(4)]);
    assert_eq!(store.sink_dead("b", 9).await.unwrap(), []);
    assert_eq!(store.sink_revived("a", 9).await.unwrap(), []);
    assert_eq!(store.sink_revive("b").await.unwrap(), 0);
    assert_eq!(store.sink_revive("a").await.unwrap(), 2);
    assert_eq!(store.sink_revive("a").await.unwrap(), 0, "they are revived already");
    let revived = store.sink_revived("a", 9).await.unwrap();
    assert_eq!(revived.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 4]);
    // One is taken, the other refused once more.
    store.sink_settle("a", &[2], &[dead(4)]).await.unwrap();
    assert_eq!(store.sink_revived("a", 9).await.unwrap(), []);
    assert_eq!(seqs(store.sink_dead("a", 9).await.unwrap()), [4]);
    // It goes with its event.
    store.forget_events(at(100), 3).await.unwrap();
    assert_eq!(store.sink_dead_tidy().await.unwrap(), 0);
    store.forget_events_before(at(100)).await.unwrap();
    assert_eq!(store.sink_dead_tidy().await.unwrap(), 1);
}

#[tokio::test]
async fn events_that_a_sink_waits_for_are_told_apart() {
    let store = store(10).await;
    assert_eq!(store.sinks_done(&["a", "b"]).await.unwrap(), None);
    store.sink_replay("a", 4).await.unwrap();
    store.sink_replay("b", 8).await.unwrap();
    assert_eq!(store.sinks_done(&["a", "b", "new"]).await.unwrap(), Some(3));
    assert_eq!(store.sinks_done(&["b"]).await.unwrap(), Some(7));
    // Of the first five seconds' events (1 to 5), `a` has three.
    assert_eq!(store.sink_behind("a", at(5)).await.unwrap(), 2);
    assert_eq!(store.sink_behind("b", at(5)).await.unwrap(), 0);
    assert_eq!(store.forget_events(at(5), 3).await.unwrap(), 3);
    assert_eq!(store.sink_behind("a", at(5)).await.unwrap(), 2, "what it waits for is there");
}
