//! What people have looked at: events, and spans of time with what was missed in them; and
//! footage with people hidden.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::Server;
use crate::tracks::seen;

async fn events(server: &Server, more: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?cameras=street&kinds=line_crossed&limit=1000{more}");
    let answer = server.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["events"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_reviewed_one_by_one_and_together() {
    let server = seen().await;
    let all = events(&server, "").await;
    assert!(all.len() >= 4);
    assert!(
        all.iter().all(|event| event["reviewed"] == json!(false) && event["verdict"].is_null())
    );
    assert!(all.iter().all(|event| event.as_object().unwrap().contains_key("verdict")));
    let id = |at: usize| all[at]["id"].as_str().unwrap().to_owned();

    let path = format!("/api/v1/events/{}/review", id(0));
    let noted = server.send("PUT", &path, &json!({ "reviewed": true })).await;
    assert_eq!(noted.json(), json!({ "reviewed": true }));
    // Whoever says whether it happened has looked at it.
    let path = format!("/api/v1/events/{}/verdict", id(1));
    assert_eq!(server.send("PUT", &path, &json!({ "verdict": "wrong" })).await.status, 200);
    let looked_at = events(&server, "&reviewed=true").await;
    let ids: Vec<_> = looked_at.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [id(0), id(1)]);
    assert_eq!(
        (&looked_at[0]["verdict"], &looked_at[1]["verdict"]),
        (&Value::Null, &json!("wrong"))
    );
    assert_eq!(events(&server, "&reviewed=false").await.len(), all.len() - 2);
    let one = server.get(&format!("/api/v1/events/{}", id(1))).await.json();
    assert_eq!((&one["reviewed"], &one["verdict"]), (&json!(true), &json!("wrong")));

    let many = async |ids: Value, reviewed: bool| {
        let question = json!({ "ids": ids, "reviewed": reviewed });
        server.send("POST", "/api/v1/events/review", &question).await
    };
    let ids: Vec<String> = (0..all.len()).map(id).collect();
    let unknown = "01KB0V3G7ZJ6QW8N4M2X5T9RCD";
    let noted = many(json!([ids.clone(), vec![unknown.to_owned()]].concat()), true).await;
    assert_eq!(noted.json(), json!({ "events": all.len(), "reviewed": true }));
    assert!(events(&server, "&reviewed=false").await.is_empty());
    let noted = many(json!(ids), false).await;
    assert_eq!(noted.json(), json!({ "events": all.len(), "reviewed": false }));
    assert!(events(&server, "&reviewed=true").await.is_empty());
    assert_eq!(many(json!([]), true).await.json()["events"], 0);

    assert_eq!(many(json!(["no id"]), true).await.status, 400);
    assert_eq!(many(json!(vec![unknown; 1001]), true).await.status, 400);
    let path = format!("/api/v1/events/{unknown}/review");
    assert_eq!(server.send("PUT", &path, &json!({ "reviewed": true })).await.status, 404);
    assert_eq!(server.get("/api/v1/events?reviewed=perhaps").await.status, 400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_gives_recall_and_corrects_the_counts() {
    let server = seen().await;
    let left = events(&server, "&rule=left").await;
    let path = format!("/api/v1/events/{}/verdict", left[0]["id"].as_str().unwrap());
    assert_eq!(server.send("PUT", &path, &json!({ "verdict": "right" })).await.status, 200);
    let now = omma_types::Clock::wall(&omma_types::SystemClock);
    let (from, to) = ((now - Duration::from_secs(3600)).to_string(), now.to_string());
    let review = |more: Value| {
        let mut review = json!({
            "rule": "left", "kind": "line_crossed", "from": from, "to": to, "missed": 2
        });
        review.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        review
    };
    let place = "/api/v1/cameras/street/reviews";
    for (wrong, status) in [
        (json!({ "rule": "nowhere" }), 404),
        (json!({ "kind": "camera_state" }), 400),
        (json!({ "kind": "zone_left", "direction": "forward" }), 400),
        (json!({ "direction": "up" }), 400),
        (json!({ "to": from }), 400),
        (json!({ "from": "2020-01-01T00:00:00Z" }), 400),
        (json!({ "to": "2100-01-01T00:00:00Z" }), 400),
        (json!({ "missed": -1 }), 400),
        (json!({ "misssed": 1 }), 400),
    ] {
        let answer = server.send("POST", place, &review(wrong.clone())).await;
        assert_eq!(answer.status, status, "{wrong}: {}", answer.text());
    }
    let before = server.get("/api/v1/cameras/street/precision").await.json();
    assert!(before["precision"][0]["recall"].is_null(), "{before}");
    let kept = server.send("POST", place, &review(json!({}))).await;
    assert_eq!(kept.status, 201, "{}", kept.text());
    let kept = kept.json();
    assert_eq!(kept["counted"], left.len());
    let twice = server.send("POST", place, &review(json!({ "direction": "forward" }))).await;
    assert_eq!(twice.status, 409, "{}", twice.text());

    let of_left = async || {
        let said = server.get("/api/v1/cameras/street/precision").await.json();
        said["precision"].as_array().unwrap().iter().find(|row| row["rule"] == "left").cloned()
    };
    let said = of_left().await.unwrap();
    let found = left.len() as f64;
    assert_eq!((&said["missed"], &said["found"]), (&json!(2), &json!(left.len())));
    assert_eq!(said["reviewed_ms"], 3_600_000.0);
    let recall = said["recall"]["value"].as_f64().unwrap();
    assert!((recall - found / (found + 2.0)).abs() < 1e-9, "{said}");
    let corrected = &said["corrected"];
    let value = corrected["value"].as_f64().unwrap();
    assert!((value - (found + 2.0)).abs() < 1e-9, "{said}");
    assert!(corrected["low"].as_f64() < Some(value) && corrected["high"].as_f64() > Some(value));

    // One that turns out to be wrong was not found.
    assert_eq!(server.send("PUT", &path, &json!({ "verdict": "wrong" })).await.status, 200);
    let said = of_left().await.unwrap();
    assert_eq!((&said["found"], &said["wrong"]), (&json!(left.len() - 1), &json!(1)));

    let listed = server.get(place).await.json();
    assert_eq!(listed["reviews"].as_array().unwrap().len(), 1);
    let one = format!("{place}/{}", kept["id"]);
    assert_eq!(server.ask("DELETE", &one, &[]).await.status, 204);
    assert_eq!(server.ask("DELETE", &one, &[]).await.status, 404);
    assert_eq!(of_left().await.unwrap()["recall"], Value::Null);
    server.stop().await;
}
