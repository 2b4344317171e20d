//! Annotations from an engine to a real webhook that accepts, refuses, hangs and is away.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use omma_engine::annotations::{Annotation, AnnotationError, AnnotationsStatus, Coordinate};
use omma_engine::config::AnnotationsConfig;
use omma_engine::{Config, Engine, Handle, Models};
use omma_infer::Registry;
use omma_store::{EventQuery, Store};
use omma_testkit::{Reaction, Receiver, SOON, eventually};
use omma_types::{CameraId, ErrorKind, Event, EventIds, EventKind, MediaTime, Secret, WallTime};

const BATCH: usize = 20;

fn annotation(id: &str) -> Annotation {
    Annotation {
        device_name: "door".to_owned(),
        kind: "moving".to_owned(),
        start_timestamp: WallTime::from(SystemTime::now()).as_millis(),
        object_id: id.to_owned(),
        ..Annotation::default()
    }
}

fn named(range: std::ops::Range<usize>) -> Vec<Annotation> {
    range.map(|number| annotation(&number.to_string())).collect()
}

/// What the receiver has, by name and in order.
fn names(receiver: &Receiver) -> Vec<String> {
    let accepted = receiver.accepted();
    accepted.iter().map(|one| one["object_id"].as_str().unwrap().to_owned()).collect()
}

fn until(receiver: &Receiver, wanted: &[String]) {
    eventually("all annotations, in order", SOON, || {
        let names = names(receiver);
        if names == wanted { Ok(()) } else { Err(format!("{names:?}")) }
    });
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn models() -> Models {
    Models::new(Registry::new(None, &[]).unwrap(), Vec::new())
}

async fn start(dir: &Path, target: Option<AnnotationsConfig>) -> Engine {
    let text = format!("version: 1\ndata_dir: {}\n", dir.display());
    let mut config = Config::from_yaml(&text, "omma.yaml", &|_| None).unwrap();
    config.annotations = target;
    config.events_keep = Some(Duration::from_secs(3600));
    let store = Store::open(dir.join("omma.db")).await.unwrap();
    Engine::start(config, store, models()).await.unwrap()
}

fn target(receiver: &Receiver) -> AnnotationsConfig {
    AnnotationsConfig {
        url: Secret::new(receiver.address("/in?token=t0k")),
        key: String::new(),
        secret: Some(Secret::new("s3cret")),
        batch: BATCH,
        interval: Duration::from_millis(20),
    }
}

async fn status(handle: &Handle) -> AnnotationsStatus {
    handle.annotations().status().await.unwrap()
}

/// Waits until the status is as wanted.
async fn when(handle: &Handle, wanted: impl Fn(&AnnotationsStatus) -> bool) -> AnnotationsStatus {
    let deadline = Instant::now() + SOON;
    loop {
        let status = status(handle).await;
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_ones_arrive_in_order_in_batches_and_signed() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let mut to = target(&receiver);
    to.key = "edge".to_owned();
    let engine = start(dir.path(), Some(to)).await;
    let handle = engine.handle();
    handle.annotations().add(&annotation("0")).await.unwrap();
    handle.annotations().add_all(&named(1..50)).await.unwrap();
    handle.annotations().add_all(&[]).await.unwrap();
    until(&receiver, &numbers(0..50));
    for request in receiver.received() {
        assert_eq!(request.head[0], "POST /in?token=t0k HTTP/1.1");
        assert!(request.data().len() <= BATCH);
        assert!(request.header("X-ChrysEdge-Auth").unwrap().starts_with("edge:"));
        let date: i64 = request.header("X-Chrys-Date").unwrap().parse().unwrap();
        assert_eq!(date % 1000, 0);
    }
    let seen = when(&handle, |status| status.waiting == 0).await;
    assert_eq!((seen.delivered, seen.dead, seen.failed_attempts), (50, 0, 0));
    assert!(seen.target.unwrap().ends_with("?token=***"));
    let metrics = handle.render_metrics();
    for line in [
        "omma_annotations_received_total 50",
        "omma_annotations_delivered_total 50",
        "omma_annotations_waiting 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_a_rule_or_has_nowhere_to_go_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = start(dir.path(), None).await;
    let handle = engine.handle();
    let error = handle.annotations().add(&annotation("0")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("annotations.url"), "{error}");
    assert_eq!(status(&handle).await.target, None);
    engine.stop().await;

    let receiver = Receiver::start();
    let engine = start(dir.path(), Some(target(&receiver))).await;
    let handle = engine.handle();
    let mut list = named(0..3);
    list[1].kind.clear();
    list[2].object_coordinate = Some(Coordinate { x: f64::NAN, ..Coordinate::default() });
    let error = handle.annotations().add_all(&list).await.unwrap_err();
    assert!(matches!(error, AnnotationError::Invalid { index: Some(1), field: "type", .. }));
    let error = handle.annotations().add(&list[2]).await.unwrap_err();
    assert!(matches!(
        error,
        AnnotationError::Invalid { index: None, field: "object_coordinate", .. }
    ));
    assert_eq!(status(&handle).await.waiting, 0, "all or none");
    engine.stop().await;
    assert_eq!(receiver.received().len(), 0);

    // An address that only looks like one.
    let mut to = target(&receiver);
    to.url = Secret::new("http://u:geheim@h h/");
    let text = "version: 1\n";
    let mut config = Config::from_yaml(text, "omma.yaml", &|_| None).unwrap();
    config.annotations = Some(to);
    let store = Store::in_memory().await.unwrap();
    let error = Engine::start(config, store, models()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!error.to_string().contains("geheim"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_away_or_fails_gets_all_later_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start();
    receiver.go_away();
    let engine = start(dir.path(), Some(target(&receiver))).await;
    let handle = engine.handle();
    handle.annotations().add_all(&named(0..30)).await.unwrap();
    let seen = when(&handle, |status| status.failures_in_a_row > 0).await;
    let failure = seen.last_failure.unwrap();
    assert!(failure.reason.contains("refused"), "{failure:?}");
    assert_eq!(seen.waiting, 30);

    // It comes back ill, and the engine is restarted in the middle of it.
    receiver.react(Reaction::Refuse(500));
    receiver.come_back();
    let seen = when(&handle, |status| status.failed_attempts > 1).await;
    eventually("a request", SOON, || {
        if receiver.received().is_empty() { Err(format!("{seen:?}")) } else { Ok(()) }
    });
    engine.stop().await;
    let engine = start(dir.path(), Some(target(&receiver))).await;
    let handle = engine.handle();
    assert_eq!(status(&handle).await.waiting, 30);
    handle.annotations().add_all(&named(30..45)).await.unwrap();
    when(&handle, |status| status.failures_in_a_row > 0).await;
    assert_eq!(names(&receiver), [""; 0]);
    receiver.react(Reaction::Accept);
    until(&receiver, &numbers(0..45));
    let seen = when(&handle, |status| status.waiting == 0).await;
    assert_eq!((seen.delivered, seen.dead, seen.failures_in_a_row), (45, 0, 0));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wrong_annotation_is_set_aside_alone_and_can_be_revived() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    // All wait together: this makes whole batches with the wrong one in the middle.
    receiver.react(Reaction::Refuse(503));
    let engine = start(dir.path(), Some(target(&receiver))).await;
    let handle = engine.handle();
    let mut list = named(0..40);
    list[13].custom_meta_1 = "poison".to_owned();
    handle.annotations().add_all(&list).await.unwrap();
    when(&handle, |status| status.failures_in_a_row > 0).await;
    receiver.react(Reaction::RefuseWith("poison".to_owned()));
    let mut others = numbers(0..40);
    others.remove(13);
    until(&receiver, &others);
    let seen = when(&handle, |status| status.waiting == 0).await;
    assert_eq!((seen.delivered, seen.dead), (39, 1));
    assert!(seen.last_failure.unwrap().reason.contains("400"));
    let dead = handle.store().outbox_dead("annotations", 9).await.unwrap();
    assert!(dead[0].reason.contains("400") && dead[0].item.attempts > 0, "{:?}", dead[0].reason);
    assert!(handle.render_metrics().contains("omma_annotations_dead 1"));

    receiver.react(Reaction::Accept);
    assert_eq!(handle.annotations().revive().await.unwrap(), 1);
    others.push("13".to_owned());
    until(&receiver, &others);
    let seen = when(&handle, |status| status.waiting == 0).await;
    assert_eq!((seen.delivered, seen.dead), (40, 0));
    assert_eq!(handle.annotations().revive().await.unwrap(), 0);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_hangs_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    receiver.react(Reaction::Hang);
    let engine = start(dir.path(), Some(target(&receiver))).await;
    let handle = engine.handle();
    handle.annotations().add_all(&named(0..3)).await.unwrap();
    eventually("a request", SOON, || {
        if receiver.received().is_empty() { Err("none".to_owned()) } else { Ok(()) }
    });
    let began = Instant::now();
    engine.stop().await;
    // The request itself would be given up after 30 s.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());

    receiver.react(Reaction::Accept);
    let engine = start(dir.path(), Some(target(&receiver))).await;
    until(&receiver, &numbers(0..3));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_too_old_are_forgotten_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut ids = EventIds::new(1);
    let now = WallTime::from(SystemTime::now());
    let mut event = |age: Duration| Event {
        id: ids.next(now),
        camera: CameraId::new("door").unwrap(),
        kind: EventKind::ZoneEntered,
        rule: Some("till".to_owned()),
        track: None,
        class: None,
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall: now - age,
        path: Vec::new(),
        attributes: std::collections::BTreeMap::new(),
    };
    let events = [event(Duration::from_secs(3700)), event(Duration::from_secs(60))];
    let store = Store::open(dir.path().join("omma.db")).await.unwrap();
    store.append(&events).await.unwrap();
    store.close().await;
    let engine = start(dir.path(), None).await;
    let handle = engine.handle();
    let deadline = Instant::now() + SOON;
    loop {
        let left = handle.store().events(&EventQuery::default()).await.unwrap().events;
        if left.len() == 1 {
            assert_eq!(left[0].event.id, events[1].id);
            break;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let counted = handle.store().totals(&events[0].camera).await.unwrap();
    assert_eq!(counted[0].count, 2, "counts stay");
    engine.stop().await;
}

/// For people: `cargo test -p omma-engine --test annotations -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn how_many_are_accepted_and_delivered_in_a_second() {
    const EACH: usize = 300;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut receiver = Receiver::start();
    receiver.go_away();
    let mut to = target(&receiver);
    to.batch = 299;
    let engine = start(dir.path(), Some(to.clone())).await;
    let handle = engine.handle();
    let began = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..50 {
        let handle = handle.clone();
        callers.spawn(async move {
            for one in named(caller * EACH..(caller + 1) * EACH) {
                handle.annotations().add(&one).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    let rate = (50 * EACH) as f64 / began.elapsed().as_secs_f64();
    println!("50 callers, one annotation a call: {rate:.0} a second on the disk");
    let began = Instant::now();
    for batch in 0..200 {
        let list = named(batch * 299..(batch + 1) * 299);
        handle.annotations().add_all(&list).await.unwrap();
    }
    let rate = (200 * 299) as f64 / began.elapsed().as_secs_f64();
    println!("one caller, 299 a call: {rate:.0} a second on the disk");
    engine.stop().await;
    receiver.come_back();
    let began = Instant::now();
    let engine = start(dir.path(), Some(to)).await;
    let handle = engine.handle();
    let seen = when(&handle, |status| status.waiting == 0).await;
    let rate = seen.delivered as f64 / began.elapsed().as_secs_f64();
    println!("{} delivered after an absence: {rate:.0} a second", seen.delivered);
    engine.stop().await;
}
