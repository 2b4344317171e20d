//! Cameras that go over a real Redis: given to programs of another system by one Omma, read as
//! a camera by another one, and mixed with what no program should send.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;

use omma_testkit::{Omma, RedisServer, SOON, Server, eventually};

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
