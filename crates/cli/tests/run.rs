//! `omma run` among cameras that come, go, lie and break: real streams from GStreamer's RTSP
//! server and from files, and the program itself with its signals, reloads and restarts.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use omma_testkit::{Omma, RtspCamera, SOON, Server, eventually, ffmpeg, free_port, get, probe};
use serde_json::Value;

fn start(dir: &Path, name: &str) -> Server {
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir).args("--log info,omma_engine=debug run");
    Server::start(omma, name)
}

/// Writes a configuration whose cameras are `cameras`.
fn configure(dir: &Path, cameras: &str) {
    let text = format!(
        "version: 1\ndata_dir: store\nhttp: {{ listen: '127.0.0.1:0' }}\n\
         models:\n  broken: {{ file: ./broken.onnx }}\ncameras:\n{cameras}"
    );
    // In one step, as editors do it: a half-written file is no configuration.
    let fresh = dir.join("omma.yaml.new");
    std::fs::File::create(&fresh).unwrap().write_all(text.as_bytes()).unwrap();
    std::fs::rename(fresh, dir.join("omma.yaml")).unwrap();
}

fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("{pointer} is no number in {value:#}"))
}

fn state(camera: &Value) -> &str {
    camera["state"].as_str().unwrap()
}

fn online(camera: &Value) -> bool {
    state(camera) == "online"
}

/// A clip of 4 s with something that moves across.
fn clip(dir: &Path) {
    ffmpeg(
        dir,
        "-f lavfi -i color=gray:size=320x240:rate=15:duration=4 \
         -f lavfi -i color=white:size=40x80:rate=15:duration=4 \
         -filter_complex [0][1]overlay=x=t*100-60:y=100 -c:v libx264 -g 15 -bf 0 \
         -pix_fmt yuv420p clip.mp4",
    );
}

const STREET: &str = "  street:
    url: sim:street?people=10&cars=2&seed=3&size=640x360&fps=25
    detect: { model: motion, fps: 10 }
    lines:
      middle: { from: [0.5, 1.0], to: [0.5, 0.3] }
      west: { from: [0.3, 1.0], to: [0.3, 0.3] }
      east: { from: [0.7, 1.0], to: [0.7, 0.3] }
    zones:
      left: { polygon: [[0, 0.3], [0.5, 0.3], [0.5, 1], [0, 1]] }
";

/// Crossings of all lines of a camera.
fn crossings(camera: &Value) -> u64 {
    let lines = camera["counts"]["lines"].as_array().unwrap();
    lines.iter().map(|line| number(line, "/forward") + number(line, "/backward")).sum()
}

#[test]
fn broken_cameras_say_why_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    clip(dir);
    std::fs::write(dir.join("broken.onnx"), "no model\n").unwrap();
    std::fs::write(dir.join("text.mp4"), "no film\n").unwrap();
    let rtsp = RtspCamera::start(&["--user", "bob", "--password", "ge:heim", "--tcp-only"]);
    let closed = free_port();
    let mut cameras = format!(
        "{STREET}  looped:\n    url: clip.mp4\n    loop: true\n    detect: {{ model: motion }}\n    \
         lines:\n      mid: {{ from: [0.5, 0], to: [0.5, 1] }}\n  \
         once: {{ url: clip.mp4 }}\n  \
         refusing: {{ url: 'rtsp://bob:geheim1@127.0.0.1:{closed}/cam' }}\n  \
         missing: {{ url: missing.mp4, detect: {{ model: motion }} }}\n  \
         text: {{ url: text.mp4 }}\n  \
         modelless: {{ url: clip.mp4, loop: true, detect: {{ model: broken }} }}\n"
    );
    if let Some(rtsp) = &rtsp {
        let (right, wrong) =
            (rtsp.address("bob:ge%3Aheim@", "cam"), rtsp.address("bob:geheim2@", "cam"));
        let nowhere = rtsp.address("bob:ge%3Aheim@", "nowhere");
        cameras.push_str(&format!(
            "  real: {{ url: '{right}', detect: {{ model: motion }} }}\n  \
             denied: {{ url: '{wrong}', detect: {{ model: motion }} }}\n  \
             lost: {{ url: '{nowhere}' }}\n"
        ));
    }
    configure(dir, &cameras);
    let server = start(dir, "omma");
    assert_eq!(server.get("/healthz").status, 200);

    let mut healthy = vec!["street", "looped"];
    let mut broken = vec![
        ("refusing", "offline", "refused"),
        ("missing", "offline", "no such file"),
        ("text", "offline", "no video file"),
    ];
    if rtsp.is_some() {
        healthy.push("real");
        broken.extend([("denied", "offline", "401"), ("lost", "offline", "404")]);
    }
    for name in healthy {
        let camera = server.when_camera(name, |camera| {
            online(camera) && number(camera, "/frames/analysed") > 5 && camera["reason"] == ""
        });
        assert_eq!(camera["decoding"], true);
        let analysis = server.json(&format!("/api/v1/cameras/{name}/analysis"));
        assert_eq!(analysis["camera"], name);
    }
    for (name, wanted, reason) in broken {
        let camera = server.when_camera(name, |camera| state(camera) == wanted);
        let said = camera["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{name}: {said}");
    }
    server.when_camera("once", |camera| state(camera) == "ended");
    // A model that is no model: the pictures can still be watched.
    let camera = server.when_camera("modelless", |camera| {
        online(camera) && camera["detector"]["error"].is_string()
    });
    assert!(camera["reason"].as_str().unwrap().contains("broken.onnx"), "{camera:#}");
    assert_eq!(server.get("/cameras/modelless/snapshot.jpg").status, 200);

    // Something crosses a line, and it is told everywhere.
    server.when_camera("looped", |camera| crossings(camera) > 0);
    let events = server.json("/api/v1/events?cameras=looped&kinds=line_crossed");
    assert_eq!(events["events"][0]["rule"], "mid");
    assert!(server.get("/metrics").text().contains("omma_crossings_total{camera=\"looped\""));
    let states = server.json("/api/v1/events?cameras=refusing&kinds=camera_state");
    assert!(states["events"][0]["reason"].as_str().unwrap().contains("refused"));

    for path in ["/api/v1/cameras", "/api/v1/events?limit=1000", "/metrics", "/readyz", "/"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        for secret in ["geheim", "ge:heim", "ge%3Aheim"] {
            assert!(!answer.text().contains(secret), "a password in {path}: {}", answer.text());
        }
    }
    let (code, took, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}: {log}");
    for secret in ["geheim", "ge:heim", "ge%3Aheim", "panicked"] {
        assert!(!log.contains(secret), "`{secret}` in the log: {log}");
    }
}

#[test]
fn counts_and_events_survive_an_end_and_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    configure(dir, STREET);
    let server = start(dir, "first");
    server.when_camera("street", |camera| crossings(camera) >= 3);
    let count = |server: &Server| -> u64 {
        let rows = server.json("/api/v1/counts?kind=line_crossed");
        rows["counts"].as_array().unwrap().iter().map(|row| number(row, "/count")).sum()
    };
    let events = |server: &Server| -> Vec<String> {
        let page = server.json("/api/v1/events?kinds=line_crossed&limit=1000&order=oldest");
        let ids = page["events"].as_array().unwrap().iter();
        ids.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    let told_before = events(&server);
    let (code, took, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}: {log}");

    // Nobody moves now: what is counted was counted before.
    configure(dir, &STREET.replace("people=10&cars=2", "people=0&cars=0"));
    let server = start(dir, "second");
    server.when_camera("street", online);
    let after_end = events(&server);
    assert!(after_end.starts_with(&told_before) && !told_before.is_empty(), "{after_end:?}");
    assert_eq!(count(&server), after_end.len() as u64);
    assert_eq!(crossings(&server.camera("street")), after_end.len() as u64);
    let (code, ..) = server.end("TERM");
    assert_eq!(code, Some(0));

    configure(dir, STREET);
    let server = start(dir, "third");
    server.when_camera("street", |camera| crossings(camera) > after_end.len() as u64);
    // Wait until the event is in the store: what was told is kept, also through a kill.
    let told = eventually("a stored event", SOON, || {
        let told = events(&server);
        if told.len() > after_end.len() { Ok(told) } else { Err(format!("{told:?}")) }
    });
    let (code, ..) = server.end("KILL");
    assert_eq!(code, None, "killed");

    configure(dir, &STREET.replace("people=10&cars=2", "people=0&cars=0"));
    let server = start(dir, "fourth");
    server.when_camera("street", online);
    let after_kill = events(&server);
    assert!(after_kill.starts_with(&told), "{after_kill:?} after {told:?}");
    assert_eq!(count(&server), after_kill.len() as u64);
    assert_eq!(crossings(&server.camera("street")), after_kill.len() as u64);
}

#[test]
fn a_reload_leaves_streams_alone_and_refuses_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    clip(dir);
    let looped = "  looped: { url: clip.mp4, loop: true }\n";
    configure(dir, &format!("{STREET}{looped}"));
    let server = start(dir, "omma");
    let before = server.when_camera("street", |camera| crossings(camera) > 0);
    server.when_camera("looped", online);
    let untouched = |server: &Server, before: &Value| {
        let received = number(before, "/frames/received");
        let now = server.when_camera("street", |c| number(c, "/frames/received") > received);
        assert_eq!(now["since_ms"], before["since_ms"], "it was opened again");
        assert!(crossings(&now) > 0, "counts were lost: {now:#}");
        now
    };

    // Lines: by a signal. The old ones keep their counts.
    let more = "    lines:\n      new: { from: [0.1, 1.0], to: [0.1, 0.3] }\n";
    configure(dir, &format!("{}{looped}", STREET.replace("    lines:\n", more)));
    server.signal("HUP");
    let has_new = |camera: &Value| {
        camera["lines"].as_array().unwrap().iter().any(|line| line["name"] == "new")
    };
    server.when_camera("street", has_new);
    let before = untouched(&server, &before);

    // A mistake: the last good configuration goes on.
    configure(dir, "  street: { url: 'sim:street', detekt: { model: motion } }\n");
    server.when_logged("refused");
    assert!(server.log().contains("did you mean `detect`"), "{}", server.log());
    let before = untouched(&server, &before);
    assert!(has_new(&before) && online(&server.camera("looped")));

    // A changed file is noticed without a signal: one camera goes, one comes.
    configure(dir, &format!("{STREET}  fresh: {{ url: clip.mp4, loop: true }}\n"));
    eventually("the new camera", SOON, || {
        let answer = server.get("/api/v1/cameras/fresh");
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    });
    server.when_camera("fresh", online);
    assert_eq!(server.get("/api/v1/cameras/looped").status, 404);
    untouched(&server, &before);
    let reconnects = server.metric("omma_camera_reconnects_total{camera=\"street\"} ");
    assert_eq!(reconnects.unwrap_or(0.0), 0.0);
}

#[test]
fn a_database_that_is_deleted_is_no_longer_ready() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), STREET);
    let server = start(dir.path(), "omma");
    std::fs::remove_file(dir.path().join("store/omma.db")).unwrap();
    let answer = get(server.port(), "/readyz").unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("omma.db is gone"), "{}", answer.text());
}

#[test]
fn a_camera_that_goes_away_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(mut camera) = RtspCamera::start(&["--tcp-only"]) else { return };
    let url = camera.address("", "cam");
    configure(dir, &format!("{STREET}  real: {{ url: '{url}', detect: {{ model: motion }} }}\n"));
    let server = start(dir, "omma");
    server.when_camera("real", |camera| online(camera) && number(camera, "/frames/analysed") > 0);
    let port = camera.port().to_string();
    camera.kill();
    let away = server.when_camera("real", |camera| !online(camera));
    assert_ne!(away["reason"], "", "{away:#}");
    assert!(online(&server.camera("street")), "another camera's trouble");
    let analysed = number(&away, "/frames/analysed");

    let Some(_camera) = RtspCamera::start(&["--tcp-only", "--port", &port]) else { return };
    server.when_camera("real", |camera| {
        online(camera) && camera["reason"] == "" && number(camera, "/frames/analysed") > analysed
    });
    let states = eventually("the events of going and coming", SOON, || {
        let told = server.json("/api/v1/events?cameras=real&kinds=camera_state&order=oldest");
        let states = told["events"].as_array().unwrap().iter();
        let states: Vec<String> = states.map(|event| state(event).to_owned()).collect();
        let back = states.len() >= 3 && states.last().is_some_and(|state| state == "online");
        if back { Ok(states) } else { Err(format!("{states:?}")) }
    });
    assert_eq!(states[0], "online", "{states:?}");
}

#[test]
fn a_camera_is_decoded_only_while_somebody_looks() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    clip(dir);
    configure(dir, "  quiet: { url: clip.mp4, loop: true }\n");
    let server = start(dir, "omma");
    let camera = server.when_camera("quiet", |c| online(c) && number(c, "/frames/received") > 20);
    assert_eq!((&camera["decoding"], number(&camera, "/frames/decoded")), (&false.into(), 0));
    let decoded = "omma_frames_decoded_total{camera=\"quiet\"} ";
    assert_eq!(server.metric(decoded).unwrap_or(0.0), 0.0);

    let mut viewer = server.stream("/cameras/quiet/live.mjpg?width=160");
    assert_eq!(viewer.status, 200);
    assert!(viewer.head.contains("multipart/x-mixed-replace"), "{}", viewer.head);
    let mut pictures = Vec::new();
    for n in 0..5 {
        let picture = viewer.part().unwrap();
        let file = dir.join(format!("live{n}.jpg"));
        std::fs::write(&file, &picture).unwrap();
        let seen = probe(&file, "stream=codec_name,width,height").unwrap();
        assert_eq!(seen, "mjpeg,160,120");
        pictures.push(picture);
    }
    pictures.dedup();
    assert!(pictures.len() > 1, "the picture stands still");
    let camera = server.when_camera("quiet", |camera| camera["decoding"] == true);
    assert!(number(&camera, "/frames/decoded") > 0);
    assert!(server.metric(decoded).unwrap() > 0.0);

    let snapshot = server.get("/cameras/quiet/snapshot.jpg");
    assert_eq!(snapshot.status, 200, "{}", snapshot.text());
    std::fs::write(dir.join("snapshot.jpg"), &snapshot.body).unwrap();
    let seen = probe(&dir.join("snapshot.jpg"), "stream=codec_name,width,height").unwrap();
    assert_eq!(seen, "mjpeg,320,240");

    drop(viewer);
    server.when_camera("quiet", |camera| camera["decoding"] == false);
}
