//! Cameras that are made from another one: what is to be hidden is in no picture of them, and
//! they cost nothing while nobody looks.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::time::{Duration, Instant};

use omma_engine::config::Rate;
use omma_engine::{CameraState, CameraStatus, Config, Engine, Handle, Models, ViewOptions};
use omma_infer::Registry;
use omma_media::Picture;
use omma_store::{SegmentQuery, Store};
use omma_testkit::{SOON, eventually, ffmpeg, ffprobe};
use omma_types::CameraId;
use tokio::runtime::Runtime;

struct Site {
    runtime: Runtime,
    engine: Option<Engine>,
    handle: Handle,
}

fn config(dir: &Path, cameras: &str) -> Config {
    let text = format!(
        "version: 1\ndata_dir: {0}\nrecordings: {{ dir: {0}/recordings, min_free: 1MB }}\n\
         cameras:\n{cameras}",
        dir.display()
    );
    Config::from_yaml(&text, "omma.yaml", &|_| None).unwrap()
}

fn id(name: &str) -> CameraId {
    CameraId::new(name).unwrap()
}

impl Site {
    fn start(dir: &Path, cameras: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let config = config(dir, cameras);
        let engine = runtime.block_on(async {
            let store = Store::open(dir.join("omma.db")).await.unwrap();
            let models = Models::new(Registry::new(None, &[]).unwrap(), Vec::new());
            Engine::start(config, store, models).await.unwrap()
        });
        let handle = engine.handle();
        Self { runtime, engine: Some(engine), handle }
    }

    fn status(&self, name: &str) -> CameraStatus {
        self.handle.camera(&id(name)).unwrap()
    }

    fn when(&self, name: &str, what: &str, wanted: impl Fn(&CameraStatus) -> bool) -> CameraStatus {
        eventually(what, SOON, || {
            let status = self.status(name);
            if wanted(&status) { Ok(status) } else { Err(format!("{status:#?}")) }
        })
    }

    /// Pictures of a camera until `done` says so.
    fn watch(&self, name: &str, mut done: impl FnMut(&Picture) -> bool) {
        let mut feed = self.handle.pictures(&id(name), Rate::All).unwrap();
        let deadline = Instant::now() + SOON;
        self.runtime.block_on(async {
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let next = tokio::time::timeout(left, feed.next()).await;
                let picture = next.expect("enough pictures in time").expect("the camera stays");
                if done(&picture) {
                    break;
                }
            }
        });
    }

    fn stop(mut self) {
        if let Some(engine) = self.engine.take() {
            self.runtime.block_on(engine.stop());
        }
    }
}

/// 60 s of grey, in which a white box walks to and fro from the third second on.
fn walk(dir: &Path) {
    ffmpeg(
        dir,
        "-f lavfi -i color=gray:size=320x240:rate=15:duration=60 \
         -f lavfi -i color=white:size=40x80:rate=15:duration=60 \
         -filter_complex [0][1]overlay=x=if(gt(t\\,2)\\,140-200*cos((t-2)*1.2)\\,-100):y=100 \
         -c:v libx264 -preset ultrafast -g 15 -bf 0 -pix_fmt yuv420p walk.mp4",
    );
}

/// Samples that are white, grey and black.
#[derive(Debug, Default, Clone, Copy)]
struct Shades {
    white: usize,
    grey: usize,
    black: usize,
}

fn shades(picture: &Picture) -> Shades {
    let (view, mut shades) = (picture.view(), Shades::default());
    for y in 0..view.size().height as usize {
        for &sample in view.y.row(y) {
            match sample {
                ..40 => shades.black += 1,
                110..150 => shades.grey += 1,
                180.. => shades.white += 1,
                _ => {}
            }
        }
    }
    shades
}

fn hall(dir: &Path, redact: &str) -> String {
    format!(
        "  hall: {{ url: {}/walk.mp4, detect: {{ model: motion, fps: 15 }} }}\n  \
         safe:\n    url: redacted:hall\n    redact: {redact}\n",
        dir.display()
    )
}

#[test]
fn who_walks_is_seen_in_no_picture() {
    let dir = tempfile::tempdir().unwrap();
    walk(dir.path());
    let cameras = hall(dir.path(), "{ style: black, hold: 1s }");
    let site = Site::start(dir.path(), &cameras);
    let (mut pictures, mut with_box) = (0, 0);
    site.watch("safe", |picture| {
        let shades = shades(picture);
        assert!(shades.white < 8, "{:?} {shades:?}", picture.stamp());
        pictures += 1;
        with_box += usize::from(shades.black > 1000 && shades.grey > 10_000);
        with_box >= 60
    });
    assert!(pictures >= 60);
    site.stop();
}
