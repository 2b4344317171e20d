//! Recording by the program itself: killed at random moments, without anybody who tidies up;
//! around events; on a disk that fills.
//!
//! `OMMA_KILLS` sets how often it is killed (5 by default).
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use omma_testkit::{Omma, Ran, SOON, Server, eventually, ffmpeg, skipped};

const PROGRAM: &str = env!("CARGO_BIN_EXE_omma");

fn start(dir: &Path, name: &str) -> Server {
    Server::start(Omma::new(PROGRAM, dir).args("--log info run"), name)
}

fn check(dir: &Path) -> Ran {
    Omma::new(PROGRAM, dir).args("recordings check").run()
}

/// Waits until index and files agree.
fn when_agreed(dir: &Path) {
    eventually("an index that agrees with the files", SOON, || {
        let ran = check(dir);
        if ran.code == Some(0) { Ok(()) } else { Err(format!("{ran:?}")) }
    });
}

/// All recorded files, by name.
fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "mp4") {
                found.insert(path);
            }
        }
    }
    found
}

/// The camera of a recorded file.
fn camera_of<'a>(recordings: &Path, file: &'a Path) -> &'a str {
    file.strip_prefix(recordings).unwrap().iter().next().unwrap().to_str().unwrap()
}

/// When the first picture of a recorded file was taken, in seconds since 1970, from its name.
fn start_of(file: &Path) -> f64 {
    let name = file.file_stem().unwrap().to_str().unwrap();
    if let Some((millis, _)) = name.split_once('_') {
        return millis.parse::<f64>().unwrap() / 1000.0;
    }
    let numbers = |text: &str| -> Vec<f64> {
        text.trim_end_matches('Z').split('-').map(|number| number.parse().unwrap()).collect()
    };
    let day = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let ([year, month, day], [hour, minute, second]) = (&numbers(day)[..], &numbers(name)[..])
    else {
        panic!("{}", file.display())
    };
    // Fliegel and van Flandern's day number, with March as the first month.
    let early = f64::from(u8::from(*month <= 2.0));
    let (year, month) = (year - early, month + 12.0 * early);
    let days = (365.25 * year).floor() - (year / 100.0).floor()
        + (year / 400.0).floor()
        + (30.6001 * (month + 1.0)).floor()
        + day
        - 719_591.0;
    ((days * 24.0 + hour) * 60.0 + minute) * 60.0 + second
}

/// Where the last picture of a file ends, in seconds; none where there is none.
fn length_of(file: &Path) -> Option<f64> {
    let entries = ["-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0"];
    let output = Command::new("ffprobe")
        .args(["-v", "fatal", "-select_streams", "v"])
        .args(entries)
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let ends = text.lines().filter_map(|line| {
        let mut numbers = line.split(',').map(|number| number.parse::<f64>().unwrap_or(0.0));
        Some(numbers.next()? + numbers.next()?)
    });
    ends.reduce(f64::max)
}

/// Decodes a file; what ffmpeg has to complain about.
fn complaints(file: &Path) -> String {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// SplitMix64: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

const CAMERAS: [&str; 4] = ["groups", "h264", "h265", "street"];

/// Four cameras that record all the time: B-frames and sound, H.265, one file per group of
/// pictures, and the simulated one.
fn four_cameras(dir: &Path) {
    let source = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=8 \
                  -f lavfi -i sine=frequency=440:duration=8";
    ffmpeg(dir, &format!("{source} -c:v libx264 -preset veryfast -g 50 -bf 2 -c:a aac h264.mp4"));
    ffmpeg(
        dir,
        &format!("{source} -c:v libx265 -x265-params log-level=none:keyint=50 -c:a aac h265.mp4"),
    );
    let text = "version: 1\ndata_dir: store\nhttp: { listen: '127.0.0.1:0' }\n\
        recordings: { dir: ./recordings, min_free: 1MB }\ncameras:\n  \
        h264: { url: h264.mp4, loop: true, record: { mode: always, segment: 3s } }\n  \
        h265: { url: h265.mp4, loop: true, record: { mode: always, segment: 60s } }\n  \
        groups: { url: h264.mp4, loop: true, record: { mode: always, segment: gop } }\n  \
        street: { url: 'sim:street?size=320x240&fps=10', record: { mode: always, segment: 5s } }\n";
    std::fs::write(dir.join("omma.yaml"), text).unwrap();
}

#[test]
fn killed_at_any_moment_it_loses_less_than_a_second_and_needs_nobody() {
    let rounds = std::env::var("OMMA_KILLS").map_or(5, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    four_cameras(dir);
    let recordings = dir.join("recordings");
    let mut random = Random(20_261_121);
    let mut played: BTreeSet<PathBuf> = BTreeSet::new();
    let mut losses = Vec::new();
    for round in 0..rounds {
        let began = now();
        let server = start(dir, &format!("round-{round}"));
        // What the round before left is whole by now, and nobody had to help.
        when_agreed(dir);
        let files = || files(&recordings).into_iter();
        for file in files().filter(|file| start_of(file) < began && !played.contains(file)) {
            assert_eq!(complaints(&file), "", "{}", file.display());
        }
        played = files().filter(|file| start_of(file) < began).collect();
        let fresh = |camera: &str| -> Vec<(f64, f64)> {
            files()
                .filter(|file| camera_of(&recordings, file) == camera && start_of(file) >= began)
                .filter_map(|file| Some((start_of(&file), length_of(&file)?)))
                .collect()
        };
        eventually("four cameras that record", SOON, || {
            let missing: Vec<&str> =
                CAMERAS.into_iter().filter(|camera| fresh(camera).is_empty()).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}; {}", server.log())) }
        });
        std::thread::park_timeout(Duration::from_millis(random.below(4000)));
        let killed = now();
        server.signal("KILL");
        drop(server);
        for camera in CAMERAS {
            let end = fresh(camera).into_iter().map(|(start, length)| start + length);
            let lost = killed - end.reduce(f64::max).unwrap();
            assert!(lost <= 1.0, "round {round}, {camera}: {lost:.3} s lost");
            losses.push(lost);
        }
    }
    let server = start(dir, "at-last");
    when_agreed(dir);
    let (code, _, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    // Nobody writes any more: everything is finished and agrees.
    let ran = check(dir).ok();
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    for file in files(&recordings).difference(&played) {
        assert_eq!(complaints(file), "", "{}", file.display());
    }
    losses.sort_by(f64::total_cmp);
    println!(
        "{rounds} kills, {} files: lost at most {:.3} s, in the middle {:.3} s",
        files(&recordings).len(),
        losses.last().unwrap_or(&0.0),
        losses.get(losses.len() / 2).unwrap_or(&0.0)
    );
}

#[test]
fn index_and_files_are_compared_and_made_to_agree() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert!(check(dir).refusal().contains("omma.yaml"));
    let text = "version: 1\ndata_dir: store\nhttp: { listen: '127.0.0.1:0' }\n\
        recordings: { dir: ./recordings, min_free: 1MB }\ncameras:\n  \
        street: { url: 'sim:street?size=320x240&fps=10', record: { mode: always, segment: 1s } }\n";
    std::fs::write(dir.join("omma.yaml"), text).unwrap();
    assert!(check(dir).refusal().contains("has omma run yet"));
    let server = start(dir, "omma");
    let recordings = dir.join("recordings");
    eventually("some files", SOON, || match files(&recordings).len() {
        0..4 => Err(server.log()),
        _ => Ok(()),
    });
    // What is being written is no mistake, and nobody else may touch it.
    when_agreed(dir);
    let repair = || Omma::new(PROGRAM, dir).args("recordings check --repair").run();
    assert!(repair().refusal().contains("another omma"));
    server.end("TERM");
    assert_eq!(check(dir).code, Some(0));

    let all: Vec<PathBuf> = files(&recordings).into_iter().collect();
    std::fs::remove_file(&all[0]).unwrap();
    let bytes = std::fs::read(&all[1]).unwrap();
    std::fs::write(&all[1], &bytes[..bytes.len() - 1]).unwrap();
    let stranger = all[2].with_file_name("23-59-59.000Z.mp4");
    std::fs::copy(&all[2], &stranger).unwrap();
    std::fs::write(all[2].with_file_name("23-59-59.001Z.mp4"), "rubbish").unwrap();
    let said = check(dir);
    assert!(said.refusal().contains("4 files do not agree"), "{said:?}");
    assert!(said.out.contains("there is no such file"), "{}", said.out);
    assert!(said.out.contains("is not as long as"), "{}", said.out);
    assert!(said.out.contains("23-59-59.000Z.mp4 is not in the index"), "{}", said.out);
    assert!(said.out.contains("23-59-59.001Z.mp4 is no readable recording"), "{}", said.out);
    let said = repair().ok();
    assert!(said.out.contains("set aside as .broken"), "{}", said.out);
    assert!(check(dir).ok().out.lines().count() <= 2);
    assert_eq!(complaints(&all[1]), "");
}

/// A file system of 64 MB in memory; none, with the reason printed, where that is not allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(&at)
            .output()
            .unwrap();
        if !mount.status.success() {
            let reason = String::from_utf8_lossy(&mount.stderr).into_owned();
            skipped(format!("no file system of 64 MB: {}", reason.trim()));
            return None;
        }
        Some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that was killed a moment ago may still hold it.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn four_cameras_fill_a_disk_of_64_mb_and_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(disk) = SmallDisk::mount(dir.join("disk")) else { return };
    ffmpeg(
        dir,
        "-f lavfi -i nullsrc=size=320x240:rate=25:duration=4,geq=random(1)*255:128:128 \
         -c:v libx264 -preset ultrafast -qp 4 -g 25 -bf 0 -pix_fmt yuv420p noise.mp4",
    );
    let camera = "url: noise.mp4, loop: true, record: { mode: always, segment: 2s }";
    let cameras: String = (1..=4).map(|n| format!("  c{n}: {{ {camera} }}\n")).collect();
    // The index is on the full disk as well.
    let text = format!(
        "version: 1\ndata_dir: disk/store\nhttp: {{ listen: '127.0.0.1:0' }}\n\
         recordings: {{ dir: disk/recordings, min_free: 1MB }}\ncameras:\n{cameras}"
    );
    std::fs::write(dir.join("omma.yaml"), text).unwrap();
    let server = start(dir, "omma");
    let recorded = |n: usize| {
        let series = format!("omma_recorded_bytes_total{{camera=\"c{n}\"}}");
        server.metric(&series).unwrap_or(0.0)
    };
    let first = eventually("a first file", SOON, || {
        files(&disk.0).into_iter().next().ok_or_else(|| server.log())
    });
    for goal in [60e6, 120e6, 180e6] {
        eventually("footage for the disk three times over", SOON, || {
            let all: f64 = (1..=4).map(recorded).sum();
            if all >= goal { Ok(()) } else { Err(format!("{all} of {goal}: {}", server.log())) }
        });
    }
    assert!(!first.exists(), "the oldest goes first");
    for n in 1..=4 {
        let before = recorded(n);
        eventually("each camera to be recorded on and on", SOON, || {
            if recorded(n) > before { Ok(()) } else { Err(format!("c{n}: {}", server.log())) }
        });
    }
    let (code, _, log) = server.end("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    let ran = Omma::new(PROGRAM, dir).args("recordings check --repair").run().ok();
    println!("{}", ran.out);
    let whole: Vec<PathBuf> = files(&disk.0).into_iter().collect();
    let bytes: u64 = whole.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes > 40_000_000, "{bytes} bytes of the disk are used");
    for file in whole {
        assert_eq!(complaints(&file), "", "{}", file.display());
    }
}
