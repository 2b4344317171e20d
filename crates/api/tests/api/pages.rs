//! The pages that users of other systems know, and what is told of publishing.
//!
//! Nobody listens at the broker's port: pages are there all the same.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::{Answer, PATIENCE, Server, config};

const CONFIG: &str = r#"
version: 1
http: { listen: '127.0.0.1:0' }
cameras:
  gone:
    url: rtsp://127.0.0.1:1/stream
    detect: { model: motion }
  street:
    url: sim:street?people=4&seed=3&size=640x360&fps=15
    detect: { model: motion, fps: 5 }
publish:
  - { camera: street, to: 'redis://bob:hunter2@127.0.0.1:1', dialect: redisedge,
      page: { listen: '127.0.0.1:0' } }
  - { camera: street, to: 'redis://bob:hunter2@127.0.0.1:1/1', dialect: deepvision,
      page: { listen: '127.0.0.1:0' } }
  - { camera: gone, to: 'redis://bob:hunter2@127.0.0.1:1/2', dialect: deepvision,
      page: { listen: '127.0.0.1:0' } }
  - { camera: street, to: 'kafka://bob:hunter2@127.0.0.1:1', dialect: imagebus, as: porch }
"#;

async fn ask(address: SocketAddr, method: &str, path: &str, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn whole(address: SocketAddr, method: &str, path: &str, more: &str) -> Answer {
    let mut stream = ask(address, method, path, more).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    Answer::new(&bytes)
}

/// The beginning of an answer that has no end.
struct Endless {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Endless {
    async fn open(address: SocketAddr) -> Self {
        Self { stream: ask(address, "GET", "/video", "").await, bytes: Vec::new() }
    }

    /// What comes until `end`, which is taken away.
    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let reading = async {
            loop {
                if let Some(at) = self.bytes.windows(end.len()).position(|part| part == end) {
                    let rest = self.bytes.split_off(at + end.len());
                    let mut found = std::mem::replace(&mut self.bytes, rest);
                    found.truncate(at);
                    return found;
                }
                assert!(self.stream.read_buf(&mut self.bytes).await.unwrap() > 0, "it ended");
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap()
    }

    /// The head of the next part, and its picture.
    async fn part(&mut self) -> (String, Vec<u8>) {
        self.until(b"--frame\r\n").await;
        let head = self.until(b"\r\n\r\n").await;
        let mut picture = self.until(&[0xff, 0xd9]).await;
        picture.extend([0xff, 0xd9]);
        (String::from_utf8(head).unwrap(), picture)
    }
}

/// Columns and rows, by the JPEG's own account.
fn size(jpeg: &[u8]) -> (u16, u16) {
    assert!(jpeg.starts_with(&[0xff, 0xd8]), "no JPEG");
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let number = |at: usize| u16::from_be_bytes([jpeg[frame + at], jpeg[frame + at + 1]]);
    (number(7), number(5))
}

#[tokio::test(flavor = "multi_thread")]
async fn redisedges_page_is_a_picture_after_the_other() {
    let server = Server::run(config(CONFIG)).await;
    let page = server.pages[0];
    let mut video = Endless::open(page).await;
    let head = String::from_utf8(video.until(b"\r\n\r\n").await).unwrap().to_ascii_lowercase();
    assert!(head.contains(" 200 ok"), "{head}");
    assert!(head.contains("content-type: multipart/x-mixed-replace; boundary=frame"), "{head}");
    let (head, first) = video.part().await;
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(
        lines,
        [
            "Pragma-directive: no-cache",
            "Cache-directive: no-cache",
            "Cache-control: no-cache",
            "Pragma: no-cache",
            "Expires: 0",
            "Content-Type: image/jpeg",
        ]
    );
    let (_, second) = video.part().await;
    assert_eq!([size(&first), size(&second)], [(640, 360); 2]);
    assert_ne!(first, second);
    // Two look at the same time.
    let (_, third) = Endless::open(page).await.part().await;
    assert_eq!(size(&third), (640, 360));
    for path in ["/", "/video/", "/metrics"] {
        assert_eq!(whole(page, "GET", path, "").await.status, 404, "{path}");
    }
    assert_eq!(whole(page, "POST", "/video", "content-length: 0\r\n").await.status, 405);
    server.stop().await;
    // And it ends with the server.
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, video.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn deepvisions_page_says_that_the_model_loads_and_then_shows_the_street() {
    let server = Server::run(config(CONFIG)).await;
    let page = server.pages[1];
    for method in ["GET", "POST"] {
        let answer = whole(page, method, "/", "content-length: 0\r\n").await;
        assert_eq!(answer.status, 200, "{method}");
        assert!(answer.head.contains("text/html"), "{}", answer.head);
        assert!(answer.text().contains("src=\"/video\""), "{}", answer.text());
    }
    let mut video = Endless::open(page).await;
    let seen = async {
        // Of the notice, which has a size of its own, there may be some before.
        while size(&video.part().await.1) != (640, 360) {}
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
    // A camera that gives nothing never gets beyond the notice.
    let mut waiting = Endless::open(server.pages[2]).await;
    for _ in 0..2 {
        assert_eq!(size(&waiting.part().await.1), (1280, 720));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_for_those_who_may_read() {
    let tokens = "auth: { tokens: [{ name: reader, token: read-read-read-read, scopes: [read] }, \
                  { name: prometheus, token: metr-metr-metr-metr, scopes: [metrics] }] }\n";
    let server = Server::run(config(&format!("{CONFIG}{tokens}"))).await;
    for page in [server.pages[0], server.pages[1]] {
        let asked = async |token: &str| {
            let header = format!("authorization: Bearer {token}\r\n");
            let mut stream = ask(page, "GET", "/video", &header).await;
            let mut bytes = vec![0; 12];
            stream.read_exact(&mut bytes).await.unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(whole(page, "GET", "/video", "").await.status, 401);
        assert!(asked("metr-metr-metr-metr").await.ends_with("403"));
        assert!(asked("read-read-read-read").await.ends_with("200"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_publication_is_told_of_and_no_password() {
    let server = Server::run(config(CONFIG)).await;
    let away = |all: &Value| {
        let all = all.as_array().unwrap();
        all.iter().filter(|one| one["state"] == "offline").count() >= 3
    };
    let all = server.json_when("/api/v1/publications", away).await;
    let told: Vec<_> =
        ["camera", "dialect", "name"].map(|key| [0, 1, 2, 3].map(|at| all[at][key].clone())).into();
    assert_eq!(told[0], ["street", "street", "gone", "street"]);
    assert_eq!(told[1], ["redisedge", "deepvision", "deepvision", "imagebus"]);
    assert_eq!(told[2], ["camera:0", "camera:0", "camera:0", "porch"]);
    assert_eq!(all[2]["state"], "waiting", "{all:#}");
    for at in [0, 1, 3] {
        let one = &all[at];
        assert!(one["reason"].as_str().unwrap().contains("cannot be reached"), "{one:#}");
        assert!(one["dropped"].as_u64().unwrap() > 0, "{one:#}");
        assert_eq!(one["pictures"], 0, "{one:#}");
        assert!(one["since_ms"].as_i64().unwrap() > 1_700_000_000_000, "{one:#}");
    }
    assert!(all[0]["broker"].as_str().unwrap().contains("127.0.0.1:1"), "{all:#}");
    assert!(!all.to_string().contains("hunter2"), "{all:#}");
    server.stop().await;
}
