//! Streams passed on to a real RTMP server, and read back by the `ffmpeg` programs.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{clip, ffmpeg};
use omma_media::{Medium, Packet, Pusher, Source, SourceSpec, Stop, StreamInfo};
use omma_testkit::{RtmpServer, SOON, eventually};
use omma_types::ErrorKind;

fn open(path: &Path) -> Source {
    let spec = SourceSpec::file(path).paced(true).looped(true).with_audio(true);
    Source::open(&spec, &Stop::new()).unwrap()
}

/// What `ffmpeg` records of the stream in this many seconds.
fn recorder(url: &str, file: &Path, seconds: u32) -> Child {
    Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin", "-i", url, "-t", &seconds.to_string()])
        .args(["-c", "copy"])
        .arg(file)
        .stderr(Stdio::null())
        .spawn()
        .expect("the ffmpeg program is needed for tests (apt-get install ffmpeg)")
}

fn streams(path: &Path) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-show_entries"])
        .arg("stream=codec_name,width,sample_rate")
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().replace('\n', " ")
}

fn pictures(path: &Path) -> usize {
    let text = common::ffprobe(path, "nb_read_frames");
    text.parse().unwrap_or_else(|_| panic!("ffprobe says {text:?}"))
}

/// Pushes a clip until `ffmpeg` has recorded so much of what the server gives on.
fn record(
    clip: &Path,
    name: &str,
    seconds: u32,
) -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    let server = RtmpServer::start()?;
    let mut source = open(clip);
    let mut pusher = Pusher::open(&server.address(name), source.info(), &Stop::new()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("received.mkv");
    let mut recorder = recorder(&server.address(name), &file, seconds);
    let started = Instant::now();
    while recorder.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < SOON, "nothing arrives");
        pusher.push(&source.read().unwrap().unwrap()).unwrap();
    }
    pusher.finish().unwrap();
    Some((dir, file))
}

#[test]
fn a_real_clip_arrives_with_its_sound() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let Some((_dir, file)) = record(&path, "car", 6) else { return };
    assert_eq!(streams(&file), "h264,768 aac,48000");
    // 12.5 pictures a second, from the next keyframe on; they come every 4.8 s.
    let pictures = pictures(&file);
    assert!((12..=76).contains(&pictures), "{pictures}");
}

#[test]
fn b_frames_arrive_in_order_and_g711_as_aac() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        "-f lavfi -i mandelbrot=size=128x96:rate=25 -f lavfi -i sine=sample_rate=8000 -t 4 \
         -c:v libx264 -bf 3 -b_strategy 0 -g 25 -pix_fmt yuv420p -c:a pcm_alaw x.mkv",
    );
    let Some((_dir, file)) = record(&dir.path().join("x.mkv"), "b", 2) else { return };
    assert_eq!(streams(&file), "h264,128 aac,8000");
    let pictures = pictures(&file);
    assert!((20..=55).contains(&pictures), "{pictures}");
    let times = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-select_streams", "v:0"])
        .args(["-show_entries", "frame=pts_time"])
        .arg(&file)
        .output()
        .unwrap();
    let times: Vec<f64> = String::from_utf8(times.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.trim_matches(',').parse().ok())
        .collect();
    // What the last one's neighbours are built on came too late for the recording.
    for pair in times[..times.len() - 3].windows(2) {
        assert!((0.035..0.045).contains(&(pair[1] - pair[0])), "{times:?}");
    }
}

/// Its packets, over and over, as fast as they are taken.
fn flood(pusher: &mut Pusher, path: &Path) -> omma_media::MediaError {
    let spec = SourceSpec::file(path).paced(false).looped(true);
    let mut source = Source::open(&spec, &Stop::new()).unwrap();
    loop {
        if let Err(error) = pusher.push(&source.read().unwrap().unwrap()) {
            return error;
        }
    }
}

#[test]
fn a_server_that_dies_or_stands_still_is_noticed_and_a_stop_ends_the_wait() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let Some(mut server) = RtmpServer::start() else { return };
    let info = open(&path).info().clone();
    let mut pusher = Pusher::open(&server.address("x"), &info, &Stop::new()).unwrap();
    server.freeze();
    let started = Instant::now();
    let error = flood(&mut pusher, &path);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.reason().contains("took nothing for 5.0 s"), "{error}");
    assert!(started.elapsed() < SOON);
    drop(pusher);
    server.thaw();

    let stop = Stop::new();
    let mut pusher = Pusher::open(&server.address("y"), &info, &stop).unwrap();
    server.freeze();
    let thread = std::thread::Builder::new()
        .name("stopper".to_owned())
        .spawn({
            let stop = stop.clone();
            move || {
                std::thread::park_timeout(Duration::from_millis(300));
                stop.stop();
            }
        })
        .unwrap();
    assert!(flood(&mut pusher, &path).is_stopped());
    thread.join().unwrap();
    server.thaw();

    let mut pusher = Pusher::open(&server.address("z"), &info, &Stop::new()).unwrap();
    server.kill();
    let error = flood(&mut pusher, &path);
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let refused = Pusher::open(&server.address("z"), &info, &Stop::new());
    let error = refused.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");

    server.restart();
    eventually("the server to take streams again", SOON, || {
        Pusher::open(&server.address("z"), &info, &Stop::new()).map_err(|e| e.to_string())
    });
}

fn first(path: &Path, wanted: impl Fn(&Packet) -> bool) -> (StreamInfo, Packet) {
    let mut source = open(path);
    loop {
        let packet = source.read().unwrap().unwrap();
        if wanted(&packet) {
            return (source.info().clone(), packet);
        }
    }
}

#[test]
fn what_rtmp_can_not_carry_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let codec = "-c:v libx265 -x265-params log-level=0 -pix_fmt yuv420p";
    ffmpeg(dir.path(), &format!("-f lavfi -i testsrc=size=64x48:duration=1 {codec} x.mkv"));
    let (info, _) = first(&dir.path().join("x.mkv"), |_| true);
    let url = "rtmp://bob:geheim@127.0.0.1:9/live/x";
    let error = Pusher::open(url, &info, &Stop::new()).err().unwrap();
    assert!(!error.to_string().contains("geheim"), "{error}");
    // FFmpeg can since 6.1; then nobody listens.
    let expected = [ErrorKind::Unsupported, ErrorKind::Unreachable];
    assert!(expected.contains(&error.kind()), "{error}");
    if error.kind() == ErrorKind::Unsupported {
        assert!(error.reason().contains("RTMP can't carry hevc"), "{error}");
    }
    let error = Pusher::open("ftp://x/y", &info, &Stop::new()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn a_stream_begins_at_a_keyframe() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let Some(server) = RtmpServer::start() else { return };
    let (info, picture) = first(&path, |p| p.medium == Medium::Video && !p.keyframe);
    let mut pusher = Pusher::open(&server.address("k"), &info, &Stop::new()).unwrap();
    assert_eq!(pusher.push(&picture).unwrap_err().kind(), ErrorKind::Invalid);
    let (_, keyframe) = first(&path, |p| p.keyframe);
    pusher.push(&keyframe).unwrap();
}

#[test]
fn a_live_stream_that_changes_its_size_has_to_be_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    for size in ["128x96", "64x48"] {
        let input = format!("-f lavfi -i testsrc=size={size}:rate=25:duration=2");
        let codec = "-c:v libx264 -g 10 -bf 0 -pix_fmt yuv420p";
        ffmpeg(dir.path(), &format!("{input} {codec} {size}.mp4"));
    }
    let Some(server) = RtmpServer::start() else { return };
    let url = server.address("changing");
    let reader = SourceSpec::parse(&url).unwrap().open_timeout(SOON).read_timeout(SOON);
    let stop = Stop::new();
    let watcher = std::thread::Builder::new()
        .name("watcher".to_owned())
        .spawn({
            let stop = stop.clone();
            move || {
                let mut source = Source::open(&reader, &stop).unwrap();
                let size = source.info().size;
                let (packets, error) = common::read_all(&mut source);
                (size, packets.len(), error.unwrap())
            }
        })
        .unwrap();
    // A camera that is set to another size says goodbye and comes back.
    let started = Instant::now();
    'sending: for size in ["128x96", "64x48"].into_iter().cycle() {
        let mut source = open(&dir.path().join(format!("{size}.mp4")));
        let mut pusher = Pusher::open(&url, source.info(), &Stop::new()).unwrap();
        for _ in 0..75 {
            if watcher.is_finished() {
                break 'sending;
            }
            assert!(started.elapsed() < SOON, "the change goes unnoticed");
            pusher.push(&source.read().unwrap().unwrap()).unwrap();
        }
        pusher.finish().unwrap();
    }
    let (size, packets, error) = watcher.join().unwrap();
    assert!(size.is_some() && packets > 0, "{size:?} {packets}");
    assert!(error.reason().contains("changed its picture size"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}
