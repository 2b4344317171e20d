//! What was begun with a right to it ends soon after the right does, and nobody is left without
//! an administrator.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::accounts::{Browser, PASSWORD, add_others, anna, log_in, server};
use crate::server::{CONFIG, PATIENCE, Server, config, send};
use crate::webrtc::OFFER;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What somebody watches: a film and the news over WebSockets, and moving pictures.
struct Watching {
    film: Socket,
    news: Socket,
    pictures: TcpStream,
}

async fn socket(server: &Server, path: &str, cookie: &str) -> Socket {
    let url = format!("ws://{}{path}", server.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    connect_async(request).await.unwrap().0
}

/// The code with which the server closes; none where it only breaks off.
async fn closing(mut socket: Socket) -> Option<CloseCode> {
    let end = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    tokio::time::timeout(PATIENCE, end).await.unwrap()
}

async fn ends(mut pictures: TcpStream) {
    let mut bytes = vec![0; 1 << 16];
    let end = async { while pictures.read(&mut bytes).await.is_ok_and(|count| count > 0) {} };
    tokio::time::timeout(PATIENCE, end).await.unwrap();
}

/// Reads until pictures come.
async fn shows(pictures: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.windows(11).any(|part| part == b"image/jpeg\r") {
        let mut bytes = vec![0; 1 << 14];
        let count = tokio::time::timeout(PATIENCE, pictures.read(&mut bytes)).await.unwrap();
        let count = count.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend(bytes[..count].iter().filter(|byte| byte.is_ascii()));
    }
}

impl Watching {
    async fn begin(server: &Server, browser: &Browser<'_>) -> Self {
        let cookie = browser.cookie.as_str();
        let mut film = socket(server, "/api/v1/cameras/street/mse", cookie).await;
        assert!(film.next().await.unwrap().unwrap().is_text());
        let news = socket(server, "/api/v1/ws?cameras=street", cookie).await;
        let path = "/cameras/street/live.mjpg";
        let mut pictures = server.begin("GET", path, &[("cookie", cookie)]).await;
        shows(&mut pictures).await;
        Self { film, news, pictures }
    }

    /// All of it ends, and the WebSockets say why.
    async fn end(self) {
        assert_eq!(closing(self.film).await, Some(CloseCode::Policy));
        assert_eq!(closing(self.news).await, Some(CloseCode::Policy));
        ends(self.pictures).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_somebody_watches_ends_when_they_log_out_or_are_kept_out() {
    let server = server().await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let off = json!({ "role": "viewer", "cameras": ["street"], "disabled": true });
    let elsewhere = json!({ "role": "viewer", "cameras": ["gone"] });
    let on = json!({ "role": "viewer", "cameras": ["street"] });
    let other = Browser::log_in(&server, "olga").await;
    let others = Watching::begin(&server, &other).await;

    let viewer = Browser::log_in(&server, "vera").await;
    let watching = Watching::begin(&server, &viewer).await;
    assert_eq!(viewer.send("POST", "/api/v1/logout", &json!({})).await.status, 204);
    watching.end().await;

    for change in [&off, &elsewhere] {
        let viewer = Browser::log_in(&server, "vera").await;
        let watching = Watching::begin(&server, &viewer).await;
        assert_eq!(admin.send("PUT", "/api/v1/users/vera", change).await.status, 200);
        watching.end().await;
        assert_eq!(admin.send("PUT", "/api/v1/users/vera", &on).await.status, 200);
    }

    let viewer = Browser::log_in(&server, "vera").await;
    let watching = Watching::begin(&server, &viewer).await;
    assert_eq!(admin.send("DELETE", "/api/v1/users/vera", &Value::Null).await.status, 204);
    watching.end().await;

    // Nobody else was disturbed by all that.
    let Watching { mut film, news, mut pictures } = others;
    shows(&mut pictures).await;
    assert!(film.next().await.unwrap().unwrap().is_binary());
    server.stop().await;
    assert_eq!(closing(news).await, Some(CloseCode::Away));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_whose_time_is_over_end_what_was_begun_with_them() {
    let server = server().await;
    let admin = anna(&server).await;
    let wish = json!({ "seconds": 3 });
    let made = admin.send("POST", "/api/v1/cameras/street/stream-token", &wish).await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let path = format!("/cameras/street/live.mjpg?token={token}");
    let mut pictures = server.begin("GET", &path, &[]).await;
    shows(&mut pictures).await;
    ends(pictures).await;
    let answer = server.get(&path).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("has ended"), "{}", answer.text());

    let wish = json!({ "name": "short", "scopes": ["read"], "seconds": 1 });
    let made = admin.send("POST", "/api/v1/me/tokens", &wish).await.json();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let refused = async {
        loop {
            let answer = server.ask("GET", "/api/v1/me", &[("authorization", &bearer)]).await;
            match answer.status {
                200 => {}
                status => return (status, answer.text()),
            }
        }
    };
    let (status, text) = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(status, 401);
    assert!(text.contains("has ended"), "{text}");
    server.stop().await;
}

/// Interfaces of other systems know no sessions: programs ask there with tokens.
#[tokio::test(flavor = "multi_thread")]
async fn pages_and_calls_end_with_the_token_and_are_written_down() {
    let text = format!(
        "{CONFIG}accounts: true\nhttp: {{ listen: '127.0.0.1:0' }}\n\
         grpc: {{ listen: '127.0.0.1:0' }}\nchrysalis: {{ listen: '127.0.0.1:0' }}\n\
         publish:\n  - {{ camera: street, to: 'redis://127.0.0.1:1', dialect: redisedge, \
         page: {{ listen: '127.0.0.1:0' }} }}\n"
    );
    let server = Server::run(config(&text)).await;
    let admin = anna(&server).await;
    let wish = json!({ "name": "wall", "scopes": ["read", "control"] });
    let (bearer, id) = admin.token(&wish).await;
    let headers = [("authorization", bearer.as_str())];

    let mut page = begin_at(server.pages[0], "GET", "/video", &headers).await;
    shows(&mut page).await;
    let call = tokio::spawn(watch_cameras(server.grpc.unwrap(), bearer.clone()));
    let chrysalis = server.chrysalis.unwrap();
    for (method, path, status) in [
        ("GET", "/api/v1/processlist", 200),
        ("DELETE", "/api/v1/process/nobody", 409),
        ("DELETE", "/api/v1/process/gone", 200),
    ] {
        let answer = send(chrysalis, method, path, &headers, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }

    let written = async {
        loop {
            let page = admin.get("/api/v1/audit?who=anna").await.json();
            let entries = page["entries"].as_array().unwrap().clone();
            let has = |what: &str, target: &str| {
                entries.iter().any(|e| e["what"] == what && e["target"] == target)
            };
            if has("watched", "/video") && has("changed", "DELETE /api/v1/process/gone") {
                return entries;
            }
        }
    };
    let entries = tokio::time::timeout(PATIENCE, written).await.unwrap();
    let has = |part: &str| entries.iter().any(|entry| entry.to_string().contains(part));
    assert!(!has("nobody") && !has("processlist"), "{entries:#?}");

    let place = format!("/api/v1/me/tokens/{id}");
    assert_eq!(admin.send("DELETE", &place, &Value::Null).await.status, 204);
    ends(page).await;
    tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    server.stop().await;
}

async fn begin_at(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// A call of gRPC whose answer has no end, until it ends all the same.
async fn watch_cameras(address: SocketAddr, bearer: String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::post(format!("http://{address}/omma.v1.Omma/WatchCameras"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", bearer)
        // A message without fields.
        .body(Full::new(Bytes::from_static(&[0; 5])))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers().get("grpc-status"), None, "{:?}", answer.headers());
    let mut body = answer.into_body();
    while let Some(Ok(_)) = body.frame().await {}
}

/// Whoever sends or sees by WebRTC: a log tells why it ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_by_webrtc_ends_with_the_right_to_it() {
    let text = format!("{CONFIG}  phone: {{ url: 'whip://' }}\naccounts: true\n");
    let server = Server::run(config(&text)).await;
    let admin = anna(&server).await;
    add_others(&admin).await;
    let operator = Browser::log_in(&server, "olga").await;
    let sdp = [("content-type", "application/sdp")];
    let online =
        async { while admin.get("/api/v1/cameras/street").await.json()["state"] != "online" {} };
    tokio::time::timeout(PATIENCE, online).await.unwrap();
    let sends = OFFER.replace("recvonly", "sendonly");
    let mut places = Vec::new();
    for (camera, way, offer) in [("street", "whep", OFFER), ("phone", "whip", &sends)] {
        let path = format!("/api/v1/cameras/{camera}/{way}");
        let answer = operator.send_text(&path, offer, &sdp).await;
        assert_eq!(answer.status, 201, "{way}: {}", answer.text());
        places.push(answer.raw_header("location").unwrap().to_owned());
    }
    let off = json!({ "role": "operator", "disabled": true });
    assert_eq!(admin.send("PUT", "/api/v1/users/olga", &off).await.status, 200);
    let told = async {
        loop {
            let logs = admin.get("/api/v1/logs?camera=phone&limit=1000").await.text();
            if logs.contains("whoever asked may no longer") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    let gone = async {
        for place in &places {
            while admin.send("DELETE", place, &Value::Null).await.status != 404 {}
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_cannot_remove_each_other_at_once() {
    let server = server().await;
    let anna = anna(&server).await;
    let take_away = |name: &'static str| {
        let demoted = json!({ "role": "viewer" });
        [("DELETE", name, Value::Null), ("PUT", name, demoted)]
    };
    for (first, second) in take_away("ben").into_iter().zip(take_away("anna")) {
        let ben = json!({ "name": "ben", "password": PASSWORD, "role": "admin" });
        let added = anna.send("POST", "/api/v1/users", &ben).await.status;
        assert!([201, 409].contains(&added));
        let back = json!({ "role": "admin" });
        assert_eq!(anna.send("PUT", "/api/v1/users/ben", &back).await.status, 200);
        let ben = Browser::log_in(&server, "ben").await;
        let place = |name: &str| format!("/api/v1/users/{name}");
        let (of_anna, of_ben) = (place(first.1), place(second.1));
        let (a, b) = tokio::join!(
            anna.send(first.0, &of_anna, &first.2),
            ben.send(second.0, &of_ben, &second.2),
        );
        // Whoever came second is no administrator any more, or would be the last one.
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert!([200, 204].contains(&statuses[0]), "{statuses:?}");
        assert!([401, 403, 409].contains(&statuses[1]), "{statuses:?}");
        if [200, 204].contains(&b.status) {
            // It was Anna who lost: from here on only Ben could go on.
            assert_eq!(ben.get("/api/v1/users").await.status, 200);
            break;
        }
        assert_eq!(anna.get("/api/v1/users").await.status, 200);
    }
    let still = [log_in(&server, "anna", PASSWORD).await, log_in(&server, "ben", PASSWORD).await];
    let admins = still.iter().filter(|a| a.status == 200 && a.json()["role"] == "admin");
    assert_eq!(admins.count(), 1);
    server.stop().await;
}
