//! What people have looked at: single events, and whole spans of time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use omma_store::{EventMark, EventQuery, NewReview, Reviewing, Store, Verdict};
use omma_types::{
    CameraId, ClassName, Direction, Event, EventId, EventIds, EventKind, MediaTime, TrackId,
    WallTime,
};

fn camera(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

fn minute(minute: i64) -> WallTime {
    WallTime::from_millis(minute * 60_000)
}

/// A crossing of `door` at `at` minutes after the epoch.
fn crossing(ids: &mut EventIds, name: &str, at: i64, direction: Direction) -> Event {
    let wall = minute(at);
    Event {
        id: ids.next(wall),
        camera: camera(name),
        kind: EventKind::LineCrossed { direction },
        rule: Some("door".to_owned()),
        track: Some(TrackId(7)),
        class: Some(ClassName::new("person")),
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall,
        path: Vec::new(),
        attributes: BTreeMap::new(),
    }
}

async fn with_reviewed(store: &Store, reviewed: bool) -> Vec<EventId> {
    let query = EventQuery { reviewed: Some(reviewed), ..EventQuery::default() };
    store.events(&query).await.unwrap().events.iter().map(|e| e.event.id).collect()
}

/// One was missed at the line `door` in these minutes.
fn span(camera: &CameraId, from: i64, to: i64, direction: Option<Direction>) -> NewReview<'_> {
    let (from, to) = (minute(from), minute(to));
    NewReview { camera, rule: "door", kind: "line_crossed", direction, from, to, missed: 1 }
}

#[tokio::test]
async fn events_are_marked_for_those_who_see_their_camera_and_forgotten_with_them() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(1);
    let events: Vec<Event> = [("hall", 1), ("hall", 2), ("yard", 3)]
        .map(|(name, at)| crossing(&mut ids, name, at, Direction::Forward))
        .into();
    store.append(&events).await.unwrap();
    let all: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let unknown = EventId(77);
    let hall = [camera("hall")];
    let asked = [&all[..], &[unknown]].concat();
    assert_eq!(store.set_reviewed(&asked, &hall, true, minute(9)).await.unwrap(), 2);
    assert_eq!(with_reviewed(&store, true).await, [all[1], all[0]]);
    assert_eq!(with_reviewed(&store, false).await, [all[2]]);
    store.set_verdict(all[2], Some(Verdict::Wrong), minute(9)).await.unwrap();
    let marks = store.event_marks(&asked).await.unwrap();
    assert_eq!(marks.get(&all[0]), Some(&EventMark { reviewed: true, verdict: None }));
    let judged = EventMark { reviewed: true, verdict: Some(Verdict::Wrong) };
    assert_eq!((marks.get(&all[2]), marks.get(&unknown)), (Some(&judged), None));

    assert_eq!(store.set_reviewed(&all, &[], false, minute(9)).await.unwrap(), 3);
    assert_eq!(with_reviewed(&store, true).await, []);
    store.set_reviewed(&all, &[], true, minute(9)).await.unwrap();
    store.forget_events_before(minute(2)).await.unwrap();
    let marks = store.event_marks(&all).await.unwrap();
    assert!(!marks.contains_key(&all[0]) && marks.len() == 2);
    let many = vec![unknown; 1001];
    assert!(store.set_reviewed(&many, &[], true, minute(9)).await.is_err());
}

#[tokio::test]
async fn reviews_of_the_same_time_do_not_overlap_and_give_recall() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(1);
    use Direction::{Backward, Forward};
    let events: Vec<Event> = [(1, Forward), (2, Forward), (3, Backward), (20, Forward)]
        .map(|(at, direction)| crossing(&mut ids, "hall", at, direction))
        .into();
    store.append(&events).await.unwrap();
    let hall = camera("hall");
    let span = |from, to, direction| span(&hall, from, to, direction);
    let add = async |review: NewReview<'_>| store.add_review(&review, minute(99)).await.unwrap();
    let Reviewing::Kept(first) = add(span(0, 10, Some(Forward))).await else { panic!("kept") };
    assert_eq!((first.counted, first.missed, first.direction), (2, 1, Some(Forward)));
    // The other way may be looked through as well, and the time behind it; nothing twice.
    assert!(matches!(add(span(0, 10, Some(Backward))).await, Reviewing::Kept(_)));
    assert!(matches!(add(span(10, 15, None)).await, Reviewing::Kept(_)));
    for again in [span(9, 30, Some(Forward)), span(5, 6, None), span(14, 16, Some(Backward))] {
        assert!(matches!(add(again).await, Reviewing::Overlaps(_)));
    }
    for (at, verdict) in [(0, Verdict::Wrong), (2, Verdict::Right), (3, Verdict::Right)] {
        store.set_verdict(events[at].id, Some(verdict), minute(99)).await.unwrap();
    }
    let said = store.precision(&hall).await.unwrap();
    let [said] = &said[..] else { panic!("{said:?}") };
    assert_eq!((said.right, said.wrong, said.count), (2, 1, 4));
    assert_eq!((said.found, said.missed, said.right_elsewhere), (2, 3, 1));
    assert_eq!(said.reviewed, Duration::from_secs(25 * 60));
    assert_eq!(said.precision().unwrap().value, 0.75);
    assert_eq!(said.recall().unwrap().value, 0.4);

    // It holds when the events are forgotten.
    store.forget_events_before(minute(50)).await.unwrap();
    assert_eq!(&store.precision(&hall).await.unwrap()[..], std::slice::from_ref(said));
    let reviews = store.reviews(&hall).await.unwrap();
    assert_eq!(reviews.iter().map(|r| r.from).max(), Some(minute(10)));
    assert!(!store.remove_review(&camera("yard"), first.id).await.unwrap());
    for review in reviews {
        assert!(store.remove_review(&hall, review.id).await.unwrap());
    }
    assert_eq!(store.precision(&hall).await.unwrap()[0].recall(), None);
}

#[tokio::test]
async fn time_whose_events_are_forgotten_cannot_be_looked_through() {
    let store = Store::in_memory().await.unwrap();
    let mut ids = EventIds::new(1);
    let events = [1, 20].map(|at| crossing(&mut ids, "hall", at, Direction::Forward));
    store.append(&events).await.unwrap();
    store.forget_events_before(minute(10)).await.unwrap();
    let hall = camera("hall");
    let span = |from, to, direction| span(&hall, from, to, direction);
    let add = async |review: NewReview<'_>| store.add_review(&review, minute(99)).await.unwrap();
    for direction in [None, Some(Direction::Forward)] {
        let until = minute(2);
        assert_eq!(add(span(0, 30, direction)).await, Reviewing::Forgotten { until });
    }
    assert!(store.reviews(&hall).await.unwrap().is_empty());
    // Nothing of the other way was counted, so nothing of it is forgotten.
    let other_way = add(span(0, 30, Some(Direction::Backward))).await;
    assert!(matches!(other_way, Reviewing::Kept(_)), "{other_way:?}");
    let Reviewing::Kept(kept) = add(span(2, 30, Some(Direction::Forward))).await else {
        panic!("all of it is there")
    };
    assert_eq!(kept.counted, 1);
}
