//! Recording by a running engine: around events, within limits, switched on and off while
//! the camera goes on.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::path::Path;
use std::time::Duration;

use omma_engine::{Config, Engine, Handle, Models};
use omma_infer::Registry;
use omma_store::{EventQuery, Segment, SegmentQuery, Store};
use omma_testkit::{SOON, eventually, ffmpeg, ffprobe};
use omma_types::{CameraId, EventKind, WallTime};
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

    fn rows(&self) -> Vec<Segment> {
        let store = self.handle.store();
        self.runtime.block_on(store.segments(&SegmentQuery::default())).unwrap()
    }

    fn when_rows(&self, what: &str, wanted: impl Fn(&[Segment]) -> bool) -> Vec<Segment> {
        eventually(what, SOON, || {
            let rows = self.rows();
            if wanted(&rows) { Ok(rows) } else { Err(format!("{rows:#?}")) }
        })
    }

    fn events(&self) -> Vec<(EventKind, WallTime)> {
        let page = self.runtime.block_on(self.handle.store().events(&EventQuery::default()));
        // The newest come first.
        page.unwrap().events.into_iter().rev().map(|e| (e.event.kind, e.event.wall)).collect()
    }

    fn film(&self, row: &Segment) -> omma_testkit::Film {
        ffprobe(&self.handle.recordings().file(row).unwrap())
    }

    fn stop(mut self) {
        if let Some(engine) = self.engine.take() {
            self.runtime.block_on(engine.stop());
        }
    }
}

/// 16 s of nothing, except that something walks through the middle from 3 to 4 s, from 5 to
/// 6 s and from 13 to 14 s.
fn walk(dir: &Path) {
    let walks = |from: u32, then: &str| {
        format!("if(between(t\\,{from}\\,{})\\,(t-{from})*320\\,{then})", from + 1)
    };
    let x = walks(3, &walks(5, &walks(13, "-100")));
    ffmpeg(
        dir,
        &format!(
            "-f lavfi -i color=gray:size=320x240:rate=15:duration=16 \
             -f lavfi -i color=white:size=40x80:rate=15:duration=16 \
             -filter_complex [0][1]overlay=x={x}:y=100 \
             -c:v libx264 -preset ultrafast -g 15 -bf 0 -pix_fmt yuv420p walk.mp4"
        ),
    );
}

#[test]
fn footage_around_events_is_kept_in_one_file_where_their_times_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    walk(dir);
    let cameras = format!(
        "  hall:\n    url: {}/walk.mp4\n    detect: {{ model: motion, fps: 15 }}\n    \
         lines:\n      mid: {{ from: [0.5, 0], to: [0.5, 1] }}\n    \
         record: {{ mode: events, before: 2s, after: 1s, segment: 60s }}\n",
        dir.display()
    );
    let site = Site::start(dir, &cameras);
    let rows = site.when_rows("the events' footage", |rows| {
        rows.len() > 1 && rows.iter().all(|row| row.complete)
    });
    let crossings: Vec<WallTime> = site
        .events()
        .into_iter()
        .filter(|(kind, _)| matches!(kind, EventKind::LineCrossed { .. }))
        .map(|(_, wall)| wall)
        .collect();
    let ([first, second, third], [a, b]) = (&crossings[..], &rows[..]) else {
        panic!("{crossings:?} {rows:#?}")
    };
    // 1 s after the first is within 2 s before the second; the third is for itself.
    let second_long = Duration::from_secs(1);
    for (row, first, last) in [(a, first, second), (b, third, third)] {
        assert!(row.start <= *first - second_long * 2, "{row:?} {first}");
        assert!(first.since(row.start) < second_long * 4, "{row:?} {first}");
        // Up to the picture that was shown then.
        assert!(row.end + second_long / 15 >= *last + second_long, "{row:?} {last}");
        assert!(row.end.since(*last) < second_long * 3, "{row:?} {last}");
        let film = site.film(row);
        let length = row.end.since(row.start).as_secs_f64();
        assert!((film.seconds - length).abs() < 0.1, "{film:?}, {row:?}");
        assert!((film.pictures as f64 / 15.0 - length).abs() < 0.2, "{film:?}, {row:?}");
        assert!(!row.follows);
    }
    site.stop();
}

#[test]
fn recording_is_switched_on_and_off_while_the_camera_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ffmpeg(
        dir,
        "-f lavfi -i testsrc2=size=320x240:rate=25:duration=4,noise=alls=60:allf=t \
         -c:v libx264 -preset ultrafast -crf 30 -g 25 -pix_fmt yuv420p noise.mp4",
    );
    let camera = |record: &str| {
        format!("  hall: {{ url: {}/noise.mp4, loop: true{record} }}\n", dir.display())
    };
    let on = camera(", record: { mode: always, segment: 2s, max_size: 1MB }");
    let site = Site::start(dir, &on);
    let id = CameraId::new("hall").unwrap();
    assert!(site.handle.recording(&id).unwrap().is_some());
    // What is too much goes, oldest first, and its files with it.
    let first = site.when_rows("a first file", |rows| !rows.is_empty())[0].clone();
    site.when_rows("the first file to go", |rows| rows.iter().all(|row| row.id != first.id));
    let is_gone = || !site.handle.recordings().file(&first).unwrap().exists();
    assert!(is_gone());
    assert_eq!(site.handle.recording(&id).unwrap().unwrap().state, "recording");
    let received = site.handle.camera(&id).unwrap().frames.received;

    let report = site.runtime.block_on(site.handle.reload(config(dir, &camera(""))));
    assert_eq!(report.len(), 1, "{report:?}");
    assert_eq!(site.handle.recording(&id).unwrap(), None);
    let rows = site.when_rows("finished files", |rows| rows.iter().all(|row| row.complete));
    for row in &rows {
        assert!(site.film(row).pictures > 0);
    }
    assert!(site.handle.camera(&id).unwrap().frames.received >= received);
    eventually("the events", SOON, || {
        let states: Vec<&str> = site
            .events()
            .iter()
            .filter_map(|(kind, _)| match kind {
                EventKind::RecordingState { state, .. } => Some(*state),
                _ => None,
            })
            .collect();
        if states == ["recording", "off"] { Ok(()) } else { Err(format!("{states:?}")) }
    });

    let again = site.runtime.block_on(site.handle.reload(config(dir, &on)));
    assert_eq!(again.len(), 1, "{again:?}");
    site.when_rows("a new file", |now| now.len() > rows.len());
    site.stop();
}
