//! Events from an engine to real webhooks, brokers and streams: at least once, in order,
//! through absence, kills and refusals.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use omma_bus::Signer;
use omma_engine::sinks::SinkStatus;
use omma_engine::{Config, Engine, Handle, Models};
use omma_infer::Registry;
use omma_store::Store;
use omma_testkit::{
    KafkaServer, MosquittoServer, Reaction, Received, Receiver, RedisServer, SOON, eventually,
};
use omma_types::{CameraId, Event, EventIds, EventKind, MediaTime, Secret, WallTime};
use serde_json::Value;

fn now() -> WallTime {
    SystemTime::now().into()
}

/// Events of two cameras in turn.
fn events(count: usize, wall: WallTime) -> Vec<Event> {
    let mut ids = EventIds::new(3);
    let event = |number: usize| Event {
        id: ids.next(wall),
        camera: CameraId::new(if number.is_multiple_of(2) { "door" } else { "yard" }).unwrap(),
        kind: EventKind::ZoneEntered,
        rule: Some(format!("till-{number}")),
        track: None,
        class: None,
        score: None,
        rect: None,
        media: MediaTime::ZERO,
        wall,
        path: Vec::new(),
        attributes: BTreeMap::new(),
    };
    (0..count).map(event).collect()
}

async fn store(dir: &Path) -> Store {
    Store::open(dir.join("omma.db")).await.unwrap()
}

/// Leaves events in the store, in front of which the sink `out` stands.
async fn left_behind(dir: &Path, events: &[Event]) {
    let store = store(dir).await;
    store.append(events).await.unwrap();
    store.sink_replay("out", 1).await.unwrap();
    store.close().await;
}

fn config(dir: &Path, rest: &str) -> Config {
    let text = format!("version: 1\ndata_dir: {}\n{rest}\n", dir.display());
    Config::from_yaml(&text, "omma.yaml", &|_| None).unwrap()
}

async fn start(dir: &Path, rest: &str) -> Engine {
    let models = Models::new(Registry::new(None, &[]).unwrap(), Vec::new());
    Engine::start(config(dir, rest), store(dir).await, models).await.unwrap()
}

async fn status(handle: &Handle) -> SinkStatus {
    handle.sinks().await.unwrap().remove(0)
}

/// Waits until the only sink is as wanted.
async fn when(handle: &Handle, wanted: impl Fn(&SinkStatus) -> bool) -> SinkStatus {
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

/// The sequence numbers in `list`, each at its first place.
fn first_seqs(list: impl IntoIterator<Item = Value>) -> Vec<i64> {
    let mut seqs = Vec::new();
    for event in list {
        let seq = event["seq"].as_i64().unwrap();
        if !seqs.contains(&seq) {
            seqs.push(seq);
        }
    }
    seqs
}

fn is_signed(request: &Received, secret: &str) -> bool {
    let seconds: i64 = request.header("X-Omma-Timestamp").unwrap().parse().unwrap();
    let signer = Signer::Omma { secret: Secret::new(secret) };
    let headers = signer.headers(&request.body, WallTime::from_millis(seconds * 1000));
    let signature = headers.iter().find(|(name, _)| *name == "X-Omma-Signature").unwrap();
    request.header("X-Omma-Signature") == Some(&signature.1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_gets_all_in_order_signed_and_what_it_refuses_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start();
    left_behind(dir.path(), &events(100, now())).await;
    receiver.go_away();
    let sinks = format!(
        "sinks: [{{ name: out, to: '{}', secret: geheim, batch: 16, interval: 20ms, attempts: 2 }}]",
        receiver.address("/in?token=t0k")
    );
    let engine = start(dir.path(), &sinks).await;
    let handle = engine.handle();
    let away = when(&handle, |sink| sink.last_error.is_some()).await;
    assert!(away.connected.is_none() && away.target.ends_with("?token=***"), "{away:?}");
    assert_eq!((away.cursor, away.waiting, away.kind), (0, 100, "webhook"));
    assert!(!format!("{away:?}").contains("t0k"));
    receiver.react(Reaction::RefuseWith("\"till-41\"".to_owned()));
    receiver.come_back();
    let done = when(&handle, |sink| sink.cursor == 100 && sink.dead == 1).await;
    assert_eq!((done.delivered, done.waiting), (99, 0));
    let expected: Vec<i64> = (1..=100).filter(|seq| *seq != 42).collect();
    assert_eq!(first_seqs(receiver.accepted()), expected);
    assert!(receiver.received().iter().all(|request| is_signed(request, "geheim")));
    assert!(receiver.received().iter().all(|request| request.data().len() <= 16));
    let dead = handle.sink_dead("out", 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].seq, dead[0].attempts), (1, 42, 2));
    assert!(dead[0].reason.contains("400"), "{dead:?}");

    receiver.react(Reaction::Accept);
    assert_eq!(handle.revive_sink("out").await.unwrap(), 1);
    when(&handle, |sink| sink.dead == 0 && sink.delivered == 100).await;
    assert_eq!(receiver.accepted().last().unwrap()["seq"], 42);

    let before = receiver.accepted().len();
    assert_eq!(handle.replay_sink("out", 91).await.unwrap(), 90);
    when(&handle, |sink| sink.delivered == 110).await;
    let again = first_seqs(receiver.accepted().split_off(before));
    assert_eq!(again, (91..=100).collect::<Vec<i64>>());
    assert!(handle.replay_sink("nobody", 1).await.unwrap_err().to_string().contains("out"));
    let metrics = handle.render_metrics();
    for line in [
        "omma_sink_delivered_total{sink=\"out\"} 110",
        "omma_sink_put_aside_total{sink=\"out\"} 1",
        "omma_sink_dead{sink=\"out\"} 0",
        "omma_sink_connected{sink=\"out\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_leave_out_and_a_reload_changes_sinks() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    left_behind(dir.path(), &events(20, now())).await;
    let sink = |more: &str| {
        format!(
            "cameras: {{ yard: {{ url: yard.mp4, paused: true }} }}\n\
             sinks: [{{ name: out, to: '{}', interval: 20ms{more} }}]",
            receiver.address("/in")
        )
    };
    let engine = start(dir.path(), &sink(", cameras: [yard], kinds: [zone_entered]")).await;
    let handle = engine.handle();
    when(&handle, |sink| sink.delivered == 10).await;
    assert!(receiver.accepted().iter().all(|event| event["camera"] == "yard"));
    let report = handle.reload(config(dir.path(), &sink(", kinds: [zone_entered]"))).await;
    assert!(report.iter().any(|line| line == "sink `out`: started"), "{report:?}");
    handle.replay_sink("out", 1).await.unwrap();
    // One that is new counts anew, and this one is for both cameras.
    when(&handle, |sink| sink.delivered == 20).await;
    let report = handle.reload(config(dir.path(), "")).await;
    assert!(report.iter().any(|line| line == "sink `out`: removed"), "{report:?}");
    assert!(handle.sinks().await.unwrap().is_empty());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_for_a_sink_longer_than_they_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start();
    receiver.go_away();
    let hours = |hours: u64| now() - Duration::from_secs(hours * 3600);
    let mut old = events(6, hours(50));
    old.truncate(2);
    old.extend(events(6, hours(30)).split_off(2));
    left_behind(dir.path(), &old).await;
    let sinks = format!(
        "events: {{ keep: 1d }}\nsinks: [{{ name: out, to: '{}', interval: 20ms }}]",
        receiver.address("/in")
    );
    let engine = start(dir.path(), &sinks).await;
    let handle = engine.handle();
    when(&handle, |sink| sink.lost == 2).await;
    // What an attempt that is under way holds in its hand it may still deliver: the second that
    // fails from now on has begun afterwards.
    let mut last = now();
    for _attempt in 0..2 {
        let failed = |sink: &SinkStatus| sink.last_error.as_ref().map(|(at, _)| *at);
        last = failed(&when(&handle, |sink| failed(sink) > Some(last)).await).unwrap();
    }
    receiver.come_back();
    when(&handle, |sink| sink.delivered == 4).await;
    assert_eq!(first_seqs(receiver.accepted()), [3, 4, 5, 6]);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_again_and_again_has_all_in_order() {
    let Some(mut redis) = RedisServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    left_behind(dir.path(), &events(2000, now())).await;
    let sinks = format!("sinks: [{{ name: out, to: '{}/seen', batch: 10 }}]", redis.url());
    let engine = start(dir.path(), &sinks).await;
    let handle = engine.handle();
    for kill in 1..=5 {
        when(&handle, |sink| sink.delivered >= kill * 300).await;
        redis.kill();
        redis.restart();
    }
    when(&handle, |sink| sink.cursor == 2000).await;
    let entries = redis.cli(&["--json", "XRANGE", "seen", "-", "+"]);
    let entries: Value = serde_json::from_str(&entries).unwrap();
    let events = entries.as_array().unwrap().iter().map(|entry| {
        let fields = entry[1].as_array().unwrap();
        assert_eq!(fields[8], "event");
        let event: Value = serde_json::from_str(fields[9].as_str().unwrap()).unwrap();
        assert_eq!((&fields[0], &fields[1]), (&Value::from("id"), &event["id"]));
        event
    });
    assert_eq!(first_seqs(events), (1..=2000).collect::<Vec<i64>>());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kafka_topic_confirms_all() {
    // This one makes no topic by itself: the sink does.
    let Some(kafka) = KafkaServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    left_behind(dir.path(), &events(500, now())).await;
    let sinks = format!("sinks: [{{ name: out, to: '{}/seen' }}]", kafka.url());
    let engine = start(dir.path(), &sinks).await;
    let handle = engine.handle();
    let done = when(&handle, |sink| sink.cursor == 500).await;
    assert_eq!((done.delivered, done.dead, done.kind), (500, 0, "kafka"));
    engine.stop().await;
}

const HOUSE: &str = "cameras:
  street:
    url: 'sim:street?people=12&size=320x180&seed=4'
    detect: { model: motion, fps: 5 }
    zones: { pavement: { polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] } }
    lines: { middle: { from: [0.5, 0.05], to: [0.5, 0.95] } }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mqtt_tells_events_and_how_things_stand() {
    let Some(mut mosquitto) = MosquittoServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let seen = mosquitto.subscribe("all", "#");
    let sinks = format!(
        "{HOUSE}sinks: [{{ name: out, to: '{}/site', home_assistant: true, interval: 20ms }}]",
        mosquitto.url()
    );
    let engine = start(dir.path(), &sinks).await;
    let handle = engine.handle();
    let newest = |topic: &str, wanted: &str| {
        eventually(topic, SOON, || match seen.newest(topic) {
            Some(body) if body == wanted => Ok(()),
            other => Err(format!("{other:?}")),
        });
    };
    newest("site/status", "online");
    newest("site/street/state", "online");
    // Events of the simulated street.
    let zone = eventually("an event of the zone", SOON, || {
        let all: Vec<Value> = seen
            .messages()
            .into_iter()
            .filter(|(topic, _)| topic == "site/events")
            .map(|(_, body)| serde_json::from_str(&body).unwrap())
            .collect();
        all.iter().find(|e| e["kind"] == "zone_entered").cloned().ok_or(format!("{all:?}"))
    });
    assert_eq!(zone["rule"], "pavement");
    let id: omma_types::EventId = zone["id"].as_str().unwrap().parse().unwrap();
    let stored = handle.store().event(id).await.unwrap().unwrap();
    assert_eq!(Value::from(stored.seq), zone["seq"]);
    eventually("somebody in the zone", SOON, || {
        let topic = "site/street/zones/pavement/occupancy";
        let said: Vec<String> = seen
            .messages()
            .into_iter()
            .filter(|(name, _)| name == topic)
            .map(|(_, body)| body)
            .collect();
        if said.iter().any(|body| body != "0") { Ok(()) } else { Err(format!("{said:?}")) }
    });
    let config = "homeassistant/sensor/site_street/people/config";
    let people: Value = serde_json::from_str(&seen.newest(config).unwrap()).unwrap();
    assert_eq!(people["state_topic"], "site/street/people");

    // A broker that has forgotten everything is told again; whoever was away sees it.
    mosquitto.kill();
    when(&handle, |sink| sink.connected.is_none()).await;
    mosquitto.restart();
    when(&handle, |sink| sink.connected.is_some()).await;
    let later = mosquitto.subscribe("later", "#");
    eventually("retained topics after the restart", SOON, || {
        match (later.newest("site/status"), later.newest(config)) {
            (Some(status), Some(_)) if status == "online" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    // A camera that goes takes its sensors with it.
    handle.remove_camera(&CameraId::new("street").unwrap()).await.unwrap();
    eventually("the sensor to go", SOON, || match later.newest(config) {
        Some(body) if body.is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    engine.stop().await;
    eventually("the goodbye", SOON, || match later.newest("site/status") {
        Some(status) if status == "offline" => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_and_not_shown() {
    let Some(mosquitto) = MosquittoServer::start_guarded("omma", "right-one") else { return };
    let dir = tempfile::tempdir().unwrap();
    left_behind(dir.path(), &events(3, now())).await;
    let sink = |password: &str| {
        let url = format!("mqtt://omma:{password}@127.0.0.1:{}", mosquitto.port());
        format!("sinks: [{{ name: out, to: '{url}', interval: 20ms }}]")
    };
    let engine = start(dir.path(), &sink("wrong-one")).await;
    let handle = engine.handle();
    let trouble = when(&handle, |sink| sink.last_error.is_some()).await;
    let (_, reason) = trouble.last_error.clone().unwrap();
    assert!(reason.contains("refuses") && reason.contains("password"), "{reason}");
    assert!(!format!("{trouble:?}").contains("wrong-one"), "{trouble:?}");
    handle.reload(config(dir.path(), &sink("right-one"))).await;
    when(&handle, |sink| sink.delivered == 3).await;
    engine.stop().await;
}
