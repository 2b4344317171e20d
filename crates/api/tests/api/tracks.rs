//! Stored tracks, end to end: a line that is tried on what a running camera has just seen counts
//! what the same line has counted live; and what people say of it.

use serde_json::{Value, json};

use crate::server::{Server, config};

const STREET: &str = r#"
version: 1
cameras:
  street:
    url: sim:street?people=8&cars=1&seed=3&size=640x360&fps=15
    detect: { model: motion, fps: 7 }
    lines:
      left: { from: [0.3, 0.2], to: [0.3, 1.0] }
      middle: { from: [0.5, 0.2], to: [0.5, 1.0] }
"#;

/// How often, by line (without `copy of `) and direction.
fn by_line(answer: &Value) -> Vec<(String, String, u64)> {
    let row = |row: &Value| {
        let rule = row["rule"].as_str().unwrap().trim_start_matches("copy of ").to_owned();
        let direction = row["direction"].as_str().unwrap().to_owned();
        (rule, direction, row["count"].as_u64().unwrap())
    };
    let mut rows: Vec<_> = answer["counts"].as_array().unwrap().iter().map(row).collect();
    rows.sort();
    rows
}

/// A server whose street has been looked at until both lines have counted, and is paused.
pub(crate) async fn seen() -> Server {
    let server = Server::run(config(STREET)).await;
    server
        .json_when("/api/v1/counts?cameras=street", |answer| {
            let lines = by_line(answer);
            let total = |name: &str| -> u64 {
                lines.iter().filter(|row| row.0 == name).map(|row| row.2).sum()
            };
            total("left") >= 2 && total("middle") >= 2
        })
        .await;
    let paused = server.ask("POST", "/api/v1/cameras/street/pause", &[]).await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    // What was on its way when it was paused is stored behind that.
    let last = server.handle.store().last_seq().await.unwrap();
    assert!(last > 0);
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "paused").await;
    server
}

const SPAN: (&str, &str) = ("2020-01-01T00:00:00Z", "2020-01-31T00:00:00Z");

/// From an hour ago to in an hour.
fn now_and_around() -> (String, String) {
    let now = omma_types::Clock::wall(&omma_types::SystemClock);
    let hour = std::time::Duration::from_secs(3600);
    ((now - hour).to_string(), (now + hour).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_counts_the_past_of_a_running_camera_as_it_did_live() {
    let server = seen().await;
    let (from, to) = now_and_around();
    let copies = json!({
        "copy of left": { "from": [0.3, 0.2], "to": [0.3, 1.0] },
        "copy of middle": { "from": [0.5, 0.2], "to": [0.5, 1.0] },
    });
    let question = json!({ "lines": copies, "from": from, "to": to, "limit": 1 });
    let tried = server.send("POST", "/api/v1/cameras/street/preview", &question).await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    let tried = tried.json();
    let live = server
        .json_when("/api/v1/counts?cameras=street&kind=line_crossed", |live| {
            by_line(live) == by_line(&tried)
        })
        .await;
    assert_eq!((tried["events"].as_array().unwrap().len(), &tried["more"]), (1, &json!(true)));
    assert!(tried["events"][0]["path"].as_array().unwrap().len() > 1);
    assert_eq!(tried["events"][0]["attributes"]["counted"], "later");

    // Nothing of that was kept; now it is.
    let mut settings = server.get("/api/v1/cameras/street/settings").await.json();
    for (name, line) in copies.as_object().unwrap() {
        settings["lines"][name] = line.clone();
    }
    assert_eq!(server.send("PUT", "/api/v1/cameras/street", &settings).await.status, 200);
    for (rule, again) in
        [("copy of left", false), ("copy of left", true), ("copy of middle", false)]
    {
        let question = json!({ "rule": rule, "from": from });
        let done = server.send("POST", "/api/v1/cameras/street/backfill", &question).await;
        assert_eq!(done.status, 200, "{}", done.text());
        let done = done.json();
        assert_eq!(done["removed"], if again { done["added"].clone() } else { json!(0) });
    }
    let path = "/api/v1/counts?cameras=street&kind=line_crossed&bucket=month";
    let counts = server.get(path).await.json();
    let (mut later, mut first) = (counts.clone(), counts.clone());
    let of = |value: &mut Value, copies: bool| {
        let rows = value["counts"].as_array_mut().unwrap();
        rows.retain(|row| row["rule"].as_str().unwrap().starts_with("copy of ") == copies);
    };
    of(&mut later, true);
    of(&mut first, false);
    assert_eq!(by_line(&later), by_line(&live));
    assert_eq!(by_line(&first), by_line(&live));
    assert!(later["counts"].as_array().unwrap().iter().all(|row| row["later"] == row["count"]));
    assert!(first["counts"].as_array().unwrap().iter().all(|row| row.get("later").is_none()));

    let twice = json!({ "rule": "left", "from": from, "to": to });
    let refused = server.send("POST", "/api/v1/cameras/street/backfill", &twice).await;
    assert_eq!((refused.status, &refused.json()["error"]["kind"]), (409, &json!("busy")));
    let table = server.get(&format!("{path}&format=csv")).await;
    assert!(table.head.contains("content-type: text/csv"), "{}", table.head);
    assert_eq!(table.text().lines().count(), 1 + counts["counts"].as_array().unwrap().len());
    let asked = server.ask("GET", path, &[("Accept", "text/csv")]).await;
    assert_eq!(asked.text(), table.text());

    let heat = format!("/api/v1/cameras/street/heatmap?from={from}&to={to}&columns=8&rows=4");
    let heat = server.get(&heat).await.json();
    let seconds = heat["seconds"].as_array().unwrap();
    assert_eq!(seconds.len(), 32);
    let all: f64 = seconds.iter().map(|field| field.as_f64().unwrap()).sum();
    assert!(all > 1.0, "{heat}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_say_of_events_gives_precision() {
    let server = seen().await;
    let events = server.get("/api/v1/events?cameras=street&kinds=line_crossed&rule=left").await;
    let events = events.json()["events"].as_array().unwrap().clone();
    let say = async |id: &Value, verdict: &str| {
        let path = format!("/api/v1/events/{}/verdict", id.as_str().unwrap());
        server.send("PUT", &path, &json!({ "verdict": verdict })).await
    };
    assert_eq!(say(&events[0]["id"], "right").await.json()["verdict"], "right");
    assert_eq!(say(&events[1]["id"], "right").await.status, 200);
    assert_eq!(say(&events[1]["id"], "wrong").await.json()["verdict"], "wrong");
    let path = format!("/api/v1/events/{}/verdict", events[1]["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json()["verdict"], "wrong");
    let said = server.get("/api/v1/cameras/street/precision").await.json();
    let left = &said["precision"][0];
    assert_eq!((&left["right"], &left["wrong"]), (&json!(1), &json!(1)));
    assert_eq!(left["precision"]["value"], 0.5);
    let corrected = left["corrected"]["value"].as_f64().unwrap();
    assert!((corrected - left["count"].as_f64().unwrap() / 2.0).abs() < 1e-9);
    assert_eq!(say(&events[1]["id"], "none").await.json(), json!({}));
    assert_eq!(say(&events[0]["id"], "perhaps").await.status, 400);
    assert_eq!(say(&json!("01KB0V3G7ZJ6QW8N4M2X5T9RCD"), "right").await.status, 404);
    let state = server.get("/api/v1/events?kinds=camera_state&limit=1").await.json();
    assert_eq!(say(&state["events"][0]["id"], "right").await.status, 400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_make_no_sense_are_refused() {
    let text = format!("{STREET}tracks: {{ keep: off }}\n");
    let (with, without) = (Server::run(config(STREET)).await, Server::run(config(&text)).await);
    let (from, to) = SPAN;
    let line = json!({ "a": { "from": [0.3, 0.2], "to": [0.3, 1.0] } });
    let preview = |more: Value| {
        let mut question = json!({ "lines": line, "from": from, "to": to });
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        question
    };
    let crossed = json!([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    let cases = [
        (preview(json!({})), 200),
        (preview(json!({ "to": "2021-01-01T00:00:00Z" })), 400),
        (preview(json!({ "to": from })), 400),
        (preview(json!({ "from": "yesterday" })), 400),
        (preview(json!({ "limit": 1001 })), 400),
        (preview(json!({ "lines": { "a": { "from": [7, 0], "to": [0, 0] } } })), 400),
        (preview(json!({ "zones": { "z": { "polygon": crossed } } })), 400),
        (preview(json!({ "zones": { "a": { "polygon": [[0, 0], [1, 0], [1, 1]] } } })), 400),
        (preview(json!({ "lnies": {} })), 400),
    ];
    for (question, status) in cases {
        let answer = with.send("POST", "/api/v1/cameras/street/preview", &question).await;
        assert_eq!(answer.status, status, "{question}: {}", answer.text());
    }
    let nobody = with.send("POST", "/api/v1/cameras/no/preview", &preview(json!({}))).await;
    assert_eq!(nobody.status, 404);
    let none = without.send("POST", "/api/v1/cameras/street/preview", &preview(json!({}))).await;
    assert_eq!(none.status, 409, "{}", none.text());
    assert!(none.text().contains("tracks.keep"), "{}", none.text());
    let rule = json!({ "rule": "a", "from": from, "to": to });
    let unknown = with.send("POST", "/api/v1/cameras/street/backfill", &rule).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("middle"), "names those that there are: {}", unknown.text());
    for wrong in ["from=1&to=2&columns=257", "from=1", "from=2&to=1"] {
        let path = format!("/api/v1/cameras/street/heatmap?{wrong}");
        assert_eq!(with.get(&path).await.status, 400, "{wrong}");
    }
    with.stop().await;
    without.stop().await;
}
