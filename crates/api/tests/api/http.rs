//! Every route of a running server, asked as a program would.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::server::{CONFIG, PATIENCE, Server, config};
use omma_api::{Ports, ServeError};
use omma_types::{
    CameraId, ClassName, Direction, ErrorKind, Event, EventIds, EventKind, MediaTime, Point, Rect,
    TrackId, WallTime,
};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

/// Noon on the day of the events below.
const NOON_MS: i64 = 1_795_176_000_000;

/// `count` crossings, one a minute from noon on, of a camera that is no longer configured.
fn crossings(count: i64) -> Vec<Event> {
    let mut ids = EventIds::new(1);
    let crossing = |n: i64| {
        let wall = WallTime::from_millis(NOON_MS + n * 60_000);
        let direction = if n % 3 == 0 { Direction::Backward } else { Direction::Forward };
        Event {
            id: ids.next(wall),
            camera: CameraId::new("old").unwrap(),
            kind: EventKind::LineCrossed { direction },
            rule: Some("door".to_owned()),
            track: Some(TrackId(n.unsigned_abs() + 1)),
            class: Some(ClassName::new("person")),
            score: Some(0.5),
            rect: Some(Rect::new(0.25, 0.5, 0.125, 0.25)),
            media: MediaTime::from_nanos(n * 60_000_000_000),
            wall,
            path: vec![(MediaTime::from_nanos(1_500_000), Point::new(0.5, 0.75))],
            attributes: BTreeMap::from([("colour".to_owned(), "<b>red</b>".to_owned())]),
        }
    };
    (0..count).map(crossing).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_and_no_secret_leaks() {
    let server = Server::start().await;
    let events = crossings(1);
    server.handle.store().append(&events).await.unwrap();
    server.json_when("/api/v1/cameras/street/analysis", |_| true).await;
    server.json_when("/api/v1/cameras/gone", |gone| gone["reason"] != "").await;

    let description: Value = serde_json::from_str(&omma_api::openapi()).unwrap();
    let described = description["paths"].as_object().unwrap();
    assert_eq!(described.len(), 57, "{:?}", described.keys());
    let asked = described.iter().filter(|(_, methods)| methods.get("get").is_some());
    let mut paths: Vec<String> = asked.map(|(path, _)| path.clone()).collect();
    // The first two never end; nothing is recorded here, the event had no picture, and there is
    // no sink.
    let others =
        ["/live.mjpg", "/ws", ".mp4", ".m3u8", "{file}", "/history.jpg", "}/snapshot.jpg", "/dead"];
    let without_footage =
        |path: &str| path.starts_with("/api") && others[2..].iter().any(|end| path.ends_with(end));
    for path in paths.iter().filter(|path| without_footage(path)) {
        let path = path.replace("{name}", "street").replace("{file}", "1.mp4");
        let path = path.replace("{id}", &events[0].id.to_string());
        let answer =
            server.get(&format!("{path}?from=1&to=2").replace("1.mp4?from=1&to=2", "1.mp4")).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.text());
        assert!(answer.json()["error"]["hint"].is_string(), "{path}: {}", answer.text());
    }
    paths
        .retain(|path| !without_footage(path) && !others.iter().take(2).any(|e| path.ends_with(e)));
    paths.push("/".to_owned());
    for path in paths {
        let path = path.replace("{name}", "street").replace("{id}", &events[0].id.to_string());
        let path = path.replace("/heatmap", "/heatmap?from=1&to=2");
        let answer = server.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(!answer.text().contains("hunter2"), "{path}");
        let kind = match path.as_str() {
            "/" => "text/html",
            "/metrics" => "text/plain; version=0.0.4",
            p if p.ends_with(".jpg") => "image/jpeg",
            _ => "application/json",
        };
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{path}: {}", answer.head);
        let kept = if path == "/" { "no-cache" } else { "no-store" };
        for header in ["x-content-type-options: nosniff", &format!("cache-control: {kept}")] {
            assert!(answer.head.contains(header), "{path}: {}", answer.head);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_tell_their_state_and_their_rules() {
    let server = Server::start().await;
    let online = |camera: &Value| camera["state"] == "online" && camera["stream"].is_object();
    let street = server.json_when("/api/v1/cameras/street", online).await;
    assert_eq!(street["stream"]["width"], 640);
    assert_eq!(street["detector"]["name"], "motion");
    assert_eq!(street["lines"][0]["name"], "kerb");
    assert_eq!(street["lines"][0]["anchor"], "foot");
    assert_eq!(street["zones"][0]["dwell_ms"], 5000.0);
    assert_eq!(street["counts"]["lines"][0]["name"], "kerb");
    assert_eq!(street["links"]["live"], "/cameras/street/live.mjpg");

    let away = |camera: &Value| camera["state"] == "offline";
    let gone = server.json_when("/api/v1/cameras/gone", away).await;
    assert_ne!(gone["reason"], "");
    assert!(gone.get("stream").is_none() && gone.get("detector").is_none());
    assert!(gone["source"].as_str().unwrap().contains("viewer:***@"));

    let all = server.get("/api/v1/cameras").await.json();
    let names: Vec<&str> =
        all["cameras"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["gone", "street"]);

    let analysis = server.json_when("/api/v1/cameras/street/analysis", |_| true).await;
    assert_eq!(analysis["camera"], "street");
    assert_eq!(analysis["frame"]["width"], 640);
    let answer = server.get("/api/v1/cameras/gone/analysis").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("detect"), "says why: {}", answer.text());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_a_hint() {
    let server = Server::start().await;
    for (path, status, kind, part) in [
        ("/api/v1/cameras/stret", 404, "not_found", "gone, street"),
        ("/api/v1/cameras/a%20b", 404, "not_found", "gone, street"),
        ("/api/v1/cameras/%FF", 400, "invalid", "A-Z"),
        ("/cameras/nope/live.mjpg", 404, "not_found", "gone, street"),
        ("/cameras/street/live.mjpg?fps=0", 400, "invalid", "1 to 60"),
        ("/cameras/street/live.mjpg?width=15", 400, "invalid", "16 to 3840"),
        ("/cameras/street/snapshot.jpg?annotated=maybe", 400, "invalid", "annotated"),
        ("/cameras/street/snapshot.jpg?quality=101", 400, "invalid", "1 to 100"),
        ("/api/v1/events?cameras=street,stret", 404, "not_found", "stret"),
        ("/api/v1/events?kind=zone_left", 400, "invalid", "kinds"),
        ("/api/v1/events?kinds=jumped", 400, "invalid", "zone_left"),
        ("/api/v1/events?limit=0", 400, "invalid", "1 to 1000"),
        ("/api/v1/events?limit=1001", 400, "invalid", "1 to 1000"),
        ("/api/v1/events?limit=-1", 400, "invalid", "limit"),
        ("/api/v1/events?min_score=1.5", 400, "invalid", "0 to 1"),
        ("/api/v1/events?min_score=NaN", 400, "invalid", "0 to 1"),
        ("/api/v1/events?from=yesterday", 400, "invalid", "RFC 3339"),
        ("/api/v1/events?from=2000&to=1000", 400, "invalid", "after"),
        ("/api/v1/events?order=random", 400, "invalid", "newest, oldest"),
        ("/api/v1/events?track=me", 400, "invalid", "track"),
        ("/api/v1/events/123", 400, "invalid", "ULID"),
        ("/api/v1/events/01KB0V3G7ZJ6QW8N4M2X5T9RCD", 404, "not_found", "01KB0V3G7Z"),
        ("/api/v1/counts?bucket=often", 400, "invalid", "5m"),
        ("/api/v1/counts?direction=up", 400, "invalid", "backward"),
        ("/api/v1/counts?kind=x", 400, "invalid", "line_crossed"),
        ("/api/v1/ws", 400, "invalid", "WebSocket"),
        ("/api/v1/ws?kinds=music", 400, "invalid", "analysis, event"),
        ("/api/v2/cameras", 404, "not_found", "openapi.json"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["kind"], kind, "{path}: {error}");
        assert!(error.to_string().contains(part), "{path}: {error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    let answer = server.ask("POST", "/api/v1/events", &[]).await;
    assert_eq!((answer.status, &answer.json()["error"]["kind"]), (405, &"invalid".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_page_by_page() {
    let server = Server::start().await;
    let events = crossings(25);
    let numbers = server.handle.store().append(&events).await.unwrap();
    for (order, cursor) in [("newest", "before_seq"), ("oldest", "after_seq")] {
        let first = format!("/api/v1/events?cameras=old&limit=10&order={order}");
        let (mut path, mut seen, mut pages) = (first.clone(), Vec::new(), 0);
        loop {
            let page = server.get(&path).await.json();
            seen.extend(
                page["events"].as_array().unwrap().iter().map(|e| e["seq"].as_i64().unwrap()),
            );
            pages += 1;
            match &page["next"] {
                Value::Null => break,
                next => path = format!("{first}&{cursor}={next}"),
            }
        }
        seen.sort_unstable();
        assert_eq!((seen, pages), (numbers.clone(), 3));
    }
    let count = async |query: &str| {
        let page =
            server.get(&format!("/api/v1/events?cameras=old&limit=1000&{query}")).await.json();
        page["events"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).len()
    };
    assert_eq!(count("track=3").await, 1);
    assert_eq!(count("rule=door&class=person&kinds=line_crossed,zone_left").await, 25);
    assert_eq!(count("min_score=0.6").await, 0);
    assert_eq!(count("from=2026-11-20T12:20:00Z").await, 5);
    assert_eq!(count("from=2026-11-20T13:20:00+01:00").await, 5);
    assert_eq!(count(&format!("to={}", NOON_MS + 60_000)).await, 1);

    let event = server.get(&format!("/api/v1/events/{}", events[1].id)).await.json();
    assert_eq!(event["time"], "2026-11-20T12:01:00.000Z");
    assert_eq!(event["time_ms"], NOON_MS + 60_000);
    assert_eq!((&event["kind"], &event["direction"]), (&"line_crossed".into(), &"forward".into()));
    assert_eq!((&event["rule"], &event["track"]), (&"door".into(), &"2".into()));
    assert_eq!(event["box"]["left"], 0.25);
    assert_eq!(
        (&event["path"][0]["media_ms"], &event["path"][0]["y"]),
        (&1.5.into(), &0.75.into())
    );
    assert_eq!(event["attributes"]["colour"], "<b>red</b>");
    assert!(event.get("dwell_ms").is_none());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_come_in_buckets() {
    let server = Server::start().await;
    server.handle.store().append(&crossings(25)).await.unwrap();
    let rows = async |query: &str| {
        let answer = server.get(&format!("/api/v1/counts?cameras=old&{query}")).await.json();
        let rows = answer["counts"].as_array().unwrap().iter();
        rows.map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
            (text("start"), text("direction"), row["count"].as_u64().unwrap())
        })
        .collect::<Vec<_>>()
    };
    let row = |start: &str, direction: &str, count| (start.to_owned(), direction.to_owned(), count);
    assert_eq!(rows("").await, [row("-", "backward", 9), row("-", "forward", 16)]);
    assert_eq!(
        rows("bucket=10m&direction=backward&rule=door&class=person&kind=line_crossed").await,
        [
            row("2026-11-20T12:00:00.000Z", "backward", 4),
            row("2026-11-20T12:10:00.000Z", "backward", 3),
            row("2026-11-20T12:20:00.000Z", "backward", 2),
        ]
    );
    assert_eq!(
        rows("bucket=day&from=2026-11-20T12:10:00Z&to=2026-11-20T12:20:00Z").await,
        [
            row("2026-11-20T00:00:00.000Z", "backward", 3),
            row("2026-11-20T00:00:00.000Z", "forward", 7)
        ]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_move() {
    let server = Server::start().await;
    let mut stream = server.begin("GET", "/cameras/street/live.mjpg?width=320&fps=10", &[]).await;
    let mut bytes = Vec::new();
    let mut pictures: Vec<Vec<u8>> = Vec::new();
    let watching = async {
        while pictures.len() < 3 {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "it ended");
            pictures = parts(&bytes);
        }
    };
    tokio::time::timeout(PATIENCE, watching).await.unwrap();
    let head = String::from_utf8_lossy(&bytes[..300]).to_lowercase();
    assert!(head.contains("content-type: multipart/x-mixed-replace; boundary=omma-picture"));
    for picture in &pictures {
        assert!(picture.starts_with(&[0xff, 0xd8]) && picture.ends_with(&[0xff, 0xd9]));
    }
    assert_ne!(pictures[0], pictures[2]);

    let picture = server.get("/cameras/street/snapshot.jpg?annotated=false&width=320&t=1").await;
    assert!(picture.body.starts_with(&[0xff, 0xd8]) && picture.body.ends_with(&[0xff, 0xd9]));
    assert!(picture.head.contains("x-omma-time-ms: "), "{}", picture.head);
    server.stop().await;
}

/// Browsers do not ask again when such an answer ends: it must not.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_on_when_the_camera_is_changed() {
    let server = Server::start().await;
    let mut stream = server.begin("GET", "/cameras/street/live.mjpg?width=320", &[]).await;
    let mut bytes = Vec::new();
    let mut reloaded = None;
    let watching = async {
        loop {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "it ended");
            let seen = parts(&bytes).len();
            match reloaded {
                None if seen > 0 => {
                    let text = CONFIG.replace("fps: 5", "fps: 4");
                    assert_eq!(server.reload(&text).await, ["camera `street`: changed"]);
                    reloaded = Some(seen);
                }
                // More than what was on its way.
                Some(before) if seen > before + 10 => break,
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, watching).await.unwrap();
    server.stop().await;
}

/// The complete pictures of a multipart answer: each as long as its header says, and followed
/// by the boundary.
fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let boundary = b"\r\n--omma-picture\r\n";
    let mut found = Vec::new();
    let mut rest = bytes;
    let name = b"Content-Length: ";
    while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
        rest = &rest[at + name.len()..];
        let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else { break };
        let digits: String =
            rest.iter().map_while(|b| b.is_ascii_digit().then(|| char::from(*b))).collect();
        let length: usize = digits.parse().unwrap();
        let Some(picture) = rest.get(end + 4..end + 4 + length) else { break };
        let Some(after) = rest.get(end + 4 + length..) else { break };
        if after.len() < boundary.len() {
            break;
        }
        assert!(after.starts_with(boundary));
        found.push(picture.to_vec());
        rest = after;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_for_this_machine_is_not_asked_under_foreign_names() {
    let server = Server::start().await;
    for (host, status) in
        [("localhost", 200), ("127.0.0.1:8080", 200), ("[::1]", 200), ("rebound.example:8080", 403)]
    {
        let answer = server.ask("GET", "/healthz", &[("host", host)]).await;
        assert_eq!(answer.status, status, "{host}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_pictures_and_leaves_the_port_free() {
    let server = Server::start().await;
    let mut stream = server.begin("GET", "/cameras/street/live.mjpg", &[]).await;
    let mut idle = server.begin("GET", "/healthz HTTP/1.1\r\nhost: localhost\r\nx: ", &[]).await;
    let mut bytes = Vec::new();
    while bytes.len() < 10_000 {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    let address = server.address;
    server.stop().await;
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    tokio::time::timeout(PATIENCE, idle.read_to_end(&mut bytes)).await.unwrap().unwrap();
    drop(tokio::net::TcpListener::bind(address).await.unwrap());
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let first = Ports::open(&config("version: 1")).await.unwrap();
    let address = first.http().address();
    let taken = format!("version: 1\nhttp: {{ listen: '{address}' }}");
    let error = Ports::open(&config(&taken)).await.err().unwrap();
    assert!(matches!(error, ServeError::InUse { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Busy);
    for part in [address.to_string().as_str(), "http.listen"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    let foreign = "version: 1\nhttp: { listen: '192.0.2.1:80', insecure: true }";
    let error = Ports::open(&config(foreign)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_answers_do_not_hold_the_others() {
    let server = Server::start().await;
    // Connections that say nothing.
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(tokio::net::TcpStream::connect(server.address).await.unwrap());
    }
    let answer = tokio::time::timeout(Duration::from_secs(20), server.get("/healthz")).await;
    assert_eq!(answer.unwrap().json()["status"], "ok");
    server.stop().await;
}
