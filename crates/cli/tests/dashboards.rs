//! The dashboards and alerts of `deploy/` against the binary: a panel that asks for a metric
//! which no longer exists stays empty, and nobody is told.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use omma_testkit::{Omma, SOON, Server, eventually};
use serde_json::Value;

/// Everything that has metrics of its own: lines, zones, recordings, a sink, a publication.
const EVERYTHING: &str = "version: 1
data_dir: store
http: { listen: '127.0.0.1:0' }
cameras:
  street:
    url: sim:street?people=10&cars=2&seed=3&size=640x360&fps=25
    detect: { model: motion, fps: 10 }
    record: { mode: always }
    lines:
      middle: { from: [0.5, 1.0], to: [0.5, 0.3] }
      west: { from: [0.3, 1.0], to: [0.3, 0.3] }
      east: { from: [0.7, 1.0], to: [0.7, 0.3] }
    zones:
      left: { polygon: [[0, 0.3], [0.5, 0.3], [0.5, 1], [0, 1]] }
sinks:
  - { name: hook, to: 'http://localhost:9/nobody' }
publish:
  - { camera: street, to: 'redis://127.0.0.1:9', dialect: redisedge }
";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn dashboards() -> Vec<(PathBuf, Value)> {
    let folder = deploy().join("grafana/dashboards");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let value = serde_json::from_str(&text);
        let value = value.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, value)
    };
    json.map(read).collect()
}

/// What a query asks of Omma: its words that begin with `omma_`.
fn metrics(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words.filter(|word| word.starts_with("omma_")).map(str::to_owned).collect()
}

/// All queries to Prometheus of a dashboard, with each of the values that a variable may have.
fn queries(dashboard: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut queries: Vec<String> = list(&dashboard["panels"])
        .iter()
        .flat_map(|panel| list(&panel["targets"]))
        .filter_map(|target| target["expr"].as_str().map(str::to_owned))
        .collect();
    for variable in list(&dashboard["templating"]["list"]) {
        queries.extend(variable["query"]["query"].as_str().map(str::to_owned));
        if variable["type"] != "custom" {
            continue;
        }
        let name = format!("${}", variable["name"].as_str().unwrap());
        let values = list(&variable["options"]);
        let filled = queries.iter().flat_map(|query| {
            values.iter().map(|value| query.replace(&name, value["value"].as_str().unwrap()))
        });
        queries = filled.collect();
    }
    queries
}

/// The metrics that an answer of `/metrics` has, histograms by each of their series' names.
fn had(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
}

#[test]
fn every_query_asks_for_a_metric_that_there_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("omma.yaml"), EVERYTHING).unwrap();
    let mut wanted: Vec<(String, String)> = Vec::new();
    for (path, dashboard) in dashboards() {
        let place = path.file_name().unwrap().to_string_lossy().into_owned();
        let asked = queries(&dashboard).into_iter().flat_map(|query| metrics(&query));
        wanted.extend(asked.map(|metric| (place.clone(), metric)));
    }
    let rules = std::fs::read_to_string(deploy().join("prometheus/rules.yml")).unwrap();
    wanted.extend(metrics(&rules).into_iter().map(|metric| ("rules.yml".to_owned(), metric)));
    wanted.sort();
    wanted.dedup();
    assert!(wanted.len() > 30, "the queries were not found: {wanted:?}");

    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path()).args("--log info run");
    let server = Server::start(omma, "omma");
    // Some come with the first crossing of a line.
    eventually("all metrics of the dashboards", SOON, || {
        let had = had(&server.get("/metrics").text());
        let missing: Vec<_> = wanted.iter().filter(|(_, metric)| !had.contains(metric)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("there is no {missing:?}")) }
    });
}

#[test]
fn dashboards_are_told_apart_and_their_panels_do_not_overlap() {
    let mut seen = BTreeSet::new();
    for (path, dashboard) in dashboards() {
        let place = path.display();
        for key in ["uid", "title"] {
            let value = dashboard[key].as_str().unwrap_or_else(|| panic!("{place} has no {key}"));
            assert!(seen.insert((key, value.to_owned())), "{place}: `{value}` is taken");
        }
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = &panel["title"];
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: {title}: id is taken");
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{place}: {title} is outside");
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(cells.insert((x, y)), "{place}: {title} lies on another panel");
                }
            }
        }
    }
}
