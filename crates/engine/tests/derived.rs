//! Cameras that are made from another one: what is to be hidden is in no picture of them, and
//! they cost nothing while nobody looks.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use omma_engine::config::Rate;
use omma_engine::{
    CameraState, CameraStatus, Config, Engine, Handle, Message, Models, Parcel, Preroll,
    ViewOptions, Waited,
};
use omma_infer::Registry;
use omma_media::{Decoder, DecoderOptions, Picture, Source, SourceSpec, Stop};
use omma_store::{SegmentQuery, Store};
use omma_testkit::{SOON, data, eventually, ffmpeg, ffprobe, ort_library};
use omma_track::mot;
use omma_types::{Analysis, CameraId, Rect, Size};
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
            let libraries = ort_library().and_then(|file| Some(file.parent()?.to_owned()));
            let registry = Registry::new(None, &[]).unwrap();
            let models = Models::new(registry, libraries.into_iter().collect());
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

/// 60 s of grey, in which a box with fine stripes walks to and fro from the third second on.
fn walk(dir: &Path) {
    ffmpeg(
        dir,
        "-f lavfi -i color=gray:size=320x240:rate=15:duration=60 \
         -f lavfi -i nullsrc=size=40x80:rate=15:duration=60,geq=lum=if(mod(X\\,2)\\,235\\,100):cb=128:cr=128 \
         -filter_complex [0][1]overlay=x=if(gt(t\\,2)\\,140-200*cos((t-2)*1.2)\\,-100):y=100 \
         -c:v libx264 -preset ultrafast -crf 15 -g 15 -bf 0 -pix_fmt yuv420p walk.mp4",
    );
}

/// What a picture shows.
#[derive(Debug, Default, Clone, Copy)]
struct Sights {
    /// Samples in fine stripes: what must not be seen.
    striped: usize,
    /// Samples of the background.
    grey: usize,
    /// Samples that are black.
    black: usize,
    /// Samples that are neither.
    other: usize,
}

fn sights(picture: &Picture) -> Sights {
    let (view, mut sights) = (picture.view(), Sights::default());
    for y in 0..view.size().height as usize {
        let row = view.y.row(y);
        for &sample in row {
            match sample {
                ..40 => sights.black += 1,
                118..134 => sights.grey += 1,
                _ => sights.other += 1,
            }
        }
        // The edge of a black area on grey is at 110.
        let is_striped = |three: &&[u8]| match three {
            [a, b, c] => (i32::from(*a) - 2 * i32::from(*b) + i32::from(*c)).abs() > 140,
            _ => false,
        };
        sights.striped += row.windows(3).filter(is_striped).count();
    }
    sights
}

fn hall(dir: &Path, more: &str) -> String {
    format!(
        "  hall: {{ url: {}/walk.mp4, loop: true, detect: {{ model: motion, fps: 15 }} }}\n{more}",
        dir.display()
    )
}

#[test]
fn who_walks_is_seen_in_no_picture_of_any_style() {
    let dir = tempfile::tempdir().unwrap();
    walk(dir.path());
    let safe = |style: &str| {
        format!(
            "  {style}: {{ url: 'redacted:hall', redact: {{ style: {style}, hold: 500ms }} }}\n"
        )
    };
    let cameras = hall(dir.path(), &["black", "blur", "pixelate"].map(safe).concat());
    let site = Site::start(dir.path(), &cameras);
    let mut plain = 0;
    site.watch("hall", |picture| {
        plain = plain.max(sights(picture).striped);
        plain > 1000
    });
    for style in ["black", "blur", "pixelate"] {
        let mut hidden = 0;
        site.watch(style, |picture| {
            let sights = sights(picture);
            assert!(sights.striped < 5, "{style} {:?} {sights:?}", picture.stamp());
            let covered = if style == "black" { sights.black } else { sights.other };
            hidden += usize::from(covered > 500 && sights.grey > 10_000);
            hidden >= 30
        });
    }
    site.stop();
}

#[test]
fn a_detector_that_never_looks_lets_nothing_be_seen() {
    let dir = tempfile::tempdir().unwrap();
    walk(dir.path());
    let cameras = format!(
        "  hall: {{ url: {}/walk.mp4, loop: true, detect: {{ model: lost }} }}\n  \
         safe: {{ url: 'redacted:hall' }}\nmodels: {{ lost: {{ file: /nowhere/lost.onnx }} }}\n",
        dir.path().display()
    );
    let site = Site::start(dir.path(), &cameras);
    let status = site.when("safe", "the reason", |status| !status.reason.is_empty());
    assert!(status.reason.contains("all of the picture is hidden: camera `hall`"), "{status:?}");
    let mut pictures = 0;
    site.watch("safe", |picture| {
        let sights = sights(picture);
        assert_eq!(sights.black, 320 * 240, "{:?} {sights:?}", picture.stamp());
        pictures += 1;
        pictures >= 20
    });
    site.stop();
}

#[test]
fn what_is_recorded_is_redacted_and_plays() {
    let dir = tempfile::tempdir().unwrap();
    walk(dir.path());
    let safe = "  safe:\n    url: redacted:hall\n    redact: { hold: 300ms }\n    \
                record: { mode: always, segment: 2s }\n";
    let site = Site::start(dir.path(), &hall(dir.path(), safe));
    let row = eventually("three recorded files", SOON, || {
        let rows = site.runtime.block_on(site.handle.store().segments(&SegmentQuery::default()));
        let rows = rows.unwrap();
        let done: Vec<_> = rows.iter().filter(|row| row.complete).collect();
        assert!(rows.iter().all(|row| row.camera == id("safe")));
        done.get(2).map(|row| (*row).clone()).ok_or_else(|| format!("{rows:#?}"))
    });
    let path = site.handle.recordings().file(&row).unwrap();
    let film = ffprobe(&path);
    assert!((1.5..3.5).contains(&film.seconds) && film.pictures > 20, "{film:?}");
    let mut source = Source::open(&SourceSpec::file(&path).paced(false), &Stop::new()).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let mut pictures = Vec::new();
    while let Some(packet) = source.read().unwrap() {
        decoder.send(&packet).unwrap();
        while let Some(picture) = decoder.receive().unwrap() {
            pictures.push(sights(&picture));
        }
    }
    assert!(pictures.len() > 20);
    assert!(pictures.iter().all(|sights| sights.striped < 5), "{pictures:?}");
    assert!(pictures.iter().any(|sights| sights.black > 500 && sights.grey > 10_000));
    site.stop();
}

#[test]
fn nothing_is_decoded_for_whom_nobody_watches() {
    let dir = tempfile::tempdir().unwrap();
    walk(dir.path());
    let cameras = format!(
        "  hall: {{ url: {}/walk.mp4, loop: true }}\n  shown: {{ url: 'annotated:hall' }}\n",
        dir.path().display()
    );
    let site = Site::start(dir.path(), &cameras);
    site.when("shown", "it is online", |status| status.state == CameraState::Online);
    site.when("hall", "packets come", |status| status.frames.received > 30);
    let idle = |name: &str| {
        let status = site.status(name);
        (status.decoding, status.frames.decoded)
    };
    assert_eq!((idle("hall"), idle("shown")), ((false, 0), (false, 0)));
    assert_eq!(site.status("shown").frames.received, 0);

    let mut feed = site.handle.packets(&id("shown"), Preroll::Group).unwrap();
    let mut packets = 0;
    while packets < 20 {
        match feed.wait(SOON) {
            Waited::Got(Parcel::Stream(info)) => assert_eq!(info.codec, "h264"),
            Waited::Got(Parcel::Packet(packet)) => {
                assert!(packets > 0 || packet.keyframe, "it begins with a keyframe");
                packets += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(site.status("hall").decoding, "for the derived camera");
    assert_eq!(idle("shown"), (false, 0), "whoever takes packets needs no pictures");
    drop(feed);
    site.when("hall", "it rests again", |status| !status.decoding);
    let shown = id("shown");
    let snapshot = site.handle.snapshot(&shown, ViewOptions::default());
    assert!(site.runtime.block_on(snapshot).unwrap().bytes.len() > 1000);
    site.stop();
}

#[test]
fn it_goes_and_comes_with_the_camera_it_is_made_from() {
    let dir = tempfile::tempdir().unwrap();
    walk(dir.path());
    let safe = "  safe: { url: 'redacted:hall', redact: { hold: 300ms } }\n";
    let site = Site::start(dir.path(), &hall(dir.path(), safe));
    let online = |status: &CameraStatus| status.state == CameraState::Online;
    let pause = |paused| {
        site.runtime.block_on(site.handle.pause_camera(&id("hall"), paused)).unwrap();
    };
    site.when("safe", "it is online", online);
    pause(true);
    let away = site.when("safe", "it is away", |status| !online(status));
    assert_eq!(
        (away.state, away.reason.as_str()),
        (CameraState::Offline, "camera `hall` is paused")
    );
    pause(false);
    site.when("safe", "it is back", online);
    let mut pictures = 0;
    site.watch("safe", |_| {
        pictures += 1;
        pictures >= 20
    });
    site.runtime.block_on(site.handle.remove_camera(&id("hall"))).unwrap();
    let away = site.when("safe", "it is away", |status| !online(status));
    assert_eq!(away.reason, "there is no camera `hall`");
    // Without a detector there is nothing to hide by.
    let settings = format!(r#"{{"url": "{}/walk.mp4", "loop": true}}"#, dir.path().display());
    site.runtime.block_on(site.handle.add_camera(&id("hall"), &settings)).unwrap();
    let failed = site.when("safe", "it cannot be made", |s| s.state == CameraState::Failed);
    assert!(failed.reason.contains("`hall` has no `detect`"), "{failed:?}");
    let other = id("other");
    let refused = site.handle.add_camera(&other, r#"{"url": "redacted:hal"}"#);
    let refused = site.runtime.block_on(refused).unwrap_err().to_string();
    assert!(refused.contains("no camera is called `hal`"), "{refused}");
    site.stop();
}

// --- real people

const PETS_SIZE: Size = Size::new(768, 576);
const PETS_FPS: f64 = 7.0;
const HOLD: f64 = 0.5;
/// Detections below are not hidden.
const HIDDEN_FROM: f32 = 0.3;

/// Frame, from 1, of a time in the film.
fn frame_at(secs: f64) -> u32 {
    (secs * PETS_FPS).round() as u32 + 1
}

/// The part of `area` (pixels) that is not black.
fn shown(picture: &Picture, area: Rect) -> f64 {
    let view = picture.view();
    let inside = area.clipped_to(&Rect::new(0.0, 0.0, 768.0, 576.0));
    let (mut all, mut plain) = (0, 0);
    for y in inside.top as usize..inside.bottom() as usize {
        for &sample in &view.y.row(y)[inside.left as usize..inside.right() as usize] {
            all += 1;
            plain += usize::from(sample > 32);
        }
    }
    f64::from(plain as u32) / f64::from(all.max(1) as u32)
}

/// Whether the detector found the person `id` in a picture near the one at `secs`.
fn was_found(analyses: &[Arc<Analysis>], truth: &[mot::Row], id: i64, secs: f64) -> bool {
    analyses.iter().any(|analysis| {
        let then = analysis.frame.media.as_secs_f64();
        let there = truth.iter().find(|row| row.id == id && row.frame == frame_at(then));
        let is_there =
            |rect: &Rect| there.is_some_and(|row| row.rect().iou(&rect.to_pixels(PETS_SIZE)) > 0.5);
        let found = analysis
            .detections
            .iter()
            .any(|d| d.score >= HIDDEN_FROM && d.class.as_str() == "person" && is_there(&d.rect));
        (then - secs).abs() <= HOLD && found
    })
}

#[test]
fn real_people_that_were_found_are_hidden() {
    let Some(data) = data() else { return };
    if ort_library().is_none() {
        return;
    }
    let text = std::fs::read_to_string(data.mot("PETS09-S2L1", "gt.txt")).unwrap();
    let truth = mot::parse_truth(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cameras = format!(
        "  yard: {{ url: {}, detect: {{ model: people, fps: 5 }} }}\n  \
         safe: {{ url: 'redacted:yard', redact: {{ classes: [person], hold: 500ms }} }}\n\
         models: {{ people: {{ file: {}, classes: [person] }} }}\n",
        data.clip("PETS09-S2L1.mp4").display(),
        data.model("yolox_nano.onnx").display()
    );
    let site = Site::start(dir.path(), &cameras);
    let mut messages = site.handle.subscribe();
    let (mut analyses, mut pictures) = (Vec::new(), Vec::new());
    site.watch("safe", |picture| {
        while let Ok(message) = messages.try_recv() {
            if let Message::Analysis(analysis) = message {
                analyses.push(analysis);
            }
        }
        let is_some_shown = shown(picture, Rect::new(0.0, 0.0, 768.0, 576.0)) > 0.3;
        pictures.extend(is_some_shown.then(|| picture.clone()));
        pictures.len() >= 60
    });
    let (mut people, mut worst, mut sum) = (0, 0.0f64, 0.0);
    for picture in &pictures {
        let secs = picture.stamp().media.as_secs_f64();
        for row in truth.iter().filter(|row| row.frame == frame_at(secs)) {
            if was_found(&analyses, &truth, row.id, secs) {
                let part = shown(picture, row.rect());
                people += 1;
                sum += part;
                worst = worst.max(part);
            }
        }
    }
    assert!(people > 100, "{people}");
    let mean = sum / f64::from(people);
    assert!(mean < 0.01 && worst < 0.15, "{people} people, {mean:.4} mean, {worst:.3} worst");
    site.stop();
}
