//! Cameras that go over a real Redis: given to programs of another system by one Omma, read as
//! a camera by another one, and mixed with what no program should send.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use omma_bus::topic::{Start, Subscription, Topic, TopicOptions, Topics};
use omma_bus::{Broker, FrameForm, native, proto};
use omma_testkit::{Omma, RedisServer, SOON, Server, eventually};
use prost::Message as _;

/// A running Omma; `rest` is its configuration after the head.
fn start(dir: &Path, name: &str, rest: &str) -> Server {
    let own = dir.join(name);
    std::fs::create_dir_all(&own).unwrap();
    let head = "version: 1\nhttp: { listen: '127.0.0.1:0' }\n";
    std::fs::write(own.join("omma.yaml"), format!("{head}{rest}")).unwrap();
    Server::start(Omma::new(env!("CARGO_BIN_EXE_omma"), &own).args("run"), name)
}

const STREET: &str = "sim:street?people=3&seed=4&size=320x240&fps=15";

fn is_jpeg(server: &Server, camera: &str) -> bool {
    let answer = server.get(&format!("/cameras/{camera}/snapshot.jpg"));
    answer.status == 200 && answer.body.starts_with(&[0xff, 0xd8])
}

#[test]
fn a_camera_reaches_another_omma_in_every_dialect_of_redis() {
    let Some(mut redis) = RedisServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = redis.url();
    let port = redis.port();
    let _sender = start(
        dir.path(),
        "sender",
        &format!(
            "cameras:\n  street: {{ url: '{STREET}', detect: {{ model: motion, fps: 10 }} }}\n\
             publish:\n  \
               - {{ camera: street, to: '{url}', dialect: redisedge, fps: 10 }}\n  \
               - {{ camera: street, to: 'redis://127.0.0.1:{port}/2', dialect: chrysalis, as: gate }}\n"
        ),
    );
    let reader = start(
        dir.path(),
        "reader",
        &format!(
            "cameras:\n  edge: {{ url: 'redis+redisedge://127.0.0.1:{port}/camera:0' }}\n  \
               gate: {{ url: 'redis+chrysalis://127.0.0.1:{port}/gate?db=2' }}\n"
        ),
    );
    for camera in ["edge", "gate"] {
        let seen = reader.when_camera(camera, |camera| camera["state"] == "online");
        assert_eq!(seen["stream"]["codec"], "mjpeg", "{seen}");
        assert!(is_jpeg(&reader, camera), "{camera}");
    }

    // Somebody asks the gate for all that it remembers.
    // {"deviceId":"gate","fromTimestamp":0,"toTimestamp":9999999999999,"requestId":"-1"}
    let asked = "eyJkZXZpY2VJZCI6ImdhdGUiLCJmcm9tVGltZXN0YW1wIjowLCJ0b1RpbWVzdGFtcCI6OTk5OTk5OTk5OTk5OSwicmVxdWVzdElkIjoiLTEifQ==";
    eventually("pictures of the past", SOON, || {
        let heard = redis.cli(&["PUBLISH", "memory_buffer_channel", asked]);
        let there = redis.cli(&["-n", "2", "XLEN", "memory_decoded_gate-1"]);
        if there.trim() == "10" { Ok(()) } else { Err(format!("{heard} {there}")) }
    });

    // What no program should send is left out, and the rest goes on.
    redis.cli(&["XADD", "camera:0", "*", "count", "1", "image", "no picture"]);
    redis.cli(&["XADD", "camera:0", "*", "picture", "nothing"]);
    redis.cli(&["XADD", "camera:0:yolo", "*", "ref", "x"]);
    let before = reader.camera("edge")["frames"]["received"].as_u64().unwrap();
    let more = |camera: &serde_json::Value| {
        camera["state"] == "online" && camera["frames"]["received"].as_u64() > Some(before + 20)
    };
    reader.when_camera("edge", more);

    // The broker goes and returns.
    redis.kill();
    reader.when_camera("edge", |camera| camera["state"] != "online");
    redis.restart();
    reader.when_camera("edge", |camera| camera["state"] == "online");
    let results = eventually("results", SOON, || {
        let entry = redis.cli(&["XREVRANGE", "camera:0:yolo", "+", "-", "COUNT", "1"]);
        if entry.contains("people") { Ok(entry) } else { Err(entry) }
    });
    assert!(results.contains("boxes") && results.contains("ref"), "{results}");
}

/// The user's own detector: answers each picture with one box that walks to the right.
async fn detect(broker: Broker, stop: Arc<AtomicBool>) -> u64 {
    let topics = Topics::open(&broker, TopicOptions::default()).await.unwrap();
    let mut work = topics.join(&Topic::work("detect.mine"), "mine", "one").await.unwrap();
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let Ok(record) = tokio::time::timeout(Duration::from_millis(200), work.next()).await else {
            continue;
        };
        let record = record.unwrap();
        let request = proto::DetectRequest::decode(record.payload.clone()).unwrap();
        assert!(request.jpeg.starts_with(&[0xff, 0xd8]) && request.model == "mine");
        answered += 1;
        let left = 0.1 + 0.05 * (answered % 16) as f32;
        let rect = proto::Rect { left, top: 0.3, width: 0.1, height: 0.4 };
        let response = proto::DetectResponse {
            camera: request.camera,
            model: request.model,
            request: request.request,
            detections: vec![
                proto::Detection { class: "person".into(), score: 0.9, r#box: Some(rect) },
                proto::Detection { class: "dog".into(), score: 0.9, r#box: Some(rect) },
            ],
            ..proto::DetectResponse::default()
        };
        let topic = Topic::work("detections");
        topics.publish(&topic, "street", response.encode_to_vec().into()).await.unwrap();
        work.ack(record.position).await.unwrap();
    }
    answered
}

#[test]
fn a_program_of_the_users_own_detects_and_omma_counts_what_it_finds() {
    let Some(redis) = RedisServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = start(
        dir.path(),
        "omma",
        &format!(
            "bus: '{}'\nmodels: {{ mine: {{ bus: true, classes: [person] }} }}\ncameras:\n  \
               street:\n    url: '{STREET}'\n    detect: {{ model: mine, fps: 10 }}\n    \
                 lines: {{ middle: {{ from: [0.5, 0.0], to: [0.5, 1.0] }} }}\n",
            redis.url()
        ),
    );
    // Nobody detects yet, and that is said.
    server.when_camera("street", |camera| {
        camera["reason"].as_str().is_some_and(|reason| reason.contains("no program on the bus"))
    });
    let stop = Arc::new(AtomicBool::new(false));
    let broker = Broker::parse(&redis.url()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
    let detector = runtime.spawn(detect(broker.clone(), Arc::clone(&stop)));
    let camera = server.when_camera("street", |camera| camera["people"] == 1);
    assert_eq!(camera["objects"], 1, "dogs are not asked for: {camera}");
    eventually("a crossing", SOON, || {
        let events = server.json("/api/v1/events");
        let all = events["events"].as_array();
        let is_there = all.is_some_and(|all| all.iter().any(|one| one["kind"] == "line_crossed"));
        if is_there { Ok(()) } else { Err(events.to_string()) }
    });

    // What is no detection is counted, and what is found goes onto the bus.
    redis.cli(&["XADD", "omma:detections", "*", "key", "street", "data", "nonsense"]);
    eventually("counted", SOON, || {
        let count = server.metric("omma_bus_foreign_messages_total");
        if count == Some(1.0) { Ok(()) } else { Err(format!("{count:?}")) }
    });
    runtime.block_on(async {
        let topics = Topics::open(&broker, TopicOptions::default()).await.unwrap();
        let mut frames = read(&topics, &Topic::FRAMES, Some("street")).await;
        let frame = loop {
            let record = frames.next_record().await.unwrap();
            let frame = native::decode_frame("frames", record.payload).unwrap();
            if frame.keyframe {
                break frame;
            }
        };
        let FrameForm::Packet(form) = &frame.form else { panic!("{:?}", frame.form) };
        assert!(form.codec == "h264" && !form.extradata.is_empty());
        let mut analyses = read(&topics, &Topic::ANALYSIS, Some("street")).await;
        let record = analyses.next_record().await.unwrap();
        let analysis = native::decode_analysis("analysis", record.payload).unwrap();
        assert_eq!(analysis.camera.as_str(), "street");
        let mut events = read(&topics, &Topic::EVENTS, None).await;
        loop {
            let record = events.next_record().await.unwrap();
            let (seq, event) = native::decode_event("events", record.payload).unwrap();
            assert!(seq > 0);
            if event.kind.as_str() == "line_crossed" {
                break;
            }
        }
    });
    stop.store(true, Ordering::Relaxed);
    // Its box needs so many pictures to come to the middle.
    assert!(runtime.block_on(detector).unwrap() >= 7);
}

async fn read(topics: &Topics, topic: &Topic, key: Option<&str>) -> Subscription {
    topics.subscribe(topic, key, Start::Oldest).await.unwrap()
}

#[test]
fn a_broker_that_lets_nobody_in_is_told_and_keeps_its_password_to_itself() {
    let Some(redis) = RedisServer::start_with(&["requirepass geheimnis"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let port = redis.port();
    let server = start(
        dir.path(),
        "omma",
        &format!(
            "cameras:\n  edge: {{ url: 'redis+redisedge://:fal5ch@127.0.0.1:{port}/camera:0' }}\n"
        ),
    );
    let seen = server.when_camera("edge", |camera| camera["state"] == "offline");
    let reason = seen["reason"].as_str().unwrap();
    assert!(reason.contains("refuses") && reason.contains("password"), "{reason}");
    let all = format!("{seen}{}{}", server.log(), server.get("/metrics").text());
    assert!(!all.contains("fal5ch"), "{all}");
}
