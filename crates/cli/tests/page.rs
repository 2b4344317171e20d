//! The portal and a live picture in a real browser: what people see, not what the server
//! believes to send. Its pages have tests of their own beside them, in `web/tests`.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::time::Duration;

use omma_testkit::{
    Browser, Omma, Page, SOON, Server, Shot, eventually, ffmpeg, get, gray_pictures, probe,
};

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

/// The portal at `address`, once a camera's picture moves on it, and the text that is there.
fn portal(server: &Server, address: &str, dir: &Path) -> Option<(Page, String)> {
    let browser = Browser::find()?;
    if server.get("/").text().contains("built without") {
        omma_testkit::skipped("no portal in this program: make build");
        return None;
    }
    let mut page = browser.open(address, dir);
    let tile = "[data-testid=\"video-front-door\"][data-state=\"playing\"]";
    let script = format!(
        "const tile = document.querySelector('{tile}');
         const away = document.querySelector('[data-testid=\"tile-gone\"]')?.innerText ?? '';
         return tile && away.includes('no such file') ? document.body.innerText : null"
    );
    let text = eventually("the portal shows what it should", SOON, || {
        let text = page.run(&script);
        text.as_str()
            .map(str::to_owned)
            .ok_or_else(|| page.run("return document.body.innerText").to_string())
    });
    Some((page, text))
}

/// How many levels of grey the camera's picture has on the page: an empty one has few.
const LEVELS: &str = "
    const tile = document.querySelector('[data-testid=\"video-front-door\"]');
    const media = 'video, img, canvas';
    const shown = tile.matches(media) ? tile : tile.querySelector(media);
    const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 90 });
    const context = canvas.getContext('2d');
    context.drawImage(shown, 0, 0, 160, 90);
    const { data } = context.getImageData(0, 0, 160, 90);
    const levels = new Set();
    for (let at = 0; at < data.length; at += 4)
        levels.add(Math.round((data[at] + data[at + 1] + data[at + 2]) / 3));
    return levels.size;";

/// What the page hears over a WebSocket of its own.
const HEARS: &str = "
    const socket = new WebSocket(`ws://${location.host}/api/v1/ws?kinds=event`);
    return await new Promise(done => {
        socket.onmessage = ({ data }) => done(JSON.parse(data).type);
        socket.onclose = () => done('closed');
        setTimeout(() => done('nothing'), 50_000);
    });";

#[test]
fn the_portal_shows_cameras_and_why_one_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let Some((_page, text)) = portal(&server, &server.address("/"), dir.path()) else { return };
    for words in ["front-door", "gone"] {
        assert!(text.contains(words), "`{words}` is not on the page: {text}");
    }
}

/// A browser that was told the token once sends it with everything that the page asks for.
#[test]
fn the_portal_works_with_a_token_as_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let auth = format!("auth: {{ tokens: [{{ name: b, token: {TOKEN}, scopes: [read] }}] }}\n");
    let server = server_with(dir.path(), &auth);
    // Without it there is nothing to see: the browser would ask its user.
    assert_eq!(get(server.port(), "/").unwrap().status, 401);
    let address = format!("http://me:{TOKEN}@127.0.0.1:{}/", server.port());
    let Some((mut page, _text)) = portal(&server, &address, dir.path()) else { return };
    eventually("a picture that is not empty", SOON, || match page.run(LEVELS).as_u64() {
        Some(levels) if levels > 60 => Ok(()),
        levels => Err(format!("{levels:?} levels of grey")),
    });
    assert_eq!(page.run(HEARS), "event");
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
