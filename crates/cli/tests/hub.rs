//! The hub as a site sees it: cameras that change under way, sub streams, and streams that are
//! passed on to a real RTMP server.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;

use omma_testkit::{
    Omma, RtmpServer, RtspCamera, SOON, Server, eventually, free_port, probe, send,
};
use serde_json::{Value, json};

fn start(dir: &Path, cameras: &str, name: &str) -> Server {
    let head = "version: 1\nhttp: { listen: '127.0.0.1:0' }\ncameras:\n";
    std::fs::write(dir.join("omma.yaml"), format!("{head}{cameras}")).unwrap();
    again(dir, name)
}

fn again(dir: &Path, name: &str) -> Server {
    Server::start(Omma::new(env!("CARGO_BIN_EXE_omma"), dir).args("run"), name)
}

fn post(server: &Server, path: &str, body: &Value) -> u16 {
    send(server.port(), "POST", path, &body.to_string()).unwrap().status
}

/// Waits until passing on is in this state.
fn when_passing(server: &Server, camera: &str, state: &str) -> Value {
    eventually(state, SOON, || {
        let now = server.json(&format!("/api/v1/cameras/{camera}/pass-through"));
        if now["state"] == state { Ok(now) } else { Err(now.to_string()) }
    })
}

/// What somebody who plays `address` gets, as `codec_type,codec_name` lines.
fn played(address: &str) -> String {
    eventually(address, SOON, || {
        let ffprobe = std::process::Command::new("ffprobe")
            .args(["-v", "error", "-rw_timeout", "5000000", "-show_entries"])
            .args(["stream=codec_type,codec_name", "-of", "csv=p=0", address])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&ffprobe.stdout).into_owned();
        if text.contains("video") { Ok(text) } else { Err(format!("{text} {ffprobe:?}")) }
    })
}

#[test]
fn a_stream_is_passed_on_with_its_sound_and_again_when_the_server_comes_back() {
    let Some(camera) = RtspCamera::start(&["--audio", "alaw", "--gop", "60"]) else { return };
    let Some(mut rtmp) = RtmpServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = camera.address("", "cam");
    let server = start(dir.path(), &format!("  yard: {{ url: '{url}' }}\n"), "pass_through");
    server.when_camera("yard", |camera| camera["state"] == "online");

    let path = "/api/v1/cameras/yard/pass-through";
    assert_eq!(post(&server, path, &json!({ "on": true })), 409, "it has no address yet");
    let target = rtmp.address("key-of-the-yard");
    assert_eq!(post(&server, path, &json!({ "url": target, "on": true })), 200);
    let now = when_passing(&server, "yard", "streaming");
    assert!(!now.to_string().contains("key-of-the-yard"), "{now}");
    let streams = played(&target);
    assert!(streams.contains("h264") && streams.contains("aac"), "{streams}");
    assert_eq!(server.camera("yard")["frames"]["decoded"], 0, "nothing is decoded for it");

    rtmp.kill();
    let away = when_passing(&server, "yard", "offline");
    assert!(away["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{away}");
    assert_eq!(server.camera("yard")["state"], "online", "the camera does not notice");
    rtmp.restart();
    when_passing(&server, "yard", "streaming");
    assert!(played(&target).contains("h264"));

    assert_eq!(post(&server, path, &json!({ "on": false })), 200);
    when_passing(&server, "yard", "off");
    let (_, _, log) = server.end("TERM");
    assert!(!log.contains("key-of-the-yard"), "{log}");
    let server = again(dir.path(), "pass_through_again");
    let kept = server.json(path);
    assert_eq!(kept["state"], "off", "what was asked for is kept: {kept}");
}

#[test]
fn a_camera_that_comes_back_with_another_codec_goes_on_and_so_does_its_recording() {
    let port = free_port().to_string();
    let Some(mut camera) = RtspCamera::start(&["--port", &port]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let url = camera.address("", "cam");
    let cameras = format!("  door: {{ url: '{url}', record: {{ mode: always }} }}\n");
    let server = start(dir.path(), &cameras, "changed_codec");
    let codec = |wanted: &str| {
        server.when_camera("door", |camera| {
            camera["state"] == "online"
                && camera["stream"]["codec"] == wanted
                && camera["frames"]["received"].as_u64() > Some(30)
        });
    };
    codec("h264");
    let recorded = |at_least: usize| {
        eventually("recorded files", SOON, || {
            let mut files = files_under(&dir.path().join("omma-data/recordings/door"));
            files.sort();
            let big = |path: &Path| std::fs::metadata(path).is_ok_and(|facts| facts.len() > 20_000);
            files.retain(|file| big(file));
            if files.len() >= at_least { Ok(files) } else { Err(format!("{files:?}")) }
        })
    };
    recorded(1);
    camera.kill();
    server.when_camera("door", |camera| camera["state"] == "offline");
    let other = RtspCamera::start(&["--port", &port, "--codec", "h265", "--size", "640x480"]);
    let Some(_other) = other else { return };
    codec("hevc");
    let files = recorded(2);
    assert_eq!(server.end("TERM").0, Some(0));
    let codecs: Vec<String> =
        files.iter().map(|file| probe(file, "stream=codec_name,width").unwrap()).collect();
    assert_eq!(codecs.first().map(String::as_str), Some("h264,320"), "{codecs:?}");
    assert_eq!(codecs.last().map(String::as_str), Some("hevc,640"), "{codecs:?}");
}

fn files_under(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

#[test]
fn the_detector_sees_the_sub_stream_and_the_main_stream_stays_undecoded() {
    let dir = tempfile::tempdir().unwrap();
    let cameras = "  shop:\n    url: 'sim:street?people=0&size=1280x720&fps=5'\n    \
                   detect_url: 'sim:street?people=8&seed=2&size=320x180&fps=10'\n    \
                   detect: { model: motion, fps: 5 }\n";
    let server = start(dir.path(), cameras, "sub_stream");
    let seen = server.when_camera("shop", |camera| {
        camera["frames"]["analysed"].as_u64() > Some(10) && camera["objects"].as_u64() > Some(0)
    });
    assert_eq!(seen["stream"]["width"], 1280, "{seen:#}");
    let decoded = |labels: &str| server.metric(&format!("omma_frames_decoded_total{{{labels}}}"));
    assert!(decoded("camera=\"shop\",stream=\"detect\"") > Some(0.0));
    assert_eq!(decoded("camera=\"shop\""), Some(0.0), "only the detector looks");
    let analysis = server.json("/api/v1/cameras/shop/analysis");
    assert_eq!(analysis["frame"]["width"], 320, "{analysis:#}");
}

#[test]
fn a_paused_camera_is_not_read_and_says_so_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), "  yard: { url: 'sim:street' }\n", "paused");
    server.when_camera("yard", |camera| camera["state"] == "online");
    assert_eq!(post(&server, "/api/v1/cameras/yard/pause", &json!({})), 200);
    server.when_camera("yard", |camera| camera["state"] == "paused");
    let snapshot = server.get("/cameras/yard/snapshot.jpg");
    assert_eq!(snapshot.status, 503, "{}", snapshot.text());
    assert!(snapshot.text().contains("paused"), "{}", snapshot.text());
    server.end("KILL");
    let server = again(dir.path(), "paused_again");
    server.when_camera("yard", |camera| camera["state"] == "paused");
    assert_eq!(post(&server, "/api/v1/cameras/yard/resume", &json!({})), 200);
    server.when_camera("yard", |camera| camera["state"] == "online");
}
