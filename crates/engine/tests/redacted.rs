//! Footage that is given away with people hidden: real people, found by a real model, against
//! where they really were.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]
#![allow(clippy::print_stderr, reason = "says what was measured")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use omma_engine::{Config, Engine, Footage, Handle, Models, RedactionError};
use omma_infer::Registry;
use omma_media::{Decoder, DecoderOptions, Picture, Source, SourceSpec, Stop};
use omma_store::{NewSegment, Store};
use omma_testkit::{data, ffmpeg, ffprobe, ort_library, probe};
use omma_track::mot;
use omma_types::{CameraId, Rect, WallTime};

/// 2026-11-20T00:00:00Z.
const MIDNIGHT: i64 = 1_795_132_800_000;

struct Site {
    engine: Engine,
    handle: Handle,
    dir: tempfile::TempDir,
}

fn at(millis: i64) -> WallTime {
    WallTime::from_millis(MIDNIGHT + millis)
}

fn yard() -> CameraId {
    CameraId::new("yard").unwrap()
}

impl Site {
    /// An engine with one camera that rests, `model` (a file) for its detector.
    async fn start(model: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "version: 1\ndata_dir: {0}\nrecordings: {{ dir: {0}/recordings, min_free: 1MB }}\n\
             cameras:\n  yard: {{ url: none.mp4, paused: true, detect: {{ model: people }} }}\n\
             models: {{ people: {{ file: {1} }} }}\n",
            dir.path().display(),
            model.display()
        );
        let config = Config::from_yaml(&text, "omma.yaml", &|_| None).unwrap();
        let libraries = ort_library().and_then(|file| Some(file.parent()?.to_owned()));
        let registry = Registry::new(None, &[]).unwrap();
        let models = Models::new(registry, libraries.into_iter().collect());
        let engine =
            Engine::start(config, Store::in_memory().await.unwrap(), models).await.unwrap();
        let handle = engine.handle();
        Self { engine, handle, dir }
    }

    /// Puts what `ffmpeg` makes of `input` into the recordings, as `millis` from midnight on.
    async fn record(&self, input: &str, millis: i64) {
        let folder = self.handle.recordings().folder().join("yard");
        std::fs::create_dir_all(&folder).unwrap();
        let flags = "-movflags frag_keyframe+empty_moov+default_base_moof+skip_trailer";
        ffmpeg(&folder, &format!("{input} {flags} one.mp4"));
        let segment = NewSegment {
            camera: yard(),
            path: "yard/one.mp4".to_owned(),
            start: at(0),
            end: at(millis),
            bytes: std::fs::metadata(folder.join("one.mp4")).unwrap().len(),
            stream: "one".to_owned(),
            follows: false,
            complete: true,
        };
        self.handle.store().add_segment(&segment).await.unwrap();
    }

    async fn footage(&self, from: i64, to: i64) -> Footage {
        self.handle.recordings().export(&yard(), at(from), at(to)).await.unwrap()
    }

    /// The film as a file.
    async fn film(&self, footage: Footage) -> PathBuf {
        let mut film = self.handle.redact(footage).await.unwrap();
        assert!(film.file_name().ends_with("_redacted.mp4"), "{}", film.file_name());
        let mut bytes = Vec::new();
        while let Some(piece) = film.next().await {
            bytes.extend(piece.unwrap());
        }
        let path = self.dir.path().join("film.mp4");
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn pictures(path: &Path) -> Vec<Picture> {
    let mut source = Source::open(&SourceSpec::file(path).paced(false), &Stop::new()).unwrap();
    let mut decoder = Decoder::new(source.info(), DecoderOptions::default()).unwrap();
    let mut pictures = Vec::new();
    loop {
        let packet = source.read().unwrap();
        match &packet {
            Some(packet) => decoder.send(packet).unwrap(),
            None => decoder.flush().unwrap(),
        }
        while let Some(picture) = decoder.receive().unwrap() {
            pictures.push(picture);
        }
        if packet.is_none() {
            return pictures;
        }
    }
}

/// The part of `area` (pixels) that is not black.
fn shown(picture: &Picture, area: Rect) -> f64 {
    let view = picture.view();
    let size = view.size();
    let inside = area.clipped_to(&Rect::new(0.0, 0.0, size.width as f32, size.height as f32));
    let (mut all, mut plain) = (0u32, 0u32);
    for y in inside.top as usize..inside.bottom() as usize {
        for &sample in &view.y.row(y)[inside.left as usize..inside.right() as usize] {
            all += 1;
            plain += u32::from(sample > 32);
        }
    }
    f64::from(plain) / f64::from(all.max(1))
}

const PETS_FPS: f64 = 7.0;

/// Somebody of whose box more than this is not black can be seen.
const SEEN: f64 = 0.5;

#[tokio::test(flavor = "multi_thread")]
async fn hardly_anybody_who_is_there_is_seen_in_the_film() {
    let Some(data) = data() else { return };
    let site = Site::start(&data.model("yolox_nano.onnx")).await;
    let clip = data.clip("PETS09-S2L1.mp4");
    site.record(&format!("-i {} -c copy", clip.display()), 113_600).await;
    // All of it takes minutes on a busy machine; over all of it nobody at all was to be seen.
    let footage = site.footage(0, 60_000).await;
    let path = site.film(footage).await;
    assert_eq!(probe(&path, "stream=codec_name").unwrap(), "h264");
    let pictures = pictures(&path);
    assert!(pictures.len() >= 420, "every picture is in it: {}", pictures.len());

    let text = std::fs::read_to_string(data.mot("PETS09-S2L1", "gt.txt")).unwrap();
    let truth = mot::parse_truth(&text).unwrap();
    let (mut people, mut seen, mut bared, mut open) = (0u32, 0u32, 0.0, 0.0);
    let whole = Rect::new(0.0, 0.0, 768.0, 576.0);
    for picture in &pictures {
        let secs = picture.stamp().media.as_secs_f64();
        let frame = (secs * PETS_FPS).round() as u32 + 1;
        open += shown(picture, whole);
        for row in truth.iter().filter(|row| row.frame == frame) {
            let part = shown(picture, row.rect());
            people += 1;
            bared += part;
            seen += u32::from(part > SEEN);
        }
    }
    let (of_seen, mean) = (f64::from(seen) / f64::from(people), bared / f64::from(people));
    let open = open / pictures.len() as f64;
    eprintln!(
        "{people} people, {seen} of them to be seen ({:.2} %), {:.2} % of their boxes bare, \
         {:.0} % of the pictures left",
        of_seen * 100.0,
        mean * 100.0,
        open * 100.0
    );
    assert!(people > 1500, "{people}");
    assert!(of_seen < 0.005 && mean < 0.02, "{of_seen} seen, {mean} bare");
    assert!(open > 0.4, "the rest of the picture stays: {open}");
    site.engine.stop().await;
}

/// 16 s, ten pictures a second, with a tone.
const TEST_PICTURE: &str = "-f lavfi -i testsrc2=size=160x120:rate=10:duration=16 \
    -f lavfi -i sine=duration=16 -c:v libx264 -bf 2 -g 20 -c:a aac";

#[tokio::test(flavor = "multi_thread")]
async fn pictures_keep_their_times_and_sound_stays_away() {
    let Some(data) = data() else { return };
    let site = Site::start(&data.model("nanodet_m_416.onnx")).await;
    site.record(TEST_PICTURE, 16_000).await;
    let footage = site.footage(5_000, 9_000).await;
    let start = footage.start();
    let plain = footage.clone();
    let path = site.film(footage).await;
    assert_eq!(start, plain.start());
    let film = ffprobe(&path);
    // From the keyframe at 4 s to the end of the group that holds 9 s.
    assert!(film.pictures >= 50 && (film.width, film.height) == (160, 120), "{film:?}");
    assert!((film.seconds - film.pictures as f64 / 10.0).abs() < 0.11, "{film:?}");
    let streams = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(streams.stdout).unwrap().trim(), "video");
    site.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_are_made_and_one_that_nobody_takes_makes_room() {
    let Some(data) = data() else { return };
    let site = Site::start(&data.model("yolox_nano.onnx")).await;
    site.record(&TEST_PICTURE.replace("duration=16", "duration=120"), 120_000).await;
    let footage = site.footage(0, 120_000).await;
    let first = site.handle.redact(footage.clone()).await.unwrap();
    let second = site.handle.redact(footage.clone()).await.unwrap();
    let full = site.handle.redact(footage.clone()).await.err().unwrap();
    assert!(matches!(full, RedactionError::Full), "{full}");
    drop(first);
    let deadline = tokio::time::Instant::now() + omma_testkit::SOON;
    let mut third = loop {
        match site.handle.redact(footage.clone()).await {
            Ok(film) => break film,
            Err(RedactionError::Full) => assert!(tokio::time::Instant::now() < deadline),
            Err(other) => panic!("{other}"),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    };
    assert!(third.next().await.unwrap().is_ok());
    drop((second, third));
    site.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_redacted_is_refused_or_breaks_off() {
    let Some(data) = data() else { return };
    let site = Site::start(&data.model("yolox_nano.onnx")).await;
    site.record(TEST_PICTURE, 16_000).await;
    let footage = site.footage(0, 16_000).await;
    // A file that goes away ends the film with a failure, not short.
    let gone = footage.clone();
    std::fs::remove_file(site.handle.recordings().folder().join("yard/one.mp4")).unwrap();
    let mut film = site.handle.redact(gone).await.unwrap();
    let mut last = None;
    while let Some(piece) = film.next().await {
        last = Some(piece);
    }
    let failed = last.unwrap().err().unwrap();
    assert!(failed.to_string().contains("yard"), "{failed}");
    assert!(matches!(failed, RedactionError::Failed { .. }));

    let blind = Site::start(Path::new("/nowhere/people.onnx")).await;
    let refused = blind.handle.redact(footage).await.err().unwrap();
    assert!(matches!(refused, RedactionError::NoModel { .. }), "{refused}");
    assert!(refused.to_string().contains("omma models pull"), "{refused}");
    site.engine.stop().await;
    blind.engine.stop().await;
}
