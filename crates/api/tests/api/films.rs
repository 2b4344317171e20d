//! Live video as fragments of a film over a WebSocket: what a client that was not written here
//! hears, and what a browser shows.

use std::path::Path;

use futures_util::StreamExt as _;
use omma_testkit::{Browser, Page, ffmpeg, probe};
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{PATIENCE, Server, config};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

const STREET: &str = "version: 1\ncameras:\n  street: { url: 'sim:street?size=320x180&fps=15' }\n";

async fn connect(server: &Server, camera: &str, header: (&str, &str)) -> Result<Socket, Error> {
    let url = format!("ws://{}/api/v1/cameras/{camera}/mse", server.address);
    let mut request = url.into_client_request().unwrap();
    let name = header.0.parse::<axum::http::HeaderName>().unwrap();
    request.headers_mut().insert(name, header.1.parse().unwrap());
    connect_async(request).await.map(|(socket, _response)| socket)
}

async fn watch(server: &Server, camera: &str) -> Socket {
    connect(server, camera, ("x-nothing", "")).await.unwrap()
}

/// The next message that is no ping.
async fn hear(socket: &mut Socket) -> Message {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Ping(_) => {}
            message => return message,
        }
    }
}

async fn hear_json(socket: &mut Socket) -> Value {
    let message = hear(socket).await;
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn hear_part(socket: &mut Socket, kind: &[u8]) -> Vec<u8> {
    let part = hear(socket).await.into_data();
    assert_eq!(&part[4..8], kind);
    part.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_begins_at_a_keyframe_and_every_picture_is_a_fragment() {
    let server = Server::run(config(STREET)).await;
    let mut socket = watch(&server, "street").await;
    let film = hear_json(&mut socket).await;
    let mime = film["mime"].as_str().unwrap();
    assert!(mime.starts_with("video/mp4; codecs=\"avc1."), "{mime}");
    assert!(film["media_ms"].is_f64() && film["wall_ms"].as_i64() > Some(1_700_000_000_000));
    let mut bytes = hear_part(&mut socket, b"ftyp").await;
    for _ in 0..20 {
        bytes.extend(hear_part(&mut socket, b"moof").await);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.mp4");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(probe(&path, "stream=width,height,nb_read_frames").unwrap(), "320,180,20");
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "online").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_changes_begins_another_film() {
    let server = Server::run(config(STREET)).await;
    let mut socket = watch(&server, "street").await;
    let first = hear_json(&mut socket).await;
    hear_part(&mut socket, b"ftyp").await;
    hear_part(&mut socket, b"moof").await;
    server.reload(&STREET.replace("320x180", "1280x720")).await;
    let second = loop {
        if let Message::Text(text) = hear(&mut socket).await {
            break serde_json::from_str::<Value>(&text).unwrap();
        }
    };
    assert_ne!(first["mime"], second["mime"], "a larger picture needs a higher level");
    let head = hear_part(&mut socket, b"ftyp").await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("film.mp4");
    std::fs::write(&path, [head, hear_part(&mut socket, b"moof").await].concat()).unwrap();
    assert_eq!(probe(&path, "stream=width,height").unwrap(), "1280,720");
    server.stop().await;
}

/// A file with a codec that no browser plays from MP4, as a camera.
fn old_camera(dir: &Path) -> String {
    ffmpeg(dir, "-f lavfi -i testsrc=size=320x180:rate=10 -t 2 -c:v mpeg4 old.mp4");
    format!(
        "version: 1\ncameras:\n  old: {{ url: '{}', loop: true }}\n",
        dir.join("old.mp4").display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_that_browsers_do_not_play_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::run(config(&old_camera(dir.path()))).await;
    let mut socket = watch(&server, "old").await;
    let said = hear_json(&mut socket).await;
    assert_eq!(said["error"]["kind"], "unsupported", "{said}");
    let message = said["error"]["message"].as_str().unwrap();
    assert!(message.contains("mpeg4") && message.contains("live.mjpg"), "{message}");
    let Message::Close(Some(close)) = hear(&mut socket).await else { panic!("not closed") };
    assert_eq!(close.code, CloseCode::Unsupported);
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("omma_viewer_refused_total{way=\"film\",reason=\"codec\"} 1"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_watch_is_told_why() {
    let text = format!(
        "{STREET}  off: {{ url: 'sim:street', paused: true }}\n\
         auth: {{ tokens: [{{ name: a, token: a-token-to-look-with, scopes: [read] }}, \
         {{ name: b, token: a-token-to-annotate-with, scopes: [annotate] }}] }}\n"
    );
    let server = Server::run(config(&text)).await;
    let good = ("authorization", "Bearer a-token-to-look-with");
    assert!(connect(&server, "street", good).await.is_ok());
    for (camera, header, status) in [
        ("street", ("x-nothing", ""), 401),
        ("street", ("authorization", "Bearer wrong"), 401),
        ("street", ("authorization", "Bearer a-token-to-annotate-with"), 403),
        ("nope", good, 404),
        ("off", good, 503),
    ] {
        match connect(&server, camera, header).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), status, "{camera}"),
            other => panic!("{camera}: {:?}", other.err()),
        }
    }
    server.stop().await;

    let server = Server::run(config(STREET)).await;
    match connect(&server, "street", ("origin", "http://other.example")).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("{:?}", other.err()),
    }
    let plain = server.get("/api/v1/cameras/street/mse").await;
    assert_eq!(plain.status, 400, "{}", plain.text());
    server.stop().await;
}

async fn viewers(server: &Server, count: u32) {
    let line = format!("omma_viewers{{way=\"film\"}} {count}\n");
    let counted = async {
        while !server.get("/metrics").await.text().contains(&line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_who_vanish_are_noticed() {
    let server = Server::run(config(STREET)).await;
    let mut sockets = Vec::new();
    for _ in 0..16 {
        sockets.push(watch(&server, "street").await);
    }
    for socket in &mut sockets {
        hear_json(socket).await;
    }
    viewers(&server, 16).await;
    // Without a goodbye.
    sockets.truncate(1);
    viewers(&server, 1).await;
    let mut last = sockets.remove(0);
    let stopping = tokio::spawn(server.stop());
    loop {
        if let Message::Close(Some(close)) = hear(&mut last).await {
            assert_eq!(close.code, CloseCode::Away);
            break;
        }
    }
    tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap();
}

/// Plays films as a page would; tells how many different pictures were seen, their size, and
/// how old they were when they were shown, in milliseconds.
const PLAYER: &str = r#"
const video = document.createElement("video");
video.muted = true;
document.body.append(video);
const media = new MediaSource();
video.src = URL.createObjectURL(media);
await new Promise(done => media.addEventListener("sourceopen", done, { once: true }));
const socket = new WebSocket(`ws://${location.host}/api/v1/cameras/street/mse`);
socket.binaryType = "arraybuffer";
let buffer, film, waiting = [], failed;
const feed = () => {
    if (!buffer || buffer.updating || !waiting.length) return;
    buffer.appendBuffer(waiting.shift());
};
socket.onmessage = message => {
    if (typeof message.data === "string") {
        film = JSON.parse(message.data);
        if (film.error || !MediaSource.isTypeSupported(film.mime)) failed = message.data;
        else if (!buffer) {
            buffer = media.addSourceBuffer(film.mime);
            buffer.addEventListener("updateend", () => {
                const end = buffer.buffered.length ? buffer.buffered.end(0) : 0;
                // Live: what is behind is not watched any more.
                if (end - video.currentTime > 0.5) video.currentTime = end - 0.1;
                if (video.paused) video.play();
                feed();
            });
        }
    } else { waiting.push(message.data); feed(); }
};
const canvas = document.createElement("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
const seen = new Set(), ages = [], start = performance.now();
let light = 0;
while (seen.size < 30 && !failed && performance.now() - start < 45000) {
    const frame = await new Promise(done => {
        video.requestVideoFrameCallback((now, frame) => done({ now, frame }));
        setTimeout(done, 3000);
    });
    if (!frame) continue;
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    context.drawImage(video, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let at = 0; at < data.length; at += 4) sum = (sum * 31 + data[at]) | 0;
    light = Math.max(light, ...data.slice(0, 40000));
    seen.add(sum);
    const taken = film.wall_ms + frame.frame.mediaTime * 1000;
    ages.push(performance.timeOrigin + frame.now - taken);
}
ages.sort((a, b) => a - b);
const p = share => ages[Math.floor(share * (ages.length - 1))];
return { failed, pictures: seen.size, light, width: video.videoWidth, height: video.videoHeight,
    frames: ages.length, p50: p(0.5), p95: p(0.95), error: video.error?.message };
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_plays_the_camera() {
    let Some(browser) = Browser::find() else { return };
    let text = STREET.replace("320x180&fps=15", "640x360&fps=25&people=8&clock=true");
    let server = Server::run(config(&text)).await;
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "online").await;
    let address = format!("http://{}/healthz", server.address);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let seen = tokio::task::spawn_blocking(move || -> Value {
        let mut page: Page = browser.open(&address, &path);
        page.run(PLAYER)
    });
    let seen = seen.await.unwrap();
    eprintln!("film in a browser: {seen}");
    assert!(seen["failed"].is_null() && seen["error"].is_null(), "{seen}");
    assert!(seen["pictures"].as_u64() >= Some(30), "the picture does not move: {seen}");
    assert_eq!((seen["width"].as_u64(), seen["height"].as_u64()), (Some(640), Some(360)));
    assert!(seen["light"].as_u64() > Some(100), "the picture is black: {seen}");
    server.stop().await;
}
