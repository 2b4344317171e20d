//! Users: the first one, logging in, what each may do and see, and what is refused.

use omma_api::openapi;
use serde_json::{Value, json};

use crate::server::{Answer, CONFIG, PATIENCE, Server, config, send};

pub(crate) const PASSWORD: &str = "three plain words";

/// Somebody at a browser.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    pub(crate) cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    fn of(server: &'a Server, answer: &Answer) -> Self {
        // The head is in lower case, but tokens are not.
        let cookie = answer.raw_header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let csrf = answer.json()["csrf"].as_str().unwrap().to_owned();
        Self { server, cookie, csrf }
    }

    pub(crate) async fn log_in(server: &'a Server, name: &str) -> Self {
        let answer = log_in(server, name, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self::of(server, &answer)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.server.ask("GET", path, &[("cookie", &self.cookie)]).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let own = [
            ("cookie", self.cookie.as_str()),
            ("x-omma-csrf", self.csrf.as_str()),
            ("content-type", "application/json"),
        ];
        let headers = [own.as_slice(), more].concat();
        send(self.server.address, method, path, &headers, &body.to_string()).await
    }

    /// Posts what is no JSON.
    pub(crate) async fn send_text(&self, path: &str, body: &str, more: &[(&str, &str)]) -> Answer {
        let own = [("cookie", self.cookie.as_str()), ("x-omma-csrf", self.csrf.as_str())];
        send(self.server.address, "POST", path, &[own.as_slice(), more].concat(), body).await
    }

    /// A token for a program, as it is sent; and its number.
    pub(crate) async fn token(&self, wish: &Value) -> (String, i64) {
        let made = self.send("POST", "/api/v1/me/tokens", wish).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
        (bearer, made["id"].as_i64().unwrap())
    }

    /// Where a picture of `street` is had with a new token for its stream.
    async fn picture(&self) -> String {
        let path = "/api/v1/cameras/street/stream-token";
        picture_with(&self.send("POST", path, &json!({})).await)
    }
}

fn picture_with(made: &Answer) -> String {
    assert_eq!(made.status, 200, "{}", made.text());
    format!("/cameras/street/snapshot.jpg?token={}", made.json()["token"].as_str().unwrap())
}

pub(crate) async fn log_in(server: &Server, name: &str, password: &str) -> Answer {
    server.send("POST", "/api/v1/login", &json!({ "name": name, "password": password })).await
}

pub(crate) async fn server() -> Server {
    Server::run(config(&format!("{CONFIG}accounts: true\n"))).await
}

/// The first administrator, made with the link.
pub(crate) async fn anna(server: &Server) -> Browser<'_> {
    let token = server.setup_link.as_deref().unwrap().split_once('#').unwrap().1;
    let body = json!({ "token": token, "name": "anna", "password": PASSWORD });
    let answer = server.send("POST", "/api/v1/setup", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Browser::of(server, &answer)
}

/// An operator, and a viewer of one camera.
pub(crate) async fn add_others(admin: &Browser<'_>) {
    for (name, role, cameras) in
        [("olga", "operator", Value::Null), ("vera", "viewer", json!(["street"]))]
    {
        let user = json!({ "name": name, "password": PASSWORD, "role": role, "cameras": cameras });
        let answer = admin.send("POST", "/api/v1/users", &user).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_is_made_once_with_the_link() {
    let server = server().await;
    assert_eq!(server.get("/api/v1/setup").await.json(), json!({"accounts": true, "setup": true}));
    assert_eq!(server.get("/api/v1/cameras").await.status, 401);
    let set_up = async |token: &str, password: &str| {
        let body = json!({ "token": token, "name": "anna", "password": password });
        server.send("POST", "/api/v1/setup", &body).await.status
    };
    let token = server.setup_link.as_deref().unwrap().split_once('#').unwrap().1;
    assert_eq!(set_up("guessed", PASSWORD).await, 403);
    assert_eq!(set_up(token, "short").await, 400, "a bad password does not use it up");
    assert_eq!(set_up(token, PASSWORD).await, 201);
    assert_eq!(set_up(token, PASSWORD).await, 403, "used up");
    assert_eq!(server.get("/api/v1/setup").await.json(), json!({"accounts": true, "setup": false}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_begin_and_end_and_changes_need_our_page() {
    let server = server().await;
    let first = anna(&server).await;
    let answer = log_in(&server, "ANNA", PASSWORD).await;
    let cookie = answer.raw_header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/; Max-Age="), "{cookie}");
    let second = Browser::of(&server, &answer);
    let me = second.get("/api/v1/me").await.json();
    assert_eq!(
        (&me["name"], &me["role"], &me["via"]),
        (&json!("anna"), &json!("admin"), &json!("session"))
    );

    // The cookie alone changes nothing, nor does the number of another session, nor a page of
    // another site that has both.
    let address = server.address;
    let cookie = second.cookie.as_str();
    let path = "/api/v1/cameras/street/pause";
    for (csrf, origin) in [
        ("", None),
        (first.csrf.as_str(), None),
        (second.csrf.as_str(), Some("http://evil.example")),
    ] {
        let mut headers = vec![("cookie", cookie), ("x-omma-csrf", csrf)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        assert_eq!(
            send(address, "POST", path, &headers, "").await.status,
            403,
            "{csrf} {origin:?}"
        );
    }
    assert_eq!(second.send("POST", path, &json!({})).await.status, 200);
    for wrong in ["omma_session=", "omma_session=nonsense"] {
        assert_eq!(server.ask("GET", "/api/v1/me", &[("cookie", wrong)]).await.status, 401);
    }

    // Another password ends all sessions but this one.
    let change = |old: &str| json!({ "old": old, "new": "three other words" });
    let path = "/api/v1/me/password";
    assert_eq!(second.send("POST", path, &change("wrong words here")).await.status, 403);
    assert_eq!(second.send("POST", path, &change(PASSWORD)).await.status, 204);
    assert_eq!(first.get("/api/v1/me").await.status, 401);
    assert_eq!(second.get("/api/v1/me").await.status, 200);
    assert_eq!(log_in(&server, "anna", PASSWORD).await.status, 401);
    assert_eq!(second.send("POST", "/api/v1/logout", &json!({})).await.status, 204);
    assert_eq!(second.get("/api/v1/me").await.status, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_written_down() {
    let server = server().await;
    let admin = anna(&server).await;
    let mut statuses = Vec::new();
    for number in 0..14 {
        // Whether there is somebody of this name is not to be seen.
        let name = if number % 2 == 0 { "anna" } else { "nobody" };
        let answer = log_in(&server, name, "wrong words here").await;
        if answer.status == 429 {
            assert!(answer.raw_header("retry-after").is_some());
        } else {
            assert!(answer.text().contains("name or password"), "{}", answer.text());
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses.first(), Some(&401));
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(admin.get("/api/v1/me").await.status, 200, "who is in stays in");
    let failed = async {
        loop {
            let page = admin.get("/api/v1/audit?what=login_failed").await.json();
            let entries = page["entries"].as_array().unwrap().clone();
            if entries.len() >= 9 {
                return entries;
            }
        }
    };
    let failed = tokio::time::timeout(PATIENCE, failed).await.unwrap();
    let who: Vec<&str> = failed.iter().map(|entry| entry["who"].as_str().unwrap()).collect();
    assert!(who.contains(&"anna") && who.contains(&"unknown") && !who.contains(&"nobody"));
    assert!(!admin.get("/api/v1/audit").await.text().contains("words"), "no passwords");
    server.stop().await;
}

/// For whom a route is that is about no camera in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// For everybody who is somebody.
    Viewers,
    /// For operators, and what is about all cameras.
    Operators,
    Administrators,
}

const OPERATORS: [Whose; 2] = [Whose::Viewers, Whose::Operators];

/// Said here a second time: who moves a route from one to the other is to notice.
fn whose(method: &str, path: &str) -> Whose {
    match (method, path.trim_start_matches("/api/v1")) {
        (_, "/audit" | "/probe" | "/discover" | "/logs" | "/config" | "/config/check") => {
            Whose::Administrators
        }
        ("POST", "/cameras" | "/models/{name}/pull" | "/models/{name}/bench") => {
            Whose::Administrators
        }
        (_, path) if path.starts_with("/users") => Whose::Administrators,
        (_, "/metrics" | "/nodes" | "/publications") => Whose::Operators,
        (_, path) if path.starts_with("/sinks") || path.starts_with("/annotations") => {
            Whose::Operators
        }
        ("POST" | "PUT", path) if path.starts_with("/events") => Whose::Operators,
        _ => Whose::Viewers,
    }
}

/// Every route of the description: nobody gets in without a credential, and a viewer of one
/// camera gets nowhere that takes more.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_who_it_is_and_roles_refuse() {
    let server = server().await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let viewer = Browser::log_in(&server, "vera").await;
    let operator = Browser::log_in(&server, "olga").await;
    let open = ["/healthz", "/readyz", "/api/v1/setup", "/api/v1/login"];
    let description: Value = serde_json::from_str(&openapi()).unwrap();
    let mut routes = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().map(|m| m.to_ascii_uppercase()) {
            if open.contains(&path.as_str()) {
                continue;
            }
            routes += 1;
            let camera = path.replace("{name}", "gone").replace("{file}", "1.mp4");
            let place = camera.replace("{id}", "1");
            let answer = server.ask(&method, &place, &[]).await;
            assert_eq!(answer.status, 401, "{method} {place}");
            assert!(!answer.head.contains("basic"), "{}", answer.head);
            if path.contains("cameras/{name}") {
                // The viewer sees `street` alone: `gone` is as if it were not there.
                let answer = viewer.send(&method, &place, &json!({})).await;
                assert_eq!(answer.status, 404, "{method} {place}");
                let nowhere =
                    viewer.send(&method, &place.replace("gone", "none"), &json!({})).await;
                assert_eq!(nowhere.text(), answer.text(), "{method} {place}");
                continue;
            }
            let who = whose(&method, path);
            if (method.as_str(), path.as_str()) == ("POST", "/api/v1/logout") {
                continue;
            }
            for (user, least) in [(&viewer, [Whose::Viewers].as_slice()), (&operator, &OPERATORS)] {
                let status = user.send(&method, &place, &json!({})).await.status;
                assert_ne!(status, 401, "{method} {place}");
                assert_eq!(status != 403, least.contains(&who), "{method} {place}: {status}");
            }
        }
    }
    assert!(routes > 40, "{routes}");
    for (method, path) in [
        ("POST", "/api/v1/cameras/street/pause"),
        ("PUT", "/api/v1/cameras/street"),
        ("GET", "/api/v1/cameras/street/settings"),
        ("DELETE", "/api/v1/cameras/street"),
    ] {
        let answer = viewer.send(method, path, &json!({})).await;
        assert_eq!(answer.status, 403, "{method} {path} {}", answer.text());
    }
    for (method, path, status) in [
        ("POST", "/api/v1/cameras/street/pause", 200),
        ("POST", "/api/v1/cameras/street/resume", 200),
        ("DELETE", "/api/v1/cameras/street", 403),
    ] {
        assert_eq!(operator.send(method, path, &json!({})).await.status, status, "{method} {path}");
    }
    let mut settings = operator.get("/api/v1/cameras/street/settings").await.json();
    settings["lines"]["kerb"]["from"] = json!([0.1, 0.7]);
    let put = async |settings: &Value| {
        operator.send("PUT", "/api/v1/cameras/street", settings).await.status
    };
    assert_eq!(put(&settings).await, 200);
    settings["url"] = json!("sim:street?people=1");
    assert_eq!(put(&settings).await, 403, "where it comes from is not an operator's");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_one_camera_sees_nothing_of_others() {
    let server = server().await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let viewer = Browser::log_in(&server, "vera").await;
    let cameras = viewer.get("/api/v1/cameras").await.json();
    let names: Vec<_> = cameras["cameras"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, [&json!("street")]);
    assert_eq!(admin.get("/api/v1/cameras").await.json()["cameras"].as_array().unwrap().len(), 2);
    // `gone` can't be reached, which is an event.
    let event = async {
        loop {
            let events = admin.get("/api/v1/events?cameras=gone").await.json();
            if let Some(event) = events["events"].as_array().and_then(|list| list.first()) {
                return event["id"].as_str().unwrap().to_owned();
            }
        }
    };
    let event = tokio::time::timeout(PATIENCE, event).await.unwrap();
    for path in [
        "/api/v1/events?cameras=gone".to_owned(),
        "/api/v1/counts?cameras=gone".to_owned(),
        "/api/v1/ws?cameras=gone".to_owned(),
        format!("/api/v1/events/{event}"),
        format!("/api/v1/events/{event}/clip.mp4"),
        format!("/api/v1/events/{event}/snapshot.jpg"),
        "/cameras/gone/live.mjpg".to_owned(),
        "/cameras/g%6Fne/live.mjpg".to_owned(),
    ] {
        let answer = viewer.get(&path).await;
        assert_eq!(answer.status, 404, "{path} {}", answer.text());
        assert!(!answer.text().contains("hunter2") && !answer.text().contains(", gone"));
    }
    let events = viewer.get("/api/v1/events?limit=1000").await.json();
    assert!(events["events"].as_array().unwrap().iter().all(|e| e["camera"] == "street"));
    assert_eq!(admin.get(&format!("/api/v1/events/{event}")).await.status, 200);
    assert_eq!(viewer.get("/cameras/street/snapshot.jpg").await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_users_and_of_streams_are_good_for_what_they_say() {
    let server = server().await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let viewer = Browser::log_in(&server, "vera").await;
    let wish = json!({ "name": "backup", "scopes": ["read", "control"] });
    let made = viewer.send("POST", "/api/v1/me/tokens", &wish).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let bearer = [("authorization", bearer.as_str())];
    for (method, path, status) in [
        ("GET", "/api/v1/cameras/street", 200),
        ("GET", "/api/v1/cameras/gone", 404),
        // The scope is there, the role is not.
        ("POST", "/api/v1/cameras/street/pause", 403),
        ("GET", "/api/v1/users", 403),
        // Tokens make no tokens.
        ("DELETE", "/api/v1/me/tokens/1", 403),
    ] {
        assert_eq!(server.ask(method, path, &bearer).await.status, status, "{method} {path}");
    }
    assert!(!viewer.get("/api/v1/me/tokens").await.text().contains(&token), "shown once");

    let made = viewer.send("POST", "/api/v1/cameras/street/stream-token", &json!({})).await;
    let stream = made.json()["token"].as_str().unwrap().to_owned();
    for (path, status) in [
        ("/cameras/street/snapshot.jpg?width=320&", 200),
        ("/cameras/gone/snapshot.jpg?", 404),
        ("/api/v1/cameras?", 401),
        ("/api/v1/cameras/street?", 401),
    ] {
        let answer = server.get(&format!("{path}token={stream}")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.text().contains(&stream), "{path}");
    }
    let changed = format!("/cameras/street/snapshot.jpg?token={stream}x");
    assert_eq!(server.get(&changed).await.status, 401);

    // Whoever is kept out is out with everything.
    let off = json!({ "role": "viewer", "cameras": ["street"], "disabled": true });
    assert_eq!(admin.send("PUT", "/api/v1/users/vera", &off).await.status, 200);
    assert_eq!(viewer.get("/api/v1/me").await.status, 401);
    assert_eq!(server.ask("GET", "/api/v1/cameras", &bearer).await.status, 401);
    let path = format!("/cameras/street/snapshot.jpg?token={stream}");
    assert_eq!(server.get(&path).await.status, 401);
    assert_eq!(log_in(&server, "vera", PASSWORD).await.status, 401);
    assert_eq!(admin.send("DELETE", "/api/v1/users/anna", &json!({})).await.status, 409);
    server.stop().await;
}

/// Such a token could otherwise add a user who sees everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_some_cameras_is_no_administrators() {
    let server = server().await;
    let admin = anna(&server).await;
    let limited = json!({ "name": "door", "scopes": ["admin"], "cameras": ["street"] });
    let (limited, _id) = admin.token(&limited).await;
    let (whole, _id) = admin.token(&json!({ "name": "all", "scopes": ["admin"] })).await;
    let ask = async |token: &str, method: &str, path: &str, body: &Value| {
        let headers = [("authorization", token), ("content-type", "application/json")];
        send(server.address, method, path, &headers, &body.to_string()).await
    };
    let eve = json!({ "name": "eve", "password": PASSWORD, "role": "admin" });
    let shown = admin.get("/api/v1/cameras/gone/settings").await.json()["url"].clone();
    assert!(shown.to_string().contains("***"), "{shown}");
    let probe = json!({ "source": shown, "camera": "gone", "seconds": 1 });
    let check = json!({ "text": "version: 1" });
    let settings = json!({ "url": "sim:street?people=1" });
    for (method, path, body, allowed) in [
        ("POST", "/api/v1/users", &eve, 201),
        ("GET", "/api/v1/users", &Value::Null, 200),
        ("GET", "/api/v1/logs", &Value::Null, 200),
        ("GET", "/api/v1/config", &Value::Null, 200),
        ("POST", "/api/v1/config/check", &check, 200),
        ("GET", "/api/v1/audit", &Value::Null, 200),
        ("POST", "/api/v1/probe", &probe, 200),
        ("PUT", "/api/v1/cameras/street", &settings, 200),
    ] {
        let refused = ask(&limited, method, path, body).await;
        assert_eq!(refused.status, 403, "{method} {path}: {}", refused.text());
        let answer = ask(&whole, method, path, body).await;
        assert_eq!(answer.status, allowed, "{method} {path}: {}", answer.text());
    }
    assert_eq!(ask(&limited, "POST", "/api/v1/cameras/street/pause", &json!({})).await.status, 200);
    assert_eq!(ask(&limited, "GET", "/api/v1/cameras/gone", &Value::Null).await.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_do_not_undo_each_others_changes() {
    let server = server().await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let seen = admin.get("/api/v1/users").await.json();
    let vera = |users: &Value| {
        let mut users = users["users"].as_array().unwrap().iter();
        users.find(|user| user["name"] == "vera").unwrap().clone()
    };
    let seen = vera(&seen)["etag"].as_str().unwrap().to_owned();
    let put = async |tag: &str, change: &Value| {
        admin.send_with("PUT", "/api/v1/users/vera", change, &[("if-match", tag)]).await
    };
    // One keeps her out, the other has had the page open and gives her another role.
    let out = json!({ "role": "viewer", "cameras": ["street"], "disabled": true });
    let first = put(&seen, &out).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let second = put(&seen, &json!({ "role": "operator" })).await;
    assert_eq!((second.status, &second.json()["error"]["kind"]), (412, &json!("conflict")));
    let now = vera(&admin.get("/api/v1/users").await.json());
    assert_eq!((&now["disabled"], &now["role"]), (&json!(true), &json!("viewer")));
    assert_eq!(now["etag"], first.json()["etag"], "the answer tells the next one");
    let again = put(now["etag"].as_str().unwrap(), &json!({ "role": "operator" })).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let whatever = admin.send("PUT", "/api/v1/users/vera", &out).await;
    assert_eq!(whatever.status, 200, "nothing was asked for");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_a_stream_ends_with_what_it_was_made_with() {
    const TOKENS: &str = "auth: { tokens: [{ name: wall, token: a-token-for-the-wall, scopes: \
                          [read] }, { name: other, token: another-token-here, scopes: [read] }] }\n";
    let text = |tokens: &str| format!("{CONFIG}accounts: true\n{tokens}");
    let server = Server::run(config(&text(TOKENS))).await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let see = async |path: &str| server.get(path).await.status;

    let viewer = Browser::log_in(&server, "vera").await;
    let other = Browser::log_in(&server, "vera").await;
    let (of_viewer, of_other) = (viewer.picture().await, other.picture().await);
    assert_eq!((see(&of_viewer).await, see(&of_other).await), (200, 200));
    assert_eq!(viewer.send("POST", "/api/v1/logout", &json!({})).await.status, 204);
    assert_eq!((see(&of_viewer).await, see(&of_other).await), (401, 200), "logged out");
    let viewer = Browser::log_in(&server, "vera").await;
    let change = json!({ "old": PASSWORD, "new": "three other words" });
    assert_eq!(viewer.send("POST", "/api/v1/me/password", &change).await.status, 204);
    assert_eq!(see(&of_other).await, 401, "another password");

    let make = "/api/v1/cameras/street/stream-token";
    let made_with = async |bearer: &str| {
        let headers = [("authorization", bearer), ("content-type", "application/json")];
        picture_with(&send(server.address, "POST", make, &headers, "{}").await)
    };
    let (bearer, id) = admin.token(&json!({ "name": "wall", "scopes": ["read"] })).await;
    let picture = made_with(&bearer).await;
    assert_eq!(see(&picture).await, 200);
    let place = format!("/api/v1/me/tokens/{id}");
    assert_eq!(admin.send("DELETE", &place, &Value::Null).await.status, 204);
    assert_eq!(see(&picture).await, 401, "the token was taken back");

    let (wall, kept) = (
        made_with("Bearer a-token-for-the-wall").await,
        made_with("Bearer another-token-here").await,
    );
    assert_eq!((see(&wall).await, see(&kept).await), (200, 200));
    // Under the same name there is another token now.
    server.reload(&text(&TOKENS.replace("a-token-for-the-wall", "not-that-token-any-more"))).await;
    let refused = async { while see(&wall).await != 401 {} };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(see(&kept).await, 200);
    server.stop().await;
}

/// A camera that is gone stays on the lists of users.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_camera_that_is_gone_learns_of_no_other() {
    let server = server().await;
    let admin = anna(&server).await;
    let user =
        json!({ "name": "olaf", "password": PASSWORD, "role": "operator", "cameras": ["old"] });
    assert_eq!(admin.send("POST", "/api/v1/users", &user).await.status, 201);
    let olaf = Browser::log_in(&server, "olaf").await;
    let review = json!({ "kind": "zone_entered", "rule": "square", "missed": 0,
                         "from": "2026-11-20T00:00:00Z", "to": "2026-11-20T00:01:00Z" });
    let counted = json!({ "rule": "square", "from": "2026-11-20T00:00:00Z" });
    for (method, path, body) in [
        ("GET", "heatmap?from=2026-11-20T00:00:00Z", &Value::Null),
        ("GET", "pass-through", &Value::Null),
        ("POST", "pass-through", &json!({ "on": true })),
        ("GET", "settings", &Value::Null),
        ("GET", "history", &Value::Null),
        ("GET", "recordings", &Value::Null),
        ("POST", "pause", &json!({})),
        ("POST", "reviews", &review),
        ("POST", "preview", &counted),
        ("POST", "backfill", &counted),
        ("PUT", "", &json!({ "url": "annotated:street" })),
    ] {
        let path = format!("/api/v1/cameras/old/{path}");
        let answer = olaf.send(method, path.trim_end_matches('/'), body).await;
        assert!(answer.status >= 400, "{method} {path}");
        let text = answer.text();
        assert!(!text.contains("gone") && !text.contains("street"), "{method} {path}: {text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_accounts_nothing_of_them_is_there() {
    let server = Server::start().await;
    assert_eq!(server.setup_link, None);
    let state = server.get("/api/v1/setup").await.json();
    assert_eq!(state, json!({ "accounts": false, "setup": false }));
    assert_eq!(server.get("/api/v1/me").await.json()["via"], "nothing");
    assert_eq!(server.get("/api/v1/users").await.status, 404);
    assert_eq!(log_in(&server, "anna", PASSWORD).await.status, 404);
    server.stop().await;
}
