//! Every route of video-edge-ai-proxy's REST interface, asked as its clients do.

use std::net::SocketAddr;

use crate::server::{Answer, PATIENCE, Server, config, send};
use omma_api::chrysalis::Conf;
use serde_json::{Value, json};

const CONFIG: &str = "version: 1\nchrysalis: {}\ncameras:\n  \
                      gone: { url: 'rtsp://viewer:hunter2@127.0.0.1:1/x' }\n";
const STREET: &str = "sim:street?size=320x180&fps=10&seed=1";

struct Proxy {
    server: Server,
    address: SocketAddr,
}

impl Proxy {
    async fn start(extra: &str, conf: &str) -> Self {
        let mut config = config(&format!("{CONFIG}{extra}"));
        config.chrysalis.as_mut().unwrap().address.set_port(0);
        let conf = Conf::from_yaml(conf, "conf.yaml").unwrap();
        let server = Server::run_as(config, conf).await;
        let address = server.chrysalis.unwrap();
        Self { server, address }
    }

    async fn get(&self, path: &str) -> Answer {
        send(self.address, "GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        send(self.address, "POST", path, &json, &body.to_string()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        send(self.address, "DELETE", path, &[], "").await
    }

    async fn when(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let trying = async {
            loop {
                let answer = self.get(path).await;
                if answer.status == 200 && good(&answer.json()) {
                    return answer.json();
                }
            }
        };
        tokio::time::timeout(PATIENCE, trying).await.unwrap()
    }
}

/// The keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_lives_from_post_to_delete() {
    let conf = "buffer: { in_memory: 2000, on_disk: true, on_disk_clean_older_than: 1h }";
    let proxy = Proxy::start("", conf).await;
    let new = json!({
        "name": "Yard-1",
        "rtsp_endpoint": STREET,
        "rtmp_endpoint": "rtmp://127.0.0.1:1/live/hunter3",
    });
    let added = proxy.post("/api/v1/process", &new).await;
    assert_eq!((added.status, added.text().as_str()), (200, ""));
    let again = proxy.post("/api/v1/process", &new).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!(409)), "{}", again.text());

    // Its log is made of events, which are stored a moment after they happened.
    let is_logged = |logs: &Value| logs["stdout"].as_str().is_some_and(|text| text.len() > 20);
    let running = |process: &Value| process["status"] == "running" && is_logged(&process["logs"]);
    let process = proxy.when("/api/v1/process/Yard-1", running).await;
    assert_eq!(
        keys(&process),
        [
            "created",
            "image_tag",
            "logs",
            "modified",
            "name",
            "rtmp_endpoint",
            "rtmp_stream_status",
            "rtsp_endpoint",
            "state",
            "status",
            "upgrade_available"
        ]
    );
    assert_eq!(
        keys(&process["state"]),
        [
            "Dead",
            "Error",
            "ExitCode",
            "FinishedAt",
            "OOMKilled",
            "Paused",
            "Pid",
            "Restarting",
            "Running",
            "StartedAt",
            "Status"
        ]
    );
    assert_eq!(process["state"]["Running"], true);
    assert_eq!(process["state"]["Pid"], std::process::id());
    assert_eq!(process["image_tag"].as_str().unwrap().split(':').count(), 2);
    assert_eq!(process["rtmp_stream_status"], json!({ "streaming": true, "storing": true }));
    assert_eq!(process["rtmp_endpoint"], "rtmp://127.0.0.1:1/live/***");
    assert!(process["created"].as_i64().unwrap() > 1_600_000_000_000);

    let list = proxy.get("/api/v1/processlist").await.json();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Yard-1", "gone"]);
    assert!(list[0].get("logs").is_none());
    assert!(!list.to_string().contains("hunter"), "{list}");
    let restarting = |process: &Value| process["status"] == "restarting";
    let gone = proxy.when("/api/v1/process/gone", restarting).await;
    assert_ne!(gone["state"]["Error"], "");
    assert!(!gone["logs"]["stderr"].as_str().unwrap().is_empty());

    // What conf.yaml says of buffers went into the camera's settings.
    let settings = proxy.server.get("/api/v1/cameras/Yard-1/settings").await.json();
    assert_eq!(settings["record"], json!({ "mode": "always", "segment": "gop", "keep": "1h" }));
    assert_eq!(settings["history"], "80s");

    let removed = proxy.delete("/api/v1/process/Yard-1").await;
    assert_eq!((removed.status, removed.text().as_str()), (200, ""));
    assert_eq!(proxy.get("/api/v1/process/Yard-1").await.status, 400);
    proxy.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_the_original_s_codes_and_form() {
    let proxy = Proxy::start("", "").await;
    for (method, path, body, status, part) in [
        ("POST", "/api/v1/process", "{", 400, "body"),
        ("POST", "/api/v1/process", "[]", 400, "body"),
        ("POST", "/api/v1/process", "", 400, "body"),
        ("POST", "/api/v1/process", r#"{"name": "a"}"#, 400, "rtsp_endpoint"),
        ("POST", "/api/v1/process", r#"{"rtsp_endpoint": "rtsp://h/1"}"#, 409, "A-Z"),
        (
            "POST",
            "/api/v1/process",
            r#"{"name": "a.b", "rtsp_endpoint": "rtsp://h/1"}"#,
            409,
            "A-Z",
        ),
        ("POST", "/api/v1/process", r#"{"name": "a", "rtsp_endpoint": "ftp://h/1"}"#, 409, "ftp"),
        (
            "POST",
            "/api/v1/process",
            r#"{"name": "a", "rtsp_endpoint": "rtsp://h/1", "rtmp_endpoint": "http://h"}"#,
            409,
            "rtmp://",
        ),
        ("DELETE", "/api/v1/process/nope", "", 409, "gone"),
        ("GET", "/api/v1/process/nope", "", 400, "gone"),
        ("GET", "/api/v1/process/a%20b", "", 400, "gone"),
        ("POST", "/api/v1/processupgrades", r#"{"name": "gone"}"#, 409, "containers"),
        ("POST", "/api/v1/processupgrades", "x", 400, "body"),
        ("POST", "/api/v1/settings", r#"{"edge_key": "k"}"#, 400, "edge_secret"),
        ("POST", "/api/v1/settings", r#"{"edge_key": 7}"#, 400, "body"),
        ("GET", "/api/v1/devicedockerimages", "", 404, "tag"),
        ("GET", "/api/v1/dockerpull", "", 404, "tag"),
        ("GET", "/api/v1/dockerpull?tag=a&version=1", "", 400, "containers"),
        ("POST", "/api/v1/appprocess", r#"{"name": "app"}"#, 501, "containers"),
        ("POST", "/api/v1/appprocess", "x", 400, "body"),
        ("DELETE", "/api/v1/appprocess/app", "", 409, "app"),
        ("GET", "/api/v1/appprocess/app", "", 400, "app"),
        ("GET", "/testmqtt/api/v1/devicestatus?deviceId=gone", "", 417, "gone"),
        ("GET", "/api/v1/nothing", "", 404, "swagger"),
        ("PATCH", "/api/v1/processlist", "", 405, "PATCH"),
    ] {
        let answer = send(proxy.address, method, path, &[], body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
        let error = answer.json();
        assert_eq!(keys(&error), ["code", "message"]);
        assert_eq!(error["code"], status);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{method} {path} {body}: {message}");
    }
    let list = proxy.get("/api/v1/processlist").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "nothing of it was taken: {list}");
    proxy.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_portal_asks_at_its_start_is_answered() {
    let proxy = Proxy::start("", "").await;
    let image = proxy.get("/api/v1/devicedockerimages?tag=chryscloud/chrysedgeproxy").await.json();
    assert_eq!((&image["has_image"], &image["has_upgrade"]), (&json!(true), &json!(false)));
    assert_eq!(image["name"], "chryscloud/chrysedgeproxy");
    for path in ["/api/v1/alldockerimages", "/api/v1/appprocesslist"] {
        assert_eq!(proxy.get(path).await.json(), json!([]), "{path}");
    }
    let upgrades = proxy.get("/api/v1/processupgrades").await.json();
    assert_eq!(upgrades[0]["upgrade_available"], false);

    // Its pages come from another port.
    let headers = [
        ("origin", "http://127.0.0.1:8905"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type"),
    ];
    let preflight = send(proxy.address, "OPTIONS", "/api/v1/process", &headers, "").await;
    assert_eq!(preflight.status, 204);
    for part in [
        "access-control-allow-origin: *",
        "access-control-allow-headers: authorization, content-type",
        "access-control-allow-methods: get, post",
    ] {
        assert!(preflight.head.contains(part), "{}", preflight.head);
    }
    let asked = send(proxy.address, "GET", "/api/v1/processlist", &headers[..1], "").await;
    assert!(asked.head.contains("access-control-allow-origin: *"), "{}", asked.head);
    let foreign = [("origin", "http://127.0.0.1:8905"), ("content-type", "application/json")];
    let body = json!({ "name": "yard", "rtsp_endpoint": STREET }).to_string();
    let added = send(proxy.address, "POST", "/api/v1/process", &foreign, &body).await;
    assert_eq!(added.status, 200, "{}", added.text());

    for path in ["/swagger/", "/swagger/index.html"] {
        let page = proxy.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains("/api/v1/processlist"), "{}", page.text());
    }
    let description = proxy.get("/swagger/doc.json").await.json();
    assert_eq!(description["paths"].as_object().unwrap().len(), 12, "{description}");
    assert_eq!(proxy.get("/swagger/other").await.status, 404);
    proxy.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_and_the_secret_is_not_shown() {
    let proxy = Proxy::start("", "").await;
    let before = proxy.get("/api/v1/settings").await.json();
    assert_eq!((&before["edge_key"], &before["edge_secret"]), (&json!(""), &json!("")));
    let new = json!({ "name": "site", "edge_key": "key", "edge_secret": "hunter2" });
    let set = proxy.post("/api/v1/settings", &new).await;
    assert_eq!(set.status, 200, "{}", set.text());
    let after = proxy.get("/api/v1/settings").await;
    assert!(!set.text().contains("hunter2") && !after.text().contains("hunter2"));
    let after = after.json();
    assert_eq!((&after["edge_key"], &after["edge_secret"]), (&json!("key"), &json!("***")));
    assert_eq!(after["name"], "site");
    assert!(after["created"].as_i64().unwrap() > 1_600_000_000_000);
    proxy.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_protect_it() {
    // The original's own.
    let conf = "auth_token: { enabled: true, header: X-Edge, token: hunter2 }";
    let proxy = Proxy::start("", conf).await;
    for (headers, status) in
        [(&[][..], 403), (&[("x-edge", "hunter")][..], 403), (&[("x-edge", "hunter2")][..], 200)]
    {
        let answer = send(proxy.address, "GET", "/api/v1/processlist", headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert!(answer.head.contains("access-control-allow-origin: *"));
        if status == 403 {
            assert_eq!(keys(&answer.json()), ["error"]);
        }
    }
    proxy.server.stop().await;

    // Omma's.
    let tokens = "auth: { tokens: [ { name: a, token: 0123456789abcdef, scopes: [read] } ] }\n";
    let proxy = Proxy::start(tokens, "").await;
    let good = [("authorization", "Bearer 0123456789abcdef")];
    let list = "/api/v1/processlist";
    assert_eq!(send(proxy.address, "GET", list, &good, "").await.status, 200);
    let none = send(proxy.address, "GET", list, &[], "").await;
    assert_eq!((none.status, &none.json()["code"]), (401, &json!(401)));
    assert!(none.head.contains("access-control-allow-origin: *"), "{}", none.head);
    let changing = send(proxy.address, "DELETE", "/api/v1/process/gone", &good, "").await;
    assert_eq!(changing.status, 403, "{}", changing.text());
    proxy.server.stop().await;
}
