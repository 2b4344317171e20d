//! The programs of `examples/bus/`, as they lie there, between a real broker and the real
//! program: a detector in Python finds people, who are counted and read back.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use omma_testkit::{KafkaServer, Omma, RedisServer, Server, data, skipped};

/// A Python with what the examples ask for: `$OMMA_EXAMPLES_PYTHON`, else what `tools/setup.sh
/// test` made; none, with the reason printed, where neither works.
fn python() -> Option<PathBuf> {
    let set_up = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.setup/examples/bin/python");
    let python = std::env::var_os("OMMA_EXAMPLES_PYTHON").map_or(set_up, PathBuf::from);
    let needs = "import av, cv2, grpc_tools, kafka, numpy, redis; cv2.HOGDescriptor";
    let works = Command::new(&python).args(["-c", needs]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    skipped("no Python for examples/bus (run tools/setup.sh test, or set OMMA_EXAMPLES_PYTHON)");
    None
}

fn example(python: &Path, program: &str, arguments: &[&str]) -> Command {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/bus");
    let mut command = Command::new(python);
    command.arg("-B").arg(dir.join(program)).args(arguments).stdin(Stdio::null());
    command
}

/// What a program of the examples prints that ends by itself.
fn lines(python: &Path, program: &str, arguments: &[&str]) -> Vec<String> {
    let done = example(python, program, arguments).output().unwrap();
    let (out, err) =
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program}: {err}");
    out.lines().map(str::to_owned).collect()
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn run_them(url: &str, python: &Path, clip: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "version: 1\nhttp: {{ listen: '127.0.0.1:0' }}\nbus: {url}\n\
         models: {{ mine: {{ bus: true, classes: [person] }} }}\ncameras:\n  door:\n    \
           url: '{}'\n    loop: true\n    detect: {{ model: mine, fps: 3 }}\n",
        clip.display()
    );
    std::fs::write(dir.path().join("omma.yaml"), text).unwrap();
    let server =
        Server::start(Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args("run"), "omma");
    server.when_camera("door", |camera| camera["state"] == "online");
    let _detector = Running(example(python, "my_detector.py", &[url, "mine"]).spawn().unwrap());
    server.when_camera("door", |camera| camera["people"].as_u64() > Some(0));

    let seen = lines(python, "read_analyses.py", &[url, "door", "--count", "2"]);
    assert!(seen.len() == 2 && seen.iter().all(|line| line.starts_with("door ")), "{seen:?}");
    let events = lines(python, "read_events.py", &[url, "--first", "--count", "1"]);
    assert!(
        events.len() == 1 && events.concat().ends_with("door camera_state online"),
        "{events:?}"
    );
    let frames = lines(python, "read_frames.py", &[url, "door", "--first", "--count", "3"]);
    assert!(
        frames.len() == 3 && frames.iter().all(|line| line.contains(" 768x576 mean ")),
        "{frames:?}"
    );
}

#[test]
fn the_examples_work_on_redis() {
    let (Some(python), Some(data)) = (python(), data()) else { return };
    let Some(redis) = RedisServer::start() else { return };
    run_them(&redis.url(), &python, &data.clip("PETS09-S2L1.mp4"));
}

#[test]
fn the_examples_work_on_kafka() {
    let (Some(python), Some(data)) = (python(), data()) else { return };
    let Some(kafka) = KafkaServer::start() else { return };
    run_them(&kafka.url(), &python, &data.clip("PETS09-S2L1.mp4"));
}
