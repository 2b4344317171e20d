//! Programs in Python, with stubs that Google's tools make of `proto/`, against the real
//! program: both generations of video-edge-ai-proxy's clients, and Omma's own service.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use omma_testkit::{Omma, Server, ffmpeg, free_port, skipped};
use serde_json::{Value, json};

/// A Python that has Google's gRPC tools: `$OMMA_GRPC_PYTHON`, else what `tools/setup.sh test`
/// made; none, with the reason printed, where neither works.
fn python() -> Option<PathBuf> {
    let set_up = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/grpc/bin/python");
    let python = std::env::var_os("OMMA_GRPC_PYTHON").map_or(set_up, PathBuf::from);
    let tools = "import grpc_tools, grpc_health.v1, grpc_reflection.v1alpha";
    let works = Command::new(&python).args(["-c", tools]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    skipped("no Python with grpcio-tools (run tools/setup.sh test, or set OMMA_GRPC_PYTHON)");
    None
}

/// A running Omma with its gRPC port, and who asks it.
struct Site {
    server: Server,
    port: u16,
    python: PathBuf,
}

impl Site {
    /// `grpc` is added to that section, `rest` to the configuration, which ends with cameras.
    fn start(python: PathBuf, dir: &Path, grpc: &str, rest: &str) -> Self {
        let port = free_port();
        let text = format!(
            "version: 1\ndata_dir: store\nhttp: {{ listen: '127.0.0.1:0' }}\n\
             grpc: {{ listen: '127.0.0.1:{port}'{grpc} }}\n{rest}"
        );
        std::fs::write(dir.join("omma.yaml"), text).unwrap();
        let server = Server::start(Omma::new(env!("CARGO_BIN_EXE_omma"), dir).args("run"), "omma");
        server.when_logged("gRPC is ready");
        Self { server, port, python }
    }

    fn client(&self, scenario: &str) -> Command {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        // A client that hangs is a failed test.
        let mut command = Command::new("timeout");
        command
            .arg("100")
            .arg(&self.python)
            .arg(here.join("tests/grpc/clients.py"))
            .arg(here.join("../../proto"))
            .arg(self.port.to_string())
            .args(scenario.split(' '));
        command
    }

    /// What the client saw.
    fn ask(&self, scenario: &str) -> Value {
        let output = self.client(scenario).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{scenario}: {err}\n{}", self.server.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a client that says when it is ready.
    fn hold(&self, scenario: &str) -> (Child, BufReader<std::process::ChildStdout>) {
        let mut child = self.client(scenario).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "holding");
        (child, said)
    }
}

/// A film in 1080p with 5 pictures a second, a keyframe every second.
fn film(dir: &Path) {
    ffmpeg(
        dir,
        "-f lavfi -i testsrc2=size=1920x1080:rate=5:duration=10 -c:v libx264 -preset ultrafast \
         -g 5 -bf 0 -pix_fmt yuv420p film.mp4",
    );
}

const FILM: &str = "cameras:\n  film: { url: film.mp4, loop: true, ring: 64MB }\n";

fn list<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    value[field].as_array().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn numbers(frames: &[Value], field: &str) -> Vec<i64> {
    frames.iter().map(|frame| frame[field].as_i64().unwrap()).collect()
}

/// What holds for every frame of the film, and that they come in order, none twice.
fn check_frames(frames: &[Value]) {
    assert!(!frames.is_empty());
    for frame in frames {
        let dims = json!([["0", 1080], ["1", 1920], ["2", 3]]);
        assert_eq!((&frame["dims"], &frame["bytes"]), (&dims, &json!(1920 * 1080 * 3)));
        assert_eq!((&frame["width"], &frame["height"]), (&json!(1920), &json!(1080)));
        assert_eq!((&frame["device_id"], &frame["codec_name"]), (&json!("film"), &json!("h264")));
        assert_eq!((&frame["pix_fmt"], &frame["is_corrupt"]), (&json!("yuv420p"), &json!(false)));
        let place = frame["packet"].as_i64().unwrap();
        let kind = if place == 0 { "I" } else { "P" };
        assert_eq!(
            (&frame["frame_type"], &frame["is_keyframe"]),
            (&json!(kind), &json!(place == 0))
        );
        assert!((0..5).contains(&place), "{frame}");
        // 2026 and later, in milliseconds.
        assert!(frame["timestamp"].as_i64().unwrap() > 1_760_000_000_000, "{frame}");
    }
    let base = frames[0]["time_base"].as_f64().unwrap();
    for pair in frames.windows(2) {
        let step =
            |field: &str| pair[1][field].as_i64().unwrap() - pair[0][field].as_i64().unwrap();
        let seconds = step("pts") as f64 * base;
        assert!(seconds > 0.19, "{seconds} s between {pair:?}");
        assert!(step("keyframe") >= 0 && step("timestamp") > 0, "{pair:?}");
    }
}

#[test]
fn clients_of_both_generations_get_their_pictures() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    film(dir.path());
    let site = Site::start(python, dir.path(), "", FILM);

    for mode in ["unary", "stream"] {
        let seen = site.ask(&format!("latest film {mode}"));
        let frames = list(&seen, "frames");
        check_frames(frames);
        assert!(frames.len() >= 5, "{mode}: {} frames in 2.5 s", frames.len());
    }
    assert_eq!(site.ask("flood film")["got"], 8);
    let keyframes = site.ask("latest film unary-keys");
    check_frames(list(&keyframes, "frames"));
    assert!(numbers(list(&keyframes, "frames"), "packet").iter().all(|place| *place == 0));

    // Every picture of the span, once, in order: the ring holds all since the start.
    let probe = site.ask("probe film");
    let (start, end) = (probe["start"].as_i64().unwrap(), probe["end"].as_i64().unwrap());
    assert_eq!((&probe["name"], &probe["size"]), (&json!("h264"), &json!([1920, 1080])));
    assert_eq!((&probe["pix_fmt"], &probe["fps"]), (&json!("yuv420p"), &json!(5)));
    assert!(probe["clock_is_off_ms"].as_f64().unwrap() < 60_000.0);
    let past = site.ask(&format!("buffered film 0 {end}"));
    let frames = list(&past, "frames");
    check_frames(frames);
    let held = probe["frames"].as_u64().unwrap();
    assert!(frames.len() as u64 <= held && frames.len() as u64 + 2 >= held, "{held}");
    let pts = numbers(frames, "pts");
    let step = pts[1] - pts[0];
    assert!(pts.windows(2).all(|pair| pair[1] - pair[0] == step), "a gap in {pts:?}");
    // A span in the middle begins where it was asked to begin, also between keyframes.
    let (from, to) = (start + 700, start + 1500);
    let span = site.ask(&format!("buffered film {from} {to}"));
    let times = numbers(list(&span, "frames"), "timestamp");
    let wanted = numbers(frames, "timestamp").into_iter().filter(|t| (from..=to).contains(t));
    assert_eq!(times, wanted.collect::<Vec<_>>());
    assert!(times.len() >= 3, "{times:?}");
    check_frames(list(&span, "frames"));
    let before = site.ask("buffered film 1000 2000");
    assert!(list(&before, "frames").is_empty(), "a range with no footage");
}

#[test]
fn ten_clients_each_get_every_picture() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    film(dir.path());
    let site = Site::start(python, dir.path(), "", FILM);
    let seen = site.ask("many film 10 4");
    let got: Vec<Vec<i64>> = serde_json::from_value(seen["got"].clone()).unwrap();
    // All of them looked at this span, and somebody saw these pictures in it.
    let from = got.iter().map(|seen| seen[0]).max().unwrap();
    let to = got.iter().map(|seen| *seen.last().unwrap()).min().unwrap();
    let in_span = |pts: &&i64| (from..=to).contains(*pts);
    let all: BTreeSet<i64> = got.iter().flatten().filter(in_span).copied().collect();
    assert!(all.len() >= 10, "{all:?}");
    for seen in &got {
        let seen: Vec<i64> = seen.iter().filter(in_span).copied().collect();
        assert_eq!(seen, all.iter().copied().collect::<Vec<_>>(), "each once, in order");
    }
    // Decoded once for all of them; and 10 s after the last call it ends.
    site.server.when_camera("film", |camera| camera["decoding"] == false);
}

#[test]
fn other_calls_answer_and_what_makes_no_sense_is_refused() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    film(dir.path());
    let closed = free_port();
    let cameras = format!("{FILM}  away: {{ url: 'rtsp://bob:geheim@127.0.0.1:{closed}/cam' }}\n");
    let site = Site::start(python, dir.path(), "", &cameras);
    site.server.when_camera("film", |camera| camera["state"] == "online");
    site.server.when_camera("away", |camera| camera["state"] == "offline");

    let streams = site.ask("streams");
    let [away, film] = &list(&streams, "streams")[..] else { panic!("{streams}") };
    assert_eq!((&film["name"], &film["status"]), (&json!("film"), &json!("running")));
    assert_eq!((&film["health"], &film["running"]), (&json!("healthy"), &json!(true)));
    assert_eq!((&away["name"], &away["status"]), (&json!("away"), &json!("restarting")));
    let error = away["error"].as_str().unwrap();
    assert!(error.contains("refused") && !error.contains("geheim"), "{error}");

    let system = site.ask("system");
    assert_eq!(system["health"], json!(["SERVING", "SERVING", "SERVING"]));
    let methods = json!([
        ["VideoLatestImage", true, true],
        ["VideoBufferedImage", false, true],
        ["VideoProbe", false, false],
        ["ListStreams", false, true],
        ["Annotate", false, false],
        ["Proxy", false, false],
        ["Storage", false, false],
        ["SystemTime", false, false],
    ]);
    assert_eq!(system["methods"], methods);
    for generation in ["services", "v1alpha"] {
        let names = list(&system, generation);
        for name in ["chrys.cloud.videostreaming.v1beta1.Image", "omma.v1.Omma"] {
            assert!(names.contains(&json!(name)), "{names:?}");
        }
    }

    let told = site.ask("refusals film");
    for (call, code, part) in [
        ("latest", "NOT_FOUND", "away, film"),
        ("latest odd", "NOT_FOUND", "away, film"),
        ("buffered", "NOT_FOUND", "nobody"),
        ("backwards", "INVALID_ARGUMENT", "ends before it begins"),
        ("before 1970", "INVALID_ARGUMENT", "1970"),
        ("probe", "NOT_FOUND", "nobody"),
        ("proxy nobody", "NOT_FOUND", "nobody"),
        ("proxy nameless", "INVALID_ARGUMENT", "device_id"),
        ("proxy", "INVALID_ARGUMENT", "pass_through.url"),
        ("storage nobody", "NOT_FOUND", "nobody"),
        ("annotate", "INVALID_ARGUMENT", "annotations.url"),
        ("frames", "NOT_FOUND", "nobody"),
        ("frames odd", "INVALID_ARGUMENT", "PACKET"),
        ("events", "INVALID_ARGUMENT", "line_crossed"),
        ("too long", "OUT_OF_RANGE", "limit"),
        ("deadline", "DEADLINE_EXCEEDED", ""),
    ] {
        assert_eq!(told[call][0], code, "{call}: {}", told[call]);
        assert!(told[call][1].as_str().unwrap().contains(part), "{call}: {}", told[call]);
    }

    let control = site.ask("control film");
    assert_eq!(control, json!({ "storage": ["film", true, false], "proxy": ["film", false] }));
}

#[test]
fn names_that_nobody_has_can_be_forgiven() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    film(dir.path());
    let site = Site::start(python, dir.path(), ", strict: false", FILM);
    let told = site.ask("refusals film");
    for (call, code) in [
        ("latest", "OK"),
        ("latest odd", "OK"),
        ("buffered", "OK"),
        ("probe", "OK"),
        ("proxy nobody", "INVALID_ARGUMENT"),
        ("storage nobody", "INVALID_ARGUMENT"),
        ("frames", "NOT_FOUND"),
    ] {
        assert_eq!(told[call][0], code, "{call}: {}", told[call]);
    }
    let empty = site.ask("latest nobody unary");
    assert!(list(&empty, "frames").is_empty() && empty["empty"].as_u64().unwrap() > 5, "{empty}");
}

#[test]
fn pictures_come_as_jpeg_pixels_or_packets() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    film(dir.path());
    let site = Site::start(python, dir.path(), "", FILM);
    for (kind, format, head) in [("jpeg", 1, "ffd8"), ("bgr", 2, ""), ("packet", 3, "")] {
        let seen = site.ask(&format!("frames film {kind} 6"));
        let frames = list(&seen, "frames");
        assert_eq!(frames.len(), 6);
        for (index, frame) in frames.iter().enumerate() {
            assert_eq!((&frame["camera"], &frame["format"]), (&json!("film"), &json!(format)));
            assert_eq!(frame["size"], json!([1920, 1080]));
            assert!(frame["head"].as_str().unwrap().starts_with(head), "{frame}");
            assert_eq!(frame["begins"], json!(index == 0), "{kind}: {frames:?}");
            assert_eq!(frame["bytes"] == json!(1920 * 1080 * 3), kind == "bgr");
        }
        let seqs = numbers(frames, "seq");
        assert!(seqs.windows(2).all(|pair| pair[1] > pair[0]), "{kind}: {seqs:?}");
        if kind == "packet" {
            assert_eq!(
                (&frames[0]["keyframe"], &frames[0]["codec"]),
                (&json!(true), &json!("h264"))
            );
            assert!(frames[0]["extradata"].as_u64().unwrap() > 10);
            assert_eq!(frames[1]["extradata"], 0);
        }
    }
    // Whoever sleeps misses pictures, is told how many, and then sees the present.
    let slow = site.ask("slow film bgr 4");
    assert!(slow["dropped"].as_u64().unwrap() >= 5, "{slow}");
    assert!(slow["last_age_ms"].as_f64().unwrap() < 3000.0, "{slow}");
}

const STREET: &str = "cameras:\n  street:\n    \
    url: sim:street?people=12&cars=2&seed=3&size=320x180&fps=25\n    \
    detect: { model: motion, fps: 10 }\n    zones:\n      \
    left: { polygon: [[0, 0.3], [0.5, 0.3], [0.5, 1], [0, 1]] }\n";

#[test]
fn events_come_without_a_gap_and_everything_ends_with_the_server() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start(python, dir.path(), "", STREET);
    let first = site.ask("events 0 4");
    let first = list(&first, "events");
    // From the middle of what is stored into what has not happened yet.
    let after = first[1][0].as_i64().unwrap();
    let more = site.ask(&format!("events {after} 6"));
    let more = list(&more, "events");
    assert_eq!(more[..2], first[2..], "stored ones first");
    let seq = |event: &Value| event[0].as_i64().unwrap();
    assert!(more.windows(2).all(|pair| seq(&pair[1]) > seq(&pair[0])), "{more:?}");
    let last = seq(&more[5]);
    let page = site
        .server
        .json(&format!("/api/v1/events?order=oldest&after_seq={after}&before_seq={}", last + 1));
    let stored: Vec<_> = list(&page, "events").iter().map(|e| (&e["seq"], &e["id"])).collect();
    let told: Vec<_> = more.iter().map(|e| (&e[0], &e[1])).collect();
    assert_eq!(told, stored, "none left out, none twice");

    let analyses = site.ask("analyses street 3");
    assert!(list(&analyses, "analyses").iter().all(|a| a[0] == "street"), "{analyses}");
    let cameras = site.ask("cameras 1");
    assert_eq!(cameras["listed"], json!(["street"]));
    assert_eq!(cameras["changes"][0][0], "street");

    let (mut client, mut said) = site.hold("endless street");
    let (code, took, log) = site.server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}: {log}");
    assert!(client.wait().unwrap().success());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let ends: Value = serde_json::from_str(&line).unwrap();
    for call in ["events", "cameras", "analyses", "packets", "latest"] {
        assert_eq!(ends[call], "UNAVAILABLE", "{ends}");
    }
}
