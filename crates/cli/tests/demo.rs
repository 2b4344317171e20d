//! `omma demo` with nothing but the binary: no network, no model, no data, an empty home.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use omma_testkit::{Omma, Server, data, eventually};
use serde_json::Value;

/// Waits until all cameras are online and analysed, and something has been counted.
fn at_work(server: &Server, cameras: usize) -> Vec<Value> {
    eventually("the demo at work", omma_testkit::SOON, || {
        let list = server.json("/api/v1/cameras");
        let list = list["cameras"].as_array().unwrap();
        let busy = |camera: &&Value| {
            camera["state"] == "online" && camera["frames"]["analysed"].as_u64() > Some(5)
        };
        let counted =
            server.json("/api/v1/counts?kind=line_crossed")["counts"] != Value::from([(); 0]);
        if list.len() == cameras && list.iter().filter(busy).count() == cameras && counted {
            Ok(list.clone())
        } else {
            Err(format!("{list:#?}\n{}", server.log()))
        }
    })
}

#[test]
fn it_works_with_nothing_but_the_binary() {
    let dir = tempfile::tempdir().unwrap();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path());
    let server = Server::start(omma.args("demo --offline --listen 127.0.0.1:0"), "demo");
    let said = server.said();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("motion detector") && lines[0].contains("no model"), "{said}");
    assert!(lines[1].contains(&server.address("/")), "{said}");
    for camera in at_work(&server, 2) {
        assert_eq!(camera["detector"]["name"], "motion", "{camera:#}");
    }
    let (code, took, log) = server.end("INT");
    assert_eq!(code, Some(0), "{log}");
    assert!(took.as_secs() < 5, "{took:?}: {log}");
}

#[test]
fn it_shows_a_real_clip_where_there_is_one() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let library = omma_testkit::ort_library();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path());
    let omma = omma.data(&data).ort(library.as_deref());
    let server = Server::start(omma.args("demo --offline --listen 127.0.0.1:0"), "demo");
    assert!(server.said().contains("yolox-nano"), "{}", server.said());
    for camera in at_work(&server, 3) {
        assert_eq!(camera["detector"]["name"], "yolox-nano", "{camera:#}");
    }
    server.when_camera("real", |camera| camera["people"].as_u64() > Some(0));
}

#[test]
fn its_configuration_is_a_place_to_start_from() {
    let dir = tempfile::tempdir().unwrap();
    let omma = || Omma::new(env!("CARGO_BIN_EXE_omma"), dir.path());
    let printed = omma().args("demo --offline --print-config").run().ok().out;
    std::fs::write(dir.path().join("omma.yaml"), printed).unwrap();
    let checked = omma().args("config check").run().ok().out;
    assert!(checked.contains("street") && checked.contains("square"), "{checked}");
}
