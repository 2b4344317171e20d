//! What an administrator looks after: addresses probed before they become cameras, cameras found
//! in the network, models, the log, the configuration.

use std::path::Path;

use base64::Engine as _;
use omma_infer::Registry;
use omma_testkit::RtspCamera;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::server::{Server, config, send};

const EMPTY: &str = "version: 1\ncameras:\n  file: { url: 'sim:street?size=320x180&fps=10' }\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_looked_at_before_it_becomes_a_camera() {
    let server = Server::run(config(EMPTY)).await;
    let seen = |seen: &Value| {
        assert_eq!(seen["online"], true, "{seen}");
        let jpeg = base64::engine::general_purpose::STANDARD;
        let jpeg = jpeg.decode(seen["picture"].as_str().unwrap()).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
    };
    let sim = json!({ "source": "sim:street?size=320x180&fps=10&seed=1", "seconds": 1 });
    let sim = server.send("POST", "/api/v1/probe", &sim).await;
    assert_eq!(sim.status, 200, "{}", sim.text());
    seen(&sim.json());
    let nobody = json!({ "source": "rtsp://viewer:hunter2@127.0.0.1:1/a", "transport": "tcp" });
    let nobody = server.send("POST", "/api/v1/probe", &nobody).await;
    assert!(nobody.status == 200 && !nobody.text().contains("hunter2"), "{}", nobody.text());
    let nobody = nobody.json();
    assert_eq!(
        (&nobody["online"], &nobody["error"]["kind"]),
        (&json!(false), &json!("unreachable"))
    );
    assert!(nobody["error"]["hint"].is_string() && nobody.get("picture").is_none());

    if let Some(camera) =
        RtspCamera::start(&["--user", "viewer", "--password", "hunter2", "--audio", "aac"])
    {
        let url = camera.address("viewer:hunter2@", "cam");
        let right = server.send("POST", "/api/v1/probe", &json!({ "source": url })).await.json();
        seen(&right);
        assert_eq!(
            (&right["video"]["codec"], &right["video"]["width"]),
            (&json!("h264"), &json!(320))
        );
        assert!(right["video"]["fps"].as_f64().unwrap() > 5.0, "{right}");
        assert!(right["video"]["keyframe_interval_ms"].as_f64().unwrap() > 500.0, "{right}");
        assert_eq!(right["audio"]["codec"], "aac");
        let wrong = json!({ "source": camera.address("viewer:wrong@", "cam"), "seconds": 1 });
        let wrong = server.send("POST", "/api/v1/probe", &wrong).await.json();
        assert_eq!(wrong["error"]["kind"], "denied", "{wrong}");
        // A camera that is there lends its password, as long as it goes to the same place.
        let new = json!({ "name": "door", "url": url, "paused": true });
        assert_eq!(server.send("POST", "/api/v1/cameras", &new).await.status, 201);
        let stars = camera.address("viewer:***@", "cam");
        let again = json!({ "source": stars, "camera": "door", "seconds": 1 });
        seen(&server.send("POST", "/api/v1/probe", &again).await.json());
        let stranger = json!({ "source": stars, "camera": "file", "seconds": 1 });
        assert_eq!(server.send("POST", "/api/v1/probe", &stranger).await.status, 400);
    }
    for (body, part) in [
        (json!({}), "source"),
        (json!({ "source": "" }), "empty"),
        (json!({ "source": "ftp://h/x" }), "ftp"),
        (json!({ "source": "redacted:file" }), "can't be looked at"),
        (json!({ "source": "a.mp4", "seconds": 600 }), "seconds"),
        (json!({ "source": "a.mp4", "transport": "carrier pigeon" }), "pigeon"),
        (json!({ "source": "a.mp4", "lines": {} }), "lines"),
    ] {
        let refused = server.send("POST", "/api/v1/probe", &body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text());
        assert!(refused.text().contains(part), "{body}: {}", refused.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_found_in_the_network_that_is_named() {
    // An address of this machine that nobody else uses, at one of the two usual ports.
    const PLACE: &str = "127.83.61.7:8554";
    let camera = TcpListener::bind(PLACE).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = camera.accept().await {
            let mut question = [0; 16];
            connection.read_exact(&mut question).await.unwrap();
            assert!(question.starts_with(b"OPTIONS rtsp://1"));
            let answer = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Door 3\r\n\r\n";
            connection.write_all(answer).await.unwrap();
        }
    });
    let text = format!("version: 1\ncameras:\n  door: {{ url: 'rtsp://u:hunter2@{PLACE}/1' }}\n");
    let server = Server::run(config(&text)).await;
    let found = server.get("/api/v1/discover?seconds=1&network=127.83.61.0/28").await;
    assert_eq!(found.status, 200, "{}", found.text());
    let devices = found.json()["devices"].clone();
    // Whoever else may be in the network of this machine is no matter here.
    let here = devices.as_array().unwrap().iter().find(|device| device["address"] == PLACE);
    assert_eq!(
        here.unwrap_or_else(|| panic!("{devices}")),
        &json!({
            "address": PLACE, "name": "Door 3", "kind": "rtsp",
            "sources": [format!("rtsp://{PLACE}/")], "known": "door",
        })
    );
    for wrong in ["network=8.8.8.0/24", "network=10.0.0.0/8", "network=door", "seconds=100"] {
        let refused = server.get(&format!("/api/v1/discover?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
    }
    server.stop().await;
}

/// A server of files whose answer ends when it is told to go on.
async fn slow_source(body: Vec<u8>) -> (String, tokio::sync::oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/model.onnx", listener.local_addr().unwrap());
    let (go_on, gate) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert_ne!(connection.read(&mut request).await.unwrap(), 0);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.write_all(head.as_bytes()).await.unwrap();
        let (first, second) = body.split_at(body.len() / 2);
        connection.write_all(first).await.unwrap();
        drop(gate.await);
        connection.write_all(second).await.unwrap();
    });
    (url, go_on)
}

/// A registry whose only place for files is `dir`, with a card called `mine` beside the others.
fn registry(dir: &Path, source: &str) -> Registry {
    let card = format!(
        "name = 'mine'\nfamily = 'yolox'\nfile = 'mine.onnx'\nlicence = 'MIT'\n\
         sources = ['{source}']\nclasses = ['cat', 'dog']\n[input]\nwidth = 64\nheight = 32\n\
         order = 'rgb'\nfit = 'stretch'\n"
    );
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("mine.toml"), card).unwrap();
    Registry::new(Some(dir), &[dir.to_owned()]).unwrap()
}

fn model(models: &Value, name: &str) -> Value {
    let models = models["models"].as_array().unwrap();
    models.iter().find(|model| model["name"] == name).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_fetched_once_at_a_time_and_its_progress_shown() {
    let (url, go_on) = slow_source(vec![7; 200_000]).await;
    let text = "version: 1\nmodels: { cats: { card: mine } }\ncameras:\n  a: { url: \
                'sim:street?size=320x180', paused: true, detect: { model: cats } }\n";
    let server = Server::run_with(config(text), |dir| registry(&dir.join("models"), &url)).await;
    let listed = server.get("/api/v1/models").await.json();
    let mine = model(&listed, "mine");
    assert_eq!(
        (&mine["state"], &mine["classes"], &mine["input"], &mine["names"], &mine["cameras"]),
        (&json!("missing"), &json!(2), &json!([64, 32]), &json!(["cats"]), &json!(["a"]))
    );
    assert_eq!((&mine["can_pull"], &mine["licence"]), (&json!(true), &json!("MIT")));
    assert_eq!(model(&listed, "motion")["state"], "ready");

    let path = "/api/v1/models/mine/pull";
    let begun = server.ask("POST", path, &[]).await;
    assert_eq!(
        (begun.status, &begun.json()["state"]),
        (202, &json!("pulling")),
        "{}",
        begun.text()
    );
    server
        .json_when("/api/v1/models", |models| {
            model(models, "mine")["progress"].as_f64().is_some_and(|part| part >= 0.25)
        })
        .await;
    let again = server.ask("POST", path, &[]).await;
    assert_eq!((again.status, &again.json()["error"]["kind"]), (409, &json!("busy")));
    go_on.send(()).unwrap();
    let whole = |models: &Value| model(models, "mine")["state"] == "ready";
    let models = server.json_when("/api/v1/models", whole).await;
    assert_eq!(model(&models, "mine")["bytes"], 200_000);
    assert_eq!(server.ask("POST", path, &[]).await.status, 409, "it is here");
    // These bytes are no model.
    let bench = server.ask("POST", "/api/v1/models/mine/bench", &[]).await;
    assert_eq!((bench.status, &bench.json()["error"]["kind"]), (400, &json!("corrupt")));

    for (path, status) in [
        ("/api/v1/models/nope/pull", 404),
        ("/api/v1/models/nope/bench", 404),
        ("/api/v1/models/motion/pull", 400),
        ("/api/v1/models/motion/bench", 400),
        ("/api/v1/models/yolox-nano/bench", 404),
    ] {
        let refused = server.ask("POST", path, &[]).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text());
        assert!(refused.json()["error"]["hint"].is_string(), "{path}: {}", refused.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_fetched_says_why_and_can_be_tried_again() {
    let nobody = "http://u:hunter2@127.0.0.1:1/mine.onnx";
    let server =
        Server::run_with(config("version: 1"), |dir| registry(&dir.join("models"), nobody)).await;
    for _ in 0..2 {
        assert_eq!(server.ask("POST", "/api/v1/models/mine/pull", &[]).await.status, 202);
        let failed = |models: &Value| model(models, "mine")["state"] == "failed";
        let models = server.json_when("/api/v1/models", failed).await;
        assert!(!models.to_string().contains("hunter2"), "{models}");
        assert!(
            model(&models, "mine")["error"].as_str().unwrap().contains("127.0.0.1"),
            "{models}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_timed_and_only_one_at_a_time() {
    let Some(data) = omma_testkit::data() else { return };
    let models = data.root().join("models");
    let server = Server::run_with(config("version: 1"), |_dir| {
        Registry::new(None, std::slice::from_ref(&models)).unwrap()
    })
    .await;
    let listed = server.get("/api/v1/models").await.json();
    if model(&listed, "yolox-nano")["state"] != "ready" {
        omma_testkit::skipped("yolox-nano is not there");
        return server.stop().await;
    }
    let path = "/api/v1/models/yolox-nano/bench";
    let question = json!({ "engine": "rten", "seconds": 0.5 });
    let (one, other) =
        tokio::join!(server.send("POST", path, &question), server.send("POST", path, &question));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.text(), other.text());
    let report = if one.status == 200 { one.json() } else { other.json() };
    assert_eq!(report["engine"], "rten");
    let number = |key: &str| report[key].as_f64().unwrap();
    assert!(number("per_second") > 0.0 && number("p50_ms") <= number("p95_ms"), "{report}");
    for wrong in [json!({ "seconds": 0 }), json!({ "engine": "steam" }), json!({ "x": 1 })] {
        assert_eq!(server.send("POST", path, &wrong).await.status, 400, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_read_and_searched() {
    // The log is the process's: other tests write into it, too. This name is only here.
    let text = "version: 1\ncameras:\n  logbook: { url: 'rtsp://u:hunter2@127.0.0.1:1/s' }\n";
    let server = Server::run(config(text)).await;
    let path = "/api/v1/logs?camera=logbook";
    let logs = server.json_when(path, |logs| logs["entries"] != json!([])).await;
    assert!(!logs.to_string().contains("hunter2"), "{logs}");
    let entry = &logs["entries"][0];
    assert_eq!(entry["fields"]["camera"], "logbook");
    assert!(entry["part"].as_str().unwrap().starts_with("omma_"), "{entry}");
    let seq = entry["seq"].as_u64().unwrap();
    let count = async |query: String| {
        let logs = server.get(&format!("{path}&{query}")).await.json();
        logs["entries"].as_array().unwrap().len()
    };
    assert_eq!(count(format!("before={seq}")).await, 0);
    assert_eq!(count(format!("after={}&limit=1", seq - 1)).await, 1);
    assert_eq!(count("text=no+such+words".to_owned()).await, 0);
    assert_eq!(count("part=omma_nowhere".to_owned()).await, 0);
    for wrong in ["level=loud", "limit=0", "limit=5000", "camra=a", "before=x"] {
        assert_eq!(server.get(&format!("/api/v1/logs?{wrong}")).await.status, 400, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_shown_with_its_sources_and_another_one_checked() {
    let text = "version: 1\nauth: { tokens: [ { name: portal, token: hunter2-hunter2-hunter2, \
                scopes: [read] }, { name: chief, token: hunter3-hunter3-hunter3, scopes: [admin] } \
                ] }\ncameras:\n  door: { url: 'rtsp://u:hunter2@127.0.0.1:1/s' }\n";
    let server = Server::run(config(text)).await;
    let viewer = [("authorization", "Bearer hunter2-hunter2-hunter2")];
    let chief = ("authorization", "Bearer hunter3-hunter3-hunter3");
    for path in ["/api/v1/config", "/api/v1/logs", "/api/v1/discover"] {
        assert_eq!(server.ask("GET", path, &viewer).await.status, 403, "{path}");
    }
    let shown = server.ask("GET", "/api/v1/config", &[chief]).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    for secret in ["hunter2", "hunter3"] {
        assert!(!shown.text().contains(secret), "{}", shown.text());
    }
    let shown = shown.json();
    assert_eq!(shown["file"], "test.yaml");
    let from = |shown: &Value, key: &str| {
        let values = shown["values"].as_array().unwrap();
        let found = values.iter().find(|value| value["key"] == key);
        found.unwrap_or_else(|| panic!("{key} in {shown}"))["from"].as_str().unwrap().to_owned()
    };
    assert_eq!(from(&shown, "cameras.door.url"), "file");
    assert_eq!(from(&shown, "cameras.door.audio"), "default");

    let json = ("content-type", "application/json");
    let quiet = json!({ "url": "rtsp://u:***@127.0.0.1:1/s", "audio": false }).to_string();
    let path = "/api/v1/cameras/door";
    assert_eq!(send(server.address, "PUT", path, &[json, chief], &quiet).await.status, 200);
    let shown = server.ask("GET", "/api/v1/config", &[chief]).await.json();
    assert_eq!(from(&shown, "cameras.door.audio"), "api");

    let check = async |text: &str| {
        let body = json!({ "text": text }).to_string();
        let path = "/api/v1/config/check";
        let answer = send(server.address, "POST", path, &[json, chief], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    // What is shown can be checked as it is.
    let same = check(shown["text"].as_str().unwrap()).await;
    assert_eq!(same["valid"], true, "{same}");
    let wrong = check("version: 1\ncameras:\n  door:\n    url: a.mp4\n    detct: {}\n").await;
    let problem = &wrong["problems"][0];
    assert_eq!((&wrong["valid"], &problem["line"]), (&json!(false), &json!(5)), "{wrong}");
    assert_eq!(problem["key"], "cameras.door.detct");
    assert!(problem["hint"].as_str().unwrap().contains("detect"), "{wrong}");
    let exposed = check("version: 1\nhttp: { listen: '0.0.0.0:80' }\naccounts: false\n").await;
    assert!(exposed["problems"].to_string().contains("auth.tokens"), "{exposed}");
    let missing = check("version: 1\nmodels: { a: { card: yolox-nano } }\n").await;
    assert_eq!(missing["valid"], true, "{missing}");
    assert!(missing["warnings"].to_string().contains("models pull yolox-nano"), "{missing}");
    server.stop().await;
}
