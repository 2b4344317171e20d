//! The streams of DeepVision at a real Redis, and with Python programs at the other end.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use omma_bus::dialect::deepvision::{
    MESSAGE_STREAM, Messages, Reader, Reference, Settings, Writer, pickle,
};
use omma_bus::{Broker, BrokerAddress, BusError, Frame, FrameForm, Inbound, Inlet, Outlet as _};
use omma_testkit::{RedisServer, skipped};
use omma_types::{
    Analysis, CameraId, ClassName, FrameStamp, MediaTime, Rect, Size, StageTimings, Track, TrackId,
    TrackState, WallSource, WallTime,
};
use sha2::{Digest as _, Sha256};

fn stamp(seq: u64) -> FrameStamp {
    FrameStamp {
        seq,
        media: MediaTime::from_nanos(seq as i64 * 100_000_000),
        wall: WallTime::from_millis(1_795_132_800_000 + seq as i64 * 100),
        wall_source: WallSource::Arrival,
        size: Size::new(160, 90),
    }
}

fn frame(seq: u64) -> Frame {
    let data: Vec<u8> = (0..160 * 90 * 3u64).map(|i| (i * 7 + seq * 31) as u8).collect();
    Frame {
        camera: "door".to_owned(),
        stamp: stamp(seq),
        form: FrameForm::Bgr,
        keyframe: true,
        stream_start: seq == 0,
        data: data.into(),
    }
}

fn analysis(seq: u64) -> Analysis {
    let rect = Rect::new(0.1 + seq as f32 * 0.05, 0.2, 0.25, 0.5);
    let class = ClassName::new("person");
    let track = Track { id: TrackId(4), class, rect, score: 0.75, state: TrackState::Confirmed };
    Analysis {
        camera: CameraId::new("door").expect("a name"),
        frame: stamp(seq),
        detections: Vec::new(),
        tracks: vec![track],
        timings: StageTimings::default(),
    }
}

fn writer(server: &RedisServer, reference: Reference) -> Writer {
    let broker = Broker::parse(&server.url()).expect("an address");
    let (stream, series) = ("camera:0".to_owned(), Some(broker.clone()));
    Writer::new(Settings { broker, stream, keep: Some(100), reference, series }).expect("a Redis")
}

fn reader(server: &RedisServer) -> Reader {
    let url = format!("{}/camera:0", server.url().replace("redis:", "redis+deepvision:"));
    Reader::new(&BrokerAddress::parse(&url).expect("an address"), "theirs").expect("a Redis")
}

/// Python with what DeepVision's programs use: `$OMMA_DIALECT_PYTHON`, else what
/// `tools/setup.sh test` made. None, with the reason printed, where it lacks something.
fn python() -> Option<PathBuf> {
    let set_up = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/dialects/bin/python");
    let python = std::env::var_os("OMMA_DIALECT_PYTHON").map_or(set_up, PathBuf::from);
    let tried = Command::new(&python).args(["-c", "import cv2, numpy, redis"]).output();
    match tried {
        Ok(output) if output.status.success() => Some(python),
        _ => {
            skipped("no Python with redis, numpy and opencv (set OMMA_DIALECT_PYTHON)");
            None
        }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deepvision")
}

/// Runs a program with its arguments and gives the lines that it printed.
fn run(python: &Path, script: &str, arguments: &[&str]) -> Vec<String> {
    let output =
        Command::new(python).arg(fixtures().join(script)).args(arguments).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn hash(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ids of a stream's entries, oldest first.
fn ids(server: &RedisServer, stream: &str) -> Vec<String> {
    let script = "local r = {} for _, e in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do \
                  r[#r + 1] = e[1] end return r";
    let text = server.cli(&["eval", script, "1", stream]);
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

async fn next_frame(inlet: &mut dyn Inlet) -> Frame {
    match inlet.next().await.expect("a picture") {
        Inbound::Frame(frame) => *frame,
        Inbound::Detected(..) => panic!("nobody detected anything"),
    }
}

#[tokio::test]
async fn results_point_at_their_own_picture_or_at_the_one_before_it() {
    for reference in [Reference::Previous, Reference::Own] {
        let Some(server) = RedisServer::start() else { return };
        let mut writer = writer(&server, reference);
        // An analysis can be faster than the pixels of its picture.
        writer.analysis(&analysis(0)).await.expect("kept");
        for seq in 0..6 {
            writer.frame(&frame(seq)).await.expect("written");
        }
        assert_eq!(ids(&server, "camera:0:mot").len(), 1);
        // Of the pictures between two analyses too.
        writer.analysis(&analysis(4)).await.expect("written");
        let (pictures, results) = (ids(&server, "camera:0"), ids(&server, "camera:0:mot"));
        assert_eq!((pictures.len(), results.len()), (6, 5));
        let text = server.cli(&["xrange", "camera:0:mot", "-", "+"]);
        let lines: Vec<&str> = text.lines().collect();
        for (number, result) in lines.chunks(5).enumerate() {
            let [_, "refId", target, "tracking", tracking] = *result else { panic!("{result:?}") };
            let left = 16.0 + 8.0 * number as f64;
            assert!(tracking.starts_with(&format!("{{\"frameId\": {number}, ")), "{tracking}");
            assert!(tracking.contains(&format!("\"object_bbox\": [{left:?}, 18.0,")), "{tracking}");
            match (reference, number) {
                (Reference::Own, _) => assert_eq!(target, pictures[number]),
                (Reference::Previous, 0) => assert!(!pictures.contains(&target.to_owned())),
                (Reference::Previous, _) => assert_eq!(target, pictures[number - 1]),
            }
            let behind = server.cli(&["xread", "count", "1", "streams", "camera:0", target]);
            let expected = number + usize::from(reference == Reference::Own);
            assert!(behind.contains(&pictures[expected]), "{target}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_read_and_what_is_no_picture_is_left_out() {
    let Some(server) = RedisServer::start() else { return };
    let mut reader = reader(&server);
    let mut writer = writer(&server, Reference::Own);
    // Pictures from before are not news; the reader has to be there first.
    let reading = tokio::spawn(async move {
        let mut frames = Vec::new();
        for _ in 0..3 {
            frames.push(next_frame(&mut reader).await);
        }
        frames
    });
    wait_for_reader(&server).await;
    let bad = std::fs::read(fixtures().join("bad-system-4.pickle")).expect("a fixture");
    let mut connection =
        omma_bus::redis::connect(&Broker::parse(&server.url()).expect("valid")).await.expect("up");
    let mut seq = 0;
    for (field, value) in
        [("image", &bad[..]), ("image", b"\xff\xd8\xff"), ("picture", b"x"), ("image", b"")]
    {
        let mut add = redis::cmd("XADD");
        add.arg("camera:0").arg("*").arg(field).arg(value);
        add.query_async::<String>(&mut connection).await.expect("added");
        if seq < 3 {
            writer.frame(&frame(seq)).await.expect("written");
            seq += 1;
        }
    }
    let frames = reading.await.expect("read");
    for (number, got) in frames.iter().enumerate() {
        assert_eq!(got.data, frame(number as u64).data);
        assert_eq!((got.camera.as_str(), got.stamp.size), ("theirs", Size::new(160, 90)));
        assert_eq!((got.stamp.seq, got.stream_start), (number as u64, number == 0));
        assert!(got.stamp.wall.as_millis() > 1_600_000_000_000, "the server's clock");
    }
}

/// Until somebody waits for a picture.
async fn wait_for_reader(server: &RedisServer) {
    let blocked = || {
        let info = server.cli(&["info", "clients"]);
        if info.contains("blocked_clients:1") { Ok(()) } else { Err(info) }
    };
    tokio::task::block_in_place(|| {
        omma_testkit::eventually("a reader to wait", omma_testkit::SOON, blocked);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_others_are_followed() {
    let Some(server) = RedisServer::start() else { return };
    let stream = MESSAGE_STREAM;
    server.cli(&["xadd", stream, "*", "message", r#"[{"message_text": "from before"}]"#]);
    let mut messages = Messages::new(&Broker::parse(&server.url()).expect("an address"));
    let reading = tokio::spawn(async move {
        (messages.next().await.expect("a message"), messages.next().await.expect("another"))
    });
    wait_for_reader(&server).await;
    server.cli(&["xadd", stream, "*", "message", "no JSON"]);
    server.cli(&["xadd", stream, "*", "text", "no such field"]);
    // Their programs remove the stream when they start.
    server.cli(&["xadd", stream, "*", "message", r#"[{"message_text": "hello"}]"#]);
    server.cli(&["del", stream]);
    server.cli(&["xadd", stream, "*", "message", "[]"]);
    let (first, second) = reading.await.expect("read");
    assert!(first.is_empty() || first[0].text == "hello", "{first:?}");
    assert!(first.is_empty() || second.is_empty());
}

#[tokio::test]
async fn a_picture_that_is_none_is_told_and_the_next_one_goes_on() {
    let Some(mut server) = RedisServer::start() else { return };
    let mut writer = writer(&server, Reference::Own);
    let broken = Frame { data: Bytes::from_static(b"too short"), ..frame(0) };
    let error = writer.frame(&broken).await.expect_err("refused");
    assert!(matches!(error, BusError::Payload { .. }), "{error}");
    writer.frame(&frame(0)).await.expect("written");
    server.kill();
    let error = writer.frame(&frame(1)).await.expect_err("it is away");
    assert!(matches!(error, BusError::Unreachable { .. }), "{error}");
    server.restart();
    writer.frame(&frame(2)).await.expect("back");
    assert_eq!(ids(&server, "camera:0").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_reads_what_is_written() {
    let (Some(python), Some(server)) = (python(), RedisServer::start()) else { return };
    let mut writer = writer(&server, Reference::Previous);
    for seq in 0..3 {
        writer.frame(&frame(seq)).await.expect("written");
        writer.analysis(&analysis(seq)).await.expect("written");
    }
    let lines = run(&python, "client.py", &["read", &server.url()]);
    assert_eq!(lines.len(), 3);
    let version = "import numpy; print(numpy.__version__)";
    let numpy = Command::new(&python).args(["-c", version]).output().expect("Python").stdout;
    for (seq, line) in (0..).zip(&lines) {
        let seen: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(seen["frameId"], seq);
        assert_eq!(seen["shape"], serde_json::json!([90, 160, 3]));
        assert_eq!(seen["digest"], hash(&frame(seq).data));
        assert_eq!(seen["tracking"]["tracking_info"][0]["objectId"], 4);
        assert_eq!(seen["tracking"]["tracking_info"][0]["class"], "PERSON");
        // Byte for byte what numpy 1 writes; numpy 2 calls its module otherwise.
        assert_eq!(seen["same"], numpy.starts_with(b"1."), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_python_writes_is_read() {
    let (Some(python), Some(server)) = (python(), RedisServer::start()) else { return };
    let mut reader = reader(&server);
    let reading = tokio::spawn(async move {
        let mut digests = Vec::new();
        for _ in 0..3 {
            let frame = next_frame(&mut reader).await;
            assert_eq!(frame.stamp.size, Size::new(160, 90));
            digests.push(hash(&frame.data));
        }
        digests
    });
    wait_for_reader(&server).await;
    let lines = run(&python, "client.py", &["write", &server.url()]);
    let digests = reading.await.expect("read");
    for (line, digest) in lines.iter().zip(digests) {
        assert!(line.contains(&digest), "{line}");
    }
}

/// The fixtures are what this machine's numpy writes.
#[test]
fn fixtures_are_those_of_numpy() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    run(&python, "make.py", &[&folder.path().display().to_string()]);
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        let Ok(kept) = std::fs::read(fixtures().join(&name)) else { continue };
        assert_eq!(std::fs::read(&path).expect("a file"), kept, "{}", name.display());
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
    let picture = std::fs::read(folder.path().join("numpy2-protocol5.pickle"))
        .or_else(|_| std::fs::read(folder.path().join("numpy1-protocol5.pickle")));
    assert!(pickle::read(&picture.expect("one of both").into()).is_ok());
}
