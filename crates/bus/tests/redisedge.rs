//! `EdgeRealtimeVideoAnalytics` both ways, on a real Redis, with the libraries of its own
//! programs (redis-py, OpenCV, Pillow) at the other end. Time series are those of `fakeredis`,
//! because the module is in no package: it stands in for the module only.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use omma_bus::dialect::{open_inlet, redisedge};
use omma_bus::{Broker, BrokerAddress, BusError, Frame, FrameForm, Inbound, Inlet, Outlet as _};
use omma_testkit::{RedisServer, SOON, skipped};
use omma_types::{
    Analysis, CameraId, ClassName, FrameStamp, MediaTime, Rect, Size, StageTimings, Track, TrackId,
    TrackState, WallSource, WallTime,
};
use serde_json::Value;

/// A Python with the libraries of the original programs: `$OMMA_DIALECT_PYTHON`, else what
/// `tools/setup.sh test` made; none, with the reason printed, where neither works.
fn python() -> Option<PathBuf> {
    let set_up = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/dialects/bin/python");
    let python = std::env::var_os("OMMA_DIALECT_PYTHON").map_or(set_up, PathBuf::from);
    let tools = "import redis, cv2, numpy, PIL, fakeredis";
    let works = Command::new(&python).args(["-c", tools]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    skipped(
        "no Python with redis, opencv-python-headless, numpy, pillow and fakeredis \
         (set OMMA_DIALECT_PYTHON)",
    );
    None
}

fn script(python: &Path, words: &[String]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialects/redisedge.py");
    // A script that hangs is a failed test.
    let mut command = Command::new("timeout");
    command.arg("60").arg(python).arg(script).args(words);
    command
}

fn run(python: &Path, words: &[String]) -> String {
    let output = script(python, words).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The header of a JPEG; enough for all but those who decode it.
fn jpeg(width: u16, height: u16) -> Bytes {
    let mut file = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8];
    file.extend(height.to_be_bytes());
    file.extend(width.to_be_bytes());
    file.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
    file.into()
}

fn frame(millis: i64, data: Bytes) -> Frame {
    Frame {
        camera: "door".to_owned(),
        stamp: stamp(millis),
        form: FrameForm::Jpeg,
        keyframe: true,
        stream_start: false,
        data,
    }
}

fn stamp(millis: i64) -> FrameStamp {
    FrameStamp {
        seq: millis.unsigned_abs() / 40,
        media: MediaTime::from_nanos(millis * 1_000_000),
        wall: WallTime::from_millis(millis),
        wall_source: WallSource::Arrival,
        size: Size::new(64, 48),
    }
}

fn analysis(millis: i64, people: &[(Rect, TrackState)]) -> Analysis {
    let tracks = people.iter().enumerate().map(|(at, (rect, state))| Track {
        id: TrackId(at as u64 + 1),
        class: ClassName::new("person"),
        rect: *rect,
        score: 0.9,
        state: *state,
    });
    Analysis {
        camera: CameraId::new("door").unwrap(),
        frame: stamp(millis),
        detections: Vec::new(),
        tracks: tracks.collect(),
        timings: StageTimings::default(),
    }
}

fn writer(broker: &str, series: Option<&str>) -> redisedge::Writer {
    let settings = redisedge::Settings {
        stream: "camera:0".to_owned(),
        quality: 80,
        keep: Some(50),
        adaptive: false,
        series: series.map(|url| Broker::parse(url).unwrap()),
    };
    redisedge::Writer::new(Broker::parse(broker).unwrap(), settings).unwrap()
}

fn reader(server: &RedisServer) -> Box<dyn Inlet> {
    let url = server.url().replace("redis://", "redis+redisedge://");
    let address = BrokerAddress::parse(&format!("{}/camera:0", url.trim_end_matches('/'))).unwrap();
    open_inlet(&address, "door").unwrap()
}

async fn next(inlet: &mut Box<dyn Inlet>) -> Frame {
    match tokio::time::timeout(SOON, inlet.next()).await.unwrap().unwrap() {
        Inbound::Frame(frame) => *frame,
        Inbound::Detected(..) => panic!("nobody detected anything"),
    }
}

/// Lets `inlet` find the end of the stream, which is where it begins.
async fn attach(inlet: &mut Box<dyn Inlet>) {
    let nothing = tokio::time::timeout(Duration::from_millis(300), inlet.next()).await;
    assert!(nothing.is_err(), "nothing was written yet");
}

#[tokio::test]
async fn pictures_of_capture_py_are_read_and_what_is_written_is_read_by_its_libraries() {
    let (Some(server), Some(python)) = (RedisServer::start(), python()) else { return };
    let port = server.port().to_string();
    let mut inlet = reader(&server);
    attach(&mut inlet).await;
    run(&python, &["capture".into(), port.clone(), "6".into()]);
    let mut pictures = Vec::new();
    for number in 0..6u64 {
        let picture = next(&mut inlet).await;
        assert_eq!((picture.stamp.seq, picture.stamp.size), (number, Size::new(64, 48)));
        assert_eq!(picture.stream_start, number == 0);
        pictures.push(picture);
    }
    let walls: Vec<WallTime> = pictures.iter().map(|picture| picture.stamp.wall).collect();
    assert!(
        walls.is_sorted() && walls.first().is_some_and(|wall| wall.as_millis() > 1_600_000_000_000)
    );

    server.cli(&["DEL", "camera:0"]);
    let mut outlet = writer(&server.url(), None);
    for (at, picture) in pictures.iter().enumerate() {
        outlet.frame(&frame(1000 + at as i64 * 40, picture.data.clone())).await.unwrap();
    }
    // Of the first picture and not the newest; the second person is a guess.
    let people = [
        (Rect::new(0.25, 0.25, 0.5, 0.5), TrackState::Confirmed),
        (Rect::new(0.0, 0.0, 0.1, 0.1), TrackState::Coasting),
    ];
    outlet.analysis(&analysis(1020, &people)).await.unwrap();
    let read: Value = serde_json::from_str(&run(&python, &["read".into(), port])).unwrap();
    assert_eq!(read["ref"], read["first_id"], "{read}");
    assert_eq!(read["id"].as_str(), outlet.newest_id().as_deref());
    assert_eq!((&read["count"], &read["first_count"]), (&5.into(), &0.into()));
    assert_eq!(read["boxes"], serde_json::json!([16.0, 12.0, 48.0, 36.0]));
    assert_eq!((&read["people"], &read["initialized"]), (&1.into(), &1.into()));
    let last = pictures.last().map(|picture| picture.data.len());
    assert_eq!(read["bytes"].as_u64(), last.map(|len| len as u64), "not a byte is changed");
}

#[tokio::test]
async fn what_is_no_picture_is_left_out_and_the_rest_goes_on() {
    let Some(server) = RedisServer::start() else { return };
    let mut inlet = reader(&server);
    attach(&mut inlet).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let good = jpeg(64, 48);
    let pickle: &[u8] = b"cos\nsystem\n(S'true'\ntR.";
    let entries: [&[(&str, &[u8])]; 6] = [
        &[("count", b"1"), ("image", pickle)],
        &[("count", b"2"), ("picture", &good)],
        &[("count", b"none"), ("image", &good)],
        &[("count", b"3"), ("image", b"\x89PNG\r\n\x1a\n")],
        &[("data", b"")],
        &[("count", b"7"), ("image", &good)],
    ];
    for fields in entries {
        let mut add = redis::cmd("XADD");
        add.arg("camera:0").arg("*");
        for (name, value) in fields {
            add.arg(*name).arg(*value);
        }
        let _: String = add.query_async(&mut connection).await.unwrap();
    }
    let picture = next(&mut inlet).await;
    assert_eq!((picture.stamp.seq, picture.data), (7, good));
    assert_eq!(inlet.left_out(), 5);
}

#[tokio::test]
async fn a_server_without_series_or_that_comes_back_gets_the_rest() {
    let Some(mut server) = RedisServer::start() else { return };
    let url = server.url();
    let mut outlet = writer(&url, Some(&url));
    assert!(outlet.is_due(WallTime::from_millis(1000)));
    outlet.analysis(&analysis(900, &[])).await.unwrap();
    assert_eq!(server.cli(&["EXISTS", "camera:0:yolo"]).trim(), "0", "nothing to refer to");
    outlet.frame(&frame(1000, jpeg(64, 48))).await.unwrap();
    outlet.analysis(&analysis(1000, &[])).await.unwrap();
    assert_eq!(server.cli(&["XLEN", "camera:0:yolo"]).trim(), "1");
    server.kill();
    let error = outlet.frame(&frame(1040, jpeg(64, 48))).await.unwrap_err();
    assert!(matches!(error, BusError::Unreachable { .. }), "{error}");
    server.restart();
    outlet.frame(&frame(1080, jpeg(64, 48))).await.unwrap();
    assert_eq!(server.cli(&["XLEN", "camera:0"]).trim(), "2");
    for at in 0..400 {
        outlet.frame(&frame(2000 + at, jpeg(64, 48))).await.unwrap();
    }
    let kept: u32 = server.cli(&["XLEN", "camera:0"]).trim().parse().unwrap();
    assert!((50..=150).contains(&kept), "`keep` holds, in whole nodes: {kept}");
}

#[tokio::test]
async fn series_have_their_labels_rules_and_times() {
    let (Some(server), Some(python)) = (RedisServer::start(), python()) else { return };
    let mut with_series = script(&python, &["series".into()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = BufReader::new(with_series.stdout.take().unwrap()).lines();
    let port = answers.next().unwrap().unwrap();
    let mut outlet = writer(&server.url(), Some(&format!("redis://127.0.0.1:{port}")));
    let mut refs = Vec::new();
    for at in 0..3i64 {
        let wall = 1000 + at * 40;
        assert!(outlet.is_due(WallTime::from_millis(wall)));
        outlet.frame(&frame(wall, jpeg(64, 48))).await.unwrap();
        refs.push(outlet.newest_id().unwrap());
        let people = [(Rect::new(0.1, 0.1, 0.2, 0.2), TrackState::Confirmed)];
        outlet.analysis(&analysis(wall, &people)).await.unwrap();
    }
    writeln!(with_series.stdin.take().unwrap()).unwrap();
    let told: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
    assert!(with_series.wait().unwrap().success());
    let series = told["series"].as_object().unwrap();
    assert_eq!(series.len(), 19, "{:?}", series.keys());
    let people = &series["camera:0:people"];
    assert_eq!(people["labels"], serde_json::json!({ "camera": "0", "__name__": "people" }));
    let times: Vec<String> =
        people["samples"].as_array().unwrap().iter().map(|sample| sample[0].to_string()).collect();
    let mut expected: Vec<String> =
        refs.iter().map(|id| id.split_once('-').unwrap().0.to_owned()).collect();
    expected.dedup();
    assert_eq!(times, expected, "of the pictures' milliseconds");
    assert_eq!(told["rules"]["camera:0:people:avg:5m"], serde_json::json!([300_000, "AVG"]));
    for metric in ["in_fps", "out_fps", "prf_total", "prf_store"] {
        let samples = series[&format!("camera:0:{metric}")]["samples"].as_array().unwrap();
        assert!(!samples.is_empty(), "{metric}");
    }
    let names: Vec<&str> =
        outlet.figures(WallTime::from_millis(0)).iter().map(|figure| figure.name).collect();
    assert!(names.contains(&"people_max_15m") && names.contains(&"prf_model"), "{names:?}");
}
