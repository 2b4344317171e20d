//! A site that moves from video-edge-ai-proxy: its `conf.yaml`, its REST interface, and the
//! program itself, which must keep what it was told.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;

use omma_testkit::{Omma, SOON, Server, eventually, send};
use serde_json::{Value, json};

const CONF: &str = r#"
version: 0.0.7
mode: release
redis: { connection: "redis:6379", password: "geheim" }
api: { endpoint: "https://api.example" }
annotation:
  endpoint: "https://events.example/annotate"
  max_batch_size: 100
buffer:
  in_memory: 2000
  on_disk: true
  on_disk_folder: archive
  on_disk_clean_older_than: "5m"
  on_dsk: true
"#;

fn omma(dir: &Path) -> Omma {
    Omma::new(env!("CARGO_BIN_EXE_omma"), dir)
}

fn start(dir: &Path, name: &str) -> (Server, u16) {
    let server = Server::start(omma(dir).args("run --chrysalis conf.yaml"), name);
    let port = eventually("the port of the REST interface", SOON, || {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("video-edge-ai-proxy's REST is ready"));
        let after = line.and_then(|line| line.split("http://127.0.0.1:").nth(1));
        let port = after.and_then(|rest| rest.split('/').next()).and_then(|p| p.parse().ok());
        port.ok_or(log)
    });
    (server, port)
}

fn ask(port: u16, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
    let answer = send(port, method, path, &body.map(Value::to_string).unwrap_or_default()).unwrap();
    (answer.status, answer.text())
}

fn list(port: u16) -> Vec<Value> {
    let (status, text) = ask(port, "GET", "/api/v1/processlist", None);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn running(port: u16, name: &str) {
    eventually(name, SOON, || {
        let list = list(port);
        let found = list.iter().any(|p| p["name"] == name && p["status"] == "running");
        if found { Ok(()) } else { Err(format!("{list:#?}")) }
    });
}

fn shown(dir: &Path) -> String {
    omma(dir).args("config show --chrysalis conf.yaml").run().ok().out
}

#[test]
fn cameras_added_over_rest_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("conf.yaml"), CONF).unwrap();
    let listen = "{ listen: '127.0.0.1:0' }";
    let file = format!(
        "version: 1\ndata_dir: store\nhttp: {listen}\ngrpc: {listen}\nchrysalis: {listen}\n"
    );
    std::fs::write(dir.join("omma.yaml"), file).unwrap();

    let (server, port) = start(dir, "first");
    for words in ["buffer.on_disk", "did you mean `on_disk`", "redis"] {
        server.when_logged(words);
    }
    assert!(!server.log().contains("geheim"), "{}", server.log());
    assert!(list(port).is_empty());
    let camera = json!({ "name": "yard", "rtsp_endpoint": "sim:street?size=320x180&fps=10" });
    let (status, text) = ask(port, "POST", "/api/v1/process", Some(&camera));
    assert_eq!((status, text.as_str()), (200, ""));
    running(port, "yard");
    let settings = json!({ "name": "a", "edge_key": "schluessel", "edge_secret": "geheim" });
    assert_eq!(ask(port, "POST", "/api/v1/settings", Some(&settings)).0, 200);

    // Also while it runs.
    let text = shown(dir);
    for part in
        ["# added through an API\n  yard:", "url: sim:street?size=320x180&fps=10", "schluessel"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("geheim"), "{text}");
    server.end("KILL");

    let (server, port) = start(dir, "second");
    running(port, "yard");
    assert_eq!(server.camera("yard")["state"], "online");
    assert_eq!(ask(port, "DELETE", "/api/v1/process/yard", None).0, 200);
    assert!(list(port).is_empty());
    server.end("TERM");

    let (server, port) = start(dir, "third");
    assert!(list(port).is_empty());
    server.end("TERM");
    assert!(shown(dir).contains("cameras: {}"), "{}", shown(dir));
}

#[test]
fn conf_yaml_is_read_whole_in_part_and_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let conf = |text: &str| std::fs::write(dir.join("conf.yaml"), text).unwrap();
    conf(CONF);
    let text = shown(dir);
    for part in [
        "127.0.0.1:8909",
        "127.0.0.1:50001",
        "127.0.0.1:8080",
        "https://events.example/annotate",
        "batch: 100",
        "dir: archive",
        "./omma-data",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!dir.join("omma-data").exists(), "looking leaves nothing behind");

    for text in
        ["", "# nothing\n", "version: 0.0.1\n", "buffer:\nredis:\n", "buffer: { on_disk: true }"]
    {
        conf(text);
        let shown = shown(dir);
        assert!(shown.contains("127.0.0.1:8909") && !shown.contains("annotations"), "{shown}");
    }
    for (text, part) in [
        ("buffer: { in_memory: many }", "`buffer.in_memory`"),
        ("]", "conf.yaml:1"),
        ("\u{0}\u{1}\u{2}", "conf.yaml"),
        ("- just\n- a list\n", "sections"),
        ("auth_token: { enabled: true }", "auth_token"),
    ] {
        conf(text);
        for command in ["config show", "run"] {
            let refusal = omma(dir).args(command).args("--chrysalis conf.yaml").run().refusal();
            assert!(refusal.contains("conf.yaml") && refusal.contains(part), "{text}: {refusal}");
        }
    }
    let refusal = omma(dir).args("run --chrysalis nowhere.yaml").run().refusal();
    assert!(refusal.contains("nowhere.yaml"), "{refusal}");
    let refusal = omma(dir).args("run --config no.yaml --chrysalis conf.yaml").run().refusal();
    assert!(refusal.contains("conf.yaml") || refusal.contains("no.yaml"), "{refusal}");
}
