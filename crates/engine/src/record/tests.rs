//! Recording with real streams and real disks: what is on disk is looked at with the programs
//! ffprobe and ffmpeg, and compared with what went in and with what the index says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_media::{Medium, Packet, Source, SourceSpec, Stop, StreamInfo};
use omma_store::{EventQuery, Segment, SegmentQuery, Store};
use omma_testkit::{ffmpeg, skipped};
use omma_types::{CameraId, EventKind, WallTime};

use super::check::{self, CheckReport, Scope, Trouble};
use super::library::Library;
use super::segment::Length;
use super::state::RecordingState;
use super::tape::{Tape, TapeError};
use crate::config::RecordingsConfig;
use crate::telemetry::Telemetry;
use crate::writer::Writer;

const T0: WallTime = WallTime::from_millis(1_795_167_000_250);

const SECOND: Duration = Duration::from_secs(1);

/// A recordings folder with all that belongs to it.
struct Lab {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    store: Store,
    writer: Writer,
    telemetry: Arc<Telemetry>,
    library: Arc<Library>,
    camera: CameraId,
    now: Instant,
}

impl Lab {
    fn new() -> Self {
        Self::with(|dir| RecordingsConfig { dir: dir.join("recordings"), min_free: 0 })
    }

    fn with(config: impl FnOnce(&Path) -> RecordingsConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let store = runtime.block_on(Store::open(dir.path().join("omma.db"))).unwrap();
        let telemetry = Telemetry::new();
        let (messages, _) = tokio::sync::broadcast::channel(16);
        let handle = runtime.handle().clone();
        let writer =
            Writer::start(store.clone(), messages, Arc::clone(&telemetry), handle.clone()).unwrap();
        let config = config(dir.path());
        let library = runtime
            .block_on(async { Library::new(store.clone(), &config, writer.sender(), handle) });
        Self {
            dir,
            runtime,
            store,
            writer,
            telemetry,
            library: Arc::new(library),
            camera: CameraId::new("hall").unwrap(),
            now: Instant::now(),
        }
    }

    fn folder(&self) -> &Path {
        self.library.recordings().folder()
    }

    fn tape(&self, length: Length) -> Tape {
        let metrics = Arc::new(self.telemetry.camera(&self.camera));
        let state =
            RecordingState::new(self.camera.clone(), self.writer.sender(), 1, Arc::clone(&metrics));
        let library = Arc::clone(&self.library);
        Tape::new(self.camera.clone(), length, library, Arc::new(state), metrics)
    }

    /// Records a whole film.
    fn record(&self, length: Length, film: &Film) {
        let mut tape = self.tape(length);
        tape.stream(Arc::clone(&film.info), self.now).unwrap();
        for packet in &film.packets {
            tape.packet(packet, self.at(packet)).unwrap();
        }
        tape.end(self.now).unwrap();
    }

    /// When a packet arrives, for the tape.
    fn at(&self, packet: &Packet) -> Instant {
        self.now + Duration::from_nanos(u64::try_from(packet.pts.as_nanos().max(0)).unwrap())
    }

    /// The index, when everything is in it.
    fn rows(&self) -> Vec<Segment> {
        self.runtime.block_on(async {
            self.library.settle(SECOND * 30).await;
            self.store.segments(&SegmentQuery::default()).await.unwrap()
        })
    }

    fn check(&self, repair: bool) -> CheckReport {
        self.rows();
        let scope = Scope::All { repair, is_busy: false };
        check::run(self.library.recordings(), self.runtime.handle(), scope).unwrap()
    }

    fn mend_as_at_start(&self) -> CheckReport {
        let scope = Scope::Start(&|_| false);
        check::run(self.library.recordings(), self.runtime.handle(), scope).unwrap()
    }

    fn file(&self, row: &Segment) -> PathBuf {
        self.library.recordings().file(row).unwrap()
    }

    /// The states that were told, in order, with their reasons. Ends the telling.
    fn states(&self) -> Vec<(&'static str, String)> {
        self.writer.stop();
        let page = self.runtime.block_on(self.store.events(&EventQuery::default())).unwrap();
        let mut states = Vec::new();
        // The newest come first.
        for stored in page.events.into_iter().rev() {
            if let EventKind::RecordingState { state, reason } = stored.event.kind {
                states.push((state, reason));
            }
        }
        states
    }
}

/// A film as packets whose wall time goes with their media time.
struct Film {
    info: Arc<StreamInfo>,
    packets: Vec<Packet>,
}

impl Film {
    fn read(path: &Path) -> Self {
        Self::read_looped(path, false, usize::MAX)
    }

    fn read_looped(path: &Path, looped: bool, most: usize) -> Self {
        let spec = SourceSpec::file(path).paced(false).looped(looped).with_audio(true);
        let mut source = Source::open(&spec, &Stop::new()).unwrap();
        let info = Arc::new(source.info().clone());
        let mut packets = Vec::new();
        while packets.len() < most
            && let Some(mut packet) = source.read().unwrap()
        {
            let since = Duration::from_nanos(packet.pts.as_nanos().max(0).unsigned_abs());
            packet.wall = T0 + since;
            packets.push(packet);
        }
        Self { info, packets }
    }

    /// Sound that is heard before there is a picture goes into no file.
    fn sounds_after_the_first_picture(&self) -> usize {
        let first = self.packets.iter().find(|p| p.medium == Medium::Video).unwrap().pts;
        let sounds = self.packets.iter().filter(|p| p.medium == Medium::Audio);
        sounds.filter(|packet| packet.pts >= first).count()
    }

    fn count(&self, medium: Medium) -> usize {
        self.packets.iter().filter(|packet| packet.medium == medium).count()
    }
}

/// A film of 10 s with 25 pictures and a keyframe a second, encoded as `codec` says.
fn film(dir: &Path, name: &str, codec: &str) -> PathBuf {
    ffmpeg(
        dir,
        &format!(
            "-f lavfi -i testsrc2=size=320x240:rate=25:duration=10 \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration=10 {codec} {name}"
        ),
    );
    dir.join(name)
}

const H264: &str = "-c:v libx264 -preset ultrafast -g 25 -bf 2 -pix_fmt yuv420p -c:a aac";

/// Packets of a stream in a file, as ffprobe counts them.
fn packets(file: &Path, stream: &str) -> usize {
    let args = ["-v", "error", "-count_packets", "-select_streams", stream];
    let output = Command::new("ffprobe")
        .args(args)
        .args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().trim_end_matches(',').parse().unwrap_or(0)
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

fn assert_plays(file: &Path) {
    assert_eq!(complaints(file), "", "{}", file.display());
}

fn gap(before: &Segment, after: &Segment) -> i64 {
    after.start.as_millis() - before.end.as_millis()
}

#[test]
fn every_packet_is_in_one_of_the_segments_and_they_play() {
    let pcm = "-c:v libx264 -preset ultrafast -g 25 -bf 0 -pix_fmt yuv420p -c:a pcm_mulaw -ar 8000";
    let cases = [
        ("h264.mp4", H264, true),
        (
            "h265.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:open-gop=0 -an",
            true,
        ),
        ("g711.mkv", pcm, false),
    ];
    for (name, codec, same_sound) in cases {
        let lab = Lab::new();
        let film = Film::read(&film(lab.dir.path(), name, codec));
        lab.record(Length::Time(SECOND * 3), &film);
        let rows = lab.rows();
        let starts: Vec<i64> = rows.iter().map(|r| r.start.as_millis() - T0.as_millis()).collect();
        assert_eq!(starts, [0, 3000, 6000, 9000], "{name}");
        let (mut pictures, mut sounds) = (0, 0);
        for row in &rows {
            let file = lab.file(row);
            assert_plays(&file);
            assert!(row.complete && row.bytes == file.metadata().unwrap().len());
            assert_eq!(row.stream, film.info.fingerprint());
            pictures += packets(&file, "v");
            sounds += packets(&file, "a");
        }
        assert_eq!(pictures, film.count(Medium::Video), "{name}");
        if same_sound {
            assert_eq!(sounds, film.sounds_after_the_first_picture(), "{name}");
        } else {
            assert!(sounds > 70, "{name}: {sounds}");
        }
        assert_eq!(
            rows.iter().map(|row| row.follows).collect::<Vec<_>>(),
            [false, true, true, true]
        );
        assert!(rows.windows(2).all(|pair| gap(&pair[0], &pair[1]).abs() <= 1), "{name}: {rows:?}");
        assert_eq!(lab.check(false).findings, [], "{name}");
        assert_eq!(lab.states(), [("recording", String::new())]);
    }
}

#[test]
fn each_group_of_pictures_can_have_its_own_file() {
    let lab = Lab::new();
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    lab.record(Length::Group, &film);
    let rows = lab.rows();
    assert_eq!(rows.len(), 10);
    for (n, row) in (0i64..).zip(&rows) {
        let start = T0.as_millis() + n * 1000;
        assert_eq!(row.path, format!("hall/{start}_1000.mp4"));
        assert_plays(&lab.file(row));
    }
    assert_eq!(lab.check(false).findings, []);
}

#[test]
fn a_clock_set_back_and_forth_by_an_hour_costs_nothing() {
    let hour = SECOND * 3600;
    for step in [-1i64, 1] {
        let lab = Lab::new();
        let mut film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
        for packet in &mut film.packets {
            if (3.5..6.5).contains(&packet.pts.as_secs_f64()) {
                packet.wall = if step < 0 { packet.wall - hour } else { packet.wall + hour };
            }
        }
        lab.record(Length::Time(SECOND * 60), &film);
        let mut rows = lab.rows();
        rows.sort_by_key(|row| row.id);
        let pictures: usize = rows.iter().map(|row| packets(&lab.file(row), "v")).sum();
        assert_eq!(pictures, film.count(Medium::Video));
        let off = |row: &Segment| (row.start.as_millis() - T0.as_millis()) / 1000;
        assert_eq!(rows.iter().map(off).collect::<Vec<_>>(), [0, 4 + step * 3600, 7]);
        assert!(rows.iter().all(|row| !row.follows));
        assert_eq!(lab.check(false).left(), 0);
    }
}

#[test]
fn two_files_of_the_same_millisecond_get_two_names() {
    let lab = Lab::new();
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    lab.record(Length::Time(SECOND * 60), &film);
    lab.record(Length::Time(SECOND * 60), &film);
    let rows = lab.rows();
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0].path, rows[1].path);
    let report = lab.check(false);
    assert_eq!(report.left(), 0);
    assert_eq!(report.findings[0].trouble, Trouble::Overlaps);
}

#[test]
fn what_is_gathered_is_written_though_nothing_comes() {
    let lab = Lab::new();
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    let mut tape = lab.tape(Length::Time(SECOND * 60));
    tape.stream(Arc::clone(&film.info), lab.now).unwrap();
    for packet in film.packets.iter().take(5) {
        tape.packet(packet, lab.now).unwrap();
    }
    let due = tape.due().unwrap();
    assert!(due <= lab.now + SECOND / 2);
    tape.tick(due - SECOND / 10).unwrap();
    assert_eq!(lab.rows(), []);
    tape.tick(due).unwrap();
    let rows = lab.rows();
    assert_eq!((rows.len(), rows[0].complete), (1, false));
    assert_plays(&lab.file(&rows[0]));
    assert_eq!(tape.due(), None);
}

#[test]
fn after_missed_packets_and_in_a_new_stream_a_new_segment_begins() {
    let lab = Lab::new();
    let path = film(lab.dir.path(), "a.mp4", H264);
    let (film, again) = (Film::read(&path), Film::read(&path));
    let mut tape = lab.tape(Length::Time(SECOND * 60));
    let take = |tape: &mut Tape, film: &Film, seconds: std::ops::Range<f64>| {
        for packet in &film.packets {
            if seconds.contains(&packet.pts.as_secs_f64()) {
                tape.packet(packet, lab.at(packet)).unwrap();
            }
        }
    };
    tape.stream(Arc::clone(&film.info), lab.now).unwrap();
    take(&mut tape, &film, 0.0..2.0);
    tape.missed(50, lab.now).unwrap();
    take(&mut tape, &film, 4.0..6.0);
    // The disk fails for a moment; then the past is read again out of the ring.
    tape.interrupt();
    tape.stream(Arc::clone(&film.info), lab.now).unwrap();
    take(&mut tape, &film, 4.0..8.0);
    tape.stream(Arc::clone(&again.info), lab.now).unwrap();
    take(&mut tape, &again, 0.0..1.0);
    tape.end(lab.now).unwrap();
    let mut rows = lab.rows();
    rows.sort_by_key(|row| row.id);
    let lengths: Vec<u64> =
        rows.iter().map(|r| r.end.since(r.start).as_millis() as u64 / 100).collect();
    let follows: Vec<bool> = rows.iter().map(|row| row.follows).collect();
    // What was gathered when the disk failed is lost, up to the next keyframe on disk or not.
    assert_eq!(follows[..2], [false, false]);
    assert_eq!((lengths[0], *lengths.last().unwrap()), (20, 10), "{rows:?}");
    assert!(rows.windows(2).all(|pair| pair[0].path != pair[1].path));
    rows.iter().for_each(|row| assert_plays(&lab.file(row)));
}

#[test]
fn what_a_sudden_end_leaves_is_mended_at_the_next_start() {
    let lab = Lab::new();
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    lab.record(Length::Time(SECOND * 3), &film);
    let rows = lab.rows();
    let whole = |row: &Segment| std::fs::read(lab.file(row)).unwrap();
    // The last one: cut in the middle of its last fragment, its row never finished.
    let last = rows.last().unwrap();
    let bytes = whole(last);
    std::fs::write(lab.file(last), &bytes[..bytes.len() - 100]).unwrap();
    lab.runtime.block_on(lab.store.grow_segment(last.id, last.start, 0, false)).unwrap();
    // One whose row was never written, one whose file was removed before its row.
    let (unlisted, gone) = (&rows[2], &rows[0]);
    lab.runtime.block_on(lab.store.remove_segments(&[unlisted.id])).unwrap();
    std::fs::remove_file(lab.file(gone)).unwrap();
    // An empty file, one with nothing but a beginning, and rubbish.
    let name = |second: i64| super::name::of_segment(&lab.camera, T0 + SECOND * second as u32, 0);
    let put =
        |second, bytes: &[u8]| std::fs::write(lab.folder().join(name(second)), bytes).unwrap();
    put(100, b"");
    put(101, &bytes[..1500]);
    put(102, &[0; 5000]);
    put(103, b"no film at all");
    // A group of pictures that was being written.
    let open = super::name::of_open_group(&lab.camera, T0 + SECOND * 200);
    std::fs::write(lab.folder().join(&open), &bytes[..bytes.len() - 100]).unwrap();

    let found = lab.check(false);
    assert_eq!(found.left(), found.findings.len());
    assert!(found.findings.iter().all(|finding| finding.done.is_none()));
    let report = lab.mend_as_at_start();
    assert_eq!(report.left(), 0, "{report:#?}");
    let troubles = |report: &CheckReport| -> Vec<(String, Trouble)> {
        report.findings.iter().map(|f| (f.path.clone(), f.trouble)).collect()
    };
    assert_eq!(troubles(&report), troubles(&found));
    assert_eq!(lab.check(false).findings, []);
    let after = lab.rows();
    assert_eq!(after.len(), rows.len());
    let mended = after.iter().find(|row| row.path == last.path).unwrap();
    assert!(mended.complete && mended.bytes < last.bytes);
    assert!(last.end.since(mended.end) <= SECOND / 2, "{mended:?}, {last:?}");
    let again = after.iter().find(|row| row.path == unlisted.path).unwrap();
    assert_eq!((again.start, again.bytes), (unlisted.start, unlisted.bytes));
    assert!((again.end.as_micros() - unlisted.end.as_micros()).abs() < 1000);
    after.iter().for_each(|row| assert_plays(&lab.file(row)));
    let broken = |second| lab.folder().join(format!("{}.broken", name(second))).exists();
    assert!(broken(102) && broken(103));
    // Nothing is left to do.
    assert_eq!(lab.mend_as_at_start().findings, []);
}

#[test]
fn a_lost_index_is_made_anew_from_the_files() {
    let lab = Lab::new();
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    lab.record(Length::Time(SECOND), &film);
    let rows = lab.rows();
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    lab.runtime.block_on(lab.store.remove_segments(&ids)).unwrap();
    assert_eq!(lab.check(false).left(), rows.len());
    assert_eq!(lab.check(true).left(), 0);
    let again = lab.rows();
    let short = |rows: &[Segment]| -> Vec<(String, WallTime, u64)> {
        rows.iter().map(|row| (row.path.clone(), row.start, row.bytes)).collect()
    };
    assert_eq!(short(&again), short(&rows));
    assert!(again.iter().all(|row| row.complete));
}

/// A file system of its own in memory; none, with the reason printed, where that is not
/// allowed.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={megabytes}m");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&at)
            .output()
            .map_or_else(
                |error| Err(error.to_string()),
                |output| {
                    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
                    if output.status.success() { Ok(()) } else { Err(complaint) }
                },
            );
        match done {
            Ok(()) => Some(Self(at)),
            Err(reason) => {
                skipped(format!("no file system of 64 MB: {}", reason.trim()));
                None
            }
        }
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Records a film as the recorder's thread does it: after a failure it goes on with what
/// comes next. Returns how often it failed.
fn record_stubbornly(lab: &Lab, tape: &mut Tape, film: &Film) -> usize {
    let mut failures = 0;
    tape.stream(Arc::clone(&film.info), lab.now).unwrap();
    for packet in &film.packets {
        if let Err(error) = tape.packet(packet, lab.at(packet)) {
            println!("{error}");
            failures += 1;
            tape.interrupt();
        }
    }
    failures
}

#[test]
fn a_full_disk_loses_its_oldest_footage_and_recording_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path().join("disk"), 64) else { return };
    for min_free in [8 << 20, 0] {
        let lab = Lab::with(|_| RecordingsConfig { dir: disk.0.join("recordings"), min_free });
        // 4 MB a second: what the disk holds three times over.
        let noise = "-f lavfi -i nullsrc=size=320x240:rate=25:duration=4,geq=random(1)*255:128:128 \
                     -c:v libx264 -preset ultrafast -qp 4 -g 25 -bf 0 -pix_fmt yuv420p noise.mp4";
        ffmpeg(lab.dir.path(), noise);
        let film = Film::read_looped(&lab.dir.path().join("noise.mp4"), true, 1200);
        let size: usize = film.packets.iter().map(Packet::len).sum();
        assert!(size > 128 << 20, "{size} bytes are too little to fill the disk");
        let mut tape = lab.tape(Length::Time(SECOND));
        let failures = record_stubbornly(&lab, &mut tape, &film);
        tape.end(lab.now).unwrap();
        assert_eq!(failures, 0, "every failed write is mended by removing what is old");
        let rows = lab.rows();
        let kept: u64 = rows.iter().map(|row| row.bytes).sum();
        assert!(kept > 40 << 20, "{kept} bytes of 64 MB are used");
        // What is left is the end of the film, without a hole.
        let all = film.packets.last().unwrap().wall;
        assert!(all.since(rows.last().unwrap().end) < SECOND / 10);
        assert!(rows.windows(2).all(|pair| gap(&pair[0], &pair[1]).abs() <= 1), "{rows:#?}");
        rows.iter().for_each(|row| assert_plays(&lab.file(row)));
        assert_eq!(lab.check(false).left(), 0);
        let states = lab.states();
        if min_free == 0 {
            assert!(states.iter().any(|(state, why)| *state == "failed" && why.contains("space")));
        } else {
            assert_eq!(states.len(), 1, "{states:?}");
        }
        assert_eq!(states.last().unwrap().0, "recording");
        std::fs::remove_dir_all(disk.0.join("recordings")).unwrap();
    }
}

#[test]
fn where_nothing_may_be_removed_recording_says_so_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path().join("disk"), 16) else { return };
    let lab = Lab::with(|_| RecordingsConfig { dir: disk.0.join("recordings"), min_free: 8 << 20 });
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    let foreign = disk.0.join("something else");
    std::fs::write(&foreign, vec![0; 12 << 20]).unwrap();
    let mut tape = lab.tape(Length::Time(SECOND * 60));
    tape.stream(Arc::clone(&film.info), lab.now).unwrap();
    let error = tape.packet(&film.packets[0], lab.now).unwrap_err();
    let TapeError::NoRoom(reason) = &error else { panic!("{error}") };
    assert!(
        reason.contains("4.2 MB are free") && reason.contains("recordings.min_free"),
        "{reason}"
    );
    std::fs::remove_file(foreign).unwrap();
    assert_eq!(record_stubbornly(&lab, &mut tape, &film), 0);
    tape.end(lab.now).unwrap();
    let rows = lab.rows();
    assert_eq!(packets(&lab.file(&rows[0]), "v"), film.count(Medium::Video));
}

#[test]
fn a_disk_that_turns_read_only_is_noticed_and_used_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path().join("disk"), 64) else { return };
    let lab = Lab::with(|_| RecordingsConfig { dir: disk.0.join("recordings"), min_free: 0 });
    let film = Film::read(&film(lab.dir.path(), "a.mp4", H264));
    let mut tape = lab.tape(Length::Time(SECOND));
    tape.stream(Arc::clone(&film.info), lab.now).unwrap();
    let mut failures = Vec::new();
    for packet in &film.packets {
        // Open files can still be written after a lazy remount; new ones can't be made.
        let second = packet.pts.as_secs_f64();
        let is_cut = packet.keyframe && packet.medium == Medium::Video;
        if is_cut && (2.99..3.01).contains(&second) {
            tape.end(lab.at(packet)).unwrap();
            disk.remount("ro");
        }
        if is_cut && (5.99..6.01).contains(&second) {
            disk.remount("rw");
        }
        if let Err(error) = tape.packet(packet, lab.at(packet)) {
            failures.push((second, error.to_string()));
            tape.interrupt();
        }
    }
    tape.end(lab.now).unwrap();
    assert!(!failures.is_empty());
    for (second, reason) in &failures {
        assert!((3.0..6.1).contains(second), "at {second}");
        assert!(reason.contains("cannot create") && reason.contains("ead-only"), "{reason}");
    }
    let rows = lab.rows();
    let pictures: usize = rows.iter().map(|row| packets(&lab.file(row), "v")).sum();
    assert_eq!(pictures, film.count(Medium::Video) - 75);
    rows.iter().for_each(|row| assert_plays(&lab.file(row)));
    assert_eq!(lab.check(false).left(), 0);
    let states: Vec<&str> = lab.states().into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["recording", "failed", "recording"]);
}
