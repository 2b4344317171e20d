//! Recorded files listed, joined and cut, and what the programs `ffprobe` and `ffmpeg` say of
//! the result. The files are made by `ffmpeg`, so that no mistake of ours can hide in both.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use omma_engine::{Footage, FootageError, Recordings};
use omma_store::{NewSegment, Store};
use omma_testkit::{ffmpeg, probe};
use omma_types::{CameraId, ErrorKind, WallTime};

/// 2026-11-20T00:00:00Z.
const MIDNIGHT: i64 = 1_795_132_800_000;

/// Length of one file; a keyframe a second, 25 pictures a second.
const FILE: i64 = 4000;

struct Archive {
    dir: tempfile::TempDir,
    recordings: Recordings,
    camera: CameraId,
}

fn at(millis: i64) -> WallTime {
    WallTime::from_millis(MIDNIGHT + millis)
}

impl Archive {
    /// Four files of 4 s: three in a row, and one 10 s later.
    async fn new(codec: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("door")).unwrap();
        let call = format!(
            "-f lavfi -i testsrc2=size=160x120:rate=25:duration=16 -f lavfi -i sine=duration=16 \
             {codec} -g 25 -c:a alac -f segment -segment_time 4 -reset_timestamps 1 \
             -segment_format mp4 \
             -segment_format_options movflags=frag_keyframe+empty_moov+default_base_moof+skip_trailer \
             door/%d.mp4"
        );
        ffmpeg(dir.path(), &call);
        let store = Store::in_memory().await.unwrap();
        let camera = CameraId::new("door").unwrap();
        let recordings = Recordings::new(store, dir.path());
        let archive = Self { dir, recordings, camera };
        for (number, start) in [(0, 0), (1, FILE), (2, 2 * FILE), (3, 3 * FILE + 10_000)] {
            archive.add(number, start, number == 1 || number == 2).await;
        }
        archive
    }

    async fn add(&self, number: i64, start: i64, follows: bool) {
        let path = format!("door/{number}.mp4");
        let bytes = std::fs::metadata(self.dir.path().join(&path)).unwrap().len();
        let segment = NewSegment {
            camera: self.camera.clone(),
            path,
            start: at(start),
            end: at(start + FILE),
            bytes,
            stream: "one".to_owned(),
            follows,
            complete: true,
        };
        self.recordings.store().add_segment(&segment).await.unwrap();
    }

    async fn export(&self, from: i64, to: i64) -> Result<Footage, FootageError> {
        self.recordings.export(&self.camera, at(from), at(to)).await
    }

    /// Exports into a file.
    async fn film(&self, from: i64, to: i64) -> (Footage, PathBuf) {
        let footage = self.export(from, to).await.unwrap();
        let bytes = read(&footage, 0..footage.len());
        assert_eq!(bytes.len() as u64, footage.len());
        let path = self.dir.path().join("export.mp4");
        std::fs::write(&path, bytes).unwrap();
        (footage, path)
    }
}

fn read(footage: &Footage, range: Range<u64>) -> Vec<u8> {
    let mut reader = footage.clone().read(range);
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        assert!(chunk.len() <= 1 << 20, "{} bytes at once", chunk.len());
        bytes.extend(chunk);
    }
    bytes
}

/// Times of the pictures in milliseconds of the day, in the order of showing.
fn pictures(footage: &Footage, film: &Path) -> Vec<i64> {
    let start = footage.start().as_micros() - MIDNIGHT * 1000;
    let text = probe(film, "packet=pts_time").unwrap();
    let time = |text: &str| text.trim_end_matches(',').parse::<f64>().unwrap();
    let micros = |line: &str| start + (time(line) * 1e6).round() as i64;
    let mut times: Vec<i64> = text.lines().filter(|line| !line.is_empty()).map(micros).collect();
    times.sort_unstable();
    times.iter().map(|micros| (micros + 500).div_euclid(1000)).collect()
}

#[tokio::test]
async fn an_export_holds_every_picture_at_its_time_of_day() {
    for codec in ["-c:v libx264 -bf 0", "-c:v libx264 -bf 2", "-c:v mpeg4"] {
        let archive = Archive::new(codec).await;
        // From the keyframe at 2 s of the first file over two borders to 9 s.
        let (footage, film) = archive.film(2700, 9000).await;
        let expected: Vec<i64> = (0..7 * 25).map(|picture| 2000 + picture * 40).collect();
        let told = pictures(&footage, &film);
        assert_eq!(told.len(), expected.len(), "{codec}");
        for (told, expected) in told.iter().zip(&expected) {
            assert!((told - expected).abs() <= 1, "{codec}: {told} is not {expected}");
        }
        // Over the gap, which stays one.
        let (footage, film) = archive.film(10_000, 60_000).await;
        let mut expected: Vec<i64> = (0..2 * 25).map(|picture| 10_000 + picture * 40).collect();
        expected.extend((0..4 * 25).map(|picture| 22_000 + picture * 40));
        let told = pictures(&footage, &film);
        assert_eq!(told.len(), expected.len(), "{codec}");
        for (told, expected) in told.iter().zip(&expected) {
            assert!((told - expected).abs() <= 1, "{codec}: {told} is not {expected}");
        }
        ffmpeg(archive.dir.path(), "-xerror -i export.mp4 -f null -");
    }
}

#[tokio::test]
async fn sound_comes_with_the_pictures() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    let (_, film) = archive.film(1000, 12_000).await;
    let dir = archive.dir.path();
    ffmpeg(dir, "-i export.mp4 -map 0:a -c copy sound.mp4");
    let sound = dir.join("sound.mp4");
    let text = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=dts", "-of", "csv=p=0"])
        .arg(&sound)
        .output()
        .unwrap();
    let times: Vec<i64> = String::from_utf8_lossy(&text.stdout)
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect();
    // 11 s of frames of 4096 samples, none lost at the borders and none twice.
    assert!((117..=121).contains(&times.len()), "{} frames", times.len());
    for pair in times.windows(2) {
        let step = pair[1] - pair[0];
        assert!((1..=8300).contains(&step), "{step} samples between two frames");
    }
    let length: f64 = probe(&film, "format=duration").unwrap().parse().unwrap();
    assert!((length - 11.0).abs() < 0.2, "{length}");
}

#[tokio::test]
async fn every_part_of_an_export_is_the_same_as_in_the_whole() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    let footage = archive.export(500, 60_000).await.unwrap();
    assert_eq!(footage.tag(), archive.export(500, 60_000).await.unwrap().tag());
    assert_ne!(footage.tag(), archive.export(1500, 60_000).await.unwrap().tag());
    let whole = read(&footage, 0..u64::MAX);
    let len = whole.len();
    for (from, to) in
        [(0, 1), (5, 700), (len / 3, len / 2), (len / 2, len), (len - 1, len), (len, len + 9)]
    {
        let part = read(&footage, from as u64..to as u64);
        assert!(part == whole[from..to.min(len)], "bytes {from} to {to} differ");
    }
    let header = probe_tags(&archive, &whole);
    assert!(header.contains("2026-11-20T00:00:0"), "{header}");
}

fn probe_tags(archive: &Archive, bytes: &[u8]) -> String {
    let path = archive.dir.path().join("tags.mp4");
    std::fs::write(&path, bytes).unwrap();
    probe(&path, "format_tags").unwrap()
}

#[tokio::test]
async fn where_there_is_no_footage_the_nearest_is_told() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    let refusal = async |from, to| archive.export(from, to).await.err().unwrap();
    let gap = refusal(14_000, 20_000).await;
    assert_eq!(gap.kind(), ErrorKind::NotFound);
    for part in ["ends at 2026-11-20T00:00:12.000Z", "begins at 2026-11-20T00:00:22.000Z"] {
        assert!(gap.to_string().contains(part), "{gap}");
    }
    let before = refusal(-90_000, -50_000).await.to_string();
    assert!(before.contains("the oldest begins at 2026-11-20T00:00:00.000Z"), "{before}");
    let after = refusal(90_000_000_000, 90_000_100_000).await.to_string();
    assert!(after.contains("the newest ends at 2026-11-20T00:00:26.000Z"), "{after}");

    let list = archive
        .recordings
        .list(&archive.camera, (Some(at(1000)), Some(at(90_000))), at(60_000))
        .await
        .unwrap();
    let spans: Vec<(WallTime, WallTime)> =
        list.timeline.ranges.iter().map(|range| (range.from, range.to)).collect();
    assert_eq!(spans, [(at(1000), at(12_000)), (at(22_000), at(26_000))]);
    assert_eq!(
        list.timeline.gaps,
        [(at(12_000), at(22_000)), (at(26_000), at(60_000))],
        "the future is no gap"
    );
    assert_eq!((list.oldest, list.newest), (Some(at(0)), Some(at(26_000))));
    let moment = |millis| (archive.camera.clone(), at(millis));
    let nobody = (CameraId::new("nobody").unwrap(), at(1));
    let moments = [moment(11_999), moment(12_000), nobody, moment(0), moment(22_001)];
    let covered = archive.recordings.cover(&moments).await.unwrap();
    assert_eq!(covered, [true, false, false, true, true]);
}

#[tokio::test]
async fn what_is_still_written_is_given_as_far_as_it_is_whole() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    // A fifth file, of which the last fragment is not whole yet.
    let bytes = std::fs::read(archive.dir.path().join("door/3.mp4")).unwrap();
    std::fs::write(archive.dir.path().join("door/4.mp4"), &bytes[..bytes.len() * 7 / 8]).unwrap();
    let segment = NewSegment {
        camera: archive.camera.clone(),
        path: "door/4.mp4".to_owned(),
        start: at(26_000),
        end: at(27_000),
        bytes: 5000,
        stream: "one".to_owned(),
        follows: true,
        complete: false,
    };
    archive.recordings.store().add_segment(&segment).await.unwrap();
    let (footage, film) = archive.film(22_000, 900_000).await;
    let told = pictures(&footage, &film);
    assert_eq!(told.len(), 7 * 25, "4 s, and 3 whole fragments of a second");
    assert_eq!(footage.end(), at(29_000));
    let list = archive
        .recordings
        .list(&archive.camera, (Some(at(22_000)), Some(at(90_000))), at(27_500))
        .await
        .unwrap();
    assert!(list.timeline.gaps.is_empty(), "what is being written is no gap: {list:?}");
}

#[tokio::test]
async fn another_stream_does_not_go_into_the_same_file() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    let store = archive.recordings.store();
    let other = NewSegment {
        camera: archive.camera.clone(),
        path: "door/other.mp4".to_owned(),
        start: at(26_000),
        end: at(30_000),
        bytes: std::fs::metadata(archive.dir.path().join("door/0.mp4")).unwrap().len(),
        stream: "two".to_owned(),
        follows: false,
        complete: true,
    };
    std::fs::copy(archive.dir.path().join("door/0.mp4"), archive.dir.path().join(&other.path))
        .unwrap();
    store.add_segment(&other).await.unwrap();
    let refused = archive.export(23_000, 28_000).await.err().unwrap();
    let FootageError::StreamChanged { until, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*until, at(26_000));
    archive.export(23_000, until.as_millis() - MIDNIGHT).await.unwrap();
}

#[tokio::test]
async fn damaged_and_missing_files_end_in_an_error_and_never_in_a_shorter_film() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    let footage = archive.export(0, 12_000).await.unwrap();
    let path = archive.dir.path().join("door/1.mp4");
    let whole = std::fs::read(&path).unwrap();
    let outcome = |footage: &Footage| {
        let mut reader = footage.clone().read(0..u64::MAX);
        loop {
            match reader.next_chunk() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    std::fs::remove_file(&path).unwrap();
    let gone = outcome(&footage).unwrap_err();
    assert!(gone.contains("door/1.mp4") && gone.contains("gone"), "{gone}");
    assert!(archive.export(0, 12_000).await.is_err());
    std::fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    let short = outcome(&footage).unwrap_err();
    assert!(short.contains("door/1.mp4"), "{short}");
    let mut rubbish = whole.clone();
    let middle = rubbish.len() / 2;
    rubbish[middle..].fill(0x55);
    std::fs::write(&path, rubbish).unwrap();
    assert!(outcome(&footage).is_err());
    std::fs::write(&path, whole).unwrap();
    outcome(&footage).unwrap();

    let mut outside = NewSegment {
        camera: archive.camera.clone(),
        path: "../secret.mp4".to_owned(),
        start: at(90_000),
        end: at(91_000),
        bytes: 1,
        stream: "one".to_owned(),
        follows: false,
        complete: true,
    };
    archive.recordings.store().add_segment(&outside).await.unwrap();
    assert!(
        archive.export(90_000, 91_000).await.err().unwrap().to_string().contains("lies outside")
    );
    outside.path = "/etc/hostname".to_owned();
    let id = archive.recordings.store().add_segment(&outside).await.unwrap();
    assert!(archive.recordings.recorded_file(&archive.camera, id, Duration::ZERO).await.is_err());
}

#[tokio::test]
async fn a_playlist_plays() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    let text = archive.recordings.playlist(&archive.camera, at(5000), at(23_000)).await.unwrap();
    assert_eq!(text.matches("#EXTINF:4.000000,").count(), 3, "{text}");
    assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2026-11-20T00:00:04.000Z"), "{text}");
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY").count(), 1, "at the gap: {text}");
    // The files under the names that the playlist has for them.
    let dir = archive.dir.path();
    std::fs::create_dir(dir.join("recordings")).unwrap();
    for uri in text.lines().filter(|line| line.starts_with("recordings/")) {
        let name = uri.trim_start_matches("recordings/").trim_end_matches(".mp4");
        let (id, later) = name.split_once('_').unwrap_or((name, "0"));
        let (id, later) = (id.parse().unwrap(), later.parse().unwrap());
        let later = Duration::from_micros(later);
        let file = archive.recordings.recorded_file(&archive.camera, id, later).await;
        let file = file.unwrap().unwrap();
        let bytes = read(&file, 0..u64::MAX);
        let before = std::fs::metadata(dir.join(format!("door/{}.mp4", id - 1))).unwrap().len();
        assert_eq!((bytes.len() as u64, file.len()), (before, before));
        std::fs::write(dir.join(uri), bytes).unwrap();
    }
    std::fs::write(dir.join("list.m3u8"), text).unwrap();
    let gray = "-fps_mode passthrough -pix_fmt gray -f rawvideo gray";
    ffmpeg(dir, &format!("-xerror -i list.m3u8 -map 0:v {gray}"));
    assert_eq!(std::fs::metadata(dir.join("gray")).unwrap().len(), 300 * 160 * 120);
    let id = 2;
    let file = archive
        .recordings
        .recorded_file(&archive.camera, id, Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read(&file, 0..u64::MAX), std::fs::read(dir.join("door/1.mp4")).unwrap());
    assert_eq!(read(&file, 100..200).len(), 100);
    let nobody = CameraId::new("yard").unwrap();
    assert!(archive.recordings.recorded_file(&nobody, id, Duration::ZERO).await.unwrap().is_none());
    assert!(
        archive
            .recordings
            .recorded_file(&archive.camera, 99, Duration::ZERO)
            .await
            .unwrap()
            .is_none()
    );
    let none = archive.recordings.playlist(&archive.camera, at(13_000), at(14_000)).await;
    assert_eq!(none.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_day_of_short_files_is_planned_quickly_and_in_little_memory() {
    let archive = Archive::new("-c:v libx264 -bf 0").await;
    // The same file again and again, as if each second had one.
    let path = archive.dir.path().join("door/0.mp4");
    for number in 0..3000i64 {
        let name = format!("door/again-{number}.mp4");
        std::fs::hard_link(&path, archive.dir.path().join(&name)).unwrap();
        let segment = NewSegment {
            camera: archive.camera.clone(),
            path: name,
            start: at(100_000 + number * FILE),
            end: at(100_000 + (number + 1) * FILE),
            bytes: std::fs::metadata(&path).unwrap().len(),
            stream: "one".to_owned(),
            follows: number > 0,
            complete: true,
        };
        archive.recordings.store().add_segment(&segment).await.unwrap();
    }
    let footage = archive.export(100_000, 100_000 + 3000 * FILE).await.unwrap();
    assert_eq!(footage.end().since(footage.start()), Duration::from_millis(3000 * FILE as u64));
    // The last bytes come without reading the rest.
    let tail = read(&footage, footage.len() - 100..footage.len());
    assert_eq!(tail.len(), 100);
}
