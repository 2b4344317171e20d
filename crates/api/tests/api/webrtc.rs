//! Live video by WebRTC, asked for by WHEP: what a browser shows and hears, who is refused and
//! why, and that nobody keeps a seat who has gone.

use std::path::Path;

use omma_testkit::{Browser, Page, ffmpeg};
use serde_json::Value;

use crate::server::{Answer, PATIENCE, Server, config, send};

const STREET: &str = "version: 1\ncameras:\n  street: { url: \
                      'sim:street?size=640x360&fps=25&people=8&stamp=true' }\n";

/// Asks the camera `camera` for the media `kinds`.
const PLAYER: &str = include_str!("whep.js");

/// Looks at the `video` of a player in front of it.
const LOOK: &str = include_str!("age.js");

/// What a player offers that takes nothing but H.264.
pub(crate) const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789abcdefghijklmn\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\
    \r\na=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

fn place(camera: &str) -> String {
    format!("/api/v1/cameras/{camera}/whep")
}

async fn offer(server: &Server, camera: &str, body: &str) -> Answer {
    let header = [("content-type", "application/sdp")];
    send(server.address, "POST", &place(camera), &header, body).await
}

async fn viewers(server: &Server, count: u32) {
    let line = format!("omma_viewers{{way=\"webrtc\"}} {count}\n");
    let counted = async {
        while !server.get("/metrics").await.text().contains(&line) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
}

/// Runs a player and what follows it on a page of the server.
fn script(camera: &str, kinds: &str, then: &str) -> String {
    format!("const camera = '{camera}', kinds = {kinds};\n{PLAYER}\n{then}")
}

/// Opens a page of the server; none without a browser.
async fn page(server: &Server, dir: &Path) -> Option<Page> {
    let browser = Browser::find()?;
    let (address, dir) = (format!("http://{}/healthz", server.address), dir.to_owned());
    Some(tokio::task::spawn_blocking(move || browser.open(&address, &dir)).await.unwrap())
}

async fn run(mut page: Page, script: String) -> (Page, Value) {
    let running = tokio::task::spawn_blocking(move || {
        let value = page.run(&script);
        (page, value)
    });
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_moving_pictures_and_knows_which() {
    let server = Server::run(config(STREET)).await;
    let dir = tempfile::tempdir().unwrap();
    let Some(page) = page(&server, dir.path()).await else { return };
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "online").await;
    let look = format!("const lasts = 40000, most = 60;\n{LOOK}");
    let (page, seen) = run(page, script("street", "['video']", &look)).await;
    eprintln!("WebRTC in a browser: {seen}");
    assert!(seen["pictures"].as_u64() >= Some(50), "the picture does not move: {seen}");
    assert_eq!((seen["width"].as_u64(), seen["height"].as_u64()), (Some(640), Some(360)));
    // Of nearly each picture it is known which one it is, and it is that one.
    let share = seen["exact"].as_f64().unwrap() / seen["known"].as_f64().unwrap();
    assert!(share > 0.9 && seen["known"].as_u64() > Some(30), "{seen}");
    assert!(seen["lagMax"].as_f64().is_some_and(|lag| lag < 20.0), "another picture: {seen}");
    viewers(&server, 1).await;
    // It goes without a word.
    drop(page);
    viewers(&server, 0).await;
    server.stop().await;
}

/// The browser goes on talking all the while.
#[tokio::test(flavor = "multi_thread")]
async fn who_watches_a_camera_that_is_removed_is_let_go() {
    let server = Server::run(config(STREET)).await;
    let dir = tempfile::tempdir().unwrap();
    let Some(page) = page(&server, dir.path()).await else { return };
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "online").await;
    let look = format!("const lasts = 40000, most = 10;\n{LOOK}");
    let (page, seen) = run(page, script("street", "['video']", &look)).await;
    assert!(seen["pictures"].as_u64() >= Some(5), "{seen}");
    viewers(&server, 1).await;
    assert_eq!(server.ask("DELETE", "/api/v1/cameras/street", &[]).await.status, 204);
    viewers(&server, 0).await;
    drop(page);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_by_its_viewer_and_by_the_server() {
    let server = Server::run(config(STREET)).await;
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "online").await;
    let answer = offer(&server, "street", OFFER).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let sdp = answer.text();
    assert!(sdp.contains("a=ice-lite") && sdp.contains("H264/90000"), "{sdp}");
    let candidate = format!("127.0.0.1 {} typ host", server.address.port());
    assert!(sdp.contains(&candidate), "{sdp}");
    viewers(&server, 1).await;
    let location = answer.raw_header("location").unwrap().to_owned();
    assert!(location.starts_with(&place("street")), "{location}");
    let elsewhere = location.replace("street", "other");
    assert_eq!(server.ask("DELETE", &elsewhere, &[]).await.status, 404);
    assert_eq!(server.ask("DELETE", &location, &[]).await.status, 204);
    viewers(&server, 0).await;
    assert_eq!(server.ask("DELETE", &location, &[]).await.status, 404);

    assert_eq!(offer(&server, "street", OFFER).await.status, 201);
    viewers(&server, 1).await;
    tokio::time::timeout(PATIENCE, server.stop()).await.unwrap();
}

/// Cameras that play a film each, made with these options.
fn films(dir: &Path, films: &[(&str, &str)]) -> String {
    let mut text = "version: 1\ncameras:\n".to_owned();
    for (name, options) in films {
        let input = "-f lavfi -i testsrc=size=320x180:rate=10 -f lavfi -i sine=sample_rate=48000";
        ffmpeg(dir, &format!("{input} -t 4 -g 10 -pix_fmt yuv420p {options} {name}.mkv"));
        let path = dir.join(format!("{name}.mkv"));
        text.push_str(&format!("  {name}: {{ url: '{}', loop: true }}\n", path.display()));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_be_shown_the_camera_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let text = films(
        dir.path(),
        &[("old", "-c:v mpeg4"), ("new", "-c:v libx265 -bf 0"), ("bent", "-c:v libx264 -bf 3")],
    );
    let text = format!("{text}  off: {{ url: 'sim:street', paused: true }}\n");
    let server = Server::run(config(&text)).await;
    for (camera, status, reason) in [
        ("old", 415, "mpeg4"),
        ("new", 415, "hevc"),
        ("bent", 415, "B-frames"),
        ("off", 503, "paused"),
        ("nope", 404, "nope"),
    ] {
        if status == 415 {
            let path = format!("/api/v1/cameras/{camera}");
            server.json_when(&path, |camera| camera["state"] == "online").await;
        }
        let answer = offer(&server, camera, OFFER).await;
        assert_eq!(answer.status, status, "{camera}: {}", answer.text());
        assert!(answer.text().contains(reason), "{camera}: {}", answer.text());
    }
    for (body, status) in [
        ("", 400),
        ("v=0", 400),
        // It is not looked at before the camera is, which nobody could be shown.
        (&OFFER.replace("recvonly", "sendonly"), 415),
        (&"x".repeat(100_000), 400),
    ] {
        let answer = offer(&server, "bent", body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let plain = send(server.address, "POST", &place("bent"), &[], OFFER).await;
    assert_eq!(plain.status, 400);
    viewers(&server, 0).await;
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.contains("omma_viewer_refused_total{way=\"webrtc\",reason=\"codec\"}"));
    server.stop().await;

    let server = Server::run(config(&format!("{STREET}webrtc: false\n"))).await;
    assert_eq!(offer(&server, "street", OFFER).await.status, 501);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_look_is_all_that_is_needed() {
    let text = format!(
        "{STREET}auth: {{ tokens: [{{ name: a, token: a-token-to-look-with, scopes: [read] }}, \
         {{ name: b, token: a-token-to-annotate-with, scopes: [annotate] }}] }}\n"
    );
    let server = Server::run(config(&text)).await;
    server.handle.ready().unwrap();
    for (token, status) in
        [("a-token-to-look-with", 201), ("a-token-to-annotate-with", 403), ("wrong", 401)]
    {
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/sdp"), ("authorization", &bearer)];
        let answer = send(server.address, "POST", &place("street"), &headers, OFFER).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_s_sound_is_heard_where_it_is_opus() {
    let dir = tempfile::tempdir().unwrap();
    let text = films(
        dir.path(),
        &[("loud", "-c:v libx264 -bf 0 -c:a libopus"), ("other", "-c:v libx264 -bf 0 -c:a aac")],
    );
    let server = Server::run(config(&text)).await;
    let profile = tempfile::tempdir().unwrap();
    let Some(mut page) = page(&server, profile.path()).await else { return };
    for (camera, heard) in [("loud", true), ("other", false)] {
        let then = "
            const got = {};
            const start = performance.now();
            while (performance.now() - start < 30000) {
                for (const [, report] of await peer.getStats())
                    if (report.type === 'inbound-rtp') got[report.kind] = report.packetsReceived;
                if (got.video > 30 && (got.audio > 30 || camera === 'other')) break;
                await new Promise(done => setTimeout(done, 50));
            }
            peer.close();
            return got;";
        let got;
        (page, got) = run(page, script(camera, "['video', 'audio']", then)).await;
        assert!(got["video"].as_u64() > Some(30), "{camera}: {got}");
        assert_eq!(got["audio"].as_u64() > Some(0), heard, "{camera}: {got}");
    }
    viewers(&server, 0).await;
    server.stop().await;
}

/// Sends the browser's camera into the camera `camera`, and leaves `peer` open.
const SENDER: &str = include_str!("whip.js");

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_a_camera_like_any_other() {
    let text = "version: 1\ncameras:\n  phone: { url: 'whip://', detect: { model: motion }, \
                record: { mode: always, segment: gop } }\n  \
                street: { url: 'sim:street?size=320x180' }\n";
    let server = Server::run(config(text)).await;
    let path = "/api/v1/cameras/phone";
    let waiting = server.json_when(path, |camera| camera["state"] == "offline").await;
    assert!(waiting["reason"].to_string().contains("nobody sends"), "{waiting}");
    // One that is fetched takes nothing, nor one that does not offer H.264.
    let sends = OFFER.replace("recvonly", "sendonly");
    let header = [("content-type", "application/sdp")];
    let post = async |camera: &str, body: &str| {
        let path = format!("/api/v1/cameras/{camera}/whip");
        send(server.address, "POST", &path, &header, body).await.status
    };
    assert_eq!(post("street", &sends).await, 409);
    assert_eq!(post("phone", &sends.replace("H264", "VP8")).await, 415);
    assert_eq!(post("phone", OFFER).await, 415, "it wants to receive");

    let dir = tempfile::tempdir().unwrap();
    let Some(page) = page(&server, dir.path()).await else { return };
    let (page, sent) = run(page, format!("const camera = 'phone';\n{SENDER}")).await;
    eprintln!("sent by a browser: {sent}");
    if sent["h264"] == false {
        eprintln!("skipped: this browser does not encode H.264");
        return;
    }
    assert_eq!(sent["status"], 201, "{sent}");
    let camera = server.json_when(path, |camera| camera["state"] == "online").await;
    assert_eq!(camera["stream"]["codec"], "h264", "{camera}");
    // It is seen, decoded and recorded like any other.
    let snapshot = server.get("/cameras/phone/snapshot.jpg").await;
    assert_eq!(snapshot.status, 200, "{}", snapshot.text());
    server.json_when("/api/v1/cameras/phone/analysis", |analysis| analysis.is_object()).await;
    server
        .json_when("/api/v1/cameras/phone/recordings", |found| {
            found["ranges"].as_array().is_some_and(|ranges| !ranges.is_empty())
        })
        .await;
    // And watched by WebRTC, in the same page.
    let look = format!("const lasts = 30000, most = 20;\n{LOOK}");
    let (page, seen) = run(page, script("phone", "['video']", &look)).await;
    assert!(seen["moving"].as_u64() >= Some(5) && seen["frames"] == 20, "{seen}");
    drop(page);
    server.json_when(path, |camera| camera["state"] != "online").await;
    server.stop().await;
}

/// How old pictures are when they are seen, by the clock in them. Said, not judged: `make test`
/// has no machine of its own. Set `OMMA_AGE_SECONDS` and run it with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_old_pictures_are() {
    let wanted = std::env::var("OMMA_AGE_SECONDS").ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = wanted.unwrap_or(60);
    let server = Server::run(config(STREET)).await;
    server.json_when("/api/v1/cameras/street", |camera| camera["state"] == "online").await;
    for (way, player) in [
        ("WebRTC", format!("const camera = 'street', kinds = ['video'];\n{PLAYER}")),
        ("Media Source", include_str!("mse.js").to_owned()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let Some(page) = page(&server, dir.path()).await else { return };
        // The player stays while it is looked at again and again: a call has its time limit.
        let keep = format!("{player}\nwindow.video = video;");
        let (mut page, failed) = run(page, keep).await;
        assert!(failed.is_null(), "{failed}");
        for from in (0..seconds).step_by(30) {
            let look =
                format!("const video = window.video, lasts = 30000, most = Infinity;\n{LOOK}");
            let seen;
            (page, seen) = run(page, look).await;
            eprintln!("{way}, {from} s on: {seen}");
        }
    }
    server.stop().await;
}
