//! The status page and a live picture in a real browser: what people see, not what the server
//! believes to send.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::time::Duration;

use omma_testkit::{Browser, Omma, Server, Shot, ffmpeg, get, gray_pictures, probe};

const CONFIG: &str = "version: 1
data_dir: store
http: { listen: '127.0.0.1:0' }
cameras:
  front-door:
    url: sim:street?people=8&cars=2&seed=5&size=640x360
    detect: { model: motion, fps: 10 }
    lines:
      pavement: { from: [0.5, 1.0], to: [0.5, 0.3] }
  gone: { url: missing.mp4 }
";

const TOKEN: &str = "a-token-for-the-browser";

fn server(dir: &Path) -> Server {
    server_with(dir, "")
}

/// `more` is added to the configuration.
fn server_with(dir: &Path, more: &str) -> Server {
    std::fs::write(dir.join("omma.yaml"), format!("{CONFIG}{more}")).unwrap();
    let omma = Omma::new(env!("CARGO_BIN_EXE_omma"), dir).args("run");
    let server = Server::start(omma, "omma").with_token(TOKEN);
    server.when_camera("front-door", |c| c["frames"]["analysed"].as_u64() > Some(20));
    server.when_camera("gone", |camera| camera["state"] == "offline");
    server
}

/// How many different levels of grey are in a part of the picture: an empty one has few.
fn levels(shot: &Shot, crop: &str) -> usize {
    let part = shot.picture.with_file_name("part.png");
    let dir = shot.picture.parent().unwrap();
    ffmpeg(dir, &format!("-i shot.png -vf crop={crop} -update 1 part.png"));
    let size = probe(&part, "stream=width,height").unwrap();
    let (width, height) = size.split_once(',').unwrap();
    let size = (width.parse().unwrap(), height.parse().unwrap());
    let picture = gray_pictures(&part, "null", size).remove(0);
    let mut seen = [0usize; 256];
    for luma in picture {
        seen[usize::from(luma)] += 1;
    }
    seen.iter().filter(|count| **count > 20).count()
}

#[test]
fn the_status_page_shows_cameras_and_why_one_is_away() {
    let Some(browser) = Browser::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let shot = browser.look(&server.address("/"), dir.path(), Duration::from_secs(5));
    for words in ["front-door", "pavement", "online", "gone", "offline", "no such file"] {
        assert!(shot.dom.contains(words), "`{words}` is not on the page: {}", shot.dom);
    }
    if let Some(keep) = std::env::var_os("OMMA_KEEP_SHOTS") {
        std::fs::copy(&shot.picture, Path::new(&keep).join("page.png")).unwrap();
    }
    assert!(levels(&shot, "iw:ih/2:0:0") > 60, "the page is empty: no live picture on it");
}

/// A browser that was told the token once sends it with everything that the page asks for.
#[test]
fn the_status_page_works_with_a_token_as_the_password() {
    let Some(browser) = Browser::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    let auth = format!("auth: {{ tokens: [{{ name: b, token: {TOKEN}, scopes: [read] }}] }}\n");
    let server = server_with(dir.path(), &auth);
    let address = format!("http://me:{TOKEN}@127.0.0.1:{}/", server.port());
    let shot = browser.look(&address, dir.path(), Duration::from_secs(5));
    for words in ["front-door", "online", "no such file"] {
        assert!(shot.dom.contains(words), "`{words}` is not on the page: {}", shot.dom);
    }
    // Events come by WebSocket alone.
    assert!(shot.dom.contains("<div class=\"where\">gone</div>"), "no events: {}", shot.dom);
    assert!(levels(&shot, "iw:ih/2:0:0") > 60, "the page is empty: no live picture on it");
    // Without it there is nothing to see: the browser would ask its user.
    assert_eq!(get(server.port(), "/").unwrap().status, 401);
}

#[test]
fn live_pictures_are_shown_by_a_browser() {
    let Some(browser) = Browser::find() else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let address = server.address("/cameras/front-door/live.mjpg");
    let shot = browser.watch(&address, dir.path(), Duration::from_secs(3));
    assert!(levels(&shot, "iw/2:ih/3:iw/4:ih/3") > 60, "the picture is empty");
    if let Some(keep) = std::env::var_os("OMMA_KEEP_SHOTS") {
        std::fs::copy(&shot.picture, Path::new(&keep).join("live.png")).unwrap();
    }
}
