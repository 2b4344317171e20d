//! Several processes that share the work over a real broker: one reads and serves, the others
//! analyse, and one of these is killed.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]
#![allow(clippy::print_stderr, reason = "says what was measured")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use omma_testkit::{
    Data, KafkaServer, Omma, RedisServer, SOON, Server, data, eventually, ffmpeg, ort_library, send,
};
use serde_json::Value;

/// The model's pictures a second; the clip has 7.
const FPS: u32 = 5;

/// What an event is about, and when on the stream's own clock.
type Fact = (String, String, String, i64);

/// A part of a system that shares its work.
struct System<'a> {
    dir: &'a Path,
    data: &'a Data,
    config: String,
}

impl System<'_> {
    fn omma(&self, dir: &Path) -> Omma {
        Omma::new(env!("CARGO_BIN_EXE_omma"), dir).data(self.data).ort(ort_library().as_deref())
    }

    /// One of its processes.
    fn start(&self, name: &str, roles: &str) -> Server {
        let own = self.dir.join(name);
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("omma.yaml"), &self.config).unwrap();
        let omma = self.omma(&own).args(&format!("run --node {name} --roles {roles}"));
        Server::start(omma, name)
    }

    /// What one process finds in the whole clip, without any hurry.
    fn reference(&self, clip: &Path) -> BTreeMap<Fact, u32> {
        self.omma(self.dir)
            .args(&format!("analyze --model yolox-nano --classes person --fps {FPS}"))
            .args("--line mid=0.50,0.30,0.50,0.95 --line left=0.25,0.30,0.25,0.75")
            .args("--line road=0.55,0.45,1.00,0.45 --events events.jsonl")
            .arg(clip)
            .run()
            .ok();
        let text = std::fs::read_to_string(self.dir.join("events.jsonl")).unwrap();
        facts(text.lines().map(|line| serde_json::from_str(line).unwrap()))
    }
}

fn facts(events: impl Iterator<Item = Value>) -> BTreeMap<Fact, u32> {
    let mut facts = BTreeMap::new();
    for event in events.filter(|event| event["kind"] == "line_crossed") {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let track = text("track");
        let at = event["media_ms"].as_f64().unwrap().round() as i64;
        *facts.entry((text("rule"), text("direction"), track, at)).or_default() += 1;
    }
    facts
}

/// The beginning of a clip, cut without encoding anything anew.
fn beginning(data: &Data, dir: &Path, frames: u32) -> PathBuf {
    let (source, short) = (data.clip("PETS09-S2L1.mp4"), dir.join("short.mp4"));
    let (from, to) = (source.display(), short.display());
    ffmpeg(dir, &format!("-i {from} -c copy -frames:v {frames} -an {to}"));
    short
}

fn config(bus: &str, clip: &Path, cameras: usize) -> String {
    let mut text = format!(
        "version: 1\nhttp: {{ listen: '127.0.0.1:0' }}\nbus: {bus}\nmodels: {{ people: \
         {{ card: yolox-nano, classes: [person] }} }}\ncameras:\n"
    );
    for camera in 0..cameras {
        text += &format!(
            "  c{camera}:\n    url: {}\n    detect: {{ model: people, fps: {FPS} }}\n    \
             lines:\n      mid: {{ from: [0.50, 0.30], to: [0.50, 0.95] }}\n      \
               left: {{ from: [0.25, 0.30], to: [0.25, 0.75] }}\n      \
               road: {{ from: [0.55, 0.45], to: [1.00, 0.45] }}\n",
            clip.display()
        );
    }
    text
}

/// How many cameras each process analyses, by name.
fn shares(server: &Server) -> BTreeMap<String, usize> {
    let nodes = server.json("/api/v1/nodes");
    let share = |node: &Value| {
        (node["name"].as_str().unwrap().to_owned(), node["analyses"].as_array().unwrap().len())
    };
    nodes.as_array().unwrap().iter().map(share).collect()
}

/// Waits until each of `workers` analyses as many cameras as the others.
fn when_shared(server: &Server, workers: &[&str], each: usize) {
    eventually("evenly shared", 2 * SOON, || {
        let shares = shares(server);
        let even = workers.iter().all(|name| shares.get(*name) == Some(&each));
        if even { Ok(()) } else { Err(format!("{shares:?}")) }
    });
}

/// When the picture of a camera was taken that was analysed last.
fn analysed_at(server: &Server, camera: usize) -> i64 {
    let analysis = server.get(&format!("/api/v1/cameras/c{camera}/analysis"));
    if analysis.status == 200 {
        analysis.json()["frame"]["time_ms"].as_i64().unwrap_or_default()
    } else {
        0
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// One of three workers is killed in the middle of a clip: its cameras go to the others, and
/// what is found is what one process alone finds.
fn a_killed_worker_is_replaced(bus: &str, cameras: usize) {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = beginning(&data, dir.path(), 280);
    let system = System { dir: dir.path(), data: &data, config: config(bus, &clip, cameras) };
    let wanted = system.reference(&clip);
    assert!(wanted.len() >= 10, "{wanted:?}");

    let names = ["east", "west", "north"];
    let mut workers: Vec<Server> =
        names.iter().map(|name| system.start(name, "detect,analyze")).collect();
    eventually("three workers", SOON, || {
        let shares = shares(&workers[0]);
        if shares.len() == names.len() { Ok(()) } else { Err(format!("{shares:?}")) }
    });
    let hub = system.start("hub", "ingest,serve");
    when_shared(&hub, &names, cameras / 3);
    for camera in 0..cameras {
        eventually("analysed", SOON, || {
            let at = analysed_at(&hub, camera);
            if at > 0 { Ok(()) } else { Err(format!("camera c{camera} is not analysed")) }
        });
    }

    let killed = workers.remove(1);
    let (at, since) = (now_ms(), Instant::now());
    killed.signal("KILL");
    for camera in 0..cameras {
        eventually("analysed again", SOON, || {
            let seen = analysed_at(&hub, camera);
            if seen > at { Ok(()) } else { Err(format!("c{camera}: {} ms before", at - seen)) }
        });
    }
    let again = since.elapsed();
    eprintln!("{cameras} cameras analysed again {:.2} s after a kill -9", again.as_secs_f64());
    when_shared(&hub, &["east", "north"], cameras / 2);

    for camera in 0..cameras {
        eventually("the same events", SOON, || has_told(&hub, camera, &wanted));
    }
}

/// Whether the crossings of a camera are all there, each once.
fn has_told(hub: &Server, camera: usize, wanted: &BTreeMap<Fact, u32>) -> Result<(), String> {
    let asked = format!("/api/v1/events?cameras=c{camera}&kinds=line_crossed&limit=1000");
    let found = facts(hub.json(&asked)["events"].as_array().unwrap().iter().cloned());
    if found == *wanted { Ok(()) } else { Err(difference(wanted, &found)) }
}

fn difference(wanted: &BTreeMap<Fact, u32>, found: &BTreeMap<Fact, u32>) -> String {
    let missing: Vec<_> = wanted.iter().filter(|(fact, _)| !found.contains_key(*fact)).collect();
    let strange: Vec<_> = found.iter().filter(|(k, v)| wanted.get(*k) != Some(*v)).collect();
    format!("missing {missing:?}, strange or repeated {strange:?}")
}

#[test]
fn a_killed_worker_is_replaced_over_redis() {
    let Some(redis) = RedisServer::start() else { return };
    a_killed_worker_is_replaced(&redis.url(), 12);
}

#[test]
fn a_killed_worker_is_replaced_over_kafka() {
    let Some(kafka) = KafkaServer::start() else { return };
    a_killed_worker_is_replaced(&kafka.url(), 6);
}

/// A process that stood still finds out, when it wakes, that others do its work: nothing is told
/// twice, and nothing is missing.
#[test]
fn a_process_that_stood_still_tells_nothing_twice() {
    let (Some(redis), Some(data)) = (RedisServer::start(), data()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = beginning(&data, dir.path(), 210);
    let system = System { dir: dir.path(), data: &data, config: config(&redis.url(), &clip, 2) };
    let wanted = system.reference(&clip);
    let workers = ["east", "west"].map(|name| system.start(name, "detect,analyze"));
    let hub = system.start("hub", "ingest,serve");
    when_shared(&hub, &["east", "west"], 1);
    workers[0].signal("STOP");
    when_shared(&hub, &["west"], 2);
    workers[0].signal("CONT");
    when_shared(&hub, &["east", "west"], 1);
    for camera in 0..2 {
        eventually("the same events", SOON, || has_told(&hub, camera, &wanted));
    }
}

/// A process that ends as it should gives its cameras away at once, with all that it knows. The
/// models run in a process of their own.
#[test]
fn who_leaves_hands_over_and_models_run_elsewhere() {
    let (Some(redis), Some(data)) = (RedisServer::start(), data()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = beginning(&data, dir.path(), 140);
    let system = System { dir: dir.path(), data: &data, config: config(&redis.url(), &clip, 2) };
    let eyes = system.start("eyes", "detect");
    let first = system.start("first", "analyze");
    let hub = system.start("hub", "ingest,serve");
    when_shared(&hub, &["first"], 2);
    let second = system.start("second", "analyze");
    when_shared(&hub, &["first", "second"], 1);
    let (code, _, log) = first.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    when_shared(&hub, &["second"], 2);
    let seen = |camera: usize| analysed_at(&hub, camera);
    let before = [seen(0), seen(1)];
    eventually("analysed on", SOON, || {
        let now = [seen(0), seen(1)];
        let both = now.iter().zip(before).all(|(now, before)| *now > before);
        if both { Ok(()) } else { Err(format!("{before:?} {now:?}")) }
    });
    let looked = eyes.metric("omma_node_pictures_total").unwrap();
    assert!(looked > 10.0, "{looked}");
    assert_eq!(second.metric("omma_node_untold_events_total"), Some(0.0));
    let refused = send(hub.port(), "POST", "/api/v1/cameras/c0/pause", "").unwrap();
    assert_eq!(refused.status, 409, "{}", refused.text());
    drop(second);
}
