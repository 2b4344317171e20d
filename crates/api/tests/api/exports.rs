//! Footage that is taken away: by whom, and with whom in it.

use serde_json::{Value, json};

use omma_store::NewSegment;
use omma_testkit::{data, ffmpeg};
use omma_types::{CameraId, WallTime};

use crate::accounts::{Browser, add_others, anna, server as with_users};
use crate::server::{PATIENCE, Server, config};

/// 2026-11-20T00:00:00Z.
const MIDNIGHT: i64 = 1_795_132_800_000;

/// Puts a minute of a test picture into the recordings of `street`, from midnight on.
async fn record(server: &Server) {
    let folder = server.handle.recordings().folder().join("street");
    std::fs::create_dir_all(&folder).unwrap();
    ffmpeg(
        &folder,
        "-f lavfi -i testsrc2=size=160x120:rate=10:duration=60 -c:v libx264 -preset ultrafast \
         -g 10 -movflags frag_keyframe+empty_moov+default_base_moof+skip_trailer one.mp4",
    );
    let segment = NewSegment {
        camera: CameraId::new("street").unwrap(),
        path: "street/one.mp4".to_owned(),
        start: WallTime::from_millis(MIDNIGHT),
        end: WallTime::from_millis(MIDNIGHT + 60_000),
        bytes: std::fs::metadata(folder.join("one.mp4")).unwrap().len(),
        stream: "one".to_owned(),
        follows: false,
        complete: true,
    };
    server.handle.store().add_segment(&segment).await.unwrap();
}

fn film(more: &str) -> String {
    let to = MIDNIGHT + 3_000;
    format!("/api/v1/cameras/street/recording.mp4?from={MIDNIGHT}&to={to}{more}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_who_watched_changed_and_exported() {
    let server = with_users().await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    record(&server).await;
    let viewer = Browser::log_in(&server, "vera").await;
    let operator = Browser::log_in(&server, "olga").await;
    assert_eq!(viewer.get("/cameras/street/snapshot.jpg").await.status, 200);
    let stream = "/api/v1/cameras/street/stream-token";
    let stream = viewer.send("POST", stream, &json!({})).await.json();
    let stream = stream["token"].as_str().unwrap();
    let (from, to) = (film(""), MIDNIGHT + 2_000);
    let other = format!("/api/v1/cameras/street/recording.mp4?from={MIDNIGHT}&to={to}");
    assert_eq!(server.get(&film(&format!("&token={stream}"))).await.status, 200);
    // A player asks for a film in parts, and for its head; somebody takes the same one again.
    let cookie = ("cookie", viewer.cookie.as_str());
    for (method, part) in
        [("HEAD", "bytes=0-"), ("GET", "bytes=0-99"), ("GET", "bytes=100-"), ("GET", "bytes=500-")]
    {
        let status = server.ask(method, &other, &[cookie, ("range", part)]).await.status;
        assert!([200, 206].contains(&status), "{method} {part}: {status}");
    }
    assert_eq!(viewer.get(&other).await.status, 200);
    let list = viewer.get(&format!("{}&x", other.replace(".mp4", ".m3u8"))).await;
    assert_eq!(list.status, 400, "{}", list.text());
    let span = other.replace(".mp4", ".m3u8");
    let list = viewer.get(&span).await.text();
    let file = list.lines().find(|line| line.starts_with("recordings/")).unwrap();
    let file = format!("/api/v1/cameras/street/{file}");
    // A player fetches one after the other: a note for each would drown the others.
    for _ in 0..3 {
        assert_eq!(viewer.get(&file).await.status, 200);
    }
    let pause = "/api/v1/cameras/street/pause";
    assert_eq!(operator.send("POST", pause, &json!({})).await.status, 200);
    // What is refused is no change.
    assert_eq!(viewer.send("POST", pause, &json!({})).await.status, 403);

    let told = async {
        loop {
            let page = admin.get("/api/v1/audit?limit=1000").await.json();
            let entries = page["entries"].as_array().unwrap().clone();
            if entries.iter().any(|entry| entry["what"] == "changed") {
                return entries;
            }
        }
    };
    let entries = tokio::time::timeout(PATIENCE, told).await.unwrap();
    let has = |who: &str, what: &str, target: &str| {
        entries
            .iter()
            .any(|entry| entry["who"] == who && entry["what"] == what && entry["target"] == target)
    };
    assert!(has("vera", "watched", "street"), "{entries:#?}");
    let exported = |target: &str| {
        let is_it = |entry: &&Value| entry["what"] == "exported" && entry["target"] == target;
        entries.iter().filter(is_it).count()
    };
    assert_eq!((exported(&from), exported(&span)), (1, 1), "{entries:#?}");
    assert_eq!((exported("street"), exported(&file)), (1, 0), "{entries:#?}");
    assert_eq!(exported(&other), 2, "its parts are one: {entries:#?}");
    assert!(entries.iter().all(|entry| !entry.to_string().contains(stream)), "{entries:#?}");
    assert!(has("olga", "changed", &format!("POST {pause}")), "{entries:#?}");
    assert!(has("anna", "setup", "anna") && has("vera", "login", ""), "{entries:#?}");
    assert!(has("anna", "user_added", "vera"), "{entries:#?}");
    let changes: Vec<&Value> = entries.iter().filter(|entry| entry["what"] == "changed").collect();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert!(entries.iter().all(|entry| entry["address"] == "127.0.0.1"), "{entries:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_nobody_is_hidden_and_nothing_is_given_away() {
    let server = Server::start().await;
    record(&server).await;
    assert_eq!(server.get(&film("")).await.status, 200);
    let refused = server.get(&film("&redact=people")).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    let hint = refused.json()["error"]["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("omma models pull"), "{hint}");
    assert_eq!(server.get(&film("&redact=faces")).await.status, 400);
    assert_eq!(server.get(&film("&redcat=people")).await.status, 400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redacted_film_comes_whole() {
    let Some(data) = data() else { return };
    let text = format!(
        "version: 1\ncameras:\n  street: {{ url: none.mp4, paused: true, detect: {{ model: \
         people }} }}\nmodels: {{ people: {{ file: {} }} }}\n",
        data.model("nanodet_m_416.onnx").display()
    );
    let server = Server::run(config(&text)).await;
    record(&server).await;
    let answer = server.get(&film("&redact=people")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.head.contains("content-type: video/mp4"), "{}", answer.head);
    assert!(answer.head.contains("_redacted.mp4"), "{}", answer.head);
    assert_eq!(answer.raw_header("x-omma-time-ms"), Some(MIDNIGHT.to_string().as_str()));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.mp4");
    std::fs::write(&path, &answer.body).unwrap();
    let film = omma_testkit::ffprobe(&path);
    assert_eq!((film.width, film.height, film.pictures), (160, 120, 30), "{film:?}");
    server.stop().await;
}
