//! Footage as people and players get it from a running Omma: listed, as a file, by parts, as a
//! playlist, in a browser; and the clips and pictures of events.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use omma_testkit::{Browser, Omma, SOON, Server, eventually, ffmpeg, ffprobe, probe};
use serde_json::Value;

const CONFIG: &str = "version: 1
data_dir: store
http: { listen: '127.0.0.1:0' }
cameras:
  street:
    url: sim:street?people=10&cars=2&seed=3&size=640x360&fps=25
    detect: { model: motion, fps: 10 }
    lines:
      middle: { from: [0.5, 1.0], to: [0.5, 0.3] }
      west: { from: [0.3, 1.0], to: [0.3, 0.3] }
      east: { from: [0.7, 1.0], to: [0.7, 0.3] }
    record: { mode: always, segment: 4s, before: 2s, after: 3s }
  hall:
    url: clip.mp4
    loop: true
    record: { mode: always, segment: 2s }
  yard: { url: missing.mp4 }
";

fn server(dir: &Path) -> Server {
    ffmpeg(
        dir,
        "-f lavfi -i testsrc2=size=320x240:rate=25:duration=4 -f lavfi -i sine=duration=4 \
         -c:v libx264 -bf 0 -g 25 -pix_fmt yuv420p -c:a aac clip.mp4",
    );
    std::fs::write(dir.join("omma.yaml"), CONFIG).unwrap();
    Server::start(Omma::new(env!("CARGO_BIN_EXE_omma"), dir).args("run"), "omma")
}

/// Waits until a camera has so much footage without a gap, and gives beginning and end.
fn when_recorded(server: &Server, camera: &str, millis: i64) -> (i64, i64) {
    let path = format!("/api/v1/cameras/{camera}/recordings");
    eventually("footage", SOON, || {
        let list = server.json(&path);
        let ranges = list["ranges"].as_array().unwrap();
        let span = |range: &Value| {
            let (from, to) = (range["from_ms"].as_i64()?, range["to_ms"].as_i64()?);
            (to - from >= millis).then_some((from, to))
        };
        ranges.iter().find_map(span).ok_or_else(|| format!("{list:#}\n{}", server.log()))
    })
}

/// Asks as a player does: status, head and body.
fn ask(server: &Server, method: &str, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let host = format!("127.0.0.1:{}", server.port());
    write!(socket, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find(|line| line.starts_with(&format!("{name}:")));
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}

/// Times of the packets in milliseconds, in the order of decoding.
fn times(film: &Path, stream: &str) -> Vec<f64> {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-of", "csv=p=0"])
        .args(["-show_entries", "packet=pts_time"])
        .arg(film)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let time = |line: &str| line.trim_end_matches(',').parse::<f64>().ok();
    text.lines().filter_map(time).map(|time| time * 1000.0).collect()
}

#[test]
fn footage_with_sound_is_exported_over_the_borders_of_files() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let (start, end) = when_recorded(&server, "hall", 9000);
    let (from, to) = (start + 1500, end - 500);
    let path = format!("/api/v1/cameras/hall/recording.mp4?from={from}&to={to}");
    let (status, head, body) = ask(&server, "GET", &path, "");
    assert_eq!(status, 200, "{head}");
    assert_eq!(header(&head, "content-length"), body.len().to_string());
    assert_eq!(header(&head, "content-type"), "video/mp4");
    assert!(header(&head, "content-disposition").contains("filename=\"hall_20"), "{head}");
    let film = dir.path().join("export.mp4");
    std::fs::write(&film, &body).unwrap();

    let mut pictures = times(&film, "v:0");
    pictures.sort_by(f64::total_cmp);
    let zero: f64 = header(&head, "x-omma-time-ms").parse().unwrap();
    // A keyframe a second: it begins at most one before the time that was asked for.
    let first = zero + pictures[0];
    assert!(first <= from as f64 + 1.0 && first > from as f64 - 1001.0, "{first} for {from}");
    let last = zero + pictures.last().unwrap();
    assert!(last > to as f64 - 600.0 && last < to as f64 + 600.0, "{last} for {to}");
    for pair in pictures.windows(2) {
        let step = pair[1] - pair[0];
        assert!((30.0..=60.0).contains(&step), "{step} ms between two pictures of 25 a second");
    }
    let sound = times(&film, "a:0");
    for pair in sound.windows(2) {
        let step = pair[1] - pair[0];
        assert!(step > 0.0 && step < 60.0, "{step} ms between two frames of 23 ms of sound");
    }
    let length = pictures.last().unwrap() - pictures[0];
    let sound_length = sound.last().unwrap() - sound[0];
    assert!((length - sound_length).abs() < 500.0, "{length} of pictures, {sound_length} of sound");
    let tags = probe(&film, "format_tags").unwrap();
    assert!(tags.contains("T") && tags.contains("20"), "{tags}");
    ffmpeg(dir.path(), "-xerror -i export.mp4 -f null -");

    // The same by parts, and not of something else.
    let tag = header(&head, "etag").to_owned();
    let half = body.len() / 2;
    let (status, head, part) = ask(&server, "GET", &path, &format!("Range: bytes={half}-\r\n"));
    assert_eq!(status, 206);
    assert_eq!(
        header(&head, "content-range"),
        format!("bytes {half}-{}/{}", body.len() - 1, body.len())
    );
    assert!(part == body[half..], "the second half differs");
    let same = format!("Range: bytes=0-9\r\nIf-Range: {tag}\r\n");
    assert_eq!(ask(&server, "GET", &path, &same).0, 206);
    let other = "Range: bytes=0-9\r\nIf-Range: \"other\"\r\n";
    assert_eq!(ask(&server, "GET", &path, other).0, 200);
    let (status, head, _) = ask(&server, "GET", &path, "Range: bytes=999999999-\r\n");
    assert_eq!(
        (status, header(&head, "content-range")),
        (416, &*format!("bytes */{}", body.len()))
    );
    let (status, head, none) = ask(&server, "HEAD", &path, "");
    assert_eq!((status, none.len()), (200, 0));
    assert_eq!(header(&head, "content-length"), body.len().to_string());
}

#[test]
fn a_playlist_of_a_running_camera_plays_and_bad_questions_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let (start, end) = when_recorded(&server, "hall", 9000);
    let path = format!("/api/v1/cameras/hall/recording.m3u8?from={start}&to={end}");
    let answer = server.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    assert!(!text.contains("#EXT-X-DISCONTINUITY"), "no gap, no seam: {text}");
    let address = server.address(&path);
    ffmpeg(dir.path(), &format!("-xerror -i {address} -c copy list.mp4"));
    let film = ffprobe(&dir.path().join("list.mp4"));
    assert!(film.seconds > 8.0, "{film:?}\n{text}");
    let expected = film.seconds * 25.0;
    assert!((film.pictures as f64 - expected).abs() < 15.0, "{film:?}\n{text}");

    for (path, status, part) in [
        ("/api/v1/cameras/nobody/recordings", 404, "hall, street"),
        ("/api/v1/cameras/a%20b/recordings", 404, "hall, street"),
        ("/api/v1/cameras/hall/recordings?from=soon", 400, "RFC 3339"),
        ("/api/v1/cameras/hall/recording.mp4", 400, "from"),
        ("/api/v1/cameras/hall/recording.mp4?from=5&to=5", 400, "longer"),
        ("/api/v1/cameras/hall/recording.mp4?from=5&to=6", 404, "the oldest begins at 20"),
        ("/api/v1/cameras/yard/recording.mp4?from=5&to=6", 404, "at all"),
        ("/api/v1/cameras/hall/recording.m3u8?from=5&to=6", 404, "the oldest begins at 20"),
        ("/api/v1/cameras/hall/recordings/99999.mp4", 404, "no recorded file"),
        ("/api/v1/cameras/hall/recordings/..%2Fomma.db", 404, "no recorded file"),
        ("/api/v1/cameras/hall/recordings/1_x.mp4", 404, "no recorded file"),
        ("/api/v1/cameras/hall/history.jpg", 400, "at"),
        ("/api/v1/cameras/hall/history.jpg?at=5", 404, "it holds 20"),
        ("/api/v1/cameras/yard/history.jpg?at=5", 404, "it holds nothing"),
        ("/api/v1/events/01KB0V3G7ZJ6QW8N4M2X5T9RCD/clip.mp4", 404, "no event"),
        ("/api/v1/events/nothing/snapshot.jpg", 400, "ULID"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(part), "{path}: {}", answer.text());
    }

    let history = server.json("/api/v1/cameras/hall/history");
    let (from, to) = (history["from_ms"].as_i64().unwrap(), history["to_ms"].as_i64().unwrap());
    assert!(to - from > 1000 && history["keyframes"].as_u64() > Some(0), "{history:#}");
    let at = to - 500;
    let (status, head, body) =
        ask(&server, "GET", &format!("/api/v1/cameras/hall/history.jpg?at={at}&width=160"), "");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let taken: i64 = header(&head, "x-omma-time-ms").parse().unwrap();
    assert!(taken >= at && taken <= at + 60, "{taken} for {at}");
    let picture = dir.path().join("past.jpg");
    std::fs::write(&picture, body).unwrap();
    assert_eq!(probe(&picture, "stream=width,height").unwrap(), "160,120");
}

#[test]
fn events_have_pictures_and_clips() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let crossings = "/api/v1/events?cameras=street&kinds=line_crossed&order=oldest";
    let event = eventually("an event with picture and clip", SOON, || {
        let page = server.json(crossings);
        let events = page["events"].as_array().unwrap();
        let whole = events.iter().find(|e| e["snapshot"].is_string() && e["clip"].is_string());
        whole.cloned().ok_or_else(|| format!("{page:#}\n{}", server.log()))
    });
    let picture = server.get(event["snapshot"].as_str().unwrap());
    assert_eq!(picture.status, 200, "{}", picture.text());
    let file = dir.path().join("best.jpg");
    std::fs::write(&file, picture.body).unwrap();
    assert_eq!(probe(&file, "stream=width,height").unwrap(), "640,360");
    if let Some(keep) = std::env::var_os("OMMA_KEEP_SHOTS") {
        std::fs::copy(&file, Path::new(&keep).join("best.jpg")).unwrap();
    }
    let happened = event["time_ms"].as_i64().unwrap();
    let clip = eventually("a clip that reaches beyond its event", SOON, || {
        let (status, head, body) = ask(&server, "GET", event["clip"].as_str().unwrap(), "");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let start: i64 = header(&head, "x-omma-time-ms").parse().unwrap();
        let file = dir.path().join("clip-of-event.mp4");
        std::fs::write(&file, body).unwrap();
        let film = ffprobe(&file);
        let end = start + (film.seconds * 1000.0) as i64;
        if end >= happened + 2400 { Ok((start, end)) } else { Err(format!("{film:?}")) }
    });
    assert!(clip.0 <= happened && clip.0 > happened - 6000, "{clip:?} around {happened}");
    assert!(clip.1 < happened + 5000, "{clip:?} around {happened}");
    let one = server.json(&format!("/api/v1/events/{}", event["id"].as_str().unwrap()));
    assert_eq!(one["clip"], event["clip"]);
    assert!(server.metric("omma_snapshots_total{camera=\"street\"}").unwrap() >= 1.0);
    let state = server.json("/api/v1/events?kinds=camera_state");
    assert!(state["events"][0].get("snapshot").is_none(), "{state:#}");
}

#[test]
fn footage_plays_in_a_browser() {
    let Some(browser) = Browser::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let (start, end) = when_recorded(&server, "hall", 9000);
    let film = server.address(&format!("/api/v1/cameras/hall/recording.mp4?from={start}&to={end}"));
    // A picture that never comes keeps the page from being looked at too early.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endless = format!("http://{}/", silent.local_addr().unwrap());
    let page = format!(
        "<!doctype html><img src='{endless}'><video id=v muted autoplay src='{film}'></video><pre id=p></pre>
         <script>
         const tell = () => {{
           p.textContent = [v.videoWidth, v.videoHeight, v.currentTime > 1.5, v.duration > 8,
             v.error ? v.error.message : 'fine', v.webkitAudioDecodedByteCount > 0].join(' ');
           document.title = v.currentTime;
         }};
         setInterval(tell, 50);
         </script>"
    );
    let path = dir.path().join("player.html");
    std::fs::write(&path, page).unwrap();
    let address = format!("file://{}", path.display());
    let shot = browser.watch(&address, dir.path(), Duration::from_secs(12));
    assert!(shot.dom.contains("320 240 true true fine true"), "{}", shot.dom);
}
