//! Cameras added, set up, paused, passed on and removed over REST.

use crate::server::{Server, config, send};
use serde_json::{Value, json};

const EMPTY: &str = "version: 1\ncameras:\n  file: { url: 'sim:street?size=320x180&fps=10' }\n";

fn street() -> Value {
    json!({ "url": "sim:street?size=320x180&fps=10&seed=1" })
}

fn with(mut settings: Value, key: &str, value: Value) -> Value {
    settings[key] = value;
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_lives_from_post_to_delete() {
    let server = Server::run(config(EMPTY)).await;
    let new = with(with(street(), "name", json!("yard")), "audio", json!(false));
    let added = server.send("POST", "/api/v1/cameras", &new).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert!(added.head.contains("location: /api/v1/cameras/yard"), "{}", added.head);
    assert_eq!(added.json()["name"], "yard");
    server.json_when("/api/v1/cameras/yard", |camera| camera["state"] == "online").await;

    let again = server.send("POST", "/api/v1/cameras", &new).await;
    assert_eq!((again.status, &again.json()["error"]["kind"]), (409, &json!("busy")));

    let settings = server.get("/api/v1/cameras/yard/settings").await.json();
    assert_eq!(settings["audio"], false);
    let changed = with(settings, "history", json!("5s"));
    assert_eq!(server.send("PUT", "/api/v1/cameras/yard", &changed).await.status, 200);
    let settings = server.get("/api/v1/cameras/yard/settings").await.json();
    assert_eq!((&settings["history"], &settings["audio"]), (&json!("5s"), &json!(false)));
    assert_eq!(server.send("PUT", "/api/v1/cameras/gate", &street()).await.status, 201);

    let paused = server.ask("POST", "/api/v1/cameras/yard/pause", &[]).await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    server.json_when("/api/v1/cameras/yard", |camera| camera["state"] == "paused").await;
    assert_eq!(server.ask("POST", "/api/v1/cameras/yard/resume", &[]).await.status, 200);
    server.json_when("/api/v1/cameras/yard", |camera| camera["state"] == "online").await;

    for name in ["yard", "gate", "file"] {
        let path = format!("/api/v1/cameras/{name}");
        assert_eq!(server.ask("DELETE", &path, &[]).await.status, 204);
        assert_eq!(server.get(&path).await.status, 404);
        assert_eq!(server.ask("DELETE", &path, &[]).await.status, 404);
    }
    assert_eq!(server.get("/api/v1/cameras").await.json()["cameras"], json!([]));

    // What the file says of a camera can be had back; what it does not say, not.
    let back = server.ask("DELETE", "/api/v1/cameras/file/settings", &[]).await;
    assert_eq!((back.status, &back.json()["name"]), (200, &json!("file")));
    assert_eq!(server.ask("DELETE", "/api/v1/cameras/yard/settings", &[]).await.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_shown_and_not_lost() {
    let server = Server::run(config(EMPTY)).await;
    let new = json!({
        "name": "door",
        "url": "rtsp://viewer:hunter2@127.0.0.1:1/a",
        "pass_through": { "url": "rtmp://127.0.0.1:1/live/hunter3" },
    });
    let added = server.send("POST", "/api/v1/cameras", &new).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let shown = server.get("/api/v1/cameras/door/settings").await;
    for text in [added.text(), shown.text(), server.get("/api/v1/cameras").await.text()] {
        assert!(!text.contains("hunter"), "{text}");
    }
    // What is shown can be sent back, also under another setting.
    let same = with(shown.json(), "audio", json!(false));
    assert_eq!(server.send("PUT", "/api/v1/cameras/door", &same).await.status, 200);
    let id = omma_types::CameraId::new("door").unwrap();
    let kept = server.handle.config().await.camera(&id).unwrap().clone();
    assert_eq!(kept.url, "rtsp://viewer:hunter2@127.0.0.1:1/a");
    assert_eq!(kept.pass_through.unwrap().url, "rtmp://127.0.0.1:1/live/hunter3");
    // Somebody changes the password alone: who has seen the one before is told.
    let seen = server.get("/api/v1/cameras/door/settings").await;
    let tag = seen.raw_header("etag").unwrap().to_owned();
    let new = with(seen.json(), "url", json!("rtsp://viewer:hunter4@127.0.0.1:1/a"));
    let changed = server.send("PUT", "/api/v1/cameras/door", &new).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert!(!changed.text().contains("hunter"), "{}", changed.text());
    let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
    let path = "/api/v1/cameras/door";
    let late = send(server.address, "PUT", path, &headers, &seen.json().to_string()).await;
    assert_eq!(late.status, 412, "{}", late.text());
    let now = server.get("/api/v1/cameras/door/settings").await;
    assert_eq!(now.raw_header("etag"), changed.raw_header("etag"));
    assert_eq!(now.json(), seen.json(), "it looks the same");
    // Under another address, the stars mean nothing.
    let other = json!({ "url": "rtsp://viewer:***@127.0.0.1:2/a" });
    let refused = server.send("PUT", "/api/v1/cameras/door", &other).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_on_is_started_and_stopped() {
    let server = Server::run(config(EMPTY)).await;
    let path = "/api/v1/cameras/file/pass-through";
    assert_eq!(server.get(path).await.status, 404);
    let nowhere = server.send("POST", path, &json!({ "on": true })).await;
    assert_eq!(nowhere.status, 409, "{}", nowhere.text());
    let wrong = server.send("POST", path, &json!({ "url": "http://127.0.0.1/x" })).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());

    let address = json!({ "url": "rtmp://127.0.0.1:1/live/hunter2" });
    let started = server.send("POST", path, &address).await;
    assert_eq!(started.status, 200, "{}", started.text());
    let started = started.json();
    assert_eq!(
        (&started["on"], &started["url"]),
        (&json!(true), &json!("rtmp://127.0.0.1:1/live/***"))
    );
    // Nobody listens there.
    server.json_when(path, |status| status["state"] == "offline").await;

    // The address as it is shown stands for the one that is there.
    let off = json!({ "url": "rtmp://127.0.0.1:1/live/***", "on": false });
    let stopped = server.send("POST", path, &off).await.json();
    assert_eq!((&stopped["on"], &stopped["state"]), (&json!(false), &json!("off")));
    let id = omma_types::CameraId::new("file").unwrap();
    let kept = server.handle.config().await.camera(&id).unwrap().pass_through.clone();
    assert_eq!(kept.unwrap().url, "rtmp://127.0.0.1:1/live/hunter2");

    assert_eq!(server.ask("DELETE", path, &[]).await.status, 204);
    assert_eq!(server.get(path).await.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_refused_and_named() {
    let server = Server::run(config(EMPTY)).await;
    let json = "application/json";
    for (method, path, kind, body, status, part) in [
        ("POST", "", json, r#"{"url": "a.mp4"}"#, 400, "`name` is missing"),
        ("POST", "", json, r#"{"name": 7, "url": "a.mp4"}"#, 400, "`name`"),
        ("POST", "", json, r#"{"name": "a b", "url": "a.mp4"}"#, 400, "A-Z"),
        ("POST", "", json, r#"{"name": "../x", "url": "a.mp4"}"#, 400, "A-Z"),
        ("POST", "", json, r#"{"name": "x"}"#, 400, "`url`"),
        ("POST", "", json, r#"{"name": "x", "url": ""}"#, 400, "empty"),
        ("POST", "", json, r#"{"name": "x", "url": "ftp://x/y"}"#, 400, "ftp"),
        ("POST", "", json, r#"{"name": "x", "urll": "a.mp4"}"#, 400, "did you mean `url`"),
        ("POST", "", json, r#"{"name": "x", "url": "rtsp://u:***@h/1"}"#, 400, "***"),
        ("POST", "", json, r#"{"name": "file", "url": "a.mp4"}"#, 409, "`file`"),
        ("POST", "", json, "[]", 400, "JSON"),
        ("POST", "", json, "{", 400, "JSON"),
        ("POST", "", json, "", 400, "JSON"),
        ("POST", "", "text/plain", r#"{"name": "x", "url": "a.mp4"}"#, 415, "Content-Type"),
        ("PUT", "/a%20b", json, r#"{"url": "a.mp4"}"#, 400, "A-Z"),
        ("PUT", "/file", json, r#"{"url": "a.mp4", "record": {"mode": "allways"}}"#, 400, "always"),
        ("PUT", "/file", json, r#"{"url": "a.mp4", "detect": {"model": "yolo"}}"#, 400, "yolo"),
        ("PUT", "/file", json, r#"{"url": "a.mp4", "stall": "soon"}"#, 400, "soon"),
        ("POST", "/nope/pause", json, "", 404, "nope"),
        ("POST", "/nope/resume", json, "", 404, "nope"),
        ("GET", "/nope/settings", json, "", 404, "file"),
        ("GET", "/nope/pass-through", json, "", 404, "nope"),
        ("POST", "/nope/pass-through", json, r#"{"on": true}"#, 404, "nope"),
        ("POST", "/file/pass-through", json, r#"{"onn": true}"#, 400, "onn"),
        ("DELETE", "/nope/pass-through", json, "", 404, "nope"),
        ("DELETE", "/nope", json, "", 404, "nope"),
        ("PATCH", "/file", json, "{}", 405, "PATCH"),
    ] {
        let url = format!("/api/v1/cameras{path}");
        let answer = send(server.address, method, &url, &[("content-type", kind)], body).await;
        assert_eq!(answer.status, status, "{method} {url} {body}: {}", answer.text());
        let error = answer.json()["error"].to_string();
        assert!(error.contains(part), "{method} {url} {body}: {error}");
    }
    let names = server.get("/api/v1/cameras").await.json();
    assert_eq!(names["cameras"].as_array().unwrap().len(), 1, "nothing of it was taken");

    // A page of another site can't change anything, even if it says nothing of JSON.
    let foreign = [("origin", "https://evil.example")];
    let answer = send(server.address, "POST", "/api/v1/cameras/file/pause", &foreign, "").await;
    assert_eq!(answer.status, 403, "{}", answer.text());

    // A body without end is not read to its end.
    let long = format!(r#"{{"name": "x", "url": "{}"}}"#, "a".repeat(3 << 20));
    let answer =
        send(server.address, "POST", "/api/v1/cameras", &[("content-type", json)], &long).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_edits_what_somebody_else_has_changed_is_told() {
    let server = Server::run(config(EMPTY)).await;
    let (path, json) = ("/api/v1/cameras/file", ("content-type", "application/json"));
    let seen = server.get(&format!("{path}/settings")).await;
    let tag = seen.raw_header("etag").unwrap().to_owned();
    let put = async |tag: &str, settings: &Value| {
        let headers = [json, ("if-match", tag)];
        send(server.address, "PUT", path, &headers, &settings.to_string()).await
    };
    // Two people have read the same; the first one to save is right.
    let first = put(&tag, &with(seen.json(), "audio", json!(false))).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let second = put(&tag, &with(seen.json(), "history", json!("5s"))).await;
    assert_eq!((second.status, &second.json()["error"]["kind"]), (412, &json!("conflict")));
    let now = server.get(&format!("{path}/settings")).await;
    assert_eq!((&now.json()["audio"], now.json().get("history")), (&json!(false), None));
    // Who saves twice from one page goes on with what the first answer said.
    assert_eq!(first.raw_header("etag"), now.raw_header("etag"));
    let again =
        put(now.raw_header("etag").unwrap(), &with(now.json(), "history", json!("5s"))).await;
    assert_eq!(again.status, 200, "{}", again.text());
    // A camera that is not there is not made by who wants to change it.
    let headers = [json, ("if-match", "*")];
    let nobody =
        send(server.address, "PUT", "/api/v1/cameras/none", &headers, &street().to_string()).await;
    assert_eq!(nobody.status, 412, "{}", nobody.text());
    let gone = server.ask("DELETE", path, &[("if-match", &tag)]).await;
    assert_eq!(gone.status, 412, "{}", gone.text());
    assert_eq!(server.ask("DELETE", path, &[("if-match", "*")]).await.status, 204);
    server.stop().await;
}
