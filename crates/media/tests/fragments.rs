//! Fragmented MP4 as `ffprobe` and `ffmpeg` see it, which share no code with the writer of
//! its fragments.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed test should stop")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{clip, ffmpeg, read_all};
use omma_media::{FragmentMuxer, Medium, Packet, Source, SourceSpec, Stop, StreamInfo};
use omma_types::{MediaTime, WallTime};

fn read(path: &Path) -> (StreamInfo, Vec<Packet>) {
    let spec = SourceSpec::file(path).paced(false).with_audio(true);
    let mut source = Source::open(&spec, &Stop::new()).unwrap();
    let (packets, error) = read_all(&mut source);
    assert_eq!(error, None, "{}", path.display());
    (source.info().clone(), packets)
}

/// The head, and the fragments with the number of pictures up to the end of each.
struct Made {
    header: Vec<u8>,
    fragments: Vec<(Vec<u8>, usize)>,
    end: Duration,
}

const STARTED: WallTime = WallTime::from_millis(1_795_000_000_123);

/// Fragments as a recorder makes them: at keyframes, and every half second.
fn mux(info: &StreamInfo, packets: &[Packet]) -> Made {
    let mut muxer = FragmentMuxer::new(info, Some(STARTED)).unwrap();
    let header = muxer.header().unwrap();
    assert!(muxer.header().is_err(), "only once");
    let (mut fragments, mut pictures, mut last) = (Vec::new(), 0, Duration::ZERO);
    for packet in packets {
        let due = muxer.end() >= last + Duration::from_millis(500);
        if packet.medium == Medium::Video && (packet.keyframe || due) && pictures > 0 {
            fragments.push((muxer.cut().unwrap(), pictures));
            last = muxer.end();
        }
        muxer.push(packet).unwrap();
        pictures += usize::from(packet.medium == Medium::Video);
    }
    let end = muxer.end();
    fragments.push((muxer.finish().unwrap(), pictures));
    assert!(fragments.iter().all(|(bytes, _)| !bytes.is_empty()));
    Made { header, fragments, end }
}

impl Made {
    /// The file with the first `count` fragments.
    fn write(&self, dir: &Path, count: usize) -> PathBuf {
        let path = dir.join(format!("{count}.mp4"));
        let fragments = self.fragments.iter().take(count).map(|(bytes, _)| &bytes[..]);
        let pieces: Vec<&[u8]> = std::iter::once(&self.header[..]).chain(fragments).collect();
        fs::write(&path, pieces.concat()).unwrap();
        path
    }
}

fn ffprobe(path: &Path, arguments: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "warning", "-of", "csv=p=0"])
        .args(arguments.split_whitespace())
        .arg(path)
        .output()
        .expect("the ffprobe program is needed for tests (apt-get install ffmpeg)");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Times of showing in seconds, in their order, of the stream named as ffprobe does.
fn times(path: &Path, stream: &str) -> Vec<f64> {
    let arguments = format!("-select_streams {stream} -show_entries packet=pts_time");
    let text = ffprobe(path, &arguments);
    let mut times: Vec<f64> =
        text.lines().map(|line| line.trim_matches(',').parse().unwrap()).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn decoded(path: &Path, stream: &str) -> usize {
    let arguments =
        format!("-count_frames -select_streams {stream} -show_entries stream=nb_read_frames");
    ffprobe(path, &arguments).trim_matches(',').parse().unwrap()
}

/// Everything is there, at its time, and every prefix plays.
fn check(name: &str, film: &Path, codecs: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let (info, packets) = read(film);
    let made = mux(&info, &packets);
    let whole = made.write(dir.path(), made.fragments.len());
    let found = ffprobe(&whole, "-show_entries stream=codec_name");
    assert_eq!(found.lines().collect::<Vec<_>>(), codecs, "{name}");

    let mut expected: Vec<MediaTime> =
        packets.iter().filter(|p| p.medium == Medium::Video).map(|packet| packet.pts).collect();
    expected.sort();
    let shown = times(&whole, "v:0");
    assert_eq!(shown.len(), expected.len(), "{name}");
    for (shown, expected) in shown.iter().zip(&expected) {
        let wanted = expected.as_secs_f64() - first_picture(&packets);
        assert!((shown - wanted).abs() < 0.001, "{name}: {shown} instead of {wanted}");
    }
    let duration: f64 = ffprobe(&whole, "-show_entries format=duration").parse().unwrap();
    assert!((duration - made.end.as_secs_f64()).abs() < 0.3, "{name}: {duration} {:?}", made.end);
    assert_eq!(decoded(&whole, "v:0"), expected.len(), "{name}");

    let count = made.fragments.len();
    for cut in [1, count / 3, count / 2, count - 1] {
        let cut = cut.clamp(1, count);
        let pictures = made.fragments[cut - 1].1;
        let prefix = made.write(dir.path(), cut);
        assert_eq!(decoded(&prefix, "v:0"), pictures, "{name}: {cut} of {count} fragments");
    }
    // Fragments are written whole or, where the machine dies, in part.
    let torn = dir.path().join("torn.mp4");
    let bytes = fs::read(&whole).unwrap();
    let last = made.fragments[count - 1].0.len();
    fs::write(&torn, &bytes[..bytes.len() - last / 2]).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "fatal", "-i"])
        .arg(&torn)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

fn first_picture(packets: &[Packet]) -> f64 {
    let first = packets.iter().find(|packet| packet.medium == Medium::Video).unwrap();
    first.pts.as_secs_f64()
}

#[test]
fn a_real_clip_with_aac_comes_through_whole() {
    let Some(path) = clip("car-detection.mp4") else { return };
    check("car-detection", &path, &["h264", "aac"]);
    let dir = tempfile::tempdir().unwrap();
    let (info, packets) = read(&path);
    let made = mux(&info, &packets);
    let file = made.write(dir.path(), made.fragments.len());
    let sound: Vec<MediaTime> =
        packets.iter().filter(|p| p.medium == Medium::Audio).map(|packet| packet.pts).collect();
    let heard = times(&file, "a:0");
    assert_eq!(heard.len(), sound.len());
    assert!(heard.iter().zip(&sound).all(|(a, b)| (a - b.as_secs_f64()).abs() < 0.001));
    let tags = ffprobe(&file, "-show_entries format_tags");
    assert!(tags.contains("2026-11-18T11:06:40.123Z"), "{tags}");
    let tags = ffprobe(&file, "-show_entries format_tags=creation_time");
    assert!(tags.starts_with("2026-11-18T11:06:40"), "{tags}");
}

const PATTERN: &str = "-f lavfi -i mandelbrot=size=128x96:rate=25";
const TONE: &str = "-f lavfi -i sine=sample_rate=8000:duration=4";

#[test]
fn codecs_of_cameras_come_through_and_g711_becomes_aac() {
    let cases = [
        (
            "b-frames.mp4",
            "-c:v libx264 -bf 3 -b_strategy 0 -g 30 -c:a aac -ar 48000",
            ["h264", "aac"],
        ),
        (
            "annex-b.ts",
            "-c:v libx264 -bf 2 -b_strategy 0 -g 30 -c:a aac -ar 44100",
            ["h264", "aac"],
        ),
        ("b-frames.mkv", "-c:v libx264 -bf 3 -b_strategy 0 -g 30 -c:a flac", ["h264", "flac"]),
        ("hevc.mkv", "-c:v libx265 -x265-params log-level=0 -g 20 -c:a pcm_alaw", ["hevc", "aac"]),
        (
            "hevc.ts",
            "-c:v libx265 -x265-params log-level=0 -g 20 -c:a mp2 -ar 48000",
            ["hevc", "aac"],
        ),
        ("av1.mkv", "-c:v libaom-av1 -cpu-used 8 -g 25 -c:a libopus -ar 48000", ["av1", "opus"]),
        ("mjpeg.mkv", "-c:v mjpeg -c:a pcm_mulaw", ["mjpeg", "aac"]),
        ("mpeg4.mp4", "-c:v mpeg4 -c:a libmp3lame -ar 44100", ["mpeg4", "mp3"]),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (file, options, codecs) in cases {
        let pixels = if file.starts_with("mjpeg") { "yuvj420p" } else { "yuv420p" };
        ffmpeg(dir.path(), &format!("{PATTERN} {TONE} -t 4 {options} -pix_fmt {pixels} {file}"));
        check(file, &dir.path().join(file), &codecs);
    }
}

#[test]
fn g711_keeps_its_time_its_tone_and_its_pauses() {
    let dir = tempfile::tempdir().unwrap();
    ffmpeg(
        dir.path(),
        &format!("{PATTERN} {TONE} -t 4 -c:v libx264 -pix_fmt yuv420p -c:a pcm_alaw x.mkv"),
    );
    let (info, packets) = read(&dir.path().join("x.mkv"));
    // A second of sound is lost on the way.
    let gap = 1.0..2.0;
    let packets: Vec<Packet> = packets
        .into_iter()
        .filter(|p| p.medium == Medium::Video || !gap.contains(&p.pts.as_secs_f64()))
        .collect();
    let made = mux(&info, &packets);
    let file = made.write(dir.path(), made.fragments.len());
    let heard = times(&file, "a:0");
    assert!(heard[0] < 0.001 && *heard.last().unwrap() > 3.7, "{heard:?}");
    assert!(heard.iter().any(|time| (0.8..1.2).contains(time)), "{heard:?}");
    assert!(!heard.iter().any(|time| (1.2..1.85).contains(time)), "{heard:?}");
    // A sine of 440 Hz crosses zero 880 times a second.
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-ss", "2.5", "-t", "1", "-i"])
        .arg(&file)
        .args(["-f", "s16le", "-ac", "1", "-ar", "8000", "-"])
        .output()
        .unwrap();
    let samples: Vec<i16> =
        output.stdout.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    assert!((840..920).contains(&crossings), "{crossings} of {} samples", samples.len());
}

#[test]
fn hevc_has_the_name_that_safari_plays() {
    let dir = tempfile::tempdir().unwrap();
    let codec = "-c:v libx265 -x265-params log-level=0 -pix_fmt yuv420p";
    ffmpeg(dir.path(), &format!("{PATTERN} -t 4 {codec} x.mkv"));
    let (info, packets) = read(&dir.path().join("x.mkv"));
    let made = mux(&info, &packets);
    let file = made.write(dir.path(), made.fragments.len());
    assert_eq!(ffprobe(&file, "-show_entries stream=codec_tag_string"), "hvc1");
}

#[test]
fn a_camera_whose_frame_rate_is_a_lie_stays_on_time() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let (info, packets) = read(&path);
    // It claims 25 pictures a second and sends 12.5, each a little early or late.
    let packets: Vec<Packet> = packets
        .into_iter()
        .filter(|packet| packet.medium == Medium::Video)
        .map(|mut packet| {
            let wobble = Duration::from_millis(packet.seq % 7 * 3);
            (packet.pts, packet.dts) = (packet.pts + wobble, packet.dts + wobble);
            packet.duration = Duration::from_millis(40);
            packet
        })
        .collect();
    let made = mux(&info, &packets);
    let dir = tempfile::tempdir().unwrap();
    let file = made.write(dir.path(), made.fragments.len());
    let shown = times(&file, "v:0");
    assert!(shown.iter().zip(&packets).all(|(a, b)| (a - b.pts.as_secs_f64()).abs() < 0.001));
}

#[test]
fn what_can_not_begin_a_file_is_refused() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let (info, packets) = read(&path);
    let mut muxer = FragmentMuxer::new(&info, None).unwrap();
    let picture = packets.iter().find(|p| p.medium == Medium::Video && !p.keyframe).unwrap();
    let error = muxer.push(picture).unwrap_err();
    assert!(error.to_string().contains("must be a keyframe"), "{error}");
    assert_eq!(muxer.cut().unwrap(), Vec::<u8>::new());
    let sound = packets.iter().find(|p| p.medium == Medium::Audio).unwrap();
    muxer.push(sound).unwrap();
    assert_eq!(muxer.cut().unwrap(), Vec::<u8>::new(), "sound waits for a picture");
    muxer.push(packets.iter().find(|p| p.keyframe).unwrap()).unwrap();
    assert!(!muxer.cut().unwrap().is_empty());
}

#[test]
fn a_length_that_is_known_beforehand_stands_in_the_head() {
    let Some(path) = clip("car-detection.mp4") else { return };
    let (info, packets) = read(&path);
    let duration = Duration::from_millis(30_160);
    let muxer = FragmentMuxer::new(&info, None).unwrap();
    let mut muxer = muxer.with_duration(duration);
    let mut film = muxer.header().unwrap();
    let at = film.windows(4).position(|kind| kind == b"mvhd").unwrap();
    let number = |at: usize| u32::from_be_bytes(film[at..at + 4].try_into().unwrap());
    assert_eq!((number(at + 16), number(at + 20)), (1000, 30_160));
    packets.iter().for_each(|packet| muxer.push(packet).unwrap());
    film.extend(muxer.finish().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.mp4");
    fs::write(&file, film).unwrap();
    let found: f64 = ffprobe(&file, "-show_entries format=duration").parse().unwrap();
    assert!((found - 30.16).abs() < 0.1, "{found}");
}

/// The type that a browser is told says what `ffprobe` reads from the same film.
#[test]
fn the_type_is_what_ffprobe_finds_in_the_film() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options, expected) in [
        ("high", "-c:v libx264 -profile:v high -level 4.0 -pix_fmt yuv420p -c:a aac", "avc1.6400"),
        ("main", "-c:v libx264 -profile:v main -level 3.1 -pix_fmt yuv420p -an", "avc1.4D40"),
        (
            "baseline",
            "-c:v libx264 -profile:v baseline -level 3.0 -pix_fmt yuv420p -an",
            "avc1.42C0",
        ),
        ("hevc", "-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p -c:a aac", "hvc1.1.6"),
        ("annexb", "-c:v libx264 -pix_fmt yuv420p -an -f mpegts", "avc1.6400"),
    ] {
        let file = format!("{name}.{}", if name == "annexb" { "ts" } else { "mp4" });
        let sources = "-f lavfi -i testsrc=size=320x180:rate=10 -f lavfi -i sine";
        ffmpeg(dir.path(), &format!("{sources} {options} -t 1 {file}"));
        let (info, packets) = read(&dir.path().join(&file));
        let muxer = FragmentMuxer::new(&info, None).unwrap();
        let mime = muxer.mime().unwrap().to_owned();
        let film = mux(&info, &packets).write(dir.path(), 1);
        let level = ffprobe(&film, "-select_streams v:0 -show_entries stream=level");
        let level: u8 = level.parse().unwrap();
        let codecs = mime.strip_prefix("video/mp4; codecs=\"").unwrap().strip_suffix('"').unwrap();
        let (picture, sound) = codecs.split_once(',').unwrap_or((codecs, ""));
        assert!(picture.starts_with(expected), "{name}: {mime}");
        let written = if name == "hevc" { format!(".L{level}") } else { format!("{level:02X}") };
        assert!(picture.contains(&written), "{name}: {mime}, level {level}");
        assert_eq!(sound, if info.audio.is_some() { "mp4a.40.2" } else { "" }, "{name}");
    }
}

#[test]
fn films_that_browsers_do_not_play_have_no_type() {
    let dir = tempfile::tempdir().unwrap();
    for (codec, file) in [("mpeg4", "a.mp4"), ("mjpeg -pix_fmt yuvj420p", "b.mkv")] {
        let source = "-f lavfi -i testsrc=size=320x180:rate=10";
        ffmpeg(dir.path(), &format!("{source} -c:v {codec} -t 1 {file}"));
        let (info, _) = read(&dir.path().join(file));
        assert_eq!(FragmentMuxer::new(&info, None).unwrap().mime(), None, "{codec}");
    }
}
